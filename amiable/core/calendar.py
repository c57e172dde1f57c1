"""Business days, public holidays and the bounds of a day in a time zone. Free of Django and of the clock."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

ZONE = "Europe/Paris"  # where no other time zone is named


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country in a year; none where the country is not known."""
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()


def is_business_day(day: date, country: str) -> bool:
    return day.weekday() < 5 and day not in public_holidays(country, day.year)


def next_business_day(day: date, country: str) -> date:
    """The day itself when it is a business day, else the first one after it."""
    while not is_business_day(day, country):
        day += timedelta(days=1)
    return day


def end_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def due_date(issued_on: date, *, terms_days: int, end_of_month_after: bool) -> date:
    """Due date from payment terms: so many days after issue, then to the end of that month where agreed."""
    day = issued_on + timedelta(days=terms_days)
    return end_of_month(day) if end_of_month_after else day


def start_of_day(day: date, zone: str = ZONE) -> datetime:
    """The first instant of a day where the clock shows that zone's time."""
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone))


def end_of_day(day: date, zone: str = ZONE) -> datetime:
    """The first instant after a day: `known_at < end_of_day(day)` is what was known by then."""
    return start_of_day(day + timedelta(days=1), zone)


def day_of(at: datetime, zone: str = ZONE) -> date:
    """The date of a moment where the clock shows that zone's time."""
    return at.astimezone(ZoneInfo(zone)).date()
