"""The hours of contact: the law's, the creditor's within them, where the customer lives, and when they open next."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.core.calendar import zones
from amiable.core.conditions import UnableToRead
from amiable.law import hours
from amiable.law.packs import FILES, law

PARIS = ("Europe/Paris",)
TUESDAY, SATURDAY, SUNDAY = date(2026, 3, 10), date(2026, 3, 7), date(2026, 3, 8)
LUNCH = {"contact_hours": {"call": {"weekdays": "09:00-19:00", "saturday": "08:00-12:00"}}}


def at(day: date, clock: str, zone: str = "Europe/Paris") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo(zone))


def opens(channel: str, now: datetime, *, country: str = "FR", policy: dict[str, Any] | None = None) -> datetime:
    return hours.next_open(policy or {}, channel, country=country, zones=zones(country), now=now)


def test_the_usual_hours_leave_lunch_and_saturday_which_a_creditor_may_open_within_the_law() -> None:
    rules = law("FR", TUESDAY)
    assert hours.windows(rules, {}, "call", TUESDAY) == ((540, 720), (840, 1140))
    assert hours.windows(rules, {}, "call", SATURDAY) == ()
    assert hours.windows(rules, LUNCH, "call", TUESDAY) == ((540, 1140),)
    assert hours.windows(rules, LUNCH, "call", SATURDAY) == ((540, 720),)  # the law opens at nine
    assert hours.windows(rules, LUNCH, "letter", SUNDAY) == hours.ALL_DAY


@given(st.sampled_from([*FILES, "DE"]), st.sampled_from(["email", "sms", "call"]), st.integers(0, 6), st.data())
def test_no_policy_opens_an_hour_that_the_law_keeps_shut(country: str, channel: str, weekday: int, data: Any) -> None:
    def hour(least: int, most: int) -> int:
        return int(data.draw(st.integers(least, most)))

    start = hour(0, 22)
    text = f"{start:02}:00-{hour(start + 1, 23):02}:30"
    policy = {"contact_hours": {channel: dict.fromkeys(hours.DAYS, text)}}
    day = SUNDAY + timedelta(days=weekday)
    rules = law(country, day)
    allowed = hours.read(rules.value("contact_hours")[channel].get(hours.DAYS[max(day.weekday() - 4, 0)], ""))
    for a, b in hours.windows(rules, policy, channel, day):
        assert any(start <= a < b <= end for start, end in allowed)


def test_an_hour_opens_where_the_customer_lives() -> None:
    assert opens("email", at(TUESDAY, "05:59")) == at(TUESDAY, "07:00")
    assert opens("email", at(TUESDAY, "07:00:59")) == at(TUESDAY, "07:00")
    assert opens("call", at(TUESDAY, "12:00")) == at(TUESDAY, "14:00")
    assert opens("email", at(SATURDAY, "21:00")) == at(date(2026, 3, 9), "07:00")  # over the Sunday
    assert opens("email", at(date(2026, 7, 13), "22:00")) == at(date(2026, 7, 15), "07:00")  # and the 14th of July
    reunion = hours.next_open({}, "email", country="FR", zones=zones("FR", "97400"), now=at(TUESDAY, "18:30"))
    assert reunion == at(date(2026, 3, 11), "07:00", "Indian/Reunion")


def test_in_a_wide_country_every_zone_must_be_awake() -> None:
    morning = opens("call", at(TUESDAY, "08:00", "America/New_York"), country="US")
    assert morning == at(TUESDAY, "08:00", "Pacific/Honolulu")
    assert opens("call", at(TUESDAY, "21:00", "America/New_York"), country="US") > morning


def test_a_spring_night_without_an_hour_and_a_policy_that_never_opens() -> None:
    change = date(2026, 3, 29)
    us = {"contact_hours": {"email": {"sunday": "08:00-09:00"}}}
    found = hours.next_open(
        us, "email", country="US", zones=("America/New_York",), now=at(change, "00:30", "America/New_York")
    )
    assert found == at(change, "08:00", "America/New_York")
    shut = {"contact_hours": {"email": {}}}
    assert opens("email", at(TUESDAY, "10:00"), policy=shut) == at(TUESDAY, "10:00") + hours.FARTHEST


@pytest.mark.parametrize(
    "wrong",
    [
        {"call": {"weekdays": "9h-12h"}},
        {"call": {"weekdays": "12:00-09:00"}},
        {"call": {"weekdays": "09:00-24:30"}},
        {"call": {"weekdays": "09:61-10:00"}},
        {"call": {"monday": "09:00-12:00"}},
        {"call": "09:00-12:00"},
        ["call"],
    ],
)
def test_hours_that_cannot_be_read_are_one_sentence(wrong: Any) -> None:
    with pytest.raises(UnableToRead):
        hours.check({"contact_hours": wrong})


def test_hours_that_can_be_read_are_no_complaint() -> None:
    hours.check({})
    hours.check(LUNCH)
