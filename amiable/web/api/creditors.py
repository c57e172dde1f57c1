"""Creditors with their branches; the big switches of their messages; what the machine did for them, and what it brought."""

from collections.abc import Callable
from typing import Annotated, Any

from django.db.models import Q
from django.http import HttpRequest
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.core.models import Run
from amiable.insight.models import Figure
from amiable.ledger.models import Branch, Creditor, Medium
from amiable.outreach import release
from amiable.web.api import room
from amiable.web.api.shape import AnyDay, Counted, Currency, Done, Flag, Id, Key, Refs, Said, Words
from amiable.web.api.told import told
from amiable.web.desk import scope
from amiable.web.ui import clock

router = Router(tags=["creditors"])

CreditorOut = told(
    Creditor, "key", "name", "siren", "country", "currency", "language", "time_zone", "email", "phone", "cash_authority",
    "released_at", "stopped_at", "stopped_why", "created_at", name="Creditor",
)  # fmt: skip
BranchOut = told(Branch, "creditor", "code", "name", name="Branch")
RunOut = told(Run, "step", "creditor_ref", "as_of", "started_at", "ended_at", "figures", "error", name="Run")
FigureOut = told(
    Figure, "creditor", "kpi", "as_of", "currency", "slice", "value", "numerator", "denominator", "measured_at", name="Figure",
    doc="One measured value; empty where there was nothing to measure.",
)  # fmt: skip


class Creditors(FilterSchema):
    key: Key | None = None


class OfCreditor(FilterSchema):
    creditor: Id | None = None


class Runs(FilterSchema):
    step: Key | None = None
    as_of: AnyDay | None = None
    failed: bool | None = None

    def filter_failed(self, value: bool | None) -> Q:
        return Q() if value is None else ~Q(error="") if value else Q(error="")


class Figures(FilterSchema):
    creditor: Id | None = None
    kpi: Key | None = None
    currency: Currency | None = None
    as_of: AnyDay | None = None
    as_of_from: Annotated[AnyDay | None, FilterLookup("as_of__gte")] = None


class Stops(Said):
    why: Words = ""


class ByHand(Said):
    hand: Flag = Field(description="Whether reminders wait for a person who lets them go.")


class LetsGo(Said):
    messages: Refs
    leave: Flag = Field(description="Let them go, or hold them back.")


class LetsAllGo(Said):
    """All that wait; of one medium or one purpose, where said."""

    leave: Flag = Field(description="Let them go, or hold them back.")
    medium: Medium | None = None
    purpose: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_]*$", strict=True)] = ""


for path, name, many, schema, filters, rows in (
    ("/creditors", "creditor", "creditors", CreditorOut, Creditors, scope.visible_creditors),
    (
        "/branches", "branch", "branches", BranchOut, OfCreditor,
        lambda user: Branch.objects.filter(creditor__in=scope.visible_creditors(user).values("pk")),
    ),
    ("/runs", "run", "runs", RunOut, Runs, scope.runs),
    (
        "/figures", "figure", "figures", FigureOut, Figures,
        lambda user: Figure.objects.filter(
            Q(creditor__in=room.houses(user, "see_team").values("pk")) | ~Q(slice__has_key="collector"),
            creditor__in=room.houses(user),
        ),
    ),
):  # fmt: skip
    room.shelf(router, path, name=name, many=many, schema=schema, filters=filters, rows=rows)


def _switch(
    path: str,
    do: Callable[..., Any],
    *,
    name: str,
    summary: str,
    doc: str = "",
    said: Any = None,
    response: Any = CreditorOut,
) -> None:
    """One of the switches; `do` gets the creditor, what was said, and who says it when."""

    def turned(request: HttpRequest, pk: int, told: Any) -> Any:
        house = room.creditor(request, pk, right="release")
        answer = do(house, told, {"now": clock.now(), "by": room.asking(request).user})
        house.refresh_from_db()
        return house if response is CreditorOut else answer

    def bare(request: HttpRequest, pk: Id) -> Any:
        return turned(request, pk, None)

    def filled_in(request: HttpRequest, pk: Id, said: said) -> Any:
        return turned(request, pk, said)

    view = filled_in if said else bare
    view.__doc__ = doc
    how: dict[str, Any] = {"response": response, "name": name, "summary": summary}
    room.post(router, f"/creditors/{{pk}}/{path}", right="release", **how)(view)


def _let_go(house: Creditor, said: LetsGo, who: dict[str, Any]) -> dict[str, int]:
    return {"count": release.let_go(creditor=house, messages=set(said.messages), leave=said.leave, **who)}


def _let_all_go(house: Creditor, said: LetsAllGo, who: dict[str, Any]) -> dict[str, str]:
    medium = said.medium.value if said.medium else ""
    row = release.let_all_go(creditor=house, medium=medium, purpose=said.purpose, leave=said.leave, **who)
    return {"said": str(row)}


_switch(
    "release", lambda house, _said, who: release.go_live(creditor=house, **who), name="release_creditor",
    summary="Take a creditor out of dry run", doc="From then on messages leave the house.",
)  # fmt: skip
_switch(
    "stop", lambda house, said, who: release.stop(creditor=house, why=said.why.strip(), **who), said=Stops,
    name="stop_creditor", summary="Stop all sending",
)  # fmt: skip
_switch(
    "resume", lambda house, _said, who: release.resume(creditor=house, **who), name="resume_creditor",
    summary="Let sending go on",
)  # fmt: skip
_switch(
    "by-hand", lambda house, said, who: release.choose(creditor=house, hand=said.hand, **who), said=ByHand,
    name="choose_by_hand", summary="Let reminders wait for a person",
)  # fmt: skip
_switch("let-go", _let_go, said=LetsGo, response=Counted, name="let_go", summary="Let messages go, or hold them back")
_switch(
    "let-all-go", _let_all_go, said=LetsAllGo, response=Done, name="let_all_go",
    summary="Let all that wait go, or hold it back",
)  # fmt: skip
