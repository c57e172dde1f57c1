"""What happened is told to the customer: a payment received, failed or taken back, a promise noted, a plan offered, agreed,
about to fall due or late, a dispute taken in or answered.

In: rows of the last days. Out: one message each, through the same last look as any other. Never: the same thing told
twice, an old thing told because it was imported today, a thing that the creditor chose not to tell.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from amiable.casework.models import Dispute
from amiable.core.models import AuditEntry
from amiable.ledger.models import Credit, Creditor, Customer, Medium
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order
from amiable.payments.attempt import local_day
from amiable.payments.models import Attempt, AttemptState, Instalment, Plan, PlanState, Promise, PromiseState
from amiable.scenario.relate import told_of_failure, told_of_payment, told_of_plan, told_of_promise

LOOK_BACK = timedelta(days=2)  # what happened earlier is no news any more
BEFORE_DUE = timedelta(days=3)  # an instalment is told so long before its day
PATIENCE = timedelta(minutes=30)  # a try that failed is told when nobody has tried again for so long
ON_TIME = (PlanState.AGREED, PlanState.CURED)
ANSWERED = ("accepted", "refused", "settled", "withdrawn")


@dataclass(frozen=True)
class News:
    """One thing to tell: its row makes it one, `context` is what outreach/tell.py fills names with."""

    customer: Customer
    currency: str
    ref: int | str
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
        told = {"payment": told_of_payment(row.credit), "receipt": row.credit.pk}
        yield News(row.customer, row.credit.currency, row.pk, about, told)


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
    yield from _taken_back(window)


def _taken_back(window: Window) -> Iterator[News]:
    """Money that had come and that a bank took back: a debit returned, a cheque that bounced, a card charged back."""
    told_of = AuditEntry.objects.filter(
        act="payment.returned", subject="credit", at__gt=window.since, at__lte=window.now
    )
    entries = list(told_of.order_by("pk"))
    rows = Credit.objects.filter(
        window.of("creditor"), pk__in=[entry.subject_ref for entry in entries], customer__isnull=False
    )
    credits = {row.pk: row for row in _with_customer(rows)}
    for entry in entries:
        row = credits.get(entry.subject_ref or 0)
        if row is None:
            continue
        told = {
            "amount_minor": entry.detail["told_minor"],
            "failed_on": str(local_day(row.creditor, entry.at)),
            "returned": True,
        }
        yield News(row.customer, row.currency, f"back:{entry.pk}", entry.detail["invoices"], {"payment": told})


def _promised(window: Window) -> Iterator[News]:
    rows = Promise.objects.filter(
        window.of("customer__creditor"), taken_at__gt=window.since, taken_at__lte=window.now, state=PromiseState.OPEN
    )
    for row in _with_customer(rows):
        yield News(row.customer, row.currency, row.pk, row.invoices, {"promise": told_of_promise(row)})


def _offered(window: Window) -> Iterator[News]:
    """Plans that a colleague made; who builds one on the portal sees it there."""
    rows = Plan.objects.filter(
        window.of("customer__creditor"), Q(offered_at__gt=window.since) | Q(approved_at__gt=window.since),
        state=PlanState.OFFERED, offered_by__isnull=False,
    )  # fmt: skip
    yield from _plans(rows)


def _agreed(window: Window) -> Iterator[News]:
    rows = Plan.objects.filter(
        window.of("customer__creditor"),
        agreed_at__gt=window.since,
        agreed_at__lte=window.now,
        state__in=PlanState.running(),
    )
    yield from _plans(rows)


def _due(window: Window) -> Iterator[News]:
    """Instalments of the next days; of a plan agreed just now they have been told with it."""
    today = window.now.date()
    rows = Instalment.objects.filter(
        window.of("plan__customer__creditor"), plan__state__in=ON_TIME, settled_on=None,
        due_on__gte=today, due_on__lte=today + BEFORE_DUE, plan__agreed_at__lte=window.now - BEFORE_DUE,
    )  # fmt: skip
    for row in rows.select_related("plan__customer__creditor", "plan__mandate").order_by("pk"):
        plan = row.plan
        told = {"plan": {**told_of_plan(plan), "due_on": str(row.due_on)}}
        yield News(plan.customer, plan.currency, row.pk, plan.invoices, told)


def _late(window: Window) -> Iterator[News]:
    """Kindly the first time, plainly when it was put right before, firmly where notice was given."""
    rows = Plan.objects.filter(
        window.of("customer__creditor"), state=PlanState.LATE, late_since__gt=window.since.date()
    ).select_related("mandate")
    for row in _with_customer(rows):
        tone = Tone.FIRM if row.accelerates_on else Tone.NEUTRAL if row.cured_on else Tone.WARM
        told = {"plan": told_of_plan(row), "answer_by": str(row.answer_by or "")}
        yield News(row.customer, row.currency, f"{row.pk}:{row.late_since}:{tone}", row.invoices, told, tone)


def _plans(rows: Any) -> Iterator[News]:
    for row in _with_customer(rows.select_related("mandate")):
        yield News(row.customer, row.currency, row.pk, row.invoices, {"plan": told_of_plan(row)})


def _disputed(window: Window) -> Iterator[News]:
    rows = Dispute.objects.filter(
        window.of("customer__creditor"), opened_at__gt=window.since, opened_at__lte=window.now, resolved_at=None
    )
    yield from _disputes(rows)


def _answered(window: Window) -> Iterator[News]:
    """What a person decided, or a credit note; a dispute that ended because the invoice was paid needs no words."""
    rows = Dispute.objects.filter(
        window.of("customer__creditor"), Q(resolved_by__isnull=False) | Q(credit__isnull=False),
        resolved_at__gt=window.since, resolved_at__lte=window.now, resolution__in=ANSWERED,
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
    "plan_offered": _offered,
    "plan_agreed": _agreed,
    "plan_due": _due,
    "plan_late": _late,
    "dispute_received": _disputed,
    "dispute_answered": _answered,
}
