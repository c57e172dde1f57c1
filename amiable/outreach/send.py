"""Messages leave: claimed, looked at once more, written down, handed over once, and what came of it recorded.

In: planned messages. Out: deliveries with an outcome. Never: a message handed over twice. Deliveries are committed
before the carrier is called; what a crash leaves without an outcome is in doubt, for a person.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.outreach.carry import Bound, Carriers, Clock, Flight
from amiable.outreach.channel import Parcel
from amiable.outreach.express import unsubscribe_url
from amiable.outreach.gather import Facts, gather
from amiable.outreach.guard import look
from amiable.outreach.models import Delivery, Message, MessageState
from amiable.outreach.record import Summary, ask_for_address, ask_for_text, record, recover
from amiable.outreach.render import Rendered, Texts, own_texts, render_all

# One batch is on its way while the next is being prepared: after a crash at most two are in doubt.
BATCH = 40
BACK_OFF = timedelta(minutes=5)  # then three times as long after each try: 5 min, 15, 45, 2 h, 7 h
LOST_AFTER = timedelta(hours=1)  # while others send, only what is older than this is taken for lost
CARRIERS = {"email": "email"}  # the channel of each medium
_SENDERS = 0x53454E44  # with a creditor's number: the advisory lock that everyone who sends for it shares

# Planned, its back-off over, and nobody else at work on it or on its customer: two messages to one customer are looked
# at one after the other, so that the second knows of the first.
_CLAIM = """
SELECT m.id, (SELECT coalesce(max(d.try_number), 0) FROM outreach_delivery d WHERE d.message_id = m.id)
FROM outreach_message m JOIN ledger_customer c ON c.id = m.customer_id
WHERE m.state = 'planned' AND m.as_of <= %(as_of)s AND m.medium = ANY(%(media)s) AND m.creditor_id = ANY(%(creditors)s)
  AND (m.not_before IS NULL OR m.not_before <= %(now)s) AND NOT EXISTS (
  SELECT FROM outreach_delivery d WHERE d.message_id = m.id AND d.outcome = 'unavailable'
    AND d.ended_at + %(back_off)s * power(3, d.try_number - 1) > %(now)s)
ORDER BY m.id LIMIT %(limit)s FOR NO KEY UPDATE OF m, c SKIP LOCKED
"""
_WRITE_DOWN = """
UPDATE outreach_message m SET state = v.state, verdict = v.verdict, subject = v.subject, text = v.text, html = v.html,
  address = v.address, contact_id = v.contact_id, about = v.about, also = v.also, also_levels = v.also_levels
FROM json_to_recordset(%s::json) AS v(id bigint, state text, verdict text, subject text, text text, html text, address text,
  contact_id bigint, about bigint[], also bigint[], also_levels smallint[])
WHERE m.id = v.id
"""


def send(
    *,
    as_of: date,
    now: datetime,
    creditor: Creditor | None = None,
    clock: Clock | None = None,
    progress: Callable[[Summary], None] | None = None,
    carriers: Mapping[str, str] = CARRIERS,
) -> Summary:
    """Sends what is planned (by one creditor) up to `as_of`. Any number of workers may do so at once.

    `clock` tells when batches leave and end; without it the time goes on from `now`. Raises NotConfigured when a
    message may leave and its channel lacks a setting; nothing is lost then.
    """
    tick, summary, texts = clock or _from(now), Summary(), own_texts()
    whose = Creditor.objects.all() if creditor is None else Creditor.objects.filter(pk=creditor.pk)
    creditors = list(whose.order_by("pk").values_list("pk", flat=True))
    with _as_a_sender(creditors, now) as lost, Carriers(carriers, clock=tick) as carrying:
        summary.in_doubt += lost
        flight: Flight | None = None
        try:
            while True:
                bound, claimed = _write_down(carrying, texts, summary, creditors, as_of=as_of, now=tick())
                landing, flight = flight, Flight(bound, [])
                reachable = _land(landing, summary, tick)
                if progress:
                    progress(summary)
                if not (claimed and reachable):
                    return summary
                flight = carrying.start(bound)
        finally:
            _land(flight, summary, tick)


def _land(flight: Flight | None, summary: Summary, tick: Clock) -> bool:
    """Waits for a batch and records what came of it, whatever happened; False when the carrier is out of reach."""
    if flight is None:
        return True
    try:
        return flight.landed()
    finally:
        record(flight.bound, summary, now=tick())


def _from(now: datetime) -> Clock:
    start = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - start)


@contextmanager
def _as_a_sender(creditors: Sequence[int], now: datetime) -> Iterator[int]:
    """Holds the locks that senders share; whoever comes alone first looks after what a crash left behind."""
    lost = 0
    with ExitStack() as shared:
        for creditor in creditors:
            alone = _lock("pg_try_advisory_lock", creditor)
            _lock("pg_advisory_lock_shared", creditor)
            shared.callback(_lock, "pg_advisory_unlock_shared", creditor)
            try:
                lost += recover(creditor=creditor, now=now, older_than=None if alone else LOST_AFTER)
            finally:
                if alone:
                    _lock("pg_advisory_unlock", creditor)
        yield lost


def _lock(function: str, creditor: int) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_SENDERS, creditor])
        row: tuple[object] = cursor.fetchone()
        return row[0]


@transaction.atomic(durable=True)
def _write_down(
    carrying: Carriers, texts: Texts, summary: Summary, creditors: Sequence[int], *, as_of: date, now: datetime
) -> tuple[list[Bound], int]:
    """Claims a batch, looks at each message once more and writes down what is about to leave, and what is not."""
    tries = _claim(carrying.media, creditors, as_of, now)
    facts = gather(list(tries), as_of=as_of, now=now)
    verdicts = look(facts)
    speaking = [each for each, verdict in zip(facts, verdicts, strict=True) if verdict.leaves or verdict.dry_run]
    words = dict(zip([each.message.pk for each in speaking], render_all(speaking, texts), strict=True))
    bound, rows, waiting = [], [], []
    for each, verdict in zip(facts, verdicts, strict=True):
        rendered = words.get(each.message.pk)
        if isinstance(rendered, Rendered) and verdict.leaves:
            bound.append(_bound(each, rendered, tries[each.message] + 1, carrying, now))
            rows.append(_row(each, MessageState.SENDING, "", rendered))
        elif verdict.not_before:
            summary.later += 1
            waiting.append(Message(pk=each.message.pk, not_before=verdict.not_before))
        elif isinstance(rendered, UnableTo):
            summary.failed += 1
            rows.append(_row(each, MessageState.FAILED, str(rendered), None))
            ask_for_text(each, rendered, now)
        else:
            summary.withheld += 1
            rows.append(_row(each, MessageState.WITHHELD, verdict.reason, rendered))
            if verdict.no_address:
                ask_for_address(each.message, verdict.reason, now)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_DOWN, [json.dumps(rows, ensure_ascii=False)])
    Message.objects.bulk_update(waiting, ["not_before"])
    Delivery.objects.bulk_create([each.delivery for each in bound])
    return bound, len(facts)


def _claim(media: Sequence[str], creditors: Sequence[int], as_of: date, now: datetime) -> dict[Message, int]:
    """The messages that this worker sends next, and how often each has been tried."""
    values: dict[str, Any] = {
        "as_of": as_of, "media": list(media), "creditors": list(creditors), "now": now, "back_off": BACK_OFF,
        "limit": BATCH,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        tries = dict(cursor.fetchall())
    first: dict[int, Message] = {}
    for message in Message.objects.filter(pk__in=list(tries)).order_by("pk"):
        first.setdefault(message.customer_id, message)  # the next one waits until this one is on its way
    return {message: tries[message.pk] for message in first.values()}


def _bound(facts: Facts, rendered: Rendered, number: int, carrying: Carriers, now: datetime) -> Bound:
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
        message=message,
        channel=channel.key,
        try_number=number,
        external_id=channel.message_id(message.key),
        started_at=now,
    )
    return Bound(message, parcel, delivery)


def _row(facts: Facts, state: str, reason: str, rendered: Rendered | None) -> dict[str, Any]:
    """A message as it is written down: with the words, and only the invoices, that the customer will read."""
    message, address = facts.message, facts.address
    levels = dict(zip(message.also, message.also_levels, strict=False))
    if rendered:
        message.about = [line.id for line in facts.about]
        message.also = [line.id for line in facts.also]
    return {
        "id": message.pk,
        "state": state,
        "verdict": reason[:200],
        "subject": rendered.subject[:300] if rendered else "",
        "text": rendered.text if rendered else "",
        "html": rendered.html if rendered else "",
        "address": address.value if address else message.address,
        "contact_id": address.contact_id if address else message.contact_id,
        "about": message.about,
        "also": message.also,
        "also_levels": [levels.get(ref, 0) for ref in message.also],
    }
