"""Rows as text between separators, as spreadsheets and accounts write them; quotes and line ends inside cells are read."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.separated import headed
from amiable.intake import headings
from amiable.intake.formats import BATCH, At, Format, named_apart, nowhere, table
from amiable.intake.measure import LONGEST_LINE, Measured
from amiable.intake.reading import Reading, UnableToImport

OTHER_FILES = (
    (b"%PDF", "PDF"),
    (b"<?xml", "XML"),
    (b"{", "JSON"),
    (b"<html", "HTML"),
    (b"<!DOC", "HTML"),
    (b"\x1f\x8b", "gzip"),
)


class Csv(Format):
    key = "csv"
    label = gettext_lazy("Text with separators (CSV)")
    rank = 90  # almost any text could be one: asked last

    def matches(self, head: bytes, name: str) -> bool:
        return not any(head.lstrip().startswith(sign) for sign, _what in OTHER_FILES) and not head.startswith(
            b"PK\x03\x04"
        )

    def recognise(self, path: Path, measured: Measured, name: str) -> Reading:
        _refuse_nonsense(measured)
        with path.open("rb") as file:
            first = file.read(len(measured.head) & ~1).decode(measured.encoding, errors="ignore")
        best = headed(first, headings.known)
        if best is None:
            raise UnableToImport(_("No columns were found: a file has headings, and a separator between its columns."))
        line, delimiter, cells = best
        return Reading(
            format=self.key,
            encoding=measured.encoding,
            delimiter=delimiter,
            head_line=line,
            headings=named_apart(cells),
        )

    def rows(self, path: Path, reading: Reading, *, at: At = nowhere) -> Iterator[pl.DataFrame]:
        width = len(reading.headings)
        lines: list[int] = []
        wrong: list[str | None] = []
        cells: list[Sequence[str]] = []
        for line, row in _rows(path, reading, at):
            if line <= reading.head_line or not any(row):
                continue
            why = None
            if len(row) != width:
                if any(cell.strip() for cell in row[width:]) or len(row) < width:
                    why = _("The row has %(cells)d cells where the headings are %(headings)d.") % {
                        "cells": len(row),
                        "headings": width,
                    }
                row = (row + [""] * width)[:width]
            lines.append(line)
            wrong.append(why)
            cells.append(row)
            if len(lines) == BATCH:
                yield table(lines, wrong, cells, reading.headings)
                lines, wrong, cells = [], [], []
        if lines:
            yield table(lines, wrong, cells, reading.headings)


def _refuse_nonsense(measured: Measured) -> None:
    if not measured.encoding:
        raise UnableToImport(_("This is not a text file: it holds bytes that no text has."))
    if measured.longest_line > LONGEST_LINE:
        raise UnableToImport(_("A line of this file is longer than a million characters: it is no list of rows."))


def _rows(path: Path, reading: Reading, at: At) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins."""
    try:
        with path.open("rb") as bytes_, io.TextIOWrapper(bytes_, encoding=reading.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=reading.delimiter)
            before = 0
            for row in reader:
                yield before + 1, row
                before = reader.line_num
                if not before % 10_000:
                    at(bytes_.tell())
    except UnicodeError as error:
        raise UnableToImport(
            _("The text of the file cannot be read as %(encoding)s.") % {"encoding": reading.encoding}
        ) from error
    except (csv.Error, LookupError) as error:
        raise UnableToImport(_("The file is no table of rows: %(why)s.") % {"why": str(error).rstrip(".")}) from error
