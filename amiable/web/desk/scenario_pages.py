"""Scenarios as they are: the versions and what runs on them, one version as a journey, its messages, what differs.

Everybody in scope may look; counts are of the customers that the user may see. Writes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from amiable.casework.models import Case
from amiable.core.conditions import parse
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer, Invoice, Medium
from amiable.outreach.models import Message
from amiable.outreach.render import Rendered
from amiable.outreach.render import render as put_in_words
from amiable.portfolio.gather import gather
from amiable.portfolio.models import Profile
from amiable.scenario import check, shelf
from amiable.scenario.compare import compare as differ
from amiable.scenario.engine.channel import BEST, SPOKEN
from amiable.scenario.models import Experiment, Scenario, ScenarioState
from amiable.scenario.transcribe import write_text
from amiable.web.desk import labels, scope
from amiable.web.desk import scenario_words as told
from amiable.web.desk.dialog import dialog
from amiable.web.desk.letters import BOX
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

OFFERED = 30  # customers among whom one is chosen for a preview
ASKED = 1_000  # those who owe most, of whom it is asked whether the scenario is for them


@dataclass(frozen=True)
class Shelf:
    """One scenario with its versions, newest first; `current` is the one in force, else the newest."""

    current: Scenario
    name: str
    condition: str
    rungs: Sequence[told.Rung]
    versions: Sequence[tuple[Scenario, int]]
    running: int


def visible(user: User) -> Any:
    """The scenarios of the creditors that this user sees, and the house's."""
    known = Q(creditor__in=scope.visible_creditors(user))
    if scope.of_house(user):
        known |= Q(creditor=None)
    return Scenario.objects.filter(known).select_related("creditor", "made_by")


def scenario_or_404(user: User, pk: int, *, act: bool = False) -> Scenario:
    """The version, when the user may see it, and change it where `act` says so."""
    found: Scenario = get_object_or_404(visible(user), pk=pk)
    if act and not may_change(user, found.creditor):
        raise Http404
    return found


def may_change(user: User, creditor: Creditor | None) -> bool:
    """Whether a user administers the whole creditor; what is the house's is changed by who sees every creditor."""
    if creditor is None:
        return user.is_superuser
    return scope.sees_whole_of(user, creditor.pk, act="administer")


def running(user: User) -> dict[int, int]:
    """Open cases by scenario version, of the customers that the user may see."""
    cases = Case.objects.filter(scope.reach(user, path="customer__", creditor="creditor_id"), closed_on=None)
    return {
        ref: n for ref, n in cases.order_by().values_list("scenario_ref").annotate(n=Count("pk")) if ref is not None
    }


@require_GET
@scope.inside
def scenarios(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    rows = visible(request.user).filter(Q(creditor=chosen) | Q(creditor=None)).order_by("key", "-version")
    counts = running(request.user)
    groups: dict[tuple[int, str], list[Scenario]] = defaultdict(list)
    for row in rows:
        groups[row.creditor_id or 0, row.key].append(row)
    own = {key for owner, key in groups if owner and _active(groups[owner, key])}
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "own": [_shelf(group, counts) for (owner, _key), group in groups.items() if owner],
        "house": [_shelf(group, counts) for (owner, _key), group in groups.items() if not owner],
        "replaced": own,
        "may_edit": chosen is not None and may_change(request.user, chosen),
    }
    return render(request, "desk/scenarios.html", content)


def _active(group: Iterable[Scenario]) -> Scenario | None:
    return next((row for row in group if row.state == ScenarioState.ACTIVE), None)


def _shelf(group: Sequence[Scenario], counts: dict[int, int]) -> Shelf:
    current = _active(group) or group[0]
    return Shelf(
        current=current,
        name=told.name(current.data, current.key),
        condition=told.condition(current.data.get("applies", "")),
        rungs=told.rungs(current.data, []),
        versions=[(row, counts.get(row.pk, 0)) for row in group],
        running=sum(counts.get(row.pk, 0) for row in group),
    )


@require_GET
@scope.inside
def scenario(request: scope.Asked, pk: int) -> HttpResponse:
    """One version as a vertical journey, with what the check says beside the steps."""
    found = scenario_or_404(request.user, pk)
    same = list(visible(request.user).filter(creditor=found.creditor, key=found.key).order_by("-version"))
    findings = check.examine(found.data, creditor=found.creditor, facts=shelf.facts(), as_of=clock.today())
    counts = running(request.user)
    active = _active(same) or Scenario.objects.filter(creditor=None, key=found.key, state=ScenarioState.ACTIVE).first()
    other = _beside(found, same, request.GET.get("against", ""), active)
    content = {
        "scenario": found,
        "name": told.name(found.data, found.key),
        "condition": told.condition(found.data.get("applies", "")),
        "rungs": told.rungs(found.data, findings),
        "findings": findings,
        "whole": told.of_the_whole(findings),
        "stops": any(finding.stops for finding in findings),
        "versions": [(row, counts.get(row.pk, 0)) for row in same],
        "running": counts.get(found.pk, 0),
        "active": active,
        "other": other,
        "differences": told.differences(differ(before=other.data, after=found.data)) if other else [],
        "text": write_text(found.data),
        "may_change": may_change(request.user, found.creditor),
        "owners": _owners(request.user, found),
        "experiments": _experiments(request.user, found),
        "sees_whole": scope.sees_whole(request.user),
        "moves": _moves(request.user, found),
        "channels": told.CHANNELS,
        "tones": told.TONES,
        "roles": told.ROLES,
        "events": told.EVENTS,
    }
    return render(request, "desk/scenario.html", content)


def _beside(found: Scenario, same: Sequence[Scenario], wanted: str, active: Scenario | None) -> Scenario | None:
    """The version to compare with: the one asked for, else the one in force, else the one before."""
    asked = next((row for row in same if str(row.pk) == wanted and row.pk != found.pk), None)
    if asked or (active and active.pk != found.pk):
        return asked or active
    return next((row for row in same if row.version < found.version), None)


def _moves(user: User, found: Scenario) -> list[tuple[Scenario, int]]:
    """The versions in force to which open cases of this one can go on, with how many would; only where they may be moved."""
    targets = visible(user).filter(key=found.key, state=ScenarioState.ACTIVE).exclude(pk=found.pk)
    if found.creditor_id:
        targets = targets.filter(creditor_id=found.creditor_id)
    moves = []
    for target in targets.order_by("creditor__name"):
        cases = Case.objects.filter(scenario_ref=found.pk, closed_on=None)
        if target.creditor_id:
            cases = cases.filter(creditor_id=target.creditor_id)
        if may_change(user, target.creditor) and (count := cases.count()):
            moves.append((target, count))
    return moves


def _owners(user: User, found: Scenario) -> list[Creditor]:
    """The creditors for whom this user may write a version that begins from this one."""
    administered = list(scope.whole_creditors(user, act="administer"))
    return [each for each in administered if found.creditor_id in (None, each.pk)]


def _experiments(user: User, found: Scenario) -> list[Experiment]:
    """The experiments that have not been stopped on this scenario, or in which this version is tried."""
    rows = Experiment.objects.filter(creditor__in=scope.whole_creditors(user), stopped_on=None)
    rows = rows.filter(Q(champion__key=found.key) | Q(challenger=found)).select_related("creditor", "champion")
    return [each for each in rows.order_by("creditor__name") if found.creditor_id in (None, each.creditor_id)]


@require_GET
@scope.inside
def preview(request: scope.Asked, pk: int, step: str) -> HttpResponse:
    """A step's message for a real customer, as it would be written now."""
    found = scenario_or_404(request.user, pk)
    setting = _step(found, step, request.GET.get("medium", ""))
    people = _people(request.user, found, request.GET.get("q", ""))
    asked = request.GET.get("customer", "")
    customer = scope.customer_or_404(request.user, int(asked)) if asked.isdecimal() and len(asked) < 18 else None
    customer = customer or (people[0] if people else None)
    content: dict[str, Any] = {
        "scenario": found, "step": setting, "media": [(each, told.CHANNELS[each]) for each in setting["written"]],
        "title": labels.step(step), "people": people, "customer": customer, "q": request.GET.get("q", ""),
    }  # fmt: skip
    if customer:
        try:
            content["rendered"] = _words(found, setting, customer)
        except UnableTo as error:
            content["wrong"] = str(error)
    return dialog(request, "scenario_message", content)


@require_GET
@xframe_options_sameorigin
@scope.inside
def body(request: scope.Asked, pk: int, step: str, customer: int) -> HttpResponse:
    found = scenario_or_404(request.user, pk)
    who = scope.customer_or_404(request.user, customer)
    try:
        page = _words(found, _step(found, step, request.GET.get("medium", "")), who).html
    except UnableTo as error:
        raise Http404 from error
    return HttpResponse(page, headers={"Content-Security-Policy": BOX})


def _step(found: Scenario, key: str, medium: str) -> dict[str, Any]:
    """A step that writes, with the channels by which it does, and the one asked for, or the first, as its channel."""
    step = next((each for each in found.data["steps"] if each["key"] == key), None)
    named = [*told.several(step.get("channel")), *told.several(step.get("fallback"))] if step else []
    written = dict.fromkeys(Medium.EMAIL.value if each == BEST else each for each in named if each not in SPOKEN)
    if step is None or not written:
        raise Http404
    return {**step, "written": list(written), "channel": medium if medium in written else next(iter(written))}


def _people(user: User, found: Scenario, words: str) -> list[Customer]:
    """Customers with something open for whom the scenario is; those who owe most first."""
    rows = scope.customers_for(user).filter(merged_into=None)
    if found.creditor_id:
        rows = rows.filter(creditor_id=found.creditor_id)
    if words.strip():
        rows = rows.filter(Q(name__icontains=words.strip()) | Q(number__icontains=words.strip()))
    owing = Profile.objects.filter(customer__in=rows, open_minor__gt=0).order_by("-overdue_minor", "customer_id")
    asked = list(owing.values_list("pk", "customer_id")[:ASKED])
    applies = found.data.get("applies", "")
    table = gather(Profile.objects.filter(pk__in=[pk for pk, _who in asked]), as_of=clock.today(), naming=[applies])
    theirs = set(table.rename({"stands": "segment"}).filter(parse(applies, shelf.facts()))["customer_id"].to_list())
    offered = list(dict.fromkeys(who for _pk, who in asked if who in theirs))[:OFFERED]
    known = Customer.objects.select_related("creditor").in_bulk(offered)
    return [known[pk] for pk in offered]


def _words(found: Scenario, step: dict[str, Any], customer: Customer) -> Rendered:
    """The message of a step about what the customer has open; it is never kept."""
    today = clock.today()
    rows = list(Invoice.objects.filter(customer=customer, open_minor__gt=0).order_by("due_on", "pk"))
    if not rows:
        raise UnableTo(_("Nothing is open at this customer: there would be no message."))
    mine = [row for row in rows if row.currency == rows[0].currency]
    days = step["days"] if step.get("from", "due") == "due" else 0
    due = [row for row in mine if (today - row.due_on).days >= days and (days < 0 or row.due_on < today)]
    message = Message(
        creditor_id=customer.creditor_id, customer=customer, currency=rows[0].currency, medium=step["channel"],
        purpose=step.get("template", step["key"]), tone=step.get("tone", "neutral"), step=step["key"], as_of=today,
        language=customer.language or customer.creditor.language, about=[row.pk for row in due or mine], context={},
    )  # fmt: skip
    return put_in_words(message, as_of=today, now=clock.now())
