"""A customer's cases, or some of their invoices, go to an outside agency, and come back: by a person, by a step, by time.

In: a customer with open cases, the agency's name. Out: placements, and the holds of what lies there, so that nothing of ours
is sent about it meanwhile. Never: one customer with two agencies.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import Case, Placement
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import CreditKind, Creditor, Customer, Entry, EntryKind, Hold, HoldKind, Invoice


class Outcome(models.TextChoices):
    """How a placement ended."""

    PAID = "paid", gettext_lazy("paid")
    PART_PAID = "part_paid", gettext_lazy("paid in part")
    NOT_PAID = "not_paid", gettext_lazy("not paid")
    WITHDRAWN = "withdrawn", gettext_lazy("withdrawn by us")


class UnableToPlace(UnableTo):
    """There is no case to hand over, or it is away already."""


@transaction.atomic
def place(*, customer: Customer, agency: str, as_of: date, now: datetime, by: User) -> list[Placement]:
    """Every open case of the customer lies with the agency from now on. Raises UnableToPlace."""
    name = " ".join(agency.split())
    if not name:
        raise UnableToPlace(_("Please name the agency."))
    cases = _locked_cases(customer)
    away = Placement.objects.filter(case__customer=customer, recalled_at=None).first()
    if away is not None:
        raise UnableToPlace(_("The case lies with %(agency)s already.") % {"agency": away.agency})
    rows = [Placement.objects.create(case=case, agency=name, placed_at=now, placed_by=by) for case in cases]
    for row in rows:
        hold.place(
            kind=HoldKind.PLACED,
            source_ref=_source(row.pk),
            customer=customer,
            since=as_of,
            reason=name,
            by=by,
            now=now,
        )
    _record("case.handed_over", customer, rows, now=now, by=by)
    return rows


@transaction.atomic
def place_invoices(
    *,
    customer: Customer,
    currency: str,
    invoices: Sequence[Invoice],
    agency: str,
    until: date | None,
    decision_ref: int,
    as_of: date,
    now: datetime,
    by: User | None = None,
) -> Placement | None:
    """These invoices of the open case lie with the agency until a day, or until they are taken back; the others stay ours.

    None where this decision was carried out before. What follows goes to the agency that has something of the customer
    already. Raises UnableToPlace.
    """
    case = next((row for row in _locked_cases(customer) if row.currency == currency), None)
    if case is None:
        raise UnableToPlace(_("There is no open case to hand over."))
    if Placement.objects.filter(decision_ref=decision_ref).exists():
        return None
    away = Placement.objects.filter(case__customer=customer, recalled_at=None).order_by("pk").first()
    row = Placement.objects.create(
        case=case,
        agency=away.agency if away else agency,
        placed_at=now,
        placed_by=by,
        until=until,
        decision_ref=decision_ref,
    )
    hold.place_on(
        invoices, kind=HoldKind.PLACED, source_ref=_source(row.pk), customer=customer, since=as_of, until=until,
        reason=row.agency, by=by, now=now,
    )  # fmt: skip
    _record("case.handed_over", customer, [row], now=now, by=by, invoices=[each.pk for each in invoices])
    return row


def lock(*, customers: Collection[int], invoices: Collection[int] = ()) -> None:
    """Until the end of the transaction nobody else settles these invoices, or closes or hands over a case of these customers.

    Whoever holds several of them takes them in this order: invoices, cases, tasks, placements. A payment does, which settles
    and then closes; the other way round two would wait for each other.
    """
    list(Invoice.objects.select_for_update(no_key=True).filter(pk__in=invoices).order_by("pk").values_list("pk"))
    list(_open_cases(customers).values_list("pk"))


def _open_cases(customers: Collection[int]) -> QuerySet[Case]:
    return Case.objects.select_for_update(no_key=True).filter(customer__in=customers, closed_on=None).order_by("pk")


def _locked_cases(customer: Customer) -> list[Case]:
    """The open cases, which nobody else hands over meanwhile. Raises UnableToPlace where there is none."""
    cases = list(_open_cases([customer.pk]))
    if not cases:
        raise UnableToPlace(_("There is no open case to hand over."))
    return cases


@transaction.atomic
def recall(*, customer: Customer, outcome: str, as_of: date, now: datetime, by: User) -> list[Placement]:
    """What lies with an agency is ours again; our steps go on where they stood. Raises UnableToPlace."""
    rows = list(Placement.objects.select_for_update().filter(case__customer=customer, recalled_at=None).order_by("pk"))
    if not rows:
        raise UnableToPlace(_("Nothing of this customer lies with an agency."))
    _end(rows, outcome=outcome, as_of=as_of, now=now)
    _record("case.taken_back", customer, rows, now=now, by=by)
    return rows


@transaction.atomic
def come_back(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> int:
    """Takes back (of one creditor) what has had its time, and what is paid: our steps go on where they stood. How many."""
    whose = Q() if creditor is None else Q(case__creditor=creditor)
    away = Placement.objects.filter(whose, recalled_at=None, decision_ref__isnull=False).select_related(
        "case__customer"
    )
    unpaid = Hold.objects.filter(source_ref=source_of(), invoice__open_minor__gt=0)
    over = list(away.select_for_update(of=("self",)).filter(Q(until__lte=as_of) | ~Exists(unpaid)).order_by("pk"))
    for row in over:
        _end([row], outcome=_came_of(row), as_of=as_of, now=now)
        _record("case.taken_back", row.case.customer, [row], now=now, by=None)
    return len(over)


def lying(placements: Iterable[Placement]) -> QuerySet[Hold]:
    """The holds of what these placements were about, ended or not."""
    return Hold.objects.filter(source_ref__in=[_source(row.pk) for row in placements])


def _came_of(row: Placement) -> str:
    """By what was paid while it was there: what we gave up, or credited, is no payment."""
    bills = Invoice.objects.filter(pk__in=lying([row]).values("invoice"))
    came = Entry.objects.filter(
        invoice__in=bills, kind__in=[EntryKind.ALLOCATION, EntryKind.REVERSAL], known_at__gte=row.placed_at,
        credit__kind=CreditKind.PAYMENT,
    )  # fmt: skip
    paid = (came.aggregate(sum=Sum("amount_minor"))["sum"] or 0) < 0
    if bills.filter(open_minor__gt=0).exists():
        return Outcome.PART_PAID if paid else Outcome.NOT_PAID
    return Outcome.PAID if paid else Outcome.WITHDRAWN


def end_with(*, cases: Collection[int], as_of: date, now: datetime) -> None:
    """What was settled while it was away is away no longer."""
    rows = Placement.objects.filter(case__in=cases, recalled_at=None)
    _end(list(rows.filter(case__closed_because="paid")), outcome=Outcome.PAID, as_of=as_of, now=now)
    _end(list(rows.exclude(case__closed_because="paid")), outcome=Outcome.WITHDRAWN, as_of=as_of, now=now)


def _end(rows: list[Placement], *, outcome: str, as_of: date, now: datetime) -> None:
    if rows:
        Placement.objects.filter(pk__in=[row.pk for row in rows]).update(recalled_at=now, outcome=outcome)
        hold.end(Hold.objects.filter(source_ref__in=[_source(row.pk) for row in rows]), on=as_of)


def _source(placement: int) -> str:
    return f"placement:{placement}"


def source_of() -> Concat:
    """The source of the holds of the placement in the outer query."""
    return Concat(Value("placement:"), Cast(OuterRef("pk"), models.CharField()))


def _record(
    act: str, customer: Customer, rows: list[Placement], *, now: datetime, by: User | None, **more: list[int]
) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=customer.creditor_id, subject="customer", subject_ref=customer.pk,
        agency=rows[0].agency, cases=[row.case_id for row in rows], **more,
    )  # fmt: skip
