"""What a colleague hands over to an outside agency, and takes back; and the list of what lies where.

In: a customer with open cases. Out: a call of casework/place.py; a page and a file, for the house and for each agency. Never: a
customer out of reach, or what lies with one agency shown to another.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.casework import lying, place
from amiable.casework.models import Placement
from amiable.core import audit, sheets
from amiable.core.models import Role, Scope
from amiable.core.sheets import Amount, Cell, Sheet
from amiable.ledger.models import ContactPoint, Customer
from amiable.web import seen
from amiable.web.desk import agency, scope
from amiable.web.desk.deed import About, Act, Done, Group, Undoing
from amiable.web.desk.forms import Act as Form
from amiable.web.templatetags.amiable_ui import language
from amiable.web.ui import clock

SHOWN = 200
IN_FILE = 20_000  # placements
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
def placements(request: scope.Asked) -> HttpResponseBase:
    """What lies, or lay, with which agency: since when, until when, what of it is overdue, and what came meanwhile. An agency
    sees its own."""
    show = "back" if request.GET.get("show") == "back" else ""
    name = request.GET.get("agency", "").strip()[:120]
    mine = agency.placements(request.user).filter(recalled_at__isnull=not show)
    rows = (mine.filter(agency=name) if name else mine).select_related("case__customer__creditor", "placed_by")
    ordered = rows.order_by("-recalled_at" if show else "placed_at", "pk")
    if request.GET.get("format") == "csv":
        if not ordered[IN_FILE : IN_FILE + 1].exists():
            return _file(request, list(ordered))
        words = _("A file holds %(most)s placements, and there are more: choose an agency first.")
        messages.warning(request, words % {"most": IN_FILE})
    found = list(ordered[: SHOWN + 1])
    for row in found:
        seen.customer(row.case.customer)
    owed: Counter[int] = Counter()
    came: Counter[int] = Counter()
    for item in lying.items(placements=[row.pk for row in found], as_of=clock.today()):
        owed[item.placement] += item.open_minor
        came[item.placement] += item.came_minor
    content: dict[str, Any] = {
        "rows": [
            (row, owed[row.pk], came[row.pk], scope.may(request.user, "place", row.case.customer)) for row in found[:SHOWN]
        ],
        "further": len(found) > SHOWN, "agencies": sorted(mine.order_by().values_list("agency", flat=True).distinct()[:SHOWN]),
        "agency": name, "show": show, "shows": SHOWS.items(), "outcomes": dict(place.Outcome.choices),
        "house": scope.of_house(request.user),
    }  # fmt: skip
    return render(request, "desk/placements.html", content)


HEADS = (
    gettext_lazy("Agency"), gettext_lazy("Handed over on"), gettext_lazy("Comes back on"), gettext_lazy("Taken back on"),
    gettext_lazy("What came of it"), gettext_lazy("Creditor"), gettext_lazy("Customer number"), gettext_lazy("Customer"),
    gettext_lazy("Street"), gettext_lazy("Postcode"), gettext_lazy("City"), gettext_lazy("Country"), gettext_lazy("E-mail"),
    gettext_lazy("Telephone"), gettext_lazy("Invoice"), gettext_lazy("Issued on"), gettext_lazy("Due on"),
    gettext_lazy("Currency"), gettext_lazy("Amount"), gettext_lazy("Open amount"), gettext_lazy("Came meanwhile"),
)  # fmt: skip


def _file(request: scope.Asked, rows: list[Placement]) -> HttpResponseBase:
    """The invoices of these placements as an agency needs them: whose, where they live, what is owed, what came."""
    points: dict[tuple[int, str], str] = {}
    known = ContactPoint.objects.filter(
        contact__customer__in={row.case.customer_id for row in rows},
        failed_at=None,
        medium__in=("email", "sms", "call"),
    ).order_by("pk")
    for customer, medium, value in known.values_list("contact__customer", "medium", "value"):
        points.setdefault((customer, "email" if medium == "email" else "phone"), value)
    by_pk = {row.pk: row for row in rows}
    outcomes = {key: str(label) for key, label in place.Outcome.choices}

    def cells() -> Iterator[Sequence[Cell]]:
        for item in lying.items(placements=by_pk, as_of=clock.today()):
            row = by_pk[item.placement]
            who = row.case.customer
            yield [
                row.agency, timezone.localdate(row.placed_at), row.until,
                timezone.localdate(row.recalled_at) if row.recalled_at else None, outcomes.get(row.outcome, row.outcome) or None,
                who.creditor.name, who.number, who.name, who.street, who.postcode, who.city, who.country or who.creditor.country,
                points.get((who.pk, "email")), points.get((who.pk, "phone")), item.reference, item.issued_on, item.due_on,
                item.currency, *(Amount(minor, item.currency) for minor in (item.amount_minor, item.open_minor, item.came_minor)),
            ]  # fmt: skip

    sheet = Sheet(title=str(_("With agencies")), heads=[str(head) for head in HEADS], rows=cells(), sum_name=_("Total"))
    content = b"".join(sheets.csv_lines(sheet, language=language()))
    told = Counter(row.case.creditor_id for row in rows)
    asked = {name: value for name, value in request.GET.items() if value}
    audit.record_all(
        audit.line(
            "placements.exported", now=clock.now(), user=request.user, creditor_ref=creditor, subject="placements", asked=asked,
            rows=number,
        )
        for creditor, number in told.items()
    )  # fmt: skip
    name = f"amiable-agencies-{clock.today().isoformat()}.csv"
    return HttpResponse(
        content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
