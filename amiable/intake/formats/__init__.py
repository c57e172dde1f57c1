"""The port of file formats: one file each. A format turns bytes into tables of texts; what they mean is said elsewhere.

Each table has `#line` (where the row stands), `#wrong` (why it is no row, else null) and one text column per heading.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from amiable.core import registry
from amiable.intake.measure import Measured
from amiable.intake.reading import Reading

LINE, WRONG = "#line", "#wrong"
BATCH = 50_000
At = Callable[[int], None]


def nowhere(done: int) -> None:
    """Nobody asked how far the reading is."""


class Format(ABC):
    """One way to write rows into a file."""

    key = ""
    label: Any = ""  # lazily translated
    rank = 50  # asked in this order: the pickier first
    kind = ""  # where the format itself says the kind of its rows
    folders = False  # whether a folder can stand for a file

    @abstractmethod
    def matches(self, head: bytes, name: str) -> bool:
        """Whether a file that begins so is of this format."""

    @abstractmethod
    def recognise(self, path: Path, measured: Measured, name: str) -> Reading:
        """What the file itself tells of how it is to be read: encoding, separator, headings. Raises UnableToImport."""

    @abstractmethod
    def rows(self, path: Path, reading: Reading, *, at: At = nowhere) -> Iterator[pl.DataFrame]:
        """The rows of the file in batches, as texts; `at` is told how many bytes are read.

        Raises UnableToImport when the file turns out to be broken.
        """


@cache
def formats() -> dict[str, Format]:
    """Every format of this folder and of other packages, the pickier first."""
    import amiable.intake.formats as package

    found = registry.discover(package, Format, entry_point="amiable.formats")  # type: ignore[type-abstract]
    return {kind.key: kind() for kind in sorted(found.values(), key=lambda kind: (kind.rank, kind.key))}


def named_apart(headings: Sequence[str]) -> tuple[str, ...]:
    """Headings without spaces around them, none empty and none twice, so that each names one column."""
    names: list[str] = []
    for place, heading in enumerate(headings, start=1):
        name = " ".join(heading.replace("\ufeff", "").split())[:80] or f"#{place}"
        count, wanted = 1, name
        while name in names:
            count += 1
            name = f"{wanted} ({count})"
        names.append(name)
    return tuple(names)


def table(
    lines: list[int], wrong: list[str | None], cells: list[Sequence[str]], headings: Sequence[str]
) -> pl.DataFrame:
    """A batch of rows of equal length as a table of texts."""
    columns = zip(*cells, strict=True) if cells else ([] for _ in headings)
    return pl.DataFrame(
        [pl.Series(LINE, lines, pl.Int64), pl.Series(WRONG, wrong, pl.String)]
        + [pl.Series(name, list(column), pl.String) for name, column in zip(headings, columns, strict=True)]
    )
