"""A look at a file before it is loaded: what was found, how its first rows are understood, what is wrong with them.

In: a path and what a person corrected. Out: a Preview. Never: a row written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from django.db import transaction

from amiable.intake import headings, interpret, interpret_contacts, interpret_fec, recognise
from amiable.intake.formats import LINE, WRONG
from amiable.intake.load import read_for
from amiable.intake.models import FileKind
from amiable.intake.reading import Reading, UnableToImport
from amiable.ledger.models import Creditor

FIRST = 20


@dataclass(frozen=True)
class Preview:
    """`rows` are (line, texts under the headings); `understood` are (line, value per field); `problem` is what stops the load."""

    reading: Reading
    source: str
    fields: list[str]
    rows: list[tuple[int, list[str]]]
    understood: list[tuple[int, dict[str, Any]]]
    bad: list[tuple[int, str, str]]
    problem: str = ""


def preview(
    *,
    path: Path,
    name: str,
    creditor: Creditor,
    now: datetime,
    source_key: str | None = None,
    kind: str | None = None,
    mapping: Mapping[str, Any] | None = None,
) -> Preview:
    """The first rows of a file as they would be taken. Raises UnableToImport when it can be no file of ours."""
    seen = recognise.look(path=path, name=name)
    with transaction.atomic():
        source, reading = read_for(
            seen, path=path, creditor=creditor, source_key=source_key, kind=kind, mapping=mapping, now=now
        )
        transaction.set_rollback(True)
    batch = next(iter(seen.form.rows(path, reading)), None)
    if batch is None:
        batch = pl.DataFrame(schema={LINE: pl.Int64, WRONG: pl.String, **dict.fromkeys(reading.headings, pl.String)})
    batch = batch.head(FIRST)
    problem = ""
    try:
        good, bad = _understood(batch, reading, creditor)
    except UnableToImport as refusal:
        good, bad, problem = (
            pl.DataFrame(),
            pl.DataFrame(schema={"line": pl.Int64, "column": pl.String, "reason": pl.String}),
            str(refusal),
        )
    return Preview(
        reading=reading,
        source=source.key,
        fields=headings.fields(reading.kind),
        rows=[(row[0], [text or "" for text in row[1:]]) for row in batch.drop(WRONG).iter_rows()],
        understood=[(row.pop("line"), _told(row)) for row in good.iter_rows(named=True)] if good.width else [],
        bad=bad.rows(),
        problem=problem,
    )


def _understood(batch: pl.DataFrame, reading: Reading, creditor: Creditor) -> tuple[pl.DataFrame, pl.DataFrame]:
    if reading.kind == FileKind.CONTACTS:
        return interpret_contacts.contacts(batch, reading, creditor.country)
    if reading.kind == FileKind.FEC:
        lines, bad = interpret_fec.lines(batch, reading)
        return lines.filter(pl.col("number").is_not_null() & ~pl.col("bad")).drop("bad", "opening"), bad
    if reading.kind == FileKind.COPIES:
        good = batch.filter(pl.col(WRONG).is_null()).select(pl.col(LINE).alias("line"), "file", "size")
        bad = batch.filter(pl.col(WRONG).is_not_null())
        return good, bad.select(
            pl.col(LINE).alias("line"), pl.lit("file").alias("column"), pl.col(WRONG).alias("reason")
        )
    return interpret.movements(batch, reading)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says, without what it leaves out and what only the machine needs."""
    hidden = {"external_id", "negative", "terms_end_of_month"}
    return {
        name: value
        for name, value in row.items()
        if value not in (None, "") and name not in hidden and (name != "reached" or value)
    }
