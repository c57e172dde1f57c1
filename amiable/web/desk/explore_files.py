"""One figure in its parts, taken along: paper, a workbook, CSV. Each one is in the trail."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.core import audit
from amiable.insight import names
from amiable.insight.board import Asked, Board, Column, Line, Section, Tile
from amiable.insight.slices import Sliced
from amiable.web.desk import scope
from amiable.web.desk.audit_pages import harmless
from amiable.web.desk.explore_table import cells, columns, drawn, in_words, numbers
from amiable.web.desk.figure_files import KINDS
from amiable.web.desk.figures import Chosen
from amiable.web.ui import clock

FILES = {"pdf": "PDF", "xlsx": gettext_lazy("Workbook (XLSX)"), "csv": "CSV"}
PRINTED = 300  # lines; the workbook has all


def taken(
    request: scope.Asked, told: Sliced, chosen: Chosen, kind: str, *, since: date, until: date, narrowed: Sequence[str]
) -> HttpResponse:
    """What is seen, taken along; who took it is in the trail."""
    now = clock.now().astimezone(ZoneInfo(chosen.creditor.time_zone))
    if kind == "csv":
        media_type, content = "text/csv; charset=utf-8", _csv(told, chosen).encode()
    else:
        media_type, make = KINDS[kind]
        content = make(_board(told, chosen, since, until, narrowed, most=PRINTED if kind == "pdf" else None), now)
    audit.record(
        "figures.exported", now=now, user=request.user, creditor_ref=chosen.creditor.pk, subject="figures", kind=kind,
        kpi=told.kpi.key, by=list(told.by), currency=chosen.currency, since=since.isoformat(),
        until=until.isoformat(),
    )  # fmt: skip
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="amiable-{told.kpi.key}-{told.as_of.isoformat()}.{kind}"'
    return response


def _board(
    told: Sliced, chosen: Chosen, since: date, until: date, narrowed: Sequence[str], *, most: int | None
) -> Board:
    """The answer as a board: the figure, its picture, and its lines (the first ones where paper would have too many)."""
    each, named = told.kpi, in_words(told, chosen.creditor)
    days = (until - since).days + 1
    values = [
        Column(label=label, unit=unit) for label, (_, unit) in zip(columns(each), cells(each, told.total), strict=True)
    ]
    further = max(0, len(told.parts) - (most or len(told.parts)))
    lines = [
        Line(cells=(*(named[name][key] for name, key in zip(told.by, part.by, strict=True)), *numbers(each, part)))
        for part in told.parts[:most]
    ]
    if lines:
        whole = (_("Together"), *[""] * (len(told.by) - 1), *numbers(each, told.total))
        lines.append(Line(cells=whole, total=True))
    table = Section(
        key="parts", title=str(each.label), wide=True, lines=lines, empty=told.note, columns=[
            *(Column(label=names.head(name)) for name in told.by), *values
        ],
        says=[_more(further)] if further else (),
    )  # fmt: skip
    picture = drawn(told, named)
    return Board(
        key="explore", title=str(each.label), lead=str(each.formula), measured_on=min(told.as_of, until), alarms=(),
        asked=Asked(creditor=chosen.creditor, currency=chosen.currency, as_of=until, days=days),
        tiles=[Tile(key=each.key, label=str(each.label), unit=each.unit, value=told.total.value, counts=each.counts,
                    numerator=told.total.numerator, denominator=told.total.denominator,
                    note="; ".join(narrowed))],
        sections=[*([picture] if picture else []), *([table] if told.by else [])],
    )  # fmt: skip


def _more(further: int) -> str:
    words = ngettext("The workbook has %(n)d more line.", "The workbook has %(n)d more lines.", further)
    return words % {"n": further}


def _csv(told: Sliced, chosen: Chosen) -> str:
    """Every line as numbers: amounts in minor units, shares from 0 to 1."""
    named = in_words(told, chosen.creditor)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*told.by, "kpi", "unit", "currency", "value", "numerator", "denominator"])
    for part in told.parts if told.by else [told.total]:
        own = [harmless(named[name][value]) for name, value in zip(told.by, part.by, strict=True)]
        writer.writerow(
            [*own, told.kpi.key, told.kpi.unit.value, told.currency, part.value, part.numerator, part.denominator]
        )
    return buffer.getvalue()
