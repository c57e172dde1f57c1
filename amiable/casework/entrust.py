"""Who is in charge of a customer, by what they are: the one person whose role, branch and own customers say so.

Comes in: a role of the house, customers. Goes out: a colleague each; nobody where several could be meant.
"""

from collections.abc import Iterable, Mapping

from amiable.casework.models import Case
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Customer

ROLES: Mapping[str, Role] = {
    "collector": Role.COLLECTOR,
    "credit_manager": Role.MANAGER,
    "sales": Role.SALES,
    "branch_director": Role.BRANCH,
    "accountant": Role.ACCOUNTANT,
    "customer_service": Role.SERVICE,
    "admin": Role.ADMIN,
}


def in_charge(*, role: str, customers: Iterable[Customer]) -> dict[int, User]:
    """For each customer the one colleague who is its `role`; customers without one, or with several, are left out.

    A salesperson is the customer's own, a collector whoever has its open case. Else whoever has the role nearest to the
    customer: for own customers before for a branch, for a branch before for the whole creditor.
    """
    rows = list(customers)
    named = _named(role, rows)
    found: dict[int, User] = {}
    members = _members(role, rows)
    for customer in rows:
        if customer.pk in named:
            found[customer.pk] = named[customer.pk]
            continue
        near = _nearest([scope for scope in members if reaches(scope, customer)])
        if len(near) == 1:
            found[customer.pk] = near.pop()
    return found


def all_of(*, role: str, customer: Customer) -> list[User]:
    """Everyone who has the role for this customer."""
    return sorted(
        {scope.user for scope in _members(role, [customer]) if reaches(scope, customer)}, key=lambda user: user.pk
    )


def _named(role: str, customers: list[Customer]) -> dict[int, User]:
    """Whom the rows themselves name."""
    if role == "sales":
        chosen = {row.pk: row.salesperson_id for row in customers if row.salesperson_id}
    elif role == "collector":
        cases = Case.objects.filter(customer__in=customers, closed_on=None).exclude(responsible=None).order_by("-pk")
        chosen = dict(cases.values_list("customer_id", "responsible_id"))
    else:
        return {}
    users = User.objects.filter(is_active=True).in_bulk(set(chosen.values()))
    return {customer: users[user] for customer, user in chosen.items() if user in users}


def _members(role: str, customers: list[Customer]) -> list[Scope]:
    creditors = {row.creditor_id for row in customers}
    scopes = Scope.objects.filter(role=ROLES[role], creditor_ref__in=creditors, user__is_active=True)
    return list(scopes.select_related("user").order_by("pk"))


def reaches(scope: Scope, customer: Customer) -> bool:
    """Whether a customer lies within a scope."""
    return (
        scope.creditor_ref == customer.creditor_id
        and (scope.branch_ref is None or scope.branch_ref == customer.branch_id)
        and (not scope.own_customers_only or customer.salesperson_id == scope.user_id)
    )


def _nearest(scopes: list[Scope]) -> set[User]:
    for near in (
        [scope for scope in scopes if scope.own_customers_only],
        [scope for scope in scopes if scope.branch_ref is not None and not scope.own_customers_only],
        scopes,
    ):
        if near:
            return {scope.user for scope in near}
    return set()


def still_sees(user: User, customers: Iterable[Customer]) -> set[int]:
    """Of these customers those whom this colleague may see: what leaves the house by e-mail is asked anew."""
    if user.is_superuser:
        return {customer.pk for customer in customers}
    scopes = list(Scope.objects.filter(user=user).select_related("user"))
    return {customer.pk for customer in customers if any(reaches(scope, customer) for scope in scopes)}
