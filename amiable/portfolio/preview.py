"""What a set of segments that is not saved would do: whom each would hold, and who would move from where to where.

In: a creditor, segments, the stored profiles. Out: counts and overdue money; nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from amiable.core.conditions import parse
from amiable.ledger.models import Creditor
from amiable.portfolio import facts, segments
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Profile


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
    return _preview(creditor, segments, as_of)


def _preview(creditor: Creditor, rules: Sequence[Mapping[str, Any]], as_of: date) -> Preview:
    segments.check(rules)
    conditions = [rule.get("when", "") for rule in rules]
    table = gather(Profile.objects.filter(creditor=creditor), as_of=as_of, naming=conditions)
    placed = table.select("currency", "stands", "overdue_minor").with_columns(segments.assign(table, rules))
    alone = table.select(parse(when, facts.schema()).sum().alias(str(at)) for at, when in enumerate(conditions))
    held, before = _sums(placed, "segment"), _sums(placed, "stands")
    none: tuple[int, dict[str, int]] = (0, {})
    matches = []
    for at, key in enumerate([*(rule["key"] for rule in rules), ""]):
        customers, overdue = held.get((key,), none)
        fits = customers
        if key:
            fits = table.height if not conditions[at].strip() else int(alone[str(at)].item())
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
    found: dict[tuple[str, ...], tuple[int, dict[str, int]]] = {}
    grouped = table.group_by(*keys, "currency").agg(n=pl.len(), minor=pl.col("overdue_minor").sum())
    for *key, currency, count, minor in grouped.sort(*keys, "currency").iter_rows():
        customers, overdue = found.get(tuple(key), (0, {}))
        found[tuple(key)] = (customers + count, overdue | ({currency: minor} if minor else {}))
    return found
