"""Tries to pay, by the day on which they started, and how they ended; promises and plans, by the day of their verdict."""

from amiable.insight.grain import Grain

ATTEMPTS = Grain(
    key="attempts",
    source="""
SELECT a.customer_id, a.currency, (a.started_at AT TIME ZONE %(zone)s)::date AS day, a.journey, a.campaign_ref AS campaign,
  a.step, a.by_id AS collector, m.medium AS channel, m.purpose AS template, m.tone, c.key AS scenario, c.version,
  1 AS started, r.paid AS completed, r.lost AS not_completed,
  CASE WHEN r.told THEN (a.input_errors > 0)::int ELSE 0 END AS input_error,
  r.told::int AS measured,
  a.amount_minor AS started_minor, r.paid * a.amount_minor AS completed_minor,
  r.lost * a.amount_minor AS not_completed_minor,
  CASE WHEN r.told AND a.input_errors > 0 THEN a.amount_minor ELSE 0 END AS input_error_minor,
  CASE WHEN r.told THEN a.amount_minor ELSE 0 END AS measured_minor
FROM payments_attempt a
CROSS JOIN LATERAL (SELECT (a.state = 'succeeded')::int AS paid, (a.state IN ('failed', 'abandoned'))::int AS lost,
  a.provider = ANY(%(measuring)s) AS told) r
LEFT JOIN outreach_message m ON m.id = a.message_ref LEFT JOIN scenario_decision d ON d.id = m.decision_ref
LEFT JOIN scenario_scenario c ON c.id = d.scenario_id
WHERE a.creditor_id = %(creditor)s AND a.started_at >= %(begins)s AND a.started_at < %(ends)s""",
    own=("journey", "campaign", "step", "collector", "channel", "template", "tone", "scenario", "version"),
    sums=(
        "started", "completed", "not_completed", "input_error", "measured", "started_minor", "completed_minor",
        "not_completed_minor", "input_error_minor", "measured_minor",
    ),
)  # fmt: skip

AGREEMENT_DAYS = 90

PROMISES = Grain(
    key="promises",
    source="""
SELECT p.customer_id, p.currency, p.judged_on AS day, p.origin AS channel, p.taken_by_id AS collector,
  1 AS judged, (p.state = 'kept')::int AS kept, p.amount_minor AS promised_minor,
  least(p.kept_minor, p.amount_minor) AS kept_minor
FROM payments_promise p JOIN ledger_customer k ON k.id = p.customer_id AND k.creditor_id = %(creditor)s
WHERE p.judged_on BETWEEN %(since)s AND %(as_of)s AND p.state IN ('kept', 'partly', 'broken')""",
    own=("channel", "collector"),
    sums=("judged", "kept", "promised_minor", "kept_minor"),
    days=AGREEMENT_DAYS,
)

PLANS = Grain(
    key="plans",
    source="""
SELECT p.customer_id, p.currency, p.ended_on AS day, p.origin AS channel, p.offered_by_id AS collector,
  1 AS ended, (p.state = 'done')::int AS kept
FROM payments_plan p JOIN ledger_customer k ON k.id = p.customer_id AND k.creditor_id = %(creditor)s
WHERE p.ended_on BETWEEN %(since)s AND %(as_of)s AND p.state IN ('done', 'broken')""",
    own=("channel", "collector"),
    sums=("ended", "kept"),
    days=AGREEMENT_DAYS,
)
