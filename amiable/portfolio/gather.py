"""The stored facts of some profiles as a table over which conditions can be evaluated; nothing is computed again.

In: the profiles that a caller may see. Out: one row per customer and currency, facts under their public names.
"""

import re
from collections.abc import Iterable
from datetime import date

import polars as pl
from django.db import connection, transaction
from django.db.models import QuerySet

from amiable.core import tables
from amiable.portfolio import facts
from amiable.portfolio.models import Profile

_NAME = re.compile(r"[a-z_]\w*")
_SEEN: dict[str, type[pl.DataType]] = {"customer_id": pl.Int64, "currency": pl.String}


def gather(profiles: QuerySet[Profile], *, as_of: date, naming: Iterable[str] | None = None) -> pl.DataFrame:
    """The facts of these profiles, days counted to `as_of`, and of each row the segment in which it `stands`.

    `naming`: texts of conditions; facts that none of them names are not read.
    """
    wanted = None if naming is None else {"overdue"} | names(naming)
    with transaction.atomic(), connection.cursor() as cursor:
        statement, values = tables.selected(profiles, "customer_id", "currency")
        cursor.execute(f"CREATE TEMP TABLE seen (customer_id, currency) ON COMMIT DROP AS {statement}", values)
        rows = cursor.rowcount
        cursor.execute("ANALYZE seen")
        measured = facts.stored(as_of=as_of, names=wanted, among="seen", segment=True)
        if measured.height > rows:  # a customer has other currencies, which are not asked for
            chosen = tables.read("SELECT customer_id, currency FROM seen", schema=_SEEN)
            measured = measured.join(chosen, on=["customer_id", "currency"], how="semi")
        told = facts.declared(among="seen")
        cursor.execute("DROP TABLE seen")
    table = facts.for_conditions(measured.rename({"segment": "stands"}), told)
    return table.with_columns(pl.col("stands").fill_null(""))


def names(texts: Iterable[str]) -> set[str]:
    """The facts that these conditions name."""
    return {name for text in texts for name in _NAME.findall(text)} & set(facts.schema())
