"""Who is asked how it went: of what ended in the last days, a sample; by e-mail, or by SMS where there is no address for that.

In: calls, mails, payments, plans and disputes that are over. Out: one ask and its message each, through the last look.
Never: one customer, or one address, twice in 90 days; somebody in dispute, on hold, or to whom anything else is said that day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from amiable.casework.models import SurveyAsk
from amiable.casework.survey import PURPOSE, REST_DAYS, share_of
from amiable.core.calendar import start_of_day
from amiable.law.hours import silent
from amiable.law.packs import law
from amiable.ledger.models import Creditor, Customer, HoldKind, Medium
from amiable.outreach.address import Address, addresses
from amiable.outreach.gather import SPOKEN
from amiable.outreach.models import Tone
from amiable.outreach.order import BATCH, Order, order

LOOK_BACK = 3  # whole days before the day itself: whoever did something today is asked tomorrow
TREATED_DAYS = 30  # a payment is asked about where we reached out before it, or where it came by a page of ours
BY_THE_BANK = 14  # so long a payment may be on its way from its day to our knowing it
# Ask nothing of those: whatever ended, something harder has not.
NOT_NOW = (
    HoldKind.DISPUTE,
    HoldKind.INSOLVENCY,
    HoldKind.VULNERABLE,
    HoldKind.MORATORIUM,
    HoldKind.PLACED,
    HoldKind.OUT,
)
SILENT = ("opt_out", "wrong_person", "out_of_office", "insolvency", "hardship")  # mails after which nobody is asked

# Everything that is over, with the moment at which it was. The draw is of the thing and its day: the same on every machine,
# however often the day is run. Of several things of one customer the rarer one is asked about.
_ENDED = """
WITH ended AS (
  SELECT t.customer_id, 3 AS rank, 'call' AS after, 'task:' || t.id AS subject, t.done_at AS at
  FROM casework_task t WHERE t.creditor_id = %(creditor)s AND t.kind = 'call' AND t.outcome = ANY(%(spoken)s)
    AND t.done_at >= %(since)s AND t.done_at < %(until)s
  UNION ALL
  SELECT r.customer_id, 4, 'mail', 'reply:' || r.id, r.confirmed_at FROM outreach_reply r
  WHERE r.creditor_id = %(creditor)s AND r.confirmed_at >= %(since)s AND r.confirmed_at < %(until)s
    AND r.confirmed_by_id IS NOT NULL AND r.customer_id IS NOT NULL AND NOT r.automatic
    AND r.confirmed_intent <> ALL(%(silent)s) AND NOT EXISTS (
      SELECT FROM outreach_reply n WHERE n.customer_id = r.customer_id AND n.confirmed_at IS NULL AND NOT n.automatic)
  UNION ALL
  SELECT c.customer_id, 5, 'payment', 'credit:' || c.id, c.known_at FROM ledger_credit c
  WHERE c.creditor_id = %(creditor)s AND c.kind = 'payment' AND c.customer_id IS NOT NULL
    AND c.received_on BETWEEN %(as_of)s - %(bank)s AND %(as_of)s AND c.known_at >= %(since)s AND c.known_at < %(until)s
    AND c.open_minor < c.amount_minor
    AND NOT EXISTS (SELECT FROM ledger_credit p WHERE p.confirmed_by_id = c.id)  -- told before, by the provider
    AND (EXISTS (SELECT FROM payments_attempt a WHERE a.credit_id = c.id) OR EXISTS (
      SELECT FROM outreach_message m WHERE m.customer_id = c.customer_id AND m.capped AND m.state = 'sent'
        AND m.sent_at BETWEEN c.known_at - %(treated_for)s AND c.known_at) OR EXISTS (
      SELECT FROM casework_task t WHERE t.customer_id = c.customer_id AND t.kind = 'call' AND t.outcome = ANY(%(spoken)s)
        AND t.done_at BETWEEN c.known_at - %(treated_for)s AND c.known_at))
  UNION ALL
  SELECT p.customer_id, 2, 'plan', 'plan:' || p.id, w.at FROM payments_plan p JOIN ledger_customer k ON k.id = p.customer_id
  CROSS JOIN LATERAL (VALUES
    (CASE WHEN p.state = ANY('{agreed,cured}') THEN p.agreed_at END),
    (CASE WHEN p.state = 'cured' THEN p.cured_on::timestamp AT TIME ZONE %(zone)s END),
    (CASE WHEN p.state = 'done' THEN p.ended_on::timestamp AT TIME ZONE %(zone)s END)) w(at)
  WHERE k.creditor_id = %(creditor)s AND w.at >= %(since)s AND w.at < %(until)s
  UNION ALL
  SELECT d.customer_id, 1, 'dispute', 'dispute:' || d.id, d.resolved_at
  FROM casework_dispute d JOIN ledger_customer k ON k.id = d.customer_id
  WHERE k.creditor_id = %(creditor)s AND d.resolved_at >= %(since)s AND d.resolved_at < %(until)s AND d.resolution <> ''
), drawn AS (
  SELECT DISTINCT ON (e.customer_id) e.* FROM ended e
  WHERE ('x' || left(md5(%(key)s || e.subject || to_char(e.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD')), 8))::bit(32)::bigint
    < %(share)s * 4294967296.0
  ORDER BY e.customer_id, e.rank, e.at DESC
)
SELECT e.customer_id, e.after, e.subject, coalesce(s.step, '') FROM drawn e
JOIN ledger_customer k ON k.id = e.customer_id AND k.merged_into_id IS NULL
LEFT JOIN LATERAL (
  SELECT m.step FROM outreach_message m WHERE m.customer_id = e.customer_id AND m.state = 'sent' AND m.step <> ''
    AND m.created_at BETWEEN e.at - %(treated_for)s AND e.at ORDER BY m.created_at DESC LIMIT 1) s ON true
WHERE NOT EXISTS (SELECT FROM casework_surveyask a WHERE a.customer_id = e.customer_id AND a.medium <> ''
    AND a.asked_on > %(as_of)s - %(rest)s)
  AND NOT EXISTS (SELECT FROM ledger_hold h WHERE h.customer_id = e.customer_id AND h.since <= %(as_of)s
    AND (h.until IS NULL OR h.until > %(as_of)s) AND (h.invoice_id IS NULL OR h.kind = ANY(%(not_now)s)))
  AND NOT EXISTS (SELECT FROM casework_dispute d WHERE d.customer_id = e.customer_id AND d.resolved_at IS NULL)
  AND NOT EXISTS (SELECT FROM casework_task t WHERE t.customer_id = e.customer_id AND t.done_at IS NULL
    AND t.kind = ANY('{call,confirm,reply,manual}'))
  AND NOT EXISTS (SELECT FROM scenario_decision d WHERE d.customer_id = e.customer_id AND d.as_of = %(as_of)s
    AND d.verdict <> 'not')
  AND NOT EXISTS (SELECT FROM outreach_message m WHERE m.customer_id = e.customer_id AND m.capped
    AND (m.as_of = %(as_of)s OR m.state IN ('waiting', 'planned', 'sending')))
ORDER BY e.customer_id
"""
_POLL = 0x504F4C4C  # with a creditor's number: one poll of it at a time, so that no address is asked from two sides


@dataclass(frozen=True)
class _Chosen:
    """Somebody drawn: after what, and the last step that they had met."""

    customer: int
    after: str
    subject: str
    step: str


def poll(*, creditor: Creditor, as_of: date, now: datetime) -> dict[str, int]:
    """Asks who was drawn; returns how many were drawn and asked. Safe to repeat.

    Nobody is asked in dry run, nor on a day of silence: what ended before it is asked about on the next one.
    """
    share = share_of(creditor)
    leaves = creditor.released_at is not None and creditor.released_at <= now and creditor.stopped_at is None
    if not share or not leaves or silent(as_of, law(creditor.country, as_of)):
        return {"drawn": 0, "asked": 0}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_POLL, creditor.pk])
            cursor.execute(_ENDED, _values(creditor, share, as_of))
            drawn = [_Chosen(*row) for row in cursor.fetchall()]
        parts = (drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH))
        asked = sum(_ask(part, creditor, as_of=as_of, now=now) for part in parts)
    return {"drawn": len(drawn), "asked": asked}


def _values(creditor: Creditor, share: float, as_of: date) -> Mapping[str, Any]:
    since = start_of_day(as_of - timedelta(days=LOOK_BACK), creditor.time_zone)
    return {
        "creditor": creditor.pk, "key": creditor.key, "share": share, "as_of": as_of, "since": since,
        "until": start_of_day(as_of, creditor.time_zone), "zone": creditor.time_zone, "spoken": list(SPOKEN),
        "silent": list(SILENT), "bank": BY_THE_BANK, "treated_for": timedelta(days=TREATED_DAYS), "rest": REST_DAYS,
        "not_now": [str(kind) for kind in NOT_NOW],
    }  # fmt: skip


def _ask(chosen: Sequence[_Chosen], creditor: Creditor, *, as_of: date, now: datetime) -> int:
    wished = {each.address: each for each in _reached(chosen, as_of=as_of, now=now)}  # one person, one question
    recent = SurveyAsk.objects.filter(
        address__in=list(wished), asked_on__gt=as_of - timedelta(days=REST_DAYS), customer__creditor=creditor
    )
    for address in recent.exclude(medium="").values_list("address", flat=True):
        wished.pop(address, None)
    SurveyAsk.objects.bulk_create(wished.values(), ignore_conflicts=True)
    new = SurveyAsk.objects.filter(
        asked_on=as_of, asked_at=now, customer__in=[each.customer_id for each in wished.values()]
    )
    return order((_order(each, creditor, as_of) for each in new.order_by("pk")), now=now)


def _reached(chosen: Sequence[_Chosen], *, as_of: date, now: datetime) -> Iterator[SurveyAsk]:
    """The ask of everybody who can be written to: an e-mail before an SMS, and none around a wish to be left alone."""
    customers = Customer.objects.in_bulk([each.customer for each in chosen])
    by_mail, by_phone = (addresses(customers.values(), medium=each, now=now) for each in (Medium.EMAIL, Medium.SMS))
    for each in chosen:
        mails, phones = by_mail.get(each.customer, []), by_phone.get(each.customer, [])
        found = _first(mails, Medium.EMAIL) or (None if _closed(mails) else _first(phones, Medium.SMS))
        if found:
            medium, address = found
            yield SurveyAsk(
                customer_id=each.customer, after=each.after, subject_ref=each.subject, step=each.step, medium=medium,
                address=address.value.lower(), asked_on=as_of, asked_at=now,
            )  # fmt: skip


def _first(known: Sequence[Address], medium: Medium) -> tuple[Medium, Address] | None:
    return next(((medium, each) for each in known if each.usable), None)


def _closed(known: Sequence[Address]) -> bool:
    return any(each.opted_out for each in known)


def _order(ask: SurveyAsk, creditor: Creditor, as_of: date) -> Order:
    return Order(
        key=f"{PURPOSE}:{ask.pk}", creditor_id=creditor.pk, customer_id=ask.customer_id, currency=creditor.currency,
        purpose=PURPOSE, medium=ask.medium, fallback=[Medium.SMS] if ask.medium == Medium.EMAIL else [], tone=Tone.WARM,
        as_of=as_of, about=[], capped=False, context={"survey": {"after": ask.after, "ask": ask.pk}},
    )  # fmt: skip
