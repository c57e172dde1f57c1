"""What a set of segments that is not saved would do: whom each would hold, and who would move from where to where.

In: a creditor, segments, the stored profiles. Out: counts and overdue money; nothing is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import polars as pl

from amiable.core.conditions import parse
from amiable.ledger.models import Creditor
from amiable.portfolio import facts
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Profile
from amiable.portfolio.segments import assign, check

Key = TypeVar("Key")


@dataclass(frozen=True)
class Match:
    """One segment: whom it would hold, and how many fit its condition when nothing stands before it.

    Key "" is nobody's segment. A customer who owes in two currencies counts in each.
    """

    key: str
    customers: int
    before: int
    alone: int
    overdue_minor: dict[str, int]

    @property
    def change(self) -> int:
        return self.customers - self.before


@dataclass(frozen=True)
class Move:
    """So many customers would go from one segment to another; "" is no segment."""

    origin: str
    target: str
    customers: int
    overdue_minor: dict[str, int]


@dataclass(frozen=True)
class Preview:
    customers: int
    matches: tuple[Match, ...]
    moves: tuple[Move, ...]  # the largest first

    @property
    def moved(self) -> int:
        return sum(move.customers for move in self.moves)


def preview(*, creditor: Creditor, segments: Sequence[Mapping[str, Any]], as_of: date) -> Preview:
    """Evaluates the segments over the stored profiles, days counted to `as_of`. Raises UnableToRead on a fault."""
    check(segments)
    conditions = [segment.get("when", "") for segment in segments]
    table = gather(Profile.objects.filter(creditor=creditor), as_of=as_of, naming=conditions)
    placed = table.select("currency", "stands", "overdue_minor").with_columns(assign(table, segments))
    # In columns: a condition that is true of everyone is a single value when it is selected alone.
    fitting = table.with_columns(parse(when, facts.schema()).alias(f"#{at}") for at, when in enumerate(conditions))
    held, before = _sums(placed, "segment"), _sums(placed, "stands")
    none: tuple[int, dict[str, int]] = (0, {})
    matches = []
    for at, key in enumerate([*(segment["key"] for segment in segments), ""]):
        customers, overdue = held.get((key,), none)
        fits = int(fitting[f"#{at}"].sum()) if key else customers
        matches.append(Match(key, customers, before.get((key,), none)[0], fits, overdue))
    moving = _sums(placed.filter(pl.col("segment") != pl.col("stands")), "stands", "segment")
    moves = [Move(origin, target, *sums) for (origin, target), sums in moving.items()]
    return Preview(
        customers=table.height,
        matches=tuple(matches),
        moves=tuple(sorted(moves, key=lambda move: (-move.customers, move.origin, move.target))),
    )


def _sums(table: pl.DataFrame, *keys: str) -> dict[tuple[str, ...], tuple[int, dict[str, int]]]:
    """Customers, and overdue money by currency, of each combination of keys."""
    grouped = table.group_by(*keys, "currency").agg(n=pl.len(), minor=pl.col("overdue_minor").sum())
    rows = grouped.sort(*keys, "currency").iter_rows()
    return tally((tuple(key), currency, count, minor) for *key, currency, count, minor in rows)


def tally(rows: Iterable[tuple[Key, str, int, int]]) -> dict[Key, tuple[int, dict[str, int]]]:
    """Rows of key, currency, customers and minor units as one entry per key; money of nothing is left out."""
    found: dict[Key, tuple[int, dict[str, int]]] = {}
    for key, currency, count, minor in rows:
        customers, overdue = found.get(key, (0, {}))
        found[key] = (customers + count, overdue | ({currency: minor} if minor else {}))
    return found
