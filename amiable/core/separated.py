"""Text with separators: which separator, and which row holds the headings. Shared by all who read spreadsheets' exports.

In: the first text of a file, and how many headings of a row are known. Out: where the columns begin. Free of Django.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

DELIMITERS = (";", ",", "\t", "|")
FIRST_ROWS = 30


@lru_cache(maxsize=4096)
def plain(heading: str) -> str:
    """A heading without accents, signs, camel case or double spaces: `N° Facture` → `n facture`."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", heading.replace("°", " ").replace("º", " "))
    text = unicodedata.normalize("NFKD", text.replace("œ", "oe")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", text).strip()


def headed(text: str, known: Callable[[Sequence[str]], int]) -> tuple[int, str, list[str]] | None:
    """Line, separator and cells of the row of headings: the one with most known headings, then with most cells."""
    best: tuple[int, int, int, str, list[str]] | None = None
    for delimiter in DELIMITERS:
        for line, cells in _first_rows(text, delimiter):
            offer = (known(cells), len([cell for cell in cells if cell.strip()]), -line, delimiter, cells)
            if len(cells) > 1 and (best is None or offer[:2] > best[:2]):
                best = offer
    if best is None:
        return None
    _known, _filled, line, delimiter, cells = best
    return -line, delimiter, cells


def _first_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        before = 0
        for row in reader:
            yield before + 1, row
            before = reader.line_num
            if before > FIRST_ROWS:
                return
    except csv.Error:
        return  # with this separator it is no table; another may do
