"""What a KPI says of itself: key, label, unit, direction, formula, sources; declared on the function that computes it.

The function takes the gathered tables and gives one row per creditor, currency and slice: numerator and denominator.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import polars as pl

from amiable.core.registry import TwoOfAKind
from amiable.insight import kpis
from amiable.insight.gather import Gathered

Rows = Callable[[Gathered], pl.DataFrame]


class Unit(StrEnum):
    """How a value reads. A share is a number from 0 to 1; money is in minor units of the figure's currency."""

    PERCENT = "percent"
    MONEY = "money"
    COUNT = "count"
    DAYS = "days"


class Better(StrEnum):
    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


PERCENT, MONEY, COUNT, DAYS = Unit.PERCENT, Unit.MONEY, Unit.COUNT, Unit.DAYS
UP, DOWN, NEITHER = Better.UP, Better.DOWN, Better.NEITHER


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One declared KPI. `slices` names the columns by which its rows are split besides the total."""

    key: str
    label: Any  # lazy text
    unit: Unit
    better: Better
    formula: Any  # lazy text: what is divided by what, over which days
    sources: tuple[str, ...]  # the rows that it reads
    slices: tuple[str, ...] = ()
    in_currency: bool = True  # False: a count of people or messages, which knows no currency
    rows: Rows


def kpi(
    key: str,
    *,
    label: Any,
    unit: Unit,
    better: Better,
    formula: Any,
    sources: tuple[str, ...],
    slices: tuple[str, ...] = (),
    in_currency: bool = True,
) -> Callable[[Rows], Kpi]:
    """Declares the function below it as the KPI `key`."""

    def declare(rows: Rows) -> Kpi:
        return Kpi(
            key=key,
            label=label,
            unit=unit,
            better=better,
            formula=formula,
            sources=sources,
            slices=slices,
            in_currency=in_currency,
            rows=rows,
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
