"""Who asks, who works here and what they may see; creditors; what happened while one was away; what the machine did."""

from typing import Annotated, Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import FilterSchema, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework.models import Notification
from amiable.core.models import Run, Scope, User
from amiable.insight.models import Figure
from amiable.ledger.models import Branch, Creditor
from amiable.outreach import release
from amiable.web.api import room
from amiable.web.api.shape import AnyDay, Counted, Currency, Flag, Id, Key, Refs, Said, Words
from amiable.web.api.told import told
from amiable.web.desk import news, scope
from amiable.web.ui import clock

router = Router(tags=["people"])
houses = Router(tags=["creditors"])

UserOut = told(User, "username", "first_name", "last_name", "email", "language", "phone", "is_active", name="User")
ScopeOut = told(Scope, "user", "role", "creditor_ref", "branch_ref", "own_customers_only", name="Scope")
CreditorOut = told(
    Creditor, "key", "name", "siren", "country", "currency", "language", "time_zone", "email", "phone", "cash_authority",
    "released_at", "stopped_at", "stopped_why", "created_at", name="Creditor",
)  # fmt: skip
BranchOut = told(Branch, "creditor", "code", "name", name="Branch")
NotificationOut = told(Notification, "customer", "kind", "text", "url", "created_at", "read_at", name="Notification")
RunOut = told(Run, "step", "creditor_ref", "as_of", "started_at", "ended_at", "figures", "error", name="Run")
FigureOut = told(
    Figure, "creditor", "kpi", "as_of", "currency", "slice", "value", "numerator", "denominator", "measured_at", name="Figure",
    doc="One measured value; empty where there was nothing to measure.",
)  # fmt: skip


class Me(Schema):
    user: UserOut  # type: ignore[valid-type]
    scopes: list[ScopeOut]  # type: ignore[valid-type]
    acts: list[str] | None = Field(description="What the token may do; empty: whatever its person may.")


class Creditors(FilterSchema):
    key: Key | None = None


class OfCreditor(FilterSchema):
    creditor: Id | None = None


class Users(FilterSchema):
    username: Annotated[str | None, Field(max_length=150, pattern=r"^[^\x00]*$")] = None


class Scopes(FilterSchema):
    user: Id | None = None
    creditor: Annotated[Id | None, FilterLookup("creditor_ref")] = None


class Notifications(FilterSchema):
    unread: bool | None = None

    def filter_unread(self, value: bool | None) -> Q:
        return Q() if value is None else Q(read_at__isnull=value)


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


def scopes(user: User) -> QuerySet[Scope]:
    """One's own, and those at creditors that one administers."""
    own = scope.whole_creditors(user, act="administer").values("pk")
    return Scope.objects.filter(
        Q(user=user) & Q(creditor_ref__in=scope.visible_creditors(user).values("pk")) | Q(creditor_ref__in=own)
    )


def users(user: User) -> QuerySet[User]:
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=scopes(user).values("user")))


room.shelf(router, "/users", name="user", many="users", schema=UserOut, filters=Users, rows=users)
room.shelf(router, "/scopes", name="scope", many="scopes", schema=ScopeOut, filters=Scopes, rows=scopes)
room.shelf(
    router,
    "/notifications",
    name="notification",
    many="notifications",
    schema=NotificationOut,
    filters=Notifications,
    rows=news.lines,
)
room.shelf(
    houses,
    "/creditors",
    name="creditor",
    many="creditors",
    schema=CreditorOut,
    filters=Creditors,
    rows=scope.visible_creditors,
)
room.shelf(
    houses, "/branches", name="branch", many="branches", schema=BranchOut, filters=OfCreditor,
    rows=lambda user: Branch.objects.filter(creditor__in=scope.visible_creditors(user).values("pk")),
)  # fmt: skip
room.shelf(houses, "/runs", name="run", many="runs", schema=RunOut, filters=Runs, rows=scope.runs)
room.shelf(
    houses, "/figures", name="figure", many="figures", schema=FigureOut, filters=Figures,
    rows=lambda user: Figure.objects.filter(
        Q(creditor__in=room.houses(user, "see_team").values("pk")) | ~Q(slice__has_key="collector"),
        creditor__in=room.houses(user),
    ),
)  # fmt: skip


@room.get(router, "/me", response=Me, name="get_me", summary="Who asks")
def me(request: HttpRequest) -> Any:
    asked = room.asking(request)
    return {
        "user": asked.user,
        "scopes": [each for each in scope.scopes(asked.user) if each.pk],
        "acts": None if asked.narrowed is None else sorted(asked.narrowed),
    }


@room.post(
    router,
    "/notifications/{pk}/read",
    right=room.READ,
    response=NotificationOut,
    name="read_notification",
    summary="Mark as read",
)
def read(request: HttpRequest, pk: Id) -> Any:
    found = room.row(news.lines(room.asking(request).user), pk)
    if found.read_at is None:
        found.read_at = clock.now()
        found.save(update_fields=["read_at"])
    return found


class Stops(Said):
    why: Words = ""


class ByHand(Said):
    hand: Flag = Field(description="Whether reminders wait for a person who lets them go.")


class LetsGo(Said):
    messages: Refs
    leave: Flag = Field(description="Let them go, or hold them back.")


@room.post(
    houses,
    "/creditors/{pk}/release",
    right="release",
    response=CreditorOut,
    name="release_creditor",
    summary="Take a creditor out of dry run",
)
def released(request: HttpRequest, pk: Id) -> Any:
    """From then on messages leave the house."""
    house = room.creditor(request, pk, right="release")
    release.go_live(creditor=house, now=clock.now(), by=room.asking(request).user)
    return _again(house)


@room.post(
    houses,
    "/creditors/{pk}/stop",
    right="release",
    response=CreditorOut,
    name="stop_creditor",
    summary="Stop all sending",
)
def stopped(request: HttpRequest, pk: Id, said: Stops) -> Any:
    house = room.creditor(request, pk, right="release")
    release.stop(creditor=house, why=said.why.strip(), now=clock.now(), by=room.asking(request).user)
    return _again(house)


@room.post(
    houses,
    "/creditors/{pk}/resume",
    right="release",
    response=CreditorOut,
    name="resume_creditor",
    summary="Let sending go on",
)
def resumed(request: HttpRequest, pk: Id) -> Any:
    house = room.creditor(request, pk, right="release")
    release.resume(creditor=house, now=clock.now(), by=room.asking(request).user)
    return _again(house)


@room.post(
    houses,
    "/creditors/{pk}/by-hand",
    right="release",
    response=CreditorOut,
    name="choose_by_hand",
    summary="Let reminders wait for a person",
)
def by_hand(request: HttpRequest, pk: Id, said: ByHand) -> Any:
    house = room.creditor(request, pk, right="release")
    release.choose(creditor=house, hand=said.hand, now=clock.now(), by=room.asking(request).user)
    return _again(house)


@room.post(
    houses,
    "/creditors/{pk}/let-go",
    right="release",
    response=Counted,
    name="let_go",
    summary="Let messages go, or hold them back",
)
def let_go(request: HttpRequest, pk: Id, said: LetsGo) -> Any:
    house = room.creditor(request, pk, right="release")
    asked = room.asking(request)
    count = release.let_go(
        creditor=house, messages=set(said.messages), leave=said.leave, now=clock.now(), by=asked.user
    )
    return {"count": count}


def _again(house: Creditor) -> Creditor:
    house.refresh_from_db()
    return house
