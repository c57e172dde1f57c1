"""Boards by API: the same typed data that the pages, the paper and the workbooks are made of, money in minor units.

In: a creditor of whom the asker sees the whole. Out: boards. Never: a number made into text, a board that asks for a right
which the asker does not have.
"""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from amiable.insight import board as boards
from amiable.insight.board import Column, Drawn, Section, Tile
from amiable.insight.kpi import Unit
from amiable.web.api import room
from amiable.web.api.problem import not_found
from amiable.web.api.shape import Currency, Day, Id, Key
from amiable.web.desk.figures import name_seen
from amiable.web.ui import clock

router = Router(tags=["figures"])


def number(value: Any) -> Any:
    """In an address every number is text."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 5 else value


Value = str | int | float | date | None


class BoardOut(Schema):
    key: str
    title: str
    lead: str


class ColumnOut(Schema):
    label: str
    unit: Unit | None = Field(description="Of the numbers in it; empty: words or days.")
    drawn: bool


class LineOut(Schema):
    cells: list[Value]
    total: bool


class SectionOut(Schema):
    key: str
    title: str
    says: list[str]
    drawn: Drawn | None
    columns: list[ColumnOut]
    lines: list[LineOut]


class TileOut(Schema):
    key: str
    label: str
    unit: Unit
    value: float | None = Field(
        description="Money and prices in minor units, shares from 0 to 1; empty: nothing to measure."
    )
    before: float | None = Field(description="At the end of the period before.")
    numerator: int | None
    denominator: int | None
    formula: str


class BoardWhole(BoardOut):
    """A board as it is seen."""

    creditor: int
    currency: str
    since: date
    as_of: date
    measured_on: date | None
    alarms: list[str]
    tiles: list[TileOut]
    sections: list[SectionOut]


class Boards(Schema):
    items: list[BoardOut]


class OfBoard(Schema):
    """Of whom, in which currency, and over how many days."""

    creditor: Id
    currency: Currency | None = Field(default=None, description="The creditor's own where it is not said.")
    days: Annotated[Literal[30, 90, 365], BeforeValidator(number)] = 90
    as_of: Annotated[Day | None, Field(description="Yesterday where it is not said: figures are of whole days.")] = None


@room.get(router, "/boards", response=Boards, name="list_boards", summary="List boards")
def listed(request: HttpRequest) -> Any:
    user = room.asking(request).user
    held = {act: room.houses(user, act or room.READ).exists() for act in {each.act for each in boards.plans().values()}}
    return {"items": [_named(each) for each in boards.plans().values() if held[each.act]]}


@room.get(router, "/boards/{key}", response=BoardWhole, name="get_board", summary="Read one board")
def read(request: HttpRequest, key: Key, asked: Query[OfBoard]) -> Any:
    plan = boards.plans().get(key)
    if plan is None:
        raise not_found()
    house = room.row(room.houses(room.asking(request).user, plan.act or room.READ), asked.creditor)
    whole = clock.whole_day(house.time_zone)
    as_of = min(asked.as_of or whole, whole)
    told = boards.show(key=key, creditor=house, as_of=as_of, days=asked.days, currency=asked.currency or house.currency)
    name_seen(told)
    return {
        **_named(plan), "creditor": house.pk, "currency": told.asked.currency, "since": told.asked.since,
        "as_of": told.asked.as_of, "measured_on": told.measured_on, "alarms": [each.text for each in told.alarms],
        "tiles": [_tile(each) for each in told.tiles], "sections": [_section(each) for each in told.sections],
    }  # fmt: skip


def _named(plan: boards.Plan) -> dict[str, str]:
    return {"key": plan.key, "title": str(plan.title), "lead": str(plan.lead)}


def _tile(tile: Tile) -> dict[str, Any]:
    return {name: getattr(tile, name) for name in TileOut.model_fields}


def _section(section: Section) -> dict[str, Any]:
    return {
        "key": section.key, "title": section.title, "says": list(section.says), "drawn": section.picture,
        "columns": [_column(each) for each in section.columns],
        "lines": [{"cells": list(line.cells), "total": line.total} for line in section.lines],
    }  # fmt: skip


def _column(column: Column) -> dict[str, Any]:
    return {"label": column.label, "unit": column.unit, "drawn": column.drawn}
