"""The French file of accounting entries (FEC): 18 columns between tabs or bars, in whatever lawful encoding, without quotes.

Article A47 A-1 of the Livre des procédures fiscales; the name `<SIREN>FEC<YYYYMMDD>.txt` tells whose and which year's it is.
"""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.separated import plain
from amiable.intake.formats import LINE, WRONG, At, Format, named_apart, nowhere
from amiable.intake.measure import Measured
from amiable.intake.reading import Reading, UnableToImport

COLUMNS = {
    "journal": "journal code", "journal_name": "journal lib", "number": "ecriture num", "day": "ecriture date",
    "account": "compte num", "account_name": "compte lib", "aux": "comp aux num", "aux_name": "comp aux lib",
    "reference": "piece ref", "piece_on": "piece date", "label": "ecriture lib", "debit": "debit", "credit": "credit",
    "amount": "montant", "side": "sens", "lettered": "ecriture let", "lettered_on": "date let",
}  # fmt: skip
NEEDED = ("journal", "number", "day", "account")
CHUNK = 8 * 1024 * 1024
_NAME = re.compile(r"(\d{9})FEC(\d{8})", re.IGNORECASE)


class Fec(Format):
    key = "fec"
    label = gettext_lazy("Accounting entries (FEC)")
    rank = 10
    kind = "fec"

    def matches(self, head: bytes, name: str) -> bool:
        first = head[:4000].replace(b"\0", b"").lower().replace(b"_", b"").replace(b" ", b"")
        return b"journalcode" in first and b"ecriturenum" in first and b"comptenum" in first

    def recognise(self, path: Path, measured: Measured, name: str) -> Reading:
        if not measured.encoding:
            raise UnableToImport(_("This is not a text file: it holds bytes that no text has."))
        first = measured.head.decode(measured.encoding, errors="ignore").splitlines()[0]
        delimiter = max("\t|;", key=first.count)
        headings = named_apart([cell.strip().strip('"') for cell in first.split(delimiter)])
        columns = columns_of(headings)
        missing = [COLUMNS[field] for field in NEEDED if field not in columns]
        if missing or not ({"debit", "credit"} <= columns.keys() or {"amount", "side"} <= columns.keys()):
            raise UnableToImport(
                _("The FEC has not all of its columns: debit and credit, or amount and side, are missing.")
            )
        told = _NAME.search(name)
        return Reading(
            format=self.key, encoding=measured.encoding, delimiter=delimiter, headings=headings, columns=columns, decimal=",",
            date_order="ymd", siren=told[1] if told else "", closing=told[2] if told else "",
        )  # fmt: skip

    def rows(self, path: Path, reading: Reading, *, at: At = nowhere) -> Iterator[pl.DataFrame]:
        line = 0
        try:
            for lines in _lines(path, reading.encoding, at):
                yield from _tables(lines, line, reading)
                line += len(lines)
        except UnicodeError as error:
            raise UnableToImport(
                _("The text of the file cannot be read as %(encoding)s.") % {"encoding": reading.encoding}
            ) from error


def columns_of(headings: tuple[str, ...]) -> dict[str, str]:
    """Field → heading, whatever the case and the spaces of the headings."""
    names = {plain(heading).replace(" ", ""): heading for heading in headings}
    return {field: names[word.replace(" ", "")] for field, word in COLUMNS.items() if word.replace(" ", "") in names}


def _lines(path: Path, encoding: str, at: At) -> Iterator[list[str]]:
    """The lines of the file in lists, decoded on the way."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    rest = ""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = rest + decoder.decode(chunk)
            whole, _end, rest = text.rpartition("\n")
            if len(rest) > CHUNK:
                raise UnableToImport(
                    _("A line of this file is longer than a million characters: it is no list of rows.")
                )
            at(file.tell())
            if whole or _end:
                yield whole.split("\n")
    rest += decoder.decode(b"", final=True)
    if rest:
        yield [rest]


def _tables(lines: list[str], before: int, reading: Reading) -> Iterator[pl.DataFrame]:
    width = len(reading.headings)
    text = pl.Series("text", lines, pl.String)
    frame = pl.DataFrame([text]).with_row_index(LINE, offset=before + 1)
    frame = frame.filter((pl.col(LINE) > reading.head_line) & (pl.col("text").str.strip_chars(" \t|;\x1a\0") != ""))
    if frame.is_empty():
        return
    cells = pl.col("text").str.count_matches(reading.delimiter, literal=True) + 1
    wrong = (
        pl.when(cells != width)
        .then(
            pl.lit(
                _("The row has another number of cells than there are headings (%(headings)d).") % {"headings": width}
            )
        )
        .alias(WRONG)
    )
    split = pl.col("text").str.split_exact(reading.delimiter, width - 1).struct.rename_fields(list(reading.headings))
    table = frame.select(pl.col(LINE).cast(pl.Int64), wrong, split.alias("#cells")).unnest("#cells")
    if any('"' in line for line in lines[:100]):
        table = table.with_columns(pl.col(list(reading.headings)).str.strip_chars('"'))
    yield table
