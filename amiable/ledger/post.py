"""Postings made by people and rules: write-off, charge, reversal, doubtful debts, merging two customers.

The database moves the residuals and refuses what would go below zero; nothing here ever changes an entry.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import (
    CHARGES,
    Account,
    Allocation,
    Contact,
    Credit,
    Creditor,
    Customer,
    Entry,
    EntryKind,
    Hold,
    Invoice,
    Sale,
    Waiver,
)


class UnableToPost(UnableTo):
    """The posting would break a rule of the books."""


@transaction.atomic
def write_off(
    *, invoice: Invoice, amount_minor: int, reason: str, as_of: date, now: datetime, by: User | None = None
) -> Entry:
    """Gives up a part or the whole of an invoice's residual."""
    if amount_minor <= 0:
        raise UnableToPost("The amount to write off must be more than zero.")
    entry = _post(
        Entry(
            kind=EntryKind.WRITE_OFF,
            invoice=invoice,
            amount_minor=-amount_minor,
            effective_on=as_of,
            known_at=now,
            reason=reason,
            by=by,
        ),
        f"Only what is still open on {invoice.reference} can be written off.",
    )
    audit.record(
        "invoice.written_off",
        now=now,
        user=by,
        creditor_ref=invoice.creditor_id,
        subject="invoice",
        subject_ref=invoice.pk,
        amount_minor=amount_minor,
        reason=reason,
    )
    return entry


@transaction.atomic
def write_off_small(*, creditor: Creditor, as_of: date, now: datetime, by: User | None = None) -> int:
    """Writes off residuals up to the creditor's `small_balance_minor` that are overdue by 30 days or more.

    The limit is in the creditor's currency and says nothing about invoices in another. Only what is left of a partly
    settled invoice counts as small balance; a small invoice is a real debt.
    Returns how many invoices were cleared. 0 when the creditor's policy names no limit.
    """
    limit = int(creditor.policy.get("small_balance_minor", 0))
    if limit <= 0:
        return 0
    small = Invoice.objects.select_for_update(no_key=True).filter(
        creditor=creditor,
        currency=creditor.currency,
        open_minor__gt=0,
        open_minor__lte=limit,
        due_on__lte=as_of - timedelta(days=30),
    )
    entries = [
        Entry(
            kind=EntryKind.WRITE_OFF,
            invoice=invoice,
            amount_minor=-invoice.open_minor,
            effective_on=as_of,
            known_at=now,
            reason="small balance",
            by=by,
        )
        for invoice in small.order_by("id")  # as payers lock them
        if invoice.open_minor < invoice.amount_minor
    ]
    Entry.objects.bulk_create(entries)
    return len(entries)


@transaction.atomic
def restore(*, entry: Entry, reason: str, as_of: date, now: datetime, by: User | None = None) -> Entry:
    """Takes back what was given up or taken out by one entry: the same amount the other way."""
    if entry.kind not in {EntryKind.WRITE_OFF, EntryKind.REFUND} or entry.amount_minor >= 0:
        raise UnableToPost("Only what was written off or taken out can be put back.")
    return _post(
        Entry(
            kind=entry.kind, invoice_id=entry.invoice_id, credit_id=entry.credit_id, amount_minor=-entry.amount_minor,
            effective_on=max(as_of, entry.effective_on), known_at=now, reason=reason[:200], by=by,
        ),
        "What was taken out cannot be put back.",
    )  # fmt: skip


@transaction.atomic
def charge(
    *, invoice: Invoice, kind: str, amount_minor: int, reason: str, as_of: date, now: datetime, by: User | None = None
) -> Entry:
    """Adds interest, the recovery indemnity or costs to an invoice, by hand; what runs by rule is posted by accrue.py."""
    if kind not in CHARGES or amount_minor <= 0:
        raise UnableToPost("A charge is interest, an indemnity or costs of more than zero.")
    return _post(
        Entry(
            kind=kind,
            invoice=invoice,
            amount_minor=amount_minor,
            effective_on=as_of,
            known_at=now,
            reason=reason,
            by=by,
        ),
        "The charge cannot be posted.",
    )


def refund(
    *, credit: Credit, amount_minor: int, reason: str, as_of: date, now: datetime, by: User | None = None
) -> Entry:
    """Takes money out of a credit: paid back, or taken over by another word for the same money."""
    if amount_minor <= 0:
        raise UnableToPost("The amount to take out must be more than zero.")
    return _post(
        _taken_out(credit, amount_minor, reason, as_of=as_of, now=now, by=by),
        f"Only what is left of {credit} can be taken out.",
    )


def empty(credits: Sequence[tuple[Credit, str]], *, as_of: date, now: datetime) -> None:
    """Takes all that is left out of each credit (locked by the caller), for the reason told beside it."""
    Entry.objects.bulk_create(
        _taken_out(credit, credit.open_minor, reason, as_of=as_of, now=now)
        for credit, reason in credits
        if credit.open_minor
    )


@transaction.atomic
def reverse(*, allocation: Allocation, as_of: date, now: datetime, by: User | None = None) -> Allocation:
    """Takes an allocation back whole: the credit is free again, the invoice open again."""
    if allocation.reverses_id or Allocation.objects.filter(reverses=allocation).exists():
        raise UnableToPost("This allocation has been taken back already.")
    [back] = reverse_all([allocation], as_of=as_of, now=now, by=by)
    return back


def reverse_all(
    allocations: Sequence[Allocation], *, as_of: date, now: datetime, by: User | None = None
) -> list[Allocation]:
    """Takes back allocations of which none has been taken back before; in the caller's transaction."""
    backs = Allocation.objects.bulk_create(
        Allocation(
            credit_id=allocation.credit_id,
            invoice_id=allocation.invoice_id,
            amount_minor=-allocation.amount_minor,
            effective_on=max(as_of, allocation.effective_on),
            known_at=now,
            rule="reversal",
            reverses=allocation,
            by=by,
        )
        for allocation in allocations
    )
    of = dict(Credit.objects.filter(pk__in=[row.credit_id for row in allocations]).values_list("pk", "creditor_id"))
    audit.record_all(
        audit.line(
            "allocation.reversed",
            now=now,
            user=by,
            creditor_ref=of[row.credit_id],
            subject="allocation",
            subject_ref=row.pk,
        )
        for row in allocations
    )
    return backs


@transaction.atomic
def transfer_to_doubtful(*, invoice: Invoice, now: datetime, by: User | None = None) -> None:
    """Carries a receivable as doubtful; what is owed stays what it is."""
    Invoice.objects.filter(pk=invoice.pk).update(account=Account.DOUBTFUL)
    invoice.account = Account.DOUBTFUL
    audit.record(
        "invoice.doubtful",
        now=now,
        user=by,
        creditor_ref=invoice.creditor_id,
        subject="invoice",
        subject_ref=invoice.pk,
    )


@transaction.atomic
def merge(*, keep: Customer, absorb: Customer, now: datetime, by: User | None = None) -> Customer:
    """Two records of one customer become one: invoices, credits, contacts and holds move to `keep`.

    `absorb` stays as a pointer, so that its old number still finds the customer and files may go on naming it.
    """
    if keep.pk == absorb.pk:
        raise UnableToPost(_("A customer cannot be merged into itself."))
    if keep.creditor_id != absorb.creditor_id:
        raise UnableToPost(_("Only customers of one creditor can be merged."))
    locked = {
        row.pk: row for row in Customer.objects.select_for_update().filter(pk__in=[keep.pk, absorb.pk]).order_by("pk")
    }
    if locked[keep.pk].merged_into_id or locked[absorb.pk].merged_into_id:
        raise UnableToPost(_("One of the two has been merged already."))
    _merge_sales(keep, absorb, now.date())
    for model in (Invoice, Credit, Contact):
        model._default_manager.filter(customer=absorb).update(customer=keep)
    for waiver in Waiver.objects.filter(customer=absorb):  # what let both off lets the one off
        same_word = {"source_ref": waiver.source_ref, "invoice": waiver.invoice, "kind": waiver.kind}
        if not Waiver.objects.filter(customer=keep, **same_word).exists():
            Waiver.objects.filter(pk=waiver.pk).update(customer=keep)
    for theirs in Hold.objects.filter(customer=absorb):
        same = Hold.objects.filter(source_ref=theirs.source_ref, customer=keep, invoice=theirs.invoice).first()
        if same is None:
            Hold.objects.filter(pk=theirs.pk).update(customer=keep)
        else:  # one source held both: the hold that stays covers the days of either
            same.since = min(same.since, theirs.since)
            same.until = max(same.until, theirs.until) if same.until and theirs.until else None
            same.save(update_fields=["since", "until"])
    _merge_group(locked[keep.pk], locked[absorb.pk])
    Customer.objects.filter(merged_into=absorb).update(merged_into=keep)
    Customer.objects.filter(pk=absorb.pk).update(merged_into=keep)
    audit.record(
        "customer.merged",
        now=now,
        user=by,
        creditor_ref=keep.creditor_id,
        subject="customer",
        subject_ref=keep.pk,
        absorbed=absorb.pk,
        number=absorb.number,
    )
    keep.refresh_from_db()
    return keep


def keep_apart(customers: Iterable[int]) -> dict[int, int | None]:
    """Merges of these customers wait until the transaction ends; nothing else does. Into whom each had been merged by then."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, merged_into_id FROM ledger_customer WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE",
            [sorted(set(customers))],
        )
        return dict(cursor.fetchall())


def _merge_sales(keep: Customer, absorb: Customer, day: date) -> None:
    """Who is sold to the factor as a whole and who is not do not become one: nobody has sold what would be sold then."""
    whole = Sale.objects.filter(invoice=None, until=None)
    kept, theirs = (whole.filter(customer=each).first() for each in (keep, absorb))
    if (kept is None) != (theirs is None):
        raise UnableToPost(
            _("One of the two is sold to the factor as a whole, the other is not. Please settle that first.")
        )
    if theirs is not None:
        Sale.objects.filter(pk=theirs.pk).update(until=max(day, theirs.since))
    Sale.objects.filter(customer=absorb).update(customer=keep)


def _merge_group(keep: Customer, absorb: Customer) -> None:
    """Whoever belonged to the one or was paid for by it belongs to the other; nobody to themselves."""
    for link in ("parent_id", "payer_id"):
        Customer.objects.filter(**{link: absorb.pk}).exclude(pk=keep.pk).update(**{link: keep.pk})
        if getattr(keep, link) in (absorb.pk, None):
            above = getattr(absorb, link)
            Customer.objects.filter(pk=keep.pk).update(**{link: above if above != keep.pk else None})


def _taken_out(
    credit: Credit, amount_minor: int, reason: str, *, as_of: date, now: datetime, by: User | None = None
) -> Entry:
    return Entry(
        kind=EntryKind.REFUND,
        credit=credit,
        amount_minor=-amount_minor,
        effective_on=as_of,
        known_at=now,
        reason=reason[:200],
        by=by,
    )


def _post(entry: Entry, refusal: str) -> Entry:
    """Not before the day of the row that it is about: no past day reads less than nothing."""
    days = [entry.effective_on]
    days += [entry.invoice.issued_on] if entry.invoice else []
    days += [entry.credit.received_on] if entry.credit else []
    entry.effective_on = max(days)
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError as error:
        raise UnableToPost(refusal) from error
    return entry
