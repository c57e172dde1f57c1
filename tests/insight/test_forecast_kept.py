"""Forecasts are kept once a week and never changed; what came is told beside them, each cent once, and scored."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from amiable.insight.forecast.foresee import Week, foresee
from amiable.insight.forecast.keep import between, came, keep
from amiable.insight.forecast.look_back import look_back
from amiable.insight.forecast.read import expected, how_good, judged
from amiable.insight.models import Forecast, ForecastWeek
from amiable.ledger.models import Credit
from amiable.payments.reconcile import take_over
from tests.insight.forecast_rows import payers, told
from tests.world import DAY, World, allocation, at, credit, invoice, later, paid

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return payers()


def test_the_forecast_of_a_day_is_kept_once_and_told_what_came(world: World) -> None:
    bill = invoice(world.emil, 10_000, due_on=later(3))
    first = keep(creditor=world.house, as_of=DAY, now=at(DAY))
    assert (first.kept, first.told) == (1, 0)
    kept = list(ForecastWeek.objects.order_by("number").values())
    invoice(world.emil, 90_000, due_on=later(3))
    assert keep(creditor=world.house, as_of=DAY, now=at(DAY, 20)).kept == 0
    assert list(ForecastWeek.objects.order_by("number").values()) == kept
    paid(bill, on=later(4))
    paid(invoice(world.boris, 4_000, due_on=later(3), issued_on=later(2)), on=later(5))  # not issued on the day
    early = Credit.objects.create(**like(credit(world.emil, 10, received_on=DAY)))
    assert early.pk
    assert keep(creditor=world.house, as_of=later(7), now=at(later(7))).told == 0  # its last day is not over
    assert keep(creditor=world.house, as_of=later(8), now=at(later(8))).told == 1
    assert keep(creditor=world.house, as_of=later(8), now=at(later(8))).told == 0
    assert ForecastWeek.objects.get(forecast__as_of=DAY, number=1).came_minor == 10_000


def test_a_week_has_one_forecast_the_one_of_the_evening_before_its_monday(world: World) -> None:
    """Each day's run makes it as of the evening before; DAY is a Monday."""
    invoice(world.emil, 10_000, due_on=later(3))
    sunday = DAY - timedelta(days=1)
    kept = [keep(creditor=world.house, as_of=sunday + timedelta(days=n), now=at(DAY)).kept for n in range(8)]
    assert kept == [1, 0, 0, 0, 0, 0, 0, 1]
    first = ForecastWeek.objects.get(forecast__as_of=sunday, number=1)
    assert (first.since, first.until) == (DAY, later(6))
    for n in range(8):  # until the next one there is always one
        assert expected(creditor=world.house, as_of=sunday + timedelta(days=n)).why == ""


def test_money_told_twice_came_when_it_was_told_first(world: World) -> None:
    """The provider's word pays on the second day, the bank's takes over on the ninth: what was made between did not expect it."""
    bill = invoice(world.emil, 10_000, due_on=later(3))
    first = credit(world.emil, received_on=later(1), source="psp:stripe", provisional=True)
    early = foresee(creditor=world.house, as_of=DAY)
    allocation(first, bill, 10_000, on=later(1))
    told = credit(world.emil, received_on=later(4), known_at=at(later(9)))
    take_over({first.pk: told}, creditor=world.house, as_of=later(9), now=at(later(9)))
    assert early.currencies[0].open_minor == 10_000
    money = came(creditor=world.house, since=DAY, until=later(20))

    def weeks(day: date) -> list[int]:
        spans = [(day + timedelta(days=7 * n + 1), day + timedelta(days=7 * n + 7)) for n in range(2)]
        return [between(money, currency="EUR", as_of=day, since=since, until=until) for since, until in spans]

    assert sum(weeks(DAY)) == 10_000
    assert weeks(later(2)) == [0, 0]


def test_what_counts_before_the_day_and_is_told_after_it_came(world: World) -> None:
    """A Monday's accounts tell of Friday's money: the forecast of Sunday still expected it."""
    bill = invoice(world.emil, 10_000, due_on=later(3))
    paid(bill, on=DAY - timedelta(days=2), known_on=later(1))
    assert told(world).currencies[0].open_minor == 10_000
    money = came(creditor=world.house, since=DAY, until=later(20))
    asked = {"currency": "EUR", "since": later(1), "until": later(7)}
    assert between(money, as_of=DAY, **asked) == 10_000
    assert between(money, as_of=later(1), currency="EUR", since=later(2), until=later(8)) == 0


def test_weeks_are_told_what_came_however_long_nothing_ran(world: World) -> None:
    bill = invoice(world.emil, 10_000, due_on=later(3))
    keep(creditor=world.house, as_of=DAY, now=at(DAY))
    paid(bill, on=later(4))
    late = later(60)
    assert keep(creditor=world.house, as_of=late, now=at(late)).told == 8
    assert ForecastWeek.objects.get(forecast__as_of=DAY, number=1).came_minor == 10_000
    assert not ForecastWeek.objects.filter(until__lt=late, came_minor=None).exists()


def test_four_weeks_together_are_the_first_four(world: World) -> None:
    """Weeks of which nothing is known make no month with later ones."""
    week = Week(
        number=1, since=DAY, until=DAY, low=1, middle=2, high=3, upto_low=1, upto_middle=2, upto_high=3, parts={}, plain=2,
        came=2,
    )  # fmt: skip
    some = [replace(week, number=n) for n in (1, 2, 5, 6)]
    assert judged("EUR", {DAY: some}).four.sums == 0
    assert judged("EUR", {DAY: [replace(week, number=n) for n in (1, 2, 3, 4, 5)]}).past[0].came == 8


def like(row: Credit) -> dict[str, Any]:
    return {
        "creditor_id": row.creditor_id, "customer_id": row.customer_id, "source": "other", "external_id": "x",
        "received_on": row.received_on, "currency": "EUR", "amount_minor": 10, "open_minor": 10, "known_at": row.known_at,
    }  # fmt: skip


def test_dashboards_read_what_was_kept_and_how_good_it_was(world: World) -> None:
    bills = [invoice(world.emil, 10_000, due_on=later(7 * n + 3), issued_on=DAY) for n in range(8)]
    keep(creditor=world.house, as_of=DAY, now=at(DAY))
    read = expected(creditor=world.house, as_of=later(3), weeks=5)
    made = told(world, weeks=13)
    assert read.as_of == DAY
    assert read.currencies[0].weeks == made.currencies[0].weeks[:5]
    assert expected(creditor=world.house, as_of=later(8)).as_of == DAY
    assert expected(creditor=world.house, as_of=later(9)).why == "not_made"
    assert how_good(creditor=world.house, as_of=later(7)) == ()
    for n, bill in enumerate(bills):
        paid(bill, on=later(7 * n + 3))
    for n in range(1, 5):
        keep(creditor=world.house, as_of=later(7 * n + 1), now=at(later(7 * n + 1)))
    [good] = how_good(creditor=world.house, as_of=later(28))
    # Forecasts of the days 0, 8 and 15: four, two and one of their weeks are over.
    assert (good.first.sums, good.every.sums, good.four.sums) == (3, 7, 1)
    assert good.past[0].came == 40_000
    assert good.past[0].low <= good.past[0].middle <= good.past[0].high
    assert good.four.error_minor == abs(good.past[0].middle - 40_000)


def test_the_past_is_tried_with_what_was_known_then(world: World) -> None:
    for n in range(10):
        due = later(7 * n + 3)
        paid(invoice(world.emil, due_on=due, issued_on=due - timedelta(days=40)), on=due)
    looked = look_back(creditor=world.house, as_of=later(70), times=11, weeks=4)
    [good] = looked.scores
    assert good.first.sums == 11
    assert good.every.error_share is not None
    assert good.every.plain_error_share is not None
    assert good.every.error_share < 0.35
    kept = told(world, as_of=later(14), weeks=4).currencies[0]
    [same] = [past for past in good.past if past.as_of == later(14)]
    assert same.middle == kept.weeks[-1].upto_middle
    assert same.came == 40_000
    assert not Forecast.objects.exists()
    assert look_back(creditor=world.neighbour, as_of=DAY, times=2).scores == ()
