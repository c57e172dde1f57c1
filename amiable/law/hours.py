"""When a customer may be contacted: hours of the week per channel, of the law and, within them, of the creditor.

In: a law, a creditor's policy, a channel, a person's wishes. Out: windows, whether a moment lies in them, when one opens.
Never: an hour that the law does not allow. Free of Django and the clock.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from amiable.core.calendar import public_holidays
from amiable.core.conditions import N_, UnableToRead
from amiable.law.packs import Law, law

DAYS = ("weekdays", "saturday", "sunday")
ALL_DAY = ((0, 24 * 60),)
FARTHEST = timedelta(days=14)  # no pack is closed for longer
Windows = tuple[tuple[int, int], ...]  # minutes of the day: from, and up to but not including
NO_WISHES: Mapping[str, Any] = {}
_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)


def windows(
    rules: Law, policy: Mapping[str, Any], channel: str, day: date, wishes: Mapping[str, Any] = NO_WISHES
) -> Windows:
    """The hours of a channel on a day of the week: those that the creditor chose, else the usual ones, within the law's;
    and within those that the person wishes, where they said so.

    A channel for which the law names no hours may be used at any. Raises UnableToRead when hours cannot be read.
    """
    allowed = rules.value("contact_hours").get(channel)
    if allowed is None:
        return ALL_DAY
    check(policy)
    own = (policy.get("contact_hours") or {}).get(channel)
    chosen = own if own is not None else rules.value("usual_hours").get(channel, allowed)
    name = DAYS[max(day.weekday() - 4, 0)]
    found = _within(read(allowed.get(name, "")), read(chosen.get(name, "")))
    return _within(found, read(wishes.get(name, ""))) if wishes else found


def silent(day: date, rules: Law) -> bool:
    """Whether a day is a Sunday or public holiday on which the law, or our caution, wants silence."""
    sunday = day.weekday() == 6 and not rules.value("sunday_contact")
    return sunday or (day in public_holidays(rules.country, day.year) and not rules.value("holiday_contact"))


def open_at(
    rules: Law,
    policy: Mapping[str, Any],
    channel: str,
    moments: Sequence[datetime],
    wishes: Mapping[str, Any] = NO_WISHES,
) -> bool:
    """Whether the hours are open at every one of these local times (one for each time zone the customer may live in)."""
    return all(
        any(
            start <= local.hour * 60 + local.minute < end
            for start, end in windows(rules, policy, channel, local.date(), wishes)
        )
        for local in moments
    )


def next_open(
    policy: Mapping[str, Any],
    channel: str,
    *,
    country: str,
    zones: Sequence[str],
    now: datetime,
    wishes: Mapping[str, Any] = NO_WISHES,
) -> datetime:
    """The first moment from `now` on, at a full quarter of an hour, at which the hours are open in all these zones.

    Where there is none within two weeks, the end of that time.
    """
    moment = now.replace(second=0, microsecond=0)
    moment += timedelta(minutes=-moment.minute % 15)
    while moment < now + FARTHEST:
        there = [moment.astimezone(ZoneInfo(zone)) for zone in zones]
        rules = law(country, there[0].date())
        if not silent(there[0].date(), rules) and open_at(rules, policy, channel, there, wishes):
            return moment
        moment += timedelta(minutes=15)
    return now + FARTHEST


def check(policy: Mapping[str, Any]) -> None:
    """Raises UnableToRead with one sentence when the hours of a creditor's policy cannot be read."""
    hours = policy.get("contact_hours") or {}
    if not isinstance(hours, Mapping) or not all(isinstance(each, Mapping) for each in hours.values()):
        raise UnableToRead(N_("The hours of contact name for each channel its weekdays, saturday and sunday."))
    for each in hours.values():
        if strange := sorted(set(map(str, each)) - set(DAYS)):
            raise UnableToRead(N_("The hours of contact have an unknown day: “%(day)s”."), day=strange[0])
        for text in each.values():
            read(text)


def read(text: object) -> Windows:
    """`09:00-12:00 14:00-19:00` as minutes; nothing: closed."""
    return tuple(_windows(text))


def _windows(text: object) -> Iterator[tuple[int, int]]:
    for piece in str(text or "").split():
        found = _WINDOW.fullmatch(piece)
        minutes = [int(number) for number in found.groups()] if found else [0, 0, 0, 0]
        start, end = minutes[0] * 60 + minutes[1], minutes[2] * 60 + minutes[3]
        if not found or not start < end <= 24 * 60 or minutes[1] > 59 or minutes[3] > 59:
            raise UnableToRead(N_("“%(text)s” are no hours: write them like 09:00-12:30."), text=piece[:40])
        yield start, end


def _within(outer: Windows, inner: Windows) -> Windows:
    return tuple((max(a, c), min(b, d)) for a, b in outer for c, d in inner if max(a, c) < min(b, d))
