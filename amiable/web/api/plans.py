"""Payment plans: what may be offered, one that is offered, and what a person does with it."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.ledger.models import Customer
from amiable.payments.models import Instalment, Plan, PlanReason, PlanState
from amiable.payments.plans.accelerate import accelerate
from amiable.payments.plans.agree import agree
from amiable.payments.plans.limits import allows
from amiable.payments.plans.offer import approve, free_for_plan, offer, withdraw
from amiable.web.api import deeds, room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Currency, Day, Id, Minor, Ref, Refs, Said, Words
from amiable.web.api.told import told
from amiable.web.desk.plan_forms import PlanForm
from amiable.web.desk.plan_pages import level
from amiable.web.ui import clock

router = Router(tags=["plans"])

PartOut = told(Instalment, "due_on", "amount_minor", "paid_minor", "settled_on", name="Instalment")
PlanOut = told(
    Plan, "customer", "currency", "total_minor", "discount_minor", "reason", "invoices", "needs", "state", "origin", "offered_at",
    "offered_by", "approved_at", "approved_by", "answer_by", "accepted_at", "agreed_at", name="Plan", instalments=list[PartOut],  # type: ignore[valid-type]
    doc="An agreed schedule; it re-times invoices and adds nothing to what is owed. The customer's means are never told here.",
)  # fmt: skip


class Plans(FilterSchema):
    customer: Id | None = None
    creditor: Annotated[Id | None, FilterLookup("customer__creditor")] = None
    state: PlanState | None = None


class Looks(Said):
    """What a plan is for, and what the customer can bear, as far as they told it."""

    customer: Ref
    invoices: Refs = Field(min_length=1)
    currency: Currency
    first_on: Day
    every: Literal["month", "fortnight", "week"] = "month"
    count: Annotated[int, Field(ge=1, le=120, strict=True)] | None = Field(
        None, description="Payments; empty: what fits."
    )
    reason: PlanReason | None = None
    monthly_minor: Minor | None = None
    income_minor: Minor | None = None
    charges_minor: Minor | None = None
    cash_minor: Minor | None = None
    discount_percent: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    words: Words = ""


class Offers(Looks):
    place: Annotated[int, Field(ge=0, le=50, strict=True)] = Field(
        0, description="Which of the offers: 0 is the first."
    )
    guarantee: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", strict=True)] = ""
    replaces: Ref | None = Field(None, description="A plan that runs and is replaced by this one.")


class OfferedPart(Schema):
    due_on: date
    amount_minor: int


class Offer(Schema):
    """One way to pay; `needs` is who may agree to it, `allowed` whether the asker is one of them."""

    parts: list[OfferedPart]
    needs: str
    allowed: bool


class Withdraws(Said):
    why: Words = ""


class Agrees(Said):
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$", strict=True)] = Field(
        description="Who said yes, by word of mouth."
    )


def _rows(user: Any) -> Any:
    return room.mine(user, Plan.objects.select_related("customer__creditor").prefetch_related("instalments"))


room.shelf(router, "/plans", name="plan", many="plans", schema=PlanOut, filters=Plans, rows=_rows)


@room.post(
    router, "/plan-offers", right="plan", response=list[Offer], name="look_for_plans", summary="See what may be offered"
)
def look(request: HttpRequest, said: Looks) -> Any:
    """What fits the reason and the means, best first; nothing is kept."""
    about = room.customer(request, said.customer, right="plan")
    own = level(room.asking(request).user, about)
    return [
        {"parts": _told(each), "needs": each.needs, "allowed": allows(own, each.needs)}
        for each in _form(about, said, None).offers()
    ]


@room.post(router, "/plans", right="plan", response={201: PlanOut}, name="offer_plan", summary="Offer a plan")
def make(request: HttpRequest, said: Offers) -> Any:
    """Offered to the customer, or proposed to a manager where it needs one."""
    user = room.asking(request).user
    about = room.customer(request, said.customer, right="plan")
    old = room.row(about.plans.filter(state__in=PlanState.running()), said.replaces) if said.replaces else None
    form = _form(about, said, old)
    offers = form.offers()
    if said.place >= len(offers):
        raise Problem(
            422, _("There are not so many offers."), errors=[{"field": "body.place", "message": _("Look again.")}]
        )
    told = form.cleaned_data
    made = offer(
        customer=about, currency=form.currency, invoices=[row.pk for row in form.chosen()],
        terms=replace(offers[said.place].terms, guarantee=said.guarantee.strip()), level=level(user, about), origin="desk",
        reason=told["reason"], words=told["words"], capacity=form.capacity(), replaces=old, as_of=clock.today(), now=clock.now(),
        by=user,
    )  # fmt: skip
    return _rows(user).get(pk=made.pk)


def _form(about: Customer, said: Looks, old: Plan | None) -> PlanForm:
    rows = free_for_plan(customer=about, currency=said.currency, as_of=clock.today(), replaces=old)
    words = said.dict(
        exclude={"customer", "currency", "place", "guarantee", "replaces"} | {f"{name}_minor" for name in MEANS}
    )
    words |= {name: deeds.typed(getattr(said, f"{name}_minor"), said.currency) for name in MEANS}
    form: PlanForm = deeds.filled(
        PlanForm, about, words | {"token": "api"}, among=list(rows.order_by("due_on", "pk")[: deeds.MOST_OPEN])
    )
    return form


MEANS = ("monthly", "income", "charges", "cash")


def _told(each: Any) -> list[dict[str, Any]]:
    return [{"due_on": part.due_on, "amount_minor": part.amount_minor} for part in each.terms.parts]


def _plan(request: HttpRequest, pk: int) -> Plan:
    found: Plan = room.row(_rows(room.asking(request).user), pk)
    room.allowed(request, "plan", found.customer)
    return found


@room.post(router, "/plans/{pk}/approve", right="plan", response=PlanOut, name="approve_plan", summary="Approve a plan")
def approved(request: HttpRequest, pk: Id) -> Any:
    found, user = _plan(request, pk), room.asking(request).user
    approve(plan=found, level=level(user, found.customer), as_of=clock.today(), now=clock.now(), by=user)
    return _rows(user).get(pk=pk)


@room.post(
    router, "/plans/{pk}/withdraw", right="plan", response=PlanOut, name="withdraw_plan", summary="Take a plan back"
)
def withdrawn(request: HttpRequest, pk: Id, said: Withdraws) -> Any:
    """Its invoices go on in their scenario."""
    found, user = _plan(request, pk), room.asking(request).user
    withdraw(plan=found, why=said.why.strip(), as_of=clock.today(), now=clock.now(), by=user)
    return _rows(user).get(pk=pk)


@room.post(
    router,
    "/plans/{pk}/agree",
    right="plan",
    response=PlanOut,
    name="agree_plan",
    summary="Note that the customer agrees",
)
def agreed(request: HttpRequest, pk: Id, said: Agrees) -> Any:
    found, user = _plan(request, pk), room.asking(request).user
    agree(plan=found, name=said.name, ip=None, origin="desk", as_of=clock.today(), now=clock.now(), by=user)
    return _rows(user).get(pk=pk)


@room.post(
    router, "/plans/{pk}/accelerate", right="plan", response=PlanOut, name="accelerate_plan", summary="Give notice"
)
def accelerated(request: HttpRequest, pk: Id) -> Any:
    """What is missing by then makes the whole rest due."""
    found, user = _plan(request, pk), room.asking(request).user
    accelerate(plan=found, as_of=clock.today(), now=clock.now(), by=user)
    return _rows(user).get(pk=pk)
