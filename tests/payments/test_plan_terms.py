"""The pure part of plans: dates, amounts, limits and offers, by example and over random ones."""

from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from amiable.core.calendar import end_of_month
from amiable.payments.models import PlanReason
from amiable.payments.plans.limits import Limits, allows, check, limits_of
from amiable.payments.plans.propose import Asked, Capacity, Offer, propose
from amiable.payments.plans.terms import MOST_PARTS, Every, Part, Terms, UnableToPlan, dates, fill, schedule


@pytest.fixture(autouse=True, scope="module")
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


TODAY = date(2026, 3, 10)
DAYS = st.dates(date(2023, 1, 1), date(2030, 12, 31))


def limits(currency: str = "EUR", **policy: Any) -> Limits:
    return limits_of(SimpleNamespace(currency="EUR", policy={"plans": policy}), currency)  # type: ignore[arg-type]


def asked(total_minor: int = 90_000, **more: Any) -> Asked:
    fields: dict[str, Any] = {"total_minor": total_minor, "currency": "EUR", "as_of": TODAY, "limits": limits()}
    return Asked(**fields | more)


@given(total=st.integers(1, 10**12), count=st.integers(1, MOST_PARTS), first=DAYS, every=st.sampled_from(Every))
def test_the_sum_of_the_parts_is_the_whole_and_none_is_nothing(
    total: int, count: int, first: date, every: Every
) -> None:
    if total < count:
        with pytest.raises(UnableToPlan):
            schedule(total_minor=total, count=count, first_on=first, every=every)
        return
    parts = schedule(total_minor=total, count=count, first_on=first, every=every)
    assert sum(part.amount_minor for part in parts) == total
    assert min(part.amount_minor for part in parts) > 0
    assert len({part.amount_minor for part in parts[:-1]}) <= 1
    assert parts[-1].amount_minor - parts[0].amount_minor in range(count)
    days = [part.due_on for part in parts]
    assert days == sorted(set(days))
    assert days[0] == first


@given(first=DAYS, count=st.integers(2, 60))
def test_each_month_has_one_payment_and_the_last_day_stays_the_last(first: date, count: int) -> None:
    days = dates(first_on=first, count=count, every=Every.MONTH)
    months = [day.year * 12 + day.month for day in days]
    assert months == list(range(months[0], months[0] + count))
    if first == end_of_month(first):
        assert days == [end_of_month(day) for day in days]
    else:
        assert all(day.day == min(first.day, end_of_month(day).day) for day in days)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (date(2026, 1, 31), [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]),
        (date(2028, 1, 30), [date(2028, 2, 29), date(2028, 3, 30), date(2028, 4, 30)]),
        (date(2028, 2, 29), [date(2028, 3, 31), date(2028, 4, 30), date(2028, 5, 31)]),
        (date(2026, 12, 15), [date(2027, 1, 15), date(2027, 2, 15), date(2027, 3, 15)]),
    ],
)
def test_month_ends_and_leap_days(first: date, then: list[date]) -> None:
    assert dates(first_on=first, count=4, every=Every.MONTH) == [first, *then]


def test_the_last_one_takes_the_rounding_and_a_deposit_comes_first() -> None:
    parts = schedule(total_minor=100_00, count=3, first_on=date(2026, 4, 5))
    assert [part.amount_minor for part in parts] == [3_333, 3_333, 3_334]
    parts = schedule(total_minor=100_00, count=3, first_on=date(2026, 4, 5), deposit_minor=1_000, deposit_on=TODAY)
    assert parts[0] == Part(TODAY, 1_000)
    assert [part.amount_minor for part in parts[1:]] == [3_000, 3_000, 3_000]


@pytest.mark.parametrize(
    ("count", "more", "sentence"),
    [
        (0, {}, "from 1 to 120"),
        (10_000, {}, "from 1 to 120"),
        (-1, {}, "from 1 to 120"),
        (120, {"total_minor": 119}, "too many"),
        (2, {"deposit_minor": 10_000, "deposit_on": TODAY}, "less than the whole"),
        (2, {"deposit_minor": -1, "deposit_on": TODAY}, "less than the whole"),
        (2, {"deposit_minor": 100, "deposit_on": date(2026, 4, 5)}, "before the first"),
    ],
)
def test_what_is_no_plan_says_so_in_one_sentence(count: int, more: dict[str, Any], sentence: str) -> None:
    fields: dict[str, Any] = {"total_minor": 10_000, "count": count, "first_on": date(2026, 4, 5)}
    with pytest.raises(UnableToPlan, match=sentence):
        schedule(**fields | more)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20), st.integers(-(10**9), 10**11))
def test_money_fills_the_oldest_part_first(parts: list[int], paid: int) -> None:
    filled = fill(parts, paid)
    assert sum(filled) == min(max(paid, 0), sum(parts))
    full = [taken == part for taken, part in zip(filled, parts, strict=True)]
    started = [taken > 0 for taken in filled]
    assert started == sorted(started, reverse=True)
    assert sum(have and not whole for have, whole in zip(started, full, strict=True)) <= 1


def test_who_may_agree_follows_from_amount_and_length() -> None:
    known = limits()
    assert known.needs(total_minor=100_000, count=3) == "customer"
    assert known.needs(total_minor=100_001, count=3) == "collector"
    assert known.needs(total_minor=50_000, count=4) == "collector"
    assert known.needs(total_minor=1_000_001, count=2) == "manager"
    assert known.needs(total_minor=90_000, count=1, discount_minor=10_000) == ""
    assert limits(discount_percent=10).needs(total_minor=90_000, count=1, discount_minor=10_000) == "manager"
    assert limits(guarantee_minor=50_000).needs(total_minor=50_000, count=2) == "manager"
    assert allows("manager", "customer")
    assert not allows("customer", "collector")


def test_amounts_of_the_policy_say_nothing_of_another_currency() -> None:
    assert limits("USD").needs(total_minor=100, count=1) == "manager"
    assert limits("JPY").smallest_minor == 1
    assert limits("TND", smallest_minor=5).smallest_minor == 1_000


@pytest.mark.parametrize("wrong", ["many", None, True, 3.5, [], {}])
def test_a_wrong_word_in_the_policy_widens_nothing(wrong: object) -> None:
    known = limits(most_parts=wrong, customer_minor=wrong, longest_days=wrong, accelerates=wrong, smallest_minor=wrong)
    assert (known.most_parts, known.longest_days, known.smallest_minor) == (12, 366, 2_000)
    assert known.levels["customer"].minor == 100_000
    assert limits(most_parts=10_000).most_parts == MOST_PARTS


def plain(*amounts: int, first: date = date(2026, 4, 5), **more: Any) -> Terms:
    days = dates(first_on=first, count=len(amounts), every=Every.MONTH)
    return Terms(tuple(Part(day, amount) for day, amount in zip(days, amounts, strict=True)), **more)


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (Terms(()), "at most 12"),
        (plain(*[2_000] * 14), "at most 12"),
        (plain(5_000, 1_999), "at least"),
        (plain(5_000, 0), "at least"),
        (plain(5_000, first=TODAY - timedelta(days=1)), "from today on"),
        (plain(5_000, first=TODAY + timedelta(days=46)), "must come by"),
        (Terms((Part(date(2026, 4, 5), 3_000), Part(date(2026, 4, 5), 3_000))), "follow one another"),
        (Terms((Part(date(2026, 4, 5), 3_000), Part(date(2027, 4, 5), 3_000))), "within 366 days"),
        (plain(5_000, discount_minor=100), "discount"),
        (plain(5_000, discount_minor=-1), "discount"),
    ],
)
def test_terms_outside_of_the_limits_are_refused_in_one_sentence(terms: Terms, sentence: str) -> None:
    with pytest.raises(UnableToPlan, match=sentence):
        check(terms, limits(), currency="EUR", as_of=TODAY)


def counts(offers: list[Offer]) -> list[int]:
    return [each.terms.count for each in offers]


def test_each_reason_has_its_own_ways_out() -> None:
    assert counts(propose(asked(reason=PlanReason.OVERSIGHT))) == [1, 2]
    assert counts(propose(asked(reason=PlanReason.TEMPORARY))) == [2, 3, 4, 6]
    assert counts(propose(asked(reason=PlanReason.LASTING))) == [12, 10, 6]
    unwilling = propose(asked(reason=PlanReason.UNWILLING))
    assert [each.terms.deposit for each in unwilling] == [False, True, True]
    assert unwilling[1].terms.parts[0] == Part(TODAY + timedelta(days=7), 27_000)


def test_what_somebody_can_bear_decides_the_length() -> None:
    found = propose(asked(reason=PlanReason.TEMPORARY, capacity=Capacity(monthly_minor=11_000)))
    assert counts(found)[0] == 9
    assert found[0].fits
    assert [each.fits for each in found if each.terms.count < 9] == [False] * 4
    assert Capacity(income_minor=180_000, charges_minor=140_000).bearable(50) == 20_000
    assert Capacity(income_minor=100_000, charges_minor=140_000).bearable(50) == 0
    assert Capacity(cash_minor=90_000).bearable(50) == 30_000
    assert Capacity().bearable(50) is None


def test_the_lowest_harm_comes_first_for_somebody_fragile() -> None:
    found = propose(asked(reason=PlanReason.UNWILLING, fragile=True, limits=limits(accelerates=True, freeze=False)))
    assert counts(found) == [3, 2, 1]
    assert not any(each.terms.deposit or each.terms.accelerates for each in found)
    assert all(each.terms.freeze for each in found)


def test_both_sides_of_an_offer() -> None:
    [offer] = propose(asked(first_on=date(2026, 4, 9)), counts=[3])
    assert offer.largest_minor == 30_000
    assert [offer.received_minor(days) for days in (29, 30, 60, 91)] == [0, 30_000, 60_000, 90_000]
    assert offer.wait_days == 60


def test_a_settlement_is_offered_where_a_discount_may_be_given() -> None:
    assert len(propose(asked(), counts=[1], discount_percent=20)) == 1
    found = propose(asked(limits=limits(discount_percent=20)), counts=[1], discount_percent=20)
    assert (found[-1].terms.discount_minor, found[-1].terms.total_minor, found[-1].needs) == (18_000, 72_000, "manager")


@given(
    total=st.integers(1, 10**9), reason=st.sampled_from(["", *PlanReason.values]), fragile=st.booleans(), as_of=DAYS,
    monthly=st.none() | st.integers(0, 10**7), person=st.booleans(), every=st.sampled_from(Every),
)  # fmt: skip
def test_every_offer_is_within_the_limits(
    total: int, reason: str, fragile: bool, as_of: date, monthly: int | None, person: bool, every: Every
) -> None:
    known = limits(discount_percent=10, accelerates=True)
    about = Asked(
        total_minor=total, currency="EUR", as_of=as_of, limits=known, reason=reason, fragile=fragile, person=person,
        every=every, capacity=Capacity(monthly_minor=monthly),
    )  # fmt: skip
    for each in propose(about, discount_percent=10):
        assert each.terms.total_minor + each.terms.discount_minor == total
        assert check(each.terms, known, currency="EUR", as_of=as_of) == each.needs
        assert each.received_minor(10_000) == each.terms.total_minor
        assert not (fragile and (each.terms.deposit or each.terms.accelerates))
