"""What customers answered: read, and confirmed with one key, the most urgent first; and whose it is, where nobody knows.

Every answer shown is of a customer whom the user may see, or nobody's yet at a creditor whom they see the whole of.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable.core.errors import AmiableError
from amiable.ledger.keep import place_of
from amiable.ledger.models import ContactPoint, Customer
from amiable.outreach.attribute import written_under
from amiable.outreach.models import Reply
from amiable.scenario.confirm import Meaning, confirm_reply
from amiable.scenario.respond import reply_claimed
from amiable.web import seen
from amiable.web.desk import forms, labels, scope, search
from amiable.web.desk.answer_forms import answer_form
from amiable.web.ui import clock

ROWS = 50
OFFERED = 6  # customers from whom to choose
SHOWN = {
    "unread": gettext_lazy("To read"),
    "automatic": gettext_lazy("Automatic"),
    "read": gettext_lazy("Already read"),
}
# The keys of the intents, in the order of a desk's day; Enter confirms the one that is proposed.
KEYS = {
    "promise": "1", "already_paid": "2", "dispute": "3", "copy": "4", "plan": "5", "hardship": "6", "how_to_pay": "7",
    "wrong_person": "8", "complaint": "9", "insolvency": "i", "opt_out": "s", "out_of_office": "a", "other": "o",
}  # fmt: skip
URGENT = ("insolvency", "complaint", "hardship", "dispute", "wrong_person", "opt_out")
FOUND = {
    "thread": gettext_lazy("known by the message answered"),
    "link": gettext_lazy("known by the link that is quoted"),
    "invoice": gettext_lazy("known by an invoice number"),
    "address": gettext_lazy("known by the address"),
    "person": gettext_lazy("given by a colleague"),
}
FOLLOWS: dict[str, Promise] = {
    "promise": gettext_lazy("The promise is kept in mind; its invoices rest until then."),
    "already_paid": gettext_lazy("Reminders rest for a week, and the payment is looked for."),
    "dispute": gettext_lazy("A dispute is opened: these invoices are no longer chased, the others are."),
    "copy": gettext_lazy("The copies that are kept leave with the next sending; for others there is a task."),
    "plan": gettext_lazy("Reminders rest for two weeks, and a colleague offers a plan."),
    "hardship": gettext_lazy("Reminders rest for two weeks, and a colleague looks for a way."),
    "how_to_pay": gettext_lazy("A colleague gets the task to answer."),
    "wrong_person": gettext_lazy("This address is not used again, and the right contact is looked for."),
    "complaint": gettext_lazy("Reminders rest for two weeks, and a colleague answers."),
    "insolvency": gettext_lazy("Everything rests until somebody lifts it; the claim is to be declared."),
    "opt_out": gettext_lazy("Nothing more is sent to this address."),
    "out_of_office": gettext_lazy("Nothing else follows."),
    "other": gettext_lazy("It is out of the way; nothing else follows."),
}


@dataclass(frozen=True)
class Choice:
    """An intent as a button with its key."""

    intent: str
    label: str
    key: str
    chosen: bool
    likely: float | None = None


def answers(user: Any) -> QuerySet[Reply]:
    """The answers that this user may read."""
    reached = Q(customer__isnull=False) & scope.reach(user, path="customer__")
    nobodys = Q() if user.is_superuser else Q(creditor__in=scope.whole_creditors(user).values("pk"))
    return Reply.objects.filter(reached | (Q(customer=None) & nobodys))


def unread(user: Any) -> int:
    return answers(user).filter(confirmed_at=None, automatic=False).count()


@require_GET
@scope.inside
def inbox(request: scope.Asked) -> HttpResponse:
    """The list, with its first answer open."""
    return _show(request, _listed(request).first())


@require_http_methods(["GET", "POST"])
@scope.inside
def answer(request: scope.Asked, pk: int) -> HttpResponse:
    """One answer; posted: what it is."""
    found = get_object_or_404(answers(request.user).select_related("customer__creditor", "creditor", "message"), pk=pk)
    if found.customer is not None:
        seen.customer(found.customer)
    if request.method == "GET":
        return _show(request, found)
    if not _may(request, found):
        raise Http404
    intent = request.POST.get("intent", "")
    form = answer_form(found, intent, request.POST)
    if form is not None and not form.is_valid():
        return _show(request, found, intent=intent, form=form)
    try:
        confirm_reply(reply=found, meaning=_meaning(found, intent, form), now=clock.now(), by=request.user)
    except AmiableError as error:
        messages.warning(request, str(error))
        return redirect("desk:answer", found.pk)
    messages.success(
        request, f"{found.customer or found.sender}: {labels.said(labels.INTENTS, intent)}. {FOLLOWS[intent]}"
    )
    return redirect("desk:inbox")


@require_POST
@scope.inside
def claim(request: scope.Asked, pk: int) -> HttpResponse:
    """A colleague says whose answer it is."""
    found = get_object_or_404(answers(request.user).filter(customer=None), pk=pk)
    chosen = request.POST.get("customer", "")
    customer = scope.customer_or_404(request.user, int(chosen) if chosen.isdecimal() else 0, act="talk")
    try:
        reply_claimed(reply=found, customer=customer, now=clock.now(), by=request.user)
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:answer", pk)


@require_GET
@scope.inside
def file(request: scope.Asked, pk: int, place: int) -> HttpResponseBase:
    """What came along, to be saved: it is never opened here."""
    found = get_object_or_404(answers(request.user), pk=pk)
    row = found.files[place] if place < len(found.files) else {}
    path = place_of(row["sha256"]) if row.get("sha256") else None
    if path is None or not path.is_file():
        raise Http404
    if found.customer is not None:
        seen.customer(found.customer)
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=row["name"] or "file", content_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"},
    )  # fmt: skip


def _may(request: scope.Asked, found: Reply) -> bool:
    """Whether this user may say what the answer is; nobody's, at a creditor whom they talk for as a whole."""
    if found.customer is not None:
        return scope.may(request.user, "talk", found.customer)
    whole = scope.whole_creditors(request.user, act="talk")
    return request.user.is_superuser or whole.filter(pk=found.creditor_id or 0).exists()


def _listed(request: scope.Asked) -> QuerySet[Reply]:
    rows = answers(request.user).select_related("customer__creditor", "creditor", "message")
    which = _which(request)
    if which == "unread":
        rank = Case(
            *(When(intent=intent, confidence__gte=0.5, then=Value(0)) for intent in URGENT),
            default=Value(1),
            output_field=IntegerField(),
        )
        return rows.filter(confirmed_at=None, automatic=False).annotate(rank=rank).order_by("rank", "-at", "-pk")
    if which == "automatic":
        return rows.filter(automatic=True).order_by("-at", "-pk")
    return rows.filter(confirmed_at__isnull=False).order_by(F("confirmed_at").desc(), "-pk")


def _which(request: scope.Asked) -> str:
    asked = request.GET.get("show", "")
    return asked if asked in SHOWN else "unread"


def _show(
    request: scope.Asked, found: Reply | None, *, intent: str = "", form: forms.Act | None = None
) -> HttpResponse:
    rows = list(_listed(request)[: ROWS + 1])
    content: dict[str, Any] = {
        "rows": rows[:ROWS], "further": len(rows) > ROWS, "reply": found, "which": _which(request), "today": clock.today(),
        "kinds": [(key, str(label)) for key, label in SHOWN.items()], "unread": unread(request.user),
        "intents": {key: labels.said(labels.INTENTS, key) for key in KEYS}, "mailbox": _mailbox(request),
    }  # fmt: skip
    if found is not None:
        content |= _opened(request, found, rows, intent=intent, form=form)
    return render(request, "desk/inbox.html", content)


def _opened(
    request: scope.Asked, found: Reply, rows: list[Reply], *, intent: str, form: forms.Act | None
) -> dict[str, Any]:
    """One answer, what it probably is, and what may be said of it."""
    asked = intent or request.GET.get("intent", "")
    chosen = asked if asked in KEYS else found.confirmed_intent or found.intent or "other"
    if found.customer is None:
        chosen = "other"
    guessed = {found.intent: found.confidence or 0, **dict(found.understood.get("also", ()))}
    likely = {key: min(value, 0.99) for key, value in guessed.items()}  # nobody can be surer
    order = [row.pk for row in rows]
    here = order.index(found.pk) if found.pk in order else -1
    at_hand = found.confirmed_at is None
    return {
        "chosen": chosen,
        "follows": FOLLOWS[chosen],
        "choices": [
            Choice(key, labels.said(labels.INTENTS, key), KEYS[key], key == chosen, likely.get(key))
            for key in KEYS
        ],
        "form": form or (answer_form(found, chosen, None) if at_hand and found.customer else None),
        "found_by": FOUND.get(found.understood.get("by", "")),
        "may": _may(request, found),
        "before": order[here - 1] if here > 0 else None,
        "after": order[here + 1] if 0 <= here < len(order) - 1 else None,
        "q": request.GET.get("who", ""),
        "candidates": _candidates(request, found) if found.customer is None and at_hand else [],
    }  # fmt: skip


def _candidates(request: scope.Asked, found: Reply) -> list[Customer]:
    """Who may have written it: whoever is searched for, else those who share the address."""
    seen = scope.customers_for(request.user).filter(merged_into=None)
    if found.creditor_id:
        seen = seen.filter(creditor=found.creditor_id)
    words = request.GET.get("who", "").strip()
    if words:
        return list(seen.filter(pk__in=search.find(request.user, words).values("pk")).order_by("name")[:OFFERED])
    points = ContactPoint.objects.filter(medium__in=written_under(found.medium), value__iexact=found.sender).values(
        "contact__customer"
    )
    return list(seen.filter(pk__in=points).order_by("name")[:OFFERED])


def _meaning(found: Reply, intent: str, form: forms.Act | None) -> Meaning:
    said = form.cleaned_data if form is not None else {}
    return Meaning(
        intent=intent,
        day=said.get("promised_for") or said.get("paid_on"),
        amount_minor=said.get("amount_minor"),
        currency=said.get("currency") or found.understood.get("currency", "EUR"),
        invoices=[int(pk) for pk in said.get("invoices", ())],
        reason=said.get("reason", ""),
    )


def _mailbox(request: scope.Asked) -> str:
    """Where mailboxes are set up, for those who may."""
    return reverse("desk:mailboxes") if scope.sees_whole(request.user, act="administer") else ""
