"""Reasons not to treat: placed and lifted here, read by everyone else from the rows.

A hold acts on days with since ≤ day < until; the same wish (source_ref, customer, invoice) twice is one hold.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Greatest

from amiable.core.models import User
from amiable.ledger.models import Customer, Hold, Invoice

# What a source says of its hold; saying it again renews it.
_TOLD = ["creditor", "kind", "since", "until", "amount_minor", "reason", "by", "created_at"]


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
    about = {"amount_minor": amount_minor, "reason": reason, "by": by}
    [hold] = place_on(
        [invoice], kind=kind, source_ref=source_ref, customer=customer, since=since, until=until, now=now, **about
    )
    return hold


def place_on(
    invoices: Iterable[Invoice | None],
    *,
    kind: str,
    source_ref: str,
    customer: Customer,
    since: date,
    now: datetime,
    until: date | None = None,
    **about: Any,
) -> list[Hold]:
    """One hold on each of these invoices; None among them is the whole customer. `about`: further columns of Hold."""
    holds = [
        Hold(
            creditor_id=customer.creditor_id, customer=customer, invoice=invoice, kind=kind, source_ref=source_ref,
            since=since, until=until, created_at=now, **about,
        )
        for invoice in invoices
    ]  # fmt: skip
    return Hold.objects.bulk_create(
        holds, update_conflicts=True, unique_fields=["source_ref", "customer", "invoice"], update_fields=_TOLD
    )


def lift(*, source_ref: str, on: date, invoice: Invoice | None = None) -> int:
    """Ends the holds of a source from `on` (that day is free again); returns how many ended."""
    holds = Hold.objects.filter(source_ref=source_ref)
    return end(holds.filter(invoice=invoice) if invoice is not None else holds, on=on)


def same(hold: Hold) -> QuerySet[Hold]:
    """A hold, and where it is on the whole customer the others of its source: what `lift` ends together with it."""
    rows = Hold.objects.filter(source_ref=hold.source_ref, customer=hold.customer_id)
    return rows.filter(invoice=hold.invoice_id) if hold.invoice_id is not None else rows


def prolong(*, hold: Hold, until: date | None) -> None:
    """The hold goes on up to `until`, or without an end."""
    Hold.objects.filter(pk=hold.pk).update(until=until)


def end(holds: QuerySet[Hold], *, on: date) -> int:
    """Ends those of these holds that go on after `on`. One that would end before it began never acted: it ends then."""
    return holds.filter(Q(until__isnull=True) | Q(until__gt=on)).update(until=Greatest("since", Value(on)))


def active(*, as_of: date) -> QuerySet[Hold]:
    """The holds that act on a day."""
    return Hold.objects.filter(since__lte=as_of).filter(Q(until__isnull=True) | Q(until__gt=as_of))
