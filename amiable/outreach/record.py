"""What came of handing over: outcomes, addresses that failed, and what a person must look at.

In: a batch that was on its way. Out: its messages and deliveries in their final words, tasks where needed.
Never: a message without an outcome taken for one that did not leave: it is in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from amiable.casework import task
from amiable.casework.models import Task, TaskKind
from amiable.core import audit
from amiable.core.errors import Refused, UnableTo, Unavailable
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.models import Contact, ContactPoint, Medium
from amiable.outreach.address import RINGS, wanted
from amiable.outreach.carry import Bound
from amiable.outreach.channel import AddressRefused, OptedOut
from amiable.outreach.gather import Facts
from amiable.outreach.instead import give_up, go_on
from amiable.outreach.models import Delivery, Message, MessageState, OptOut

TRIES = 6
BACK_OFF = timedelta(minutes=5)  # then three times as long after each try: 5 min, 15, 45, 2 h, 7 h


class UnableToSettle(UnableTo):
    """The message is not in doubt."""


@dataclass
class Summary:
    sent: int = 0
    withheld: int = 0
    failed: int = 0
    in_doubt: int = 0
    later: int = 0  # could not be handed over now; planned again
    without_channel: int = 0  # stay planned: their creditor has no channel for the medium


@transaction.atomic(durable=True)
def record(bound: Sequence[Bound], summary: Summary, *, now: datetime) -> None:
    """What came of each. A message whose handing over began and has no outcome is in doubt."""
    if not bound:
        return
    sent = [each for each in bound if each.ended_at and each.error is None]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outreach_message m SET state = 'sent', sent_at = v.at"
            " FROM unnest(%s::bigint[], %s::timestamptz[]) AS v(id, at) WHERE m.id = v.id",
            [
                [message.pk for each in sent for message in each.told],
                [each.ended_at for each in sent for _message in each.told],
            ],
        )
        cursor.execute(
            "UPDATE outreach_delivery d SET ended_at = v.at, outcome = 'accepted', detail = v.detail"
            " FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS v(id, at, detail) WHERE d.id = v.id",
            [
                [each.delivery.pk for each in sent],
                [each.ended_at for each in sent],
                [each.detail[:300] for each in sent],
            ],
        )
    summary.sent += sum(len(each.told) for each in sent)
    untouched = [each for each in bound if not each.touched]
    if untouched:
        Delivery.objects.filter(pk__in=[each.delivery.pk for each in untouched]).delete()
        back = [message.pk for each in untouched for message in each.told]
        summary.later += Message.objects.filter(pk__in=back).update(state=MessageState.PLANNED, told_in=None)
    for each in bound:
        if each.touched and (each.error or not each.ended_at):
            _trouble(each, summary, now)
    give_up((each.message for each in bound if each.error), now=now)


def _trouble(each: Bound, summary: Summary, now: datetime) -> None:
    reason = str(each.error)[:200] if each.error else in_house(_("The sender stopped before the carrier answered."))
    if isinstance(each.error, Unavailable):
        outcome, state = "unavailable", MessageState.PLANNED
        if each.delivery.try_number >= TRIES:
            state = MessageState.FAILED
            _ask(
                each.message,
                TaskKind.OTHER,
                "unsent",
                _("A message could not be sent, however often we tried"),
                reason,
                now,
            )
    elif isinstance(each.error, Refused):
        outcome, state = "refused", MessageState.FAILED
        for message in each.told:
            if isinstance(each.error, AddressRefused):
                fail_address(message, each.parcel.recipient, reason, now=now)
            elif isinstance(each.error, OptedOut):
                close_address(message, each.parcel.recipient, origin="carrier", now=now)
            else:
                _ask(message, TaskKind.OTHER, "unsent", _("The carrier refused a message"), reason, now)
                go_on(message, now=now)
    else:
        summary.in_doubt += len(each.told)
        doubt(each.message, reason, now)
        return
    ended = Message.objects.filter(pk__in=[message.pk for message in each.told])
    count = ended.update(state=state, verdict=reason)
    if state == MessageState.PLANNED and each.others and each.ended_at:
        # The one that spoke waits by its delivery; those it told have none, and come back with it.
        again = each.ended_at + BACK_OFF * 3 ** (each.delivery.try_number - 1)
        Message.objects.filter(told_in=each.message).update(told_in=None, not_before=again)
    summary.failed += count if state == MessageState.FAILED else 0
    summary.later += count if state == MessageState.PLANNED else 0
    Delivery.objects.filter(pk=each.delivery.pk).update(ended_at=each.ended_at, outcome=outcome, detail=reason)


def doubt(message: Message, reason: str, now: datetime) -> None:
    _told(message).update(state=MessageState.IN_DOUBT, verdict=reason[:200])
    Delivery.objects.filter(message=message, ended_at=None).update(ended_at=now, detail=reason[:300])
    _ask(message, TaskKind.CHECK, "in_doubt", _("Did this message leave? It will not be sent again"), reason, now)


def _told(message: Message) -> QuerySet[Message]:
    """A message, and the others whose words it carries."""
    return Message.objects.filter(Q(pk=message.pk) | Q(told_in=message.pk))


def fail_address(message: Message, address: str, reason: str, *, now: datetime) -> None:
    """Nobody can be reached at the address: it is not used any more, a better one is asked for, and the step goes on."""
    kept_as = RINGS.get(message.medium, (message.medium,))
    points = ContactPoint.objects.filter(
        contact__customer_id=message.customer_id, medium__in=kept_as, value__iexact=address, failed_at=None
    )
    if not points.update(failed_at=now, failure=reason[:200]) and message.medium == Medium.LETTER:
        _remember_failed(message, address, reason, now)
    miss_address(message, reason, now)


def close_address(message: Message, address: str, *, origin: str, now: datetime) -> None:
    """The owner of the address told the carrier to be left alone: it counts as if told to us."""
    OptOut.objects.get_or_create(
        customer=message.customer,
        medium=message.medium,
        address=address,
        until=None,
        defaults={"since": now, "origin": origin},
    )


def _remember_failed(message: Message, address: str, reason: str, now: datetime) -> None:
    """The customer's own postal address is no row of its own: from now on there is one that says that it failed."""
    nobody = {"customer_id": message.customer_id, "created_at": now}
    contact = message.contact or Contact.objects.filter(customer_id=message.customer_id).order_by("pk").first()
    ContactPoint.objects.get_or_create(
        contact=contact or Contact.objects.create(**nobody), medium=message.medium, value=address,
        defaults={"failed_at": now, "failure": reason[:200]},
    )  # fmt: skip


def miss_address(message: Message, reason: str, now: datetime) -> None:
    """A better address is asked for, and meanwhile the message takes the next channel of its step."""
    title = {Medium.EMAIL: _("Find a better e-mail address"), Medium.LETTER: _("Find a better postal address")}.get(
        Medium(message.medium), _("Find a better address")
    )
    key = wanted(message.customer_id, message.medium)
    task.ask(
        kind=TaskKind.OTHER, key=key, customer=message.customer, title=in_house(title), due_on=message.as_of, now=now,
        context={"message": message.pk, "address": message.address, "reason": reason},
    )  # fmt: skip
    go_on(message, now=now)


def ask_for_text(facts: Facts, error: UnableTo, now: datetime) -> None:
    """One task for a text that cannot be filled, however many messages meet it."""
    message = facts.message
    task.ask(
        kind=TaskKind.OTHER, key=f"text:{message.creditor_id}:{message.purpose}:{message.language}:{message.tone}",
        customer=facts.customer, title=in_house(_("A text has a mistake and was not sent")), due_on=message.as_of, now=now,
        context={"message": message.pk, "purpose": message.purpose, "reason": str(error)},
    )  # fmt: skip


def _ask(message: Message, kind: str, wish: str, title: Promise, reason: str, now: datetime) -> None:
    task.ask(
        kind=kind, key=f"{wish}:{message.pk}", customer=message.customer, title=in_house(title), due_on=message.as_of,
        now=now, context={"message": message.pk, "reason": reason}, currency=message.currency,
    )  # fmt: skip


@transaction.atomic(durable=True)
def recover(*, creditor: int, now: datetime, older_than: timedelta | None) -> int:
    """What was being sent for a creditor when its sender died becomes in doubt, with a task; nobody sends it again.

    `older_than`: how old a delivery must be to be taken for lost while others send; empty when nobody else does,
    and then no clock is asked.
    """
    unfinished = Delivery.objects.filter(ended_at=None)
    if older_than is not None:
        unfinished = unfinished.filter(started_at__lte=now - older_than)
    lost = Message.objects.select_for_update(skip_locked=True, of=("self",), no_key=True).filter(
        creditor=creditor, state=MessageState.SENDING, pk__in=unfinished.values("message_id")
    )
    count = 0
    for message in lost.select_related("customer"):
        count += _told(message).count()
        doubt(message, in_house(_("The sender stopped before the carrier answered.")), now)
    return count


@transaction.atomic
def settle(*, message: Message, left: bool, now: datetime, by: User) -> None:
    """A person found out whether a message in doubt had left; the task that asked it is done. It is not sent again."""
    state = MessageState.SENT if left else MessageState.WITHHELD
    verdict = "" if left else in_house(_("It did not leave, as a colleague found out."))
    rows = _told(message).filter(state=MessageState.IN_DOUBT)
    if not rows.update(state=state, verdict=verdict, sent_at=now if left else None):
        raise UnableToSettle(gettext("This message is not in doubt."))
    give_up([] if left else [message], now=now)
    for asked in Task.objects.filter(key=f"in_doubt:{message.pk}", done_at=None):
        task.finish(task=asked, outcome="left" if left else "not_left", now=now, by=by)
    audit.record(
        "message.settled", now=now, user=by, creditor_ref=message.creditor_id, subject="customer",
        subject_ref=message.customer_id, message=message.pk, left=left,
    )  # fmt: skip
