"""What comes back from outside enters here, by one of three calls: money, an answer, or something a customer said.

In: verified words. Out: entries, holds, promises, disputes, tasks, opt-outs. Never: half of it; each call is ONE
transaction, and the same call twice changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy

from amiable.casework import task
from amiable.casework.close import close_settled
from amiable.casework.dispute import settle_disputes
from amiable.casework.models import Task, TaskKind
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Allocation, Credit, Customer, Hold, HoldKind, Invoice, Medium
from amiable.outreach.models import Delivery, Event, EventKind, Message, Reply
from amiable.outreach.stop import wish
from amiable.payments import receive
from amiable.payments.allocate import allocate, allocate_of_customer
from amiable.payments.arrange import judge_promises
from amiable.payments.attempt import close_chains, local_day
from amiable.payments.providers import Word
from amiable.scenario.hear import UnableToRespond, hear, record
from amiable.scenario.heed import heed
from amiable.scenario.sayings import AlreadyPaid, CallOutcome, Disputes, OptsIn, OptsOut, Prefers, Promises, Saying

__all__ = [
    "AlreadyPaid",
    "Arrival",
    "CallOutcome",
    "Disputes",
    "OptsIn",
    "OptsOut",
    "Prefers",
    "Promises",
    "Saying",
    "UnableToRespond",
    "customer_said",
    "link_opened",
    "payment_arrived",
    "reply_heard",
]

REPLY_DAYS = 3  # how long an answer that nobody has read keeps reminders away


@dataclass(frozen=True)
class Arrival:
    """What a provider's call brought."""

    credits: list[int] = field(default_factory=list)
    moved: int = 0
    replayed: int = 0
    unknown: int = 0


@transaction.atomic
def payment_arrived(*, provider: str, words: Sequence[Word], now: datetime) -> Arrival:
    """Money, or a word on its way: receive → allocate → lift what it settles → judge promises → close cases."""
    received = receive.record(provider=provider, words=words, now=now)
    fresh = [credit.pk for credit in received.credits]
    for attempt, credit in received.paid:
        _spread(credit, attempt.invoices, but=fresh, as_of=local_day(attempt.creditor, now), now=now)
        assert credit.customer is not None  # an attempt is always somebody's
        record("payment.arrived", credit.customer, now, None, f"hook:{provider}", credit=credit.pk, attempt=attempt.pk)
    for customer, creditor in {credit.customer_id: attempt.creditor for attempt, credit in received.paid}.items():
        assert customer is not None
        as_of = local_day(creditor, now)
        judge_promises(as_of=as_of, now=now, customers=[customer])
        close_settled(customers=[customer], as_of=as_of, now=now)
        close_chains(customers=[customer], now=now)
    return Arrival(credits=fresh, moved=len(received.moved), replayed=received.replayed, unknown=received.unknown)


@transaction.atomic
def customer_said(*, customer: Customer, saying: Saying, now: datetime, by: User | None = None, origin: str) -> None:
    """What a customer said on the portal, on the phone, or through a colleague (`origin`); it counts at once."""
    as_of = local_day(customer.creditor, now)
    hear(saying, customer=customer, as_of=as_of, now=now, by=by, origin=origin)


@transaction.atomic
def reply_heard(
    *,
    source: str,
    external_id: str,
    sender: str,
    text: str,
    at: datetime,
    now: datetime,
    medium: str = Medium.EMAIL,
    answers: Sequence[str] = (),
    creditor: int | None = None,
) -> Reply:
    """An answer from outside; `answers`: the Message-IDs that it replies to, nearest first; `creditor`: whose line
    or mailbox it came by, where that is known. STOP and START by text message are done at once.

    Kept once. Where its customer is known (by the message answered, else by an address that only one customer has),
    a task waits for a person, and nobody is reminded for three days while it waits.
    """
    delivery = Delivery.objects.filter(external_id__in=answers).select_related("message").order_by("-id").first()
    message = delivery.message if delivery else None
    customer = message.customer if message else _only_customer_at(sender, medium)
    reply, new = Reply.objects.get_or_create(
        source=source,
        external_id=external_id,
        defaults={
            "creditor_id": customer.creditor_id if customer else None,
            "customer": customer,
            "message": message,
            "medium": medium,
            "sender": sender,
            "text": text,
            "at": at,
        },
    )
    if new and message is not None:
        Event.objects.get_or_create(
            source=source,
            external_id=f"replied:{external_id}"[:200],
            defaults={"message": message, "kind": EventKind.REPLIED, "at": at},
        )
    said = wish(text) if new and medium == Medium.SMS else ""
    if said and (theirs := heed(said=said, sender=sender, message=message, creditor_ref=creditor, now=now)):
        if customer is None and len(theirs) == 1:
            reply.customer, reply.creditor = theirs[0], theirs[0].creditor
            reply.save(update_fields=["customer", "creditor"])
        return reply
    if new and customer is not None:
        _wait_for_answer(reply, customer=customer, message=message, now=now)
    return reply


@transaction.atomic
def link_opened(*, message_ref: int, customer: Customer, now: datetime) -> None:
    """The link in a message was opened: by a person or by a mail scanner, which is why nothing else follows from it."""
    theirs = Q(customer=customer) | Q(customer__merged_into=customer)
    if Message.objects.filter(theirs, pk=message_ref).exists():
        Event.objects.get_or_create(
            source="portal",
            external_id=f"opened:{message_ref}",
            defaults={"message_id": message_ref, "kind": EventKind.OPENED, "at": now},
        )


def _only_customer_at(address: str, medium: str) -> Customer | None:
    found = Customer.objects.filter(
        contacts__points__medium=medium, contacts__points__value__iexact=address, merged_into=None
    ).distinct()[:2]
    return found[0] if len(found) == 1 else None


def _wait_for_answer(reply: Reply, *, customer: Customer, message: Message | None, now: datetime) -> None:
    as_of = local_day(customer.creditor, now)
    hold.place(
        kind=HoldKind.PERSON,
        source_ref=f"reply:{reply.pk}",
        customer=customer,
        since=as_of,
        until=as_of + timedelta(days=REPLY_DAYS),
        reason=in_house(gettext_lazy("An answer waits to be read.")),
        now=now,
    )
    task.ask(
        kind=TaskKind.REPLY,
        key=f"reply:{reply.pk}",
        customer=customer,
        title=in_house(gettext_lazy("Answer of %(sender)s"), sender=reply.sender),
        due_on=as_of,
        context={"reply": reply.pk, "message": message.pk if message else None},
        now=now,
    )
    record("reply.heard", customer, now, None, reply.source, reply=reply.pk)


def _spread(credit: Credit, invoices: Sequence[int], *, but: Sequence[int], as_of: date, now: datetime) -> None:
    """What was open in credit goes first, as the customer was shown; then the money, to what it was meant for."""
    made: list[Allocation] = []
    if credit.customer_id is not None:
        made = allocate_of_customer(
            customer_id=credit.customer_id, currency=credit.currency, but=but, as_of=as_of, now=now
        )
    made += allocate(credit=credit, as_of=as_of, now=now, invoices=_payable(credit, invoices), rule="named")
    _lift_settled(invoices=[one.invoice_id for one in made], as_of=as_of, now=now)


def _payable(credit: Credit, invoices: Sequence[int]) -> list[int]:
    """Those of an attempt's invoices that this money can pay, in their order: it may have come in another currency."""
    fits = set(
        Invoice.objects.filter(id__in=invoices, creditor_id=credit.creditor_id, currency=credit.currency).values_list(
            "id", flat=True
        )
    )
    return [invoice for invoice in invoices if invoice in fits]


def _lift_settled(*, invoices: Sequence[int], as_of: date, now: datetime) -> None:
    """What stood on invoices that are now paid has lost its object: holds, disputes, and tasks to check a claim."""
    settled = set(Invoice.objects.filter(id__in=invoices, open_minor=0).values_list("id", flat=True))
    if not settled:
        return
    hold.end(Hold.objects.filter(invoice__in=settled, kind__in=[HoldKind.PAYMENT, HoldKind.CLAIMED]), on=as_of)
    settle_disputes(invoices=settled, as_of=as_of, now=now)
    claims = Task.objects.filter(kind=TaskKind.CHECK, key__startswith="claimed:", done_at=None)
    for claim in claims.filter(customer__invoices__in=settled).distinct():
        if not Invoice.objects.filter(id__in=claim.context.get("invoices", ()), open_minor__gt=0).exists():
            task.finish(task=claim, outcome="settled", now=now)
