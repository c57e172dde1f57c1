"""What the work brings: the boards of one creditor in one currency over a period, each beside the period before.

Every picture has the same numbers as a table behind it. What was never measured is a dash, never a zero.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.core import money
from amiable.insight import say
from amiable.insight.board import PERIODS, Board, Cell, Column, Drawn, Line, Link, Section, Tile, plans, show
from amiable.insight.kpi import Unit
from amiable.ledger.models import Creditor, Customer
from amiable.portfolio.models import Total
from amiable.web import seen
from amiable.web.desk import scope
from amiable.web.ui import clock

USUAL = 90  # days
NARROW, SHORT = 5, 8  # columns and lines of a table that has room beside another
FILES = {
    "pdf": "PDF", "xlsx": gettext_lazy("Workbook (XLSX)"), "csv": gettext_lazy("The numbers alone (CSV)"),
    "parquet": gettext_lazy("The numbers alone (Parquet)"),
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """Of whom, in which currency and over how many days the figures are asked for; each word checked."""

    creditors: list[Creditor]
    creditor: Creditor
    currencies: list[str]
    currency: str
    days: int

    @property
    def query(self) -> str:
        return urlencode({"creditor": self.creditor.pk, "currency": self.currency, "days": self.days})


@require_GET
@scope.inside
def figures(request: scope.Asked, board: str = "") -> HttpResponse:
    if board and board not in plans():
        raise Http404
    chosen = choose(request, board)
    if chosen is None:
        return render(request, "desk/figures.html", {"chosen": None})
    told = asked_board(chosen, board)
    name_seen(told)
    content = {
        "chosen": chosen,
        "board": told,
        "files": [(kind, str(label)) for kind, label in FILES.items()],
        "base": reverse("desk:figures") + told.key,
        "boards": boards(request, chosen.creditor),
        "periods": PERIODS,
        "since": told.asked.since,
        "as_of": say.as_of(told),
        "tiles": [_tile(each, chosen.currency) for each in told.tiles],
        "alarms": [(each, _address(each.to)) for each in told.alarms],
        "sections": _paired([shown_section(each, chosen.currency) for each in told.sections if each.lines]),
        "silent": [each for each in told.sections if not each.lines],
    }
    return render(request, "desk/figures.html", content)


def choose(request: scope.Asked, board: str = "") -> Chosen | None:
    """What is asked for, among the creditors that this colleague sees as a whole; None where there is none.

    A board that asks for a right does not exist for who has it nowhere.
    """
    act = plans()[board].act if board else ""
    creditors = list(scope.whole_creditors(request.user, act=act or None))
    if act and not creditors:
        raise Http404
    wanted = request.GET.get("creditor", "")
    creditor = next((each for each in creditors if str(each.pk) == wanted), creditors[0] if creditors else None)
    if creditor is None:
        return None
    used = Total.objects.filter(creditor=creditor).values_list("currency", flat=True).distinct()
    currencies = sorted({*used, creditor.currency}, key=lambda code: (code != creditor.currency, code))
    currency, days = request.GET.get("currency", ""), request.GET.get("days", "")
    return Chosen(
        creditors=creditors,
        creditor=creditor,
        currencies=currencies,
        currency=currency if currency in currencies else creditor.currency,
        days=int(days) if days in map(str, PERIODS) else USUAL,
    )


def asked_board(chosen: Chosen, board: str = "") -> Board:
    """The board that is asked for, the first one where none is."""
    key = board or next(iter(plans()))
    as_of = clock.whole_day(chosen.creditor.time_zone)
    return show(key=key, creditor=chosen.creditor, as_of=as_of, days=chosen.days, currency=chosen.currency)


def boards(request: scope.Asked, creditor: Creditor) -> list[tuple[str, str]]:
    """The boards of this creditor that this colleague may see: key and title."""
    asked = {each.act for each in plans().values() if each.act}
    held = {act for act in asked if scope.sees_whole_of(request.user, creditor.pk, act=act)}
    return [(each.key, str(each.title)) for each in plans().values() if not each.act or each.act in held]


def _address(to: Link | None) -> str:
    if to is None:
        return ""
    return reverse(f"desk:{to.place}", args=to.args) + ("?" + urlencode(to.asks) if to.asks else "")


def _tile(tile: Tile, currency: str) -> dict[str, Any]:
    return {
        "label": tile.label,
        "value": say.value(tile, currency),
        "part": say.part(tile, currency),
        "change": say.change(tile, currency),
        "before": say.said(tile.before, tile.unit, currency),
        "formula": tile.formula,
        "note": tile.note,
        "url": _address(tile.to),
    }


def shown_section(section: Section, currency: str) -> dict[str, Any]:
    """A section as its template needs it. A table of many columns or lines stands alone."""
    return {
        "key": f"board-{section.key}",
        "told": section,
        "wide": section.wide or (not section.picture and (len(section.columns) > NARROW or len(section.lines) > SHORT)),
        "rows": [_row(line, section.columns, currency) for line in section.lines],
        "picture": _picture(section, currency) if section.picture else None,
    }


def _paired(sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two narrow ones stand side by side; one that finds no other takes the whole width."""
    alone: dict[str, Any] | None = None
    for each in sections:
        if each["wide"]:
            alone = None
        elif alone is None:
            alone = each
            each["wide"] = True
        else:
            alone["wide"], alone = False, None
    return sections


def _row(line: Line, columns: Any, currency: str) -> dict[str, Any]:
    cells = [say.said(cell, column.unit, currency) for cell, column in zip(line.cells, columns, strict=True)]
    ends = [column.unit is not None for column in columns]
    return {
        "first": cells[0],
        "cells": list(zip(cells[1:], ends[1:], strict=True)),
        "url": _address(line.to),
        "line": line,
    }


def _picture(section: Section, currency: str) -> dict[str, Any] | None:
    """What charts.js draws: money in major units, shares in percent."""
    lines = [line for line in section.lines if not line.total]
    # Of what nothing is known there is nothing to draw; a band needs all that it is made of.
    drawn = [
        (place, column)
        for place, column in enumerate(section.columns)
        if column.drawn
        and (section.drawn is Drawn.BAND or any(line.cells[place] is not None for line in section.lines))
    ]
    if not drawn:
        return None
    timed = isinstance(lines[0].cells[0], date)
    if section.drawn is Drawn.STACK and not timed:  # lying bars are drawn from the bottom
        lines.reverse()
    return {
        "kind": str(section.drawn),
        "timed": timed,
        "unit": _mark(drawn[0][1], currency),
        "names": [say.short(line.cells[0]) for line in lines],
        "urls": [_address(line.to) for line in lines],
        "series": [
            {
                "name": column.label, "tone": column.tone, "dashed": column.dashed,
                "values": [_number(line.cells[place], column, currency) for line in lines],
            }
            for place, column in drawn
        ],
    }  # fmt: skip


def _mark(column: Column, currency: str) -> str:
    if column.unit in {Unit.MONEY, Unit.PRICE}:
        return currency
    return "%" if column.unit is Unit.PERCENT else ""


def _number(cell: Cell, column: Column, currency: str) -> float | None:
    if not isinstance(cell, int | float):
        return None
    if column.unit in {Unit.MONEY, Unit.PRICE}:
        return float(money.major(round(cell), currency))
    return round(cell * 100, 2) if column.unit is Unit.PERCENT else cell


def name_seen(told: Board) -> None:
    """Whoever is named on a board was looked at."""
    for line in (line for section in told.sections for line in section.lines):
        if line.to and line.to.place == "customer":
            seen.customer(Customer(pk=line.to.args[0], creditor_id=told.asked.creditor.pk))
