"""What a colleague may see and do, from their scopes: every query of the desk starts here.

In: a user. Out: querysets and yes-or-no. What lies outside is answered like what does not exist (404).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from amiable.casework import entrust
from amiable.casework.models import Task
from amiable.core.models import Role, Run, Scope, User
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.scenario.engine.journey import PLACE
from amiable.web import seen
from amiable.web.ui import clock

P = ParamSpec("P")

# Who may do what beside looking; a role that is not named here only reads.
MAY: dict[str, set[str]] = {
    "note": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.SALES, Role.BRANCH, Role.ACCOUNTANT, Role.SERVICE}
    | {Role.BUYER, Role.AGENCY},
    "talk": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.SALES, Role.BRANCH, Role.ACCOUNTANT, Role.SERVICE},
    "hold": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.SALES, Role.BRANCH, Role.SERVICE},
    "write": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT},
    "plan": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN},
    "approve_plan": {Role.MANAGER, Role.ADMIN},
    "see_means": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN},
    "take": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT, Role.SERVICE},  # a payment on the phone
    "refund": {Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT},
    "write_off": {Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT},
    "sell": {Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT},  # invoices to the factor
    "release": {Role.MANAGER, Role.ADMIN},
    "administer": {Role.MANAGER, Role.ADMIN},
    "place": {Role.MANAGER, Role.ADMIN},  # a case with an outside agency
    "merge": {Role.MANAGER, Role.ADMIN},  # two records of one customer, for good
    "audit": {Role.MANAGER, Role.ADMIN, Role.AUDITOR},  # reads who did and saw what
    "see_team": {Role.MANAGER, Role.ADMIN},  # what each colleague did, and with what success
    "load": {Role.COLLECTOR, Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT},
}


class Asked(HttpRequest):
    """A request of a colleague who is logged in."""

    user: User


def inside(view: Callable[Concatenate[Asked, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The door of the desk: who is not logged in goes to the log-in page, fragments included."""

    @wraps(view)
    def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            response = view(cast(Asked, request), *args, **kwargs)
            # Nobody reads who owes what by going back after the log-out.
            add_never_cache_headers(response)
            return response
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": reverse("desk:login")})
        return redirect_to_login(request.get_full_path())

    return door


def scopes(user: User) -> list[Scope]:
    """The scopes of a user's own, read once per request."""
    return [scope for scope in _kept(user) if scope.user_id == user.pk]


def reaching(user: User) -> list[Scope]:
    """The user's own scopes, and those of whom they stand in for: with the customers of the absent and the roles of their
    own, so that a stand-in sees more and may do no more.
    """
    own = scopes(user)
    found = list(own)
    for theirs in _kept(user):
        if theirs.user_id != user.pk and theirs.role != Role.AGENCY:
            roles = {each.role for each in own if each.creditor_ref == theirs.creditor_ref} - {Role.AGENCY}
            found += [
                Scope(
                    user_id=theirs.user_id, role=role, creditor_ref=theirs.creditor_ref, branch_ref=theirs.branch_ref,
                    own_customers_only=theirs.own_customers_only,
                )
                for role in sorted(roles)
            ]  # fmt: skip
    return found


def stands_for(user: User) -> set[int]:
    """Whose work is this user's today: their own, and of those whom they stand in for."""
    return {user.pk, *(scope.user_id for scope in _kept(user))}


def _kept(user: User) -> list[Scope]:
    """Their scopes, and of those whom they stand in for; with the user of a session they come along (web/colleague.py)."""
    kept: list[Scope] | None = getattr(user, "held_scopes", None)
    if kept is None:
        kept = user.held_scopes = list(entrust.held_by(user, as_of=clock.today()))  # type: ignore[attr-defined]
    return kept


def granted(user: User, act: str) -> bool:
    """Whether the token with which this user came (web/api/token.py) lets them act so; without a token it is theirs to say."""
    acts: frozenset[str] | None = user.__dict__.get("_desk_acts")
    return acts is None or act in acts


def reach(user: User, *, path: str = "", creditor: str = "", outside: bool = False) -> Q:
    """The condition that rows belong to customers this user may see; `path` leads from the row to its customer.

    `creditor` names the row's own column for the creditor, where it has one: then no customer need be read. Who is of an
    agency reaches nothing by it, unless what lies with the agency is meant too (`outside`): agency.py says of what it may be.
    """
    if user.is_superuser:
        return Q()
    reached = Q(pk__in=[])
    for scope in reaching(user):
        if outside or scope.role != Role.AGENCY:
            reached |= _reached(scope, path=path, creditor=creditor)
    return reached


def _reached(scope: Scope, *, path: str, creditor: str) -> Q:
    part = Q(**{creditor or f"{path}creditor_id": scope.creditor_ref})
    if scope.branch_ref is not None:
        part &= Q(**{f"{path}branch_id": scope.branch_ref})
    if scope.own_customers_only:
        part &= Q(**{f"{path}salesperson_id": scope.user_id})
    if scope.role == Role.AGENCY:
        placed = entrust.placed_with(scope.agency).values("case__customer")
        part &= Q(**{f"{path.removesuffix('__') or 'pk'}__in": placed})
    return part


def invoices_for(user: User, rows: QuerySet[Invoice] | None = None) -> QuerySet[Invoice]:
    """Of these invoices those that this user may see: of an agency, what lies with it; of a customer, perhaps not all."""
    found = Invoice.objects.all() if rows is None else rows
    if user.is_superuser:
        return found
    reached = Q(pk__in=[])
    for scope in reaching(user):
        part = _reached(scope, path="customer__", creditor="creditor_id")
        lies = entrust.invoices_with(scope.agency, as_of=clock.today()) if scope.role == Role.AGENCY else Q()
        reached |= part & lies
    return found.filter(reached)


def confirms(user: User, task: Task) -> bool:
    """Whether this user may say yes or no to what a task asks: to hand over to an agency is not for whoever talks."""
    return may(user, "place" if task.context.get("action") == PLACE else "talk", task.customer)


def customers_for(user: User, *, outside: bool = False) -> QuerySet[Customer]:
    return Customer.objects.filter(reach(user, outside=outside))


def visible_creditors(user: User) -> QuerySet[Creditor]:
    """The creditors of whose house this user is: an agency sees cases, and nothing of how a house works."""
    if user.is_superuser:
        return Creditor.objects.order_by("name")
    inside = {scope.creditor_ref for scope in scopes(user) if scope.role != Role.AGENCY}
    return Creditor.objects.filter(pk__in=inside).order_by("name")


def whole_creditors(user: User, *, act: str | None = None) -> QuerySet[Creditor]:
    """The creditors of whom this user sees everything (and may `act`): for files, runs and figures of the whole house."""
    if act is not None and not granted(user, act):
        return Creditor.objects.none()
    if user.is_superuser:
        return Creditor.objects.order_by("name")
    whole = {
        scope.creditor_ref for scope in scopes(user) if is_whole(scope) and (act is None or scope.role in MAY[act])
    }
    return Creditor.objects.filter(pk__in=whole).order_by("name")


def runs(user: User) -> QuerySet[Run]:
    """What the machine did for everyone, and for the creditors of whom this user sees everything; nothing to others."""
    if not sees_whole(user):
        return Run.objects.none()
    return Run.objects.filter(Q(creditor_ref=None) | Q(creditor_ref__in=whole_creditors(user).values("pk")))


def sees_whole(user: User, *, act: str | None = None) -> bool:
    """Whether this user sees the whole of any creditor (and may `act` on it)."""
    if act is not None and not granted(user, act):
        return False
    return user.is_superuser or any(is_whole(each) and (act is None or each.role in MAY[act]) for each in scopes(user))


def sees_whole_of(user: User, creditor: int, *, act: str | None = None) -> bool:
    """Whether this user sees the whole of this creditor (and may `act` on it)."""
    if act is not None and not granted(user, act):
        return False
    return user.is_superuser or any(
        is_whole(each) and each.creditor_ref == creditor and (act is None or each.role in MAY[act])
        for each in scopes(user)
    )


def is_whole(scope: Scope) -> bool:
    """Whether a scope is about everything of its creditor; an agency's never is."""
    return scope.branch_ref is None and not scope.own_customers_only and scope.role != Role.AGENCY


def agencies(user: User) -> list[Scope]:
    """The scopes by which this user is of an outside agency."""
    return [scope for scope in scopes(user) if scope.role == Role.AGENCY]


def from_inside(user: User, customer: Customer) -> bool:
    """Whether this user sees a customer as one of the house, whatever else they see as one of an agency."""
    house = (scope for scope in reaching(user) if scope.role != Role.AGENCY)
    return user.is_superuser or any(entrust.reaches(scope, customer) for scope in house)


def of_house(user: User) -> bool:
    """Whether this user works in any creditor's house; an agency does not."""
    return user.is_superuser or any(each.role != Role.AGENCY for each in scopes(user))


def sells(user: User) -> bool:
    """Whether this user has a portfolio of their own: a salesperson, a branch director, or who stands in for one."""
    return any(each.role in (Role.SALES, Role.BRANCH) or each.own_customers_only for each in reaching(user))


def audits(user: User) -> bool:
    """Whether this user reads the trail of the whole of any creditor."""
    return user.is_superuser or any(is_whole(each) and each.role in MAY["audit"] for each in scopes(user))


def administers(user: User) -> bool:
    """Whether this user administers the whole of any creditor."""
    return sees_whole(user, act="administer")


def may(user: User, act: str, customer: Customer) -> bool:
    """Whether a scope that reaches this customer carries a role that may do this."""
    if not granted(user, act):
        return False
    if user.is_superuser:
        return True
    return any(scope.role in MAY[act] and entrust.reaches(scope, customer) for scope in reaching(user))


def rights(user: User, customer: Customer) -> set[str]:
    """Everything that this user may do about this customer."""
    return {act for act in MAY if may(user, act, customer)}


def colleagues(customer: Customer) -> QuerySet[User]:
    """Whoever may do something about this customer, and can so be given a task."""
    rows = list(Scope.objects.filter(role__in=MAY["talk"], creditor_ref=customer.creditor_id))
    reaching = {scope.user_id for scope in rows if entrust.reaches(scope, customer)}
    near = entrust.standing_in(reaching, creditor_id=customer.creditor_id, as_of=clock.today())
    reaching |= near & {scope.user_id for scope in rows}
    return User.objects.filter(pk__in=reaching, is_active=True).order_by("first_name", "last_name", "username")


def customer_or_404(
    user: User,
    pk: int,
    *,
    act: str | None = None,
    outside: bool = False,
    related: Iterable[str] = ("creditor",),
    **told: Any,
) -> Customer:
    """The customer, when the user may see it (and may `act`); else the page does not exist. `outside`: a page for agencies
    too. `told`: annotations.
    """
    customer = get_object_or_404(customers_for(user, outside=outside).select_related(*related).annotate(**told), pk=pk)
    # A record that was merged is a pointer: nothing is done about it any more.
    if act is not None and (customer.merged_into_id or not may(user, act, customer)):
        raise Http404
    seen.customer(customer)
    return customer


def row_or_404(rows: QuerySet[Any], user: User, pk: int, *, act: str | None = None) -> Any:
    """A row with a `customer`, when the user may see that customer (and may `act`)."""
    row = get_object_or_404(rows.filter(reach(user, path="customer__")).select_related("customer__creditor"), pk=pk)
    if act is not None and not may(user, act, row.customer):
        raise Http404
    seen.customer(row.customer)
    return row
