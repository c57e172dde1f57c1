"""Messages leave: claimed, looked at, written down, handed over once, and what came of it recorded.

In: planned messages. Out: deliveries with an outcome. Never: a message handed over twice. Deliveries are committed
before the carrier is called; what a crash leaves without an outcome is in doubt, for a person.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.casework import task
from amiable.casework.models import TaskKind
from amiable.core import audit
from amiable.core.errors import Refused, Unavailable, UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.models import ContactPoint
from amiable.outreach.channel import AddressRefused, Channel, InDoubt, Parcel, Unreachable, channels
from amiable.outreach.express import unsubscribe_url
from amiable.outreach.gather import Facts, gather
from amiable.outreach.guard import look
from amiable.outreach.models import Delivery, Message, MessageState
from amiable.outreach.render import Rendered, render_all

log = logging.getLogger(__name__)
BATCH = 50  # at most so many are in doubt after a crash
TRIES = 6
BACK_OFF = timedelta(minutes=5)  # then three times as long after each try: 5 min, 15, 45, 2 h, 7 h
LOST_AFTER = timedelta(hours=1)  # while others send, only what is older than this is taken for lost
CARRIERS = {"email": "email"}  # the channel of each medium
_SENDERS = 0x53454E44  # the advisory lock that everyone who sends shares

# Planned, its back-off over, and nobody else at work on it or on its customer: two messages to one customer are looked
# at one after the other, so that the second knows of the first.
_CLAIM = """
SELECT m.id FROM outreach_message m JOIN ledger_customer c ON c.id = m.customer_id
WHERE m.state = 'planned' AND m.as_of <= %(as_of)s AND m.medium = ANY(%(media)s) AND NOT EXISTS (
  SELECT FROM outreach_delivery d WHERE d.message_id = m.id AND d.outcome = 'unavailable'
    AND d.ended_at + %(back_off)s * power(3, d.try_number - 1) > %(now)s)
ORDER BY m.id LIMIT %(limit)s FOR NO KEY UPDATE OF m, c SKIP LOCKED
"""
_WRITE_DOWN = """
UPDATE outreach_message SET state = %s, verdict = %s, subject = %s, text = %s, html = %s, address = %s, contact_id = %s,
  about = %s, also = %s, also_levels = %s WHERE id = %s
"""
Clock = Callable[[], datetime]


class UnableToSettle(UnableTo):
    """The message is not in doubt."""


@dataclass
class Summary:
    sent: int = 0
    withheld: int = 0
    failed: int = 0
    in_doubt: int = 0
    later: int = 0  # could not be handed over now; planned again


@dataclass
class Bound:
    """One message on its way: written down, and what came of handing it over."""

    message: Message
    parcel: Parcel
    delivery: Delivery
    touched: bool = False  # handing over has begun: from here on it is never begun again
    error: Exception | None = None
    detail: str = ""
    ended_at: datetime | None = None


def send(
    *,
    as_of: date,
    now: datetime,
    clock: Clock | None = None,
    progress: Callable[[Summary], None] | None = None,
    carriers: Mapping[str, str] = CARRIERS,
) -> Summary:
    """Sends what is planned up to `as_of`. Any number of workers may do so at once.

    `clock` tells when batches leave and end; without it the time goes on from `now`.
    """
    tick, summary = clock or _from(now), Summary()
    with _as_a_sender(now) as lost, _Carriers(carriers) as carrying:
        summary.in_doubt += lost
        while True:
            bound, claimed = _write_down(carrying, summary, as_of=as_of, now=tick())
            if not claimed:
                return summary
            try:
                reachable = _hand_over(bound, carrying, tick)
            finally:
                _record(bound, summary, now=tick())
            if progress:
                progress(summary)
            if not reachable:
                return summary


def settle(*, message: Message, left: bool, now: datetime, by: User) -> None:
    """A person found out whether a message in doubt had left. It is not sent again either way."""
    state = MessageState.SENT if left else MessageState.WITHHELD
    verdict = "" if left else in_house(_("It did not leave, as a colleague found out."))
    rows = Message.objects.filter(pk=message.pk, state=MessageState.IN_DOUBT)
    if not rows.update(state=state, verdict=verdict, sent_at=now if left else None):
        raise UnableToSettle("This message is not in doubt.")
    audit.record(
        "message.settled", now=now, user=by, creditor_ref=message.creditor_id, subject="customer",
        subject_ref=message.customer_id, message=message.pk, left=left,
    )  # fmt: skip


def _from(now: datetime) -> Clock:
    start = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - start)


class _Carriers:
    """The channels in use, each opened when it is first needed and closed at the end."""

    def __init__(self, by_medium: Mapping[str, str]) -> None:
        self._keys = by_medium
        self._open: dict[str, Channel] = {}
        self.media = list(by_medium)

    def __enter__(self) -> "_Carriers":
        return self

    def __exit__(self, *error: object) -> None:
        for channel in self._open.values():
            channel.__exit__(None, None, None)

    def of(self, medium: str) -> Channel:
        if medium not in self._open:
            kind = channels()[self._keys[medium]]
            self._open[medium] = kind(kind.settings()).__enter__()
        return self._open[medium]


@contextmanager
def _as_a_sender(now: datetime) -> Iterator[int]:
    """Holds the lock that senders share; whoever comes alone first looks after what a crash left behind."""
    alone = bool(_lock("pg_try_advisory_lock"))
    _lock("pg_advisory_lock_shared")
    try:
        try:
            lost = recover(now=now, older_than=timedelta(0) if alone else LOST_AFTER)
        finally:
            if alone:
                _lock("pg_advisory_unlock")
        yield lost
    finally:
        _lock("pg_advisory_unlock_shared")


def _lock(function: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [_SENDERS])
        row: tuple[object] = cursor.fetchone()
        return row[0]


@transaction.atomic(durable=True)
def recover(*, now: datetime, older_than: timedelta) -> int:
    """What was being sent when its sender died becomes in doubt, with a task; nobody sends it again."""
    unfinished = Delivery.objects.filter(ended_at=None, started_at__lte=now - older_than).values("message_id")
    lost = Message.objects.select_for_update(skip_locked=True, of=("self",), no_key=True).filter(
        state=MessageState.SENDING, pk__in=unfinished
    )
    count = 0
    for message in lost.select_related("customer"):
        _doubt(message, in_house(_("The sender stopped before the carrier answered.")), now)
        count += 1
    return count


@transaction.atomic(durable=True)
def _write_down(carrying: _Carriers, summary: Summary, *, as_of: date, now: datetime) -> tuple[list[Bound], int]:
    """Claims a batch, looks at each message once more and writes down what is about to leave, and what is not."""
    facts = gather(_claim(carrying.media, as_of, now), as_of=as_of, now=now)
    verdicts = look(facts)
    speaking = [each for each, verdict in zip(facts, verdicts, strict=True) if verdict.leaves or verdict.dry_run]
    words = dict(zip([each.message.pk for each in speaking], render_all(speaking), strict=True))
    tries = _tries(speaking)
    bound, rows = [], []
    for each, verdict in zip(facts, verdicts, strict=True):
        rendered = words.get(each.message.pk)
        if isinstance(rendered, Rendered) and verdict.leaves:
            bound.append(_bound(each, rendered, tries.get(each.message.pk, 0) + 1, carrying, now))
            rows.append(_row(each, MessageState.SENDING, "", rendered))
        elif isinstance(rendered, UnableTo):
            summary.failed += 1
            rows.append(_row(each, MessageState.FAILED, str(rendered), None))
            _ask_for_text(each, rendered, now)
        else:
            summary.withheld += 1
            rows.append(_row(each, MessageState.WITHHELD, verdict.reason, rendered))
            if verdict.no_address:
                _ask_for_address(each.message, verdict.reason, now)
    with connection.cursor() as cursor:
        cursor.executemany(_WRITE_DOWN, rows)
    Delivery.objects.bulk_create([each.delivery for each in bound])
    return bound, len(facts)


def _claim(media: Sequence[str], as_of: date, now: datetime) -> list[Message]:
    values = {"as_of": as_of, "media": list(media), "now": now, "back_off": BACK_OFF, "limit": BATCH}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        claimed = [row[0] for row in cursor.fetchall()]
    first: dict[int, Message] = {}
    for message in Message.objects.filter(pk__in=claimed).order_by("pk"):
        first.setdefault(message.customer_id, message)  # the next one waits until this one is on its way
    return list(first.values())


def _tries(facts: Sequence[Facts]) -> dict[int, int]:
    rows = Delivery.objects.filter(message_id__in=[each.message.pk for each in facts])
    tries: dict[int, int] = {}
    for message_id, number in rows.values_list("message_id", "try_number"):
        tries[message_id] = max(tries.get(message_id, 0), number)
    return tries


def _bound(facts: Facts, rendered: Rendered, number: int, carrying: _Carriers, now: datetime) -> Bound:
    message, creditor = facts.message, facts.creditor
    channel = carrying.of(message.medium)
    parcel = Parcel(
        key=message.key,
        recipient=facts.address.value if facts.address else "",
        recipient_name=facts.contact.name if facts.contact else "",
        sender_name=creditor.name,
        reply_to=creditor.email,
        language=message.language,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        unsubscribe_url=unsubscribe_url(facts),
        at=now,
        attachments=rendered.attachments,
    )
    delivery = Delivery(
        message=message, channel=channel.key, try_number=number, external_id=channel.message_id(message.key), started_at=now
    )
    return Bound(message, parcel, delivery)


def _row(facts: Facts, state: str, reason: str, rendered: Rendered | None) -> tuple[object, ...]:
    """A message as it is written down: with the words, and only the invoices, that the customer will read."""
    message, address = facts.message, facts.address
    levels = dict(zip(message.also, message.also_levels, strict=False))
    if rendered:
        message.about = [line.id for line in facts.about]
        message.also = [line.id for line in facts.also]
    return (
        state, reason[:200], rendered.subject[:300] if rendered else "", rendered.text if rendered else "",
        rendered.html if rendered else "", address.value if address else message.address,
        address.contact_id if address else message.contact_id, message.about, message.also,
        [levels.get(ref, 0) for ref in message.also], message.pk,
    )  # fmt: skip


def _hand_over(bound: Sequence[Bound], carrying: _Carriers, tick: Clock) -> bool:
    """Calls the carrier for each, once; False when it cannot be reached and the rest was left alone."""
    for each in bound:
        channel = carrying.of(each.message.medium)
        each.touched = True
        try:
            each.detail = channel.send(each.parcel).detail
        except Unreachable as error:
            log.warning("%s", error)
            each.touched = False  # nothing was handed over: not even a try
            return False
        except (Refused, Unavailable, InDoubt) as error:
            each.error = error
        each.ended_at = tick()
    return True


@transaction.atomic(durable=True)
def _record(bound: Sequence[Bound], summary: Summary, *, now: datetime) -> None:
    """What came of each. A message whose handing over began and has no outcome is in doubt."""
    sent = [each for each in bound if each.ended_at and each.error is None]
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE outreach_message SET state = 'sent', sent_at = %s WHERE id = %s",
            [(each.ended_at, each.message.pk) for each in sent],
        )
        cursor.executemany(
            "UPDATE outreach_delivery SET ended_at = %s, outcome = 'accepted', detail = %s WHERE id = %s",
            [(each.ended_at, each.detail[:300], each.delivery.pk) for each in sent],
        )
    summary.sent += len(sent)
    untouched = [each for each in bound if not each.touched]
    if untouched:
        Delivery.objects.filter(pk__in=[each.delivery.pk for each in untouched]).delete()
        Message.objects.filter(pk__in=[each.message.pk for each in untouched]).update(state=MessageState.PLANNED)
        summary.later += len(untouched)
    for each in bound:
        if each.touched and (each.error or not each.ended_at):
            _record_trouble(each, summary, now)


def _record_trouble(each: Bound, summary: Summary, now: datetime) -> None:
    reason = str(each.error)[:200] if each.error else in_house(_("The sender stopped before the carrier answered."))
    if isinstance(each.error, Unavailable):
        outcome, state = "unavailable", MessageState.PLANNED
        if each.delivery.try_number >= TRIES:
            state = MessageState.FAILED
            _ask(each.message, TaskKind.OTHER, "unsent", _("A message could not be sent, however often we tried"), reason, now)
    elif isinstance(each.error, Refused):
        outcome, state = "refused", MessageState.FAILED
        if isinstance(each.error, AddressRefused):
            fail_address(each.message, each.parcel.recipient, reason, now=now)
        else:
            _ask(each.message, TaskKind.OTHER, "unsent", _("The mail server refused a message"), reason, now)
    else:
        summary.in_doubt += 1
        _doubt(each.message, reason, now)
        return
    summary.failed += state == MessageState.FAILED
    summary.later += state == MessageState.PLANNED
    Message.objects.filter(pk=each.message.pk).update(state=state, verdict=reason)
    Delivery.objects.filter(pk=each.delivery.pk).update(ended_at=each.ended_at, outcome=outcome, detail=reason)


def _doubt(message: Message, reason: str, now: datetime) -> None:
    Message.objects.filter(pk=message.pk).update(state=MessageState.IN_DOUBT, verdict=reason[:200])
    Delivery.objects.filter(message=message, ended_at=None).update(ended_at=now, detail=reason[:300])
    _ask(message, TaskKind.CHECK, "in_doubt", _("Did this message leave? It will not be sent again"), reason, now)


def fail_address(message: Message, address: str, reason: str, *, now: datetime) -> None:
    """Nobody can be reached at the address: it is not used any more, and a better one is asked for."""
    points = ContactPoint.objects.filter(
        contact__customer_id=message.customer_id, medium=message.medium, value__iexact=address, failed_at=None
    )
    points.update(failed_at=now, failure=reason[:200])
    _ask_for_address(message, reason, now)


def _ask_for_address(message: Message, reason: str, now: datetime) -> None:
    title = _("Find a better e-mail address") if message.medium == "email" else _("Find a better address")
    key = f"address:{message.customer_id}:{message.medium}"
    task.ask(
        kind=TaskKind.OTHER, key=key, customer=message.customer, title=in_house(title), due_on=message.as_of, now=now,
        context={"message": message.pk, "address": message.address, "reason": reason},
    )  # fmt: skip


def _ask_for_text(facts: Facts, error: UnableTo, now: datetime) -> None:
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
