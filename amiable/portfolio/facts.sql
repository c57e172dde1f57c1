-- One row per customer and currency: what is measured as of a day, and the dates from which days are counted.
-- Residuals are the present ones rolled back by the entries that came later. `/* only x */` narrows to some customers,
-- `/* only known x */` and `/* or known later */` to what was known at some moment.
WITH later AS MATERIALIZED (
  SELECT invoice_id, credit_id, sum(amount_minor) AS moved,
         coalesce(sum(amount_minor) FILTER (WHERE kind IN ('interest', 'indemnity', 'fee')), 0) AS charged FROM ledger_entry
  WHERE (effective_on > %(as_of)s /* or known later */) AND kind NOT IN ('principal', 'receipt') GROUP BY invoice_id, credit_id
), later_invoice AS (
  SELECT l.*, (SELECT max(e.effective_on) FROM ledger_entry e
               WHERE e.invoice_id = l.id AND e.effective_on <= %(as_of)s /* only known e */
                 AND e.kind NOT IN ('interest', 'indemnity', 'fee')) AS settled_on
  FROM (SELECT invoice_id AS id, sum(moved) AS moved, sum(charged) AS charged FROM later WHERE invoice_id IS NOT NULL GROUP BY 1) l
), later_credit AS (SELECT credit_id AS id, sum(moved) AS moved FROM later WHERE credit_id IS NOT NULL GROUP BY 1
), held AS (
  SELECT x.invoice_id AS id, bool_or(x.kind = 'dispute') AS disputed FROM ledger_hold x
  WHERE x.invoice_id IS NOT NULL AND x.since <= %(as_of)s AND (x.until IS NULL OR x.until > %(as_of)s) /* only x */ GROUP BY 1
), invoice AS (
  SELECT x.creditor_id, x.customer_id, x.currency, x.account, x.issued_on, x.due_on, x.amount_minor,
         (x.open_minor - coalesce(l.moved, 0))::bigint AS open_minor, %(as_of)s - x.due_on AS late,
         -- What was invoiced is covered before the charges on it; charges that are still open make nothing late again.
         x.open_minor - coalesce(l.moved, 0) > x.charged_minor - coalesce(l.charged, 0) AS owing,
         CASE WHEN l.id IS NULL THEN x.settled_on
              WHEN x.open_minor - l.moved <= x.charged_minor - l.charged THEN l.settled_on END AS settled_on,
         h.id IS NOT NULL AS held, coalesce(h.disputed, false) AS disputed
  FROM ledger_invoice x LEFT JOIN later_invoice l ON l.id = x.id LEFT JOIN held h ON h.id = x.id
  WHERE x.issued_on <= %(as_of)s /* only known x */ /* only x */
), owed AS (
  SELECT creditor_id, customer_id, currency,
    coalesce(sum(open_minor), 0)::bigint AS open_minor,
    coalesce(sum(open_minor) FILTER (WHERE late <= 0), 0)::bigint AS not_due_minor,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN -7 AND 0), 0)::bigint AS due_7d_minor,
    coalesce(sum(open_minor) FILTER (WHERE late > 0), 0)::bigint AS overdue_minor,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 1 AND 30), 0)::bigint AS d30,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 31 AND 60), 0)::bigint AS d60,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 61 AND 90), 0)::bigint AS d90,
    coalesce(sum(open_minor) FILTER (WHERE late > 90), 0)::bigint AS d_over,
    coalesce(sum(open_minor) FILTER (WHERE held), 0)::bigint AS held_minor,
    coalesce(sum(open_minor) FILTER (WHERE disputed), 0)::bigint AS disputed_minor,
    coalesce(sum(open_minor) FILTER (WHERE account = 'doubtful'), 0)::bigint AS doubtful_minor,
    count(*) FILTER (WHERE open_minor > 0) AS open_count,
    count(*) FILTER (WHERE owing AND late > 0) AS overdue_count,
    min(due_on) FILTER (WHERE owing) AS oldest_due_on,
    count(*) FILTER (WHERE issued_on > %(as_of)s - 365) AS invoices_12m,
    coalesce(sum(amount_minor) FILTER (WHERE issued_on > %(as_of)s - 365), 0)::bigint AS billed_12m_minor,
    count(*) FILTER (WHERE settled_on > %(as_of)s - 365) AS settled_12m,
    count(*) FILTER (WHERE (settled_on > %(as_of)s - 365 AND settled_on > due_on) OR (owing AND late > 0)) AS late_12m,
    count(*) FILTER (WHERE settled_on > %(as_of)s - 365 OR (owing AND late > 0)) AS judged_12m,
    max(settled_on - due_on) FILTER (WHERE settled_on > %(as_of)s - 365) AS worst_late_12m,
    sum((settled_on - issued_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 365) AS took_12m,
    sum((settled_on - due_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 365) AS late_by_12m,
    sum((settled_on - due_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 182) AS late_by_6m,
    sum((settled_on - due_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 91) AS late_by_3m,
    nullif(sum(amount_minor) FILTER (WHERE settled_on > %(as_of)s - 365), 0) AS weight_12m,
    nullif(sum(amount_minor) FILTER (WHERE settled_on > %(as_of)s - 182), 0) AS weight_6m,
    nullif(sum(amount_minor) FILTER (WHERE settled_on > %(as_of)s - 91), 0) AS weight_3m,
    min(issued_on) AS first_on
  FROM invoice GROUP BY 1, 2, 3
), money AS (
  SELECT x.creditor_id, x.customer_id, x.currency, sum(x.open_minor - coalesce(l.moved, 0))::bigint AS credit_minor,
         max(x.received_on) FILTER (WHERE x.kind = 'payment') AS last_paid_on,
         count(*) FILTER (WHERE x.kind = 'payment' AND x.confirmed_by_id IS NULL
                                AND x.received_on > %(as_of)s - 365) AS payments_12m,
         coalesce(sum(x.amount_minor) FILTER (WHERE x.kind = 'payment' AND x.confirmed_by_id IS NULL
                                                    AND x.received_on > %(as_of)s - 365), 0)::bigint AS paid_12m_minor
  FROM ledger_credit x LEFT JOIN later_credit l ON l.id = x.id
  WHERE x.customer_id IS NOT NULL AND x.received_on <= %(as_of)s /* only known x */ /* only x */ GROUP BY 1, 2, 3
), told AS MATERIALIZED (
  -- What went by another channel instead is one contact with what had failed, and a call where any of it rang.
  SELECT x.customer_id, max(x.as_of) AS day, bool_or(x.medium = 'ivr') AS rang, bool_or(x.medium = 'email') AS mailed,
         CASE WHEN bool_or(x.purpose = 'courtesy_notice') THEN 'courtesy'
              WHEN bool_or(x.medium = 'ivr') THEN 'call' ELSE 'reminder' END AS sort,
         false AS answered
  FROM outreach_message x WHERE x.capped AND x.state IN ('sent', 'in_doubt') AND x.as_of <= %(as_of)s /* only x */
  GROUP BY x.customer_id, coalesce(x.instead_of_id, x.id)
  UNION ALL
  SELECT x.customer_id, (x.done_at AT TIME ZONE %(zone)s)::date, x.kind = 'call', false,
         CASE x.kind WHEN 'call' THEN 'call' ELSE 'reminder' END,
         x.outcome IN ('promise', 'paid', 'dispute', 'refused', 'call_back')
  FROM casework_task x
  WHERE x.kind IN ('call', 'manual') AND x.done_at < %(end)s AND x.outcome NOT IN ('settled', 'declined') /* only x */
), contact AS (
  SELECT customer_id, max(day) AS last_on, count(*) FILTER (WHERE day > %(as_of)s - 7) AS week,
         -- A telephone that rings is a call, whoever speaks.
         count(*) FILTER (WHERE day > %(as_of)s - 7 AND rang) AS week_calls,
         count(*) FILTER (WHERE day > %(as_of)s - 30) AS month,
         count(*) FILTER (WHERE day > %(as_of)s - 30 AND mailed) AS emails,
         count(*) FILTER (WHERE day > %(as_of)s - 30 AND rang) AS calls,
         count(*) FILTER (WHERE day > %(as_of)s - 90 AND answered) AS answered
  FROM told GROUP BY 1
), reaction AS (
  SELECT customer_id, count(*) FILTER (WHERE sort = 'courtesy') AS courtesies,
    count(*) FILTER (WHERE sort = 'courtesy' AND paid) AS courtesies_paid,
    count(*) FILTER (WHERE sort = 'reminder') AS reminders, count(*) FILTER (WHERE sort = 'reminder' AND paid) AS reminders_paid,
    count(*) FILTER (WHERE sort = 'call') AS calls, count(*) FILTER (WHERE sort = 'call' AND paid) AS calls_paid
  FROM (SELECT t.*, EXISTS (SELECT FROM ledger_credit c WHERE c.customer_id = t.customer_id AND c.kind = 'payment'
                            AND c.received_on > t.day AND c.received_on <= t.day + 7) AS paid
        FROM told t WHERE t.day > %(as_of)s - 365 AND t.day <= %(as_of)s - 8) asked
  GROUP BY 1
), opened AS (
  SELECT x.customer_id, max((e.at AT TIME ZONE %(zone)s)::date) FILTER (WHERE e.kind IN ('opened', 'clicked')) AS opened_on,
         max((e.at AT TIME ZONE %(zone)s)::date) FILTER (WHERE e.kind = 'bounced') AS bounced_on
  FROM outreach_event e JOIN outreach_message x ON x.id = e.message_id
  WHERE e.at < %(end)s AND e.kind IN ('opened', 'clicked', 'bounced') /* only x */ GROUP BY 1
), reply AS (
  SELECT x.customer_id, max((x.at AT TIME ZONE %(zone)s)::date) AS last_on FROM outreach_reply x
  WHERE x.customer_id IS NOT NULL AND NOT x.automatic AND x.at < %(end)s /* only x */ GROUP BY 1
), silent AS (
  SELECT x.customer_id FROM outreach_optout x
  WHERE x.since < %(end)s AND (x.until IS NULL OR x.until >= %(end)s) /* only x */ GROUP BY 1
), failed AS (
  SELECT x.customer_id, max((x.ended_at AT TIME ZONE %(zone)s)::date) AS last_on,
         count(*) FILTER (WHERE (x.ended_at AT TIME ZONE %(zone)s)::date > %(as_of)s - 30) AS month
  FROM payments_attempt x
  WHERE x.state IN ('failed', 'abandoned') AND x.started_at IS NOT NULL AND x.ended_at < %(end)s /* only x */ GROUP BY 1
), dispute AS (
  SELECT x.customer_id, count(*) FILTER (WHERE x.resolved_at IS NULL OR x.resolved_at >= %(end)s) AS n,
         count(*) FILTER (WHERE (x.opened_at AT TIME ZONE %(zone)s)::date > %(as_of)s - 365) AS year
  FROM casework_dispute x WHERE x.opened_at < %(end)s /* only x */ GROUP BY 1
), promise AS (
  SELECT x.customer_id, count(*) FILTER (WHERE x.state = 'kept' AND x.judged_on <= %(as_of)s) AS kept,
         count(*) FILTER (WHERE x.state IN ('broken', 'partly') AND x.judged_on <= %(as_of)s) AS broken,
         count(*) FILTER (WHERE x.judged_on IS NULL OR x.judged_on > %(as_of)s) AS running,
         max(x.judged_on) FILTER (WHERE x.state IN ('broken', 'partly') AND x.judged_on <= %(as_of)s) AS broken_on
  FROM payments_promise x WHERE x.taken_at < %(end)s /* only x */ GROUP BY 1
), plan AS (
  SELECT x.customer_id, count(*) FILTER (WHERE (x.agreed_at AT TIME ZONE %(zone)s)::date > %(as_of)s - 365) AS year,
         count(*) FILTER (WHERE x.ended_on IS NULL OR x.ended_on > %(as_of)s) AS running,
         count(*) FILTER (WHERE x.state = 'broken' AND x.ended_on <= %(as_of)s) AS broken
  FROM payments_plan x WHERE x.agreed_at < %(end)s /* only x */ GROUP BY 1
), mandate AS (
  SELECT x.customer_id FROM payments_mandate x
  WHERE x.signed_on <= %(as_of)s AND (x.ended_on IS NULL OR x.ended_on > %(as_of)s) /* only x */ GROUP BY 1
), survey AS (
  SELECT x.customer_id, (array_agg(x.score ORDER BY x.answered_at DESC, x.id DESC))[1] AS score FROM casework_surveyanswer x
  WHERE x.answered_at < %(end)s /* only x */ GROUP BY 1
), state AS (
  SELECT x.customer_id, bool_or(x.kind = 'vulnerable') AS vulnerable, bool_or(x.kind = 'insolvency') AS insolvent,
         bool_or(x.kind = 'placed') AS placed
  FROM ledger_hold x
  WHERE x.kind IN ('vulnerable', 'insolvency', 'placed') AND x.since <= %(as_of)s AND (x.until IS NULL OR x.until > %(as_of)s)
    /* only x */ GROUP BY 1
)
SELECT creditor_id, customer_id, currency,
  coalesce(o.open_minor, 0), coalesce(o.not_due_minor, 0), coalesce(o.due_7d_minor, 0), coalesce(o.overdue_minor, 0),
  coalesce(o.d30, 0), coalesce(o.d60, 0), coalesce(o.d90, 0), coalesce(o.d_over, 0), coalesce(m.credit_minor, 0),
  coalesce(o.held_minor, 0), coalesce(o.disputed_minor, 0), coalesce(o.doubtful_minor, 0), coalesce(o.billed_12m_minor, 0),
  coalesce(m.paid_12m_minor, 0), coalesce(o.open_count, 0), coalesce(o.overdue_count, 0), coalesce(o.invoices_12m, 0),
  coalesce(o.settled_12m, 0), coalesce(o.late_12m, 0), coalesce(m.payments_12m, 0), o.late_12m::float / nullif(o.judged_12m, 0),
  (o.late_by_12m / o.weight_12m)::float, (o.late_by_6m / o.weight_6m)::float, (o.late_by_3m / o.weight_3m)::float,
  o.worst_late_12m, (o.took_12m / o.weight_12m)::float,
  coalesce(d.n, 0), coalesce(d.year, 0), coalesce(p.kept, 0), coalesce(p.broken, 0), coalesce(p.running, 0), coalesce(l.year, 0),
  coalesce(l.running, 0), coalesce(l.broken, 0),
  coalesce(t.week, 0), coalesce(t.week_calls, 0), coalesce(t.month, 0), coalesce(t.emails, 0), coalesce(t.calls, 0), coalesce(t.answered, 0),
  coalesce(r.courtesies, 0), coalesce(r.courtesies_paid, 0), coalesce(r.reminders, 0), coalesce(r.reminders_paid, 0),
  coalesce(r.calls, 0), coalesce(r.calls_paid, 0), coalesce(f.month, 0), s.score,
  q.customer_id IS NOT NULL, n.customer_id IS NOT NULL, coalesce(h.vulnerable, false), coalesce(h.insolvent, false),
  coalesce(h.placed, false),
  o.oldest_due_on, o.first_on, m.last_paid_on, t.last_on, w.opened_on, y.last_on, w.bounced_on, f.last_on, p.broken_on
FROM owed o FULL JOIN money m USING (creditor_id, customer_id, currency)
LEFT JOIN contact t USING (customer_id) LEFT JOIN reaction r USING (customer_id) LEFT JOIN opened w USING (customer_id)
LEFT JOIN reply y USING (customer_id) LEFT JOIN silent q USING (customer_id) LEFT JOIN failed f USING (customer_id)
LEFT JOIN dispute d USING (customer_id) LEFT JOIN promise p USING (customer_id) LEFT JOIN plan l USING (customer_id)
LEFT JOIN mandate n USING (customer_id) LEFT JOIN survey s USING (customer_id) LEFT JOIN state h USING (customer_id)
