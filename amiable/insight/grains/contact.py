"""Contacts, one row for so many messages or calls of a kind and day, with what became of them; opt-outs and complaints."""

from amiable.insight.grain import Grain
from amiable.scenario.gather import SPOKEN

# Of a call: somebody answered; it was the person looked for.
RIGHT_PARTY = ", ".join(f"'{each}'" for each in SPOKEN)
ANSWERED = f"{RIGHT_PARTY}, 'wrong_number'"

# An opt-out belongs to the last message on its channel in the 30 days before it, a complaint to the message that it answers.
# A message leaves within days of its date, or goes stale: so the index by date finds those of the window.
CONTACTS = Grain(
    key="contacts",
    source=f"""
WITH told AS (
  SELECT message_id, bool_or(kind = 'opened') AS opened, bool_or(kind = 'clicked') AS clicked,
    bool_or(kind = 'bounced') AS bounced, bool_or(kind = 'complained') AS complained, bool_or(kind = 'replied') AS replied
  FROM outreach_event WHERE at >= %(begins)s AND at < %(ends)s
    AND kind IN ('opened', 'clicked', 'bounced', 'complained', 'replied') GROUP BY 1),
decided AS (
  SELECT d.id, c.key, c.version FROM scenario_decision d JOIN scenario_scenario c ON c.id = d.scenario_id
  WHERE d.creditor_id = %(creditor)s AND d.as_of >= %(stale)s AND d.verdict <> 'not')
SELECT m.customer_id, m.currency, (m.sent_at AT TIME ZONE %(zone)s)::date AS day, d.key AS scenario, d.version, m.step,
  m.medium AS channel, m.purpose AS template, m.tone, m.campaign_ref AS campaign, NULL::bigint AS collector,
  1 AS messages, m.capped::int AS reminders, 0 AS calls, 0 AS answered, 0 AS right_party, 0 AS promised,
  (e.opened OR e.clicked OR e.replied OR m.medium = 'ivr' AND EXISTS (
    SELECT FROM outreach_event v WHERE v.message_id = m.id AND v.kind = 'delivered'))::int AS reached,
  e.bounced::int AS bounced, 0 AS opt_outs, e.complained::int AS complaints
FROM outreach_message m LEFT JOIN decided d ON d.id = m.decision_ref LEFT JOIN told e ON e.message_id = m.id
WHERE m.creditor_id = %(creditor)s AND m.state = 'sent' AND m.as_of BETWEEN %(stale)s AND %(as_of)s
  AND m.sent_at >= %(begins)s AND m.sent_at < %(ends)s
UNION ALL
SELECT t.customer_id, %(currency)s, (t.done_at AT TIME ZONE %(zone)s)::date, d.key, d.version, t.context ->> 'step',
  'call', NULL, NULL, NULL, t.done_by_id, 0, 0, 1, (t.outcome IN ({ANSWERED}))::int, (t.outcome IN ({RIGHT_PARTY}))::int,
  (t.outcome = 'promise')::int, (t.outcome IN ({RIGHT_PARTY}))::int, 0, 0, 0
FROM casework_task t LEFT JOIN decided d ON d.id = (t.context ->> 'decision')::bigint
WHERE t.creditor_id = %(creditor)s AND t.kind = 'call' AND t.outcome NOT IN ('settled', 'declined')
  AND t.done_at >= %(begins)s AND t.done_at < %(ends)s
UNION ALL
SELECT o.customer_id, %(currency)s, (o.since AT TIME ZONE %(zone)s)::date, NULL, NULL, m.step, o.medium, m.purpose, m.tone,
  m.campaign_ref, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
FROM outreach_optout o JOIN ledger_customer k ON k.id = o.customer_id AND k.creditor_id = %(creditor)s
LEFT JOIN LATERAL (
  SELECT b.step, b.purpose, b.tone, b.campaign_ref FROM outreach_message b WHERE b.customer_id = o.customer_id
    AND b.state = 'sent' AND b.medium = o.medium AND b.sent_at BETWEEN o.since - interval '30 days' AND o.since
  ORDER BY b.sent_at DESC LIMIT 1) m ON true
WHERE o.since >= %(begins)s AND o.since < %(ends)s AND o.origin NOT LIKE 'reply:%%'
UNION ALL
SELECT r.customer_id, %(currency)s, (r.at AT TIME ZONE %(zone)s)::date, NULL, NULL, m.step, r.medium, m.purpose, m.tone,
  m.campaign_ref, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
FROM outreach_reply r LEFT JOIN outreach_message m ON m.id = r.message_id
WHERE r.creditor_id = %(creditor)s AND r.at >= %(begins)s AND r.at < %(ends)s AND NOT r.automatic
  AND r.customer_id IS NOT NULL AND coalesce(nullif(r.confirmed_intent, ''), r.intent) = 'complaint'""",
    own=("scenario", "version", "step", "channel", "template", "tone", "campaign", "collector"),
    sums=(
        "messages", "reminders", "calls", "answered", "right_party", "promised", "reached", "bounced", "opt_outs", "complaints",
    ),
)  # fmt: skip

# The customers whom a reminder or a call went to.
REACHED = """
SELECT customer_id FROM outreach_message WHERE creditor_id = %(creditor)s AND state = 'sent' AND capped
  AND as_of BETWEEN %(stale)s AND %(as_of)s AND sent_at >= %(begins)s AND sent_at < %(ends)s
UNION
SELECT customer_id FROM casework_task WHERE creditor_id = %(creditor)s AND kind IN ('call', 'manual')
  AND outcome NOT IN ('settled', 'declined') AND done_at >= %(begins)s AND done_at < %(ends)s"""
