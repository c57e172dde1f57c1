"""The editor of a scenario: the journey as a form or as text, looked at after every move, kept only without errors.

In: what a person filled in. Out: the page again with a sentence at each mistake, or a new version. Only those who
administer the whole creditor come here; the house's own scenarios are changed by who sees every creditor.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.conditions import UnableToRead
from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.outreach.house import keys
from amiable.outreach.models import Template
from amiable.scenario import check, gather, shelf
from amiable.scenario.engine.channel import BEST, CHANNELS, SPOKEN
from amiable.scenario.engine.journey import (
    ACTIONS,
    AMOUNTS,
    LISTS,
    MESSAGE,
    MODES,
    MOST_STEPS,
    OF_ACTIONS,
    OF_MESSAGES,
    PLACE,
    RESPONSIBLE,
    SETTINGS,
    TONES,
    WHOLE,
    usual_mode,
)
from amiable.scenario.engine.moment import EVENTS, ORIGINS, SILENT
from amiable.scenario.finding import ERROR, Finding
from amiable.scenario.models import Scenario, ScenarioState
from amiable.scenario.transcribe import read_text, write_text
from amiable.web.desk import labels, scope
from amiable.web.desk import scenario_words as told
from amiable.web.desk.scenario_pages import may_change, scenario_or_404
from amiable.web.ui import clock

LANGUAGES = ("fr", "en")
# What need not be written, because it is so where nothing is said.
UNSAID: Mapping[str, Any] = {
    "from": "due", "on_day": "", "until": "", "gap": 0, "if": "", "action": MESSAGE, "agency": "", "hold_days": "", "reason": "",
    "responsible": "", "minimum": 0, "tolerance": 0,
}  # fmt: skip
LEVELS = 10  # between two steps that are newly made


@require_http_methods(["GET", "POST"])
@scope.inside
def edit(request: scope.Asked, pk: int) -> HttpResponse:
    """A version opened for writing; what is kept is a draft, the version itself stays as it is unless it is one."""
    base = scenario_or_404(request.user, pk)
    asked = request.POST if request.method == "POST" else request.GET
    owner = _owner(request, base, asked.get("creditor", ""))
    if request.method == "GET":
        return _page(request, base, owner, dict(base.data), as_text=request.GET.get("as") == "text")
    act, _colon, place = request.POST.get("act", "look").partition(":")
    was_text = "text" in request.POST
    try:
        data = read_text(request.POST["text"]) if was_text else read_form(request.POST)
    except UnableToRead as error:
        wrong = [Finding(ERROR, "unreadable", "", check.sentence(error))]
        return _page(request, base, owner, {}, as_text=True, text=request.POST["text"], findings=wrong, status=422)
    if act == "save":
        return _kept(request, base, owner, data, as_text=was_text)
    if not told.shaped(data):
        return _page(request, base, owner, data, as_text=True, text=request.POST["text"], status=422)
    moved = _moved(data, act, int(place) if place.isdecimal() and len(place) < 4 else 0)
    as_text = act == "text" or (was_text and act != "form")
    opened = _opened(act, int(place) if place.isdecimal() and len(place) < 4 else 0)
    return _page(request, base, owner, moved, as_text=as_text, opened=opened)


def _owner(request: scope.Asked, base: Scenario, wanted: str) -> Creditor | None:
    """For whom is written: the scenario's creditor, or one who takes the house's as a beginning."""
    administered = list(scope.whole_creditors(request.user, act="administer"))
    if base.creditor:
        if may_change(request.user, base.creditor):
            return base.creditor
        raise Http404
    if not wanted and request.user.is_superuser:
        return None
    chosen = next((each for each in administered if str(each.pk) == wanted), None)
    if chosen is None:
        raise Http404
    return chosen


def _page(
    request: scope.Asked,
    base: Scenario,
    owner: Creditor | None,
    data: Mapping[str, Any],
    *,
    as_text: bool,
    text: str | None = None,
    findings: list[Finding] | None = None,
    opened: int | None = None,
    status: int = 200,
) -> HttpResponse:
    if findings is None:
        findings = check.examine(data, creditor=owner, facts=shelf.facts(), as_of=clock.today())
    as_text = as_text or not told.shaped(data)
    rungs = told.rungs(data, findings)
    content = {
        "scenario": base,
        "seen": request.POST.get("seen") or shelf.mark(base),
        "owner": owner,
        "data": data,
        "label": data.get("label") if isinstance(data.get("label"), Mapping) else {},
        "name": told.name(data or base.data, base.key),
        "as_text": as_text,
        "text": write_text(data) if text is None else text,
        "rungs": rungs,
        "whole": told.of_the_whole(findings),
        "findings": findings,
        "stops": any(finding.stops for finding in findings),
        "opened": opened,
        "choices": _choices(owner, data),
        "most": len(rungs) >= MOST_STEPS,
        "new_version": base.state != ScenarioState.DRAFT or base.creditor_id != (owner.pk if owner else None),
    }
    # A fragment is put in place only when the answer is no error.
    return render(
        request, "desk/scenario_edit.html", content, status=200 if request.headers.get("HX-Request") else status
    )


def _choices(owner: Creditor | None, data: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    approved = Template.objects.filter(creditor=owner, approved_at__isnull=False, retired_at=None)
    own = set(approved.values_list("key", flat=True))
    steps = data.get("steps", []) if told.shaped(data) else []
    used = {str(step.get("template") or step.get("key")) for step in steps}
    channels = _channels(owner)
    return {
        "channel": [*channels, (BEST, str(told.CHANNELS[BEST]))],
        "fallback": channels,
        "from": [(key, str(told.ORIGINS[key])) for key in ORIGINS],
        "answer": [(key, str(told.EVENTS[key])) for key in (SILENT, *EVENTS)],
        "ends": [(key, str(told.EVENTS[key])) for key in EVENTS],
        "action": [(key, str(told.ACTIONS[key])) for key in ACTIONS],
        "responsible": [(key, str(told.ROLES[key])) for key in RESPONSIBLE],
        "tone": [(key, str(told.TONES[key])) for key in TONES],
        "mode": [(key, str(told.MODES[key])) for key in MODES],
        "template": [(key, labels.step(key)) for key in sorted({*keys(), *own, *used})],
    }


def _channels(owner: Creditor | None) -> list[tuple[str, str]]:
    """The channels that a step can have; those that nothing carries for the creditor yet say so."""
    carried = gather.carried([owner])[owner.pk] if owner else CHANNELS
    missing = _("%(channel)s (not set up)")
    return [
        (key, str(told.CHANNELS[key]) if key in carried else missing % {"channel": told.CHANNELS[key]})
        for key in CHANNELS
    ]


def read_form(post: QueryDict) -> dict[str, Any]:
    """The scenario that the form holds; what is no number stays as it was typed, for the check to speak of it."""
    label = {lang: post.get(f"label_{lang}", "").strip() for lang in LANGUAGES}
    data: dict[str, Any] = {"key": post.get("key", "").strip(), "label": {k: v for k, v in label.items() if v}}
    if applies := post.get("applies", "").strip():
        data["applies"] = applies
    count = post.get("count", "0")
    number = min(int(count), MOST_STEPS + 1) if count.isdecimal() and len(count) < 6 else 0
    data["steps"] = [_step(post, n) for n in range(number)]
    return data


def _step(post: QueryDict, n: int) -> dict[str, Any]:
    """One step, with the settings that fit what it does: those of another action are left in the form unseen."""
    action = post.get(f"s{n}-action", MESSAGE)
    step: dict[str, Any] = {}
    unsaid = {**UNSAID, "mode": usual_mode(action)}
    for name in SETTINGS:
        fits = action == MESSAGE if name in OF_MESSAGES else action in OF_ACTIONS.get(name, (action,))
        if not fits:
            continue
        value = _value(post, n, "mode_of_place" if name == "mode" and action == PLACE else name)
        if value in (unsaid.get(name), "", [], {}) and (name in unsaid or name in LISTS or name == "title"):
            continue
        if name == "template" and value in ("", step.get("key")):
            continue
        step[name] = value
    if step.get("channel") in SPOKEN and not step.get("fallback"):
        step.pop("template", None)
        step.pop("mode", None)
    return step


def _value(post: QueryDict, n: int, name: str) -> Any:
    """A setting as it was filled in: a number where it is one, one word as it is, several as a list."""
    field = f"s{n}-{name}"
    if name in LISTS:
        words = list(dict.fromkeys(word.strip() for word in post.getlist(field) if word.strip()))
        return words[0] if name == "answer" and len(words) == 1 else words
    if name == "title":
        return {lang: text for lang in LANGUAGES if (text := post.get(f"{field}_{lang}", "").strip())}
    raw = post.get(field, "").strip()
    return _number(raw) if name in WHOLE or name in AMOUNTS else raw


def _number(raw: str) -> Any:
    plain = raw.replace("−", "-").replace(",", ".").replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,12}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"[+-]?\d{1,12}\.\d{1,6}", plain) else raw


def _moved(data: Mapping[str, Any], act: str, place: int) -> dict[str, Any]:
    """The scenario after a step was added, moved or removed. A step that moves takes the level of its new place."""
    kept = data.get("steps")
    if not isinstance(kept, list) or act not in {"add", "up", "down", "remove"}:
        return dict(data)
    steps = [dict(step) if isinstance(step, Mapping) else step for step in kept]
    if act == "add" and len(steps) < MOST_STEPS:
        steps.insert(place, _new(steps, place))
    elif act == "remove" and place < len(steps):
        del steps[place]
    else:
        other = place - 1 if act == "up" else place + 1
        if place < len(steps) and 0 <= other < len(steps):
            one, two = steps[place], steps[other]
            one["level"], two["level"] = two.get("level"), one.get("level")
            steps[place], steps[other] = two, one
    return {**data, "steps": steps}


def _new(steps: list[Any], place: int) -> dict[str, Any]:
    """A step between two others: a level and a day between theirs."""
    before = steps[place - 1] if 0 < place <= len(steps) else {}
    after = steps[place] if place < len(steps) else {}
    low, high = (each.get("level") if isinstance(each.get("level"), int) else None for each in (before, after))
    level = (low or 0) + LEVELS if high is None else ((low or 0) + high) // 2
    if high is not None and level <= (low or 0):
        level = high  # no level is free between them: the check says so
    day = before.get("days") if isinstance(before.get("days"), int) else None
    then = after.get("days") if isinstance(after.get("days"), int) else None
    days = (day + then) // 2 if day is not None and then is not None else (then if day is None else day + 10)
    used = {str(step.get("key")) for step in steps}
    key = next(name for name in (f"step_{n}" for n in range(1, 1_000)) if name not in used)
    step = {"key": key, "level": level, "days": 3 if days is None else days, "channel": "email"}
    if before.get("minimum"):
        step["minimum"] = before["minimum"]  # a smaller one would have no effect
    return step | {"template": "reminder_1", "tone": "warm", **({"gap": 7} if place else {})}


def _opened(act: str, place: int) -> int | None:
    return {"add": place, "up": place - 1, "down": place + 1}.get(act)


def _kept(
    request: scope.Asked, base: Scenario, owner: Creditor | None, data: dict[str, Any], *, as_text: bool
) -> HttpResponse:
    now = clock.now()
    try:
        with transaction.atomic():
            if base.state == ScenarioState.DRAFT and base.creditor == owner:
                kept = shelf.revise(base, data=data, now=now, by=request.user, seen=request.POST.get("seen"))
            else:
                kept = shelf.save(data=data, creditor=owner, now=now, by=request.user)
    except (UnableToRead, shelf.UnableToKeep):
        # The check says the same again, beside the steps.
        return _page(request, base, owner, data, as_text=as_text, status=422)
    messages.success(
        request, _("Kept as draft version %(n)s. It takes force when you activate it.") % {"n": kept.version}
    )
    if kept.pk != base.pk and request.POST.get("seen") not in {None, shelf.mark(base)}:
        sentence = _(
            "%(name)s has changed version %(n)s meanwhile: yours stands beside it. Compare them before you activate one."
        )
        messages.warning(request, sentence % {"name": base.made_by or _("Somebody"), "n": base.version})
    return redirect("desk:scenario", kept.pk)


@require_POST
@scope.inside
def activate(request: scope.Asked, pk: int) -> HttpResponse:
    found = scenario_or_404(request.user, pk, act=True)
    findings = check.examine(found.data, creditor=found.creditor, facts=shelf.facts(), as_of=clock.today())
    if any(finding.stops for finding in findings):
        messages.error(request, _("It was not activated: its check finds errors. Edit it first."))
        return redirect("desk:scenario", pk)
    try:
        shelf.activate(found, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, gettext(str(error)))
    else:
        told = _("Version %(n)s is in force. Cases under way stay on theirs.") % {"n": found.version}
        messages.success(request, told)
    return redirect("desk:scenario", pk)


@require_POST
@scope.inside
def retire(request: scope.Asked, pk: int) -> HttpResponse:
    found = scenario_or_404(request.user, pk, act=True)
    try:
        shelf.retire(found, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, gettext(str(error)))
    else:
        messages.success(request, _("Version %(n)s is retired. Cases under way stay on it.") % {"n": found.version})
    return redirect("desk:scenario", pk)


@require_POST
@scope.inside
def migrate(request: scope.Asked, pk: int, to: int) -> HttpResponse:
    """Moves open cases on purpose: the right is asked of the version they move to, whose creditor's cases they are."""
    found, target = scenario_or_404(request.user, pk), scenario_or_404(request.user, to, act=True)
    try:
        moved = shelf.migrate(from_=found, to=target, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, gettext(str(error)))
    else:
        sentence = ngettext(
            "%(n)s case moved to version %(version)s.", "%(n)s cases moved to version %(version)s.", moved
        )
        messages.success(request, sentence % {"n": moved, "version": target.version})
    return redirect("desk:scenario", to)
