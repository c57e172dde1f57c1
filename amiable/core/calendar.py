"""Business days, public holidays and the bounds of a day in a time zone. Free of Django and of the clock."""

from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays
from babel.core import get_global

ZONE = "Europe/Paris"  # where no other time zone is named
OVERSEAS = {
    "971": "GP", "972": "MQ", "973": "GF", "974": "RE", "975": "PM", "976": "YT", "986": "WF", "987": "PF", "988": "NC",
}  # fmt: skip


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[date]:
    """The public holidays of a country in a year; none where the country is not known."""
    if country not in _known():
        return frozenset()
    return frozenset(holidays.country_holidays(country, years=year))


@cache
def _known() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries())


@lru_cache(maxsize=4096)
def zones(country: str, postcode: str = "") -> tuple[str, ...]:
    """The time zones in which someone at an address may live: one for most countries, all of a wide one's.

    French addresses overseas are told by their postcode. Empty where the country is not known.
    """
    place = OVERSEAS.get(postcode[:3], country) if country == "FR" else country
    return tuple(sorted(get_global("territory_zones").get(place, ())))


def is_business_day(day: date, country: str) -> bool:
    return day.weekday() < 5 and day not in public_holidays(country, day.year)


def next_business_day(day: date, country: str) -> date:
    """The day itself when it is a business day, else the first one after it."""
    while not is_business_day(day, country):
        day += timedelta(days=1)
    return day


def business_days_later(day: date, count: int, country: str) -> date:
    """The business day that comes so many business days after a day."""
    for _each in range(count):
        day = next_business_day(day + timedelta(days=1), country)
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
