"""What happened is told to the customer: a payment received or failed, a promise noted, a dispute taken in or answered.

In: rows of the last days. Out: one message each, through the same last look as any other. Never: the same thing told
twice, an old thing told because it was imported today, a thing that the creditor chose not to tell.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from amiable.casework.models import Dispute
from amiable.ledger.models import Creditor, Customer, Medium
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order
from amiable.payments.attempt import local_day
from amiable.payments.models import Attempt, AttemptState, Promise, PromiseState
from amiable.scenario.relate import told_of_failure, told_of_payment, told_of_promise

LOOK_BACK = timedelta(days=2)  # what happened earlier is no news any more
PATIENCE = timedelta(minutes=30)  # a try that failed is told when nobody has tried again for so long
ANSWERED = ("accepted", "refused", "settled", "withdrawn")


@dataclass(frozen=True)
class News:
    """One thing to tell: its row makes it one, `context` is what outreach/tell.py fills names with."""

    customer: Customer
    currency: str
    ref: int
    about: Sequence[int]
    context: Mapping[str, Any]
    tone: str = Tone.WARM


@dataclass(frozen=True)
class Window:
    """From when on things are news, and up to when; of which creditor, or of everyone."""

    since: datetime
    now: datetime
    creditor: Creditor | None

    def of(self, path: str) -> Q:
        return Q() if self.creditor is None else Q(**{path: self.creditor})


def announce(*, now: datetime, creditor: Creditor | None = None) -> dict[str, int]:
    """Orders what is to be told; returns how many messages were new, by purpose. Safe to repeat, at any hour."""
    window = Window(since=now - LOOK_BACK, now=now, creditor=creditor)
    told = {purpose: order(_orders(purpose, find(window), now), now=now) for purpose, find in NEWS.items()}
    return {purpose: count for purpose, count in told.items() if count}


def tells(creditor: Creditor, purpose: str) -> bool:
    """Whether the creditor tells such things: yes, unless its policy `announce` says no."""
    return bool(creditor.policy.get("announce", {}).get(purpose, True))


def _orders(purpose: str, news: Iterator[News], now: datetime) -> Iterator[Order]:
    for each in news:
        creditor = each.customer.creditor
        if tells(creditor, purpose):
            yield Order(
                key=f"{purpose}:{each.ref}", creditor_id=creditor.pk, customer_id=each.customer.pk, currency=each.currency,
                purpose=purpose, medium=Medium.EMAIL, fallback=[Medium.SMS], tone=each.tone, about=list(each.about),
                as_of=local_day(creditor, now), capped=False, context=each.context,
            )  # fmt: skip


def _paid(window: Window) -> Iterator[News]:
    """Money that came by a try to pay; what the bank tells days later is no surprise to whoever sent it."""
    rows = Attempt.objects.filter(
        window.of("creditor"), credit__known_at__gt=window.since, credit__known_at__lte=window.now
    )
    for row in _with_customer(rows.select_related("credit")):
        assert row.credit is not None
        about = list(row.credit.allocations.filter(reversed_by=None, reverses=None).values_list("invoice", flat=True))
        yield News(
            row.customer,
            row.credit.currency,
            row.pk,
            about,
            {"payment": told_of_payment(row.credit), "receipt": row.credit.pk},
        )


def _failed(window: Window) -> Iterator[News]:
    """The last try of a chain, failed, and left at that."""
    later = Attempt.objects.filter(chain=OuterRef("chain"), pk__gt=OuterRef("pk"))
    paid = Attempt.objects.filter(
        chain=OuterRef("chain"), state=AttemptState.SUCCEEDED, ended_at__gte=OuterRef("ended_at")
    )
    rows = Attempt.objects.filter(
        ~Exists(later), ~Exists(paid), window.of("creditor"), state=AttemptState.FAILED, ended_at__gt=window.since,
        ended_at__lte=window.now - PATIENCE,
    )  # fmt: skip
    for row in _with_customer(rows):
        yield News(row.customer, row.currency, row.pk, row.invoices, {"payment": told_of_failure(row)})


def _promised(window: Window) -> Iterator[News]:
    rows = Promise.objects.filter(
        window.of("customer__creditor"), taken_at__gt=window.since, taken_at__lte=window.now, state=PromiseState.OPEN
    )
    for row in _with_customer(rows):
        yield News(row.customer, row.currency, row.pk, row.invoices, {"promise": told_of_promise(row)})


def _disputed(window: Window) -> Iterator[News]:
    rows = Dispute.objects.filter(
        window.of("customer__creditor"), opened_at__gt=window.since, opened_at__lte=window.now, resolved_at=None
    )
    yield from _disputes(rows)


def _answered(window: Window) -> Iterator[News]:
    """What a person decided; a dispute that ended because the invoice was paid needs no words."""
    rows = Dispute.objects.filter(
        window.of("customer__creditor"), resolved_at__gt=window.since, resolved_at__lte=window.now,
        resolution__in=ANSWERED, resolved_by__isnull=False,
    )  # fmt: skip
    yield from _disputes(rows, tone=Tone.NEUTRAL)


def _disputes(rows: Any, tone: str = Tone.WARM) -> Iterator[News]:
    for row in _with_customer(rows.select_related("invoice")):
        yield News(row.customer, row.invoice.currency, row.pk, [row.invoice_id], {"dispute": row.pk}, tone)


def _with_customer(rows: Any) -> Any:
    return rows.select_related("customer__creditor").order_by("pk")


# What is told, by the text that tells it.
NEWS: Mapping[str, Callable[[Window], Iterator[News]]] = {
    "receipt": _paid,
    "payment_failed": _failed,
    "promise_confirmed": _promised,
    "dispute_received": _disputed,
    "dispute_answered": _answered,
}
