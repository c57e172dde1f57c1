"""An e-mail to a colleague who is asked for a word about a customer: short, in their language, answered by clicking.

In: words that wait. Out: one memo each. Never: anything while the creditor is in dry run or stopped, an e-mail twice, a
word of what the colleague may not see.
"""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.casework import word as words
from amiable.casework.models import Word
from amiable.core.calendar import day_of
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.outreach import memo
from amiable.outreach.speak import amount, day

SHOWN = 5  # invoices that the e-mail names
MOST = 500  # words a run


def send_words(*, now: datetime, creditor: Creditor | None = None) -> dict[str, int]:
    """Writes the e-mails of what waits; returns how many. What may not leave now waits on, until it expires."""
    waiting = Word.objects.filter(
        sent_at=None, answered_at=None, expires_at__gt=now, user__is_active=True, creditor__released_at__isnull=False,
        creditor__stopped_at=None,
    )  # fmt: skip
    if creditor is not None:
        waiting = waiting.filter(creditor=creditor)
    rows = waiting.select_related("customer", "creditor", "user", "by").order_by("pk")[:MOST]
    return {"words": sum(_write(row, now=now) for row in rows)}


@transaction.atomic
def _write(word: Word, *, now: datetime) -> bool:
    """The e-mail is ordered, once, with the word marked; memo.py hands it over."""
    if not Word.objects.filter(pk=word.pk, sent_at=None).update(sent_at=now):
        return False
    language = word.user.language[:2]
    with translation.override(language):
        content = _content(word, language, now=now)
        html = render_to_string("outreach/colleague.html", content)
    return memo.write(
        key=f"word:{word.pk}", to=word.user, subject=content["subject"], text=_plain(content), html=html, now=now,
        language=language, reply_to=(word.by.email if word.by else "") or word.creditor.email,
    )  # fmt: skip


def late(customer: Customer, *, as_of: date) -> list[Invoice]:
    """What is overdue of a customer, oldest first."""
    return list(customer.invoices.filter(open_minor__gt=0, due_on__lt=as_of).order_by("due_on", "pk")[:200])


def totals(rows: list[Invoice]) -> dict[str, int]:
    """What is open, per currency."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.currency] = found.get(row.currency, 0) + row.open_minor
    return found


def _content(word: Word, language: str, *, now: datetime) -> dict[str, Any]:
    customer, today = word.customer, day_of(now, word.creditor.time_zone)
    rows = late(customer, as_of=today)
    total = ", ".join(amount(minor, currency, language) for currency, minor in totals(rows).items())
    told = {"customer": customer.name, "total": total, "number": customer.number}
    days = (today - rows[0].due_on).days if rows else 0
    lead = (
        ngettext(
            "%(customer)s (%(number)s) owes %(total)s that is %(days)s day late.",
            "%(customer)s (%(number)s) owes %(total)s; the oldest invoice is %(days)s days late.",
            days,
        )
        % {**told, "days": days}
        if rows
        else _("It is about %(customer)s (%(number)s).") % told
    )
    first = word.user.first_name or str(word.user)
    page = f"{settings.BASE_URL}/w/{words.token(word)}/"
    asker = str(word.by) if word.by else word.creditor.name
    return {
        "language": language,
        "subject": (_("A word from you: %(customer)s, %(total)s late") if rows else _("A word from you: %(customer)s")) % told,
        "greeting": _("Hello %(name)s,") % {"name": first},
        "paragraphs": [lead, _("What do you know? One click is enough; nothing else is asked of you.")],
        "quote": f"{word.question} – {asker}" if word.question else "",
        "lines": [_line(row, language) for row in rows[:SHOWN]],
        "buttons": [(str(label), f"{page}?to={answer}") for answer, label in buttons().items()],
        "footer": _(
            "%(asker)s asks you as the one who knows the customer. The link is yours alone and good until %(day)s: please do "
            "not pass it on."
        )
        % {"asker": asker, "day": day(day_of(word.expires_at, word.creditor.time_zone), language)},
    }  # fmt: skip


def _line(row: Invoice, language: str) -> tuple[str, str, str]:
    due = _("due on %(day)s") % {"day": day(row.due_on, language)}
    return row.reference, due, amount(row.open_minor, row.currency, language)


def buttons() -> dict[str, str]:
    """What can be answered, in the order in which it is offered."""
    return {
        "promise": _("They will pay on …"),
        "dispute": _("There is a dispute"),
        "call": _("I will call them"),
        "hold": _("Please stop reminders until …"),
        "words": _("Something else"),
    }


def _plain(content: dict[str, Any]) -> str:
    parts = [content["greeting"], *content["paragraphs"], content["quote"]]
    parts.append("\n".join(f"{name} · {note} · {value}" for name, note, value in content["lines"]))
    parts.append("\n".join(f"{label}: {url}" for label, url in content["buttons"]))
    return "\n\n".join(str(part) for part in [*parts, content["footer"]] if part) + "\n"
