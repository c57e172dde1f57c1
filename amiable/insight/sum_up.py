"""Sums over the months kept, as boards need them: made once in a process, and anew as soon as a month is not what it was.

In: a creditor, days, columns. Out: small tables. Never: a sum of months that changed meanwhile, since what is remembered is
found by the digests of its months; more than `MEMORY` bytes of it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from threading import Lock

import polars as pl

from amiable.insight import kept
from amiable.insight.grain import Grain
from amiable.insight.models import Kept
from amiable.ledger.models import Creditor

MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Month:
    """A month of a grain as its row says, without what is in it. `as_of`: the last day that it knows whole."""

    row: int
    month: date
    as_of: date
    digest: str


@dataclass(frozen=True)
class Shelf:
    """Which months of a creditor are kept at a moment, by grain, the oldest first."""

    months: Mapping[str, Sequence[Month]] = field(default_factory=dict)

    @cached_property
    def reach(self) -> kept.Reach:
        """The first day and the newest of what is kept: what lies before or after is not known."""
        every = [month for months in self.months.values() for month in months]
        first, newest = (each.month for each in every), (each.as_of for each in every)
        return min(first, default=None), max(newest, default=None)

    def of(self, grain: Grain, since: date, until: date) -> tuple[Month, ...]:
        """The months that days of a period lie in."""
        first = since.replace(day=1)
        return tuple(each for each in self.months.get(grain.key, ()) if first <= each.month <= until)

    def stood(self, grain: Grain, since: date, until: date) -> date | None:
        """The last day of a period on which a stock was told, also where it was told that nothing is there."""
        told = (each.as_of for each in self.of(grain, since, until))
        return max((day for day in told if since <= day <= until), default=None)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """The sums of some columns over the days of a period, by other columns. `edge`: the first day that counts as `now`, where
    the days before it are to be told apart."""

    grain: Grain
    since: date
    until: date
    by: tuple[str, ...]
    sums: tuple[str, ...]
    edge: date | None = None

    def made(self, months: Sequence[kept.Month]) -> pl.DataFrame:
        """One row per part: the columns of `by`, `now` where there is an edge, the sums."""
        columns = ["day", *(name for name in (*self.by, *self.sums) if name != "day")]
        rows = kept.unpack(months, grain=self.grain, since=self.since, until=self.until, columns=columns)
        now = [] if self.edge is None else [(pl.col("day") >= self.edge).alias("now")]
        return rows.group_by(*self.by, *now).agg(pl.col(self.sums).sum())


Key = tuple[Ask, tuple[Month, ...]]


class Memory:
    """The tables that were asked for last, up to so many bytes; for all threads of a process."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._size: float = 0
        self._tables: OrderedDict[Key, pl.DataFrame] = OrderedDict()

    def find(self, key: Key) -> pl.DataFrame | None:
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
            return self._tables.get(key)

    def keep(self, key: Key, table: pl.DataFrame) -> None:
        with self._lock:
            if key not in self._tables:
                self._tables[key] = table
                self._size += table.estimated_size()
            while self._size > self._most:
                _key, dropped = self._tables.popitem(last=False)
                self._size -= dropped.estimated_size()

    def clear(self) -> None:
        with self._lock:
            self._tables.clear()
            self._size = 0


memory = Memory(MEMORY)


def shelf(*, creditor: Creditor) -> Shelf:
    """What is kept of a creditor now."""
    found: dict[str, list[Month]] = {}
    rows = Kept.objects.filter(creditor=creditor).order_by("month")
    for grain, row, month, as_of, digest in rows.values_list("grain", "pk", "month", "as_of", "digest"):
        found.setdefault(grain, []).append(Month(row, month, as_of, digest))
    return Shelf(found)


def sum_up(held: Shelf, *asks: Ask) -> list[pl.DataFrame]:
    """A table for each; what is not remembered is read in one go."""
    keys = [(ask, held.of(ask.grain, ask.since, ask.until)) for ask in asks]
    found = {key: table for key in keys if (table := memory.find(key)) is not None}
    missing = [key for key in keys if key not in found]
    contents = _read({month.row for _ask, months in missing for month in months})
    for ask, months in missing:
        # A month may have been written anew meanwhile: what is remembered goes by what was read.
        read = [contents[month.row] for month in months if month.row in contents]
        table = ask.made([(month.as_of, content) for month, content in read])
        memory.keep((ask, tuple(month for month, _content in read)), table)
        found[ask, months] = table
    return [found[key] for key in keys]


def _read(rows: set[int]) -> dict[int, tuple[Month, bytes]]:
    if not rows:
        return {}
    told = Kept.objects.filter(pk__in=rows).values_list("pk", "month", "as_of", "digest", "content")
    return {
        row: (Month(row, month, as_of, digest), bytes(content)) for row, month, as_of, digest, content in told
    }  # fmt: skip
