"""Reasons not to treat: placed and lifted here, read by everyone else from the rows.

A hold acts on days with since ≤ day < until; the same wish (source_ref, customer, invoice) twice is one hold.
"""

from datetime import date, datetime

from django.db.models import F, Q, QuerySet

from amiable.core.models import User
from amiable.ledger.models import Customer, Hold, Invoice


def place(
    *,
    kind: str,
    source_ref: str,
    customer: Customer,
    since: date,
    now: datetime,
    invoice: Invoice | None = None,
    until: date | None = None,
    amount_minor: int | None = None,
    reason: str = "",
    by: User | None = None,
) -> Hold:
    """Places a hold, or renews the one that the same source already placed on the same rows."""
    hold, _ = Hold.objects.update_or_create(
        source_ref=source_ref,
        customer=customer,
        invoice=invoice,
        defaults={
            "creditor_id": customer.creditor_id,
            "kind": kind,
            "since": since,
            "until": until,
            "amount_minor": amount_minor,
            "reason": reason,
            "by": by,
            "created_at": now,
        },
    )
    return hold


def lift(*, source_ref: str, on: date, invoice: Invoice | None = None) -> int:
    """Ends the holds of a source from `on` (that day is free again); returns how many ended."""
    holds = Hold.objects.filter(source_ref=source_ref).filter(Q(until__isnull=True) | Q(until__gt=on))
    if invoice is not None:
        holds = holds.filter(invoice=invoice)
    # A hold that would end before it began never acted: it ends on the day it began.
    late = holds.filter(since__gt=on).update(until=F("since"))
    return late + holds.filter(since__lte=on).update(until=on)


def active(*, as_of: date) -> QuerySet[Hold]:
    """The holds that act on a day."""
    return Hold.objects.filter(since__lte=as_of).filter(Q(until__isnull=True) | Q(until__gt=as_of))
