"""A grain: the rows whose sums KPIs are, with the day on which each counts and the dimensions by which it may be parted.

A grain is a query or a table made of other tables. Its rows are as of a day; `settles` days after its own day a row
changes no more, so that a month that has settled is read once and kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from amiable.insight.gather import Gathered

WINDOW = 30  # days that end with the day, where nothing else is said
# What every row can be parted by, since its customer is known.
OF_CUSTOMER = ("segment", "branch", "sector")
NUMBERS = frozenset({"version", "campaign", "collector", "branch", "months"})


@dataclass(frozen=True, kw_only=True)
class Grain:
    """`source`: a query that gives customer_id, currency, day, the dimensions and the sums, by these names.

    `stock`: the rows are how things stand on the day itself, not what happened on days of a period.
    """

    key: str
    source: str = ""
    made: Callable[["Gathered"], pl.DataFrame] | None = None  # of the gathered tables, instead of a query
    own: tuple[str, ...] = ()
    sums: tuple[str, ...]
    of_customer: bool = True
    each: bool = False  # the measuring needs its rows by customer
    days: int = WINDOW
    settles: int = WINDOW
    stock: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        return (*self.own, *(OF_CUSTOMER if self.of_customer else ()))

    @property
    def schema(self) -> dict[str, Any]:
        kinds = {name: pl.Int64 if name in NUMBERS else pl.String for name in self.dimensions}
        return {
            "currency": pl.String,
            "customer": pl.Int64,
            "day": pl.Date,
            **kinds,
            **dict.fromkeys(self.sums, pl.Int64),
        }

    def query(self, *, each: bool) -> str:
        """The source with its customers' own parts: with `each` row by row, else added up by all the dimensions."""
        own = "".join(f", x.{name}" if name in NUMBERS else f", nullif(x.{name}, '')" for name in self.own)
        added = "coalesce(x.{}, 0)::bigint" if each else "coalesce(sum(x.{}), 0)::bigint"
        sums = "".join(f", {added.format(name)}" for name in self.sums)
        count = 3 + len(self.dimensions)
        # By customer hardly two rows are of one kind: to sort millions of them would cost more than it saves.
        grouped = "" if each else f"GROUP BY {', '.join(str(n) for n in range(1, count + 1))}"
        return f"""
SELECT x.currency, {"x.customer_id" if each else "NULL::bigint"}, x.day{own}, s.segment, u.branch_id, nullif(u.sector, ''){sums}
FROM ({self.source}) x LEFT JOIN ledger_customer u ON u.id = x.customer_id
LEFT JOIN portfolio_membership s ON s.customer_id = x.customer_id AND s.currency = x.currency
  AND s.since <= x.day AND (s.until IS NULL OR s.until > x.day)
WHERE (%(among)s::bigint[] IS NULL OR x.customer_id = ANY(%(among)s))
{grouped}"""
