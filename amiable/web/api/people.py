"""Who works here and what they may see: asked in, given and taken roles, let go; by whoever administers the creditor."""

from typing import Annotated, Any, Literal

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.core import people
from amiable.core.models import Invitation, Role, Scope, User
from amiable.web.api import deeds, room
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import Done, Flag, Id, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import people_pages, scope
from amiable.web.desk.people import grantable, may_change, people_for
from amiable.web.ui import clock

router = Router(tags=["people"])

UserOut = told(User, "username", "first_name", "last_name", "email", "language", "phone", "is_active", name="User")
ScopeOut = told(Scope, "user", "role", "creditor_ref", "branch_ref", "own_customers_only", "agency", name="Scope")
InvitationOut = told(
    Invitation, "email", "language", "role", "creditor_ref", "branch_ref", "own_customers_only", "agency", "by", "at",
    "expires_at", name="Invitation",
)  # fmt: skip


class Users(FilterSchema):
    username: Annotated[str | None, Field(max_length=150, pattern=r"^[^\x00]*$")] = None


class Scopes(FilterSchema):
    user: Id | None = None
    creditor: Annotated[Id | None, FilterLookup("creditor_ref")] = None


class Invitations(FilterSchema):
    creditor: Annotated[Id | None, FilterLookup("creditor_ref")] = None


class GivesRole(Said):
    creditor: Ref
    role: Role
    branch: Ref | None = Field(None, description="Empty: all of them.")
    own_customers_only: Flag = Field(False, description="Those who name them as salesperson.")
    agency: Annotated[str, Field(max_length=120, pattern=r"^[^\x00]*$", strict=True)] = Field(
        "", description="Of the role agency: its name, as cases are placed with it."
    )


class Invites(GivesRole):
    email: Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^\x00]*$", strict=True)]
    language: Literal["fr", "en"] = "fr"


class Invited(Schema):
    """`link` is told this once, to be handed over where no e-mail can be sent."""

    invitation: InvitationOut  # type: ignore[valid-type]
    link: str


class GivesToUser(GivesRole):
    user: Ref


def scopes(user: User) -> QuerySet[Scope]:
    """One's own, and those at creditors that one administers."""
    own = scope.whole_creditors(user, act="administer").values("pk")
    mine = Q(user=user) & Q(creditor_ref__in={each.creditor_ref for each in scope.scopes(user)})
    return Scope.objects.filter(mine | Q(creditor_ref__in=own))


def users(user: User) -> QuerySet[User]:
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=scopes(user).values("user")))


def _invitations(user: User) -> QuerySet[Invitation]:
    return people_pages.waiting(scope.whole_creditors(user, act="administer"))


for path, name, many, schema, filters, rows in (
    ("/users", "user", "users", UserOut, Users, users),
    ("/scopes", "scope", "scopes", ScopeOut, Scopes, scopes),
    ("/invitations", "invitation", "invitations", InvitationOut, Invitations, _invitations),
):
    room.shelf(router, path, name=name, many=many, schema=schema, filters=filters, rows=rows)


def _fresh(request: HttpRequest) -> User:
    """Who changes what others may do by a session has proved a moment ago who they are, as at the desk; a token was made so."""
    asked = room.asking(request)
    if asked.token_ref is None:
        try:
            raise_if_reauthentication_required(request, app="amiable")
        except ReauthenticationRequired as error:
            raise Problem(
                403, _("Confirm at the desk who you are, then ask again: others' roles are changed here.")
            ) from error
    return asked.user


def _administered(request: HttpRequest, creditor_ref: int) -> None:
    room.creditor(request, creditor_ref, right="administer")


def _person(request: HttpRequest, pk: int) -> User:
    """Somebody whose account the asker may close: all that they may do is the asker's to give."""
    by = _fresh(request)
    found: User = room.row(people_for(by) if scope.administers(by) else users(by), pk)
    if not scope.administers(by):
        raise Problem(403, _("Your role does not do that."))
    return people_pages.commanded(by, found)


@room.post(
    router, "/invitations", right="administer", response={201: Invited}, name="invite", summary="Invite somebody"
)
def invite(request: HttpRequest, said: Invites) -> Any:
    """They get a link by e-mail, good for seven days and once."""
    _administered(request, said.creditor)
    form = deeds.valid(people_pages.Inviting(_fresh(request), deeds.plain(said.dict())))
    row, link = people_pages.asked_in(form, by=room.asking(request).user)
    return {"invitation": row, "link": link}


@room.post(
    router, "/invitations/{pk}/withdraw", right="administer", response=Done, name="withdraw_invitation",
    summary="Withdraw an invitation",
)  # fmt: skip
def withdraw(request: HttpRequest, pk: Id) -> Any:
    by = room.asking(request).user
    found = room.row(people_pages.waiting(scope.whole_creditors(by)), pk)
    _administered(request, found.creditor_ref)
    if found.role not in grantable(_fresh(request), found.creditor_ref):
        raise not_found()
    people.withdraw(invitation=found, by=by, now=clock.now())
    return {"said": _("The invitation is withdrawn: its link opens nothing any more.")}


@room.post(router, "/scopes", right="administer", response={201: ScopeOut}, name="give_role", summary="Give a role")
def give(request: HttpRequest, said: GivesToUser) -> Any:
    """To a colleague at a creditor that you administer, and never more than you have there."""
    _administered(request, said.creditor)
    by = _fresh(request)
    other = room.row(people_for(by), said.user)
    form = deeds.valid(people_pages.Giving(by, deeds.plain(said.dict(exclude={"user"}))))
    return people.give(user=other, scope=form.scope(), by=by, now=clock.now())


@room.post(router, "/scopes/{pk}/take", right="administer", response=Done, name="take_role", summary="Take a role away")
def take(request: HttpRequest, pk: Id) -> Any:
    """Never the last one by which somebody administers the creditor."""
    by = room.asking(request).user
    found = room.row(scopes(by), pk)
    if not may_change(_fresh(request), found) or not scope.granted(by, "administer"):
        raise Problem(403, _("Your role does not do that for this creditor."))
    people.take(scope=found, by=by, now=clock.now())
    return {"said": _("The role is taken away.")}


def _about(path: str, verb: Any, *, name: str, summary: str) -> None:
    def do(request: HttpRequest, pk: Id) -> Any:
        found = _person(request, pk)
        verb(user=found, by=room.asking(request).user, now=clock.now())
        found.refresh_from_db()
        return found

    room.post(
        router, f"/users/{{pk}}/{path}", right="administer", response=UserOut, name=name, summary=summary
    )(do)  # fmt: skip


_about("close", people.close, name="close_account", summary="Close an account")
_about("reopen", people.reopen, name="reopen_account", summary="Open an account again")
_about("end-sessions", people.send_out, name="end_sessions", summary="End every session of somebody")
