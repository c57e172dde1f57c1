"""Paying: tries to pay and how they ended, a link to pay, a payment taken on the phone, a payment given back."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import FilterSchema, Router, Schema
from pydantic import Field

from amiable.payments.models import Attempt, AttemptState, Chain, StandingOrder
from amiable.web.api import deeds, room
from amiable.web.api.customers import OfCustomer
from amiable.web.api.shape import Currency, Done, Id, Minor, Ref, Refs, Said
from amiable.web.api.told import told

router = Router(tags=["payments"])

AttemptOut = told(
    Attempt, "creditor", "customer", "chain", "provider", "journey", "currency", "amount_minor", "invoices", "state",
    "decline_code", "credit", "by", "opened_at", "started_at", "ended_at", name="Attempt",
    doc="One try to pay. No number of a card or an account is ever in it.",
)  # fmt: skip
ChainOut = told(Chain, "creditor", "customer", "currency", "opened_at", "moved_at", "closed_at", name="Chain")
StandingOrderOut = told(StandingOrder, "customer", "currency", "given_at", "ended_at", name="StandingOrder")


class Attempts(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    chain: Id | None = None
    state: AttemptState | None = None


class Links(Said):
    customer: Ref
    invoices: Refs = Field(min_length=1)
    currency: Currency
    amount_minor: Minor | None = Field(None, description="Only a part; empty: all of what is chosen.")
    how: Literal["show", "email", "sms"] = Field("show", description="Show the link here, or have it sent.")


class Link(Schema):
    """`url` leads a colleague to the page with link and QR code where it was to be shown; else the link was sent."""

    said: str
    url: str | None = None


class Takes(Said):
    customer: Ref
    invoices: Refs = Field(min_length=1)
    amount_minor: Minor | None = None
    currency: Currency


class Refunds(Said):
    customer: Ref
    attempt: Ref
    amount_minor: Minor


room.shelf(
    router, "/attempts", name="attempt", many="attempts", schema=AttemptOut, filters=Attempts,
    rows=lambda user: room.mine(user, Attempt.objects.all(), own="creditor_id"),
)  # fmt: skip
room.shelf(
    router, "/chains", name="chain", many="chains", schema=ChainOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, Chain.objects.all(), own="creditor_id"),
)  # fmt: skip
room.shelf(
    router, "/standing-orders", name="standing_order", many="standing_orders", schema=StandingOrderOut, filters=OfCustomer,
    rows=room.own(StandingOrder),
)  # fmt: skip


@room.post(router, "/pay-links", right="talk", response={201: Link}, name="give_pay_link", summary="Give a link to pay")
def link(request: HttpRequest, said: Links) -> Any:
    """A link by which the customer pays the chosen invoices: sent, or shown to be handed over."""
    done = deeds.perform(request, said.customer, "link", deeds.told_by(said))
    where = request.build_absolute_uri(done.leads_to[0]) if done.leads_to else None
    return {"said": deeds.told("link"), "url": where}


deeds.makes(
    router, "/phone-payments", act="take", said=Takes, response=AttemptOut, name="take_payment",
    summary="Take a payment",
    doc="Opens a payment for a customer on the phone; the card is typed into the provider's own fields at the desk.",
)  # fmt: skip


@room.post(router, "/refunds", right="refund", response=Done, name="refund", keyed=True, summary="Give a payment back")
def refund(request: HttpRequest, said: Refunds) -> Any:
    """Asks the provider to give a payment back; the invoices open again when it says that the money has left. It needs an
    Idempotency-Key: the provider is told it too, so that a request sent again gives back once.
    """
    about = room.customer(request, said.customer)
    paid = room.row(Attempt.objects.filter(customer=about), said.attempt)
    words = {"payment": said.attempt, "amount": deeds.typed(said.amount_minor, paid.currency)}
    deeds.perform(request, said.customer, "refund", words)
    return {"said": deeds.told("refund")}


deeds.changes(
    router, "/standing-orders/{pk}/end", act="standing_end", response=StandingOrderOut, rows=room.own(StandingOrder),
    name="end_standing_order", summary="End a standing order",
    doc="At the customer's wish: nothing more is debited on due dates.",
)  # fmt: skip
