"""The stored facts of some profiles as a table over which conditions can be evaluated; nothing is computed again.

In: the profiles that a caller may see. Out: one row per customer and currency, facts under their public names.
"""

import re
from collections.abc import Iterable
from datetime import date

import polars as pl
from django.db.models import QuerySet

from amiable.core import tables
from amiable.portfolio import facts
from amiable.portfolio.models import Profile

_NAME = re.compile(r"[a-z_]\w*")


def gather(profiles: QuerySet[Profile], *, as_of: date, naming: Iterable[str] | None = None) -> pl.DataFrame:
    """The facts of these profiles, days counted to `as_of`, and of each row the segment in which it `stands`.

    `naming`: texts of conditions; facts that none of them names are not read.
    """
    wanted = set(facts.COLUMNS) if naming is None else facts.needed({"overdue"} | names(naming)) & set(facts.COLUMNS)
    columns = {name: facts.COLUMNS[name] for name in (*facts.KEYS, *sorted(wanted - set(facts.KEYS)))}
    rows, values = tables.selected(profiles, *columns, "segment")
    measured = tables.read(rows, values, schema=columns | {"stands": pl.String}).with_columns(day=pl.lit(as_of))
    customers, values = tables.selected(profiles, "customer_id")
    told = facts.declared(among=f"({customers}) seen", values=values)
    return facts.for_conditions(measured, told).with_columns(pl.col("stands").fill_null(""))


def names(texts: Iterable[str]) -> set[str]:
    """The facts that these conditions name."""
    return {name for text in texts for name in _NAME.findall(text)} & set(facts.schema())
