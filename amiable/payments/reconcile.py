"""The same money told twice is counted once: the word of the creditor's cash authority takes over.

In: provisional credits, and what the authority told. Out: the authority's credit pays what the provisional one paid.
Never: both at once, one word of the authority for two payments, an earlier payment taken for a later one.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from amiable.core import audit
from amiable.core.words import in_house
from amiable.ledger import post
from amiable.ledger.models import Allocation, CashAuthority, Credit, CreditKind, Creditor
from amiable.payments.allocate import allocate

# The authority books a payment on its day or later; one day before allows for clocks and cut-off times.
EARLIEST, LATEST = timedelta(days=-1), timedelta(days=10)


@dataclass(frozen=True)
class Summary:
    """`missing`: provisional money that the authority should have told by now, and has not."""

    confirmed: int = 0
    missing: int = 0


@transaction.atomic
def reconcile(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Finds for each provisional credit the authority's word for it (same customer, currency, amount; 10 days)."""
    if creditor.cash_authority == CashAuthority.PSP:
        return Summary()
    told = _told_by_authority(creditor, as_of)
    confirmed = missing = 0
    waiting = Credit.objects.select_for_update(no_key=True).filter(
        creditor=creditor, provisional=True, confirmed_by=None, customer__isnull=False, received_on__lte=as_of
    )
    for provisional in list(waiting.order_by("received_on", "id")):
        authority = _nearest(told[_key(provisional)], provisional)
        if authority is not None:
            told[_key(provisional)].remove(authority)
            take_over(provisional=provisional, authority=authority, as_of=as_of, now=now)
            confirmed += 1
        elif as_of - provisional.received_on > LATEST:
            missing += 1
    return Summary(confirmed=confirmed, missing=missing)


@transaction.atomic
def take_over(*, provisional: Credit, authority: Credit, as_of: date, now: datetime) -> None:
    """The authority's credit pays what the provisional one paid, in the same order; the provisional one is closed."""
    paid = list(Allocation.objects.filter(credit=provisional, reverses=None, reversed_by=None).order_by("id"))
    for allocation in paid:
        post.reverse(allocation=allocation, as_of=as_of, now=now)
    locked = Credit.objects.select_for_update(no_key=True).get(pk=provisional.pk)
    if locked.open_minor:
        reason = in_house(_("Confirmed by %(source)s %(reference)s"), source=authority.source, reference=authority)
        post.refund(credit=locked, amount_minor=locked.open_minor, reason=reason[:200], as_of=as_of, now=now)
    locked.confirmed_by = authority
    locked.save(update_fields=["confirmed_by"])
    allocate(
        credit=authority, as_of=as_of, now=now, invoices=[allocation.invoice_id for allocation in paid], rule="named"
    )
    audit.record(
        "payment.confirmed",
        now=now,
        actor="day",
        creditor_ref=provisional.creditor_id,
        subject="customer",
        subject_ref=provisional.customer_id,
        provisional=provisional.pk,
        authority=authority.pk,
    )


Key = tuple[int | None, str, int]


def _key(credit: Credit) -> Key:
    return (credit.customer_id, credit.currency, credit.amount_minor)


def _told_by_authority(creditor: Creditor, as_of: date) -> dict[Key, list[Credit]]:
    """The authority's payments that are nobody's confirmation yet, of the customers with something provisional."""
    waiting = Credit.objects.filter(creditor=creditor, provisional=True, confirmed_by=None)
    told: dict[Key, list[Credit]] = defaultdict(list)
    rows = Credit.objects.filter(
        creditor=creditor,
        provisional=False,
        kind=CreditKind.PAYMENT,
        confirms=None,
        received_on__lte=as_of,
        customer__in=waiting.values("customer"),
        amount_minor__in=waiting.values("amount_minor"),
    ).exclude(source__startswith="psp:")
    for row in rows.order_by("received_on", "id"):
        told[_key(row)].append(row)
    return told


def _nearest(told: list[Credit], provisional: Credit) -> Credit | None:
    near = [row for row in told if EARLIEST <= row.received_on - provisional.received_on <= LATEST]
    return min(near, key=lambda row: (abs(row.received_on - provisional.received_on), row.pk), default=None)
