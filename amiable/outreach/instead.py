"""What cannot be said one way is said the next way of its step: by another channel, or by a colleague who calls.

In: a message that failed for good. Out: a message of the same order by the next channel, once. Never: one to an address
that failed or whose owner does not wish it, or one that nothing carries; the last look decides about it like about any other.
"""

from collections.abc import Iterable
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from amiable.casework import survey, task
from amiable.casework.models import TaskKind
from amiable.core.calendar import day_of
from amiable.core.words import in_house
from amiable.ledger.models import Medium
from amiable.outreach import route
from amiable.outreach.address import addresses, spoken
from amiable.outreach.models import EventKind, Message, MessageState


def go_on(message: Message, *, now: datetime) -> bool:
    """Orders the message by the next channel of its step that reaches the customer; False where none is left."""
    as_of = max(message.as_of, day_of(now))
    ways = route.routes([message.customer.creditor]) if message.fallback else {}
    for place, medium in enumerate(message.fallback, start=1):
        if medium == Medium.CALL:
            _ask_to_call(message, as_of=as_of, now=now)
            return True
        if not ways[message.customer.creditor_id, medium].goes:
            continue
        known = addresses([message.customer], medium=medium, now=now).get(message.customer_id, [])
        address = next((each for each in known if each.usable), None)
        if address is None or not _may_go_to(message, address.value, as_of):
            continue
        root = message.instead_of_id or message.pk
        customer = message.customer
        Message.objects.get_or_create(
            key=f"{message.key.split('/')[0]}/{medium}",
            defaults={
                "instead_of_id": root, "fallback": message.fallback[place:], "medium": medium, "as_of": as_of,
                "contact_id": address.contact_id, "address": address.value, "created_at": now,
                "language": spoken(address.language, customer.language, customer.creditor.language),
                **{name: getattr(message, name) for name in _SAME},
            },
        )  # fmt: skip
        return True
    return False


def _may_go_to(message: Message, address: str, as_of: date) -> bool:
    """A question goes to no address at which somebody has been asked; the ask knows where it went."""
    ask = message.context.get("survey", {}).get("ask")
    return ask is None or survey.readdress(ask, address=address, as_of=as_of)


def give_up(messages: Iterable[Message], *, now: datetime) -> None:
    """These leave no more, or came back. Where nothing else carries their question to the customer, nobody was asked."""
    asked = {each.context["survey"]["ask"] for each in messages if "ask" in each.context.get("survey", {})}
    if not asked:
        return
    keys = {f"{survey.PURPOSE}:{ask}{way}": ask for ask in asked for way in ("", *(f"/{each}" for each in Medium))}
    ended = [MessageState.WITHHELD, MessageState.FAILED]
    others = Message.objects.filter(key__in=keys).exclude(state__in=ended).exclude(events__kind=EventKind.BOUNCED)
    survey.let_go(asked - {keys[key] for key in others.values_list("key", flat=True)}, now=now)


_SAME = (
    "creditor_id", "customer_id", "currency", "purpose", "tone", "decision_ref", "campaign_ref", "step", "capped", "about",
    "also", "level", "also_levels", "context",
)  # fmt: skip


def _ask_to_call(message: Message, *, as_of: date, now: datetime) -> None:
    task.ask(
        kind=TaskKind.CALL, key=f"instead:{message.instead_of_id or message.pk}", customer=message.customer,
        title=in_house(_("Call: the message could not be delivered")), due_on=as_of, now=now, currency=message.currency,
        context={"message": message.pk, "currency": message.currency, "invoices": [*message.about, *message.also]},
    )  # fmt: skip
