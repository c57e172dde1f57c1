"""Workbooks (XLSX, XLS, ODS): the sheet whose headings are known best; numbers and dates come as exact texts."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from amiable.intake import headings
from amiable.intake.formats import BATCH, At, Format, named_apart, nowhere, table
from amiable.intake.measure import Measured
from amiable.intake.reading import Reading, UnableToImport

LARGEST = 2 * 1024**3  # unpacked
FIRST_ROWS = 30
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Xlsx(Format):
    key = "xlsx"
    label = gettext_lazy("Workbook (XLSX)")
    rank = 20

    def matches(self, head: bytes, name: str) -> bool:
        if head.startswith(OLD):
            return True
        return head.startswith(b"PK\x03\x04") and (
            name.lower().endswith((".xlsx", ".xlsm", ".ods"))
            or b"xl/" in head
            or b"[Content_Types].xml" in head
            or b"opendocument.spreadsheet" in head
        )

    def recognise(self, path: Path, measured: Measured, name: str) -> Reading:
        workbook = _open(path)
        best: tuple[int, int, str, int, list[str]] | None = None
        for sheet_name in workbook.sheet_names:
            for line, row in _cells(workbook.get_sheet_by_name(sheet_name)):
                cells = [_text(cell, "") for cell in row]
                offer = (headings.known(cells), sum(map(bool, cells)))
                if sum(map(bool, cells)) > 1 and (best is None or offer > best[:2]):
                    best = (*offer, sheet_name, line, cells)
                if line >= FIRST_ROWS:
                    break
        if best is None:
            raise UnableToImport(_("No columns were found: a file has headings, and a separator between its columns."))
        _known, _filled, sheet_name, line, cells = best
        while cells and not cells[-1]:
            cells.pop()
        return Reading(format=self.key, sheet=sheet_name, head_line=line, headings=named_apart(cells))

    def rows(self, path: Path, reading: Reading, *, at: At = nowhere) -> Iterator[pl.DataFrame]:
        workbook, width = _open(path), len(reading.headings)
        if reading.sheet not in workbook.sheet_names:
            raise UnableToImport(_("The workbook has no sheet named “%(sheet)s”.") % {"sheet": reading.sheet})
        lines: list[int] = []
        wrong: list[str | None] = []
        cells: list[list[str]] = []
        for line, row in _cells(workbook.get_sheet_by_name(reading.sheet)):
            texts = [_text(cell, reading.decimal) for cell in row]
            if line <= reading.head_line or not any(texts):
                continue
            lines.append(line)
            wrong.append(_("The row has cells outside the headings.") if any(texts[width:]) else None)
            cells.append((texts + [""] * width)[:width])
            if len(lines) == BATCH:
                yield table(lines, wrong, list(cells), reading.headings)
                lines, wrong, cells = [], [], []
        if lines:
            yield table(lines, wrong, list(cells), reading.headings)


def _open(path: Path) -> CalamineWorkbook:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(member.file_size for member in archive.infolist()) > LARGEST:
                    raise UnableToImport(_("The workbook would unpack to more than 2 GB."))
        return CalamineWorkbook.from_path(str(path))
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnableToImport(_("The workbook is damaged or incomplete and cannot be opened.")) from error


def _cells(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Rows with their line numbers as the person sees them."""
    try:
        yield from enumerate(sheet.iter_rows(), start=1)
    except CalamineError as error:
        raise UnableToImport(_("The workbook is damaged or incomplete and cannot be opened.")) from error


def _text(cell: Any, decimal: str) -> str:
    """A cell as text. Numbers have the 15 digits that workbooks know, with the decimal sign that texts of the file use."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float | int):
        if float(cell).is_integer():
            return str(int(cell))
        if not decimal:
            return str(int(cell))  # while signs are still being looked for, a true number tells nothing of them
        digits = f"{cell:.15g}"
        return (digits if "e" not in digits else f"{cell:.10f}".rstrip("0")).replace(".", decimal)
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    if isinstance(cell, time | timedelta):
        return str(cell)
    return ""
