"""A person has read an answer and says what it is: the provisional holds end, what was said counts.

In: a reply and its meaning. Out: promise, claim, dispute, opt-out, copies or a task, in one transaction. Never: the same
answer confirmed twice, a meaning that the person did not choose.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework import task
from amiable.casework.models import Task, TaskKind
from amiable.core.calendar import next_business_day
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import ContactPoint, Customer, HoldKind
from amiable.outreach.intents import INTENTS
from amiable.outreach.models import Reply
from amiable.payments.attempt import local_day
from amiable.scenario import react
from amiable.scenario.hear import UnableToRespond, hear, record
from amiable.scenario.sayings import AlreadyPaid, Disputes, OptsOut, Promises, Saying

REST_DAYS = 14  # how long a plan asked for, a hardship or a complaint keeps reminders away while a colleague sees to it


@dataclass(frozen=True)
class Meaning:
    """What the person says that the answer is; what does not belong to the intent stays empty."""

    intent: str
    day: date | None = None
    amount_minor: int | None = None
    currency: str = "EUR"
    invoices: Sequence[int] = ()
    reason: str = ""


@dataclass(frozen=True)
class Confirmed:
    """One answer as it reaches the domain."""

    reply: Reply
    customer: Customer
    meaning: Meaning
    as_of: date
    now: datetime
    by: User

    @property
    def words(self) -> str:
        return (self.reply.words or self.reply.text)[:2_000]


@transaction.atomic
def confirm_reply(*, reply: Reply, meaning: Meaning, now: datetime, by: User) -> None:
    """Turns the answer into what it is. Raises UnableToRespond where somebody was faster, or where it does not fit."""
    row = Reply.objects.select_for_update(of=("self",)).select_related("customer__creditor", "message").get(pk=reply.pk)
    if row.confirmed_at is not None:
        raise UnableToRespond(_("This answer has been read already."))
    if meaning.intent not in INTENTS:
        raise UnableToRespond(_("Please say what the answer is."))
    row.confirmed_intent, row.confirmed_by, row.confirmed_at = meaning.intent, by, now
    row.save(update_fields=["confirmed_intent", "confirmed_by", "confirmed_at"])
    if row.customer is None:
        return  # nobody's: it is only out of the way
    as_of = local_day(row.customer.creditor, now)
    react.undo(row, as_of=as_of, now=now)
    asked = Task.objects.filter(key=react.ref(row), done_at=None).first()
    if asked is not None:
        task.finish(task=asked, outcome="confirmed", now=now, by=by)
    FOLLOWS[meaning.intent](Confirmed(row, row.customer, meaning, as_of, now, by))
    record("reply.confirmed", row.customer, now, by, "inbox", reply=row.pk, intent=meaning.intent, proposed=row.intent)


def _say(one: Confirmed, saying: Saying) -> None:
    hear(saying, customer=one.customer, as_of=one.as_of, now=one.now, by=one.by, origin="reply")


def _promise(one: Confirmed) -> None:
    said = one.meaning
    if said.day is None or not said.amount_minor:
        raise UnableToRespond(_("A promise needs a day and an amount."))
    _say(one, Promises(said.amount_minor, said.currency, said.day, said.invoices))


def _already_paid(one: Confirmed) -> None:
    _say(one, AlreadyPaid(one.meaning.invoices, one.meaning.day, one.words))


def _dispute(one: Confirmed) -> None:
    if not one.meaning.invoices:
        raise UnableToRespond(_("Which invoice is contested?"))
    for invoice in one.meaning.invoices:
        _say(one, Disputes(invoice, one.meaning.reason or "other", one.words))


def _copy(one: Confirmed) -> None:
    """The copies that are kept leave; for the others somebody has to look."""
    wanted = list(one.meaning.invoices) or react.wanted_copies(one.reply, one.customer)
    sent, missing = react.send_copies(customer=one.customer, invoices=wanted, as_of=one.as_of, now=one.now)
    if missing or not sent:
        references = ", ".join(row.reference for row in missing[:5]) or "?"
        _ask(one, in_house(gettext_lazy("Send a copy: %(invoices)s"), invoices=references), [row.pk for row in missing])


def _opt_out(one: Confirmed) -> None:
    _say(one, OptsOut(one.reply.medium, one.reply.sender))


def _wrong_person(one: Confirmed) -> None:
    """Nobody of the customer is reached at this address: it is not used again, and the right one is looked for."""
    ContactPoint.objects.filter(
        contact__customer=one.customer, medium=one.reply.medium, value__iexact=one.reply.sender, failed_at=None
    ).update(failed_at=one.now, failure=in_house(gettext_lazy("Not the right person, says an answer.")))
    _ask(one, in_house(gettext_lazy("Find the right contact")))


def _resting(title: Lazy, reason: Lazy) -> "Follows":
    """Nothing is sent for a while, and a colleague sees to it."""

    def follow(one: Confirmed) -> None:
        hold.place(
            kind=HoldKind.PERSON, source_ref=f"answer:{one.reply.pk}", customer=one.customer, since=one.as_of,
            until=one.as_of + timedelta(days=REST_DAYS), reason=in_house(reason), by=one.by, now=one.now,
        )  # fmt: skip
        _ask(one, in_house(title))

    return follow


def _insolvency(one: Confirmed) -> None:
    """Nothing may be asked for any more; the claim has to be declared in time."""
    hold.place(
        kind=HoldKind.INSOLVENCY, source_ref=f"answer:{one.reply.pk}", customer=one.customer, since=one.as_of,
        reason=one.words[:200], by=one.by, now=one.now,
    )  # fmt: skip
    _ask(one, in_house(gettext_lazy("Insolvency: check it and declare the claim")))


def _asks(title: Lazy) -> "Follows":
    return lambda one: _ask(one, in_house(title))


def _nothing(one: Confirmed) -> None:
    """Read, and that is all."""


def _ask(one: Confirmed, title: str, invoices: Sequence[int] = ()) -> None:
    task.ask(
        kind=TaskKind.OTHER, key=f"answer:{one.reply.pk}", customer=one.customer, title=title,
        due_on=next_business_day(one.as_of, one.customer.creditor.country),
        context={"reply": one.reply.pk, "words": one.words[:500], "invoices": list(invoices or one.meaning.invoices)},
        now=one.now,
    )  # fmt: skip


Follows = Callable[[Confirmed], None]
FOLLOWS: Mapping[str, Follows] = {
    "promise": _promise,
    "already_paid": _already_paid,
    "dispute": _dispute,
    "copy": _copy,
    "plan": _resting(gettext_lazy("Asks for a payment plan"), gettext_lazy("A payment plan was asked for.")),
    "hardship": _resting(
        gettext_lazy("In difficulty: look for a way together"), gettext_lazy("Says to be in difficulty.")
    ),
    "wrong_person": _wrong_person,
    "out_of_office": _nothing,
    "complaint": _resting(gettext_lazy("Complaint: answer it"), gettext_lazy("Complained.")),
    "insolvency": _insolvency,
    "opt_out": _opt_out,
    "how_to_pay": _asks(gettext_lazy("Asks how to pay: answer")),
    "other": _nothing,
}
