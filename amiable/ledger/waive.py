"""Lets a customer off charges: by a person with a reason, or by an agreement that freezes them (a plan).

In: a customer, or one invoice. Out: a Waiver row, and what it makes wrong in the books corrected at once by new entries.
Never: a waiver without a reason, an entry changed.
"""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.accrue import accrue
from amiable.ledger.models import Customer, EntryKind, Invoice, Waiver


class UnableToWaive(UnableTo):
    """There is no reason, or nothing of that kind."""


@transaction.atomic
def waive(
    *,
    customer: Customer,
    source_ref: str,
    reason: str,
    as_of: date,
    now: datetime,
    invoice: Invoice | None = None,
    kind: str = "",
    since: date | None = None,
    until: date | None = None,
    by: User | None = None,
) -> Waiver:
    """Waives interest, the indemnity, or both, on the days from `since` (else: ever) up to `until`; said again, it is renewed."""
    if not reason.strip():
        raise UnableToWaive(_("Please say why: it is kept with your name."))
    if kind not in {"", EntryKind.INTEREST, EntryKind.INDEMNITY}:
        raise UnableToWaive(_("Interest and the indemnity can be waived; costs are written off."))
    row, _new = Waiver.objects.update_or_create(
        source_ref=source_ref, customer=customer, invoice=invoice, kind=kind,
        defaults={
            "creditor_id": customer.creditor_id, "since": since, "until": until, "reason": reason.strip()[:200], "by": by,
            "created_at": now,
        },
    )  # fmt: skip
    audit.record(
        "charges.waived", now=now, user=by, creditor_ref=customer.creditor_id, subject="customer", subject_ref=customer.pk,
        invoice=invoice.reference if invoice else "", kind=kind, reason=row.reason,
        since=since.isoformat() if since else "", until=until.isoformat() if until else "",
    )  # fmt: skip
    _settle(customer, invoice, as_of=as_of, now=now)
    return row


@transaction.atomic
def freeze(
    *,
    customer: Customer,
    invoices: Iterable[Invoice],
    source_ref: str,
    reason: str,
    as_of: date,
    now: datetime,
    by: User | None = None,
) -> None:
    """No interest runs on these invoices from today until `end`: what an agreement (a plan) promises while it is kept."""
    Waiver.objects.bulk_create(
        [
            Waiver(
                creditor_id=customer.creditor_id, customer=customer, invoice=invoice, kind=EntryKind.INTEREST,
                source_ref=source_ref, reason=reason[:200], since=as_of, by=by, created_at=now,
            )
            for invoice in invoices
        ],
        update_conflicts=True, unique_fields=["source_ref", "customer", "invoice", "kind"],
        update_fields=["reason", "since", "until", "by", "created_at"],
    )  # fmt: skip


@transaction.atomic
def end(*, source_ref: str, on: date) -> int:
    """Ends the waivers of a source (a plan that was broken) from a day on; what was waived until then stays waived."""
    rows = Waiver.objects.filter(Q(until__isnull=True) | Q(until__gt=on), source_ref=source_ref)
    return (
        rows.filter(Q(since__isnull=True) | Q(since__lt=on)).update(until=on) + rows.filter(since__gte=on).delete()[0]
    )


def go_on(*, source_ref: str) -> int:
    """The waivers of a source that had ended (a plan that was kept, whose money has left again) run on as before."""
    return Waiver.objects.filter(source_ref=source_ref).update(until=None)


def _settle(customer: Customer, invoice: Invoice | None, *, as_of: date, now: datetime) -> None:
    """Takes back at once what has been posted and is waived now."""
    rows = customer.invoices.filter(charged_minor__gt=0)
    only = list(rows.filter(pk=invoice.pk) if invoice else rows)
    if only:
        accrue(creditor=customer.creditor, as_of=as_of, now=now, only=[row.pk for row in only])
