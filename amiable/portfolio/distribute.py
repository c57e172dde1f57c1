"""How each fact is spread over some profiles: a few bars for numbers, the frequent values for texts.

In: profiles in one currency that a caller may see. Out: counts per bar; money and days as in conditions.
"""

import math
from dataclasses import dataclass
from datetime import date

import polars as pl
from django.db.models import QuerySet

from amiable.portfolio import facts
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Profile

BARS = 8  # beside the one of those who have exactly nothing
VALUES = 8


@dataclass(frozen=True)
class Bar:
    """How many have a value with low ≤ value < high (None: open), exactly `low` where both are equal, or this text.

    A bar with none of them is of all other texts.
    """

    customers: int
    low: float | None = None
    high: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Distribution:
    fact: facts.Fact
    known: int  # customers of whom the fact is known
    all: int
    middle: float | None  # the median, for numbers
    bars: tuple[Bar, ...]


def distributions(*, profiles: QuerySet[Profile], as_of: date) -> list[Distribution]:
    """One distribution per fact, in the order of the facts."""
    table = gather(profiles, as_of=as_of)
    return [_spread(fact, table[fact.name]) for fact in facts.FACTS]


def _spread(fact: facts.Fact, column: pl.Series) -> Distribution:
    values = column.drop_nulls()
    if fact.unit == "text":
        values = values.filter(values != "")
        return Distribution(fact, values.len(), column.len(), None, _frequent(values))
    if fact.unit == "yes":
        yes = int(values.sum())
        bars = (Bar(yes, text="yes"), Bar(values.len() - yes, text="no")) if values.len() else ()
        return Distribution(fact, values.len(), column.len(), None, bars)
    numbers = values.cast(pl.Float64)
    middle = float(numbers.median()) if numbers.len() else None  # type: ignore[arg-type]
    return Distribution(fact, numbers.len(), column.len(), middle, _histogram(numbers))


def _frequent(values: pl.Series) -> tuple[Bar, ...]:
    counted = values.value_counts(sort=True).sort(["count", values.name], descending=[True, False])
    bars = [Bar(count, text=text) for text, count in counted.head(VALUES).iter_rows()]
    rest = values.len() - sum(bar.customers for bar in bars)
    return tuple([*bars, Bar(rest)] if rest else bars)


def _histogram(numbers: pl.Series) -> tuple[Bar, ...]:
    """Those who have exactly nothing in a bar of their own, the others in even bars; the last ones take what is far out."""
    none = int((numbers == 0).sum())
    rest = numbers.filter(numbers != 0)
    bars = [Bar(none, 0.0, 0.0)] if none else []
    if not rest.len():
        return tuple(bars)
    low, high = _quantile(rest, 0.02), _quantile(rest, 0.95)
    step = nice((high - low) / (BARS - 1) or abs(high) or 1.0)
    first = math.floor(low / step)
    place = (rest / step).floor().clip(first, first + BARS - 1).cast(pl.Int64)
    counts = dict(place.value_counts().iter_rows())
    last = max(counts)
    for at in range(min(counts), last + 1):
        inside = rest.filter(place == at)
        begins, ends = round(at * step, 6), round((at + 1) * step, 6)
        outside_low = inside.len() and float(inside.min()) < begins  # type: ignore[arg-type]
        outside_high = inside.len() and float(inside.max()) >= ends  # type: ignore[arg-type]
        bars.append(Bar(counts.get(at, 0), None if outside_low else begins, None if outside_high else ends))
    return tuple(sorted(bars, key=_place))


def _place(bar: Bar) -> tuple[float, float]:
    return (-math.inf if bar.low is None else bar.low, math.inf if bar.high is None else bar.high)


def _quantile(values: pl.Series, part: float) -> float:
    return float(values.quantile(part, interpolation="nearest"))  # type: ignore[arg-type]


def nice(step: float) -> float:
    """The next larger of 1, 2, 5, 10, 20 ... (or 0.1, 0.2, ...): what people read without thinking."""
    scale: float = 10.0 ** math.floor(math.log10(step))
    return next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= step * (1 - 1e-9))
