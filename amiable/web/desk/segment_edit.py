"""The editor of segments: a form of ordered segments, looked at before it is saved and takes force.

In: what a person filled in. Out: the page again with a sentence at each mistake, a preview, or a new version. What has a
mistake is never saved; only those who administer the whole creditor come here.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import CharField
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.conditions import UnableToRead, parse
from amiable.ledger.models import Creditor, Customer
from amiable.portfolio import facts, preview
from amiable.portfolio import segments as verbs
from amiable.portfolio.models import SegmentSet
from amiable.scenario.check import sentence
from amiable.web.desk import scope, segment_rows, segment_words
from amiable.web.desk.segment_pages import every_label, pick
from amiable.web.ui import clock

FIELDS = ("key", "label_fr", "label_en", "when")
MATRIX = 14  # segments up to which the moves are also drawn as a matrix
CHOICES = 60  # values of a text that are offered
UNITS = {**{fact.name: fact.unit for fact in facts.FACTS}, "segment": "text"}  # of whatever a condition may name


@require_http_methods(["GET", "POST"])
@scope.inside
def edit(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    asked = request.POST if request.method == "POST" else request.GET
    chosen = administered(creditors, asked.get("creditor", ""))
    last = SegmentSet.objects.filter(creditor=chosen).order_by("-version").first()
    if request.method == "POST":
        rules, after = read(request.POST), _number(request.POST.get("after", ""))
        act, _colon, place = request.POST.get("act", "").partition(":")
        if act not in {"save", "activate"}:
            return _page(request, chosen, _moved(rules, act, _number(place)), after)
        found = verbs.faults(rules)
        try:
            if not found:
                return _kept(request, chosen, rules, after, last, act)
        except UnableToRead as error:
            found = [verbs.Fault(None, error)]
        return _page(request, chosen, rules, after, found, status=422)
    base = SegmentSet.objects.filter(creditor=chosen, version=_number(request.GET.get("version", ""))).first()
    rules = [dict(each) for each in (base.segments if base else verbs.active(chosen.pk))]
    return _page(request, chosen, rules, last.version if last else 0, shown=base)


@require_POST
@scope.inside
def look_ahead(request: scope.Asked) -> HttpResponse:
    """What the filled-in segments would hold and move; nothing is written."""
    chosen = administered(list(scope.whole_creditors(request.user, act="administer")), request.POST.get("creditor", ""))
    rules = read(request.POST)
    for rule in rules:  # a label that is still to be translated need not be waited for here
        given = {language: text for language, text in rule["label"].items() if text}
        rule["label"] = dict.fromkeys(rule["label"], next(iter(given.values()), "")) | given
    wrong = [_said(rules, each) for each in verbs.faults(rules)]
    if wrong:
        return render(request, "desk/_segment_preview.html", {"wrong": wrong})
    found = preview.preview(creditor=chosen, segments=rules, as_of=clock.today())
    names = {rule["key"]: segment_words.label(rule) for rule in rules}
    names |= {key: label for key, label in every_label(chosen).items() if key not in names}
    content = {"found": found, "names": names, "matrix": _matrix(found, names), "creditor": chosen}
    return render(request, "desk/_segment_preview.html", content)


@require_POST
@scope.inside
def rows(request: scope.Asked) -> JsonResponse:
    return answer(request, known=facts.schema())


def answer(request: scope.Asked, *, known: Mapping[str, Any]) -> JsonResponse:
    """What a builder asks about the condition that it holds, which may name what is `known`."""
    if not scope.sees_whole(request.user, act="administer"):
        raise Http404
    told, wrong = as_rows(request.POST.get("when", ""), known=known)
    return JsonResponse({"rows": told, "wrong": wrong})


def as_rows(text: str, *, known: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """A condition as rows for the builder (None: it stays text), and what is wrong with it."""
    try:
        parse(text, known)
    except UnableToRead as error:
        return None, sentence(error)
    found = segment_rows.read(text, UNITS)
    return (found.plain() if found else None), ""


def read(posted: QueryDict) -> list[dict[str, Any]]:
    """The segments of the form in their order; those left empty are none, and a new one gets its key from its label."""
    columns = [posted.getlist(name) for name in FIELDS]
    if len({len(column) for column in columns}) != 1:
        raise Http404
    found: list[dict[str, Any]] = []
    taken = set(columns[0])
    for key, french, english, when in zip(*columns, strict=True):
        fr, en = french.strip(), english.strip()
        if not any((key, fr, en, when.strip())):
            continue
        found.append({"key": key or _key(en or fr, taken), "label": {"fr": fr, "en": en}, "when": when.strip()})
        taken.add(found[-1]["key"])
    return found


def _key(label: str, taken: set[str]) -> str:
    """A key that no other segment has."""
    plain = re.sub(r"^[^a-z]+", "", slugify(label).replace("-", "_"))[:36] or "segment"
    numbered = (plain if n == 1 else f"{plain}_{n}" for n in range(1, verbs.MOST + 3))
    return next(key for key in numbered if key not in taken)


def _kept(
    request: scope.Asked, creditor: Creditor, rules: list[dict[str, Any]], after: int, last: SegmentSet | None, act: str
) -> HttpResponse:
    """Saves the next version, and puts it in force when asked; a draft that is not changed is not saved again."""
    with transaction.atomic():
        same = last is not None and last.version == after and last.active_since is None and last.segments == rules
        drafted = (
            last
            if same and last
            else verbs.save(creditor=creditor, segments=rules, now=clock.now(), by=request.user, after=after)
        )
        if act == "activate":
            count = verbs.activate(drafted=drafted, as_of=clock.today(), now=clock.now(), by=request.user)
            told = ngettext(
                "Version %(version)s is in force: %(count)s customer moved.",
                "Version %(version)s is in force: %(count)s customers moved.",
                count,
            ) % {"version": drafted.version, "count": count}
        else:
            told = _("Version %(version)s is kept as a draft; nothing has changed yet.") % {"version": drafted.version}
    messages.success(request, told)
    return redirect(f"{reverse('desk:segments')}?creditor={creditor.pk}")


def _page(
    request: scope.Asked,
    creditor: Creditor,
    rules: list[dict[str, Any]],
    after: int,
    faults: list[verbs.Fault] | None = None,
    *,
    status: int = 200,
    shown: SegmentSet | None = None,
) -> HttpResponse:
    wrong, known = {fault.at: sentence(fault.error) for fault in reversed(faults or [])}, facts.schema()
    content = {
        "creditor": creditor,
        "rules": [(rule, segment_words.label(rule), wrong.get(at, "")) for at, rule in enumerate(rules)],
        "wrong": [_said(rules, fault) for fault in faults or []],
        "after": after,
        "shown": shown,
        "facts": known_facts(creditor),
        "rows": [as_rows(rule["when"], known=known)[0] for rule in rules],
        "words": segment_words.EDITOR,
        "empty": {"key": "", "label": {"fr": "", "en": ""}, "when": ""},
    }
    return render(request, "desk/segment_edit.html", content, status=status)


def known_facts(creditor: Creditor) -> list[dict[str, Any]]:
    """What the builder knows of each fact; texts with the values that the creditor's customers have."""
    found = []
    for fact in facts.FACTS:
        choices = [(value, segment_words.value(fact, value)) for value in _values(fact, creditor)]
        unit = "%" if fact.unit == "share" else creditor.currency if fact.unit == "money" else ""
        found.append(
            {
                "name": fact.name,
                "unit": fact.unit,
                "meaning": str(fact.meaning),
                "suffix": _("days") if fact.unit == "days" else unit,
                "choices": choices,
            }
        )
    return found


def _values(fact: facts.Fact, creditor: Creditor) -> list[str]:
    """The values of a text that may be offered: its keys, or those that the creditor's customers have."""
    if fact.unit != "text":
        return []
    if keys := segment_words.VALUES.get(fact.name):
        return list(keys)
    if fact.name == "branch":
        return list(creditor.branches.order_by("code").values_list("code", flat=True)[:CHOICES])
    if fact.name not in {field.name for field in Customer._meta.concrete_fields if isinstance(field, CharField)}:
        return []
    customers = Customer.objects.filter(creditor=creditor).exclude(**{fact.name: ""})
    return list(customers.order_by(fact.name).values_list(fact.name, flat=True).distinct()[:CHOICES])


def _said(rules: list[dict[str, Any]], fault: verbs.Fault) -> str:
    said = sentence(fault.error)
    if fault.at is None:
        return said
    name = segment_words.label(rules[fault.at]) or str(fault.at + 1)
    return _("Segment “%(segment)s”: %(fault)s") % {"segment": name, "fault": said}


def _moved(rules: list[dict[str, Any]], act: str, at: int) -> list[dict[str, Any]]:
    """The same segments after a click on up, down, remove or add, for browsers without JavaScript."""
    if act == "remove" and at < len(rules):
        del rules[at]
    other = at - 1 if act == "up" else at + 1 if act == "down" else at
    if 0 <= other < len(rules) and at < len(rules):
        rules[at], rules[other] = rules[other], rules[at]
    if act == "add":
        rules.append({"key": "", "label": {"fr": "", "en": ""}, "when": ""})
    return rules


def _matrix(found: preview.Preview, names: dict[str, str]) -> dict[str, Any] | None:
    """From (rows) and to (columns) of those segments that anybody would leave or enter."""
    counts = {(move.origin, move.target): move.customers for move in found.moves}
    order = [*names, *sorted({key for pair in counts for key in pair if key} - set(names)), ""]
    origins = sorted({origin for origin, _target in counts}, key=order.index)
    targets = sorted({target for _origin, target in counts}, key=order.index)
    if not counts or max(len(origins), len(targets)) > MATRIX:
        return None
    return {
        "targets": targets,
        "rows": [
            (
                origin,
                [counts.get((origin, target), 0) for target in targets],
                sum(counts.get((origin, target), 0) for target in targets),
            )
            for origin in origins
        ],
        "totals": [sum(counts.get((origin, target), 0) for origin in origins) for target in targets],
    }


def administered(creditors: list[Creditor], wanted: str) -> Creditor:
    """The creditor asked for, which must be one that this user administers as a whole."""
    if wanted and wanted not in {str(each.pk) for each in creditors}:
        raise Http404
    chosen = pick(creditors, wanted)
    if chosen is None:
        raise Http404
    return chosen


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0
