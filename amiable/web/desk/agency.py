"""What an outside agency sees of a customer: what lies with it, whom to reach there, its own notes and those meant for it.

In: a user. Out: rows; to one of the house all that scope.py says, to one of an agency only what is named here. Never: a word
between the house and its customer, an invoice that stayed, what lies, or lay, with another agency.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from amiable.casework.models import Dispute, Note, Notification, Placement
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Customer, Document, HoldKind
from amiable.payments.models import Promise
from amiable.web.desk import scope

# The holds that bind an agency too: what the law says, and what the customer has said or done. Others are the house's affair.
TOLD = (
    HoldKind.DISPUTE, HoldKind.PROMISE, HoldKind.PLAN, HoldKind.PAYMENT, HoldKind.CLAIMED, HoldKind.INSOLVENCY,
    HoldKind.MORATORIUM, HoldKind.VULNERABLE,
)  # fmt: skip


def placements(user: User) -> QuerySet[Placement]:
    """To one of the house each; to an agency its own."""
    shown = Q(case__creditor__in=scope.visible_creditors(user).values("pk"))
    for each in scope.agencies(user):
        shown |= Q(case__creditor=each.creditor_ref, agency=each.agency)
    reach = scope.reach(user, path="case__customer__", creditor="case__creditor_id", outside=True)
    return Placement.objects.filter(reach, shown)


def notes(user: User) -> QuerySet[Note]:
    """An agency's own are those that its people wrote; meant for it are those in which one of them was named and told."""
    kept = Q(pk__in=[])
    for each in scope.agencies(user):
        people = Scope.objects.filter(role=Role.AGENCY, agency=each.agency, creditor_ref=each.creditor_ref).values(
            "user"
        )
        told = Notification.objects.filter(
            user__in=people, key=Concat(Value("note:"), Cast(OuterRef("pk"), CharField()))
        )
        kept |= Q(Q(by__in=people) | Q(Exists(told)), customer__creditor=each.creditor_ref)
    return _seen(Note.objects.all(), user, scope.reach(user, path="customer__", outside=True) & kept)


def disputes(user: User) -> QuerySet[Dispute]:
    return _seen(Dispute.objects.all(), user, Q(invoice__in=scope.invoices_for(user).values("pk")))


def promises(user: User) -> QuerySet[Promise]:
    """To an agency those of nothing but what lies with it: the sum of another would tell of what does not."""
    lies = Q(invoices__contained_by=ArraySubquery(scope.invoices_for(user).values("pk"))) & ~Q(invoices=[])
    return _seen(Promise.objects.all(), user, scope.reach(user, path="customer__", outside=True) & lies)


def copies(user: User) -> QuerySet[Document]:
    lies = Q(invoice__in=scope.invoices_for(user).values("pk"))
    rows = Document.objects.filter(invoice__isnull=False)
    return _seen(rows, user, lies, path="invoice__customer__", creditor="creditor_id")


def _seen(rows: QuerySet[Any], user: User, lies: Q, *, path: str = "customer__", creditor: str = "") -> QuerySet[Any]:
    """The rows that one of the house reaches; and, to one of an agency, those that `lies` says."""
    inside = scope.reach(user, path=path, creditor=creditor)
    return rows.filter(inside if user.is_superuser or not scope.agencies(user) else inside | lies)


def lines(user: User, customer: Customer) -> Mapping[str, Q] | None:
    """What an agency reads of the timeline, by the kind of line: of no other kind anything. None: all of it, as the house."""
    if scope.from_inside(user, customer):
        return None
    bills = scope.invoices_for(user, customer.invoices.all()).values("pk")
    return {
        "invoice": Q(pk__in=bills),
        "allocation": Q(invoice__in=bills),
        "entry": Q(invoice__in=bills),
        **{
            kind: Q(pk__in=rows.filter(customer=customer).values("pk"))
            for kind, rows in (("promise", promises(user)), ("dispute", disputes(user)), ("note", notes(user)))
        },
        "placement": Q(pk__in=placements(user).filter(case__customer=customer).values("pk")),
    }
