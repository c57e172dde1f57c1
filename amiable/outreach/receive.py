"""What carriers report later about a message: delivered, bounced, complained. What customers say enters scenario/respond.

In: words of a channel. Out: Event rows; an address that bounced for good is not used again, what failed goes the next way,
a complaint is an opt-out.
Never: the same word counted twice, or one about a message that is not ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from amiable.ledger.models import Creditor
from amiable.outreach.channel import Word
from amiable.outreach.instead import give_up, go_on
from amiable.outreach.models import Delivery, Event, EventKind
from amiable.outreach.record import close_address, fail_address


@dataclass
class Told:
    """What came of some words."""

    new: int = 0
    replayed: int = 0
    unknown: int = 0  # of the new ones: about nothing of ours


@transaction.atomic
def hear(*, source: str, words: Iterable[Word], now: datetime, creditor: Creditor | None = None) -> Told:
    """Records the words of a channel. `source` names the channel of one creditor, whose messages alone it may speak of."""
    told = Told()
    for word in words:
        _hear(source, word, now, creditor, told)
    return told


def _hear(source: str, word: Word, now: datetime, creditor: Creditor | None, told: Told) -> None:
    theirs = Delivery.objects.filter(external_id=word.message_external_id).exclude(external_id="")
    if creditor is not None:
        theirs = theirs.filter(message__creditor=creditor)
    delivery = theirs.select_related("message__customer").order_by("-try_number").first()
    _event, fresh = Event.objects.get_or_create(
        source=source,
        external_id=word.external_id,
        defaults={
            "message": delivery.message if delivery else None,
            "kind": EventKind(word.kind),
            "at": word.at or now,
            "raw": _storable(word.raw),
        },
    )
    told.new += fresh
    told.replayed += not fresh
    told.unknown += fresh and delivery is None
    if not fresh or delivery is None:
        return
    for message in (delivery.message, *delivery.message.tells.select_related("customer")):
        if word.kind == EventKind.BOUNCED and word.permanent:
            fail_address(message, message.address, word.reason.replace("\0", ""), now=now)
            give_up([message], now=now)
        elif word.kind == EventKind.FAILED:
            # Nobody picked up, or the words were dropped on their way: the step goes on, the address may be good.
            go_on(message, now=now)
        elif word.kind == EventKind.COMPLAINED:
            close_address(message, message.address, origin="complaint", now=now)


def _storable(raw: Any) -> Any:
    """The words as they came, but for the one character that the database cannot keep."""
    if isinstance(raw, Mapping):
        return {str(_storable(name)): _storable(value) for name, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_storable(each) for each in raw]
    return raw if raw is None or isinstance(raw, bool | int | float) else str(raw).replace("\0", "")
