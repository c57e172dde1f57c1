"""KPIs over the days of a board and over as many days before them, parted by anything: added up from the months kept.

In: what a board is asked, KPIs of one grain. Out: sums and tiles. Never: a sum over two currencies, a nought of days that
nobody measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from amiable.insight import say
from amiable.insight.add import parts
from amiable.insight.board import Asked, Link, Tile
from amiable.insight.grain import Grain
from amiable.insight.kpi import Kpi, declared
from amiable.insight.sum_up import Ask, sum_up

MANY = 120  # days that are too many for weeks


@dataclass(frozen=True)
class Sum:
    """What a KPI comes to; nothing of it where nothing is known."""

    value: float | None = None
    n: int | None = None
    d: int | None = None

    @property
    def share(self) -> float | None:
        """One as a part of the other; nothing, and never nought, where one of them is not known."""
        return self.n / self.d if self.n is not None and self.d else None


class Sums(dict[str, Sum]):
    """By KPI; nothing of one that is not there."""

    def __missing__(self, key: str) -> Sum:
        return Sum()


Parts = Mapping[tuple[Any, ...], Sums]


@dataclass(frozen=True)
class Want:
    """KPIs of one grain, the dimensions that will be asked for, the days where they are more than the board's, and whether their
    course over the days will be asked for too."""

    keys: tuple[str, ...]
    by: tuple[str, ...] = ()
    days: int = 0
    course: bool = False

    @property
    def kpis(self) -> list[Kpi]:
        return [declared()[key] for key in self.keys]

    @property
    def grain(self) -> Grain:
        grain = self.kpis[0].of
        assert grain is not None
        return grain


def over(asked: Asked, *wanted: Want) -> list["Over"]:
    """What is wanted, all read in one go."""
    found = [Over(asked=replace(asked, days=max(asked.days, each.days)), want=each) for each in wanted]
    asks = [(each.tables, name, ask) for each in found for name, ask in each.asks().items()]
    for (tables, name, _ask), table in zip(asks, sum_up(asked.shelf, *(each[2] for each in asks)), strict=True):
        tables[name] = table
    return found


@dataclass(frozen=True, kw_only=True)
class Over:
    """KPIs of one grain over a board's days."""

    asked: Asked
    want: Want
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    _parts: dict[tuple[int, tuple[str, ...]], Parts] = field(default_factory=dict)

    @cached_property
    def begin(self) -> date:
        """The first of the days before the board's."""
        return self.asked.before - timedelta(days=self.asked.days - 1)

    @property
    def known(self) -> bool:
        """Whether anything was measured in the board's days; of a stock, whether what stood there is still kept."""
        return self._measured and (not self.want.grain.stock or self.stood is not None)

    @property
    def _measured(self) -> bool:
        newest = self.asked.shelf.reach[1]
        return newest is not None and newest >= self.asked.since

    @property
    def known_before(self) -> bool:
        """Whether the days before are kept from their first one on; of a stock only the newest day is."""
        first = self.asked.shelf.reach[0]
        return not self.want.grain.stock and first is not None and first <= self.begin and self.known

    def asks(self) -> dict[str, Ask]:
        """What is to be added up: by the wanted dimensions, each span of days for itself; and day by day."""
        grain, until = self.want.grain, self.stood if self.want.grain.stock else self.asked.as_of
        if not self.known or until is None:
            return {}
        sums, own = self._columns
        by = tuple(name for name in grain.schema if name in {*own, *self.want.by})
        since = until if grain.stock else self.begin if self.known_before else self.asked.since
        asks = {"cells": Ask(grain=grain, since=since, until=until, by=by, sums=sums, edge=self.asked.since)}
        if self.want.course:
            since = max(since, self.asked.since)
            asks["days"] = Ask(grain=grain, since=since, until=until, by=("day", *own), sums=sums)
        return asks

    @property
    def _columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns that the KPIs add up, and those by which they tell rows apart."""
        said = [part for each in self.want.kpis for part in (each.numerator, each.denominator) if part is not None]
        named = {"currency", *(name for part in said for name in part.meta.root_names())} - {"day"}
        columns = [name for name in self.want.grain.schema if name in named]
        sums = tuple(name for name in columns if name in self.want.grain.sums)
        return sums, tuple(name for name in columns if name not in sums)

    @cached_property
    def stood(self) -> date | None:
        """The day as of which a stock is told."""
        return self.asked.shelf.stood(self.want.grain, self.asked.since, self.asked.as_of)

    @property
    def says(self) -> list[str]:
        """That a stock is told as of an earlier day: of months that are over only the last day is kept."""
        if not self.want.grain.stock or not self._measured or self.stood == self.asked.as_of:
            return []
        if self.stood is None:
            return [_("How it stood in these days is not kept.")]
        words = {"day": say.said(self.stood, None, "")}
        return [_("As it stood on %(day)s: of months that are over, only the last day is kept.") % words]

    @cached_property
    def cells(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The sums of the board's days and of those before, by the wanted dimensions: what all the rest is made of."""
        found = self.tables["cells"]
        return found.filter("now").drop("now"), found.filter(~pl.col("now")).drop("now")

    @property
    def mixed(self) -> bool:
        """Whether rows of another currency than the board's are among them."""
        return self.known and self.cells[0].filter(pl.col("currency") != self.asked.currency).height > 0

    def parts(self, *by: str) -> Parts:
        """Each part with the sum of each KPI."""
        return self._parted(0, by) if self.known else {}

    def parts_before(self, *by: str) -> Parts:
        """The same of the days before."""
        return self._parted(1, by) if self.known_before else {}

    def _parted(self, span: int, by: tuple[str, ...]) -> Parts:
        """Added up once: several tables of a board show the same parts."""
        if (span, by) not in self._parts:
            self._parts[span, by] = self._added(self.cells[span], by)
        return self._parts[span, by]

    @cached_property
    def total(self) -> Sums:
        return self._added(self.cells[0], ()).get((), Sums()) if self.known else Sums()

    @cached_property
    def before(self) -> Sums:
        return self._added(self.cells[1], ()).get((), Sums()) if self.known_before else Sums()

    def spans(self) -> list[tuple[date, Sums]]:
        """The board's days in weeks, or in months where they are many, each by its first day; those without a row too."""
        step = "1mo" if self.asked.days > MANY else "1w"
        if not self.known:
            return []
        days = pl.date_range(self.asked.since, self.asked.as_of, eager=True)
        rows = self.tables["days"].with_columns(span=pl.col("day").dt.truncate(step))
        found, none = self._added(rows, ("span",)), self._added(rows.clear(), ()).get((), Sums())
        spans = days.dt.truncate(step).unique(maintain_order=True)
        return [(max(span, self.asked.since), found.get((span,), none)) for span in spans]

    def tile(self, key: str, *, to: Link | None = None) -> Tile:
        """A KPI over the board's days, beside the days before."""
        each, now, before = declared()[key], self.total[key], self.before[key]
        return Tile(
            key=key, label=str(each.label), unit=each.unit, value=now.value, before=before.value,
            good=each.better.sign, numerator=now.n, denominator=now.d, counts=each.counts,
            formula=self._formula(each), to=to,
        )  # fmt: skip

    def _formula(self, each: Kpi) -> str:
        if self.want.grain.stock or each.days == self.asked.days:
            return str(each.formula)
        said = _("Here it is told of %(days)d days.") % {"days": self.asked.days}
        return f"{each.formula} {said}"

    @property
    def spoken(self) -> dict[str, str]:
        """The two ends of the board's days, in words."""
        return {"since": say.said(self.asked.since, None, ""), "until": say.said(self.asked.as_of, None, "")}

    def _added(self, rows: pl.DataFrame, by: Sequence[str]) -> Parts:
        found: dict[tuple[Any, ...], Sums] = {}
        for in_currency in (True, False):
            kpis = [each for each in self.want.kpis if each.in_currency is in_currency]
            own = rows.filter(pl.col("currency") == self.asked.currency) if in_currency else rows
            if not kpis or (by and not own.height):
                continue
            for each, part, (n, d) in parts(own, kpis, by):
                found.setdefault(part, Sums())[each.key] = Sum(each.value(n, d), n, d)
        return found
