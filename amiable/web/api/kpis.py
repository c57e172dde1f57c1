"""Every figure: its formula and newest value; one of them over days of one's choice, parted by up to three things, narrowed.

In: a creditor of whom the asker sees the whole. Out: numbers as they are, money in minor units. Never: what each colleague
did, told to whom the role does not tell it.
"""

from datetime import date, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from amiable.insight.grain import NUMBERS
from amiable.insight.kpi import Better, Kpi, Unit, declared
from amiable.insight.measure import newest
from amiable.insight.slices import Part, Sliced, slice_up, times
from amiable.ledger.models import Creditor
from amiable.web.api import room
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import Currency, Day, Id, Key
from amiable.web.desk.explore import BACK, LONGEST, WHO
from amiable.web.desk.explore_table import in_words
from amiable.web.ui import clock

router = Router(tags=["figures"])
Dimension = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Narrowed = Annotated[str, Field(max_length=141, pattern=r"^[a-z_]{1,40}:[^\x00]*$")]


class KpiOut(Schema):
    """A figure with its formula, by what it can be parted, and its newest value; empty: nothing to measure."""

    key: str
    label: str
    formula: str
    unit: Unit
    better: Better
    dimensions: list[str]
    sources: list[str]
    currency: str
    as_of: date | None
    value: float | None = Field(description="Money and prices in minor units, shares from 0 to 1.")
    numerator: int | None
    denominator: int | None


class Kpis(Schema):
    items: list[KpiOut]


class PartName(Schema):
    """A value of a dimension, and what it is called; empty: not known, or none."""

    value: int | str | date | None
    name: str


class SlicePart(Schema):
    by: list[PartName]
    value: float | None = Field(description="Money and prices in minor units, shares from 0 to 1.")
    numerator: int | None
    denominator: int | None


class KpiSliced(Schema):
    """`as_of`: the last day that is known whole; `note`: a sentence where there is nothing to tell."""

    key: str
    label: str
    unit: Unit
    currency: str
    since: date
    until: date
    as_of: date
    by: list[str]
    total: SlicePart
    parts: list[SlicePart]
    note: str


class OfHouse(Schema):
    creditor: Id
    currency: Currency | None = Field(None, description="The creditor's own where it is not said.")


class Slices(OfHouse):
    since: Day | None = Field(None, description="90 days before the end where it is not said; three years at most.")
    until: Day | None = Field(None, description="Yesterday where it is not said: figures are of whole days.")
    by: list[Dimension] = Field([], max_length=3, description="Up to three of its `dimensions`.")
    where: list[Narrowed] = Field(
        [], max_length=20, description="Narrowed to parts: `segment:late`; `segment:` is those without one."
    )


@room.get(router, "/kpis", response=Kpis, name="list_kpis", summary="List figures with their formulas")
def listed(request: HttpRequest, asked: Query[OfHouse]) -> Any:
    """Every figure that is measured, with its newest value."""
    house = room.row(room.houses(room.asking(request).user), asked.creditor)
    currency, team = asked.currency or house.currency, _sees_team(request, house)
    last = newest(creditor=house, as_of=clock.whole_day(house.time_zone), currency=currency)
    return {"items": [_kpi(each, currency, last.get(each.key), team=team) for each in declared().values()]}


@room.get(router, "/kpis/{key}", response=KpiSliced, name="slice_kpi", summary="One figure over days, in parts")
def sliced(request: HttpRequest, key: Key, asked: Query[Slices]) -> Any:
    """Over the days from `since` to `until`, by up to three of its dimensions."""
    house = room.row(room.houses(room.asking(request).user), asked.creditor)
    if key not in declared():
        raise not_found()
    narrowed = dict(_narrowed(each) for each in asked.where)
    if WHO in (*asked.by, *narrowed) and not _sees_team(request, house):
        raise Problem(403, _("Your role does not do that for this creditor."))
    until = asked.until or clock.whole_day(house.time_zone)
    since = asked.since or until - timedelta(days=BACK - 1)
    if (until - since).days > LONGEST:
        raise Problem(422, _("A figure is told over three years at most."))
    told = slice_up(
        creditor=house, key=key, by=asked.by, since=since, until=until, currency=asked.currency or "", where=narrowed
    )
    named = in_words(told, house)
    return {
        "key": key, "label": str(told.kpi.label), "unit": told.kpi.unit, "currency": told.currency, "since": since,
        "until": until, "as_of": told.as_of, "by": list(told.by), "total": _part(told, told.total, named),
        "parts": [_part(told, part, named) for part in told.parts], "note": told.note,
    }  # fmt: skip


def _sees_team(request: HttpRequest, house: Creditor) -> bool:
    return room.houses(room.asking(request).user, "see_team").filter(pk=house.pk).exists()


def _kpi(each: Kpi, currency: str, last: Any, *, team: bool) -> dict[str, Any]:
    day, (value, numerator, denominator) = last or (None, (None, None, None))
    dimensions = [name for name in (*each.dimensions, *times(each)) if team or name != WHO]
    return {
        "key": each.key, "label": str(each.label), "formula": str(each.formula), "unit": each.unit, "better": each.better,
        "dimensions": dimensions, "sources": list(each.sources), "currency": currency if each.in_currency else "",
        "as_of": day, "value": value, "numerator": numerator, "denominator": denominator,
    }  # fmt: skip


def _narrowed(text: str) -> tuple[str, Any]:
    name, _colon, value = text.partition(":")
    if name in NUMBERS and value:
        if not value.isdecimal() or len(value) > 15:
            raise Problem(422, _("“%(value)s” is no number of a row.") % {"value": value})
        return name, int(value)
    return name, value or None


def _part(told: Sliced, part: Part, named: Any) -> dict[str, Any]:
    by = [{"value": value, "name": str(named[name][value])} for name, value in zip(told.by, part.by, strict=False)]
    return {"by": by, "value": part.value, "numerator": part.numerator, "denominator": part.denominator}
