"""What follows at once from an answer that nobody has read yet: a hold, an address left in peace, a task, a copy sent.

In: a reply with the intent proposed. Out: what keeps the customer from being chased meanwhile. Never: a promise, a dispute
or an opt-out that lasts: all of it is provisional and ends by itself, unless a person confirms.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zlib import crc32

from django.urls import reverse
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from amiable.casework import task
from amiable.casework.models import NotificationKind, TaskKind
from amiable.casework.notify import notify
from amiable.core.calendar import start_of_day
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, HoldKind, Invoice, Medium
from amiable.outreach.enclose import copies_of
from amiable.outreach.models import OptOut, Reply, Tone
from amiable.outreach.order import Order, order

REPLY_DAYS = 3  # how long an answer that nobody has read keeps reminders away; the policy may say reply_days
CLAIMED_DAYS = 7  # of one who says that it is paid; the policy may say claimed_hold_days
LONGEST_PROMISE = 21  # days: a promise that nobody has confirmed rests no longer
SURE = 0.5  # below it the answer is only held for a person
SURE_OF_COPY = 0.75  # from here on the copy goes out by itself


@dataclass(frozen=True)
class Waiting:
    """A hold for an answer that nobody has read yet: of which kind, and until when."""

    kind: str
    until: date
    reason: Lazy


Follows = Callable[[Reply, date], Waiting]


def react(reply: Reply, *, customer: Customer, as_of: date, now: datetime) -> None:
    """Does what must not wait for a person. A machine's answer waits for nobody; nor does a copy sent by itself."""
    if reply.automatic:
        return
    _tell(reply, customer, now)
    sure = (reply.confidence or 0) >= SURE
    copied = reply.intent == "copy" and (reply.confidence or 0) >= SURE_OF_COPY and _copied(reply, customer, as_of, now)
    follows = FOLLOWS.get(reply.intent, _read) if sure else _read
    waiting = follows(reply, as_of)
    hold.place_on(
        _about(reply, customer) if waiting.kind in ON_INVOICES else [None],
        kind=waiting.kind,
        source_ref=ref(reply),
        customer=customer,
        since=as_of,
        until=waiting.until,
        reason=in_house(waiting.reason),
        now=now,
    )
    _rest_beside(reply, as_of, now)
    if sure and reply.intent in {"opt_out", "wrong_person"}:
        _leave_in_peace(reply, customer, as_of, now)
    if not copied:
        ask(reply, customer=customer, as_of=as_of, now=now)


def _tell(reply: Reply, customer: Customer, now: datetime) -> None:
    """Whoever is in charge of the open case hears that its customer has answered."""
    case = task.open_case(customer=customer)
    if case is not None and case.responsible is not None:
        notify(
            users=[case.responsible], text=f"{customer}: {' '.join((reply.words or reply.text).split())}",
            key=f"reply:{reply.pk}", kind=NotificationKind.REPLY, customer=customer,
            url=reverse("desk:answer", args=[reply.pk]), now=now,
        )  # fmt: skip


def _rest_beside(reply: Reply, as_of: date, now: datetime) -> None:
    """The other accounts that the answered message told rest too, until somebody has read what it says about them."""
    waiting = _read(reply, as_of)
    others = reply.message.tells.select_related("customer") if reply.message else ()
    for each in others:
        if each.customer_id != reply.customer_id:
            hold.place(
                kind=waiting.kind, source_ref=ref(reply), customer=each.customer, since=as_of, until=waiting.until,
                reason=in_house(waiting.reason), now=now,
            )  # fmt: skip


def undo(reply: Reply, *, as_of: date, now: datetime) -> None:
    """Takes back what was provisional: a person has read the answer."""
    hold.lift(source_ref=ref(reply), on=as_of)
    OptOut.objects.filter(origin=ref(reply), until__gt=now).update(until=now)


def ref(reply: Reply) -> str:
    return f"reply:{reply.pk}"


def ask(reply: Reply, *, customer: Customer, as_of: date, now: datetime) -> None:
    """The task for whoever reads it."""
    task.ask(
        kind=TaskKind.REPLY,
        key=ref(reply),
        customer=customer,
        title=in_house(_("Answer of %(sender)s"), sender=reply.sender or customer.name),
        due_on=as_of,
        context={"reply": reply.pk, "message": reply.message_id, "words": (reply.words or reply.text)[:500]},
        now=now,
    )


def send_copies(
    *, customer: Customer, invoices: Sequence[int], as_of: date, now: datetime, key: str = ""
) -> tuple[list[Invoice], list[Invoice]]:
    """Orders one message with the copies of these invoices; returns those sent and those of which none is kept.

    The same copies once a day to a customer, so that two machines never write to each other for long; a person, who says
    so by a `key`, may send them again.
    """
    rows = list(Invoice.objects.filter(pk__in=list(invoices), customer=customer).order_by("due_on", "id"))
    kept = copies_of(row.pk for row in rows)
    sent = [row for row in rows if row.pk in kept]
    for currency in sorted({row.currency for row in sent}):
        mine = [row.pk for row in sent if row.currency == currency]
        documents = [kept[pk].pk for pk in mine]
        wish = Order(
            key=f"{key}:{currency}" if key else f"copy:{customer.pk}:{as_of}:{crc32(repr(documents).encode()):08x}",
            creditor_id=customer.creditor_id, customer_id=customer.pk, currency=currency,
            purpose="invoice_copy", medium=Medium.EMAIL, tone=Tone.WARM, as_of=as_of, about=mine, capped=False,
            context={"documents": documents, "attach_statement": False},
        )  # fmt: skip
        order([wish], now=now)
    return sent, [row for row in rows if row.pk not in kept]


def wanted_copies(reply: Reply, customer: Customer) -> list[int]:
    """The invoices whose copy is asked for: those named, else those that our message was about, else what is overdue."""
    named = list(reply.understood.get("invoices", ())) or list(reply.message.about if reply.message else ())
    if named:
        return named
    rows = Invoice.objects.filter(customer=customer, open_minor__gt=0).order_by("due_on", "id")
    return list(rows.values_list("id", flat=True)[:10])


def _copied(reply: Reply, customer: Customer, as_of: date, now: datetime) -> bool:
    """Answers a request for copies, where each is kept and the creditor's messages leave; else it is for a person."""
    wanted = wanted_copies(reply, customer)
    if not wanted or len(copies_of(wanted)) < len(wanted) or customer.creditor.released_at is None:
        return False
    send_copies(customer=customer, invoices=wanted, as_of=as_of, now=now)
    Reply.objects.filter(pk=reply.pk).update(confirmed_intent="copy", confirmed_at=now)
    return True


def _leave_in_peace(reply: Reply, customer: Customer, as_of: date, now: datetime) -> None:
    """The address that the answer came from is not written to while it waits to be read."""
    OptOut.objects.create(
        customer=customer, medium=reply.medium, address=reply.sender, since=now, origin=ref(reply),
        until=start_of_day(as_of + timedelta(days=_days(customer.creditor)), customer.creditor.time_zone),
    )  # fmt: skip


def _about(reply: Reply, customer: Customer) -> list[Invoice | None]:
    """The open invoices that the answer names; the whole customer where it names none."""
    named = Invoice.objects.filter(pk__in=reply.understood.get("invoices", ()), customer=customer, open_minor__gt=0)
    return list(named) or [None]


def _days(creditor: Creditor | None, name: str = "reply_days", usual: int = REPLY_DAYS) -> int:
    return int(creditor.policy.get(name, usual)) if creditor else usual


def _read(reply: Reply, as_of: date) -> Waiting:
    return Waiting(HoldKind.PERSON, as_of + timedelta(days=_days(reply.creditor)), _("An answer waits to be read."))


def _promised(reply: Reply, as_of: date) -> Waiting:
    """Until the day after the one announced; without a day, as any other answer."""
    day = reply.understood.get("ahead")
    if not day:
        return _read(reply, as_of)
    until = min(date.fromisoformat(day) + timedelta(days=1), as_of + timedelta(days=LONGEST_PROMISE))
    return Waiting(
        HoldKind.PROMISE, max(until, as_of + timedelta(days=1)), _("Announced in an answer; to be confirmed.")
    )


def _of_kind(kind: str, reason: Lazy, reply: Reply, as_of: date) -> Waiting:
    return Waiting(kind, as_of + timedelta(days=_days(reply.creditor)), reason)


def _claimed(reply: Reply, as_of: date) -> Waiting:
    days = _days(reply.creditor, "claimed_hold_days", CLAIMED_DAYS)
    return Waiting(HoldKind.CLAIMED, as_of + timedelta(days=days), _("An answer says that it is paid; to be checked."))


ON_INVOICES = {HoldKind.PROMISE, HoldKind.CLAIMED, HoldKind.DISPUTE}
# What is not named here is held for whoever reads it.
FOLLOWS: Mapping[str, Follows] = {
    "copy": partial(_of_kind, HoldKind.PERSON, _("A copy was asked for.")),
    "promise": _promised,
    "already_paid": _claimed,
    "dispute": partial(_of_kind, HoldKind.DISPUTE, _("An answer contests it; to be confirmed.")),
}
