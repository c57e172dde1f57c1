"""Who is in charge of a customer: by name, by the creditor's own rules, by role and branch; and who stands in for whom.

Comes in: a role of the house, customers, a day. Goes out: a colleague each; nobody where several could be meant.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from amiable.casework.models import Case, HandOver, Placement, Responsibility
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Customer, Hold, Invoice

K = TypeVar("K", bound=Hashable)
ROLES: Mapping[str, Role] = {
    "collector": Role.COLLECTOR,
    "credit_manager": Role.MANAGER,
    "sales": Role.SALES,
    "branch_director": Role.BRANCH,
    "accountant": Role.ACCOUNTANT,
    "customer_service": Role.SERVICE,
    "admin": Role.ADMIN,
}
HOPS = 2  # a stand-in who is away has a stand-in; further on nobody is followed


@dataclass
class Work:
    """What there is to do for a customer: kinds and accounts of the invoices, and their sum in the creditor's currency."""

    kinds: set[str] = field(default_factory=set)
    accounts: set[str] = field(default_factory=set)
    minor: int = 0


def in_charge(
    *, role: str, customers: Iterable[Customer], as_of: date, about: Mapping[int, Collection[int]] | None = None
) -> dict[int, User]:
    """For each customer the one colleague who is its `role`; customers without one, or with several, are left out.

    First whom the rows name: a salesperson is the customer's own, a collector whoever has its open case. Then the
    creditor's rules, the narrowest that fits. Else whoever has the role nearest to the customer: for own customers
    before for a branch, for a branch before for the whole creditor. Whoever is away is stood in for.

    `about`: the invoices by customer that the work is about; what is overdue where none are named.
    """
    found = _charged([role], list(customers), as_of=as_of, about=about)
    return {customer: user for (customer, _role), user in found.items()}


def all_in_charge(*, customer: Customer, roles: Iterable[str], as_of: date) -> dict[str, User]:
    """As `in_charge`, of several roles of one customer, in a few queries for all of them."""
    found = _charged(list(roles), [customer], as_of=as_of, about=None)
    return {role: user for (_customer, role), user in found.items()}


def _charged(
    roles: Sequence[str], customers: list[Customer], *, as_of: date, about: Mapping[int, Collection[int]] | None
) -> dict[tuple[int, str], User]:
    """Who is in charge, by customer and role."""
    found = {(pk, role): user for role in roles for pk, user in _named(role, customers).items()}
    left = {role: [row for row in customers if (row.pk, role) not in found] for role in roles}
    creditors = {row.creditor_id for rows in left.values() for row in rows}
    rules, members = _rules(roles, creditors, as_of=as_of), _members(roles, creditors)
    for role, rows in left.items():
        ruled = _narrowest([rule for rule in rules if rule.role == role], rows, as_of=as_of, about=about)
        theirs = [scope for scope in members if scope.role == ROLES[role]]
        for customer in rows:
            near = (
                {ruled[customer.pk]}
                if customer.pk in ruled
                else _nearest([scope for scope in theirs if reaches(scope, customer)])
            )
            if len(near) == 1:
                found[customer.pk, role] = near.pop()
    of = {row.pk: row.creditor_id for row in customers}
    return _present(found, {key: of[key[0]] for key in found}, as_of=as_of)


def by_rule(
    *, role: str, customers: Collection[Customer], as_of: date, about: Mapping[int, Collection[int]] | None = None
) -> dict[int, User]:
    """Whom the creditor's own rows say, by the narrowest that fits; nobody where two equally narrow ones differ."""
    rules = _rules([role], {row.creditor_id for row in customers}, as_of=as_of)
    return _narrowest(rules, customers, as_of=as_of, about=about)


def _rules(roles: Collection[str], creditors: Collection[int], *, as_of: date) -> list[Responsibility]:
    rows = Responsibility.objects.filter(creditor__in=creditors, role__in=roles, user__is_active=True)
    return list(active(rows, as_of).select_related("user").order_by("pk"))


def _narrowest(
    rules: list[Responsibility],
    customers: Collection[Customer],
    *,
    as_of: date,
    about: Mapping[int, Collection[int]] | None,
) -> dict[int, User]:
    if not rules:
        return {}
    works: dict[int, Work] = {}
    if any(_asks_for_work(rule) for rule in rules):
        works = _works(customers, about or {}, as_of=as_of)
    found: dict[int, User] = {}
    for customer in customers:
        fitting = [rule for rule in rules if fits(rule, customer, works.get(customer.pk, Work()))]
        narrowest = max((narrowness(rule) for rule in fitting), default=0)
        users = {rule.user for rule in fitting if narrowness(rule) == narrowest}
        if len(users) == 1:
            found[customer.pk] = users.pop()
    return found


def responsible(*, customer: Customer, case: Case | None, as_of: date, invoices: Collection[int] = ()) -> User | None:
    """Whose work about this customer is: of whoever has the case, else of the collector whom a rule names."""
    if case is not None and case.responsible is not None:
        found = {customer.pk: case.responsible}
    else:
        about = {customer.pk: invoices} if invoices else None
        found = by_rule(role="collector", customers=[customer], as_of=as_of, about=about)
    return _present(found, {customer.pk: customer.creditor_id}, as_of=as_of).get(customer.pk)


def all_of(*, role: str, customer: Customer, as_of: date) -> list[User]:
    """Everyone who has the role for this customer, or stands in for them."""
    theirs = [scope.user for scope in _members([role], [customer.creditor_id]) if reaches(scope, customer)]
    present = _present(dict(enumerate(theirs)), dict.fromkeys(range(len(theirs)), customer.creditor_id), as_of=as_of)
    return sorted(set(present.values()), key=lambda user: user.pk)


def present(*, user: User, customer: Customer, as_of: date) -> User:
    """The colleague, or who stands in for them at this customer's creditor."""
    return _present({0: user}, {0: customer.creditor_id}, as_of=as_of)[0]


def who_may_see(*, customer: Customer, as_of: date) -> QuerySet[User]:
    """Every colleague, agencies included, whose role reaches this customer, or who stands in for one."""
    rows = Scope.objects.filter(creditor_ref=customer.creditor_id, user__is_active=True)
    reaching = {scope.user_id for scope in rows if reaches(scope, customer)}
    reaching |= standing_in(reaching, creditor_id=customer.creditor_id, as_of=as_of)
    return User.objects.filter(Q(pk__in=reaching) | Q(is_superuser=True), is_active=True).order_by(
        "first_name", "last_name", "username"
    )


def held_by(user: User | OuterRef, *, as_of: date) -> QuerySet[Scope]:
    """A colleague's scopes, and those of whom they stand in for, at the creditor of the hand-over; in one query, or, with a
    reference to the user of an outer one, as a part of it.
    """
    inner: Any = OuterRef(user) if isinstance(user, OuterRef) else user
    innermost: Any = OuterRef(inner) if isinstance(user, OuterRef) else user
    of = HandOver.objects.filter(absent=OuterRef("user"), creditor=OuterRef("creditor_ref"))
    near = running(of.filter(stand_in=inner), as_of)
    between = running(HandOver.objects.filter(stand_in=innermost, creditor=OuterRef("creditor")), as_of)
    further = running(of.filter(stand_in__in=between.values("absent")), as_of)
    rows = Scope.objects.filter(Q(user=user) | Exists(near) | Exists(further), user__is_active=True)
    return rows.order_by("id")


def still_sees(user: User, customers: Iterable[Customer], *, as_of: date) -> set[int]:
    """Of these customers those whom this colleague may see: what leaves the house by e-mail is asked anew."""
    if user.is_superuser:
        return {customer.pk for customer in customers}
    scopes = list(held_by(user, as_of=as_of))
    return {customer.pk for customer in customers if any(reaches(scope, customer) for scope in scopes)}


def standing_in(absent: Collection[int], *, creditor_id: int, as_of: date) -> set[int]:
    """Who stands in for any of these at a creditor on a day, and who for those."""
    found: set[int] = set()
    near = set(absent)
    for _hop in range(HOPS):
        rows = HandOver.objects.filter(creditor=creditor_id, absent__in=near)
        near = set(running(rows, as_of).values_list("stand_in", flat=True))
        found |= near
        if not near:
            break
    return found


def reaches(scope: Scope, customer: Customer) -> bool:
    """Whether a scope is about this customer."""
    return (
        scope.creditor_ref == customer.creditor_id
        and (scope.branch_ref is None or scope.branch_ref == customer.branch_id)
        and (not scope.own_customers_only or customer.salesperson_id == scope.user_id)
        and (scope.role != Role.AGENCY or placed_with(scope.agency).filter(case__customer=customer).exists())
    )


def placed_with(agency: str) -> QuerySet[Placement]:
    """The cases that lie with an agency now; with one that has no name, none."""
    return Placement.objects.filter(agency=agency, recalled_at=None).exclude(agency="")


def invoices_with(agency: str, *, as_of: date) -> Q:
    """The condition on an invoice that it lies with an agency, as lying.py counts: by itself; or with its whole case, as far
    as it is late by that day and was not settled before.
    """
    placed = placed_with(agency)
    sources = placed.annotate(source=Concat(Value("placement:"), Cast("pk", CharField()))).values("source")
    alone = Hold.objects.filter(source_ref__in=sources, invoice__isnull=False).values("invoice")
    whole = placed.filter(decision_ref=None, case__customer=OuterRef("customer"), case__currency=OuterRef("currency"))
    settled_there = whole.filter(placed_at__date__lte=OuterRef("settled_on"))
    return Q(pk__in=alone) | Q(Q(Exists(whole), open_minor__gt=0) | Q(Exists(settled_there)), due_on__lt=as_of)


def active(rows: QuerySet[Responsibility], as_of: date) -> QuerySet[Responsibility]:
    return rows.filter(Q(until=None) | Q(until__gt=as_of), since__lte=as_of)


def running(rows: QuerySet[HandOver], as_of: date) -> QuerySet[HandOver]:
    """The hand-overs that act on a day."""
    return rows.filter(Q(until=None) | Q(until__gt=as_of), since__lte=as_of, taken_back_at=None)


def fits(rule: Responsibility, customer: Customer, work: Work) -> bool:
    return (
        rule.creditor_id == customer.creditor_id
        and (rule.branch_id is None or rule.branch_id == customer.branch_id)
        and rule.customer_kind in ("", customer.kind)
        and (not rule.invoice_kind or rule.invoice_kind in work.kinds)
        and (not rule.account or rule.account in work.accounts)
        and (rule.from_minor is None or work.minor >= rule.from_minor)
        and (rule.below_minor is None or work.minor < rule.below_minor)
    )


def narrowness(rule: Responsibility) -> int:
    """How many conditions a row has; a band of amounts is one."""
    band = rule.from_minor is not None or rule.below_minor is not None
    return sum(map(bool, (rule.branch_id, rule.customer_kind, rule.invoice_kind, rule.account, band)))


def _asks_for_work(rule: Responsibility) -> bool:
    return bool(rule.invoice_kind or rule.account) or rule.from_minor is not None or rule.below_minor is not None


def _works(customers: Collection[Customer], about: Mapping[int, Collection[int]], *, as_of: date) -> dict[int, Work]:
    """What the work of each customer is about, in one query."""
    rows = Invoice.objects.filter(customer__in=[row.pk for row in customers], open_minor__gt=0)
    named = {invoice for invoices in about.values() for invoice in invoices}
    free = [row.pk for row in customers if not about.get(row.pk)]
    rows = rows.filter(Q(pk__in=named) | Q(customer__in=free, due_on__lt=as_of))
    works = {row.pk: Work() for row in customers}
    told = rows.values_list("customer_id", "kind", "account", "open_minor", "currency", "creditor__currency")
    for customer, kind, account, minor, currency, own in told:
        work = works[customer]
        work.kinds.add(kind)
        work.accounts.add(account)
        work.minor += minor if currency == own else 0
    return works


def _present(found: dict[K, User], creditors: Mapping[K, int], *, as_of: date) -> dict[K, User]:
    """The same, with a stand-in for each who is away at that creditor."""
    if not found:
        return found
    for _hop in range(HOPS):
        rows = HandOver.objects.filter(creditor__in=set(creditors.values()), absent__in=set(found.values()))
        away = {
            (row.creditor_id, row.absent_id): row.stand_in
            for row in running(rows, as_of).filter(stand_in__is_active=True).select_related("stand_in").order_by("pk")
        }
        if not away:
            break
        found = {key: away.get((creditors[key], user.pk), user) for key, user in found.items()}
    return found


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


def _members(roles: Collection[str], creditors: Collection[int]) -> list[Scope]:
    wanted = [ROLES[role] for role in roles]
    scopes = Scope.objects.filter(role__in=wanted, creditor_ref__in=creditors, user__is_active=True)
    return list(scopes.select_related("user").order_by("pk"))


def _nearest(scopes: list[Scope]) -> set[User]:
    for near in (
        [scope for scope in scopes if scope.own_customers_only],
        [scope for scope in scopes if scope.branch_ref is not None and not scope.own_customers_only],
        scopes,
    ):
        if near:
            return {scope.user for scope in near}
    return set()
