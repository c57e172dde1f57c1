"""Payment plans at the desk: the list, late first; one plan with both its sides; a look for a new one; the acts on it.

In: a colleague's scope and rights. Out: pages, or one call of the domain. Never: a customer's means shown to who may
not see them, or in an address.
"""

import secrets
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.db.models import Case, IntegerField, Min, Q, QuerySet, Sum, When
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable.core.errors import AmiableError
from amiable.core.models import User
from amiable.core.seal import UnableToUnseal
from amiable.ledger.keep import place_of
from amiable.ledger.models import Customer, Invoice
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.accelerate import accelerate
from amiable.payments.plans.agree import agree
from amiable.payments.plans.judge import fragile, standing
from amiable.payments.plans.limits import allows, limits_of
from amiable.payments.plans.offer import approve, free_for_plan, offer, withdraw
from amiable.payments.plans.state import capacity
from amiable.web.desk import scope
from amiable.web.desk.house import House
from amiable.web.desk.plan_forms import PlanForm
from amiable.web.ui import clock

SHOWN = 100
TONES = {
    PlanState.PROPOSED: "info", PlanState.OFFERED: "info", PlanState.AGREED: "good", PlanState.CURED: "good",
    PlanState.LATE: "bad", PlanState.DONE: "good", PlanState.BROKEN: "bad",
}  # fmt: skip
# What the list may show, and in which order its rows come: who waits for us, or is late, first.
SHOWS = {
    "": (gettext_lazy("All open"), PlanState.alive()),
    "late": (gettext_lazy("Late"), (PlanState.LATE,)),
    "approve": (gettext_lazy("To approve"), (PlanState.PROPOSED,)),
    "offered": (gettext_lazy("Offered"), (PlanState.OFFERED,)),
    "running": (gettext_lazy("Running"), PlanState.running()),
    "over": (gettext_lazy("Over"), tuple(state for state in PlanState if state not in PlanState.alive())),
}
ORDER = (PlanState.LATE, PlanState.PROPOSED, PlanState.OFFERED, PlanState.CURED, PlanState.AGREED)


def seen(user: User) -> QuerySet[Plan]:
    return Plan.objects.filter(scope.reach(user, path="customer__")).select_related("customer__creditor")


def level(user: User, customer: Customer) -> str:
    """How far this colleague may go by themselves."""
    return "manager" if scope.may(user, "approve_plan", customer) else "collector"


@require_GET
@scope.inside
def plans(request: scope.Asked) -> HttpResponse:
    show, house = _show(request), House.read(request.GET)
    found = list(listed(request)[: SHOWN + 1])
    content = {
        "rows": [(row, TONES.get(PlanState(row.state), ""), row.total_minor - row.paid_minor) for row in found[:SHOWN]],
        "further": len(found) > SHOWN,
        "show": show,
        "shows": [(key, label) for key, (label, _states) in SHOWS.items()],
        "today": clock.today(),
        "house": house,
        "chips": house.chips(request.user),
    }
    return render(request, "desk/plans.html", content)


def _show(request: scope.Asked) -> str:
    wanted = request.GET.get("show", "")
    return wanted if wanted in SHOWS else ""


def listed(request: scope.Asked) -> QuerySet[Plan, Any]:
    """Every row of the list that the address asks for, in its order."""
    place = Case(*(When(state=state, then=n) for n, state in enumerate(ORDER)), default=9, output_field=IntegerField())
    rows = House.read(request.GET).of(seen(request.user), creditor="customer__creditor", currency="currency")
    rows = rows.filter(state__in=SHOWS[_show(request)][1])
    told = rows.annotate(
        place=place,
        paid_minor=Sum("instalments__paid_minor"),
        next_on=Min("instalments__due_on", filter=Q(instalments__settled_on=None)),
    )
    return told.order_by("place", "late_since", "next_on", "-pk")


@require_GET
@scope.inside
def plan(request: scope.Asked, pk: int) -> HttpResponse:
    found: Plan = scope.row_or_404(
        Plan.objects.select_related("offered_by", "approved_by", "mandate"), request.user, pk
    )
    rights, today = scope.rights(request.user, found.customer), clock.today()
    running = found.state in PlanState.running()
    content: dict[str, Any] = {
        "plan": found,
        "tone": TONES.get(PlanState(found.state), ""),
        "parts": list(found.instalments.order_by("due_on", "id")),
        "standing": standing(found, as_of=today) if running else None,
        "invoices": Invoice.objects.filter(pk__in=found.invoices).order_by("due_on", "id"),
        "fragile": fragile(found.customer, as_of=today),
        "means": _means(found) if "see_means" in rights else [],
        "running": running,
        "may": _may(found, rights),
        "newer": found.replaced_by.order_by("-pk").first(),
        "today": today,
    }
    return render(request, "desk/plan.html", content)


def _may(found: Plan, rights: set[str]) -> set[str]:
    """The acts that a plan in this state knows, and this colleague may do."""
    if "plan" not in rights:
        return set()
    known = {
        PlanState.PROPOSED: {"approve", "withdraw"},
        PlanState.OFFERED: {"agree", "withdraw"},
        PlanState.AGREED: {"replace", "withdraw"},
        PlanState.CURED: {"replace", "withdraw"},
        PlanState.LATE: {"replace", "withdraw"} | ({"accelerate"} if found.terms.get("accelerates") else set()),
    }.get(PlanState(found.state), set())
    own = "manager" if "approve_plan" in rights else "collector"
    return known if allows(own, found.needs or "manager") else known - {"approve"}


def _means(found: Plan) -> list[tuple[Any, int | None]]:
    names = {
        "monthly_minor": _("Can pay a month"), "income_minor": _("Income a month"),
        "charges_minor": _("Fixed charges a month"), "cash_minor": _("Cash at hand"),
    }  # fmt: skip
    try:
        means = capacity(found)
    except UnableToUnseal as error:
        return [(str(error), None)]
    told = [(label, getattr(means, name)) for name, label in names.items() if getattr(means, name) is not None]
    share = limits_of(found.customer.creditor, found.currency).share_percent
    bearable = means.bearable(share)
    return told + ([(_("Can be borne a month"), bearable)] if bearable is not None else [])


@require_http_methods(["GET", "POST"])
@scope.inside
def new(request: scope.Asked, pk: int) -> HttpResponseBase:
    """A look for a plan: reason and means go in by POST only; the offers stand beside each other, and one is made."""
    customer = scope.customer_or_404(request.user, pk, act="plan")
    told = request.POST if request.method == "POST" else request.GET
    old = _replaced(customer, told.get("replaces", ""))
    currency = _currency(customer, told.get("currency", ""), old)
    rows = free_for_plan(customer=customer, currency=currency, as_of=clock.today(), replaces=old)
    form = PlanForm(
        request.POST if request.method == "POST" else None, customer=customer, today=clock.today(),
        invoices=list(rows.order_by("due_on", "pk")[:500]), initial={"token": secrets.token_urlsafe(12)},
    )  # fmt: skip
    offers = form.offers() if request.method == "POST" and form.is_valid() else []
    if "choose" in request.POST and offers:
        try:
            made = _make(request, customer, form, old)
        except AmiableError as error:
            form.add_error(None, str(error))
        else:
            said = _("The plan waits for approval.") if made.state == PlanState.PROPOSED else _("The plan is offered.")
            messages.success(request, said)
            return redirect("desk:plan", made.pk)
    own = level(request.user, customer)
    content = {
        "customer": customer,
        "form": form,
        "offers": [(n, each, allows(own, each.needs)) for n, each in enumerate(offers)],
        "asked": request.method == "POST" and form.is_valid(),
        "currency": currency,
        "currencies": _currencies(customer),
        "replaces": old,
        "fragile": fragile(customer, as_of=clock.today()),
        "bearable": form.capacity().bearable(form.limits.share_percent) if form.is_valid() else None,
    }
    return render(request, "desk/plan_new.html", content)


def _make(request: scope.Asked, customer: Customer, form: PlanForm, old: Plan | None) -> Plan:
    offers, place = form.offers(), request.POST["choose"]
    if not place.isdecimal() or int(place) >= len(offers):
        raise Http404
    said = form.cleaned_data
    return offer(
        customer=customer, currency=form.currency, invoices=[row.pk for row in form.chosen()],
        terms=replace(offers[int(place)].terms, guarantee=said["guarantee"].strip()),
        level=level(request.user, customer), origin="desk", reason=said["reason"], words=said["words"],
        capacity=form.capacity(), replaces=old, as_of=clock.today(), now=clock.now(), by=request.user,
    )  # fmt: skip


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """Approves, takes back, notes an acceptance by word of mouth, or gives notice."""
    found: Plan = scope.row_or_404(Plan.objects.all(), request.user, pk, act="plan")
    if name not in ACTS:
        raise Http404
    try:
        messages.success(request, str(ACTS[name](request, found)))
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:plan", pk)


def _approve(request: scope.Asked, found: Plan) -> str:
    own = level(request.user, found.customer)
    made = approve(plan=found, level=own, as_of=clock.today(), now=clock.now(), by=request.user)
    return (
        _("Approved: the plan runs.")
        if made.state in PlanState.running()
        else _("Approved: the customer can accept it.")
    )


def _withdraw(request: scope.Asked, found: Plan) -> str:
    why = request.POST.get("why", "").strip()
    withdraw(plan=found, why=why, as_of=clock.today(), now=clock.now(), by=request.user)
    return _("The plan has ended; its invoices go on in their scenario.")


def _agree(request: scope.Asked, found: Plan) -> str:
    name = request.POST.get("name", "")
    agree(plan=found, name=name, ip=None, origin="desk", as_of=clock.today(), now=clock.now(), by=request.user)
    return _("Noted: the plan runs, and the agreement is kept.")


def _accelerate(request: scope.Asked, found: Plan) -> str:
    accelerate(plan=found, as_of=clock.today(), now=clock.now(), by=request.user)
    return _("Notice is given: what is missing by then makes the whole rest due.")


ACTS = {"approve": _approve, "withdraw": _withdraw, "agree": _agree, "accelerate": _accelerate}


@require_GET
@scope.inside
def paper(request: scope.Asked, pk: int) -> HttpResponseBase:
    """The agreement as it was accepted."""
    found: Plan = scope.row_or_404(Plan.objects.all(), request.user, pk)
    path = place_of(found.agreement) if found.agreement else None
    if path is None or not path.is_file():
        raise Http404
    name = _("payment-agreement") + f"-{found.pk}.pdf"
    return FileResponse(path.open("rb"), filename=name, content_type="application/pdf", as_attachment=True)


def _replaced(customer: Customer, told: str) -> Plan | None:
    running = customer.plans.filter(state__in=PlanState.running())
    return running.filter(pk=int(told)).first() if told.isdecimal() and len(told) < 18 else None


def _currencies(customer: Customer) -> list[str]:
    rows = customer.invoices.filter(open_minor__gt=0).order_by("currency")
    return list(rows.values_list("currency", flat=True).distinct())


def _currency(customer: Customer, told: str, old: Plan | None) -> str:
    known = _currencies(customer)
    if old is not None:
        return old.currency
    own = customer.creditor.currency
    return told if told in known else own if own in known or not known else known[0]
