"""What a figure comes to in parts, as names, columns, cells and a picture: the same on the page and in its files."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from amiable.insight import names
from amiable.insight.board import Cell, Column, Drawn, Line, Section
from amiable.insight.kpi import SUMS, Kpi, Unit
from amiable.insight.slices import TIMES, Part, Sliced
from amiable.ledger.models import Creditor

DRAWN, DRAWN_TIMES = 24, 120  # parts of a picture; points of its lines
BESIDE = 6  # parts of the second thing in a picture
TONES = ("accent", "1_30", "61_90", "not_due", "31_60", "over_90")


def in_words(told: Sliced, creditor: Creditor) -> dict[str, dict[Any, str]]:
    return {
        name: names.named(creditor=creditor, dimension=name, values={part.by[place] for part in told.parts})
        for place, name in enumerate(told.by)
    }


def columns(kpi: Kpi) -> list[str]:
    return (
        [str(kpi.label)]
        if kpi.unit in SUMS and kpi.denominator is None
        else [str(kpi.label), _("Counted"), _("Out of")]
    )


def cells(kpi: Kpi, part: Part) -> list[tuple[Cell, Unit]]:
    """The value, and of what it is made; a sum without a whole is its own part."""
    value: list[tuple[Cell, Unit]] = [(part.value, kpi.unit)]
    if kpi.unit in SUMS and kpi.denominator is None:
        return value
    above, below = kpi.made_of
    return [*value, (part.numerator, above), (part.denominator, below)]


def numbers(kpi: Kpi, part: Part) -> list[Cell]:
    return [cell for cell, _unit in cells(kpi, part)]


def drawn(told: Sliced, named: Mapping[str, Mapping[Any, str]]) -> Section | None:
    """One thing as bars, time as lines; two things as the first beside the most frequent parts of the second."""
    if len(told.by) not in (1, 2) or not told.parts:
        return None
    first = next((name for name in told.by if name in TIMES), told.by[0])
    second = next((name for name in told.by if name != first), "")
    at = told.by.index(first)
    values = {(part.by[at], part.by[1 - at] if second else None): part.value for part in told.parts}
    across = _most(told, told.by.index(second)) if second else [None]
    down = list(dict.fromkeys(key for key, _across in values))
    if not 1 < len(down) <= (DRAWN_TIMES if first in TIMES else DRAWN):  # one of them is told by its number
        return None
    return Section(
        key="picture", title=str(told.kpi.label), wide=True, drawn=Drawn.LINES if first in TIMES else Drawn.BARS, empty="",
        says=[_("Drawn are the %(n)d that weigh most; the table below has all.") % {"n": BESIDE}]
        if second and len({key for _down, key in values}) > BESIDE else (),
        lines=[Line(cells=(named[first][key], *(values.get((key, each)) for each in across))) for key in down],
        columns=[
            Column(label=names.head(first)),
            *(
                Column(
                    label=named[second][each] if second else str(told.kpi.label), unit=told.kpi.unit, drawn=True, tone=TONES[n]
                )
                for n, each in enumerate(across)
            ),
        ],
    )  # fmt: skip


def _most(told: Sliced, place: int) -> list[Any]:
    """The parts of the second thing that weigh most, in their own order."""
    weights: dict[Any, int] = {}
    for part in told.parts:
        weights[part.by[place]] = weights.get(part.by[place], 0) + (part.denominator or part.numerator or 0)
    most = sorted(weights, key=lambda key: -weights[key])[:BESIDE]
    return sorted(most, key=lambda key: (key is None, str(key)))
