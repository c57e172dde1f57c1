"""An invoice contested, and the end of it. The hold in the ledger is placed and lifted with the dispute.

Never: two open disputes on one invoice, a reminder for the part that is contested.
"""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import Dispute, DisputeReason, Task, TaskKind
from amiable.casework.task import ask
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import HoldKind, Invoice

RESOLUTIONS = frozenset({"accepted", "refused", "settled", "withdrawn"})


class UnableToDispute(UnableTo):
    """The invoice, the reason or the part named cannot be contested."""


@transaction.atomic
def open_dispute(
    *,
    invoice: Invoice,
    reason: str,
    words: str = "",
    amount_minor: int | None = None,
    as_of: date,
    now: datetime,
    by: User | None = None,
) -> Dispute:
    """Opens a dispute, or renews the one that is open on the invoice, with its hold and a task for who answers it."""
    if reason not in DisputeReason.values:
        raise UnableToDispute(_("Please say why you contest this invoice."))
    if amount_minor is not None and not 0 < amount_minor <= invoice.open_minor:
        raise UnableToDispute(_("The contested part must be more than nothing and not more than what is open."))
    # The invoice is locked, so that two clicks at once are one dispute.
    Invoice.objects.select_for_update(no_key=True).get(pk=invoice.pk)
    dispute, new = Dispute.objects.update_or_create(
        invoice=invoice,
        resolved_at=None,
        defaults={"reason": reason, "words": words.strip(), "disputed_minor": amount_minor},
        create_defaults={
            "customer": invoice.customer,
            "reason": reason,
            "words": words.strip(),
            "disputed_minor": amount_minor,
            "opened_at": now,
            "opened_by": by,
            "owner": invoice.customer.salesperson,
        },
    )
    hold.place(
        kind=HoldKind.DISPUTE,
        source_ref=f"dispute:{dispute.pk}",
        customer=invoice.customer,
        invoice=invoice,
        amount_minor=amount_minor,
        since=as_of,
        reason=in_house(DisputeReason(dispute.reason).label),
        by=by,
        now=now,
    )
    ask(
        kind=TaskKind.OTHER,
        key=f"dispute:{dispute.pk}",
        customer=invoice.customer,
        title=in_house(
            gettext_lazy("Dispute on %(invoice)s: %(reason)s"),
            invoice=invoice.reference,
            reason=DisputeReason(dispute.reason).label,
        ),
        due_on=as_of,
        context={"dispute": dispute.pk, "invoices": [invoice.pk]},
        assignee=dispute.owner,
        currency=invoice.currency,
        now=now,
    )
    _audit(dispute, "dispute.opened" if new else "dispute.renewed", now=now, by=by)
    return dispute


@transaction.atomic
def resolve_dispute(
    *, dispute: Dispute, resolution: str, answer: str = "", as_of: date, now: datetime, by: User | None = None
) -> bool:
    """Ends a dispute and its hold; the invoice returns to its climb. False where it had ended already.

    `answer`: what the customer is told besides how it ended.
    """
    if resolution not in RESOLUTIONS:
        raise UnableToDispute("A dispute ends accepted, refused, settled or withdrawn.")
    ended = {"resolved_at": now, "resolved_by": by, "resolution": resolution, "answer": answer.strip()}
    if not Dispute.objects.filter(pk=dispute.pk, resolved_at=None).update(**ended):
        return False
    hold.lift(source_ref=f"dispute:{dispute.pk}", on=as_of)
    Task.objects.filter(key=f"dispute:{dispute.pk}", done_at=None).update(done_at=now, done_by=by, outcome=resolution)
    _audit(dispute, "dispute.resolved", now=now, by=by, resolution=resolution)
    return True


def settle_disputes(*, invoices: Iterable[int], as_of: date, now: datetime) -> int:
    """Ends the disputes on invoices that have been paid in full: there is nothing left to contest."""
    paid = Dispute.objects.filter(
        invoice__in=list(invoices), invoice__open_minor__lte=F("invoice__charged_minor"), resolved_at=None
    )
    return sum(resolve_dispute(dispute=dispute, resolution="settled", as_of=as_of, now=now) for dispute in paid)


def _audit(dispute: Dispute, act: str, *, now: datetime, by: User | None, **detail: str) -> None:
    audit.record(
        act,
        now=now,
        user=by,
        actor="" if by else "customer",
        creditor_ref=dispute.customer.creditor_id,
        subject="customer",
        subject_ref=dispute.customer_id,
        dispute=dispute.pk,
        invoice=dispute.invoice_id,
        reason=dispute.reason,
        **detail,
    )
