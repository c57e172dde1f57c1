"""Every figure: its formula and newest value; one of them over days of one's choice, parted by up to three things, narrowed.

What cannot be told is a sentence. What is seen can be taken along as a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.insight import names, say
from amiable.insight.grain import NUMBERS
from amiable.insight.kpi import Kpi, declared
from amiable.insight.measure import newest
from amiable.insight.slices import MOST, TIMES, Sliced, UnableToSlice, slice_up, span, times
from amiable.ledger.models import Creditor
from amiable.web.desk import scope
from amiable.web.desk.explore_files import FILES, taken
from amiable.web.desk.explore_table import cells, columns, drawn, in_words
from amiable.web.desk.figures import Chosen, boards, choose, shown_section
from amiable.web.desk.house import day_asked
from amiable.web.ui import clock

FIRST = "recovery_rate"
BACK = 90  # days, where nothing else is asked for
LONGEST = 3 * 366
SHOWN = 300  # lines of the table; the file has all
WHO = "collector"  # what each colleague did is not for everybody
NONE = "-"  # the part without a value, in an address


@dataclass(frozen=True)
class Question:
    """What is asked for, each word checked; `where` narrows to parts."""

    kpi: Kpi
    since: date
    until: date
    by: tuple[str, ...]
    where: Mapping[str, Any]
    query: Mapping[str, Any]

    def address(self, **changed: Any) -> str:
        """The same question with some words changed; None drops one."""
        words = {**self.query, **changed}
        return "?" + urlencode(
            {name: value for name, value in words.items() if value not in (None, [], "")}, doseq=True
        )


@require_GET
@scope.inside
def explore(request: scope.Asked) -> HttpResponse:
    chosen = choose(request)
    if chosen is None:
        return render(request, "desk/explore.html", {"chosen": None})
    theirs = scope.sees_whole_of(request.user, chosen.creditor.pk, act="see_team")
    question = _read(request.GET, chosen, team=theirs)
    told, trouble = _ask(question, chosen)
    kind = request.GET.get("format", "")
    if told is not None and kind in FILES:
        narrowed = [text for text, _url in _chips(question, chosen.creditor)]
        return taken(request, told, chosen, kind, since=question.since, until=question.until, narrowed=narrowed)
    every = _every(question, chosen)
    content: dict[str, Any] = {
        "value": next(each["value"] for each in every if each["chosen"]),
        "chosen": chosen,
        "boards": boards(request, chosen.creditor),
        "question": question,
        "trouble": trouble,
        "told": told,
        "choices": [
            (number, _choices(question, number, team=theirs)) for number in range(min(MOST, _many(question, theirs)))
        ],
        "kpis": [(each.key, str(each.label)) for each in declared().values()],
        "every": every,
        "chips": _chips(question, chosen.creditor),
    }
    if told is not None:
        content |= _shown(told, question, chosen)
    return render(request, "desk/explore.html", content)


def _read(asked: QueryDict, chosen: Chosen, *, team: bool) -> Question:
    kpi = declared().get(asked.get("kpi", "")) or declared()[FIRST]
    whole = clock.whole_day(chosen.creditor.time_zone)
    until = min(day_asked(asked.get("until", "")) or whole, whole)
    since = day_asked(asked.get("since", "")) or until - timedelta(days=BACK - 1)
    known = _dimensions(kpi, team=team)
    by = tuple(dict.fromkeys(name for name in asked.getlist("by") if name in known))[:MOST]
    where = {
        name: value
        for name in kpi.dimensions
        if name in known and name in asked
        for value in [_part(name, asked.get(name, ""))]
        if value is not _ODD
    }
    since = max(since, until - timedelta(days=LONGEST))
    query: dict[str, Any] = {
        "creditor": chosen.creditor.pk, "currency": chosen.currency, "kpi": kpi.key, "since": since.isoformat(),
        "until": until.isoformat(), "by": list(by),
    } | {name: NONE if value is None else value for name, value in where.items()}  # fmt: skip
    return Question(kpi=kpi, since=since, until=until, by=by, where=where, query=query)


def _dimensions(kpi: Kpi, *, team: bool) -> tuple[str, ...]:
    """What parts this figure, for whom it may."""
    return tuple(name for name in (*kpi.dimensions, *times(kpi)) if team or name != WHO)


def _many(question: Question, team: bool) -> int:
    return len(_dimensions(question.kpi, team=team))


_ODD = object()


def _part(name: str, told: str) -> Any:
    """A part as its figure knows it; none of them where it cannot be one."""
    if told in (NONE, ""):
        return None
    if name in NUMBERS:
        return int(told) if told.isdecimal() and len(told) < 16 else _ODD
    return told[:100]


def _ask(question: Question, chosen: Chosen) -> tuple[Sliced | None, str]:
    """The answer, or the sentence of why there is none."""
    try:
        told = slice_up(
            creditor=chosen.creditor, key=question.kpi.key, by=question.by, since=question.since, until=question.until,
            currency=chosen.currency, where=question.where,
        )  # fmt: skip
    except UnableToSlice as why:
        return None, str(why)
    return told, told.note


def _choices(question: Question, number: int, *, team: bool) -> list[tuple[str, str, bool]]:
    """What the number-th choice of a dimension offers: not what another one has."""
    own = question.by[number] if number < len(question.by) else ""
    free = [name for name in _dimensions(question.kpi, team=team) if name == own or name not in question.by]
    return [(name, names.head(name), name == own) for name in free]


def _chips(question: Question, creditor: Creditor) -> list[tuple[str, str]]:
    """What it is narrowed to, each with the address without it."""
    found = []
    for name, value in question.where.items():
        named = names.named(creditor=creditor, dimension=name, values=[value])[value]
        found.append((f"{names.head(name)}: {named}", question.address(**{name: None})))
    return found


def _every(question: Question, chosen: Chosen) -> list[dict[str, Any]]:
    """Each figure with what it says of itself and its newest value."""
    last = newest(creditor=chosen.creditor, as_of=clock.whole_day(chosen.creditor.time_zone), currency=chosen.currency)
    better = {"up": _("more is better"), "down": _("less is better"), "neither": ""}
    found = []
    for each in declared().values():
        day, (value, _n, _d) = last.get(each.key, (None, (None, None, None)))
        found.append(
            {
                "kpi": each, "value": say.said(value, each.unit, chosen.currency), "day": day,
                "better": better[each.better.value], "sources": ", ".join(each.sources),
                "url": question.address(kpi=each.key, by=None, **dict.fromkeys(question.where)),
                "chosen": each.key == question.kpi.key,
            }
        )  # fmt: skip
    return found


def _shown(told: Sliced, question: Question, chosen: Chosen) -> dict[str, Any]:
    """The total, the table of parts with ways to narrow, and the picture of one or two things."""
    named = in_words(told, chosen.creditor)
    rows = [
        {
            "names": [
                (named[name][value], _narrowed(question, name, value))
                for name, value in zip(told.by, part.by, strict=True)
            ],
            "cells": [say.said(cell, unit, chosen.currency) for cell, unit in cells(told.kpi, part)],
        }
        for part in told.parts[:SHOWN]
    ]
    picture = drawn(told, named)
    return {
        "rows": rows,
        "heads": [names.head(name) for name in told.by],
        "columns": columns(told.kpi),
        "total": [say.said(cell, unit, chosen.currency) for cell, unit in cells(told.kpi, told.total)],
        "value": say.said(told.total.value, told.kpi.unit, chosen.currency),
        "further": max(0, len(told.parts) - SHOWN),
        "section": shown_section(picture, chosen.currency) if picture else None,
        "files": [(question.address(format=kind), label) for kind, label in FILES.items()],
    }


def _narrowed(question: Question, name: str, value: Any) -> str:
    """The address of the same question about this part alone; of a month or a week, about its days."""
    by = [each for each in question.by if each != name]
    if name in TIMES:
        first, last = span(name, value)
        since, until = max(first, question.since), min(last, question.until)
        return question.address(since=since.isoformat(), until=until.isoformat(), by=by)
    return question.address(by=by, **{name: NONE if value is None else value})
