"""A link to pay for whoever does not get on with the keys: by SMS, else by e-mail, as a colleague would send it.

In: a customer who was recognised. Out: a message through the same last look as any other. Never: two for one call.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from amiable import day
from amiable.ledger.models import Customer, Medium
from amiable.outreach.address import addresses
from amiable.outreach.guard import PAYMENT_LINK
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order
from amiable.payments import chain
from amiable.payments.attempt import local_day
from amiable.web.voice.owed import Owed


@dataclass(frozen=True)
class Place:
    medium: str
    value: str


def reachable(customer: Customer, *, now: datetime) -> Place | None:
    """Where a link reaches the customer at once."""
    for medium in (Medium.SMS, Medium.EMAIL):
        rows = addresses([customer], medium=medium, now=now).get(customer.pk, ())
        if usable := next((row.value for row in rows if row.usable), None):
            return Place(medium, usable)
    return None


def veiled(address: str) -> str:
    """Enough to know one's own address by: the last two digits, or what follows the @."""
    _local, at, domain = address.partition("@")
    return f"@ {domain}" if at else f"… {' '.join(address[-2:])}"


@transaction.atomic
def give(customer: Customer, what: Owed, place: Place, *, call: str, now: datetime) -> None:
    """Orders the message, once for each call; the open chain lives on from now."""
    chain.take_up(customer=customer, currency=what.currency, now=now)
    about = [row.id for row in what.late]
    wish = Order(
        key=f"voice:{call}", creditor_id=customer.creditor_id, customer_id=customer.pk, currency=what.currency,
        purpose=PAYMENT_LINK, medium=place.medium, tone=Tone.WARM, as_of=local_day(customer.creditor, now), about=about,
        capped=False, context={"pay": {"invoices": about, "amount_minor": 0, "currency": what.currency}, "by": ""},
    )  # fmt: skip
    order([wish], now=now)
    transaction.on_commit(day.send_soon)
