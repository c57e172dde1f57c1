"""A colleague is asked for a word about a customer, and gives it: once.

In: whom, about whom, the question. Out: a row, carried to them by e-mail. Never: the same wish twice, an answer twice.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from amiable.casework.entrust import present
from amiable.casework.models import Word
from amiable.core import audit, links
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer

PURPOSE = "word"
DAYS = 14  # how long a word may be given by its link; the creditor's policy may say word_days
ANSWERS = ("promise", "dispute", "call", "hold", "words")


class UnableToAsk(UnableTo):
    """This colleague cannot be asked."""


class UnableToAnswer(UnableTo):
    """The word has been given, or cannot be given in this way."""


def ask_word(*, customer: Customer, user: User, question: str, key: str, now: datetime, by: User | None = None) -> Word:
    """The colleague, or who stands in for them, is asked; the same key twice is one question."""
    asked = present(user=user, customer=customer, as_of=day_of(now, customer.creditor.time_zone))
    if not asked.is_active or not asked.email:
        raise UnableToAsk(_("%(name)s cannot be written to: there is no e-mail address.") % {"name": asked})
    days = int(customer.creditor.policy.get("word_days", DAYS))
    word, new = Word.objects.get_or_create(
        key=key,
        defaults={
            "creditor_id": customer.creditor_id, "customer": customer, "user": asked, "question": question.strip()[:500],
            "by": by, "asked_at": now, "expires_at": now + timedelta(days=days),
        },
    )  # fmt: skip
    if new:
        _audit("word.asked", word, now=now, by=by, actor="" if by else "day")
    return word


def token(word: Word) -> str:
    """What opens the page of a word: signed, and good for one question until it expires."""
    return links.sign(PURPOSE, {"w": word.pk}, expires=word.expires_at)


def answered(*, word: Word, answer: str, told: dict[str, Any], now: datetime) -> Word:
    """Notes the answer, inside the transaction of what follows from it. Raises UnableToAnswer where there is one already."""
    row = Word.objects.select_for_update(of=("self",)).select_related("customer__creditor", "user").get(pk=word.pk)
    if row.answered_at is not None:
        raise UnableToAnswer(_("You have answered already. Thank you!"))
    if now >= row.expires_at:
        raise UnableToAnswer(_("This question has expired."))
    if answer not in ANSWERS:
        raise UnableToAnswer(_("Please choose one of the answers."))
    row.answered_at, row.answer, row.told = now, answer, told
    row.save(update_fields=["answered_at", "answer", "told"])
    _audit("word.given", row, now=now, by=row.user, answer=answer)
    return row


def _audit(act: str, word: Word, *, now: datetime, by: User | None, actor: str = "", **detail: Any) -> None:
    audit.record(
        act, now=now, user=by, actor=actor, creditor_ref=word.creditor_id, subject="customer",
        subject_ref=word.customer_id, word=word.pk, asked=word.user_id, **detail,
    )  # fmt: skip
