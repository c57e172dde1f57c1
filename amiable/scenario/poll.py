"""Who is asked how it went: of what ended in the last days, a sample; by e-mail, or by SMS where there is no address for that.

In: calls, mails, payments, plans and disputes that are over. Out: one ask and its message each, through the last look.
Never: one customer, or one address, twice in 90 days; somebody in dispute, on hold, or to whom anything else is being said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from amiable.casework.models import SurveyAsk
from amiable.casework.survey import PURPOSE, REST_DAYS, addresses_asked, asks, share_of, spared
from amiable.core.calendar import start_of_day
from amiable.core.models import Run
from amiable.law.hours import silent
from amiable.law.packs import law
from amiable.ledger.models import Creditor, Customer, Medium
from amiable.outreach import route
from amiable.outreach.address import Address, by_medium
from amiable.outreach.gather import SPOKEN
from amiable.outreach.mentions import FORMAL
from amiable.outreach.models import Tone
from amiable.outreach.order import BATCH, Order, order

LOOK_BACK = 3  # whole days of speaking before the day itself: whoever did something today is asked tomorrow
FARTHEST = 14  # days; what ended before is not asked about, however long nobody was asked
STEP = "surveys"  # of the day
TREATED_DAYS = 30  # a payment is asked about where we reached out before it, or where it came by a page of ours
BY_THE_BANK = 14  # so long a payment may be on its way from its day to our knowing it
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
  SELECT c.customer_id, 5, 'payment', 'credit:' || c.id, f.at FROM ledger_credit c CROSS JOIN LATERAL (
    SELECT min(a.known_at) AS at FROM ledger_allocation a WHERE a.credit_id = c.id AND a.amount_minor > 0) f
  WHERE c.creditor_id = %(creditor)s AND c.kind = 'payment' AND c.customer_id IS NOT NULL
    AND c.received_on BETWEEN %(as_of)s - %(bank)s AND %(as_of)s AND f.at >= %(since)s AND f.at < %(until)s
    AND NOT EXISTS (SELECT FROM ledger_credit p WHERE p.confirmed_by_id = c.id)  -- told before, by the provider
    -- It still pays something (where another word of it took over, that one does), and none of it has left again.
    AND EXISTS (SELECT FROM ledger_allocation a WHERE a.credit_id = coalesce(c.confirmed_by_id, c.id)
      AND a.amount_minor > 0 AND NOT EXISTS (SELECT FROM ledger_allocation r WHERE r.reverses_id = a.id))
    AND NOT EXISTS (SELECT FROM ledger_entry e
      WHERE e.credit_id = coalesce(c.confirmed_by_id, c.id) AND e.kind = 'refund')
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
WHERE NOT EXISTS (SELECT FROM casework_surveyask a WHERE a.customer_id = e.customer_id AND a.void_since IS NULL
    AND a.asked_on > %(as_of)s - %(rest)s)
  AND NOT EXISTS (SELECT FROM scenario_decision d WHERE d.customer_id = e.customer_id AND d.as_of = %(as_of)s
    AND d.verdict <> 'not')
  AND NOT EXISTS (SELECT FROM outreach_message m WHERE m.customer_id = e.customer_id AND m.purpose <> %(own)s
    AND (m.as_of = %(as_of)s AND m.state NOT IN ('withheld', 'failed') OR m.state IN ('waiting', 'planned', 'sending')))
  AND NOT EXISTS (SELECT FROM outreach_message m JOIN ledger_invoice i ON i.id = ANY(m.about) AND i.open_minor > 0
    WHERE m.customer_id = e.customer_id AND m.purpose = %(formal)s AND m.state = 'sent')
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
    media = _media(creditor)
    if not media or not asks(creditor, now=now) or silent(as_of, law(creditor.country, as_of)):
        return {"drawn": 0, "asked": 0}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_POLL, creditor.pk])
            cursor.execute(_ENDED, _values(creditor, as_of))
            found = [_Chosen(*row) for row in cursor.fetchall()]
        spare = spared([each.customer for each in found], as_of=as_of)
        drawn = [each for each in found if each.customer not in spare]
        parts = (drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH))
        asked = sum(_ask(part, creditor, media, as_of=as_of, now=now) for part in parts)
    return {"drawn": len(drawn), "asked": asked}


def _media(creditor: Creditor) -> list[Medium]:
    """By what may be asked, the better one first: whoever waits for a channel would wait for 90 days as well."""
    ways = route.routes([creditor])
    return [medium for medium in (Medium.EMAIL, Medium.SMS) if not ways[creditor.pk, medium].missing]


def _since(creditor: Creditor, as_of: date) -> date:
    """The first day that is looked at: so many days on which we speak ago, or the last day that was run, if that is earlier."""
    first, speaking = as_of, 0
    while speaking < LOOK_BACK:
        first -= timedelta(days=1)
        speaking += not silent(first, law(creditor.country, first))
    runs = Run.objects.filter(Q(creditor_ref=creditor.pk) | Q(creditor_ref=None), step=STEP, error="", as_of__lt=as_of)
    last = runs.exclude(ended_at=None).order_by("-as_of").values_list("as_of", flat=True).first()
    return max(min(first, last or first), as_of - timedelta(days=FARTHEST))


def _values(creditor: Creditor, as_of: date) -> Mapping[str, Any]:
    since = start_of_day(_since(creditor, as_of), creditor.time_zone)
    return {
        "creditor": creditor.pk, "key": creditor.key, "share": share_of(creditor), "as_of": as_of, "since": since,
        "until": start_of_day(as_of, creditor.time_zone), "zone": creditor.time_zone, "spoken": list(SPOKEN),
        "silent": list(SILENT), "bank": BY_THE_BANK, "treated_for": timedelta(days=TREATED_DAYS), "rest": REST_DAYS,
        "own": PURPOSE, "formal": FORMAL,
    }  # fmt: skip


def _ask(chosen: Sequence[_Chosen], creditor: Creditor, media: Sequence[Medium], *, as_of: date, now: datetime) -> int:
    wished = {each.address: each for each in _reached(chosen, media, as_of=as_of, now=now)}  # one person, one question
    for address in addresses_asked(wished, creditor=creditor.pk, as_of=as_of):
        wished.pop(address)
    SurveyAsk.objects.bulk_create(wished.values(), ignore_conflicts=True)
    new = SurveyAsk.objects.filter(
        asked_on=as_of, asked_at=now, void_since=None, customer__in=[each.customer_id for each in wished.values()]
    )
    return order((_order(each, creditor, media, as_of) for each in new.order_by("pk")), now=now)


def _reached(chosen: Sequence[_Chosen], media: Sequence[Medium], *, as_of: date, now: datetime) -> Iterator[SurveyAsk]:
    """The ask of everybody who can be written to: an e-mail before an SMS, and none around a wish to be left alone."""
    customers = Customer.objects.in_bulk([each.customer for each in chosen])
    reached = by_medium(customers.values(), media=(Medium.EMAIL, Medium.SMS), now=now)
    by_mail, by_phone = reached[Medium.EMAIL], reached[Medium.SMS]
    for each in chosen:
        mails, phones = by_mail.get(each.customer, []), by_phone.get(each.customer, [])
        known = {Medium.EMAIL: mails, Medium.SMS: [] if _closed(mails) else phones}
        found = next((first for medium in media if (first := _first(known[medium], medium))), None)
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


def _order(ask: SurveyAsk, creditor: Creditor, media: Sequence[Medium], as_of: date) -> Order:
    told = {"after": ask.after, "ask": ask.pk, "asked_at": ask.asked_at.isoformat()}
    return Order(
        key=f"{PURPOSE}:{ask.pk}", creditor_id=creditor.pk, customer_id=ask.customer_id, currency=creditor.currency,
        purpose=PURPOSE, medium=ask.medium, fallback=[each for each in media if each != ask.medium and each == Medium.SMS],
        tone=Tone.WARM, as_of=as_of, about=[], capped=False, context={"survey": told},
    )  # fmt: skip
