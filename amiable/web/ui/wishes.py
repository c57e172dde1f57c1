"""The wishes of a person as boxes to tick, for the portal and the desk: parts of the day, and back from them.

In: ticks. Out: Wishes. Never: hours lost that were kept in another form and not touched.
"""

from collections.abc import Collection, Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.law.hours import read

# Kind of day and hours of each part; the law's own hours lie within.
PARTS: dict[str, tuple[str, str, Promise]] = {
    "morning": ("weekdays", "08:00-12:00", _("In the morning, 8 to 12")),
    "midday": ("weekdays", "12:00-14:00", _("At midday, 12 to 2")),
    "afternoon": ("weekdays", "14:00-18:00", _("In the afternoon, 2 to 6")),
    "evening": ("weekdays", "18:00-21:00", _("In the evening, from 6")),
    "saturday": ("saturday", "08:00-21:00", _("On Saturday")),
}
PER_WEEK = (1, 2, 3)
MOST_PER_WEEK = 7
NOT_SAID: Mapping[str, str] = {}


def hours_of(parts: Collection[str], *, before: Mapping[str, str] = NOT_SAID) -> dict[str, str]:
    """The hours of some parts of the day; all of them, and none, is no wish. Untouched ticks keep the hours of `before`,
    which a colleague may have noted to the minute."""
    if before and set(parts) == set(parts_of(before)):
        return dict(before)
    chosen = [(day, text) for name, (day, text, _label) in PARTS.items() if name in parts]
    if len(chosen) in (0, len(PARTS)):
        return {}
    return {day: _joined(text for kind, text in chosen if kind == day) for day, _text in chosen}


def parts_of(hours: Mapping[str, str]) -> list[str]:
    """The parts of the day that lie wholly within some hours; all where there is no wish."""
    if not hours:
        return list(PARTS)
    return [name for name, (day, text, _label) in PARTS.items() if _within(text, hours.get(day, ""))]


def _joined(texts: Iterable[str]) -> str:
    """Windows that touch become one."""
    windows: list[list[str]] = []
    for text in texts:
        start, _dash, end = text.partition("-")
        if windows and windows[-1][1] == start:
            windows[-1][1] = end
        else:
            windows.append([start, end])
    return " ".join("-".join(window) for window in windows)


def _within(inner: str, outer: str) -> bool:
    return all(any(a <= start and end <= b for a, b in read(outer)) for start, end in read(inner))
