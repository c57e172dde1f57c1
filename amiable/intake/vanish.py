"""A person's or a rule's word on invoices that vanished from the open items: settled, or not.

In: invoices held as vanished. Out: credits and allocations, or free invoices. Never: an answer for what is not held.
"""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.casework.models import Task
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.intake.models import Sighting, Source
from amiable.ledger.models import Allocation, Credit, CreditKind, Creditor, Hold, HoldKind, Invoice


class UnableToConfirm(UnableTo):
    """The invoice is not waiting for this answer."""


def confirm_vanished(*, invoices: Sequence[int], as_of: date, now: datetime, by: User | None) -> int:
    """Settles vanished invoices with what the accounts must have received; returns how many. Twice is once."""
    with transaction.atomic():
        held = _held(invoices)
        credits, open_by = [], {}
        for hold, invoice in held:
            source = _source(hold)
            if invoice.open_minor:
                external_id = f"vanished/{invoice.pk}/{hold.since.isoformat()}"
                open_by[external_id] = invoice
                credits.append(
                    Credit(
                        creditor_id=invoice.creditor_id,
                        customer_id=invoice.customer_id,
                        source=f"file:{source.key}"[:60],
                        external_id=external_id,
                        kind=CreditKind.PAYMENT,
                        reference=invoice.reference,
                        received_on=hold.since,
                        currency=invoice.currency,
                        amount_minor=invoice.open_minor,
                        open_minor=invoice.open_minor,
                        provisional=invoice.creditor.cash_authority != "accounts",
                        known_at=now,
                    )
                )
        Credit.objects.bulk_create(credits, batch_size=2000)
        rule = "person" if by else "vanished"
        Allocation.objects.bulk_create(
            [
                Allocation(
                    credit=credit,
                    invoice=open_by[credit.external_id],
                    amount_minor=credit.amount_minor,
                    effective_on=credit.received_on,
                    known_at=now,
                    rule=rule,
                    by=by,
                )
                for credit in credits
            ],
            batch_size=2000,
        )
        _answer(held, act="vanished.confirmed", outcome="paid", as_of=as_of, now=now, by=by)
    return len(held)


def reject_vanished(*, invoices: Sequence[int], as_of: date, now: datetime, by: User | None) -> int:
    """The invoices are still owed: they are free again, and are not asked about until a snapshot has shown them once more."""
    with transaction.atomic():
        held = _held(invoices)
        for hold, invoice in held:
            Sighting.objects.filter(source=_source(hold), invoice=invoice).delete()
        _answer(held, act="vanished.rejected", outcome="owed", as_of=as_of, now=now, by=by)
    return len(held)


def vanished(*, creditor: Creditor) -> list[Hold]:
    """What waits for a word, oldest first."""
    holds = Hold.objects.filter(creditor=creditor, kind=HoldKind.VANISHED, until=None, invoice__open_minor__gt=0)
    return list(holds.select_related("invoice", "customer").order_by("since", "customer__name", "invoice__due_on"))


def close_answered(*, sources: Sequence[int], now: datetime, by: User | None, outcome: str) -> int:
    """Closes the tasks all of whose invoices are answered or back."""
    waiting = set(
        Hold.objects.filter(source_ref__in=[f"vanished:{pk}" for pk in sources], until=None).values_list(
            "invoice_id", flat=True
        )
    )
    tasks = Task.objects.filter(done_at=None, context__source__in=list(sources), context__has_key="vanished")
    done = [task.pk for task in tasks if not waiting & set(task.context["vanished"])]
    return Task.objects.filter(pk__in=done).update(done_at=now, done_by=by, outcome=outcome)


def _held(invoices: Sequence[int]) -> list[tuple[Hold, Invoice]]:
    """The waiting holds of these invoices, locked in the ledger's order."""
    wanted = sorted(set(invoices))
    rows = {
        row.pk: row
        for row in Invoice.objects.select_for_update(of=("self",), no_key=True)
        .select_related("creditor")
        .filter(pk__in=wanted)
        .order_by("pk")
    }
    holds = (
        Hold.objects.select_for_update().filter(invoice__in=wanted, kind=HoldKind.VANISHED, until=None).order_by("pk")
    )
    return [(hold, rows[hold.invoice_id]) for hold in holds if hold.invoice_id is not None]


def _source(hold: Hold) -> Source:
    _word, _colon, key = hold.source_ref.partition(":")
    source = Source.objects.filter(pk=int(key)).first() if key.isdigit() else None
    if source is None:
        raise UnableToConfirm(_("It is no longer known from which file this invoice vanished."))
    return source


def _answer(
    held: Sequence[tuple[Hold, Invoice]], *, act: str, outcome: str, as_of: date, now: datetime, by: User | None
) -> None:
    for hold, _invoice in held:
        hold.until = max(as_of, hold.since)
    Hold.objects.bulk_update([hold for hold, _invoice in held], ["until"], batch_size=2000)
    close_answered(
        sources=sorted({int(hold.source_ref.partition(":")[2]) for hold, _invoice in held}),
        now=now,
        by=by,
        outcome=outcome,
    )
    for creditor in sorted({invoice.creditor_id for _hold, invoice in held}):
        listed = [invoice.pk for _hold, invoice in held if invoice.creditor_id == creditor]
        audit.record(
            act,
            now=now,
            user=by,
            actor="" if by else "import",
            creditor_ref=creditor,
            subject="creditor",
            subject_ref=creditor,
            invoices=listed[:1000],
        )
