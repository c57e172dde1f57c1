"""Slices on demand: they add up to the total, are those of the figures, and say in a sentence what cannot be told."""

import io
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.casework.models import Task
from amiable.insight import kept
from amiable.insight.gather import Gathered
from amiable.insight.kpi import declared
from amiable.insight.measure import figures, measure
from amiable.insight.models import Figure, Kept
from amiable.insight.slices import Sliced, UnableToSlice, slice_up
from amiable.ledger.models import Creditor
from amiable.portfolio.models import Membership
from tests.insight.rows import DAY, NOW, attempt, before, case, creditor, customer, invoice, message, paid, read, task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def asked(at: Creditor, key: str, *by: str, days: int = 30, **fields: Any) -> Sliced:
    return slice_up(creditor=at, key=key, by=by, **{"since": before(days - 1), "until": DAY} | fields)


def told(sliced: Sliced) -> dict[tuple[Any, ...], tuple[int | None, int | None]]:
    return {part.by: (part.numerator, part.denominator) for part in sliced.parts}


def busy() -> Creditor:
    """Two customers with tries to pay, messages, and invoices in two currencies."""
    helia = creditor()
    for number, sector, segment in (("A", "retail", "good"), ("B", "", "late")):
        who = customer(helia, number, sector=sector)
        Membership.objects.create(customer=who, currency="EUR", segment=segment, since=before(200))
        for journey, state in (("portal", "failed"), ("portal", "succeeded"), ("email_link", "abandoned")):
            attempt(who, journey, state, days=ord(number) - 60)
        message(who, days=40)
        message(who, days=2, medium="sms")
        invoice(who, 500, issued=before(60), due=before(20))
        invoice(who, 900, issued=before(60), due=before(20), currency="GBP")
    measure(as_of=DAY, now=NOW)
    return helia


def test_three_dimensions_at_once_add_up_to_the_figure() -> None:
    helia = busy()
    found = asked(helia, "transactions_not_completed", "journey", "segment", "sector")
    assert told(found) == {
        ("email_link", "good", "retail"): (1, 1), ("email_link", "late", None): (1, 1),
        ("portal", "good", "retail"): (1, 2), ("portal", "late", None): (1, 2),
    }  # fmt: skip
    assert (found.total.numerator, found.total.denominator) == read(helia, "transactions_not_completed")[1:] == (4, 6)
    narrow = asked(helia, "transactions_not_completed", "journey", where={"segment": "late", "sector": None})
    assert told(narrow) == {("email_link",): (1, 1), ("portal",): (1, 2)}


def test_months_are_a_dimension_and_currencies_do_not_mix() -> None:
    helia = busy()
    found = asked(helia, "messages_sent", "period", "channel", days=60)
    assert told(found) == {(date(2026, 4, 1), "email"): (2, None), (date(2026, 5, 1), "sms"): (2, None)}
    assert asked(helia, "amount_overdue").total.numerator == 1_000
    assert asked(helia, "amount_overdue", currency="GBP").total.numerator == 1_800


def test_of_the_whole_each_way_is_a_part() -> None:
    helia = creditor()
    anna = customer(helia)
    owed = invoice(anna, 1_000, issued=before(80), due=before(60))
    case(anna, on=before(20), overdue=1_000)
    paid(owed, 400, on=before(3))
    measure(as_of=DAY, now=NOW)
    assert told(asked(helia, "recovery_rate", "journey")) == {("other",): (400, 1_000)}
    assert told(asked(helia, "recovery_rate", "period", "journey", days=60)) == {
        (date(2026, 5, 1), "other"): (400, 1_000)
    }


@pytest.mark.parametrize(
    ("key", "by", "days", "says"),
    [
        ("nonsense", (), 30, "no figure"),
        ("dso", (), 30, "cannot be parted"),
        ("csat", ("journey",), 30, "cannot be parted by “Journey”"),
        ("messages_sent", ("segment", "step", "channel", "tone"), 30, "three different things"),
        ("messages_sent", ("segment",), -3, "has not come yet"),
    ],
)
def test_what_cannot_be_told_is_a_sentence(key: str, by: tuple[str, ...], days: int, says: str) -> None:
    helia = busy()
    until = DAY if days > 0 else DAY + timedelta(days=30)
    with pytest.raises(UnableToSlice, match=says):
        slice_up(creditor=helia, key=key, by=by, since=before(days - 1), until=until)


def test_nothing_measured_and_nothing_there_are_said() -> None:
    helia = creditor()
    with pytest.raises(UnableToSlice, match="Nothing was measured yet"):
        asked(helia, "csat", "segment")
    measure(as_of=DAY, now=NOW)
    found = asked(helia, "csat", "segment")
    assert (found.total.value, found.parts) == (None, [])
    assert "there is nothing from" in found.note
    with pytest.raises(UnableToSlice, match="before it begins"):
        asked(helia, "csat", since=DAY, until=before(1))


def test_what_is_kept_has_no_customer_and_is_written_once() -> None:
    helia = busy()
    first = Kept.objects.count()
    assert first
    grain = declared()["transactions_started"].of
    assert grain is not None
    for content in Kept.objects.exclude(rows=0).values_list("content", flat=True):
        assert "customer" not in pl.read_ipc_stream(io.BytesIO(content)).columns
    again = NOW + timedelta(hours=1)
    assert kept.keep(Gathered(as_of=DAY, creditor=helia, months_whole=True), [grain], now=again) == 0
    measure(as_of=DAY, now=again)
    assert not Kept.objects.filter(measured_at=again).exists()
    measure(as_of=before(3), now=again)  # an older day does not look over a newer one
    assert Kept.objects.filter(as_of=DAY).count() == first


def test_history_that_is_imported_after_an_empty_day_is_read_whole() -> None:
    helia = creditor()
    measure(as_of=before(1), now=NOW)
    message(customer(helia), days=200)
    measure(as_of=DAY, now=NOW)
    assert told(asked(helia, "messages_sent", "channel", days=300)) == {("email",): (1, None)}


@settings(max_examples=8)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 5_000), st.integers(-20, 120)), min_size=1, max_size=8
    ),
    later=st.integers(1, 4),
)
def test_parts_add_up_and_a_past_day_stays_as_it_was_measured(parts: list[tuple[str, int, int]], later: int) -> None:
    helia = creditor(f"h{Creditor.objects.count()}")
    people = {name: customer(helia, name, sector=f"s{name}") for name in "ABC"}
    for name in "AB":
        Membership.objects.create(customer=people[name], currency="EUR", segment=f"of {name}", since=before(300))
    owed = [
        invoice(people[name], amount, issued=before(late + 30), due=before(late))
        for name, amount, late in parts
        if late > -30
    ]
    measure(as_of=DAY, now=NOW)
    for key in ("amount_overdue", "aged_balance", "collection_effectiveness", "dso_simple"):
        whole, sliced = read(helia, key), asked(helia, key, "segment", "sector", "bucket")
        assert sum(part.numerator or 0 for part in sliced.parts) == whole[1]
        assert sum(part.denominator or 0 for part in sliced.parts) == (whole[2] or 0)
        assert sliced.total.value == whole[0]
    then = figures(creditor=helia, as_of=DAY)
    before_rows = Figure.objects.filter(creditor=helia, as_of=DAY).count()
    for which in owed[:later]:
        paid(which, which.amount_minor, on=DAY + timedelta(days=1))
    measure(as_of=DAY + timedelta(days=1), now=NOW + timedelta(days=1), creditor=helia)
    now = figures(creditor=helia, as_of=DAY)
    assert {key: (one.value, one.slices) for key, one in then.items()} == {
        key: (one.value, one.slices) for key, one in now.items()
    }
    assert Figure.objects.filter(creditor=helia, as_of=DAY).count() == before_rows


def test_a_stock_that_is_gone_is_not_told_of_the_month_before() -> None:
    helia = creditor()
    task(customer(helia), "call", days=None)
    measure(as_of=before(31), now=NOW)
    assert asked(helia, "tasks_late", days=62).total.denominator == 1
    measure(as_of=DAY, now=NOW)
    months = asked(helia, "tasks_late", "period", days=62)
    assert ([part.denominator for part in months.parts], months.total.denominator) == ([1, 1], 1)  # and not two
    Task.objects.all().delete()
    measure(as_of=DAY, now=NOW)
    assert asked(helia, "tasks_late", days=62).total.denominator is None
