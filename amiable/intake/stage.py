"""The staging tables of one load: temporary, filled by COPY, gone with the transaction.

In: canonical tables of an interpreter. Out: rows in PostgreSQL that the loader turns into the ledger's, set by set.
"""

from collections.abc import Mapping

import polars as pl
from django.db import connection

from amiable.core import tables

_TYPES: dict[type[pl.DataType] | pl.DataType, str] = {
    pl.Int64: "bigint",
    pl.Int16: "smallint",
    pl.String: "text",
    pl.Date: "date",
    pl.Boolean: "boolean",
}


def create(name: str, schema: Mapping[str, type[pl.DataType]]) -> None:
    """Makes an empty staging table for this transaction."""
    columns = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in schema.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")


def add(name: str, schema: Mapping[str, type[pl.DataType]], rows: pl.DataFrame) -> None:
    """Appends canonical rows to a staging table."""
    if rows.height:
        tables.write(rows, name, list(schema))


def drop(*names: str) -> None:
    """For a second load within one transaction, as tests and trials have it."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(names)}")
