"""Messages are ordered: who is to be told what, about which invoices. Why is the orderer's business.

In: orders with a key each. Out: planned Message rows, addressed and with a language.
Never: two messages of one key, however often it is ordered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import UnableTo
from amiable.core.words import in_house
from amiable.ledger.models import Creditor, Customer
from amiable.outreach.address import Address, by_medium, spoken
from amiable.outreach.models import Message, MessageState
from amiable.outreach.release import by_hand

BATCH = 2_000


@dataclass(frozen=True)
class Order:
    """One message wished for. `about`: invoices that it is about, in order; `also`: those it mentions besides."""

    key: str
    creditor_id: int
    customer_id: int
    currency: str
    purpose: str
    medium: str
    tone: str
    as_of: date
    about: Sequence[int]
    also: Sequence[int] = ()
    level: int = 0
    also_levels: Sequence[int] = ()
    decision_ref: int | None = None
    campaign_ref: int | None = None
    step: str = ""
    capped: bool = True
    fallback: Sequence[str] = ()  # the channels that come next when this one fails for good
    context: Mapping[str, Any] = field(default_factory=dict)


def order(orders: Iterable[Order], *, now: datetime) -> int:
    """Writes the messages that are not there yet; returns how many those were."""
    remaining = iter(orders)
    return sum(_order(batch, now) for batch in iter(lambda: list(islice(remaining, BATCH)), []))


@transaction.atomic
def _order(orders: list[Order], now: datetime) -> int:
    known = set(Message.objects.filter(key__in=[wish.key for wish in orders]).values_list("key", flat=True))
    fresh = {wish.key: wish for wish in orders if wish.key not in known}
    if not fresh:
        return 0
    customers = Customer.objects.in_bulk({wish.customer_id for wish in fresh.values()})
    creditors = Creditor.objects.in_bulk({wish.creditor_id for wish in fresh.values()})
    found = by_medium(customers.values(), media={wish.medium for wish in fresh.values()}, now=now)
    rows = []
    for wish in fresh.values():
        customer = customers[wish.customer_id]
        usable = [row for row in found[wish.medium].get(customer.pk, ()) if row.usable]
        rows.append(_message(wish, customer, usable[0] if usable else None, creditors[wish.creditor_id], now))
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _message(wish: Order, customer: Customer, address: Address | None, creditor: Creditor, now: datetime) -> Message:
    waits = wish.capped and by_hand(creditor) and not wish.context.get("confirmed")
    return Message(
        key=wish.key,
        creditor_id=wish.creditor_id,
        customer_id=wish.customer_id,
        contact_id=address.contact_id if address else None,
        address=address.value if address else "",
        language=spoken(address.language if address else "", customer.language, creditor.language),
        state=MessageState.WAITING if waits else MessageState.PLANNED,
        currency=wish.currency,
        purpose=wish.purpose,
        medium=wish.medium,
        tone=wish.tone,
        as_of=wish.as_of,
        decision_ref=wish.decision_ref,
        campaign_ref=wish.campaign_ref,
        step=wish.step,
        capped=wish.capped,
        about=list(wish.about),
        also=list(wish.also),
        level=wish.level,
        also_levels=list(wish.also_levels),
        fallback=list(wish.fallback),
        context=dict(wish.context),
        created_at=now,
    )


class UnableToTakeBack(UnableTo):
    """The message has left, or is leaving."""


@transaction.atomic
def take_back(*, key: str, customer: Customer) -> int:
    """What a colleague ordered under this key (one message for each currency) does not leave. Raises UnableToTakeBack."""
    mine = Message.objects.filter(Q(key=key) | Q(key__startswith=f"{key}:"), customer=customer)
    waiting = mine.filter(state__in=[MessageState.WAITING, MessageState.PLANNED]).select_for_update(skip_locked=True)
    rows = list(waiting.values_list("pk", flat=True))
    if len(rows) < mine.count() or not rows:
        raise UnableToTakeBack(gettext("The message has left already, or is leaving now."))
    return Message.objects.filter(pk__in=rows).update(
        state=MessageState.WITHHELD, verdict=in_house(_("Taken back by who ordered it."))
    )


@transaction.atomic
def withdraw(*, campaign_ref: int) -> int:
    """What a campaign ordered and nobody has begun to send is withheld; returns how many messages that were."""
    waiting = Message.objects.select_for_update(skip_locked=True).filter(
        campaign_ref=campaign_ref, state__in=[MessageState.WAITING, MessageState.PLANNED]
    )
    rows = list(waiting.values_list("pk", flat=True))
    verdict = in_house(_("The campaign was stopped."))
    return Message.objects.filter(pk__in=rows).update(state=MessageState.WITHHELD, verdict=verdict)
