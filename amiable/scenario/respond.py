"""What comes back from outside enters here, by one of three calls: money, an answer, or something a customer said.

In: verified words. Out: entries, holds, promises, disputes, tasks, opt-outs. Never: half of it; each call is ONE
transaction, and the same call twice changes nothing more.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework import task
from amiable.casework.close import close_settled
from amiable.casework.dispute import settle_disputes
from amiable.casework.models import Task, TaskKind
from amiable.core.models import User
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.keep import keep
from amiable.ledger.models import Allocation, Credit, Creditor, Customer, Hold, HoldKind, Invoice, Medium
from amiable.outreach.attribute import attribute, named
from amiable.outreach.channel import Attachment
from amiable.outreach.models import Event, EventKind, Message, Reply
from amiable.outreach.read import Reading, read
from amiable.outreach.stop import wish
from amiable.outreach.strip import strip
from amiable.outreach.unwrap import clean
from amiable.payments import receive
from amiable.payments.allocate import allocate, allocate_of_customer
from amiable.payments.arrange import judge_promises
from amiable.payments.attempt import close_chains, local_day
from amiable.payments.models import Attempt
from amiable.payments.plans.judge import judge_plans
from amiable.payments.providers import Word
from amiable.payments.surplus import ask_about_surplus
from amiable.scenario.hear import UnableToRespond, hear, record
from amiable.scenario.heed import heed
from amiable.scenario.react import react
from amiable.scenario.reopen import Returned, reopen
from amiable.scenario.sayings import (
    AcceptsPlan,
    AlreadyPaid,
    BuildsPlan,
    CallOutcome,
    Disputes,
    OptsIn,
    OptsOut,
    Prefers,
    Promises,
    Rates,
    Saying,
    WantsPerson,
)

__all__ = [
    "AcceptsPlan",
    "AlreadyPaid",
    "Arrival",
    "BuildsPlan",
    "CallOutcome",
    "Disputes",
    "OptsIn",
    "OptsOut",
    "Prefers",
    "Promises",
    "Rates",
    "Saying",
    "UnableToRespond",
    "WantsPerson",
    "customer_said",
    "link_opened",
    "money_matched",
    "no_more_of",
    "payment_arrived",
    "payment_returned",
    "reply_claimed",
    "reply_heard",
]


@dataclass(frozen=True)
class Arrival:
    """What a provider's call brought."""

    credits: list[int] = field(default_factory=list)
    moved: int = 0
    replayed: int = 0
    unknown: int = 0


@transaction.atomic
def payment_arrived(
    *, provider: str, words: Sequence[Word], now: datetime, creditor: Creditor | None = None
) -> Arrival:
    """Money, or a word on its way: receive → allocate → lift what it settles → judge promises → close cases.

    `creditor`: by whose hook it came, where each creditor has its own; nobody else's attempts are meant.
    """
    received = receive.record(provider=provider, words=words, now=now, creditor=creditor)
    fresh = [credit.pk for credit in received.credits]
    for attempt, credit in received.paid:
        _spread(credit, attempt.invoices, but=fresh, as_of=local_day(attempt.creditor, now), now=now)
        assert credit.customer is not None  # an attempt is always somebody's
        record("payment.arrived", credit.customer, now, None, f"hook:{provider}", credit=credit.pk, attempt=attempt.pk)
        if not _doubt(attempt, credit, now=now):
            ask_about_surplus(attempt=attempt, credit=credit, as_of=local_day(attempt.creditor, now), now=now)
    for customer, creditor in {credit.customer_id: attempt.creditor for attempt, credit in received.paid}.items():
        assert customer is not None
        _close(customers=[customer], as_of=local_day(creditor, now), now=now)
    for credit, word in received.taken_back:
        reason = in_house(gettext_lazy("taken back by the customer's bank (%(code)s)"), code=word.detail or "–")
        amount = word.amount_minor if word.currency == credit.currency else credit.amount_minor
        payment_returned(credit=credit, amount_minor=amount, key=word.external_id, reason=reason, now=now)
    return Arrival(credits=fresh, moved=len(received.moved), replayed=received.replayed, unknown=received.unknown)


@transaction.atomic
def money_matched(*, credits: Collection[int], now: datetime) -> None:
    """Money that was nobody's has found its customers and invoices: what stood on those that it settled has ended, promises
    and plans are judged, cases and chains closed.
    """
    paid = Allocation.objects.filter(credit__in=credits, reverses=None, reversed_by=None)
    whose: dict[int, set[int]] = defaultdict(set)
    invoices: dict[int, set[int]] = defaultdict(set)
    for owed, invoice, owner in paid.values_list("invoice__creditor", "invoice", "invoice__customer"):
        invoices[owed].add(invoice)
        whose[owed].add(owner)
    for creditor in Creditor.objects.filter(pk__in=whose).order_by("pk"):
        as_of, customers = local_day(creditor, now), sorted(whose[creditor.pk])
        _lift_settled(invoices=sorted(invoices[creditor.pk]), as_of=as_of, now=now)
        _close(customers=customers, as_of=as_of, now=now)


@transaction.atomic
def payment_returned(
    *, credit: Credit, amount_minor: int, key: str, reason: str, now: datetime, by: User | None = None
) -> Returned:
    """Money that had come leaves again (charge-back, returned debit, bounced cheque): its invoices are open again, the
    case goes on, whoever is in charge is told. `key` names the return itself: told ten times, it is one.
    """
    as_of = local_day(credit.creditor, now)
    told = reopen(credit=credit, amount_minor=amount_minor, key=key, reason=reason, as_of=as_of, now=now, by=by)
    if credit.customer_id is not None:
        judge_plans(as_of=as_of, now=now, customers=[credit.customer_id])
    return told


@transaction.atomic
def no_more_of(*, message: Message, now: datetime, origin: str) -> None:
    """Whoever got the message wishes no more such words at its address: of none of the accounts that it told."""
    for each in (message, *message.tells.select_related("customer__creditor")):
        saying = OptsOut(medium=each.medium, address=each.address)
        customer_said(customer=each.customer, saying=saying, now=now, origin=origin)


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
    recipient: str = "",
    subject: str = "",
    attachments: Sequence[Attachment] = (),
    automatic: bool = False,
    links: Sequence[str] = (),
    sizes: Sequence[int] = (),
    trouble: str = "",
) -> Reply:
    """An answer from outside; `answers`: the Message-IDs that it replies to, nearest first; `creditor`: to whom it came,
    where that is known. STOP and START by text message are done at once.

    Kept once, with its words, what they probably mean, and whose they are. Where its customer is known, what must not
    wait follows at once (react.py); where not, it lies in the inbox. `links`: ours that stand in it; `sizes`: of
    attachments whose bytes are not kept; `trouble`: what of it could not be read.
    """
    known = Reply.objects.filter(source=source, external_id=external_id).first()
    if known is not None:
        return known
    text, words = clean(text), strip(clean(text)) if medium == Medium.EMAIL else clean(text).strip()
    found = attribute(
        creditor=creditor, medium=medium, sender=sender, subject=subject, text=text, words=words, answers=answers,
        links_seen=links,
    )  # fmt: skip
    owner = found.customer.creditor if found.customer else Creditor.objects.filter(pk=creditor or 0).first()
    reading = _understood(words, subject=subject, automatic=automatic, owner=owner, message=found.message, at=at)
    reply, new = Reply.objects.get_or_create(
        source=source,
        external_id=external_id,
        defaults={
            "creditor": owner,
            "customer": found.customer,
            "message": found.message,
            "medium": medium,
            "sender": sender[:320],
            "recipient": recipient[:320],
            "subject": clean(subject)[:300],
            "text": text,
            "words": words,
            "files": _kept(attachments, sizes),
            "trouble": trouble[:200],
            "automatic": automatic,
            "at": at,
            "intent": reading.intent,
            "confidence": reading.confidence,
            "understood": {**reading.understood, "by": found.by, "invoices": list(found.invoices)},
        },
    )
    if new and not _heeded(reply, creditor=creditor, now=now) and reply.customer is not None:
        _follow(reply, now=now)
    return reply


@transaction.atomic
def reply_claimed(*, reply: Reply, customer: Customer, now: datetime, by: User) -> Reply:
    """A person says whose answer it is; from here on it is as if that had been known at once."""
    row = Reply.objects.select_for_update(of=("self",)).get(pk=reply.pk)
    if row.customer_id is not None:
        raise UnableToRespond(_("This answer has been given to a customer already."))
    if row.creditor_id not in (None, customer.creditor_id):
        raise UnableToRespond(_("This answer came to another creditor."))
    said = f"{row.subject}\n{row.words}"
    row.customer, row.creditor = customer, customer.creditor
    row.understood = {**row.understood, "by": "person", "invoices": named(said, customer)}
    row.save(update_fields=["customer", "creditor", "understood"])
    record("reply.claimed", customer, now, by, row.source, reply=row.pk)
    _follow(row, now=now)
    return row


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


def _understood(
    words: str, *, subject: str, automatic: bool, owner: Creditor | None, message: Message | None, at: datetime
) -> Reading:
    """What an answer probably means, seen from the day on which it was written, where its reader is at home."""
    about: dict[str, Any] = {"on": at.date(), "currency": message.currency if message else "EUR"}
    if owner is not None:
        about = {"on": local_day(owner, at), "country": owner.country}
        about["currency"] = message.currency if message else owner.currency
    return read(words, subject=subject, automatic=automatic, **about)


def _heeded(reply: Reply, *, creditor: int | None, now: datetime) -> bool:
    """STOP and START by text message: done at once, without a person, where somebody is known at that number."""
    said = wish(reply.text) if reply.medium == Medium.SMS else ""
    if not said:
        return False
    theirs = heed(said=said, sender=reply.sender, message=reply.message, creditor_ref=creditor, now=now)
    if reply.customer is None and len(theirs) == 1:
        reply.customer, reply.creditor = theirs[0], theirs[0].creditor
        reply.save(update_fields=["customer", "creditor"])
    if theirs:
        reply.confirmed_intent, reply.confirmed_at = "opt_out" if said == "stop" else "other", now
        reply.save(update_fields=["confirmed_intent", "confirmed_at"])
        _mark(reply)
    return bool(theirs)


def _mark(reply: Reply) -> None:
    """The message that was answered shows it."""
    if reply.message is not None and not reply.automatic:
        Event.objects.get_or_create(
            source=reply.source,
            external_id=f"replied:{reply.external_id}"[:200],
            defaults={"message": reply.message, "kind": EventKind.REPLIED, "at": reply.at},
        )


def _follow(reply: Reply, *, now: datetime) -> None:
    customer = reply.customer
    assert customer is not None
    _mark(reply)
    react(reply, customer=customer, as_of=local_day(customer.creditor, now), now=now)
    record("reply.heard", customer, now, None, reply.source, reply=reply.pk, intent=reply.intent)


def _kept(attachments: Sequence[Attachment], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Names and sizes of what came along; the bytes are kept as files, found by their digest, and never opened."""
    told = []
    for place, file in enumerate(attachments):
        row: dict[str, Any] = {"name": clean(file.name, 200), "media_type": clean(file.media_type, 100)}
        row["size"] = sizes[place] if place < len(sizes) else len(file.content)
        if file.content:
            row["sha256"] = keep(file.content)
        told.append(row)
    return told


def _doubt(attempt: Attempt, credit: Credit, *, now: datetime) -> bool:
    """Other money than was asked for counts as what it is; a person looks why. Whether one was asked."""
    asked = (attempt.amount_minor, attempt.currency)
    if attempt.credit_id != credit.pk or asked == (credit.amount_minor, credit.currency) or credit.customer is None:
        return False
    told = {"paid": shown(credit.amount_minor, credit.currency), "asked": shown(*asked)}
    task.ask(
        kind=TaskKind.CHECK,
        key=f"paid_otherwise:{credit.pk}",
        customer=credit.customer,
        title=in_house(gettext_lazy("Paid %(paid)s where %(asked)s was asked"), **told),
        due_on=local_day(attempt.creditor, now),
        context={"credit": credit.pk, "invoices": attempt.invoices},
        currency=credit.currency,
        now=now,
    )
    return True


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


def _close(*, customers: Sequence[int], as_of: date, now: datetime) -> None:
    """What money that has come ends for whom it is: promises and plans are judged, cases and chains closed."""
    judge_promises(as_of=as_of, now=now, customers=customers)
    judge_plans(as_of=as_of, now=now, customers=customers)
    close_settled(customers=customers, as_of=as_of, now=now)
    close_chains(customers=customers, now=now)


def _lift_settled(*, invoices: Sequence[int], as_of: date, now: datetime) -> None:
    """What stood on invoices that are now paid has lost its object: holds, disputes, and tasks to check a claim."""
    settled = set(
        Invoice.objects.filter(id__in=invoices, open_minor__lte=F("charged_minor")).values_list("id", flat=True)
    )
    if not settled:
        return
    hold.end(Hold.objects.filter(invoice__in=settled, kind__in=[HoldKind.PAYMENT, HoldKind.CLAIMED]), on=as_of)
    settle_disputes(invoices=settled, as_of=as_of, now=now)
    claims = Task.objects.filter(kind=TaskKind.CHECK, key__startswith="claimed:", done_at=None)
    for claim in claims.filter(customer__invoices__in=settled).distinct():
        if not Invoice.objects.filter(id__in=claim.context.get("invoices", ()), open_minor__gt=0).exists():
            task.finish(task=claim, outcome="settled", now=now)
