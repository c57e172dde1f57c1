"""Two records of one customer, side by side, made one by a colleague who says so.

In: a customer, and who else it may be. Out: one customer. Never: a record out of reach or of another creditor; and as there is
no way back, never without a look at both and a word that it is meant.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from amiable.casework.models import Dispute, Note
from amiable.ledger.models import Customer, Invoice
from amiable.ledger.post import UnableToPost
from amiable.outreach.models import Message
from amiable.payments.models import Plan, PlanState
from amiable.scenario.unite import unite
from amiable.web import seen
from amiable.web.desk import scope, search
from amiable.web.templatetags.amiable_ui import money
from amiable.web.ui import clock

# What is counted of either record: how it is called, and which rows.
COUNTED: list[tuple[Any, QuerySet[Any]]] = [
    (gettext_lazy("Open invoices"), Invoice.objects.filter(open_minor__gt=0)),
    (gettext_lazy("Payment plans under way"), Plan.objects.filter(state__in=PlanState.alive())),
    (gettext_lazy("Open disputes"), Dispute.objects.filter(resolved_at=None)),
    (gettext_lazy("Messages sent"), Message.objects.filter(sent_at__isnull=False)),
    (gettext_lazy("Notes"), Note.objects.all()),
]


@dataclass(frozen=True)
class Row:
    """One line of the comparison: what it is about, and what either record says."""

    label: str
    sides: tuple[list[str], list[str]]
    counted: bool  # where the same number says nothing

    @property
    def agree(self) -> bool:
        left, right = ({word.casefold() for word in side} for side in self.sides)
        return bool(left) and left == right and not self.counted


class SameForm(forms.Form):
    """Which record stays, and that it is meant."""

    stays = forms.ChoiceField(
        label=gettext_lazy("This record stays"), widget=forms.RadioSelect(attrs={"class": "form-check-input"})
    )
    meant = forms.BooleanField(
        label=gettext_lazy("I have compared both. This cannot be undone."),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
        error_messages={"required": gettext_lazy("Please say that you have compared both.")},
    )

    def __init__(self, *args: Any, found: Customer, other: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["stays"] = str(found.pk)
        told = [(str(each.pk), f"{each.name} · {each.number}") for each in (found, other)]
        self.fields["stays"].choices = told  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
@scope.inside
def same(request: scope.Asked, pk: int) -> HttpResponse:
    """The search, the two side by side, and the act."""
    found = scope.customer_or_404(request.user, pk)
    if not scope.may(request.user, "merge", found):
        raise Http404
    if found.merged_into_id:
        return redirect("desk:customer", found.merged_into_id)
    words = request.GET.get("q", "").strip()
    other = _other(request, found)
    content: dict[str, Any] = {"customer": found, "q": words, "other": other}
    if other is None:
        return render(request, "desk/same.html", content | {"hits": _hits(request, found, words) if words else []})
    if other.merged_into_id == found.pk:  # a second click
        return redirect("desk:customer", found.pk)
    seen.customer(other)
    form = SameForm(request.POST if request.method == "POST" else None, found=found, other=other)
    if request.method == "POST" and form.is_valid():
        stays, goes = (found, other) if form.cleaned_data["stays"] == str(found.pk) else (other, found)
        try:
            unite(keep=stays, absorb=goes, now=clock.now(), by=request.user)
            messages.success(
                request, _("%(name)s is one customer now, with everything of both.") % {"name": stays.name}
            )
            return redirect("desk:customer", stays.pk)
        except UnableToPost as error:
            form.add_error(None, str(error))
    return render(request, "desk/same.html", content | {"form": form, "rows": compared(found, other)})


def _other(request: scope.Asked, found: Customer) -> Customer | None:
    """Who else it is; None before somebody is chosen. Who may not be chosen does not exist."""
    asked = (request.POST if request.method == "POST" else request.GET).get("with", "")
    if not asked and request.method == "GET":
        return None
    near = scope.customers_for(request.user).filter(creditor=found.creditor_id).exclude(pk=found.pk)
    other = near.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else None
    if other is None or not scope.may(request.user, "merge", other) or other.merged_into_id not in (None, found.pk):
        raise Http404
    return other


def _hits(request: scope.Asked, found: Customer, words: str) -> list[search.Hit]:
    """Whom the words may mean among the records of this creditor."""
    hits = search.look(request.user, words, most=search.MOST)
    near = [hit for hit in hits if hit.customer.creditor_id == found.creditor_id and hit.customer.pk != found.pk]
    return near[: search.SHOWN]


def compared(left: Customer, right: Customer) -> list[Row]:
    """What both records are and have, line by line."""
    counts = {f"number_{place}": _number(rows) for place, (_label, rows) in enumerate(COUNTED)}
    both: QuerySet[Customer] = Customer.objects.filter(pk__in=[left.pk, right.pk]).annotate(**counts)
    rows = both.prefetch_related("contacts__points", "profiles").in_bulk()
    here, there = (_told(rows[each.pk]) for each in (left, right))
    numbers = {str(label) for label, _rows in COUNTED} | {_("Overdue"), _("Open amount")}
    return [Row(label, (here[label], there[label]), label in numbers) for label in here]


def _number(rows: QuerySet[Any]) -> Subquery:
    theirs = rows.filter(customer=OuterRef("pk")).order_by().values("customer")
    return Subquery(theirs.annotate(number=Count("pk")).values("number"))


def _told(row: Customer) -> dict[str, list[str]]:
    points = [point for contact in row.contacts.all() for point in contact.points.all()]
    known = vars(row)
    lines: dict[str, list[str]] = {
        _("Customer number"): [row.number],
        _("Name"): [row.name],
        _("SIREN"): [row.siren],
        _("Address"): [row.street, f"{row.postcode} {row.city}".strip(), row.country if row.city else ""],
        _("E-mail addresses"): sorted(point.value for point in points if point.medium == "email"),
        _("Phone numbers"): sorted({point.value for point in points if point.medium in ("call", "sms")}),
        _("Overdue"): [money(each.overdue_minor, each.currency) for each in row.profiles.all() if each.overdue_minor],
        _("Open amount"): [money(each.open_minor, each.currency) for each in row.profiles.all() if each.open_minor],
    }
    lines |= {str(label): [str(known[f"number_{place}"] or "")] for place, (label, _rows) in enumerate(COUNTED)}
    return {label: [word for word in words if word] for label, words in lines.items()}
