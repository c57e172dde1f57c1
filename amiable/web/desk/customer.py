"""One customer on one page: money, people, everything that happened, the next step and why."""

import secrets
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, Func, JSONField, OuterRef, Prefetch, Q, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from amiable.casework.models import Case, Dispute, Task
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import Contact, ContactPoint, Customer, Document, HoldKind, Sale
from amiable.outreach.models import OptOut
from amiable.payments import acquire
from amiable.payments.models import Match, MatchState, PlanState
from amiable.payments.providers.twilio_pay import TwilioPay
from amiable.portfolio.models import Membership
from amiable.scenario import leave
from amiable.scenario.models import Scenario
from amiable.web.desk import acts, agency, exposure, labels, money_forms, scope, telling, timeline, wishes
from amiable.web.desk.deed import About
from amiable.web.ui import clock

INVOICES = 100
MEMBERSHIPS = 8


@require_GET
@scope.inside
def customer(request: scope.Asked, pk: int) -> HttpResponse:
    today = clock.today()
    found = scope.customer_or_404(
        request.user,
        pk,
        outside=True,
        related=("creditor", "branch", "salesperson"),
        was_paid=Exists(money_forms.told_by_provider().filter(customer=OuterRef("pk"))),
        has_copies=Exists(Document.objects.filter(invoice__customer=OuterRef("pk"))),
        has_keypad=Exists(acquire.rows(TwilioPay.key).filter(creditor_ref=OuterRef("creditor_id"))),
        some_sold=Exists(_running_sales()),
        all_sold=Exists(_running_sales().filter(invoice=None)),
        suspense=_suspense(),
    )
    if found.merged_into_id:
        return redirect("desk:customer", found.merged_into_id)
    if not scope.from_inside(request.user, found):
        return _for_agency(request, found, today)
    rules = labels.segment_rules(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
    names = labels.names(rules)
    content = _money(request.user, found, today, everything="all" in request.GET) | _people(found) | _work(found)
    rights = scope.rights(request.user, found)
    told = vars(found)
    about = About(
        found, anything_open=content["anything_open"], paid=told["was_paid"], keypad=told["has_keypad"],
        copies=told["has_copies"], case=bool(content["case"]), placed=content["placed"],
        sold=told["some_sold"], sold_whole=told["all_sold"],
    )  # fmt: skip
    profiles = list(found.profiles.annotate(stays=_stays()).order_by("-overdue_minor"))
    offered = acts.menu(rights, about)
    content |= {
        "customer": found,
        "today": today,
        "profiles": profiles,
        "segments": [(each, names.get(each.segment, each.segment)) for each in profiles if each.segment],
        "memberships": _memberships(profiles, names),
        "payment_method": labels.said(labels.METHODS, found.payment_method),
        "token": secrets.token_urlsafe(12),
        "acts": [(name, each) for name, each in offered if each.near],
        "more_acts": acts.grouped(offered),
        "rights": rights,
        "liftable": acts.LIFTABLE,
    }
    return render(request, "desk/customer.html", content | _timeline(found, request, names))


def _for_agency(request: scope.Asked, found: Customer, today: date) -> HttpResponse:
    """The same customer to an agency: what lies with it, and whom to reach."""
    holds = list(hold.active(as_of=today).filter(customer=found, kind__in=agency.TOLD).order_by("since", "pk"))
    bills = scope.invoices_for(request.user, found.invoices.filter(open_minor__gt=0)).annotate(copy=_copy())
    lines = exposure.lines(invoices=bills.order_by("due_on", "pk"), holds=holds, today=today)
    rights = scope.rights(request.user, found)
    content: dict[str, Any] = {
        "customer": found,
        "exposures": exposure.exposures(lines=lines, credits=(), holds=holds),
        "lines": lines,
        "holds": [each for each in holds if each.invoice_id is None],
        "placements": agency.placements(request.user).filter(case__customer=found, recalled_at=None).order_by("pk"),
        "rights": rights,
        "acts": acts.menu(rights, About(found, anything_open=bool(lines))),
    }
    return render(request, "desk/placed.html", content | _people(found) | _timeline(found, request, {}))


def _money(user: User, found: Customer, today: date, *, everything: bool) -> dict[str, Any]:
    """What is open, by currency and by invoice, and what stands against it."""
    holds = list(hold.active(as_of=today).filter(customer=found).select_related("by").order_by("since", "pk"))
    open_now = scope.invoices_for(user, found.invoices.filter(open_minor__gt=0))
    invoices = open_now.annotate(dispute=_dispute(), sold=_sold(today), copy=_copy())
    lines = exposure.lines(invoices=invoices.order_by("due_on", "pk"), holds=holds, today=today)
    credits = list(found.credits.filter(open_minor__gt=0))
    suspense: Counter[str] = Counter()
    for currency, minor in vars(found)["suspense"]:
        suspense[currency] += int(minor)
    shown = lines if everything else lines[:INVOICES]
    return {
        "exposures": exposure.exposures(lines=lines, credits=credits, holds=holds, suspense=suspense),
        "lines": shown,
        "left": len(lines) - len(shown),
        "anything_open": bool(lines),
        "credits": credits,
        "placed": any(each.kind == HoldKind.PLACED for each in holds),
        "holds": [each for each in holds if each.invoice_id is None],
        "outside": leave.waiting_for(holds) if any(each.kind == HoldKind.OUT for each in holds) else {},
    }


def _people(found: Customer) -> dict[str, Any]:
    people = _contacts(found)
    return {"contacts": people, "wishes": {contact.pk: wishes.told(contact) for contact in people}}


def _work(found: Customer) -> dict[str, Any]:
    """What is under way: the case with the steps of its scenario, tasks, plans."""
    case = _case(found)
    return {
        "case": case,
        "steps": {step["level"]: labels.step(step["key"]) for step in (case.steps or [] if case else [])},
        "tasks": list(_open_tasks(found)),
        "plans": list(found.plans.filter(state__in=PlanState.alive()).order_by("-pk")),
    }


@require_GET
@scope.inside
def happened(request: scope.Asked, pk: int) -> HttpResponse:
    """More of the timeline, or another slice of it."""
    found = scope.customer_or_404(request.user, pk, outside=True)
    names = labels.segment_labels(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
    return render(request, "desk/_timeline.html", {"customer": found} | _timeline(found, request, names))


def _timeline(found: Customer, request: scope.Asked, segment_names: dict[str, str]) -> dict[str, Any]:
    group, find, after = (request.GET.get(name, "") for name in ("show", "find", "after"))
    chosen = group if group in timeline.GROUPS else ""
    only = agency.lines(request.user, found)
    lines, more = timeline.happened(customer=found, group=chosen, find=find, after=timeline.read(after), only=only)
    told = telling.tell(lines, segments=segment_names, month=request.GET.get("month", ""))
    return {
        "timeline": told if only is None else [replace(line, url="", page="") for line in told],
        "more": more,
        "goes_on": bool(after),
        "show": chosen,
        "find": find,
        "groups": telling.groups() if only is None else telling.groups(timeline.groups_of(only)),
    }


def _suspense() -> ArraySubquery:
    """Money that is nobody's yet, and for which this customer is the best proposal: [currency, minor units]."""
    rows = Match.objects.filter(
        customer=OuterRef("pk"), state=MatchState.PROPOSED, rank=0, credit__customer=None, credit__open_minor__gt=0
    )
    return ArraySubquery(
        rows.values(
            pair=Func("credit__currency", "credit__open_minor", function="jsonb_build_array", output_field=JSONField())
        )
    )


def _running_sales() -> Any:
    """What of a customer is sold to the factor, or will be."""
    return Sale.objects.filter(customer=OuterRef("pk"), until=None)


def _sold(today: date) -> Exists:
    """Whether an invoice, or all of its customer's, is in the factor's hands."""
    rows = Sale.objects.filter(Q(invoice=OuterRef("pk")) | Q(invoice=None), customer=OuterRef("customer"))
    return Exists(rows.filter(Q(until=None) | Q(until__gt=today), since__lte=today))


def _copy() -> Subquery:
    """The newest copy that is kept of an invoice."""
    return Subquery(Document.objects.filter(invoice=OuterRef("pk")).order_by("-id").values("pk")[:1])


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
