"""Forecasts of past days made now, each with what was known on its day, beside what came: before any was kept.

In: a creditor, a day, how many weeks back. Out: the scores by currency. Never: something written, or a day
seen with later knowledge.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from amiable.insight.forecast.foresee import WEEKS, Week, foresee
from amiable.insight.forecast.keep import between, came
from amiable.insight.forecast.read import HowGood, judged
from amiable.ledger.models import Creditor


@dataclass(frozen=True)
class Looked:
    """The scores, and for each day of which nothing could be told, why."""

    scores: tuple[HowGood, ...]
    silent: dict[date, str]


def look_back(
    *, creditor: Creditor, as_of: date, times: int = 12, weeks: int = WEEKS, tell: Callable[[date], None] | None = None
) -> Looked:
    """Makes the forecast of so many past days, a week apart, the last a week before `as_of`; scores the weeks that are over."""
    made: dict[str, dict[date, list[Week]]] = {}
    silent: dict[date, str] = {}
    money = came(creditor=creditor, since=as_of - timedelta(days=7 * times), until=as_of)
    for back in range(times, 0, -1):
        day = as_of - timedelta(days=7 * back)
        if tell:
            tell(day)
        told = foresee(creditor=creditor, as_of=day, weeks=min(back, weeks))
        if told.why:
            silent[day] = told.sentence
        for each in told.currencies:
            made.setdefault(each.currency, {})[day] = [
                replace(
                    week,
                    came=between(money, currency=each.currency, as_of=day, since=week.since, until=week.until),
                )
                for week in each.weeks
            ]
    return Looked(tuple(judged(code, days) for code, days in sorted(made.items())), silent)
