"""A quarantined row, mended by a person, goes the way that it would have gone in its file; or is given up.

In: the row and its new texts. Out: the ledger's rows, or the sentence why it still cannot be taken. Twice is once.
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl
from django.db import transaction
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.intake.formats import LINE, WRONG
from amiable.intake.kinds import kinds
from amiable.intake.load import wait_for_turn
from amiable.intake.models import FileKind, Import, QuarantinedRow
from amiable.intake.post import Told
from amiable.intake.reading import Reading


class UnableToRetry(UnableTo):
    """The row cannot be tried again."""


def retry(*, row: QuarantinedRow, values: Mapping[str, str], now: datetime, by: User | None) -> bool:
    """Tries the row with these texts under its headings; true when it was taken, else its new reason is on the row."""
    record = row.loaded_by
    with transaction.atomic():
        wait_for_turn(record.creditor)
        row = QuarantinedRow.objects.select_for_update().get(pk=row.pk)
        if row.mended_at or row.dropped_at:
            raise UnableToRetry(_("This row has been dealt with already."))
        reading = reading_of(record)
        if reading.kind == FileKind.OPEN_ITEMS and record.pk != _newest(record):
            raise UnableToRetry(
                _("A newer file of open items has been loaded since: it tells the balance of this row.")
            )
        raw = row.raw | {
            heading: text for heading, text in values.items() if heading in row.raw or heading in reading.headings
        }
        kind = kinds()[reading.kind]
        told = Told(record.creditor, record.source, record.as_of, now, backfill=kind.history)
        kind.open(reading, record.creditor)
        batch = _batch(row.line, raw, reading)
        bad = kind.stage(batch, reading, record.creditor)
        found = [(column, reason) for _line, column, reason in bad.select("line", "column", "reason").iter_rows()]
        if not found:
            found = [
                (column, reason) for line, column, reason in kind.post_one(told, reading, record) if line == row.line
            ]
        row.raw = raw
        if found:
            row.column, row.reason = found[0]
        else:
            row.mended_at, row.mended_by = now, by
        row.save(update_fields=["raw", "column", "reason", "mended_at", "mended_by"])
        audit.record(
            "row.retried",
            now=now,
            user=by,
            creditor_ref=record.creditor_id,
            subject="quarantined_row",
            subject_ref=row.pk,
            taken=not found,
        )
    return not found


def drop(*, row: QuarantinedRow, now: datetime, by: User | None) -> None:
    """Gives a row up: it is not asked about any more, and stays to be read."""
    with transaction.atomic():
        row = QuarantinedRow.objects.select_for_update().get(pk=row.pk)
        if row.mended_at or row.dropped_at:
            raise UnableToRetry(_("This row has been dealt with already."))
        row.dropped_at, row.mended_by = now, by
        row.save(update_fields=["dropped_at", "mended_by"])
        audit.record(
            "row.dropped",
            now=now,
            user=by,
            creditor_ref=row.loaded_by.creditor_id,
            subject="quarantined_row",
            subject_ref=row.pk,
        )


def reading_of(record: Import) -> Reading:
    """How the file of a load was read."""
    mapping = record.figures["reading"]
    headings = tuple(record.figures.get("headings") or record.source.headings)
    reading = Reading(format=mapping["format"], kind=mapping["kind"], headings=headings)
    closing = str(record.figures.get("closing") or "")
    reading = reading.with_mapping(mapping | {"closing": closing})
    return reading.with_columns(mapping["columns"])


def _newest(record: Import) -> int:
    return Import.objects.filter(source=record.source, ended_at__isnull=False).latest("pk").pk


def _batch(line: int, raw: Mapping[str, str], reading: Reading) -> pl.DataFrame:
    """The row as its format would have given it, with the lines that stood around it in its entry where they matter."""
    blank = dict.fromkeys(reading.headings, "")
    rows = [
        {LINE: line, WRONG: None, **blank, **{name: text for name, text in raw.items() if not name.startswith("#")}}
    ]
    if reading.kind == FileKind.FEC:
        same = {
            name: raw.get(reading.columns[name], "") for name in ("journal", "number", "day") if name in reading.columns
        }
        shell = {LINE: 0, WRONG: None, **blank, **{reading.columns[name]: text for name, text in same.items()}}
        place = int(raw.get("#place", "1"))
        before = [shell | {LINE: line - place + turn, reading.columns["account"]: "4"} for turn in range(1, place)]
        after = [
            shell | {LINE: line + turn, reading.columns["account"]: account}
            for turn, account in enumerate(raw.get("#with", "").split(), start=1)
        ]
        rows = [*before, *rows, *after]
    schema = {LINE: pl.Int64, WRONG: pl.String, **dict.fromkeys(reading.headings, pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")
