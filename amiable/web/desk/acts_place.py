"""What a colleague hands over to an outside agency, and takes back; and the list of what lies where.

In: a customer with open cases. Out: a call of casework/place.py; a page for those who see a whole house. Never: a customer
out of reach, or what lies with one agency shown to another.
"""

from datetime import date
from typing import Any

from django import forms
from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.casework import place
from amiable.casework.models import Placement
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Customer, Entry, EntryKind
from amiable.portfolio.models import Profile
from amiable.web import seen
from amiable.web.desk import scope
from amiable.web.desk.deed import About, Act, Done, Group, Undoing
from amiable.web.desk.forms import Act as Form
from amiable.web.ui import clock

SHOWN = 200
SHOWS = {"": gettext_lazy("With an agency now"), "back": gettext_lazy("Taken back")}


def agencies_of(customer: Customer) -> list[str]:
    """The names by which agencies of this creditor are known: those of their people, and those of earlier placements."""
    people = Scope.objects.filter(creditor_ref=customer.creditor_id, role=Role.AGENCY).exclude(agency="")
    placed = Placement.objects.filter(case__creditor=customer.creditor_id)
    return sorted({*people.values_list("agency", flat=True), *placed.values_list("agency", flat=True)})


class PlaceForm(Form):
    agency = forms.CharField(
        label=gettext_lazy("Agency"), max_length=120,
        widget=forms.TextInput(attrs={"list": "agencies", "autocomplete": "off", "autofocus": True}),
        help_text=gettext_lazy("As its people are named under Colleagues: they see the case while it lies with them."),
    )  # fmt: skip

    def prepare(self) -> None:
        self.agencies = agencies_of(self.customer)


class RecallForm(Form):
    outcome = forms.ChoiceField(label=gettext_lazy("What came of it"), choices=place.Outcome.choices)


def _place(act: Done) -> None:
    placed = place.place(customer=act.customer, agency=act.said["agency"], as_of=act.as_of, now=act.now, by=act.by)
    act.made.extend(placed)
    act.back["agency"] = act.said["agency"]


def _place_undone(undoing: Undoing) -> None:
    place.recall(
        customer=undoing.customer, outcome=place.Outcome.WITHDRAWN, as_of=undoing.as_of, now=undoing.now, by=undoing.by
    )


def _recall(act: Done) -> None:
    rows = place.recall(customer=act.customer, outcome=act.said["outcome"], as_of=act.as_of, now=act.now, by=act.by)
    act.made.extend(rows)


def _here(about: About) -> bool:
    return about.case and not about.placed


def _away(about: About) -> bool:
    return about.placed


ACTS: dict[str, Act] = {
    "agency": Act(
        gettext_lazy("Hand over to an agency"),
        gettext_lazy("Hand it over"),
        gettext_lazy("The case lies with the agency."),
        "place",
        PlaceForm,
        _place,
        "door-exit",
        explains=gettext_lazy(
            "Nothing of ours is sent while the case is away. Customers are told beforehand: look whether they were."
        ),
        group=Group.REST,
        needs=_here,
        undo=_place_undone,
    ),
    "recall": Act(
        gettext_lazy("Take back from the agency"),
        gettext_lazy("Take it back"),
        gettext_lazy("The case is ours again, from today."),
        "place",
        RecallForm,
        _recall,
        "arrow-back-up",
        explains=gettext_lazy("The agency sees the case no longer; our steps go on where they stood."),
        group=Group.REST,
        needs=_away,
    ),
}


@require_GET
@scope.inside
def placements(request: scope.Asked) -> HttpResponse:
    """What lies, or lay, with which agency: since when, what is overdue, and what came meanwhile."""
    if not scope.of_house(request.user):
        raise Http404
    show = "back" if request.GET.get("show") == "back" else ""
    agency = request.GET.get("agency", "").strip()[:120]
    mine = _told(request.user).filter(recalled_at__isnull=not show)
    rows = mine.filter(agency=agency) if agency else mine
    found = list(rows.order_by("-recalled_at" if show else "placed_at", "pk")[: SHOWN + 1])
    for row in found:
        seen.customer(row.case.customer)
    agencies = sorted(set(mine.order_by().values_list("agency", flat=True).distinct()[:SHOWN]))
    content: dict[str, Any] = {
        "rows": [(row, scope.may(request.user, "place", row.case.customer)) for row in found[:SHOWN]],
        "further": len(found) > SHOWN, "agencies": agencies, "agency": agency, "show": show, "shows": SHOWS.items(),
        "outcomes": dict(place.Outcome.choices), "today": clock.today(),
    }  # fmt: skip
    return render(request, "desk/placements.html", content)


def _told(user: User) -> QuerySet[Placement]:
    """The placements of customers whom this user sees, with what is overdue now and what came while they were away."""
    overdue = Profile.objects.filter(customer=OuterRef("case__customer"), currency=OuterRef("case__currency"))
    came = Entry.objects.filter(
        effective_on__lt=Coalesce(OuterRef("back_on"), Value(date.max)),
        invoice__customer=OuterRef("case__customer"), invoice__currency=OuterRef("case__currency"),
        kind__in=[EntryKind.ALLOCATION, EntryKind.REVERSAL], effective_on__gte=OuterRef("away_on"), credit__kind="payment",
    )  # fmt: skip
    total = came.order_by().values("invoice__currency").annotate(minor=Sum("amount_minor")).values("minor")
    rows = Placement.objects.filter(scope.reach(user, path="case__customer__", creditor="case__creditor_id"))
    return (
        rows.select_related("case__customer__creditor", "placed_by")
        .annotate(away_on=TruncDate("placed_at"), back_on=TruncDate("recalled_at"))
        .annotate(
            overdue_minor=Subquery(overdue.values("overdue_minor")[:1]),
            brought_minor=-Coalesce(Subquery(total, output_field=BigIntegerField()), 0),
        )
    )
