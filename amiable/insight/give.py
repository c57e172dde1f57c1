"""Figures as a table for other programmes: CSV or Parquet, one line per figure, newest word of each day; and a board's numbers.

In: a creditor and days; or a board. Out: a table, a file. Never: a figure that a newer one of the same day has corrected.
"""

import io
from datetime import date
from pathlib import Path

import polars as pl
from django.utils.translation import gettext as _

from amiable.core import tables
from amiable.core.errors import UnableTo
from amiable.insight.board import Board, Cell
from amiable.insight.kpi import Unit, declared
from amiable.ledger.models import Creditor

KINDS = (".csv", ".parquet")
_FIGURES = """
SELECT DISTINCT ON (as_of, kpi, currency, slice) as_of, kpi, currency, slice::text, value, numerator, denominator,
  to_char(measured_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM insight_figure WHERE creditor_id = %(creditor)s AND as_of BETWEEN %(since)s AND %(until)s AND kpi = ANY(%(kpis)s)
ORDER BY as_of, kpi, currency, slice, measured_at DESC, id DESC"""
_SCHEMA = {
    "as_of": pl.Date, "kpi": pl.String, "currency": pl.String, "slice": pl.String, "value": pl.Float64, "numerator": pl.Int64,
    "denominator": pl.Int64, "measured_at": pl.String,
}  # fmt: skip

_NUMBERS = {
    "board": pl.String, "as_of": pl.Date, "days": pl.Int64, "currency": pl.String, "part": pl.String, "line": pl.Int64,
    "name": pl.String, "column": pl.String, "unit": pl.String, "value": pl.Float64,
}  # fmt: skip


class UnableToGive(UnableTo):
    """The figures cannot be given so."""


def table(*, creditor: Creditor, since: date, until: date) -> pl.DataFrame:
    """Every figure of those days as last measured, with its unit; money in minor units of its currency."""
    if since > until:
        raise UnableToGive(f"The period ends ({until}) before it begins ({since}).")
    values = {"creditor": creditor.pk, "since": since, "until": until, "kpis": list(declared())}
    rows = tables.read(_FIGURES, values, schema=_SCHEMA)
    units = {key: each.unit.value for key, each in declared().items()}
    told = rows.filter(pl.any_horizontal(pl.col("value", "numerator", "denominator").is_not_null()))
    unit = pl.col("kpi").replace_strict(units, return_dtype=pl.String)
    return told.select("as_of", "kpi", unit.alias("unit"), *list(_SCHEMA)[2:])


def numbers(board: Board) -> pl.DataFrame:
    """Every number of a board as its page shows it, one line each; money in minor units, shares from 0 to 1.

    `part`: `tiles`, or the section; `line`: its place there; `name`: the figure's key, or what the line is about.
    """
    asked, rows = board.asked, list[tuple[str, int, str, str, Unit, Cell]]()
    for n, tile in enumerate(board.tiles):
        told = {_("Value"): tile.value, _("Before"): tile.before}
        rows += [("tiles", n, tile.key, column, tile.unit, value) for column, value in told.items()]
    for section in board.sections:
        for n, line in enumerate(section.lines):
            name = " · ".join(
                str(cell) for cell, each in zip(line.cells, section.columns, strict=True) if cell and each.unit is None
            )
            rows += [
                (section.key, n, name, each.label, each.unit, cell)
                for cell, each in zip(line.cells, section.columns, strict=True)
                if each.unit is not None
            ]
    table = [
        (board.key, asked.as_of, asked.days, asked.currency, *row[:4], row[4].value, row[5])
        for row in rows
        if isinstance(row[5], int | float)
    ]
    return pl.DataFrame(table, schema=_NUMBERS, orient="row")


def parquet(found: pl.DataFrame) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    found.write_parquet(buffer)
    return buffer.getvalue()


def csv(found: pl.DataFrame) -> str:
    """The table as text."""
    buffer = io.StringIO()
    found.write_csv(buffer)
    return buffer.getvalue()


def write(found: pl.DataFrame, to: Path) -> None:
    """The table as a file; its name says of which kind."""
    if to.suffix not in KINDS:
        raise UnableToGive(f"A file of figures ends with {' or '.join(KINDS)}; {to.name} does not.")
    try:
        found.write_csv(to) if to.suffix == ".csv" else found.write_parquet(to)
    except OSError as error:
        raise UnableToGive(f"{to} cannot be written: {error.strerror or error}.") from error
