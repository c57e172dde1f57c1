"""An invoice contested, and the end of it. The hold in the ledger is placed and lifted with the dispute.

Its course (deadline, owner, steps) is its category's. Never: two open disputes on one invoice, a reminder for the part
that is contested.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.dispute_course import begun, course_of
from amiable.casework.entrust import in_charge, present
from amiable.casework.models import Dispute, DisputeReason, NotificationKind, Task, TaskKind
from amiable.casework.notify import notify
from amiable.casework.task import ask
from amiable.core import audit
from amiable.core.calendar import business_days_later
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Credit, HoldKind, Invoice

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
    course = course_of(invoice.customer.creditor, reason)
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
            "owner": _owner(invoice, course.role, as_of),
            "due_on": business_days_later(as_of, course.days, invoice.customer.creditor.country),
            "steps": begun(course),
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
    if new:
        _tell_owner(dispute, now=now, by=by)
    return dispute


def _owner(invoice: Invoice, role: str, as_of: date) -> User | None:
    """Whoever has the category's role for this customer; else the salesperson; whoever stands in for them."""
    customer = invoice.customer
    about = {customer.pk: [invoice.pk]}
    found = in_charge(role=role, customers=[customer], as_of=as_of, about=about).get(customer.pk)
    if found is None and customer.salesperson is not None:
        found = present(user=customer.salesperson, customer=customer, as_of=as_of)
    return found


def _tell_owner(dispute: Dispute, *, now: datetime, by: User | None) -> None:
    if dispute.owner is None or dispute.owner == by:
        return
    said = in_house(
        gettext_lazy("%(customer)s contests %(invoice)s: answer by %(day)s"),
        customer=dispute.customer,
        invoice=dispute.invoice.reference,
        day=f"{dispute.due_on:%d/%m}" if dispute.due_on else "–",
    )
    notify(
        users=[dispute.owner], text=said, key=f"dispute:{dispute.pk}:{dispute.owner_id}", kind=NotificationKind.DISPUTE,
        customer=dispute.customer, url=f"/disputes/{dispute.pk}/", now=now,
    )  # fmt: skip


@transaction.atomic
def resolve_dispute(
    *,
    dispute: Dispute,
    resolution: str,
    answer: str = "",
    credit: Credit | None = None,
    as_of: date,
    now: datetime,
    by: User | None = None,
) -> bool:
    """Ends a dispute and its hold; the invoice returns to its climb. False where it had ended already.

    `answer`: what the customer is told besides how it ended. `credit`: the credit note that ended it.
    """
    if resolution not in RESOLUTIONS:
        raise UnableToDispute("A dispute ends accepted, refused, settled or withdrawn.")
    ended: dict[str, Any] = {"resolved_at": now, "resolved_by": by, "resolution": resolution, "answer": answer.strip()}
    ended |= {"credit": credit} if credit is not None else {}
    if not Dispute.objects.filter(pk=dispute.pk, resolved_at=None).update(**ended):
        return False
    hold.lift(source_ref=f"dispute:{dispute.pk}", on=as_of)
    Task.objects.filter(key=f"dispute:{dispute.pk}", done_at=None).update(done_at=now, done_by=by, outcome=resolution)
    _audit(dispute, "dispute.resolved", now=now, by=by, resolution=resolution)
    return True


@transaction.atomic
def tick(*, dispute: Dispute, step: int, done: bool, now: datetime, by: User) -> Dispute:
    """A step of the checklist is done, or not done after all."""
    row = _open(dispute)
    if not 0 <= step < len(row.steps):
        raise UnableToDispute(_("This step does not exist any more."))
    kept = {name: value for name, value in row.steps[step].items() if name in ("key", "text")}
    row.steps[step] = kept | ({"done_at": now.isoformat(), "by": str(by)} if done else {})
    row.save(update_fields=["steps"])
    _audit(row, "dispute.step_done" if done else "dispute.step_undone", now=now, by=by, step=kept)
    return row


@transaction.atomic
def give_to(*, dispute: Dispute, owner: User, now: datetime, by: User) -> Dispute:
    """Another colleague answers the dispute; its task goes with it."""
    row = _open(dispute)
    row.owner = owner
    row.save(update_fields=["owner"])
    Task.objects.filter(key=f"dispute:{row.pk}", done_at=None).update(assignee=owner)
    _audit(row, "dispute.given", now=now, by=by, owner=owner.pk)
    _tell_owner(row, now=now, by=by)
    return row


@transaction.atomic
def put_off(*, dispute: Dispute, due_on: date, as_of: date, now: datetime, by: User) -> Dispute:
    """Another day by which it is answered."""
    row = _open(dispute)
    if due_on < as_of:
        raise UnableToDispute(_("The deadline lies today or later."))
    before, row.due_on = row.due_on, due_on
    row.save(update_fields=["due_on"])
    told = {"before": before.isoformat() if before else None, "after": due_on.isoformat()}
    _audit(row, "dispute.put_off", now=now, by=by, **told)
    return row


@transaction.atomic
def expect_credit(*, dispute: Dispute, amount_minor: int | None, now: datetime, by: User) -> Dispute:
    """A credit note of that amount is to come, and ends the dispute when it does; none any more without an amount."""
    row = _open(dispute)
    if amount_minor is not None and not 0 < amount_minor <= row.invoice.open_minor:
        raise UnableToDispute(_("The credit note is of more than nothing and not more than what is open."))
    row.expected_minor = amount_minor
    row.save(update_fields=["expected_minor"])
    _audit(row, "dispute.credit_expected", now=now, by=by, amount_minor=amount_minor)
    return row


def _open(dispute: Dispute) -> Dispute:
    """The row, locked. Raises UnableToDispute where it has ended."""
    row = (
        Dispute.objects.select_for_update(of=("self",))
        .select_related("customer__creditor", "invoice", "owner")
        .get(pk=dispute.pk)
    )
    if row.resolved_at is not None:
        raise UnableToDispute(_("This dispute has ended already."))
    return row


def settle_disputes(*, invoices: Iterable[int], as_of: date, now: datetime) -> int:
    """Ends the disputes on invoices that have been paid in full: there is nothing left to contest."""
    paid = Dispute.objects.filter(
        invoice__in=list(invoices), invoice__open_minor__lte=F("invoice__charged_minor"), resolved_at=None
    )
    return sum(resolve_dispute(dispute=dispute, resolution="settled", as_of=as_of, now=now) for dispute in paid)


def _audit(dispute: Dispute, act: str, *, now: datetime, by: User | None, **detail: Any) -> None:
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
