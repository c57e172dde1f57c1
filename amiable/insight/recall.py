"""The KPIs of a board as they are and as they were when the period before ended, with their course: in two questions.

In: a creditor, a currency, a day, a period. Out: two readings of each KPI. Never: every day of a year read for a picture of some
dozen points.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection

from amiable.insight.kpi import Kpi, declared
from amiable.insight.measure import Reading, Value
from amiable.ledger.models import Creditor

DAILY, POINTS = 31, 26  # a course has a point a day up to so many days, else about so many, whole weeks apart
WEEK = 7

# Of each step of days the newest word on its newest day, found from the end by the index: to sort all words of two years takes
# six times as long.
_TOTALS = """
SELECT k.kpi, s.earlier, f.as_of, f.value, f.numerator, f.denominator
FROM unnest(%(keys)s::text[]) k(kpi)
CROSS JOIN unnest(%(since)s::date[], %(until)s::date[], %(earlier)s::boolean[]) WITH ORDINALITY s(since, until, earlier, place)
CROSS JOIN LATERAL (
  SELECT as_of, value, numerator, denominator FROM insight_figure
  WHERE creditor_id = %(creditor)s AND kpi = k.kpi AND slice = '{}'::jsonb AND currency IN ('', %(currency)s)
    AND as_of > s.since AND as_of <= s.until
  ORDER BY as_of DESC, measured_at DESC, id DESC LIMIT 1) f
ORDER BY s.place"""
_PARTS = """
SELECT DISTINCT ON (f.kpi, f.as_of, f.slice) f.kpi, f.as_of, f.slice::text, f.value, f.numerator, f.denominator
FROM unnest(%(keys)s::text[], %(days)s::date[]) d(kpi, day)
JOIN insight_figure f ON f.creditor_id = %(creditor)s AND f.kpi = d.kpi AND f.as_of = d.day
WHERE f.slice <> '{}'::jsonb AND f.currency IN ('', %(currency)s)
ORDER BY f.kpi, f.as_of, f.slice, f.measured_at DESC, f.id DESC"""

Readings = Mapping[str, Reading]
Point = tuple[date, Value]


def step(days: int) -> int:
    """How many days lie between two points of a course."""
    return 1 if days <= DAILY else WEEK * max(round(days / WEEK / POINTS), 1)


def _steps(as_of: date, days: int, *, earlier: bool) -> Iterator[tuple[date, date]]:
    """The steps of a period, or of the one before it, the last one first: the day before each begins, and its last day."""
    until = as_of - timedelta(days=days) if earlier else as_of
    begin, apart = until - timedelta(days=days), timedelta(days=step(days))
    while until > begin:
        yield max(until - apart, begin), until
        until -= apart


def recall(
    *, creditor: Creditor, currency: str, as_of: date, days: int, keys: Sequence[str]
) -> tuple[Readings, Readings]:
    """Each KPI as last measured within the days that end with `as_of`, and within the same number of days before."""
    asked: dict[str, Any] = {"creditor": creditor.pk, "currency": currency, "keys": list(dict.fromkeys(keys))}
    steps = [(*each, earlier) for earlier in (False, True) for each in _steps(as_of, days, earlier=earlier)]
    period = dict(zip(("since", "until", "earlier"), map(list, zip(*steps, strict=True)), strict=True))
    courses: dict[tuple[str, bool], list[Point]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, asked | period)
        for key, earlier, day, value, numerator, denominator in cursor.fetchall():
            courses.setdefault((key, earlier), []).append((day, (value, numerator, denominator)))
        newest = {whose: points[0][0] for whose, points in courses.items()}
        cursor.execute(_PARTS, asked | {"keys": [key for key, _ in newest], "days": list(newest.values())})
        parts: dict[tuple[str, date], list[tuple[dict[str, Any], Value]]] = {}
        for key, day, told, *value in cursor.fetchall():
            # What is no more there has nothing at all; what cannot be measured has at least what it would be measured of.
            if any(part is not None for part in value):
                parts.setdefault((key, day), []).append((json.loads(told), (value[0], value[1], value[2])))

    def read(key: str, earlier: bool) -> Reading:
        points = courses.get((key, earlier), [])
        own = (
            sorted(parts.get((key, points[0][0]), []), key=lambda part: str(sorted(part[0].items()))) if points else []
        )
        return _reading(declared()[key], currency, points, own)

    return {key: read(key, False) for key in keys}, {key: read(key, True) for key in keys}


def _reading(
    each: Kpi, currency: str, points: Sequence[Point], parts: Sequence[tuple[dict[str, Any], Value]]
) -> Reading:
    value: Value = points[0][1] if points else (None, None, None)
    return Reading(
        kpi=each, currency=currency if each.in_currency else "", as_of=points[0][0] if points else None, value=value[0],
        numerator=value[1], denominator=value[2], slices=parts,
        history=[(day, told[0]) for day, told in reversed(points)],
    )  # fmt: skip
