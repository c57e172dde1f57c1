"""Tables of typed cells as a workbook (XLSX) or as CSV, row by row: whatever their length, little of it is in memory.

In: sheets: headings, rows, the picture of some columns. Out: a file, lines. Never: text of somebody's that a programme
reads as a formula, an amount without its currency's format, two sheets of one name. Free of Django.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from math import ceil
from typing import Any, BinaryIO

import xlsxwriter
from babel.numbers import format_decimal, get_currency_symbol

from amiable.core import money
from amiable.core.language import locale

LONGEST = 32_000  # characters of a cell
WIDEST, NARROWEST, WIDEST_HEAD = 60, 9, 18
NO_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would work out


@dataclass(frozen=True)
class Amount:
    minor: int
    currency: str


@dataclass(frozen=True)
class Share:
    """From 0 to 1."""

    value: float


@dataclass(frozen=True)
class Days:
    value: float


Cell = str | int | float | date | Amount | Share | Days | None


@dataclass(frozen=True, kw_only=True)
class Series:
    """A column as it is drawn; `colour` as #rrggbb."""

    column: int
    colour: str
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """`kind`: line, column, bar, stack or funnel; the first column names, and `series` are drawn over the first `rows`."""

    kind: str
    series: Sequence[Series]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """`above`: sentences over the table. `strong`: which rows are sums. `sum_name`: amounts are added up below the table,
    each currency by itself, in rows of that name.
    """

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    above: Sequence[str] = ()
    strong: frozenset[int] = frozenset()
    sum_name: str = ""
    chart: Chart | None = None


def workbook(sheets: Iterable[Sheet], *, to: BinaryIO, title: str, language: str, made_at: datetime) -> None:
    """Writes the sheets into a file, in their order."""
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "dd/mm/yyyy",
    }
    book = xlsxwriter.Workbook(to, options)
    book.set_properties({"title": title, "author": "Amiable", "created": made_at.replace(tzinfo=None)})
    forms, names = _Forms(book, language), set[str]()
    for sheet in sheets:
        _Page(book, book.add_worksheet(_named(sheet.title, names)), forms).fill(sheet)
    book.close()


def csv_lines(sheet: Sheet, *, language: str) -> Iterator[bytes]:
    """The table as text, the way the reader's spreadsheet opens it: separators and decimal sign of the language, amounts
    without their currency.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if language == "fr" else ",")
    yield b"\xef\xbb\xbf"
    heads, rows = list(sheet.heads), iter(sheet.rows)
    writer.writerow(heads)
    for count, row in enumerate(rows):
        writer.writerow([_text(cell, language) for cell in row])
        if count % 500 == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> bytes:
    told = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return told


def _text(cell: Cell, language: str) -> str:
    """A cell as text; what a spreadsheet would take for a formula is marked as words."""
    match cell:
        case None:
            return ""
        case str():
            return f"'{cell}" if cell.startswith(FORMULA) else cell
        case date():
            return cell.isoformat()
        case Amount():
            return _decimal(str(money.major(cell.minor, cell.currency)), language)
        case Share() | Days():
            return _decimal(f"{cell.value:.6g}", language)
    return _decimal(str(cell), language)


def _decimal(text: str, language: str) -> str:
    return text.replace(".", ",") if language == "fr" else text


def _named(title: str, names: set[str]) -> str:
    """A name for a sheet as Excel takes it: short, without signs of its own, and no other's."""
    bare = NO_NAME.sub(" ", title).strip().strip("'")[:31].strip() or "–"
    name, n = bare, 1
    while name.casefold() in names | {"history"}:
        n += 1
        name = f"{bare[: 31 - len(str(n)) - 3]} ({n})"
    names.add(name.casefold())
    return name


@lru_cache(maxsize=64)
def pattern(currency: str, language: str) -> str:
    """The number format of a currency: 1 234,56 € or €1,234.56, with as many decimals as it knows."""
    symbol = get_currency_symbol(currency, locale=locale(language)).replace("]", "")
    places = money.exponent(currency)
    digits = "#,##0" + ("." + "0" * places if places else "")
    return f"{digits}\\ [${symbol}]" if language == "fr" else f"[${symbol}]{digits}"


class _Forms:
    """The formats of a workbook, each made once."""

    def __init__(self, book: xlsxwriter.Workbook, language: str) -> None:
        self.book, self.language, self.known = book, language, dict[tuple[str, bool], Any]()
        head = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "vcenter", "bg_color": "#e3f1ed"}
        self.head, self.number_head = book.add_format(head), book.add_format(head | {"align": "right"})
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.above = book.add_format({"font_color": "#5b6875"})

    def of(self, cell: Cell, strong: bool) -> Any:
        key = (self.pattern(cell), strong)
        if key not in self.known:
            told: dict[str, Any] = {"num_format": key[0], "valign": "top"} | (
                {"bold": True, "top": 1} if strong else {}
            )
            self.known[key] = self.book.add_format(told | ({"text_wrap": True} if isinstance(cell, str) else {}))
        return self.known[key]

    def pattern(self, cell: Cell) -> str:
        match cell:
            case str():
                return "@"
            case Amount():
                return pattern(cell.currency, self.language)
            case Share():
                return "0.0%"
            case Days():
                return "#,##0"
            case date():
                return "dd/mm/yyyy"
            case float():
                return "#,##0.0"
        return "#,##0"


@dataclass
class _Page:
    book: xlsxwriter.Workbook
    page: Any
    forms: _Forms
    widths: dict[int, int] = field(default_factory=dict)

    def fill(self, sheet: Sheet) -> None:
        self.page.write_string(0, 0, sheet.title[:LONGEST], self.forms.title)
        for n, text in enumerate(sheet.above, 1):
            self.page.write_string(n, 0, text[:LONGEST], self.forms.above)
        head = len(sheet.above) + 2
        rows = iter(sheet.rows)
        first = list(next(rows, ()))
        self._heads(sheet.heads, first, head)
        last = self._rows(sheet, chain([first] if first else [], rows), head)
        self.page.freeze_panes(head + 1, 1)
        self.page.set_landscape()
        self.page.set_paper(9)
        self.page.fit_to_pages(1, 0)
        self.page.repeat_rows(head)
        for column, width in self.widths.items():
            self.page.set_column(column, column, min(width, WIDEST) + 2)
        if sheet.heads and last > head:
            self.page.autofilter(head, 0, last, len(sheet.heads) - 1)
        if sheet.chart and sheet.chart.rows:
            self._draw(sheet, sheet.chart, first, head)

    def _heads(self, heads: Sequence[str], first: Sequence[Cell], line: int) -> None:
        """The headings, over numbers where numbers stand; as high as the longest needs, which not every programme finds out."""
        for column, text in enumerate(heads):
            words = column >= len(first) or isinstance(first[column], str | None)
            self.page.write_string(line, column, text, self.forms.head if words else self.forms.number_head)
            self.widths[column] = max(NARROWEST, min(len(text), WIDEST_HEAD))
        self.page.set_row(line, 17 * max((ceil(len(text) / WIDEST_HEAD) for text in heads), default=1))

    def _rows(self, sheet: Sheet, rows: Iterable[Sequence[Cell]], head: int) -> int:
        """Writes the rows; the last one of the table."""
        line, sums = head, dict[str, dict[int, int]]()
        for n, row in enumerate(rows):
            line += 1
            for column, cell in enumerate(row):
                self._write(line, column, cell, strong=n in sheet.strong)
                if sheet.sum_name and isinstance(cell, Amount):
                    added = sums.setdefault(cell.currency, {})
                    added[column] = added.get(column, 0) + cell.minor
        for n, (currency, added) in enumerate(sorted(sums.items()), 1):
            self._write(line + n, 0, f"{sheet.sum_name} {currency}", strong=True)
            for column, minor in sorted(added.items()):
                self._write(line + n, column, Amount(minor, currency), strong=True)
        return line

    def _write(self, line: int, column: int, cell: Cell, *, strong: bool) -> None:
        """One cell by its type; a word is only ever written as a word."""
        if cell is None:
            return
        form = self.forms.of(cell, strong)
        match cell:
            case str():
                self.page.write_string(line, column, cell[:LONGEST], form)
                size = len(cell)
            case date():
                self.page.write_datetime(line, column, cell, form)
                size = 10
            case _:
                value = _number(cell)
                self.page.write_number(line, column, value, form)
                size = len(format_decimal(round(value, 2), locale="en")) + 5
        self.widths[column] = max(self.widths.get(column, NARROWEST), size)

    def _draw(self, sheet: Sheet, drawn: Chart, row: Sequence[Cell], head: int) -> None:
        """The picture as the spreadsheet's own, beside the table; its axes tell days and numbers as the columns do."""
        kinds: Mapping[str, dict[str, str]] = {
            "line": {"type": "line"}, "column": {"type": "column"}, "bar": {"type": "bar"}, "funnel": {"type": "bar"},
            "stack": {"type": "bar", "subtype": "stacked"},
        }  # fmt: skip
        chart = self.book.add_chart(dict(kinds[drawn.kind]))
        name, first, last = self.page.get_name(), head + 1, head + drawn.rows
        for each in drawn.series:
            line = {"color": each.colour, "width": 2} | ({"dash_type": "dash"} if each.dashed else {})
            look = {"line": line} if drawn.kind == "line" else {"fill": {"color": each.colour}}
            chart.add_series(
                {"name": [name, head, each.column], "categories": [name, first, 0, last, 0],
                 "values": [name, first, each.column, last, each.column], **look}
            )  # fmt: skip
        names: dict[str, Any] = {}
        if isinstance(row[0], date):  # a line has the days between as well; bars stand side by side
            axis = "date_axis" if drawn.kind == "line" else "text_axis"
            names = {axis: True, "num_format": self.forms.pattern(row[0])}
        numbers = {
            "num_format": self.forms.pattern(row[drawn.series[0].column]).replace("0.0%", "0%").replace(".00", "")
        }
        if drawn.kind in {"funnel", "stack", "bar"}:
            chart.set_y_axis(names | {"reverse": True})
            chart.set_x_axis(numbers | {"label_position": "high"})  # at the bottom still
        else:
            chart.set_x_axis(names)
            chart.set_y_axis(numbers)
        chart.set_title({"name": sheet.title, "name_font": {"size": 12}, "overlay": False})
        chart.set_legend({"none": True} if len(drawn.series) == 1 else {"position": "bottom"})
        chart.set_size({"width": 640, "height": 340})
        self.page.insert_chart(head, len(sheet.heads) + 1, chart, {"description": sheet.title})


def _number(cell: int | float | Amount | Share | Days) -> float:
    if isinstance(cell, Amount):
        return float(money.major(cell.minor, cell.currency))
    return cell.value if isinstance(cell, Share | Days) else cell
