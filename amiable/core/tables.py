"""Whole tables between PostgreSQL and Polars by COPY; nothing is looped over row by row."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import psycopg
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

Schema = Mapping[str, pl.DataType | type[pl.DataType]]


def read(query: str, values: Mapping[str, Any] | Sequence[Any] = (), *, schema: Schema) -> pl.DataFrame:
    """The rows of a query as a table; `schema` names the columns in the order of the query, with their types.

    Booleans travel as t/f and are read as such; empty text comes back as null.
    """
    buffer = io.BytesIO()
    wire = {name: pl.String if kind == pl.Boolean else kind for name, kind in schema.items()}
    # The driver's own cursor: Django's wrapper for debugging knows no parameters of COPY.
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", values) as copy,
    ):
        for chunk in copy:
            buffer.write(chunk)
    if buffer.tell() == 0:
        return pl.DataFrame(schema=dict(schema))
    buffer.seek(0)
    table = pl.read_csv(buffer, has_header=False, schema=wire, try_parse_dates=False)
    booleans = [(pl.col(name) == "t").alias(name) for name, kind in schema.items() if kind == pl.Boolean]
    return table.with_columns(booleans) if booleans else table


def write(table: pl.DataFrame, target: str, columns: Sequence[str]) -> None:
    """Appends the table's rows to a PostgreSQL table. Lists must have been turned into array text before."""
    buffer = io.BytesIO()
    table.select(columns).write_csv(buffer, include_header=False, null_value="", quote_style="necessary")
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(buffer.getbuffer())


def execute(statement: str, columns: Sequence[Sequence[Any]]) -> None:
    """One statement over whole columns, each a parameter (%b) in PostgreSQL's own form: long texts travel unescaped."""
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), columns)


def selected(rows: QuerySet[Any], *columns: str) -> tuple[str, tuple[Any, ...]]:
    """The statement that selects some columns of these rows, with its values; nothing where Django knows of none."""
    asked = rows.order_by().values_list(*columns)
    try:
        statement, values = asked.query.sql_with_params()
    except EmptyResultSet:  # as of `pk__in=[]`: said by the query's model, so that the columns keep their types
        every = asked.model._default_manager.order_by().values_list(*columns)
        statement, values = every.query.sql_with_params()
        statement = f"SELECT * FROM ({statement}) nobody WHERE false"
    return statement, tuple(values)


def array(column: str) -> pl.Expr:
    """A list column as the text of a PostgreSQL array."""
    return pl.concat_str(
        pl.lit("{"), pl.col(column).list.eval(pl.element().cast(pl.String)).list.join(","), pl.lit("}")
    ).alias(column)
