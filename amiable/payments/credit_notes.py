"""A credit note that was promised for a dispute has come: it goes to the contested invoice, and the dispute has ended.

In: disputes that expect one, credit notes of the same customer and currency. Never: a credit note for two disputes, one
older than the dispute, or of another amount than was promised unless it names the invoice.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.db.models import Sum

from amiable.casework.dispute import resolve_dispute
from amiable.casework.models import Dispute
from amiable.ledger.models import Allocation, Credit, CreditKind, Creditor, Invoice
from amiable.payments.allocate import allocate


def match_credit_notes(
    *, creditor: Creditor, as_of: date, now: datetime, disputes: Collection[int] | None = None
) -> dict[str, int]:
    """Ends the disputes whose credit note has come (of a creditor; only these). Safe to repeat."""
    rows = Dispute.objects.filter(customer__creditor=creditor, resolved_at=None, expected_minor__isnull=False)
    if disputes is not None:
        rows = rows.filter(pk__in=disputes)
    found = rows.select_related("customer__creditor", "invoice").order_by("opened_at", "pk")
    return {"credit_notes": sum(_match(row, as_of=as_of, now=now) for row in found)}


@transaction.atomic
def _match(dispute: Dispute, *, as_of: date, now: datetime) -> bool:
    credit = _on_the_invoice(dispute) or _free(dispute, as_of=as_of, now=now)
    return credit is not None and resolve_dispute(
        dispute=dispute, resolution="accepted", credit=credit, as_of=as_of, now=now
    )


def _on_the_invoice(dispute: Dispute) -> Credit | None:
    """The accounts, or a colleague, have put credit notes on the invoice since, of as much as was promised."""
    made = Allocation.objects.filter(
        invoice=dispute.invoice_id, credit__kind=CreditKind.CREDIT_NOTE, known_at__gte=dispute.opened_at, reverses=None,
        reversed_by=None,
    )  # fmt: skip
    total = made.aggregate(minor=Sum("amount_minor"))["minor"] or 0
    newest = made.select_related("credit").order_by("-known_at", "-pk").first()
    return newest.credit if newest is not None and total >= (dispute.expected_minor or 0) else None


def _free(dispute: Dispute, *, as_of: date, now: datetime) -> Credit | None:
    """A credit note that is nobody else's: the one that names the invoice, else the one of the very amount."""
    rows = Credit.objects.select_for_update(no_key=True).filter(
        customer=dispute.customer_id, kind=CreditKind.CREDIT_NOTE, currency=dispute.invoice.currency, open_minor__gt=0,
        known_at__gte=dispute.opened_at, received_on__lte=as_of,
    )  # fmt: skip
    named = rows.filter(reference=dispute.invoice.reference, open_minor__gte=dispute.expected_minor or 0)
    others = Invoice.objects.filter(customer=dispute.customer_id).exclude(reference="").values("reference")
    same = rows.filter(open_minor=dispute.expected_minor or 0).exclude(reference__in=others)
    credit = named.order_by("received_on", "pk").first() or same.order_by("received_on", "pk").first()
    if credit is not None:
        allocate(credit=credit, invoices=[dispute.invoice_id], as_of=as_of, now=now, rule="dispute")
    return credit
