"""Disputes at the desk: the list, late ones first, with their ages by cause; one dispute with everything about it.

In: a colleague's scope and rights. Out: pages, or one call of the domain. Never: a dispute of a customer out of reach.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import BigIntegerField, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from amiable import day
from amiable.casework import dispute as verbs
from amiable.casework.dispute_course import step_label
from amiable.casework.models import Dispute, DisputeReason
from amiable.core import money
from amiable.core.calendar import start_of_day
from amiable.core.errors import AmiableError
from amiable.core.models import User
from amiable.ledger.models import Medium
from amiable.outreach.models import Message, Reply, Tone
from amiable.outreach.order import Order, order
from amiable.web.desk import scope
from amiable.web.desk.forms import plain
from amiable.web.desk.house import House
from amiable.web.ui import clock

SHOWN = 100
SHOWS = {
    "": gettext_lazy("All open ones"),
    "late": gettext_lazy("Late answers"),
    "mine": gettext_lazy("Mine to answer"),
    "credit": gettext_lazy("Credit note expected"),
    "ended": gettext_lazy("Closed disputes"),
}
# How old a dispute is, in days, and the heading of its column.
BANDS = {
    "week": (0, 7, gettext_lazy("up to a week")),
    "month": (8, 30, gettext_lazy("up to 30 days")),
    "quarter": (31, 90, gettext_lazy("up to 90 days")),
    "older": (91, 100_000, gettext_lazy("older")),
}
CONTESTED = Coalesce(F("disputed_minor"), F("invoice__open_minor"), output_field=BigIntegerField())


def seen(user: User) -> QuerySet[Dispute]:
    return Dispute.objects.filter(scope.reach(user, path="customer__"))


@require_GET
@scope.inside
def disputes(request: scope.Asked) -> HttpResponse:
    today = clock.today()
    (show, reason), house = _asked(request), House.read(request.GET)
    found = list(listed(request)[: SHOWN + 1])
    content: dict[str, Any] = {
        "rows": found[:SHOWN], "further": len(found) > SHOWN, "show": show, "reason": reason, "today": today,
        "shows": list(SHOWS.items()), "reasons": DisputeReason.choices, "ages": _ages(_of(seen(request.user), house), today),
        "house": house, "chips": house.chips(request.user),
        "bands": [label for _least, _most, label in BANDS.values()],
        "declares": scope.administers(request.user),
    }  # fmt: skip
    return render(request, "desk/disputes.html", content)


def _asked(request: scope.Asked) -> tuple[str, str]:
    """Which disputes, and of which cause; what is unknown is left out."""
    show, reason = request.GET.get("show", ""), request.GET.get("reason", "")
    return show if show in SHOWS else "", reason if reason in DisputeReason.values else ""


def listed(request: scope.Asked) -> QuerySet[Dispute]:
    """Every row of the list that the address asks for, in its order."""
    show, reason = _asked(request)
    rows = _narrowed(_of(seen(request.user), House.read(request.GET)), show, request.user, clock.today())
    rows = rows.filter(reason=reason) if reason else rows
    rows = rows.select_related("customer", "invoice", "owner", "resolved_by").annotate(contested=CONTESTED)
    order_by = ("-resolved_at", "-pk") if show == "ended" else (F("due_on").asc(nulls_last=True), "-contested", "pk")
    return rows.order_by(*order_by)


def _of(rows: QuerySet[Dispute], house: House) -> QuerySet[Dispute]:
    return house.of(rows, creditor="customer__creditor", currency="invoice__currency")


def _narrowed(rows: QuerySet[Dispute], show: str, user: User, today: date) -> QuerySet[Dispute]:
    if show == "ended":
        return rows.exclude(resolved_at=None)
    rows = rows.filter(resolved_at=None)
    if show == "late":
        return rows.filter(due_on__lt=today)
    if show == "mine":
        return rows.filter(owner__in=scope.stands_for(user))
    return rows.filter(expected_minor__isnull=False) if show == "credit" else rows


def _ages(found: QuerySet[Dispute], today: date) -> list[dict[str, Any]]:
    """How many are open of each cause, by age, and what is contested; per currency, the most first."""
    bands = {
        name: Count("pk", filter=Q(opened_at__gte=start_of_day(today - timedelta(days=most)))
                    & Q(opened_at__lt=start_of_day(today - timedelta(days=least - 1))))
        for name, (least, most, _label) in BANDS.items()
    }  # fmt: skip
    rows = found.filter(resolved_at=None).order_by().values("reason", "invoice__currency")
    counted: Any = rows.annotate(
        n=Count("pk"), minor=Sum(CONTESTED), late=Count("pk", filter=Q(due_on__lt=today)), **bands
    ).order_by("-minor")
    return [
        {**row, "label": DisputeReason(row["reason"]).label, "counts": [row[name] for name in BANDS]} for row in counted
    ]


@require_GET
@scope.inside
def dispute(request: scope.Asked, pk: int) -> HttpResponse:
    found: Dispute = scope.row_or_404(
        Dispute.objects.select_related("invoice", "owner", "opened_by", "resolved_by", "credit"), request.user, pk
    )
    may = scope.may(request.user, "talk", found.customer)
    content: dict[str, Any] = {
        "dispute": found, "customer": found.customer, "invoice": found.invoice, "today": clock.today(),
        "contested": found.disputed_minor or found.invoice.open_minor,
        "rest": max(found.invoice.open_minor - found.disputed_minor, 0) if found.disputed_minor else 0,
        "steps": [(n, step_label(step), step) for n, step in enumerate(found.steps)],
        "done": sum("done_at" in step for step in found.steps),
        "said": _said(found), "may": may and found.resolved_at is None,
        "colleagues": scope.colleagues(found.customer) if may and found.resolved_at is None else [],
        "expected": plain(found.expected_minor or found.disputed_minor or found.invoice.open_minor, found.invoice.currency),
        "token": secrets.token_urlsafe(12),
    }  # fmt: skip
    return render(request, "desk/dispute.html", content)


def _said(found: Dispute) -> list[dict[str, Any]]:
    """What was written to the customer about the invoice since, and what they answered meanwhile, in their order."""
    until = {} if found.resolved_at is None else {"at__lte": found.resolved_at + timedelta(days=30)}
    sent = Message.objects.filter(customer=found.customer_id, created_at__gte=found.opened_at).filter(
        Q(about__contains=[found.invoice_id]) | Q(context__dispute=found.pk)
    )
    heard = Reply.objects.filter(customer=found.customer_id, at__gte=found.opened_at, automatic=False, **until)
    lines = [
        {"at": each.sent_at or each.created_at, "message": each} for each in sent.defer("html").order_by("-pk")[:30]
    ]
    lines += [{"at": each.at, "reply": each} for each in heard.order_by("-at")[:30]]
    return sorted(lines, key=lambda line: line["at"])


class Tick(forms.Form):
    step = forms.IntegerField(min_value=0, max_value=100)
    done = forms.BooleanField(required=False)


class Owner(forms.Form):
    owner = forms.IntegerField()


class Deadline(forms.Form):
    due_on = forms.DateField()


class Expected(forms.Form):
    amount = forms.CharField(required=False, max_length=30)


class Write(forms.Form):
    words = forms.CharField(max_length=3_000)
    token = forms.RegexField(r"^[\w-]{8,40}$")


def _tick(found: Dispute, said: Mapping[str, Any], by: User) -> str:
    verbs.tick(dispute=found, step=said["step"], done=said["done"], now=clock.now(), by=by)
    return _("The step is done.") if said["done"] else _("The step is open again.")


def _owner(found: Dispute, said: Mapping[str, Any], by: User) -> str:
    owner = scope.colleagues(found.customer).filter(pk=said["owner"]).first()
    if owner is None:
        raise Http404
    verbs.give_to(dispute=found, owner=owner, now=clock.now(), by=by)
    return _("%(name)s answers this dispute from now on.") % {"name": owner}


def _deadline(found: Dispute, said: Mapping[str, Any], by: User) -> str:
    verbs.put_off(dispute=found, due_on=said["due_on"], as_of=clock.today(), now=clock.now(), by=by)
    return _("The deadline is kept.")


def _credit(found: Dispute, said: Mapping[str, Any], by: User) -> str:
    text = said["amount"].strip()
    decimal = "," if text.rfind(",") > text.rfind(".") else "."
    try:
        amount = money.minor(text, currency=found.invoice.currency, decimal=decimal) if text else None
    except money.UnreadableAmount as error:
        raise verbs.UnableToDispute(_("This is not an amount. Write for example 1 234.56.")) from error
    verbs.expect_credit(dispute=found, amount_minor=amount, now=clock.now(), by=by)
    return (
        _("Noted: the dispute ends when the credit note comes.")
        if amount
        else _("No credit note is expected any more.")
    )


def _write(found: Dispute, said: Mapping[str, Any], by: User) -> str:
    wish = Order(
        key=f"dispute:{found.pk}:{said['token']}", creditor_id=found.customer.creditor_id, customer_id=found.customer_id,
        currency=found.invoice.currency, purpose="dispute_message", medium=Medium.EMAIL, tone=Tone.NEUTRAL,
        as_of=clock.today(), about=[found.invoice_id], capped=False,
        context={"dispute": found.pk, "message": said["words"], "by": str(by)},
    )  # fmt: skip
    order([wish], now=clock.now())
    day.send_soon()
    return _("The message leaves with the next sending.")


ACTS: dict[str, tuple[type[forms.Form], Callable[[Dispute, Mapping[str, Any], User], str]]] = {
    "tick": (Tick, _tick),
    "owner": (Owner, _owner),
    "deadline": (Deadline, _deadline),
    "credit": (Expected, _credit),
    "write": (Write, _write),
}


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """One act about a dispute; the same twice changes nothing more."""
    if name not in ACTS:
        raise Http404
    found: Dispute = scope.row_or_404(Dispute.objects.select_related("invoice"), request.user, pk, act="talk")
    form, do = ACTS[name][0](request.POST), ACTS[name][1]
    if not form.is_valid():
        messages.warning(request, _("Something is missing: please fill it in again."))
        return redirect("desk:dispute", pk)
    try:
        messages.success(request, do(found, form.cleaned_data, request.user))
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:dispute", pk)
