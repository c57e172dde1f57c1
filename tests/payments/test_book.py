"""A bank file becomes rows: to the cent, once, and what does not hold waits for a person."""

from datetime import date, timedelta

import pytest
from django.utils.translation import override

from amiable.ledger.models import Credit, Entry
from amiable.payments.book import accept, drop
from amiable.payments.count import unconfirmed
from amiable.payments.gaps import gaps_of
from amiable.payments.models import Statement, StatementLine
from amiable.payments.statements import UnableToRead
from tests.payments import bank
from tests.payments.bank import DAY, IBAN, NOW, Move, booked, camt, cfonb, csv, mt940

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


THREE = [
    Move(120_00, "FACTURE F-0001", end_to_end_id="E2E-1", reference="B1"),
    Move(-30_00, "LOYER", payer="BAILLEUR", end_to_end_id="E2E-2", reference="B2"),
    Move(80_50, "FACTURE F-0002 ET F-0003", payer="MARTIN", end_to_end_id="E2E-3", reference="B3"),
]
WRITTEN = {"camt": camt(THREE), "mt940": mt940(THREE), "cfonb": cfonb(THREE), "csv": csv(THREE, opening=0)}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_file_becomes_lines_and_a_credit_for_each_movement_in(tmp_path, form):
    owner = bank.creditor()
    told = booked(WRITTEN[form], owner, tmp_path)
    [outcome] = told.outcomes
    assert (told.format, outcome.statement.state, outcome.said) == (form, "counted", [])
    assert (outcome.lines, outcome.credits, outcome.came_minor, outcome.went_minor) == (3, 2, 200_50, 30_00)
    assert outcome.statement.iban == IBAN
    assert (outcome.statement.opening_minor, outcome.statement.closing_minor) == (0, 170_50)
    assert list(StatementLine.objects.order_by("pk").values_list("amount_minor", flat=True)) == [120_00, -30_00, 80_50]
    credits = Credit.objects.order_by("pk")
    assert [
        (each.amount_minor, each.open_minor, each.customer_id, each.source, each.received_on) for each in credits
    ] == [
        (120_00, 120_00, None, f"bank:{IBAN}", DAY),
        (80_50, 80_50, None, f"bank:{IBAN}", DAY),
    ]
    assert {each.provisional for each in credits} == {False}
    assert Entry.objects.count() == 2
    line = StatementLine.objects.get(amount_minor=120_00)
    assert line.credit == credits[0]
    assert (line.payer, line.text) == ("DUPONT SA", "FACTURE F-0001")


@pytest.mark.parametrize("form", WRITTEN)
def test_the_same_file_twice_changes_nothing(tmp_path, form):
    owner = bank.creditor()
    booked(WRITTEN[form], owner, tmp_path)
    again = booked(WRITTEN[form], owner, tmp_path)
    assert again.figures()["already"] == 1
    assert (Statement.objects.count(), StatementLine.objects.count(), Credit.objects.count()) == (1, 3, 2)


@pytest.mark.parametrize("first", WRITTEN)
@pytest.mark.parametrize("then", WRITTEN)
def test_the_same_day_in_another_format_is_not_counted_again(tmp_path, first, then):
    owner = bank.creditor()
    booked(WRITTEN[first], owner, tmp_path)
    told = booked(WRITTEN[then], owner, tmp_path)
    assert Credit.objects.count() == 2
    [outcome] = told.outcomes
    assert StatementLine.objects.filter(same_as=None).count() == 3
    assert gaps_of(owner, IBAN) == []
    if outcome.already:  # to the letter the same: not even a second statement
        assert Statement.objects.count() == 1
    else:
        assert (outcome.again, outcome.credits) == (3, 0)
        assert outcome.said == ["3 movements were told before and are not counted again."]


def test_notice_report_and_statement_of_one_movement_are_one(tmp_path):
    owner = bank.creditor()
    for kind in ("052", "054", "053"):
        booked(camt(THREE, kind=kind, name=kind), owner, tmp_path)
    assert (Statement.objects.count(), StatementLine.objects.count(), Credit.objects.count()) == (3, 9, 2)
    assert StatementLine.objects.filter(same_as=None).count() == 3


def test_a_report_that_grows_during_the_day_counts_each_movement_once(tmp_path):
    owner = bank.creditor()
    plain = [Move(10_00, "A"), Move(10_00, "A"), Move(10_00, "B")]
    for upto in (1, 2, 3):
        booked(camt(plain[:upto], kind="052", name=f"R{upto}"), owner, tmp_path)
    assert Credit.objects.count() == 3
    booked(camt(plain), owner, tmp_path)
    assert Credit.objects.count() == 3


def test_two_alike_payments_of_one_day_are_two(tmp_path):
    owner = bank.creditor()
    alike = [Move(10_00, "COTISATION"), Move(10_00, "COTISATION")]
    booked(camt(alike[:1], kind="054"), owner, tmp_path)
    assert Credit.objects.count() == 1
    booked(camt(alike), owner, tmp_path)
    assert Credit.objects.count() == 2


def test_pages_of_one_day_are_different_movements_however_alike(tmp_path):
    owner = bank.creditor()
    booked(mt940([Move(10_00)], number="7/1"), owner, tmp_path)
    booked(mt940([Move(10_00)], number="7/2", opening=10_00), owner, tmp_path)
    assert Credit.objects.count() == 2
    booked(csv([Move(10_00), Move(10_00)]), owner, tmp_path)
    assert Credit.objects.count() == 2


def test_a_sum_gives_way_to_the_parts_that_a_notice_tells(tmp_path):
    owner = bank.creditor()
    parts = [Move(10_00, "F-1", end_to_end_id="P1"), Move(20_00, "F-2", end_to_end_id="P2")]
    booked(camt([Move(30_00, "SAMMLER", payer="", payer_iban="", reference="B9")]), owner, tmp_path)
    booked(camt([Move(30_00, "", reference="B9", parts=parts)], kind="054"), owner, tmp_path)
    assert sorted(Credit.objects.filter(open_minor__gt=0).values_list("open_minor", flat=True)) == [10_00, 20_00]
    assert StatementLine.objects.filter(same_as=None).count() == 2
    booked(mt940([Move(30_00, "SAMMLER", reference="B9")]), owner, tmp_path)
    assert sum(Credit.objects.values_list("open_minor", flat=True)) == 30_00


def test_parts_that_came_first_are_the_money_of_the_sum(tmp_path):
    owner = bank.creditor()
    parts = [Move(10_00, "F-1", end_to_end_id="P1"), Move(20_00, "F-2", end_to_end_id="P2")]
    booked(camt([Move(30_00, "", reference="B9", parts=parts)], kind="054"), owner, tmp_path)
    booked(camt([Move(30_00, "SAMMLER", reference="B9")]), owner, tmp_path)
    assert sorted(Credit.objects.values_list("open_minor", flat=True)) == [10_00, 20_00]


def test_a_sum_whose_money_is_used_stays(tmp_path):
    owner = bank.creditor()
    booked(camt([Move(30_00, "SAMMLER", reference="B9")]), owner, tmp_path)
    Credit.objects.update(customer=bank.rows.customer(owner))
    parts = [Move(10_00, "F-1"), Move(20_00, "F-2")]
    booked(camt([Move(30_00, "", reference="B9", parts=parts)], kind="054"), owner, tmp_path)
    assert list(Credit.objects.values_list("open_minor", flat=True)) == [30_00]


def test_what_a_notice_announced_and_no_statement_told_is_seen(tmp_path):
    owner = bank.creditor()
    booked(camt([Move(10_00)], kind="054"), owner, tmp_path)
    assert unconfirmed(owner, IBAN).count() == 0
    later = DAY + timedelta(days=3)
    booked(camt([Move(99_00, booked_on=later, end_to_end_id="X")], first=later), owner, tmp_path)
    assert unconfirmed(owner, IBAN).get().amount_minor == 10_00


def test_what_the_bank_has_not_booked_yet_is_said_and_not_counted(tmp_path):
    owner = bank.creditor()
    [outcome] = booked(camt([Move(10_00), Move(20_00, status="PDNG")], kind="052"), owner, tmp_path).outcomes
    assert (outcome.lines, Credit.objects.count()) == (1, 1)
    assert outcome.said == ["1 movement is announced and not booked yet: it will be told again."]


# -- what does not hold --------------------------------------------------------------------------------------------------


def test_a_wrong_balance_is_kept_and_counts_only_by_a_persons_word(tmp_path):
    owner = bank.creditor()
    [outcome] = booked(camt(THREE, closing=200_00), owner, tmp_path).outcomes
    assert outcome.statement.state == "question"
    assert outcome.said == [
        "Opening balance and movements make €170.50, the closing balance says €200.00: €29.50 apart."
    ]
    assert (StatementLine.objects.count(), Credit.objects.count()) == (3, 0)
    counted = accept(statement=outcome.statement, now=NOW, by=None)
    assert (counted.credits, Credit.objects.count(), StatementLine.objects.count()) == (2, 2, 3)
    assert StatementLine.objects.exclude(credit=None).count() == 2


def test_the_right_statement_takes_the_place_of_the_one_in_question(tmp_path):
    owner = bank.creditor()
    [wrong] = booked(camt(THREE[:2], closing=170_50), owner, tmp_path).outcomes
    booked(camt(THREE), owner, tmp_path)
    wrong.statement.refresh_from_db()
    assert (wrong.statement.state, Credit.objects.count()) == ("dropped", 2)
    with pytest.raises(Exception, match="decided already"):
        drop(statement=wrong.statement, now=NOW, by=None)


def test_accepted_late_it_counts_only_what_nobody_told_since(tmp_path):
    owner = bank.creditor()
    [wrong] = booked(mt940(THREE, closing=1, number="9/1"), owner, tmp_path).outcomes
    booked(camt(THREE[:1], last=DAY + timedelta(days=1)), owner, tmp_path)
    assert Credit.objects.count() == 1
    told = accept(statement=wrong.statement, now=NOW, by=None)
    assert (told.again, told.credits, Credit.objects.count()) == (1, 1, 2)


@pytest.mark.parametrize(
    ("iban", "sentence"),
    [
        ("DE89370400440532013000", "The account DE89370400440532013000 is not known as one of"),
        ("DE89370400440532013001", "The IBAN DE89370400440532013001 of the account has a wrong check digit."),
    ],
)
def test_an_account_that_is_not_the_creditors_waits_for_a_person(tmp_path, iban, sentence):
    owner = bank.creditor()
    [outcome] = booked(camt(THREE, iban=iban), owner, tmp_path).outcomes
    assert outcome.statement.state == "question"
    assert outcome.said[0].startswith(sentence)
    assert Credit.objects.count() == 0


def test_an_account_once_accepted_is_known(tmp_path):
    owner = bank.creditor(iban="")
    [outcome] = booked(camt(THREE), owner, tmp_path).outcomes
    accept(statement=outcome.statement, now=NOW, by=None)
    later = DAY + timedelta(days=1)
    [next_one] = booked(camt([Move(5_00, booked_on=later)], opening=170_50, first=later), owner, tmp_path).outcomes
    assert next_one.statement.state == "counted"


def test_movements_in_another_currency_than_the_account_are_in_question(tmp_path):
    owner = bank.creditor()
    [outcome] = booked(camt([Move(10_00), Move(20_00, currency="USD")], opening=None), owner, tmp_path).outcomes
    assert outcome.statement.state == "question"
    assert outcome.said == ["It tells movements in USD, the account is kept in EUR."]
    assert list(StatementLine.objects.order_by("pk").values_list("currency", flat=True)) == ["EUR", "USD"]


def test_nil_and_a_wrong_iban_of_a_payer_are_kept_and_said(tmp_path):
    owner = bank.creditor()
    moves = [Move(0, "INFO"), Move(10_00, payer_iban="DE89370400440532013009")]
    [outcome] = booked(camt(moves), owner, tmp_path).outcomes
    assert outcome.statement.state == "counted"
    assert outcome.said == [
        "1 movement of nil is kept and counts nothing.",
        "1 IBAN of a payer has a wrong check digit: it is kept as told.",
    ]
    assert (StatementLine.objects.count(), Credit.objects.count()) == (2, 1)


NEGATIVE = "Entry 1: the amount is negative; whether money came or went is told apart."
ENTITIES = "The file defines entities of its own, as no bank does: it is not read."


@pytest.mark.parametrize(
    ("was", "wrong", "sentence"),
    [
        (b'<Amt Ccy="EUR">120.00', b'<Amt Ccy="EUR">120.005', "Entry 1: “120.005” has more decimals than EUR knows (2)."),
        (b'<Amt Ccy="EUR">120.00', b'<Amt Ccy="EUR">-120.00', NEGATIVE),
        (b'<Amt Ccy="EUR">120.00', b'<Amt Ccy="EUR">abc', "Entry 1: “abc” is not an amount."),
        (b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<Sts>", "Entry 1: it does not say whether money came or went."),
        (b"<BookgDt><Dt>2026-03-16", b"<BookgDt><Dt>2026-33-10", "Entry 1: “2026-33-10” is no date."),
        (b"</Ntry>", b"</Ntri>", "The XML breaks off or is damaged at line 2: ask the bank for the whole file."),
        (b"<Document", b'<!DOCTYPE x [<!ENTITY a "b">]><Document', ENTITIES),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_whole_with_one_sentence(tmp_path, was, wrong, sentence):
    owner = bank.creditor()
    content = camt(THREE)
    assert was in content
    with pytest.raises(UnableToRead) as refusal:
        booked(content.replace(was, wrong, 1), owner, tmp_path)
    assert str(refusal.value) == sentence
    assert (Statement.objects.count(), Credit.objects.count()) == (0, 0)


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("share", [0.5, 0.65, 0.85])
def test_a_file_cut_in_half_loses_nothing_and_counts_nothing_twice(tmp_path, form, share):
    owner = bank.creditor()
    whole = WRITTEN[form]
    half = whole[: int(len(whole) * share)]
    if form == "csv":  # a CSV has no end: half of it is a whole statement of fewer rows
        booked(half[: half.rindex(b"\n")], owner, tmp_path)
    else:
        with pytest.raises(UnableToRead, match=r"\.$"):
            booked(half, owner, tmp_path)
        assert Statement.objects.count() == 0
    booked(whole, owner, tmp_path)
    assert sorted(Credit.objects.values_list("amount_minor", flat=True)) == [80_50, 120_00]


def test_a_wrong_encoding_is_one_sentence(tmp_path):
    content = camt([Move(10_00, "Règlement")], encoding="UTF-8").replace(
        "Règlement".encode(), "Règlement".encode("latin-1")
    )
    with pytest.raises(UnableToRead, match="not written in the encoding that it names"):
        booked(content, bank.creditor(), tmp_path)


# -- gaps ----------------------------------------------------------------------------------------------------------------


def days(*balances: tuple[int, int, int, str]) -> list[bytes]:
    """Statements by (day, opening, closing, number)."""
    made = []
    for day, opening, closing, number in balances:
        on = date(2026, 3, day)
        move = Move(closing - opening, f"DAY {day}", booked_on=on, end_to_end_id=f"E{day}")
        made.append(camt([move], opening=opening, first=on, number=number, name=f"S{day}"))
    return made


def test_gaps_between_statements_are_named(tmp_path):
    owner = bank.creditor()
    for content in days((2, 0, 100, "12"), (3, 100, 150, "13"), (6, 215, 300, "16")):
        booked(content, owner, tmp_path)
    [gap] = gaps_of(owner, IBAN)
    assert gap.missing_minor == 65
    assert gap.sentence == (
        "After March 3, 2026 the account held €1.50, before March 6, 2026 €2.15: €0.65 is missing. "
        "Statements 14 to 15 were not brought."
    )
    for content in days((4, 150, 160, "14"), (5, 160, 215, "15")):
        booked(content, owner, tmp_path)
    assert gaps_of(owner, IBAN) == []


def test_a_standing_order_that_always_says_the_same_is_as_many_payments_as_statements_tell(tmp_path):
    """A notice may be taken for the payment of a near day; its own statement is then counted all the same."""
    owner, days = bank.creditor(), [DAY + timedelta(days=n) for n in range(3)]
    same = {day: [Move(10_000, "LOYER", booked_on=day, end_to_end_id="LOYER")] for day in days}
    booked(camt(same[days[0]], first=days[0]), owner, tmp_path)
    booked(camt(same[days[1]], kind="054", first=days[1], name="N"), owner, tmp_path)
    for n, day in enumerate(days):
        booked(camt(same[day], opening=n * 10_000, first=day), owner, tmp_path)
    assert [row.amount_minor for row in Credit.objects.all()] == [10_000] * 3


def test_a_statement_of_many_days_is_no_page_before_one_of_its_days_where_the_balance_is_the_same_again(tmp_path):
    owner, days = bank.creditor(), [DAY + timedelta(days=n) for n in range(3)]
    one, other = Move(2_000, "F-2", booked_on=days[1]), Move(-2_000, "VIR", booked_on=days[2])
    whole = [Move(700, "F-1", booked_on=days[0]), one, other]
    booked(camt(whole, opening=0, first=days[0], last=days[2], name="ALL"), owner, tmp_path)
    booked(camt([one], opening=700, first=days[1], name="DAY", number="2"), owner, tmp_path)
    assert sorted(Credit.objects.values_list("amount_minor", flat=True)) == [700, 2_000]
