"""What has just happened to a row, in words: a calm notice for whoever looks at its customer, a mark for its row in a list.

In: what the stream named. Out: sentences in the reader's language. Never: what the reader has done themselves, told as news.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from amiable.casework.models import Dispute, Note, Task
from amiable.core.models import User
from amiable.ledger.models import Credit, CreditKind, Medium
from amiable.outreach.models import EventKind, Message, Reply
from amiable.payments.models import Attempt, AttemptState, Plan, Promise, PromiseState
from amiable.web.desk import scope
from amiable.web.templatetags.amiable_ui import day, money

Words = dict[str, str]  # tone, icon, text, and what opens more: url, label; or the mark of a row: row, mark


def told(request: scope.Asked, what: str, pk: int) -> dict[str, str]:
    """`notice` (HTML, may be empty), `row` (the address by which lists name the row) and `mark` (what became of it)."""
    if what not in TELLERS:
        raise Http404
    rows, teller = TELLERS[what]
    found = scope.row_or_404(rows.objects.all(), request.user, pk)
    words = teller(found, request.user)
    notice = render_to_string("desk/_live_notice.html", words, request=request) if words.get("text") else ""
    return {"notice": notice, "row": words.get("row", ""), "mark": words.get("mark", "")}


def _credit(row: Credit, user: User) -> Words:
    amount = {"amount": money(row.amount_minor, row.currency)}
    if row.kind == CreditKind.PAYMENT:
        if row.confirmed_by_id:
            return {}  # the same money, told by another
        return {"tone": "good", "icon": "cash", "text": _("Payment of %(amount)s just received") % amount}
    return {"tone": "info", "icon": "receipt", "text": _("%(amount)s just credited") % amount}


def _reply(row: Reply, user: User) -> Words:
    if row.confirmed_at or row.automatic:
        return {}
    said = " ".join((row.words or row.text).split())
    words = said if len(said) <= 120 else f"{said[:119]}…"
    return {
        "tone": "info", "icon": "message", "text": _("The customer has just answered: “%(words)s”") % {"words": words},
        "url": reverse("desk:answer", args=[row.pk]), "label": _("Read it"),
    }  # fmt: skip


def _opened(row: Message, user: User) -> Words:
    kinds = set(row.events.values_list("kind", flat=True)) & {EventKind.OPENED, EventKind.CLICKED}
    if not kinds:
        return {}
    about = {"subject": row.subject or Medium(row.medium).label}
    clicked = EventKind.CLICKED in kinds
    text = (
        _("The customer has just followed the link in “%(subject)s”")
        if clicked
        else _("The customer has just opened “%(subject)s”")
    )
    return {
        "tone": "info", "icon": "eye", "text": text % about, "url": reverse("desk:message", args=[row.pk]), "label": _("Look"),
    }  # fmt: skip


def _note(row: Note, user: User) -> Words:
    if row.by_id in {None, user.pk}:
        return {}
    return {"tone": "info", "icon": "notes", "text": _("%(name)s has just written a note") % {"name": row.by}}


def _promise(row: Promise, user: User) -> Words:
    if row.state != PromiseState.OPEN or row.taken_by_id == user.pk:
        return {}
    told = {"amount": money(row.amount_minor, row.currency), "day": day(row.promised_for)}
    return {"tone": "info", "icon": "calendar", "text": _("%(amount)s has just been promised for %(day)s") % told}


def _plan(row: Plan, user: User) -> Words:
    if user.pk in {row.offered_by_id, row.approved_by_id}:
        return {}
    told = {"amount": money(row.total_minor, row.currency), "state": row.get_state_display()}
    return {
        "tone": "info", "icon": "calendar", "text": _("Payment plan of %(amount)s: %(state)s") % told,
        "url": reverse("desk:plan", args=[row.pk]), "label": _("Look"),
    }  # fmt: skip


def _dispute(row: Dispute, user: User) -> Words:
    if user.pk in {row.opened_by_id, row.resolved_by_id}:
        return {}
    told = {"invoice": row.invoice.reference}
    if row.resolved_at:
        return {"tone": "good", "icon": "check", "text": _("The dispute about %(invoice)s has just ended") % told}
    return {"tone": "warn", "icon": "alert-triangle", "text": _("%(invoice)s has just been disputed") % told}


def _attempt(row: Attempt, user: User) -> Words:
    told = {"amount": money(row.amount_minor, row.currency)}
    if row.state == AttemptState.FAILED:
        return {
            "tone": "warn",
            "icon": "alert-triangle",
            "text": _("A payment of %(amount)s did not go through") % told,
        }
    if row.state in {AttemptState.OPENED, AttemptState.STARTED}:
        return {"tone": "info", "icon": "credit-card", "text": _("A payment of %(amount)s is under way") % told}
    return {}  # the money tells for itself


def _task(row: Task, user: User) -> Words:
    place = {"row": reverse("desk:task", args=[row.pk])}
    if row.done_at:
        mark = (
            ""
            if row.done_by_id == user.pk
            else _("Done by %(name)s") % {"name": row.done_by}
            if row.done_by
            else _("Done")
        )
    else:
        mark = _("With %(name)s") % {"name": row.assignee} if row.assignee and row.assignee_id != user.pk else ""
    return {**place, "mark": mark}


TELLERS: Mapping[str, tuple[Any, Callable[[Any, User], Words]]] = {
    "credit": (Credit, _credit),
    "reply": (Reply, _reply),
    "opened": (Message, _opened),
    "note": (Note, _note),
    "promise": (Promise, _promise),
    "plan": (Plan, _plan),
    "dispute": (Dispute, _dispute),
    "attempt": (Attempt, _attempt),
    "task": (Task, _task),
}
