"""Pay on a date or in parts: chosen, looked at with every date and amount, accepted by a POST; then the plan as it runs.

In: a visit through the gate. Out: a page, or one domain call and a page. Never: a plan made by a GET, a figure of
somebody's means in an address, dates accepted that were not shown.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from amiable.core import money
from amiable.core.errors import AmiableError
from amiable.ledger.keep import place_of
from amiable.ledger.models import CustomerKind, Invoice
from amiable.payments import acquire
from amiable.payments.attempt import local_day
from amiable.payments.authorise import usable
from amiable.payments.models import Mandate, Plan, PlanReason, PlanState
from amiable.payments.plans.judge import fragile
from amiable.payments.plans.limits import LEVELS, Limits, allows, limits_of
from amiable.payments.plans.offer import free_for_plan
from amiable.payments.plans.propose import Asked, Capacity, Offer, offer_of, pay_day, propose
from amiable.scenario import respond
from amiable.web.portal import gate, surveys
from amiable.web.portal.amounts import read_amount
from amiable.web.portal.gate import Visit, known
from amiable.web.security import opened

COUNTS = (1, 2, 3, 4, 6, 8, 10, 12, 18, 24)  # numbers of payments that are offered to choose from
MEANS = ("monthly", "income", "charges", "cash")


@dataclass(frozen=True)
class Wish:
    """What the customer has chosen so far, as the form tells it."""

    rows: list[Invoice]
    asked: Asked
    count: int
    words: str
    typed: dict[str, str]

    @property
    def about(self) -> str:
        return ",".join(str(row.pk) for row in self.rows)


def plan(request: HttpRequest, token: str) -> HttpResponseBase:
    view = _chosen if request.method == "POST" else _choose
    return view(request, token)


@require_POST
@known
def _chosen(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """From what is ticked on the first page to the page of ways to pay it later."""
    about = {"about": ",".join(request.POST.getlist("invoice")), "currency": request.POST.get("currency", "")}
    return redirect(reverse("portal:plan", args=[visit.token]) + "?" + urlencode(about))


@require_safe
@known
def _choose(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """In how many parts, from which day on; why and what one can bear only where one likes to say it."""
    wish = _wish(visit, request.GET)
    if wish is None:
        return _nothing(request, visit)
    if not wish.asked.as_of <= wish.asked.start <= _last_first(wish.asked.as_of, wish.asked.limits):
        wish = replace(wish, asked=replace(wish.asked, first_on=None))
    ways = _ways(wish)
    if not ways:
        messages.error(request, _("There is no way within our limits. Please talk to us: we look for one together."))
        return redirect("portal:home", token=visit.token)
    page = _page(visit, wish) | {
        "ways": ways,
        "chosen": wish.count if wish.count in [each.terms.count for each, _alone in ways] else ways[0][0].terms.count,
        "reasons": [choice for choice in PlanReason.choices if choice[0] != PlanReason.UNWILLING],
    }
    return render(request, "portal/plan.html", page)


@require_POST
@known
def look(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Every date and amount, before anything is agreed; nothing is kept of it."""
    try:
        wish = _wish(visit, request.POST)
        offer = offer_of(wish.asked, count=wish.count) if wish else None
    except money.UnreadableAmount:
        messages.error(request, _("Please write the amount in figures, for example 120.50."))
        return _again(request, visit)
    if wish is None:
        return _nothing(request, visit)
    if offer is None:
        messages.error(request, _("These dates are not within our limits. Please choose others."))
        return _again(request, visit)
    page = _page(visit, wish) | {
        "offer": offer,
        "alone": allows(LEVELS[0], offer.needs),
        "lighter": _lighter(wish) if offer.fits is False else None,
        "first_name": visit.customer.name if visit.customer.kind == CustomerKind.CONSUMER else "",
    }
    return render(request, "portal/plan_look.html", page)


@require_POST
@known
def accept(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """What was shown is agreed, or waits for a colleague where it goes beyond what one may agree to alone."""
    try:
        wish = _wish(visit, request.POST)
        offer = offer_of(wish.asked, count=wish.count) if wish else None
        if wish is None:
            return _nothing(request, visit)
        if offer is None or str(offer.terms.total_minor) != request.POST.get("total"):
            raise respond.UnableToRespond(_("The amounts have changed meanwhile. Please look at them again."))
        said = respond.BuildsPlan(
            currency=wish.asked.currency,
            invoices=[row.pk for row in wish.rows],
            terms=offer.terms,
            name=request.POST.get("name", ""),
            ip=gate.address_of(request),
            reason=wish.asked.reason,
            words=wish.words,
            capacity=wish.asked.capacity,
            mandate=_mandate(request),
        )
        respond.customer_said(customer=visit.customer, saying=said, now=visit.now, origin="portal")
    except (AmiableError, money.UnreadableAmount) as error:
        messages.error(request, str(error))
        return _again(request, visit)
    made = visit.customer.plans.latest("pk")
    return redirect("portal:plan_one", token=visit.token, pk=made.pk)


@require_safe
@known
def one(request: HttpRequest, visit: Visit, pk: int) -> HttpResponseBase:
    """A plan as it stands: offered, running, or over."""
    found = _plan(visit, pk)
    parts = list(found.instalments.order_by("due_on", "id"))
    left = sum(part.amount_minor - part.paid_minor for part in parts)
    first = next((part for part in parts if part.paid_minor < part.amount_minor), None)
    today = local_day(visit.creditor, visit.now)
    now_minor = _owed_now(parts, today) or (first.amount_minor - first.paid_minor if first else 0)
    acquirer = acquire.ready(visit.creditor)
    page = {
        "visit": visit,
        "plan": found,
        "survey": surveys.offered(visit, f"plan:{found.pk}" if _fresh(found, visit) else ""),
        "parts": parts,
        "left_minor": left,
        "paid_count": sum(part.paid_minor == part.amount_minor for part in parts),
        "next": first,
        "next_minor": now_minor,
        "next_text": str(money.major(now_minor, found.currency)),
        "today": today,
        "running": found.state in PlanState.running(),
        "invoices": Invoice.objects.filter(pk__in=found.invoices, open_minor__gt=0).order_by("due_on", "id"),
        "limits": limits_of(visit.creditor, found.currency),
        "person": visit.customer.kind == CustomerKind.CONSUMER,
        "mandates": _saved(visit),
        "can_pay": acquirer is not None,
        "first_name": visit.customer.name if visit.customer.kind == CustomerKind.CONSUMER else "",
    }
    response = render(request, "portal/plan_one.html", page)
    response.headers["Content-Security-Policy"] = opened({"form-action": acquirer.origins() if acquirer else ()})
    return response


def _fresh(plan: Plan, visit: Visit) -> bool:
    """Whether it was agreed just now: the page that thanks for it."""
    agreed = plan.agreed_at if plan.state in PlanState.running() else None
    return agreed is not None and visit.now - agreed < timedelta(hours=1)


@require_POST
@known
def accept_one(request: HttpRequest, visit: Visit, pk: int) -> HttpResponseBase:
    """An offer of a colleague is accepted."""
    found = _plan(visit, pk)
    said = respond.AcceptsPlan(
        plan=found.pk,
        name=request.POST.get("name", ""),
        ip=gate.address_of(request),
        mandate=_mandate(request),
    )
    try:
        respond.customer_said(customer=visit.customer, saying=said, now=visit.now, origin="portal")
    except AmiableError as error:
        messages.error(request, str(error))
    return redirect("portal:plan_one", token=visit.token, pk=found.pk)


@require_safe
@known
def agreement(request: HttpRequest, visit: Visit, pk: int) -> HttpResponseBase:
    """The paper, as it was accepted."""
    found = _plan(visit, pk)
    path = place_of(found.agreement) if found.agreement else None
    if path is None or not path.is_file():
        raise Http404
    name = _("payment-agreement") + f"-{found.pk}.pdf"
    return FileResponse(path.open("rb"), filename=name, content_type="application/pdf", as_attachment=True)


@require_POST
@known
def talk(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Somebody rings."""
    said = respond.WantsPerson(words=request.POST.get("words", "")[:500])
    respond.customer_said(customer=visit.customer, saying=said, now=visit.now, origin="portal")
    messages.success(request, _("Thank you. Somebody will call you, and we send no reminder meanwhile."))
    return redirect("portal:home", token=visit.token)


def current(visit: Visit, currency: str) -> Plan | None:
    """The plan that the first page tells of: one that waits for the customer's word, else the newest that runs."""
    alive = visit.customer.plans.filter(currency=currency, state__in=PlanState.alive()).order_by("-pk")
    return min(alive, key=lambda plan: plan.state != PlanState.OFFERED, default=None)


def _nothing(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    messages.error(request, _("None of these invoices can be paid later: tick one that is open and free."))
    return redirect("portal:home", token=visit.token)


def _again(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Back to the choice, with what was chosen; nothing private goes into the address."""
    kept = {name: request.POST.get(name, "") for name in ("about", "currency", "count", "first_on")}
    return redirect(reverse("portal:plan", args=[visit.token]) + "?" + urlencode(kept))


def _wish(visit: Visit, told: QueryDict) -> Wish | None:
    """What the form or the address says, checked; None where nothing of it can be planned."""
    about = [int(text) for text in told.get("about", "").split(",") if text.isdecimal() and len(text) < 18]
    as_of = local_day(visit.creditor, visit.now)
    currency = told.get("currency", "")
    rows = free_for_plan(customer=visit.customer, currency=currency, as_of=as_of).filter(pk__in=about)
    found = list(rows.order_by("due_on", "id"))
    total = sum(row.open_minor for row in found)
    limits = limits_of(visit.creditor, currency or visit.creditor.currency)
    if not total or not limits.portal:
        return None
    person = visit.customer.kind == CustomerKind.CONSUMER
    typed = {name: told.get(name, "").strip()[:20] for name in MEANS}
    reason = told.get("reason", "")
    asked = Asked(
        total_minor=total, currency=currency, as_of=as_of, limits=limits, person=person, capacity=_capacity(typed, currency),
        reason=reason if reason in PlanReason.values and reason != PlanReason.UNWILLING else "",
        fragile=fragile(visit.customer, as_of=as_of),
        first_on=_day(told.get("first_on", "")) or pay_day(as_of, person=person, limits=limits),
    )  # fmt: skip
    count = told.get("instead") or told.get("count", "")
    return Wish(
        rows=found,
        asked=asked,
        count=int(count) if count.isdecimal() and len(count) < 4 else 0,
        words=told.get("words", "")[:2_000],
        typed=typed,
    )


def _ways(wish: Wish) -> list[tuple[Offer, bool]]:
    """The ways to choose from, each with whether it counts at once; the lightest first for somebody fragile."""
    found = propose(replace(wish.asked, reason=""), counts=COUNTS)
    return [(each, allows(LEVELS[0], each.needs)) for each in found]


def _lighter(wish: Wish) -> Offer | None:
    """The way out in parts that the customer can bear."""
    return next(
        (each for each in propose(wish.asked, counts=range(2, wish.asked.limits.most_parts + 1)) if each.fits), None
    )


def _page(visit: Visit, wish: Wish) -> dict[str, Any]:
    asked, limits = wish.asked, wish.asked.limits
    return {
        "visit": visit,
        "wish": wish,
        "currency": asked.currency,
        "total_minor": asked.total_minor,
        "fragile": asked.fragile,
        "person": asked.person,
        "first_on": asked.start,
        "last_first": _last_first(asked.as_of, limits),
        "limits": limits,
        "mandates": _saved(visit),
    }


def _saved(visit: Visit) -> list[Mandate]:
    """The ways to pay that the customer has saved."""
    return list(usable(customer=visit.customer, as_of=local_day(visit.creditor, visit.now)))


def _last_first(as_of: date, limits: Limits) -> date:
    return date.fromordinal(as_of.toordinal() + limits.first_days)


def _capacity(typed: dict[str, str], currency: str) -> Capacity:
    """Raises UnreadableAmount."""
    known = {f"{name}_minor": max(0, read_amount(text, currency)) for name, text in typed.items() if text}
    return Capacity(**known)


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _owed_now(parts: list[Any], today: date) -> int:
    return sum(part.amount_minor - part.paid_minor for part in parts if part.due_on <= today)


def _mandate(request: HttpRequest) -> int | None:
    text = request.POST.get("mandate", "")
    return int(text) if text.isdecimal() and len(text) < 18 else None


def _plan(visit: Visit, pk: int) -> Plan:
    return get_object_or_404(Plan, pk=pk, customer=visit.customer)
