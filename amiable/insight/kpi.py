"""What a KPI says of itself: key, label, unit, direction, formula, sources; declared on the function that computes it.

With `of`, the function gives what each row of a grain adds to the numerator and to the denominator: so the same words serve
every slice, every period and every customer. Without, it takes the gathered tables and gives one row per
currency, and one per part where it has further columns.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib.metadata import entry_points
from typing import Any

import polars as pl

from amiable.core.registry import TwoOfAKind
from amiable.insight import kpis
from amiable.insight.gather import Gathered
from amiable.insight.grain import WINDOW, Grain

Rows = Callable[[Gathered], pl.DataFrame]
Parts = Callable[[], tuple[pl.Expr, pl.Expr | None]]


class Unit(StrEnum):
    """How a value reads. A share is a number from 0 to 1; money is in minor units of the figure's currency."""

    PERCENT = "percent"
    MONEY = "money"
    COUNT = "count"
    DAYS = "days"
    PRICE = "price"  # money for one of what is counted
    RATE = "rate"  # so many for one of what is counted
    SCORE = "score"  # points of a scale


class Better(StrEnum):
    UP = "up"
    DOWN = "down"
    NEITHER = "neither"

    @property
    def sign(self) -> int:
        return {"up": 1, "down": -1}.get(self.value, 0)


PERCENT, MONEY, COUNT, DAYS = Unit.PERCENT, Unit.MONEY, Unit.COUNT, Unit.DAYS
PRICE, RATE, SCORE = Unit.PRICE, Unit.RATE, Unit.SCORE
UP, DOWN, NEITHER = Better.UP, Better.DOWN, Better.NEITHER
SUMS = (MONEY, COUNT)  # whose value is the numerator; a denominator stands beside it


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One declared KPI.

    `slices`: by what its figures are stored besides the total; any three of its grain's dimensions are computed when asked
    for. `whole`: dimensions that part the numerator alone, each part being one of the undivided whole.
    """

    key: str
    label: Any  # lazy text
    unit: Unit
    better: Better
    formula: Any  # lazy text: what is divided by what, over which days
    sources: tuple[str, ...]  # the rows that it reads
    slices: tuple[tuple[str, ...], ...] = ()
    in_currency: bool = True  # False: a count of people or messages, which knows no currency
    days: int = WINDOW
    scale: float = 1.0  # the value is so many times numerator / denominator
    whole: tuple[str, ...] = ()
    partly: bool = False  # of some rows it cannot be told (no numerator)
    of: Grain | None = None
    numerator: pl.Expr | None = None
    denominator: pl.Expr | None = None
    rows: Rows | None = None

    def value(self, numerator: float | None, denominator: float | None) -> float | None:
        """What a numerator and a denominator come to; nothing, and never nought, where there is nothing to divide by."""
        if numerator is None:
            return None
        if self.unit in SUMS:
            return float(numerator)
        return numerator / denominator * self.scale if denominator else None

    @cached_property
    def sums(self) -> tuple[pl.Expr, pl.Expr]:
        """How rows add up to `<key>.n` and `<key>.d`.

        A row without a numerator is left out of the denominator too; where no row has one, the numerator stays empty and
        the denominator tells of what it would be. So there is no wrong nought.
        """
        n, d = self.numerator, self.denominator
        assert n is not None
        if self.partly:
            known = n.is_not_null()
            n = pl.when(known.any()).then(n.sum())
            d = None if d is None else pl.when(known.any()).then(d.filter(known).sum()).otherwise(d.sum())
        else:
            n, d = n.sum(), None if d is None else d.sum()
        told = pl.lit(None, pl.Int64) if d is None else d.cast(pl.Int64)
        return n.cast(pl.Int64).alias(f"{self.key}.n"), told.alias(f"{self.key}.d")

    @property
    def counts(self) -> bool:
        """Whether numerator and denominator are numbers of something, and not money."""
        return self.numerator is not None and self.made_of == (Unit.COUNT, Unit.COUNT)

    @property
    def made_of(self) -> tuple[Unit, Unit]:
        """In what numerator and denominator are told: money where anything that they add is."""

        def unit(said: pl.Expr | None) -> Unit:
            roots = said.meta.root_names() if said is not None else []
            return Unit.MONEY if any(name.endswith("_minor") for name in roots) else Unit.COUNT

        return unit(self.numerator), unit(self.denominator)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """By what it can be sliced, three at a time, besides the period."""
        return self.of.dimensions if self.of else ()


def kpi(
    key: str,
    *,
    label: Any,
    unit: Unit,
    better: Better,
    formula: Any,
    sources: tuple[str, ...],
    of: Grain | None = None,
    days: int | None = None,
    slices: Sequence[str | tuple[str, ...]] = (),
    whole: tuple[str, ...] = (),
    in_currency: bool = True,
    scale: float = 1.0,
    partly: bool = False,
) -> Callable[[Any], Kpi]:
    """Declares the function below it as the KPI `key`."""

    def declare(says: Any) -> Kpi:
        numerator, denominator = says() if of else (None, None)
        return Kpi(
            key=key,
            label=label,
            unit=unit,
            better=better,
            formula=formula,
            sources=sources,
            slices=tuple((each,) if isinstance(each, str) else each for each in slices),
            in_currency=in_currency,
            days=days or (of.days if of else WINDOW),
            scale=scale,
            whole=whole,
            partly=partly,
            of=of,
            numerator=numerator,
            denominator=denominator,
            rows=None if of else says,
        )

    return declare


@cache
def declared() -> Mapping[str, Kpi]:
    """Every KPI of insight/kpis/ and of the entry point `amiable.kpis`, by key, in the order of files and lines."""
    found: dict[str, Kpi] = {}
    modules = [importlib.import_module(f"{kpis.__name__}.{info.name}") for info in pkgutil.iter_modules(kpis.__path__)]
    own = [member for module in modules for member in vars(module).values() if isinstance(member, Kpi)]
    for each in [*own, *(entry.load() for entry in entry_points(group="amiable.kpis"))]:
        if each.key in found:
            raise TwoOfAKind(f"Two KPIs say {each.key!r}.")
        found[each.key] = each
    return found
