"""What customers contest, by cause and age, and what they thought of us."""

from amiable.insight.grain import Grain

SATISFIED = 8  # of 10, as the two best of five
PROMOTER, DETRACTOR = 9, 6
SATISFACTION_DAYS = 90

# Those that stood open at the end of the day; a dispute of the whole is of the invoice's amount.
OPEN_DISPUTES = Grain(
    key="open_disputes",
    source="""
SELECT d.customer_id, i.currency, %(as_of)s::date AS day, d.reason AS cause, d.owner_id AS collector,
  CASE WHEN g.age <= 7 THEN '0_7' WHEN g.age <= 30 THEN '8_30' WHEN g.age <= 60 THEN '31_60' ELSE 'over_60' END AS age,
  1 AS disputes, g.age AS age_days, coalesce(d.disputed_minor, i.amount_minor) AS disputed_minor
FROM casework_dispute d JOIN ledger_invoice i ON i.id = d.invoice_id
CROSS JOIN LATERAL (SELECT %(as_of)s::date - (d.opened_at AT TIME ZONE %(zone)s)::date AS age) g
WHERE i.creditor_id = %(creditor)s AND g.age >= 0
  AND (d.resolved_at IS NULL OR (d.resolved_at AT TIME ZONE %(zone)s)::date > %(as_of)s)""",
    own=("cause", "age", "collector"),
    sums=("disputes", "age_days", "disputed_minor"),
    stock=True,
)

DISPUTES = Grain(
    key="disputes",
    source="""
SELECT d.customer_id, i.currency, w.day, d.reason AS cause, d.owner_id AS collector, w.opened, w.resolved,
  w.days AS resolve_days
FROM casework_dispute d JOIN ledger_invoice i ON i.id = d.invoice_id
CROSS JOIN LATERAL (SELECT (d.opened_at AT TIME ZONE %(zone)s)::date AS began,
  (d.resolved_at AT TIME ZONE %(zone)s)::date AS over) o
CROSS JOIN LATERAL (VALUES (o.began, 1, 0, 0), (o.over, 0, 1, o.over - o.began)) w(day, opened, resolved, days)
WHERE i.creditor_id = %(creditor)s AND w.day BETWEEN %(since)s AND %(as_of)s""",
    own=("cause", "collector"),
    sums=("opened", "resolved", "resolve_days"),
)

# `change`: against the answer that the same customer gave before. The step is the last one before what was asked about.
ANSWERS = Grain(
    key="answers",
    source=f"""
SELECT a.customer_id, %(currency)s AS currency, a.day, a.after, a.step, 1 AS answers,
  (a.score >= {SATISFIED})::int AS satisfied, (a.recommend IS NOT NULL)::int AS advised,
  (a.recommend >= {PROMOTER})::int - (a.recommend <= {DETRACTOR})::int AS promoted, (a.former IS NOT NULL)::int AS again,
  a.score - a.former AS change
FROM (
  SELECT v.customer_id, q.after, q.step, v.score, v.recommend, (v.answered_at AT TIME ZONE %(zone)s)::date AS day,
    lag(v.score) OVER (PARTITION BY v.customer_id ORDER BY v.answered_at, v.id) AS former
  FROM casework_surveyanswer v JOIN casework_surveyask q ON q.id = v.ask_id
  JOIN ledger_customer k ON k.id = v.customer_id AND k.creditor_id = %(creditor)s) a
WHERE a.day BETWEEN %(since)s AND %(as_of)s""",
    own=("after", "step"),
    sums=("answers", "satisfied", "advised", "promoted", "again", "change"),
    days=SATISFACTION_DAYS,
)
