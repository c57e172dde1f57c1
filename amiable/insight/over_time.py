"""The course of figures and of money over a period, each point beside the one of the period before.

In: what a board is asked of. Out: points, spans with what came in them. Never: a nought of days of which nothing is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from amiable.core.calendar import end_of_month
from amiable.insight.board import Asked
from amiable.insight.grains.recovery import MONEY_IN
from amiable.insight.kept import first_month
from amiable.insight.measure import Reading
from amiable.insight.recall import step
from amiable.insight.sum_up import Ask, sum_up

MONTHLY, WEEK = 180, 7  # longer periods are told by month, shorter ones by week


@dataclass(frozen=True)
class Point:
    day: date
    now: float | None
    before: float | None


@dataclass(frozen=True)
class Span:
    """A week or a month of the period, and the one of the period before that it stands beside, cut at the same day."""

    since: date
    until: date
    before_since: date
    before_until: date


@dataclass(frozen=True)
class Came:
    """What came in a span, and in the one beside it; None where nothing is known."""

    span: Span
    minor: int | None
    before_minor: int | None


def course(asked: Asked, key: str) -> list[Point]:
    """A KPI's total day by day, or some weeks apart; from the first day of which anything is known."""
    apart = step(asked.days)
    days = [asked.as_of - timedelta(days=n) for n in range(0, asked.days, apart)][::-1]
    now, before = asked.now[key], asked.then[key]
    shift = timedelta(days=asked.days)
    points = [Point(day, _at(now, day, apart), _at(before, day - shift, apart)) for day in days]
    known = [n for n, point in enumerate(points) if point.now is not None or point.before is not None]
    return points[known[0] :] if known else []


def _at(reading: Reading, day: date, apart: int) -> float | None:
    """The newest value of the days that end with one."""
    since = day - timedelta(days=apart)
    return next((value for known, value in reversed(reading.history) if since < known <= day), None)


def spans(*, as_of: date, days: int) -> list[Span]:
    """The weeks of a period, or its months where it is long; the last one ends with the day."""
    return _months(as_of) if days > MONTHLY else _weeks(as_of, days)


def _weeks(as_of: date, days: int) -> list[Span]:
    count = -(-days // WEEK)
    last, back = as_of - timedelta(days=as_of.weekday()), timedelta(weeks=count)
    found = []
    for n in range(count - 1, -1, -1):
        since = last - timedelta(weeks=n)
        until = min(since + timedelta(days=WEEK - 1), as_of)
        found.append(Span(since, until, since - back, until - back))
    return found


def _months(as_of: date) -> list[Span]:
    """The twelve months that end with the day, each beside the same one a year earlier."""
    found, since = [], first_month(as_of)
    while since <= as_of:
        until = min(end_of_month(since), as_of)
        before = since.replace(year=since.year - 1)
        whole = end_of_month(before)
        found.append(Span(since, until, before, whole if until < as_of else min(whole, before + (until - since))))
        since = end_of_month(since) + timedelta(days=1)
    return found


def received(asked: Asked) -> list[Came]:
    """What came in each span of the period, less refunds; nothing where nothing was measured yet."""
    wanted = spans(as_of=asked.as_of, days=asked.days)
    first, newest = asked.shelf.reach
    if first is None or newest is None:
        return []
    ask = Ask(
        grain=MONEY_IN, since=wanted[0].before_since, until=asked.as_of, by=("currency", "day"), sums=("received_minor",)
    )  # fmt: skip
    (rows,) = sum_up(asked.shelf, ask)
    days = dict(rows.filter(pl.col("currency") == asked.currency).drop("currency").iter_rows())
    known = (first, newest)
    return [
        Came(each, _sum(days, each.since, each.until, known), _sum(days, each.before_since, each.before_until, known))
        for each in wanted
    ]


def _sum(days: dict[date, int], since: date, until: date, known: Sequence[date]) -> int | None:
    if since < known[0] or since > known[1]:
        return None
    return sum(minor for day, minor in days.items() if since <= day <= until)
