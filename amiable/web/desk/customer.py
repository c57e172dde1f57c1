"""One customer on one page: money, people, everything that happened, the next step and why."""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from amiable.casework.models import Case, Dispute, Task
from amiable.ledger import hold
from amiable.ledger.models import Contact, ContactPoint, Customer
from amiable.outreach.models import OptOut
from amiable.payments.models import PlanState
from amiable.portfolio.models import Membership
from amiable.scenario import leave
from amiable.scenario.models import Scenario
from amiable.web.desk import acts, exposure, labels, money_forms, scope, telling, timeline, wishes
from amiable.web.ui import clock

INVOICES = 100
MEMBERSHIPS = 8


@require_GET
@scope.inside
def customer(request: scope.Asked, pk: int) -> HttpResponse:
    found = scope.customer_or_404(
        request.user,
        pk,
        related=("creditor", "branch", "salesperson", "parent", "payer"),
        was_paid=Exists(money_forms.told_by_provider().filter(customer=OuterRef("pk"))),
    )
    if found.merged_into_id:
        return redirect("desk:customer", found.merged_into_id)
    today = clock.today()
    holds = list(hold.active(as_of=today).filter(customer=found).select_related("by").order_by("since", "pk"))
    lines = exposure.lines(
        invoices=found.invoices.filter(open_minor__gt=0).annotate(dispute=_dispute()).order_by("due_on", "pk"),
        holds=holds,
        today=today,
    )
    credits = list(found.credits.filter(open_minor__gt=0))
    shown = lines if request.GET.get("all") else lines[:INVOICES]
    rules = labels.segment_rules(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
    case, segment_names = _case(found), labels.names(rules)
    rights = scope.rights(request.user, found)
    profiles = list(found.profiles.annotate(stays=_stays()).order_by("-overdue_minor"))
    content: dict[str, Any] = {
        "customer": found,
        "exposures": exposure.exposures(lines=lines, credits=credits, holds=holds),
        "lines": shown,
        "left": len(lines) - len(shown),
        "credits": credits,
        "holds": [each for each in holds if each.invoice_id is None],
        "contacts": (people := _contacts(found)),
        "wishes": {contact.pk: wishes.told(contact) for contact in people},
        "case": case,
        "steps": {step["level"]: labels.step(step["key"]) for step in (case.steps or [] if case else [])},
        "tasks": list(_open_tasks(found)),
        "segments": [
            (
                profile,
                segment_names.get(profile.segment, profile.segment),
                rules.get(profile.segment, {}).get("when", ""),
            )
            for profile in profiles
        ],
        "memberships": _memberships(profiles, segment_names),
        "payment_method": labels.said(labels.METHODS, found.payment_method),
        "acts": acts.menu(rights, anything_open=bool(lines), customer=found, paid=vars(found)["was_paid"]),
        "rights": rights,
        "liftable": acts.LIFTABLE,
        "outside": leave.waiting_for(holds),
        "plans": list(found.plans.filter(state__in=PlanState.alive()).order_by("-pk")),
        "today": today,
    }
    return render(request, "desk/customer.html", content | _timeline(found, request, segment_names))


@require_GET
@scope.inside
def happened(request: scope.Asked, pk: int) -> HttpResponse:
    """More of the timeline, or another slice of it."""
    found = scope.customer_or_404(request.user, pk)
    names = labels.segment_labels(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
    return render(request, "desk/_timeline.html", {"customer": found} | _timeline(found, request, names))


def _timeline(found: Customer, request: HttpRequest, segment_names: dict[str, str]) -> dict[str, Any]:
    group, find, after = (request.GET.get(name, "") for name in ("show", "find", "after"))
    chosen = group if group in timeline.GROUPS else ""
    lines, more = timeline.happened(customer=found, group=chosen, find=find, after=timeline.read(after))
    return {
        "timeline": telling.tell(lines, segments=segment_names, month=request.GET.get("month", "")),
        "more": more,
        "goes_on": bool(after),
        "show": chosen,
        "find": find,
        "groups": telling.groups(),
    }


def _dispute() -> Subquery:
    """The open dispute on an invoice, of which there is one at most."""
    return Subquery(Dispute.objects.filter(invoice=OuterRef("pk"), resolved_at=None).values("pk")[:1])


def _stays() -> ArraySubquery:
    """The newest segments of a profile's customer in its currency, each with its days; in the query that reads it."""
    of = Membership.objects.filter(customer=OuterRef("customer"), currency=OuterRef("currency")).order_by("-since")
    told = JSONObject(segment="segment", currency="currency", since="since", until="until")
    return ArraySubquery(of.values(json=told)[:MEMBERSHIPS])


def _memberships(profiles: list[Any], names: dict[str, str]) -> list[tuple[dict[str, str], str]]:
    stays = sorted(
        (stay for profile in profiles for stay in profile.stays), key=lambda stay: stay["since"], reverse=True
    )
    return [(stay, names.get(stay["segment"], stay["segment"])) for stay in stays[:MEMBERSHIPS]]


def _contacts(found: Customer) -> list[Contact]:
    """Whom to reach and where; `closed`: its owner does not wish to be written to there."""
    closing = OptOut.objects.filter(
        Q(address="") | Q(address=OuterRef("value")), customer=found, medium=OuterRef("medium"), until=None
    )
    points = Prefetch("points", ContactPoint.objects.annotate(closed=Exists(closing)))
    return list(found.contacts.annotate(wished=wishes.newest()).order_by("role", "pk").prefetch_related(points))


def _open_tasks(found: Customer) -> Any:
    return Task.objects.filter(customer=found, done_at=None).order_by("due_on", "pk")[:20]


def _case(found: Customer) -> Any:
    """The open case, with the steps of the scenario version that it is pinned to."""
    steps = Scenario.objects.filter(pk=OuterRef("scenario_ref")).values("data__steps")[:1]
    name = Scenario.objects.filter(pk=OuterRef("scenario_ref")).values("data__label")[:1]
    cases = Case.objects.filter(customer=found, closed_on=None).select_related("responsible")
    return cases.annotate(steps=Subquery(steps), scenario_label=Subquery(name)).order_by("opened_on").first()
