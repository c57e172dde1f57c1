"""All KPIs of a day, with what slices on demand are made of, beside one plain SQL aggregate of the same tables.

Fills an empty database with a year of a creditor: invoices and their payments, cases, decisions, messages and what became of
them, calls, tries to pay; measures a first day (which reads the whole year once), then the next one, twice; and asks for
slices by three dimensions over twelve months.
"""

import resource
import statistics
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from amiable.insight import measure
from amiable.insight.models import Figure, Kept
from amiable.insight.slices import slice_up
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from bench import day

AS_OF = date(2026, 3, 11)
NOW = datetime(2026, 3, 11, 20, tzinfo=ZoneInfo("Europe/Paris"))
SLICES = (
    ("contact_rate", ("period", "step", "segment")),
    ("transactions_not_completed", ("journey", "segment", "sector")),
    ("recovery_rate", ("period", "segment", "journey")),
)
# As things stand at the end: without the triggers, since this is not the bench of entries.
TABLES = ("ledger_customer", "ledger_invoice", "ledger_credit", "ledger_entry", "ledger_allocation")
_FILL = [
    """INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country, postcode,
         city, street, sector, terms_end_of_month, payment_method, potential, key_account, assistance, created_at, branch_id)
       SELECT c.id, 'bench', n, 'C' || n, 'Customer ' || n, CASE WHEN n %% 3 = 0 THEN 'consumer' ELSE 'business' END, '', 'fr',
         'FR', '75001', 'Paris', '1 rue', 'sector ' || n %% 12, false, '', '', false, '', %(now)s, b.id
       FROM ledger_creditor c, generate_series(1, %(customers)s) n
       JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM ledger_branch) b ON b.place = n %% 10""",
    """INSERT INTO portfolio_membership (customer_id, currency, segment, since)
       SELECT id, 'EUR', 'segment_' || id %% 7, %(as_of)s - 800 FROM ledger_customer""",
    # Nine in ten invoices were paid around their due date; each by a payment of its own.
    """INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
         issued_on, due_on, currency, amount_minor, open_minor, settled_on, known_at, reached)
       SELECT u.creditor_id, u.id, 'bench', n, 'F' || n, 'invoice', 'receivable', '', d.due_on - 30, d.due_on, 'EUR',
         m.amount, CASE WHEN p.paid_on <= %(as_of)s THEN 0 ELSE m.amount END,
         CASE WHEN p.paid_on <= %(as_of)s THEN p.paid_on END, %(now)s, 0
       FROM generate_series(1, %(invoices)s) n
       JOIN ledger_customer u ON u.external_id = (1 + (n * 7919::bigint) %% %(customers)s)::text
       CROSS JOIN LATERAL (SELECT %(as_of)s - ((n * 31::bigint) %% 395)::int + 30 AS due_on) d
       CROSS JOIN LATERAL (SELECT 1000 + (n * 104729::bigint) %% 500000 AS amount) m
       CROSS JOIN LATERAL (SELECT CASE WHEN n %% 10 = 0 THEN '2100-01-01' ELSE d.due_on - 8 + ((n * 17::bigint) %% 40)::int END
                           AS paid_on) p""",
    """INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
         amount_minor, open_minor, method, provisional, known_at)
       SELECT creditor_id, customer_id, 'bench', id, 'payment', reference, settled_on, 'EUR', amount_minor, 0,
         'transfer', false, known_at
       FROM ledger_invoice WHERE settled_on IS NOT NULL""",
    """INSERT INTO ledger_entry (kind, invoice_id, amount_minor, effective_on, known_at)
       SELECT 'principal', id, amount_minor, issued_on, known_at FROM ledger_invoice""",
    """INSERT INTO ledger_entry (kind, invoice_id, credit_id, amount_minor, effective_on, known_at)
       SELECT 'allocation', i.id, c.id, -i.amount_minor, i.settled_on, i.known_at
       FROM ledger_credit c JOIN ledger_invoice i ON i.id = c.external_id::bigint""",
    # A case for each invoice that was late at all, one a month and customer.
    """INSERT INTO casework_case (creditor_id, customer_id, currency, scenario_ref, opened_on, closed_on, closed_because,
         opened_overdue_minor)
       SELECT creditor_id, customer_id, 'EUR', s.id, o.day,
         CASE WHEN max(c.day) <= %(as_of)s THEN max(c.day) WHEN o.day < %(as_of)s - 28 THEN %(as_of)s END,
         CASE WHEN max(c.day) <= %(as_of)s THEN 'paid' WHEN o.day < %(as_of)s - 28 THEN 'written_off' ELSE '' END,
         sum(amount_minor)
       FROM ledger_invoice i, (SELECT min(id) AS id FROM scenario_scenario) s,
       LATERAL (SELECT date_trunc('month', i.due_on)::date + 27 AS day) o,
       LATERAL (SELECT coalesce(i.settled_on, '2100-01-01') AS day) c
       WHERE i.due_on < o.day AND c.day >= o.day AND o.day BETWEEN %(as_of)s - 365 AND %(as_of)s
       GROUP BY 1, 2, 4, 5""",
]
_WORDS = [
    """INSERT INTO scenario_decision (creditor_id, customer_id, currency, as_of, scenario_id, step, level, action, channel,
         verdict, rail, reason, about, also, also_levels, facts, arm, propensity)
       SELECT u.creditor_id, u.id, 'EUR', %(as_of)s - (365 * (%(messages)s - n) / %(messages)s)::int, s.id,
         (ARRAY['courtesy_notice','reminder_1','reminder_2','reminder_3','formal_notice'])[1 + n %% 5], 10 * (1 + n %% 5),
         'message', (ARRAY['email','email','email','sms','letter'])[1 + n %% 5], 'do', '', 'bench', '{}', '{}', '{}', '{}', '', 1
       FROM generate_series(1, %(messages)s) n
       JOIN ledger_customer u ON u.external_id = (1 + (n * 7919::bigint) %% %(customers)s)::text,
       (SELECT min(id) AS id FROM scenario_scenario) s ORDER BY n
       ON CONFLICT DO NOTHING""",
    """INSERT INTO outreach_message (key, creditor_id, customer_id, currency, purpose, medium, address, language, tone, as_of,
         decision_ref, step, capped, about, also, level, also_levels, context, fallback, state, verdict, subject, text, html,
         created_at, sent_at)
       SELECT 'd' || id, creditor_id, customer_id, 'EUR', step, channel, '', 'fr', (ARRAY['warm','neutral','firm'])[1 + id %% 3],
         as_of, id, step, true, '{}', '{}', level, '{}', '{}', '{}', 'sent', '', '', '', '', as_of + time '08:00',
         as_of + time '09:00'
       FROM scenario_decision ORDER BY id""",
    """INSERT INTO outreach_event (source, external_id, message_id, kind, at, raw)
       SELECT 'bench', m.id || k.kind, m.id, k.kind, m.sent_at + k.after, '{}'
       FROM outreach_message m
       CROSS JOIN (VALUES ('delivered', interval '1 minute'), ('opened', interval '2 hours')) k(kind, after)
       WHERE m.medium <> 'letter' AND (k.kind = 'delivered' OR m.id %% 2 = 0) ORDER BY m.id""",
    """INSERT INTO casework_task (creditor_id, customer_id, kind, key, title, context, due_on, done_at, done_by_id, outcome,
         created_at)
       SELECT creditor_id, customer_id, 'call', 't' || d.id, '', jsonb_build_object('decision', d.id, 'step', 'call'), as_of,
         as_of + time '10:00', p.id, (ARRAY['promise','voicemail','no_answer','refused','call_back'])[1 + d.id %% 5],
         as_of + time '08:00'
       FROM scenario_decision d JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM core_user) p
         ON p.place = (d.id / 20) %% 20 WHERE d.id %% 20 = 0 ORDER BY d.id""",
    """INSERT INTO payments_chain (creditor_id, customer_id, currency, opened_at, moved_at, closed_at)
       SELECT creditor_id, id, 'EUR', %(now)s, %(now)s, %(now)s FROM ledger_customer""",
    """INSERT INTO payments_attempt (chain_id, creditor_id, customer_id, token, provider, external_id, journey, message_ref, step,
         currency, amount_minor, invoices, state, input_errors, decline_code, opened_at, started_at)
       SELECT c.id, m.creditor_id, m.customer_id, 'a' || m.id, 'dummy', '',
         (ARRAY['email_link','sms_link','portal'])[1 + m.id %% 3],
         m.id, m.step, 'EUR', 5000, '{}', (ARRAY['succeeded','failed','abandoned','succeeded'])[1 + m.id %% 4], m.id %% 2, '',
         m.sent_at + interval '3 hours', m.sent_at + interval '3 hours'
       FROM outreach_message m JOIN payments_chain c ON c.customer_id = m.customer_id WHERE m.id %% 8 = 0 ORDER BY m.id""",
]
_REFERENCE = """
SELECT count(*), sum(n), sum(m) FROM (
  SELECT customer_id, count(*) AS n, sum(open_minor) AS m FROM ledger_invoice GROUP BY 1) one
JOIN (SELECT customer_id, count(*) AS sent, count(DISTINCT step) FROM outreach_message
  WHERE as_of > %(as_of)s - 61 GROUP BY 1) two USING (customer_id)"""


def run(*, customers: int, invoices: int, events: int) -> dict[str, Any]:
    """Seconds of a day's measuring (the median of two), of the first day's, of slices, and the ratio to the aggregate."""
    # Of 20 events a customer and year: 2 entries an invoice, 1 message with 1.2 events about it, and what follows from them.
    messages = max((events - 2 * invoices) * 2 // 5, 1)
    values = {"customers": customers, "invoices": invoices, "messages": messages, "as_of": AS_OF, "now": NOW}
    filled = day.timed(lambda: _fill(values))
    owner = Creditor.objects.get(key="bench")
    first = day.timed(lambda: measure.measure(as_of=AS_OF - timedelta(days=1), now=NOW))
    seconds = []
    for _ in range(2):
        seconds.append(day.timed(lambda: measure.measure(as_of=AS_OF, now=NOW)))
        Figure.objects.filter(as_of=AS_OF).delete()
    reference = min(day.timed(lambda: day.execute(_REFERENCE, values)) for _ in range(2))
    since = AS_OF - timedelta(days=330)
    sliced = {}
    for key, by in SLICES:
        asked = {"creditor": owner, "key": key, "by": by, "since": since, "until": AS_OF}
        sliced[f"{key} by {', '.join(by)}"] = round(day.timed(lambda asked=asked: slice_up(**asked)), 3)  # type: ignore[misc]
    taken = statistics.median(seconds)
    kept = Kept.objects.filter(creditor=owner)
    return {
        "seconds": round(taken, 3), "per_second": round(customers / taken),
        "reference": "a plain aggregate of invoices and of two months of messages by customer",
        "reference_seconds": round(reference, 3), "ratio": round(taken / reference, 2), "first_day_seconds": round(first, 3),
        "slices_seconds": sliced, "kept_rows": sum(kept.values_list("rows", flat=True)),
        "kept_mb": round(sum(len(each) for each in kept.values_list("content", flat=True)) / 1e6, 1),
        "customers": customers, "invoices": invoices, "events": events, "messages": messages, "filled_seconds": round(filled),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _fill(values: dict[str, Any]) -> None:
    for statement in day.BEGINNING:
        day.execute(statement, values)
    shelf.stock(now=NOW)
    day.execute(
        "INSERT INTO ledger_branch (creditor_id, code, name) SELECT c.id, n, n FROM ledger_creditor c, generate_series(1, 10) n",
        {},
    )
    day.execute(
        "INSERT INTO core_user (username, first_name, last_name, email, password, is_superuser, is_staff, is_active, date_joined,"
        " language, phone) SELECT 'u' || n, '', '', '', '', false, false, true, now(), 'fr', '' FROM generate_series(1, 20) n"
        " ON CONFLICT DO NOTHING",
        {},
    )
    every = (*TABLES, "outreach_message", "outreach_event", "casework_task", "payments_attempt", "casework_case")
    for table in every:
        day.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER", {})
    for statement in (*_FILL, *_WORDS):
        day.execute(statement, values)
    for table in every:
        day.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER", {})
    day.execute(f"VACUUM ANALYZE {', '.join((*every, 'scenario_decision', 'portfolio_membership'))}", {})
