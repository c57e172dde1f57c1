"""Any movements, written in any format, come back to the cent; and whatever the bytes are, there is one sentence."""

import io
from datetime import date, timedelta

import pytest
from django.utils.translation import override
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amiable.payments.statements import HEAD, Hint, Line, Told, UnableToRead, format_of
from tests.payments.bank import DAY, Move, camt, cfonb, csv, mt940

FORMS = {"camt": camt, "mt940": mt940, "cfonb": cfonb, "csv": csv}
words = st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ./-'é&"), min_size=1, max_size=90).map(
    lambda text: " ".join(text.split()) or "X"
)
moves = st.lists(
    st.builds(
        Move,
        amount_minor=st.one_of(st.integers(-(10**9), 10**9), st.sampled_from([1, -1, 100, 10**12])).filter(bool),
        text=words,
        booked_on=st.integers(0, 27).map(lambda days: DAY + timedelta(days=days)),
        payer=words.map(lambda text: text[:50].strip() or "X"),
        end_to_end_id=st.from_regex(r"[A-Z]{2}[0-9]{1,8}", fullmatch=True),
    ),
    max_size=8,
)


def read(content: bytes) -> list[tuple[Told, list[Line]]]:
    form = format_of(content[:HEAD])
    return [(told, list(told.lines)) for told in form.statements(io.BytesIO(content), hint=Hint())]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12)
@given(told=moves, opening=st.integers(-(10**9), 10**9))
@example(told=[], opening=0)
@example(told=[Move(61), Move(-61), Move(60)], opening=335)
@example(told=[Move(5, "?20 ?86:")], opening=5)
def test_what_is_written_is_read(form, told, opening):
    if form == "csv" and not told:
        return
    told = sorted(told, key=lambda move: move.booked_on)  # as banks do
    clean = [move for move in told if not (form == "mt940" and ("?" in move.text or ":" in move.text))]
    written = FORMS[form](clean, opening=opening)
    [(statement, lines)] = read(written)
    assert [line.amount_minor for line in lines] == [move.amount_minor for move in clean]
    days = [move.booked_on for move in clean]
    assert sorted(line.booked_on for line in lines) == sorted(days)
    if clean or form != "csv":
        assert statement.opening_minor == opening
        assert statement.closing_minor == opening + sum(move.amount_minor for move in clean)


@pytest.mark.parametrize("form", ["camt", "mt940", "cfonb", "csv"])
@settings(max_examples=15)
@given(place=st.floats(0, 1), junk=st.binary(min_size=1, max_size=12))
def test_a_damaged_file_is_one_sentence_or_read(form, place, junk):
    content = FORMS[form]([Move(120_00), Move(-5_00, "LOYER")], opening=100)
    at = int(place * len(content))
    damaged = content[:at] + junk + content[at + len(junk) :]
    sentence_or_read(damaged)


@given(st.binary(max_size=400))
def test_any_bytes_are_one_sentence(junk):
    sentence_or_read(junk)


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_thousands_of_damaged_files_are_one_sentence_each(form):
    import random

    chance = random.Random(1)
    content = FORMS[form]([Move(120_00, end_to_end_id="E1"), Move(-5_00, "LOYER", mandate_id="M1")], opening=100)
    for _turn in range(10_000 if form != "csv" else 1_000):
        damaged = bytearray(content)
        for _hit in range(chance.randint(1, 6)):
            at = chance.randrange(len(damaged))
            if chance.random() < 0.3:
                del damaged[at : at + chance.randint(1, 40)]
            else:
                damaged[at] = chance.randrange(256)
        sentence_or_read(bytes(damaged))


def sentence_or_read(content: bytes) -> None:
    with override("en"):
        try:
            found = read(content)
        except UnableToRead as refusal:
            said = str(refusal)
        else:
            said = "."
            for _told, lines in found:
                assert all(isinstance(line.amount_minor, int) and isinstance(line.booked_on, date) for line in lines)
    assert said.endswith(".")


def test_a_bomb_of_entities_is_refused_at_once():
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (97 + n, b"&%c;" % (96 + n) * 10) for n in range(1, 12)
    )
    content = bomb + b"]>" + camt([Move(100, "TEXT")]).split(b"?>", 1)[1].replace(b"TEXT", b"&l;")
    with override("en"), pytest.raises(UnableToRead, match=r"entities of its own"):
        read(content)
    outside = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    with override("en"), pytest.raises(UnableToRead, match=r"entities of its own"):
        read(outside + camt([Move(100, "TEXT")]).split(b"?>", 1)[1].replace(b"TEXT", b"&a;"))


def test_balances_of_a_csv_whichever_end_comes_first():
    told = [Move(10_00), Move(-4_00), Move(7_50, booked_on=DAY + timedelta(days=1))]
    for newest_first in (False, True):
        [(statement, _lines)] = read(csv(told, opening=100_00, newest_first=newest_first))
        assert (statement.opening_minor, statement.closing_minor) == (100_00, 113_50)


def _rows(told, order, opening=100_00):
    """A CSV with its rows in the order named by their places, each with the balance that stood behind it."""
    balance, behind = opening, []
    for move in told:
        balance += move.amount_minor
        behind.append(balance)
    rows = [f"{told[n].booked_on:%d/%m/%Y};X;{told[n].amount_minor / 100:.2f};{behind[n] / 100:.2f}" for n in order]
    return "\r\n".join(["Date;Libelle;Montant;Solde", *rows, ""]).encode()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ([0, 1, 2, 3, 4], (100_00, 111_50)),
        ([4, 3, 2, 1, 0], (100_00, 111_50)),
        ([3, 4, 0, 1, 2], (100_00, 111_50)),  # the days newest first, the rows of a day oldest first
        ([2, 1, 0, 4, 3], (100_00, 111_50)),  # and the other way round
        ([0, 1, 3, 4], (100_00, 111_50)),  # a row is missing: the ends are told, and that they do not fit
        ([1, 3, 4, 0, 2], (None, None)),  # no order at all
    ],
)  # fmt: skip
def test_balances_of_a_csv_are_told_where_they_lead_from_one_end_to_the_other(order, told):
    later = DAY + timedelta(days=1)
    moves = [Move(10_00), Move(-4_00), Move(1_00), Move(7_50, booked_on=later), Move(-3_00, booked_on=later)]
    [(statement, _lines)] = read(_rows(moves, order))
    assert (statement.opening_minor, statement.closing_minor) == told
