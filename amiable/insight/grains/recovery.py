"""Cases and what came of them, by the way it came; money that came in; what campaigns brought; who bought again.

In an amount recovered, credit notes, write-offs and later charges have no part. Money counts once: a provisional credit
that the cash authority confirmed is left to the authority's own row.
"""

from typing import TYPE_CHECKING

import polars as pl

from amiable.insight.grain import Grain
from amiable.insight.grains.contact import RIGHT_PARTY
from amiable.scenario.tally import DAYS as CAMPAIGN_DAYS

if TYPE_CHECKING:
    from amiable.insight.gather import Gathered

CASE_DAYS = 90
OTHER = "other"  # transfer, cheque: money that no try to pay brought
HORIZONS = (3, 6, 12)  # months

# How far a case came: nobody was contacted, contacted, known to be reached, tried to pay. A try to pay after the first contact
# says that it has reached; one without a contact, or before it, is the customer's own.
STAGES = ("due", "contacted", "reached", "tried")

# What was told in each case, and the cases of which a try to pay came of it.
STAGED = """heard AS (
  SELECT DISTINCT message_id FROM outreach_event WHERE at >= %(before)s AND (at AT TIME ZONE %(zone)s)::date <= %(as_of)s
    AND kind IN ('opened', 'clicked', 'replied') AND (%(among)s::bigint[] IS NULL
      OR message_id IN (SELECT id FROM outreach_message WHERE customer_id = ANY(%(among)s)))),
told AS (
  SELECT x.id, bool_or(x.reached) AS reached, min(x.at) AS first_at FROM (
    SELECT k.id, h.message_id IS NOT NULL OR m.medium = 'ivr' AND EXISTS (
      SELECT FROM outreach_event v WHERE v.message_id = m.id AND v.kind = 'delivered') AS reached, m.sent_at AS at
    FROM casework_case k
    JOIN outreach_message m ON m.customer_id = k.customer_id AND m.currency = k.currency AND m.state = 'sent' AND m.capped
      AND m.as_of BETWEEN k.opened_on AND least(k.closed_on, %(as_of)s)
    LEFT JOIN heard h ON h.message_id = m.id
    WHERE k.creditor_id = %(creditor)s AND m.creditor_id = %(creditor)s AND m.as_of >= %(since)s
      AND k.opened_on BETWEEN %(since)s AND %(as_of)s AND (%(among)s::bigint[] IS NULL OR k.customer_id = ANY(%(among)s))
    UNION ALL SELECT k.id, t.outcome IN (@SPOKEN@), t.done_at FROM casework_case k
    JOIN casework_task t ON t.customer_id = k.customer_id AND t.kind IN ('call', 'manual')
      AND t.outcome NOT IN ('settled', 'declined')
      AND (t.done_at AT TIME ZONE %(zone)s)::date BETWEEN k.opened_on AND least(k.closed_on, %(as_of)s)
    WHERE k.creditor_id = %(creditor)s AND k.opened_on BETWEEN %(since)s AND %(as_of)s
      AND (%(among)s::bigint[] IS NULL OR k.customer_id = ANY(%(among)s))) x GROUP BY 1),
tried AS (
  SELECT DISTINCT k.id FROM told t JOIN casework_case k ON k.id = t.id
  JOIN payments_attempt a ON a.customer_id = k.customer_id AND a.currency = k.currency AND a.started_at >= t.first_at
    AND (a.started_at AT TIME ZONE %(zone)s)::date BETWEEN k.opened_on AND least(k.closed_on, %(as_of)s)
  WHERE k.creditor_id = %(creditor)s AND a.creditor_id = %(creditor)s AND a.started_at >= %(before)s
    AND k.opened_on BETWEEN %(since)s AND %(as_of)s)""".replace("@SPOKEN@", RIGHT_PARTY)
STAGED_JOINS = "LEFT JOIN told t ON t.id = k.id LEFT JOIN tried y ON y.id = k.id"
STAGE = (
    "CASE WHEN t.id IS NULL THEN 'due' WHEN y.id IS NOT NULL THEN 'tried' WHEN t.reached THEN 'reached' "
    "ELSE 'contacted' END"
)

# What was overdue when the case opened, less what of it is still open, less what left by other ways than money.
OUTCOMES = f"""
WITH owed AS MATERIALIZED (
  SELECT k.id AS case_id, k.customer_id, k.currency, k.opened_on, k.opened_overdue_minor, i.id, i.open_minor
  FROM casework_case k
  LEFT JOIN ledger_invoice i ON i.customer_id = k.customer_id AND i.currency = k.currency AND i.due_on < k.opened_on
    AND i.issued_on <= %(as_of)s AND (i.open_minor > 0 OR i.settled_on >= k.opened_on)
  WHERE k.opened_on BETWEEN %(since)s AND %(as_of)s AND k.creditor_id = %(creditor)s
    AND (%(among)s::bigint[] IS NULL OR k.customer_id = ANY(%(among)s))),
{STAGED},
sums AS (
  -- Stacked, not joined: a planner that takes both sides for a handful of rows would read one again for each row of the other.
  SELECT case_id, sum(left_minor) AS left_minor, sum(forgone_minor) AS forgone_minor FROM (
    SELECT case_id, open_minor AS left_minor, 0 AS forgone_minor FROM owed
    UNION ALL SELECT o.case_id,
      CASE WHEN e.effective_on > %(as_of)s OR e.kind IN ('interest', 'indemnity', 'fee') THEN -e.amount_minor ELSE 0 END,
      CASE WHEN e.effective_on <= %(as_of)s AND (e.kind = 'write_off'
        OR (e.kind IN ('allocation', 'reversal') AND c.kind <> 'payment')) THEN -e.amount_minor ELSE 0 END
    FROM owed o
    JOIN ledger_entry e ON e.invoice_id = o.id AND e.effective_on >= o.opened_on
    LEFT JOIN ledger_credit c ON c.id = e.credit_id) x
  GROUP BY 1)
SELECT k.currency, k.customer_id, k.opened_on, k.id, c.key, c.version, k.responsible_id, s.segment, u.branch_id,
  nullif(u.sector, ''), k.opened_overdue_minor,
  greatest(0, least(k.opened_overdue_minor,
    k.opened_overdue_minor - coalesce(o.left_minor, 0) - coalesce(o.forgone_minor, 0)))::bigint,
  1, r.cured::int, CASE WHEN r.cured THEN k.closed_on - k.opened_on ELSE 0 END, (r.cured AND t.id IS NULL)::int,
  {STAGE}
FROM sums o JOIN casework_case k ON k.id = o.case_id JOIN ledger_customer u ON u.id = k.customer_id
CROSS JOIN LATERAL (SELECT coalesce(k.closed_because = 'paid' AND k.closed_on <= %(as_of)s, false) AS cured) r
{STAGED_JOINS} LEFT JOIN scenario_scenario c ON c.id = k.scenario_ref
LEFT JOIN portfolio_membership s ON s.customer_id = k.customer_id AND s.currency = k.currency
  AND s.since <= k.opened_on AND (s.until IS NULL OR s.until > k.opened_on)"""
_CASE = {
    "currency": pl.String, "customer": pl.Int64, "day": pl.Date, "case": pl.Int64, "scenario": pl.String, "version": pl.Int64,
    "collector": pl.Int64, "segment": pl.String, "branch": pl.Int64, "sector": pl.String, "due_minor": pl.Int64,
    "recovered_minor": pl.Int64, "cases": pl.Int64, "cured": pl.Int64, "cure_days": pl.Int64, "self_cured": pl.Int64,
    "stage": pl.String,
}  # fmt: skip

# What the money of tries to pay settled of what was overdue when a case opened, by the way it came. What another word for
# the same money took over is told by that one.
WAYS = """
WITH tries AS (
  SELECT coalesce(c.confirmed_by_id, c.id) AS credit_id, a.journey, a.step, a.campaign_ref, m.medium, m.purpose, m.tone
  FROM payments_attempt a JOIN ledger_credit c ON c.id = a.credit_id LEFT JOIN outreach_message m ON m.id = a.message_ref
  WHERE a.opened_at >= %(before)s AND a.creditor_id = %(creditor)s)
SELECT k.id, t.journey, nullif(t.step, ''), t.campaign_ref, t.medium, t.purpose, t.tone, -sum(e.amount_minor)::bigint
FROM tries t
JOIN ledger_entry e ON e.credit_id = t.credit_id AND e.kind IN ('allocation', 'reversal') AND e.effective_on <= %(as_of)s
JOIN ledger_invoice i ON i.id = e.invoice_id
JOIN casework_case k ON k.customer_id = i.customer_id AND k.currency = i.currency AND i.due_on < k.opened_on
  AND e.effective_on >= k.opened_on AND k.opened_on BETWEEN %(since)s AND %(as_of)s AND k.opened_overdue_minor > 0
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(e.amount_minor) < 0"""
_WAY = {
    "case": pl.Int64, "journey": pl.String, "step": pl.String, "campaign": pl.Int64, "channel": pl.String,
    "template": pl.String, "tone": pl.String, "paid_minor": pl.Int64,
}  # fmt: skip
BY_WAY = ("journey", "step", "campaign", "channel", "template", "tone")


def _cases(gathered: "Gathered") -> pl.DataFrame:
    """A row per case, and one more for each way by which a part of what was recovered came.

    A part never exceeds what is left of the whole: charges that were paid too are no recovery of what was overdue.
    What no try brought came by another way.
    """
    cases = gathered.read(OUTCOMES, _CASE, since=gathered.begin(CASES))
    paid = gathered.read(WAYS, _WAY, since=gathered.begin(CASES))
    names = list(CASES.schema)
    if paid.height == 0:
        return cases.select(*(_way(name, cases.schema) for name in names))
    parts = paid.join(cases, on="case").sort("case", "journey", "step", "campaign", nulls_last=True)
    before = (pl.col("paid_minor").cum_sum() - pl.col("paid_minor")).over("case")
    part = pl.min_horizontal("paid_minor", (pl.col("recovered_minor") - before).clip(0))
    none = [pl.lit(0, pl.Int64).alias(name) for name in ("due_minor", "cases", "cured", "cure_days", "self_cured")]
    ways = parts.with_columns(*none, recovered_minor=part)
    known = ways.group_by("case").agg(known=pl.col("recovered_minor").sum())
    rest = cases.join(known, on="case", how="left").with_columns(
        pl.col("recovered_minor") - pl.col("known").fill_null(0)
    )
    rest = rest.select(*(_way(name, cases.schema) for name in names))
    return pl.concat([rest, ways.select(names)])


def _way(name: str, known: pl.Schema) -> pl.Expr:
    """A column of the rows whose money came by no try to pay."""
    if name in known:
        return pl.col(name)
    if name == "journey":
        return pl.when(pl.col("recovered_minor") > 0).then(pl.lit(OTHER)).alias(name)
    return pl.lit(None, CASES.schema[name]).alias(name)


CASES = Grain(
    key="cases",
    made=_cases,
    own=("scenario", "version", "collector", "stage", *BY_WAY),
    sums=("due_minor", "recovered_minor", "cases", "cured", "cure_days", "self_cured"),
    days=CASE_DAYS,
    settles=CASE_DAYS,
    each=True,
)

# What the customers of a campaign owed when it was frozen, and what came on the invoices that it spoke of soon after.
CAMPAIGNS = Grain(
    key="campaigns",
    source=f"""
SELECT m.customer_id, m.currency, m.as_of AS day, m.campaign_ref AS campaign, m.medium AS channel, m.purpose AS template, m.tone,
  r.amount_minor AS asked_minor, least(coalesce(p.paid, 0), r.amount_minor) AS paid_minor
FROM scenario_recipient r JOIN outreach_message m ON m.customer_id = r.customer_id AND m.campaign_ref = r.campaign_id
LEFT JOIN LATERAL (
  SELECT -sum(e.amount_minor) AS paid FROM ledger_entry e JOIN ledger_credit c ON c.id = e.credit_id AND c.kind = 'payment'
  WHERE e.invoice_id = ANY(m.about) AND e.kind IN ('allocation', 'reversal') AND e.effective_on <= %(as_of)s
    AND e.effective_on >= (m.sent_at AT TIME ZONE %(zone)s)::date
    AND e.effective_on < (m.sent_at AT TIME ZONE %(zone)s)::date + {CAMPAIGN_DAYS}) p ON true
WHERE m.creditor_id = %(creditor)s AND m.state IN ('sent', 'in_doubt') AND m.as_of BETWEEN %(since)s AND %(as_of)s""",
    own=("campaign", "channel", "template", "tone"),
    sums=("asked_minor", "paid_minor"),
    days=CASE_DAYS,
)

MONEY_IN = Grain(
    key="money_in",
    source="""
SELECT customer_id, currency, received_on AS day, amount_minor AS received_minor, 0 AS recovered_minor FROM ledger_credit
WHERE creditor_id = %(creditor)s AND kind = 'payment' AND confirmed_by_id IS NULL
  AND received_on BETWEEN %(since)s AND %(as_of)s
UNION ALL
SELECT c.customer_id, c.currency, e.effective_on, CASE e.kind WHEN 'refund' THEN e.amount_minor ELSE 0 END,
  CASE WHEN e.kind <> 'refund' AND i.due_on < e.effective_on THEN -e.amount_minor ELSE 0 END
FROM ledger_entry e JOIN ledger_credit c ON c.id = e.credit_id LEFT JOIN ledger_invoice i ON i.id = e.invoice_id
WHERE e.effective_on BETWEEN %(since)s AND %(as_of)s AND c.creditor_id = %(creditor)s AND c.kind = 'payment'
  AND ((e.kind = 'refund' AND c.confirmed_by_id IS NULL) OR e.kind IN ('allocation', 'reversal'))""",
    sums=("received_minor", "recovered_minor"),
)

# Customers whose case opened in the month that ended so many months ago, and what they were billed before and since.
TREATED = Grain(
    key="treated",
    source=f"""
SELECT k.customer_id, k.currency, %(as_of)s::date AS day, h.months, c.key AS scenario, c.version, k.responsible_id AS collector,
  1 AS treated, (b.since > 0)::int AS again, b.before AS before_minor, b.since AS since_minor
FROM (VALUES {", ".join(f"({n})" for n in HORIZONS)}) h(months)
CROSS JOIN LATERAL (
  SELECT DISTINCT ON (customer_id, currency) * FROM casework_case
  WHERE creditor_id = %(creditor)s
    AND opened_on > (%(as_of)s::date - h.months * interval '1 month')::date - 30
    AND opened_on <= (%(as_of)s::date - h.months * interval '1 month')::date
  ORDER BY customer_id, currency, opened_on) k
CROSS JOIN LATERAL (
  SELECT coalesce(sum(i.amount_minor) FILTER (WHERE i.issued_on <= k.opened_on), 0) AS before,
    coalesce(sum(i.amount_minor) FILTER (WHERE i.issued_on > k.opened_on), 0) AS since
  FROM ledger_invoice i WHERE i.customer_id = k.customer_id AND i.currency = k.currency AND i.kind <> 'debit_note'
    AND i.issued_on > (k.opened_on - h.months * interval '1 month')::date
    AND i.issued_on <= (k.opened_on + h.months * interval '1 month')::date) b
LEFT JOIN scenario_scenario c ON c.id = k.scenario_ref""",
    own=("months", "scenario", "version", "collector"),
    sums=("treated", "again", "before_minor", "since_minor"),
    stock=True,
)
