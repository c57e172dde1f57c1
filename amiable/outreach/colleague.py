"""An e-mail to a colleague who is asked for a word about a customer: short, in their language, answered by clicking.

In: words that wait. Out: handed over once each, by the creditor's own channel. Never: anything while the creditor is in
dry run or stopped, an e-mail twice, a word of what the colleague may not see.
"""

import logging
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.casework import word as words
from amiable.casework.models import Word
from amiable.core.calendar import day_of
from amiable.core.errors import AmiableError, Refused, Unavailable
from amiable.ledger.models import Creditor, Customer, Invoice, Medium
from amiable.outreach import route
from amiable.outreach.channel import Channel, InDoubt, Parcel
from amiable.outreach.speak import amount, day

log = logging.getLogger(__name__)
SHOWN = 5  # invoices that the e-mail names
MOST = 500  # words a run and creditor


def send_words(
    *, now: datetime, creditor: Creditor | None = None, carriers: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Hands over what waits; returns how many were. What cannot leave now waits on, until it expires."""
    whose = Creditor.objects.filter(released_at__isnull=False, stopped_at=None)
    if creditor is not None:
        whose = whose.filter(pk=creditor.pk)
    waiting = Word.objects.filter(sent_at=None, answered_at=None, expires_at__gt=now, user__is_active=True)
    creditors = list(whose.filter(pk__in=waiting.values("creditor")).order_by("pk"))
    ways = route.routes(creditors) if carriers is None else route.given(carriers, creditors)
    sent = 0
    for each in creditors:
        try:
            with ways[each.pk, Medium.EMAIL].channel() as channel:
                rows = waiting.filter(creditor=each).select_related("customer", "creditor", "user", "by")
                sent += sum(_send(row, channel, now=now) for row in rows.order_by("pk")[:MOST])
        except AmiableError as error:
            log.warning("%s: words wait. %s", each, error)
    return {"words": sent}


def _send(word: Word, channel: Channel, *, now: datetime) -> bool:
    """Written down and committed before it is handed over: at most once."""
    if not Word.objects.filter(pk=word.pk, sent_at=None).update(sent_at=now):
        return False
    try:
        channel.send(parcel(word, now=now))
    except Unavailable:
        Word.objects.filter(pk=word.pk).update(sent_at=None)  # nothing was taken: tried again
        raise
    except (Refused, InDoubt) as error:
        Word.objects.filter(pk=word.pk).update(trouble=str(error)[:300])
        return False
    return True


def parcel(word: Word, *, now: datetime) -> Parcel:
    """The e-mail as it leaves, in the colleague's language."""
    language = word.user.language[:2]
    with translation.override(language):
        content = _content(word, language, now=now)
        html = render_to_string("outreach/colleague.html", content)
    return Parcel(
        key=f"word:{word.pk}", recipient=word.user.email, recipient_name=str(word.user), sender_name=word.creditor.name,
        reply_to=(word.by.email if word.by else "") or word.creditor.email, language=language, subject=content["subject"],
        text=_plain(content), html=html, unsubscribe_url="", at=now, country=word.creditor.country,
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
