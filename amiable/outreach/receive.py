"""What carriers report later about a message: delivered, bounced, complained. What customers say enters scenario/respond.

In: words of a channel. Out: Event rows; an address that bounced for good is not used again, a complaint is an opt-out.
Never: the same word counted twice, or one about a message that is not ours.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from amiable.outreach.channel import Word
from amiable.outreach.models import Delivery, Event, EventKind, OptOut
from amiable.outreach.record import fail_address


@transaction.atomic
def hear(*, source: str, words: Iterable[Word], now: datetime) -> int:
    """Records the words of a channel (`source` is its key); returns how many were new."""
    return sum(_hear(source, word, now) for word in words)


def _hear(source: str, word: Word, now: datetime) -> bool:
    delivery = (
        Delivery.objects.filter(external_id=word.message_external_id)
        .select_related("message__customer")
        .order_by("-try_number")
        .first()
        if word.message_external_id
        else None
    )
    _event, fresh = Event.objects.get_or_create(
        source=source,
        external_id=word.external_id,
        defaults={
            "message": delivery.message if delivery else None,
            "kind": EventKind(word.kind),
            "at": word.at,
            "raw": dict(word.raw),
        },
    )
    if not fresh or delivery is None:
        return fresh
    message = delivery.message
    if word.kind == EventKind.BOUNCED and word.permanent:
        fail_address(message, message.address, word.reason, now=now)
    elif word.kind == EventKind.COMPLAINED:
        OptOut.objects.get_or_create(
            customer=message.customer,
            medium=message.medium,
            address=message.address,
            until=None,
            defaults={"since": now, "origin": "complaint"},
        )
    return fresh
