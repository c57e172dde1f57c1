"""A board as a workbook: a first sheet of its tiles beside the period before, then a sheet a section, with its picture.

In: a Board. Out: an XLSX file with typed cells. Never: a nought where nothing is known, a number made into text.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import BinaryIO

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from amiable.core import sheets
from amiable.core.sheets import Amount, Cell, Chart, Days, Series, Share, Sheet
from amiable.insight import say
from amiable.insight.board import Board, Column, Drawn, Section, Tile
from amiable.insight.board import Cell as Told
from amiable.insight.kpi import SUMS, Unit
from amiable.insight.tones import colours

KINDS = {
    Drawn.LINES: "line", Drawn.BAND: "line", Drawn.BARS: "column", Drawn.STACK: "stack", Drawn.FUNNEL: "funnel",
}  # fmt: skip


def write(board: Board, *, to: BinaryIO, made_at: datetime) -> None:
    """Writes the board into the file, in the reader's language."""
    language = (get_language() or "fr")[:2]
    title = f"{board.title} – {board.asked.creditor.name}"
    sheets.workbook([_tiles(board, made_at), *_sections(board)], to=to, title=title, language=language, made_at=made_at)


def about(board: Board, made_at: datetime) -> list[str]:
    """Of whom, in which currency, over which days, and when it was made."""
    asked = board.asked
    period = {"since": say.said(asked.since, None, ""), "until": say.said(asked.as_of, None, "")}
    return [
        f"{asked.creditor.name} · {asked.currency} · " + _("%(since)s – %(until)s") % period,
        say.as_of(board),
        _("Made on %(moment)s by Amiable.") % {"moment": made_at.strftime("%d/%m/%Y %H:%M")},
    ]  # fmt: skip


def unmeasured() -> str:
    return _("Nothing was measured yet")


def _tiles(board: Board, made_at: datetime) -> Sheet:
    above = [board.lead, *about(board, made_at), *(each.text for each in board.alarms)]
    if not board.measured:
        above.append(unmeasured())
    heads = [
        _("Figure"),
        _("Value"),
        _("Before"),
        _("Change"),
        pgettext("of a share", "Part"),
        pgettext("of a share", "Of"),
        _("Unit"),
        _("How it is counted"),
    ]
    rows = [_tile(each, board.asked.currency) for each in board.tiles] if board.measured else []
    return Sheet(title=board.title, heads=heads, rows=rows, above=above)


def _tile(tile: Tile, currency: str) -> list[Cell]:
    known = tile.value is not None and tile.before is not None
    change = (tile.value or 0) - (tile.before or 0) if known else None
    shares = tile.numerator is not None and tile.denominator and tile.unit in {Unit.PERCENT, *SUMS}
    of = Unit.COUNT if tile.counts or tile.unit is Unit.COUNT else Unit.MONEY
    return [
        tile.label, *(cell(each, tile.unit, currency) for each in (tile.value, tile.before, change)),
        *(cell(each, of, currency) if shares else None for each in (tile.numerator, tile.denominator)),
        unit(tile.unit, currency), " ".join(each for each in (tile.formula, tile.note) if each),
    ]  # fmt: skip


def unit(which: Unit | None, currency: str) -> str:
    """What a number is of, in a word."""
    words = {
        Unit.PERCENT: "%", Unit.MONEY: currency, Unit.PRICE: currency, Unit.DAYS: _("days"), Unit.COUNT: _("number"),
        Unit.RATE: _("rate"), Unit.SCORE: _("points"), None: "",
    }  # fmt: skip
    return words[which]


def cell(value: Told, of: Unit | None, currency: str) -> Cell:
    """A value of a board as a typed cell."""
    if value is None or isinstance(value, str | date):
        return value or None
    match of:
        case Unit.MONEY | Unit.PRICE:
            return Amount(round(value), currency)
        case Unit.PERCENT:
            return Share(value)
        case Unit.DAYS:
            return Days(value)
        case Unit.RATE | Unit.SCORE:
            return float(value)
    return round(value)


def _sections(board: Board) -> Iterator[Sheet]:
    if board.measured:
        for each in board.sections:
            yield _section(each, board.asked.currency)


def _section(section: Section, currency: str) -> Sheet:
    columns = section.columns
    rows = [
        [cell(value, column.unit, currency) for value, column in zip(line.cells, columns, strict=True)]
        for line in section.lines
    ]
    strong = frozenset(n for n, line in enumerate(section.lines) if line.total)
    return Sheet(
        title=section.title, heads=[_head(each) for each in columns], rows=rows, strong=strong,
        above=[*section.says, *([] if rows else [section.empty])], chart=_chart(section),
    )  # fmt: skip


def _head(column: Column) -> str:
    return f"{column.label} ({_('days')})" if column.unit is Unit.DAYS else column.label


def _chart(section: Section) -> Chart | None:
    """The picture over the lines that are no sums, which stand first."""
    picture, drawn = section.picture, [(place, column) for place, column in enumerate(section.columns) if column.drawn]
    rows = next((n for n, line in enumerate(section.lines) if line.total), len(section.lines))
    if picture is None or not drawn or not rows:
        return None
    tones = colours([column for _place, column in drawn])
    # Of a band, the lowest and the highest are dashed: what is between them may come.
    edges = {0, 2} if picture is Drawn.BAND else set[int]()
    series = [
        Series(column=place, colour=tone, dashed=column.dashed or n in edges)
        for n, ((place, column), tone) in enumerate(zip(drawn, tones, strict=True))
    ]
    return Chart(kind=KINDS[picture], series=series, rows=rows)
