"""The hours of the week at which a customer was reached before, from calls answered and messages opened. Pure.

Comes in: moments on the customer's own clock. Goes out: the two hours that hold the most of them; None where too few are
known to say anything.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

ENOUGH = 4  # moments, an answered call counting twice; and a third of them at the hours that are told
SPAN = 2


@dataclass(frozen=True)
class Best:
    """From this hour, for two hours; of how many moments that is known; on which weekday, where one stands out."""

    hour: int
    calls: int
    opens: int
    weekday: int | None = None


def best(*, answered: Iterable[datetime], opened: Iterable[datetime]) -> Best | None:
    """When to ring. An answered call says twice as much as an opened message."""
    calls, opens = list(answered), list(opened)
    weights = [*((moment, 2) for moment in calls), *((moment, 1) for moment in opens)]
    total = sum(weight for _moment, weight in weights)
    if total < ENOUGH:
        return None
    hours: Counter[int] = Counter()
    for moment, weight in weights:
        hours[moment.hour] += weight
    start = max(range(24 - SPAN + 1), key=lambda hour: (sum(hours[hour + n] for n in range(SPAN)), hours[hour], -hour))
    if 3 * sum(hours[start + n] for n in range(SPAN)) < total:
        return None
    days: Counter[int] = Counter()
    for moment, weight in weights:
        if start <= moment.hour < start + SPAN:
            days[moment.weekday()] += weight
    weekday, most = max(days.items(), key=lambda each: (each[1], -each[0]))
    stands_out = 2 * most > sum(days.values()) and most >= ENOUGH
    return Best(start, len(calls), len(opens), weekday if stands_out else None)
