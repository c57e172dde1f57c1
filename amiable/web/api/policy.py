"""Scenarios, experiments and the decisions that they led to: read, written as drafts, put in force.

Who changes a draft says which version of it they have seen (If-Match): nobody overwrites what another has written.
"""

from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import FilterSchema, Header, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.scenario import check, shelf
from amiable.scenario.models import Decision, Scenario, ScenarioState, Verdict
from amiable.web.api import room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import AnyDay, Counted, Id, Key, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import scenario_pages, scope
from amiable.web.ui import clock

router = Router(tags=["scenarios"])

DecisionOut = told(
    Decision, "creditor", "customer", "case", "currency", "as_of", "scenario", "step", "level", "action", "channel", "verdict",
    "rail", "reason", "about", "also", "facts", "arm", name="Decision",
    doc="This customer, this step, this day, this verdict, this reason: why somebody was contacted, or was not.",
)  # fmt: skip
ScenarioOut = told(Scenario, "creditor", "key", "version", "state", "data", "made_at", "made_by", name="Scenario")
Seen = Annotated[str, Field(max_length=100, description="The ETag of what you have seen.")]


class Decisions(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    scenario: Id | None = None
    verdict: Verdict | None = None
    step: Key | None = None
    as_of: AnyDay | None = None
    as_of_from: Annotated[AnyDay | None, FilterLookup("as_of__gte")] = None


class Scenarios(FilterSchema):
    creditor: Id | None = None
    key: Key | None = None
    state: ScenarioState | None = None


class WritesScenario(Said):
    """`data` is the scenario as the desk shows it as text: key, label, applies, steps."""

    creditor: Ref
    data: dict[str, Any]


class Rewrites(Said):
    data: dict[str, Any]


class Moves(Said):
    to: Ref


class Finding(Schema):
    severity: str
    code: str
    step: str
    sentence: str


room.shelf(
    router, "/decisions", name="decision", many="decisions", schema=DecisionOut, filters=Decisions,
    rows=lambda user: room.mine(user, Decision.objects.all(), own="creditor_id"),
)  # fmt: skip
room.shelf(
    router,
    "/scenarios",
    name="",
    many="scenarios",
    schema=ScenarioOut,
    filters=Scenarios,
    rows=scenario_pages.visible,
    one=False,
)


def tagged(response: HttpResponse, mark: str) -> None:
    """Says which version this is."""
    response["ETag"] = f'"{mark}"'


def seen_as(told: str | None, mark: str) -> None:
    """Refuses who has seen another version than the one that is there, or none."""
    if not told:
        raise Problem(428, _("Read it first, and send its ETag as If-Match."))
    if told.strip().removeprefix("W/").strip('"') != mark:
        raise Problem(412, _("It was changed since you read it. Read it again, and make your changes there."))


def _visible(user: User) -> QuerySet[Scenario]:
    return scenario_pages.visible(user)  # type: ignore[no-any-return]


def _changed(request: HttpRequest, pk: int) -> Scenario:
    found = room.row(_visible(room.asking(request).user), pk)
    _may(request, found.creditor)
    return found


def _may(request: HttpRequest, creditor: Creditor | None) -> None:
    user = room.asking(request).user
    if not scope.granted(user, "administer") or not scenario_pages.may_change(user, creditor):
        raise Problem(403, _("Your role does not do that for this creditor."))


def _looked_at(data: dict[str, Any], creditor: Creditor | None) -> list[Any]:
    return check.examine(data, creditor=creditor, facts=shelf.facts(), as_of=clock.today())


def _sound(data: dict[str, Any], creditor: Creditor | None) -> None:
    """What its check finds wrong is told step by step; nothing with an error is kept or put in force."""
    wrong = [each for each in _looked_at(data, creditor) if each.stops]
    if wrong:
        errors = [{"field": f"body.data.{each.step}".rstrip("."), "message": str(each.sentence)} for each in wrong]
        raise Problem(422, _("Its check finds errors."), errors=errors)


@room.get(
    router, "/scenarios/{pk}", response=ScenarioOut, name="get_scenario", summary="Read one version of a scenario"
)
def scenario(request: HttpRequest, pk: Id, response: HttpResponse) -> Any:
    """With its ETag, by which a draft is changed."""
    found = room.row(_visible(room.asking(request).user), pk)
    tagged(response, shelf.mark(found))
    return found


@room.post(
    router,
    "/scenario-checks",
    right="administer",
    response=list[Finding],
    name="examine_scenario",
    summary="Have a scenario checked",
)
def examine(request: HttpRequest, said: WritesScenario) -> Any:
    """What the check says about it; nothing is kept."""
    house = room.creditor(request, said.creditor, right="administer")
    return _looked_at(said.data, house)


@room.post(
    router,
    "/scenarios",
    right="administer",
    response={201: ScenarioOut},
    name="draft_scenario",
    summary="Write a new draft",
)
def draft(request: HttpRequest, said: WritesScenario) -> Any:
    """The next version of the creditor's scenario with this key."""
    house = room.creditor(request, said.creditor, right="administer")
    _sound(said.data, house)
    return shelf.save(data=said.data, creditor=house, now=clock.now(), by=room.asking(request).user)


@room.put(
    router,
    "/scenarios/{pk}",
    right="administer",
    response=ScenarioOut,
    name="revise_scenario",
    summary="Change a draft",
)
def revise(
    request: HttpRequest, response: HttpResponse, pk: Id, said: Rewrites, if_match: Header[Seen | None] = None
) -> Any:
    """Needs If-Match; a version that was in force never changes."""
    found = _changed(request, pk)
    seen_as(if_match, shelf.mark(found))
    if found.state != ScenarioState.DRAFT:
        raise Problem(409, _("Only a draft can be changed; write a new version instead."))
    _sound(said.data, found.creditor)
    kept = shelf.revise(found, data=said.data, now=clock.now(), by=room.asking(request).user, seen=shelf.mark(found))
    tagged(response, shelf.mark(kept))
    return kept


@room.post(
    router,
    "/scenarios/{pk}/activate",
    right="administer",
    response=ScenarioOut,
    name="activate_scenario",
    summary="Put in force",
)
def activate(request: HttpRequest, pk: Id) -> Any:
    """Cases under way stay on theirs."""
    found = _changed(request, pk)
    _sound(found.data, found.creditor)
    shelf.activate(found, now=clock.now(), by=room.asking(request).user)
    return found


@room.post(
    router,
    "/scenarios/{pk}/retire",
    right="administer",
    response=ScenarioOut,
    name="retire_scenario",
    summary="Take out of force",
)
def retire(request: HttpRequest, pk: Id) -> Any:
    found = _changed(request, pk)
    shelf.retire(found, now=clock.now(), by=room.asking(request).user)
    return found


@room.post(
    router,
    "/scenarios/{pk}/migrate",
    right="administer",
    response=Counted,
    name="migrate_cases",
    summary="Move open cases",
)
def migrate(request: HttpRequest, pk: Id, said: Moves) -> Any:
    """To another version of the same scenario that is in force; invoices keep their level."""
    found, target = room.row(_visible(room.asking(request).user), pk), _changed(request, said.to)
    return {"count": shelf.migrate(from_=found, to=target, now=clock.now(), by=room.asking(request).user)}
