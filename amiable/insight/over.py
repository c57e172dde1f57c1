"""KPIs over the days of a board and over as many days before them, parted by anything: added up from the months kept.

In: what a board is asked, KPIs of one grain. Out: sums and tiles. Never: a sum over two currencies, a nought of days that
nobody measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from amiable.insight import kept, say
from amiable.insight.add import parts
from amiable.insight.board import Asked, Link, Tile
from amiable.insight.grain import Grain
from amiable.insight.kpi import Kpi, declared


@dataclass(frozen=True)
class Sum:
    """What a KPI comes to; nothing of it where nothing is known."""

    value: float | None = None
    n: int | None = None
    d: int | None = None


class Sums(dict[str, Sum]):
    """By KPI; nothing of one that is not there."""

    def __missing__(self, key: str) -> Sum:
        return Sum()


@dataclass(frozen=True, kw_only=True)
class Reach:
    """From which day to which something is kept of a creditor."""

    first: date | None
    newest: date | None

    @classmethod
    def of(cls, asked: Asked) -> "Reach":
        first, newest = kept.reach(creditor=asked.creditor)
        return cls(first=first, newest=newest)


@dataclass(frozen=True, kw_only=True)
class Over:
    """KPIs of one grain over the board's days. `by`: the dimensions that will be asked for."""

    asked: Asked
    reach: Reach
    keys: tuple[str, ...]
    by: tuple[str, ...] = ()

    @cached_property
    def kpis(self) -> Sequence[Kpi]:
        return [declared()[key] for key in self.keys]

    @property
    def grain(self) -> Grain:
        grain = self.kpis[0].of
        assert grain is not None
        return grain

    @cached_property
    def begin(self) -> date:
        """The first of the days before the board's."""
        return self.asked.before - timedelta(days=self.asked.days - 1)

    @property
    def known(self) -> bool:
        """Whether anything was measured in the board's days."""
        return self.reach.newest is not None and self.reach.newest >= self.asked.since

    @property
    def known_before(self) -> bool:
        """Whether the days before are kept from their first one on; of a stock only the newest day is."""
        return not self.grain.stock and self.reach.first is not None and self.reach.first <= self.begin and self.known

    @cached_property
    def rows(self) -> pl.DataFrame:
        """Both spans, in the columns that are needed."""
        said = [part for each in self.kpis for part in (each.numerator, each.denominator) if part is not None]
        wanted = {"currency", "day", *self.by, *(name for part in said for name in part.meta.root_names())}
        columns = [name for name in self.grain.schema if name in wanted]
        creditor, grain, until = self.asked.creditor, self.grain, self.asked.as_of
        since = self.begin if self.known_before else self.asked.since
        found = kept.load(creditor=creditor, grain=grain, since=since, until=until, columns=columns)
        if grain.stock:
            last = kept.stood(creditor=creditor, grain=grain, since=since, until=until)
            return found.filter(pl.col("day") == last) if last else found.clear()
        return found

    @property
    def mixed(self) -> bool:
        """Whether rows of another currency than the board's are among them."""
        return self.rows.filter(pl.col("currency") != self.asked.currency).height > 0

    def parts(self, *by: str, where: pl.Expr | None = None) -> dict[tuple[Any, ...], Sums]:
        """Each part with the sum of each KPI."""
        if not self.known:
            return {}
        rows = self.rows.filter(pl.col("day") >= self.asked.since)
        return self._added(rows if where is None else rows.filter(where), by)

    def total(self) -> Sums:
        return self._of(self.asked.since, self.asked.as_of) if self.known else Sums()

    def parts_before(self, *by: str) -> dict[tuple[Any, ...], Sums]:
        """The same of the days before."""
        if not self.known_before:
            return {}
        return self._added(self.rows.filter(pl.col("day").is_between(self.begin, self.asked.before)), by)

    def before(self) -> Sums:
        return self._of(self.begin, self.asked.before) if self.known_before else Sums()

    def spans(self) -> list[tuple[date, Sums]]:
        """The board's days in weeks, or in months where they are a year, by the first day of each that is shown."""
        step = "1mo" if self.asked.days > 120 else "1w"
        rows = self.rows.with_columns(span=pl.col("day").dt.truncate(step))
        first = pl.Series([self.asked.since]).dt.truncate(step).item()
        if not self.known:
            return []
        found = self._added(rows.filter(pl.col("span") >= first, pl.col("day") >= self.asked.since), ("span",))
        return [(max(key[0], self.asked.since), found[key]) for key in sorted(found)]

    def tile(self, key: str, *, to: Link | None = None) -> Tile:
        """A KPI over the board's days, beside the days before."""
        each, now, before = declared()[key], self.total()[key], self.before()[key]
        return Tile(
            key=key, label=str(each.label), unit=each.unit, value=now.value, before=before.value,
            good={"up": 1, "down": -1}.get(each.better.value, 0), numerator=now.n, denominator=now.d, counts=each.counts,
            formula=self._formula(each), to=to,
        )  # fmt: skip

    def _formula(self, each: Kpi) -> str:
        if self.grain.stock or each.days == self.asked.days:
            return str(each.formula)
        said = _("Here it is told of %(days)d days.") % {"days": self.asked.days}
        return f"{each.formula} {said}"

    @property
    def spoken(self) -> dict[str, str]:
        """The two ends of the board's days, in words."""
        return {"since": say.said(self.asked.since, None, ""), "until": say.said(self.asked.as_of, None, "")}

    def _of(self, since: date, until: date) -> Sums:
        return self._added(self.rows.filter(pl.col("day").is_between(since, until)), ()).get((), Sums())

    def _added(self, rows: pl.DataFrame, by: Sequence[str]) -> dict[tuple[Any, ...], Sums]:
        found: dict[tuple[Any, ...], Sums] = {}
        for in_currency in (True, False):
            kpis = [each for each in self.kpis if each.in_currency is in_currency]
            own = rows.filter(pl.col("currency") == self.asked.currency) if in_currency else rows
            if not kpis or (by and not own.height):
                continue
            for each, part, (n, d) in parts(own, kpis, by):
                found.setdefault(part, Sums())[each.key] = Sum(each.value(n, d), n, d)
        return found
