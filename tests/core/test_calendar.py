"""Days: weekends, public holidays, leap years, and where a day begins when the clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.core import calendar


def test_business_days_know_weekends_and_the_holidays_of_each_country() -> None:
    assert not calendar.is_business_day(date(2026, 7, 14), "FR")
    assert calendar.is_business_day(date(2026, 7, 14), "GB")
    assert not calendar.is_business_day(date(2026, 3, 7), "FR")
    assert not calendar.is_business_day(date(2026, 4, 6), "FR")  # Easter Monday moves
    assert calendar.next_business_day(date(2026, 5, 14), "FR") == date(2026, 5, 15)
    assert calendar.next_business_day(date(2027, 12, 31), "FR") == date(2027, 12, 31)
    assert calendar.next_business_day(date(2028, 1, 1), "FR") == date(2028, 1, 3)


@pytest.mark.parametrize("country", ["", "XX", "EU"])
def test_a_country_that_is_not_known_has_weekends_only(country: str) -> None:
    assert calendar.public_holidays(country, 2026) == frozenset()
    assert calendar.is_business_day(date(2026, 7, 14), country)


@pytest.mark.parametrize(
    ("issued", "days", "month_end", "due"),
    [
        (date(2026, 1, 15), 30, False, date(2026, 2, 14)),
        (date(2026, 1, 15), 30, True, date(2026, 2, 28)),
        (date(2028, 1, 15), 30, True, date(2028, 2, 29)),
        (date(2028, 2, 29), 0, True, date(2028, 2, 29)),
        (date(2026, 12, 1), 45, True, date(2027, 1, 31)),
    ],
)
def test_due_dates_from_terms(issued: date, days: int, month_end: bool, due: date) -> None:
    assert calendar.due_date(issued, terms_days=days, end_of_month_after=month_end) == due


@given(st.dates(date(1990, 1, 1), date(2100, 12, 31)))
def test_the_last_day_of_a_month_is_followed_by_a_first(day: date) -> None:
    last = calendar.end_of_month(day)
    assert (last.month, last.year) == (day.month, day.year)
    assert (last + timedelta(days=1)).day == 1


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Tokyo"])
)
def test_days_follow_each_other_without_gap_also_when_the_clocks_change(day: date, zone: str) -> None:
    assert calendar.end_of_day(day, zone) == calendar.start_of_day(day + timedelta(days=1), zone)
    assert calendar.start_of_day(day, zone).date() == day


def test_the_short_day_of_march_has_23_hours() -> None:
    start, end = calendar.start_of_day(date(2026, 3, 29)), calendar.end_of_day(date(2026, 3, 29))
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=23)
    assert start == datetime(2026, 3, 28, 23, tzinfo=UTC)
