"""Copies of invoices: a folder or a ZIP of PDFs, one row per file. The bytes are read again when they are stored.

Never: a file unpacked beyond its limits, a path of an archive followed.
"""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.intake.formats import At, Format, nowhere, table
from amiable.intake.measure import Measured
from amiable.intake.reading import Reading, UnableToImport

HEADINGS = ("file", "invoice", "sha256", "size")
LARGEST = 50 * 1024**2  # of one copy
LARGEST_ALL = 4 * 1024**3
MOST = 100_000  # files
TIMES = 100  # an archive that unpacks to more than so many times its size is a trap
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


class Copies(Format):
    key = "copies"
    label = gettext_lazy("Invoice copies (PDFs in a folder or a ZIP)")
    rank = 30
    kind = "copies"
    folders = True

    def matches(self, head: bytes, name: str) -> bool:
        return head.startswith(b"PK\x03\x04") and not (b"xl/" in head or b"word/" in head)

    def recognise(self, path: Path, measured: Measured, name: str) -> Reading:
        return Reading(format=self.key, headings=HEADINGS, columns={"name": "file", "reference": "invoice"})

    def rows(self, path: Path, reading: Reading, *, at: At = nowhere) -> Iterator[pl.DataFrame]:
        lines: list[int] = []
        wrong: list[str | None] = []
        cells: list[list[str]] = []
        done = 0
        for line, (name, size, file) in enumerate(opened(path), start=1):
            digest, why = _digest(file, size)
            done += size
            at(done)
            lines.append(line)
            wrong.append(why)
            cells.append([name, "", digest, str(size)])
            if len(lines) == 1000:
                yield table(lines, wrong, list(cells), HEADINGS)
                lines, wrong, cells = [], [], []
        if not lines and not done:
            raise UnableToImport(_("There is no PDF here: bring a folder or a ZIP of invoice copies."))
        yield table(lines, wrong, list(cells), HEADINGS)


def opened(path: Path) -> Iterator[tuple[str, int, BinaryIO]]:
    """Name, size and open file of each copy, in the order of the archive or of names."""
    if path.is_dir():
        for file in sorted(entry for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink()):
            if not _JUNK.search(file.relative_to(path).as_posix()):
                with file.open("rb") as stream:
                    yield file.name[:200], file.stat().st_size, stream
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member for member in archive.infolist() if not member.is_dir() and not _JUNK.search(member.filename)
            ]
            _refuse_traps(members, path.stat().st_size)
            for member in members:
                if member.flag_bits & 1:
                    raise UnableToImport(_("The ZIP is protected by a password."))
                with archive.open(member) as stream:
                    yield PurePosixPath(member.filename.replace("\\", "/")).name[:200], member.file_size, stream  # type: ignore[misc]
    # NotImplementedError: zipfile says so of an archive made in a way that it cannot read, some of it only on opening.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError) as error:
        raise UnableToImport(_("The ZIP is damaged or incomplete and cannot be opened.")) from error


def _refuse_traps(members: list[zipfile.ZipInfo], packed: int) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MOST:
        raise UnableToImport(_("The ZIP holds more than %(most)d files.") % {"most": MOST})
    if total > LARGEST_ALL or (total > LARGEST and total > TIMES * packed):
        raise UnableToImport(
            _("The ZIP would unpack to far more than invoice copies need (%(size)d MB).") % {"size": total // 1024**2}
        )


def _digest(file: BinaryIO, size: int) -> tuple[str, str | None]:
    """The digest of a copy, and why it is none. Not a byte more is read than the size that was told and allowed."""
    if size > LARGEST:
        return "", _("The file is larger than %(most)d MB.") % {"most": LARGEST // 1024**2}
    content = file.read(LARGEST + 1)
    if b"%PDF-" not in content[:1024]:
        return "", _("The file is no PDF.")
    if len(content) > LARGEST:
        return "", _("The file is larger than %(most)d MB.") % {"most": LARGEST // 1024**2}
    return hashlib.sha256(content).hexdigest(), None
