"""Messages leave: claimed, looked at once more, written down, handed over once, and what came of it recorded.

In: planned messages. Out: deliveries with an outcome. Never: a message handed over twice. Deliveries are committed
before the carrier is called; what a crash leaves without an outcome is in doubt, for a person.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from amiable.core import tables
from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.outreach import release, route, together
from amiable.outreach.carry import Bound, Carriers, Clock
from amiable.outreach.channel import Parcel
from amiable.outreach.express import hook_url, talk_url, unsubscribe_url
from amiable.outreach.gather import Facts, gather
from amiable.outreach.guard import look
from amiable.outreach.instead import give_up
from amiable.outreach.models import Delivery, Message, MessageState
from amiable.outreach.record import BACK_OFF, Summary, ask_for_text, miss_address, record, recover
from amiable.outreach.render import Rendered, Texts, own_texts, render_all

log = logging.getLogger(__name__)
# So many are written down, handed over and recorded together: what is in doubt after a crash is at most one batch.
BATCH = 80
LOST_AFTER = timedelta(hours=1)  # while others send, only what is older than this is taken for lost
_SENDERS = 0x53454E44  # with a creditor's number: the advisory lock that everyone who sends for it shares

# Planned, its back-off over, and nobody else at work on it or on its customer: two messages to one customer are looked
# at one after the other, so that the second knows of the first.
_PLANNED = """
SELECT m.id, (SELECT coalesce(max(d.try_number), 0) FROM outreach_delivery d WHERE d.message_id = m.id)
FROM outreach_message m JOIN ledger_customer c ON c.id = m.customer_id
JOIN ledger_creditor k ON k.id = m.creditor_id AND k.stopped_at IS NULL
WHERE m.state = 'planned' AND m.as_of <= %(as_of)s AND m.creditor_id = ANY(%(creditors)s)
  AND m.creditor_id::text || m.medium <> ALL(%(closed)s)
  AND (m.not_before IS NULL OR m.not_before <= %(now)s) AND NOT EXISTS (
  SELECT FROM outreach_delivery d WHERE d.message_id = m.id AND d.outcome = 'unavailable'
    AND d.ended_at + %(back_off)s * power(3, d.try_number - 1) > %(now)s)
  {more} ORDER BY m.id LIMIT %(limit)s FOR NO KEY UPDATE OF m, c SKIP LOCKED
"""
_CLAIM = _PLANNED.format(more="")
# What may go in one e-mail with those claimed, since it goes to the same address.
_BESIDES = _PLANNED.format(
    more="AND m.id <> ALL(%(claimed)s) AND m.address = ANY(%(addresses)s) AND m.capped AND m.medium = 'email'"
    " AND m.purpose = ANY(%(sharing)s)"
)
_WRITE_DOWN = """
UPDATE outreach_message m SET state = v.state, verdict = v.verdict, subject = v.subject, text = v.text, html = v.html,
  address = v.address, contact_id = v.contact_id, told_in_id = v.told_in, about = v.about::bigint[], also = v.also::bigint[],
  also_levels = v.also_levels::smallint[]
FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[],
  %b::bigint[], %b::text[], %b::text[], %b::text[])
  AS v(id, state, verdict, subject, text, html, address, contact_id, told_in, about, also, also_levels)
WHERE m.id = v.id
"""


def send(
    *,
    as_of: date,
    now: datetime,
    creditor: Creditor | None = None,
    clock: Clock | None = None,
    progress: Callable[[Summary], None] | None = None,
    carriers: Mapping[str, str] | None = None,
) -> Summary:
    """Sends what is planned (by one creditor) up to `as_of`. Any number of workers may do so at once.

    `clock` tells when batches leave and end; without it the time goes on from `now`. `carriers`: the channel of each
    medium, for everybody, instead of what each creditor set up. What has no channel stays planned and is counted.
    """
    tick, summary, texts = clock or _from(now), Summary(), own_texts()
    whose = Creditor.objects.all() if creditor is None else Creditor.objects.filter(pk=creditor.pk)
    creditors = list(whose.order_by("pk"))
    routes = route.routes(creditors) if carriers is None else route.given(carriers, creditors)
    with _as_a_sender([each.pk for each in creditors], now) as lost, Carriers(routes, clock=tick) as carrying:
        summary.in_doubt += lost
        release.carry_out([each.pk for each in creditors], as_of=as_of, now=now)
        while True:
            carrying.book(BATCH)
            bound, claimed = _write_down(carrying, texts, summary, as_of=as_of, now=tick())
            carrying.give_back(bound)
            try:
                carrying.carry(bound)
            finally:  # whatever happened: what was handed over is known
                record(bound, summary, now=tick())
            if progress:
                progress(summary)
            if not (claimed or carrying.rest()):
                summary.without_channel = _tell_stuck(routes, as_of)
                return summary


def _tell_stuck(routes: route.Routes, as_of: date) -> int:
    """Counts what waits for want of a channel, and says why."""
    found = route.stuck(routes, as_of=as_of)
    for each in found:
        log.warning("%s: %d messages wait. %s", each.creditor, each.count, each.why)
    return sum(each.count for each in found)


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
    carrying: Carriers, texts: Texts, summary: Summary, *, as_of: date, now: datetime
) -> tuple[list[Bound], int]:
    """Claims a batch, looks at each message once more and writes down what is about to leave, and what is not."""
    tries = _claim(carrying, as_of, now)
    facts = gather(list(tries), as_of=as_of, now=now)
    verdicts = look(facts)
    leaving = [each for each, verdict in zip(facts, verdicts, strict=True) if verdict.leaves]
    spoken = together.fold(leaving)
    late = together.alone(leaving, spoken)
    leads = {each.message.pk: lead for lead in spoken for each in (lead, *lead.together)}
    speaking = [*spoken, *(each for each, verdict in zip(facts, verdicts, strict=True) if verdict.dry_run)]
    words = dict(zip([each.message.pk for each in speaking], render_all(speaking, texts), strict=True))
    bound, rows, waiting = [], [], []
    for each, verdict in zip(facts, verdicts, strict=True):
        if each.message.pk in late:
            continue  # the next batch knows of the one that leaves now
        lead = leads.get(each.message.pk, each)
        rendered = words.get(lead.message.pk)
        if isinstance(rendered, Rendered) and verdict.leaves:
            if lead is each:
                bound.append(_bound(each, rendered, tries[each.message] + 1, carrying, now))
            rows.append(_row(each, MessageState.SENDING, "", rendered, told_in=None if lead is each else lead.message))
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
                miss_address(each.message, verdict.reason, now)
    if rows:
        tables.execute(_WRITE_DOWN, [list(column) for column in zip(*rows, strict=True)])
        give_up((each.message for each in facts), now=now)
    Message.objects.bulk_update(waiting, ["not_before"])
    Delivery.objects.bulk_create([each.delivery for each in bound])
    return bound, len(facts)


def _claim(carrying: Carriers, as_of: date, now: datetime) -> dict[Message, int]:
    """The messages that this worker sends next, and how often each has been tried."""
    values: dict[str, Any] = {
        "as_of": as_of, "creditors": carrying.creditors, "now": now, "back_off": BACK_OFF, "limit": BATCH,
        "closed": [f"{creditor}{medium}" for creditor, medium in carrying.closed()],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        tries: dict[int, int] = dict(cursor.fetchall())
        claimed = list(Message.objects.filter(pk__in=list(tries)).order_by("pk"))
        if addresses := list({message.address for message in claimed if together.shares(message)}):
            cursor.execute(
                _BESIDES,
                values | {"claimed": list(tries), "addresses": addresses, "sharing": list(together.SHARING)},
            )
            besides = dict(cursor.fetchall())
            tries |= besides
            claimed += Message.objects.filter(pk__in=list(besides)).order_by("pk") if besides else []
    # The next one to a customer waits until this one is on its way.
    return {message: tries[message.pk] for message in together.one_each(claimed) if carrying.takes(message)}


def _bound(facts: Facts, rendered: Rendered, number: int, carrying: Carriers, now: datetime) -> Bound:
    message, creditor = facts.message, facts.creditor
    channel = carrying.of(message)
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
        country=facts.customer.country or creditor.country,
        report_url=hook_url(creditor, channel.key),
        talk_url=talk_url(creditor),
        letter=rendered.letter,
    )
    delivery = Delivery(
        message=message,
        channel=channel.key,
        try_number=number,
        external_id=channel.message_id(message.key),
        started_at=now,
    )
    return Bound(message, parcel, delivery, [each.message for each in facts.together])


def _row(
    facts: Facts, state: str, reason: str, rendered: Rendered | None, *, told_in: Message | None = None
) -> tuple[Any, ...]:
    """A message as it is written down: with the words, and only the invoices, that the customer will read."""
    message, address = facts.message, facts.address
    levels = dict(zip(message.also, message.also_levels, strict=False))
    if rendered:
        message.about = [line.id for line in facts.about]
        message.also = [line.id for line in facts.also]
    words = (rendered.subject[:300], rendered.text, rendered.html) if rendered else ("", "", "")
    where = (address.value, address.contact_id) if address else (message.address, message.contact_id)
    lists = (message.about, message.also, [levels.get(ref, 0) for ref in message.also])
    told = told_in.pk if told_in else None
    arrays = (f"{{{','.join(map(str, each))}}}" for each in lists)
    return (message.pk, str(state), reason[:200], *words, *where, told, *arrays)
