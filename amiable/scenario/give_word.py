"""The word that a colleague gives about a customer, and what follows from it: at once, as theirs, and once.

In: an asked word, an answer and what was filled in. Out: a promise, a dispute, a task, a hold or a note. Never: half of it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework import note, task
from amiable.casework.models import NotificationKind, TaskKind, Word
from amiable.casework.notify import notify
from amiable.casework.word import UnableToAnswer, answered
from amiable.core.calendar import day_of
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import HoldKind, Invoice
from amiable.scenario.respond import customer_said
from amiable.scenario.sayings import Disputes, Promises

ORIGIN = "word"
MOST_DAYS = 30  # for which a colleague's word keeps reminders away; the creditor's policy may say word_hold_days


@dataclass(frozen=True)
class Said:
    """What the colleague filled in: a day, an amount of one currency, an invoice with a reason, words."""

    answer: str
    day: date | None = None
    amount_minor: int | None = None
    currency: str = ""
    invoice: int | None = None
    reason: str = ""
    words: str = ""


@transaction.atomic
def give_word(*, word: Word, said: Said, now: datetime) -> Word:
    """Notes the answer and does what it says, in the name of whoever was asked. Raises UnableToAnswer, or what the verb says."""
    told = {
        "day": said.day.isoformat() if said.day else None, "amount_minor": said.amount_minor, "currency": said.currency,
        "invoice": said.invoice, "reason": said.reason, "words": said.words,
    }  # fmt: skip
    row = answered(word=word, answer=said.answer, told=told, now=now)
    as_of = day_of(now, row.customer.creditor.time_zone)
    ACTS[said.answer](row, said, as_of, now)
    if said.words and said.answer != "dispute":  # a dispute carries its words itself
        note.write(customer=row.customer, text=said.words, now=now, by=row.user)
    if row.by is not None and row.by != row.user:
        text = in_house(gettext_lazy("%(name)s gave a word on %(customer)s"), name=row.user, customer=row.customer)
        notify(
            users=[row.by],
            text=text,
            key=f"word:{row.pk}:given",
            kind=NotificationKind.WORD,
            customer=row.customer,
            now=now,
        )
    return row


def most_days(word: Word) -> int:
    return int(word.customer.creditor.policy.get("word_hold_days", MOST_DAYS))


def _promise(word: Word, said: Said, as_of: date, now: datetime) -> None:
    if said.day is None or said.day < as_of:
        raise UnableToAnswer(_("The day of a promise lies today or later."))
    rows = _late(word, said.currency, as_of)
    if not rows or said.amount_minor is None:
        raise UnableToAnswer(_("Nothing is overdue any more. Thank you!"))
    saying = Promises(said.amount_minor, said.currency, said.day, [row.pk for row in rows])
    customer_said(customer=word.customer, saying=saying, now=now, by=word.user, origin=ORIGIN)


def _dispute(word: Word, said: Said, as_of: date, now: datetime) -> None:
    if said.invoice is None:
        raise UnableToAnswer(_("Please say which invoice is disputed."))
    saying = Disputes(said.invoice, said.reason, said.words)
    customer_said(customer=word.customer, saying=saying, now=now, by=word.user, origin=ORIGIN)


def _call(word: Word, said: Said, as_of: date, now: datetime) -> None:
    """A task of their own; reminders wait until the day after."""
    on = said.day or as_of
    if not as_of <= on <= as_of + timedelta(days=most_days(word)):
        raise UnableToAnswer(_("Please choose a day within %(days)s days.") % {"days": most_days(word)})
    task.ask(
        kind=TaskKind.CALL, key=f"word:{word.pk}", customer=word.customer, due_on=on, assignee=word.user, now=now,
        title=in_house(gettext_lazy("Call the customer, as promised to the accounts")),
        context={"word": word.pk, "words": said.words[:500]},
    )  # fmt: skip


def _hold(word: Word, said: Said, as_of: date, now: datetime) -> None:
    if said.day is None or not as_of < said.day <= as_of + timedelta(days=most_days(word)):
        raise UnableToAnswer(_("Please choose a day within %(days)s days.") % {"days": most_days(word)})
    reason = said.words or in_house(gettext_lazy("At the wish of %(name)s"), name=word.user)
    hold.place(
        kind=HoldKind.PERSON, source_ref=f"word:{word.pk}", customer=word.customer, since=as_of, until=said.day,
        reason=reason[:200], by=word.user, now=now,
    )  # fmt: skip


def _words(word: Word, said: Said, as_of: date, now: datetime) -> None:
    if not said.words:
        raise UnableToAnswer(_("Please write a word."))


ACTS = {"promise": _promise, "dispute": _dispute, "call": _call, "hold": _hold, "words": _words}


def _late(word: Word, currency: str, as_of: date) -> list[Invoice]:
    return list(word.customer.invoices.filter(currency=currency, open_minor__gt=0, due_on__lt=as_of).order_by("due_on"))
