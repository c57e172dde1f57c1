"""A board as a PDF: tiles, pictures and the tables behind them; one that is `brief` stands on one page.

In: a Board. Out: a tagged A4 document, the same bytes from the same data. Never: a picture without its numbers in words.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from babel.numbers import format_compact_currency, format_compact_decimal
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from amiable.core import money
from amiable.core.language import locale
from amiable.core.typeset import pages, pdf
from amiable.insight import say
from amiable.insight.board import Board, Cell, Column, Drawn, Line, Section, Tile
from amiable.insight.kpi import Unit
from amiable.insight.tones import colours

PAPER = Path(__file__).parent / "paper"
TIGHTEST = 3
LYING = {Drawn.STACK, Drawn.FUNNEL}


def board_pdf(board: Board, *, made_at: datetime) -> bytes:
    """The board in the reader's language. One that is brief is set closer until it fits one page."""
    data = board_data(board, made_at)
    content = pdf(PAPER / "board.typ", data, made_at=made_at)
    while data["brief"] and data["tight"] < TIGHTEST and pages(content) > 1:
        data["tight"] += 1
        content = pdf(PAPER / "board.typ", data, made_at=made_at)
    return content


def board_data(board: Board, made_at: datetime) -> dict[str, Any]:
    """Everything that the pages say, in words; of pictures, where each point stands."""
    asked = board.asked
    days = {"since": say.said(asked.since, None, ""), "until": say.said(asked.as_of, None, "")}
    measured = board.measured_on is not None
    return {
        "language": (get_language() or "fr")[:2], "title": board.title, "lead": board.lead, "brief": board.brief,
        "tight": 0, "creditor": asked.creditor.name, "currency": asked.currency, "period": _("%(since)s – %(until)s") % days,
        "made": _("Made on %(moment)s") % {"moment": made_at.strftime("%d/%m/%Y %H:%M")}, "measured": measured,
        "words": {"page": pgettext("1 of 2", "Page"), "of": pgettext("Page 1", "of"),
                  "unmeasured": _("Nothing was measured yet")},
        "against": say.as_of(board),
        "alarms": [{"text": each.text, "bad": each.bad} for each in board.alarms] if measured else [],
        "tiles": [_tile(each, asked.currency) for each in board.tiles] if measured else [],
        "sections": [_section(each, asked.currency) for each in board.sections] if measured else [],
    }  # fmt: skip


def _tile(tile: Tile, currency: str) -> dict[str, Any]:
    change = say.change(tile, currency)
    before = _("from %(value)s") % {"value": say.said(tile.before, tile.unit, currency)}
    return {
        "label": tile.label, "value": say.value(tile, currency), "part": say.part(tile, currency), "before": before,
        "note": tile.note, "change": {"text": change.text, "tone": change.tone} if change else None,
    }  # fmt: skip


def _section(section: Section, currency: str) -> dict[str, Any]:
    columns = section.columns
    return {
        "title": section.title, "says": list(section.says), "empty": section.empty, "wide": section.wide,
        "columns": [{"label": each.label, "end": each.unit is not None} for each in columns],
        "rows": [{"cells": _said(line, columns, currency), "total": line.total} for line in section.lines],
        "picture": _picture(section, currency),
    }  # fmt: skip


def _said(line: Line, columns: Sequence[Column], currency: str) -> list[str]:
    return [say.said(cell, column.unit, currency) for cell, column in zip(line.cells, columns, strict=True)]


def _picture(section: Section, currency: str) -> dict[str, Any] | None:
    """Names, axis and columns of a picture; none where there is nothing that could be drawn."""
    lines = [line for line in section.lines if not line.total]
    picture, drawn = section.picture, [(place, column) for place, column in enumerate(section.columns) if column.drawn]
    values = [[_number(line.cells[place]) for line in lines] for place, _column in drawn]
    known = [value for each in values for value in each if value is not None]
    if picture is None or not known:
        return None
    unit, lying = drawn[0][1].unit, picture in LYING
    low, high, step = _axis(picture, values, known, unit)
    tones = colours([column for _place, column in drawn])
    names = [say.said(line.cells[0], section.columns[0].unit, currency) for line in lines]
    series = [
        {
            "name": column.label, "colour": tone, "dashed": column.dashed,
            "named": picture is not Drawn.BAND or n not in {0, 2},
            "last": _newest(own, column, currency) if picture is Drawn.LINES else "",
            "values": [None if value is None else round((value - low) / (high - low), 5) for value in own],
        }
        for n, ((_place, column), own, tone) in enumerate(zip(drawn, values, tones, strict=True))
    ]  # fmt: skip
    return {
        "kind": str(picture), "names": names, "series": series, "zero": round(max(-low, 0) / (high - low), 5),
        "ticks": [
            {"at": round((at - low) / (high - low), 5), "label": _short(at, unit, currency)}
            for at in _ticks(low, high, step)
        ],
        "tells": [_tell(picture, values, n, unit, currency) for n in range(len(lines))] if lying else [],
        "alt": _in_words(section.title, lines, drawn, currency),
    }  # fmt: skip


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None


def _axis(
    drawn: Drawn, values: Sequence[Sequence[float | None]], known: Sequence[float], unit: Unit | None
) -> tuple[float, float, float]:
    """From where to where the axis goes, and its step: round numbers that hold every value.

    What lies is the longest row, one part after another. Lines of what is no sum need no nought.
    """
    if drawn is Drawn.STACK:
        return 0, max(sum(max(each[n] or 0, 0) for each in values) for n in range(len(values[0]))) or 1, 1
    if drawn is Drawn.FUNNEL:
        return 0, max(*known, 0) or 1, 1
    least, most = min(known), max(known)
    if drawn is not Drawn.LINES or unit in {Unit.MONEY, Unit.PERCENT, Unit.COUNT} or least == most:
        least, most = min(least, 0), max(most, 0)
    step = _step((most - least) or 1)
    return math.floor(least / step) * step, math.ceil(most / step) * step or step, step


def _step(reach: float) -> float:
    """A round number that goes about four times into the reach."""
    size = 10 ** math.floor(math.log10(reach / 4))
    return float(next(each * size for each in (1, 2, 2.5, 5, 10) if each * size * 4.6 >= reach))


def _ticks(low: float, high: float, step: float) -> Iterator[float]:
    for n in range(round((high - low) / step) + 1 if high - low < step * 20 else 0):
        yield low + n * step


def _short(value: float, unit: Unit | None, currency: str) -> str:
    """A number for an axis: 12 k€."""
    language = (get_language() or "fr")[:2]
    if unit is Unit.PERCENT:
        return f"{value * 100:.3g}".replace(".", "," if language == "fr" else ".") + " %"[language != "fr" :]
    if unit in {Unit.MONEY, Unit.PRICE}:
        return str(
            format_compact_currency(
                money.major(round(value), currency), currency, locale=locale(language), fraction_digits=1
            )
        )
    return str(format_compact_decimal(round(value, 2), locale=locale(language), fraction_digits=1))


def _newest(values: Sequence[float | None], column: Column, currency: str) -> str:
    last = next((value for value in reversed(values) if value is not None), None)
    return "" if last is None else say.said(last, column.unit, currency)


def _tell(drawn: Drawn, values: Sequence[Sequence[float | None]], n: int, unit: Unit | None, currency: str) -> str:
    """What stands at the end of a lying bar: the sum of its parts; of a funnel, how much is left of the first."""
    parts = [each[n] for each in values]
    known = [part for part in parts if part is not None]
    told = say.said(sum(known) if known else None, unit, currency)
    first = values[0][0]
    if drawn is Drawn.FUNNEL and n and known and first:
        return f"{told} · {say.said(known[0] / first, Unit.PERCENT, currency)}"
    return told


def _in_words(title: str, lines: Sequence[Line], drawn: Sequence[tuple[int, Column]], currency: str) -> str:
    """What the picture shows, for who cannot see it."""
    told = [
        f"{say.said(line.cells[0], None, currency)}: "
        + ", ".join(f"{column.label} {say.said(line.cells[place], column.unit, currency)}" for place, column in drawn)
        for line in lines
    ]
    return f"{title}. " + "; ".join(told)
