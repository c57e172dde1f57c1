"""The engine by itself: what it finds, and what it never does, whatever the lines say."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.payments.matching import Item, ItemKind, Line, Memory, Party, Proposal, Terms, propose
from amiable.payments.matching.add_up import add_up
from bench import match as bench
from bench.spoil import spoil

DAY = date(2026, 3, 2)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "matching" / "single"
PARTIES = [
    Party(1, "C-1001", "Anna Lefèvre"),
    Party(2, "C-1002", "Boris SARL"),
    Party(3, "C-1003", "Boris Lyon", family=2),
]


def item(pk: int, minor: int, customer: int = 1, reference: str = "", **more: Any) -> Item:
    words = {"currency": "EUR", "issued_on": DAY - timedelta(days=30), "due_on": DAY}
    return Item(
        id=pk, customer=customer, references=(reference or f"FA-2026-{pk:05}",), open_minor=minor, **words | more
    )


def line(minor: int, text: str = "", **more: Any) -> Line:
    return Line(**{"id": 1, "amount_minor": minor, "currency": "EUR", "booked_on": DAY, "text": text} | more)


def best(lines: Line | list[Line], items: list[Item], **more: Any) -> Proposal | None:
    asked = lines if isinstance(lines, list) else [lines]
    found = propose(lines=asked, items=items, parties=PARTIES, **more)[asked[0].id]
    return found[0] if found else None


def paid(found: Proposal | None) -> dict[int, int]:
    return {part.item: part.amount_minor for part in found.parts} if found else {}


@pytest.mark.parametrize(
    "text",
    ["FA-2026-00112", "fa 2026 00112", "VIR FA202600112 MERCI", "FACT.FA-2026.00112/", "FA-2026-00121", "FA-2026-0112"],
)
def test_a_reference_is_found_however_it_is_written_or_mistyped(text: str) -> None:
    found = best(line(5_000, text, payer="LEFEVRE ANNA"), [item(112, 5_000), item(987, 7_000), item(654, 5_000, 2)])
    assert paid(found) == {112: 5_000}
    assert found is not None
    assert found.confidence > 0.99


def test_a_day_in_the_text_is_not_taken_for_an_invoice() -> None:
    found = best(line(9_999, "loyer du 020326"), [item(1, 5_000, reference="020326")])
    assert found is None or found.confidence < 0.9


def test_several_invoices_a_discount_and_a_credit_note() -> None:
    items = [item(1, 5_000), item(2, 3_000), item(3, 700, kind=ItemKind.CREDIT_NOTE, reference="AV-77001")]
    assert paid(best(line(8_000, payer="Anna Lefèvre"), items)) == {1: 5_000, 2: 3_000}
    netted = best(line(7_300, "FA-2026-00001 FA-2026-00002 AV-77001", payer="Anna Lefèvre"), items)
    assert paid(netted) == {1: 5_000, 2: 3_000, 3: 700}
    terms = Terms(discount_permille=20, discount_days=40)
    kept = best(line(4_900, "FA-2026-00001", payer="Anna Lefèvre"), items, terms=terms)
    assert kept is not None
    assert [(part.amount_minor, part.given_up_minor) for part in kept.parts] == [(4_900, 100)]


def test_two_lines_pay_one_invoice_together() -> None:
    lines = [line(2_000, "FA-2026-00001", id=1), line(3_000, "FA-2026-00001", id=2)]
    found = propose(lines=lines, items=[item(1, 5_000)], parties=PARTIES)
    assert [paid(found[each.id][0]) for each in lines] == [{1: 2_000}, {1: 3_000}]
    assert found[1][0].confidence > 0.99


def test_the_account_that_paid_before_is_remembered() -> None:
    items = [item(1, 5_000), item(2, 5_000, 2)]
    memory = Memory(ibans={"DE89370400440532013000": {2: 3}})
    unknown = line(5_000, payer="X", payer_iban="DE89 3704 0044 0532 0130 00")
    assert paid(best(unknown, items, memory=memory)) == {2: 5_000}


def test_two_equal_doubts_are_shared() -> None:
    found = propose(lines=[line(5_000)], items=[item(1, 5_000), item(2, 5_000, 2)], parties=PARTIES)[1]
    assert {part.item for each in found for part in each.parts} == {1, 2}
    assert all(each.confidence < 0.6 for each in found)


def test_an_invoice_in_another_currency_is_refused() -> None:
    found = best(line(5_000, "FA-2026-00001", payer="Anna Lefèvre"), [item(1, 5_000, currency="USD")])
    assert paid(found) == {}


payers = st.sampled_from(["", "Boris", "Anna Lefevre"])
amounts = st.integers(min_value=1, max_value=30)
texts = st.one_of(
    st.text(max_size=60), st.sampled_from(["FA-2026-00001 FA-2026-00002", "FA202600003", "2026 00004", "C-1002"])
)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Line], list[Item]]:
    currencies = st.sampled_from(["EUR", "USD"])
    kinds = st.sampled_from([ItemKind.INVOICE, ItemKind.INVOICE, ItemKind.CREDIT_NOTE])
    items = [
        item(n, draw(amounts), draw(st.integers(1, 3)), currency=draw(currencies), kind=draw(kinds))
        for n in range(1, draw(st.integers(1, 8)))
    ]
    lines = [
        line(
            draw(amounts),
            draw(texts),
            id=n,
            currency=draw(currencies),
            payer=draw(st.sampled_from(["", "Boris", "Anna Lefevre"])),
        )
        for n in range(1, draw(st.integers(1, 6)))
    ]
    return lines, items


@given(books())
def test_never_more_than_is_open_never_another_currency_and_the_same_in_any_order(
    told: tuple[list[Line], list[Item]],
) -> None:
    lines, items = told
    terms = Terms(shortfall_minor={"EUR": 2})
    found = propose(lines=lines, items=items, parties=PARTIES, terms=terms)
    assert set(found) == {each.id for each in lines}
    by_id = {each.id: each for each in items}
    taken: dict[int, int] = dict.fromkeys(by_id, 0)
    for each in lines:
        for place, proposal in enumerate(found[each.id]):
            assert 0 <= proposal.confidence <= 1
            for part in proposal.parts:
                assert by_id[part.item].currency == each.currency
                assert 0 <= part.amount_minor <= by_id[part.item].open_minor - part.given_up_minor
                if place == 0 and proposal.confidence >= 0.5:
                    taken[part.item] += part.amount_minor + part.given_up_minor
            money = sum(p.amount_minor if p.kind == ItemKind.INVOICE else -p.amount_minor for p in proposal.parts)
            assert money + proposal.rest_minor == each.amount_minor
    assert all(taken[pk] <= by_id[pk].open_minor for pk in taken)
    again = propose(lines=lines[::-1], items=items[::-1], parties=PARTIES[::-1], terms=terms)
    assert again == found


def test_a_line_is_matched_alone_as_in_a_batch_of_strangers() -> None:
    items = [item(n, 1_000 * n, 1 + n % 2) for n in range(1, 40)]
    lines = [line(1_000 * n, f"FA-2026-{n:05}", id=n) for n in range(1, 40)]
    batch = propose(lines=lines, items=items, parties=PARTIES)
    for each in lines:
        alone = propose(lines=[each], items=items, parties=PARTIES)[each.id]
        assert paid(alone[0]) == paid(batch[each.id][0]) == {each.id: 1_000 * each.id}


@pytest.mark.parametrize("text", ["", "0" * 50_000, "FA-2026-" * 9_000, "\x00\uffff‮" * 500, "1 " * 20_000])
def test_bad_input_is_bounded(text: str) -> None:
    items = [item(n, n, 1 + n % 3) for n in range(1, 400)]
    found = best(line(2**61, text, payer=text, payer_iban=text[:34], mandate_id=text[:70]), items)
    assert found is None or found.confidence <= 1
    assert best(line(0, text), items) is None
    assert best(line(-5, text), items) is None


@given(st.lists(st.integers(-50, 50).filter(bool), max_size=12), st.integers(1, 200), st.integers(0, 3))
def test_sums_are_sums(amounts: list[int], low: int, width: int) -> None:
    for places, tried in add_up(amounts, low=low, high=low + width):
        assert low <= sum(amounts[place] for place in places) <= low + width
        assert len(set(places)) == len(places) >= 2
        assert tried >= 1


@pytest.mark.skipif(not DATA.is_dir(), reason="The shared data are not here.")
def test_a_part_of_the_shared_data_is_matched_and_so_is_a_spoilt_copy() -> None:
    items, parties = bench._items(DATA / "invoices.csv")
    every = bench._truth(DATA / "matches.csv")
    mine = {payment for payment, invoice in every if invoice < 1_500}
    truth = {(payment, invoice) for payment, invoice in every if payment in mine}
    good = [each for each in bench._lines(DATA / "payments.csv") if each.id in mine]
    terms = Terms(shortfall_minor={each.currency: bench.KEPT_BACK.get(each.currency, 500) for each in items})
    for lines, least in ((good, 0.995), (spoil(good, seed=5, share=0.4), 0.97)):
        found = propose(lines=lines, items=[replace(each) for each in items], parties=parties, terms=terms)
        first = {pk: proposals[0] for pk, proposals in found.items() if proposals}
        told = bench.score(first, truth, payments=len(lines), least=bench.AUTOMATIC)
        assert told["link_f1"] >= least
        assert told["precision_automatic"] >= 0.999
        assert told["automatic_share"] >= 0.8
