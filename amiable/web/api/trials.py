"""Experiments: a challenger or a group left alone beside the scenario in force; begun, changed, and ended with a winner."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import FilterSchema, Router
from pydantic import Field

from amiable.scenario import experiment
from amiable.scenario.models import Experiment, Scenario
from amiable.web.api import room
from amiable.web.api.shape import Day, Id, Line, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import scenario_pages
from amiable.web.ui import clock

router = Router(tags=["scenarios"])
ExperimentOut = told(
    Experiment, "creditor", "key", "name", "champion", "challenger", "challenger_share", "holdout_share", "since", "until",
    "started_by", "stopped_on", "stopped_by", "winner", name="Experiment",
)  # fmt: skip
Share = Annotated[float, Field(ge=0, le=1)]


class Experiments(FilterSchema):
    creditor: Id | None = None


room.shelf(
    router, "/experiments", name="experiment", many="experiments", schema=ExperimentOut, filters=Experiments,
    rows=lambda user: Experiment.objects.filter(creditor__in=room.houses(user)),
)  # fmt: skip


class Shares(Said):
    challenger_share: Share = 0.0
    holdout_share: Share = 0.0
    until: Day | None = None


class Starts(Shares):
    creditor: Ref
    champion: Ref = Field(description="A version of a scenario that is in force.")
    challenger: Ref | None = None
    name: Annotated[Line, Field(max_length=80)]


class Ends(Said):
    winner: Literal["", "champion", "challenger"] = ""


def _version(request: HttpRequest, pk: int) -> Scenario:
    found: Scenario = room.row(scenario_pages.visible(room.asking(request).user), pk)
    return found


def _running(request: HttpRequest, pk: int) -> Experiment:
    houses = room.houses(room.asking(request).user)
    found = room.row(Experiment.objects.filter(creditor__in=houses).select_related("creditor"), pk)
    room.creditor(request, found.creditor_id, right="administer")
    return found


def _how(request: HttpRequest) -> dict[str, Any]:
    return {"as_of": clock.today(), "now": clock.now(), "by": room.asking(request).user}


@room.post(
    router,
    "/experiments",
    right="administer",
    response={201: ExperimentOut},
    name="start_experiment",
    summary="Begin an experiment",
)
def start(request: HttpRequest, said: Starts) -> Any:
    house = room.creditor(request, said.creditor, right="administer")
    return experiment.start(
        creditor=house, champion=_version(request, said.champion),
        challenger=_version(request, said.challenger) if said.challenger else None, name=said.name,
        challenger_share=said.challenger_share, holdout_share=said.holdout_share, until=said.until, **_how(request),
    )  # fmt: skip


@room.post(
    router,
    "/experiments/{pk}/change",
    right="administer",
    response=ExperimentOut,
    name="change_experiment",
    summary="Change its shares or its end",
)
def change(request: HttpRequest, pk: Id, said: Shares) -> Any:
    """Customers stay in their arm as far as the shares allow."""
    return experiment.change(_running(request, pk), **said.dict(), **_how(request))


@room.post(
    router,
    "/experiments/{pk}/stop",
    right="administer",
    response=ExperimentOut,
    name="stop_experiment",
    summary="End an experiment",
)
def stop(request: HttpRequest, pk: Id, said: Ends) -> Any:
    """With the challenger as winner, its version is put in force."""
    found = _running(request, pk)
    experiment.stop(found, winner=said.winner, **_how(request))
    found.refresh_from_db()
    return found
