"""What was known on a day of what is waited for: open amounts with their day, and the past from which habits are learnt.

In: the books of a creditor (or one customer), a day. Out: Polars tables. Never: anything that took effect or was learnt after
the day; money of one currency beside that of another.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from amiable.core import tables
from amiable.core.calendar import end_of_day
from amiable.insight.forecast import divide, habits
from amiable.insight.forecast.divide import OUT
from amiable.insight.forecast.weeks import LANDMARKS
from amiable.ledger.models import Creditor, Customer

# The past that is read: a year, seen from each of the past weeks by which the band is measured.
DAYS = habits.YEAR + 7 * LANDMARKS
# A load of which so many had been settled before it brings history; else it tells only of what happened to be open.
HISTORY_SHARE = 0.05
# So many days after its day a promise says nothing any more.
STALE = 30

_WHOSE = "{row}.creditor_id = %(creditor)s AND (%(customer)s::bigint IS NULL OR {row}.{column} = %(customer)s)"
_INVOICES = f"""
WITH later AS MATERIALIZED (
  SELECT invoice_id AS id, sum(amount_minor) AS moved,
         coalesce(sum(amount_minor) FILTER (WHERE kind IN ('interest', 'indemnity', 'fee')), 0) AS charged
  FROM ledger_entry WHERE (effective_on > %(as_of)s OR known_at >= %(end)s) AND kind <> 'principal' AND invoice_id IS NOT NULL
    /* only of the customer's invoices */
  GROUP BY 1)
SELECT * FROM (
  SELECT i.id, i.customer_id, i.currency, i.due_on, i.issued_on, (i.known_at AT TIME ZONE %(zone)s)::date, i.amount_minor,
    greatest(i.open_minor - coalesce(l.moved, 0) - i.charged_minor + coalesce(l.charged, 0), 0)::bigint,
    CASE WHEN l.id IS NULL THEN i.settled_on WHEN i.open_minor - l.moved <= i.charged_minor - l.charged THEN (
      SELECT max(e.effective_on) FROM ledger_entry e WHERE e.invoice_id = i.id AND e.effective_on <= %(as_of)s
        AND e.known_at < %(end)s AND e.kind NOT IN ('interest', 'indemnity', 'fee')) END AS settled_on
  FROM ledger_invoice i LEFT JOIN later l ON l.id = i.id
  WHERE i.issued_on <= %(as_of)s AND i.known_at < %(end)s AND {_WHOSE.format(row="i", column="customer_id")}) x
WHERE settled_on IS NULL OR settled_on >= %(first)s"""
INVOICES = {
    "invoice": pl.Int64, "customer": pl.Int64, "currency": pl.String, "due_on": pl.Date, "issued_on": pl.Date,
    "known_on": pl.Date, "amount": pl.Int64, "open": pl.Int64, "until": pl.Date,
}  # fmt: skip
_CUSTOMERS = f"""
SELECT u.id, u.kind || ' ' || coalesce(min(m.segment), '') FROM ledger_customer u
LEFT JOIN portfolio_membership m ON m.customer_id = u.id AND m.since <= %(as_of)s AND (m.until IS NULL OR m.until > %(as_of)s)
WHERE {_WHOSE.format(row="u", column="id")} GROUP BY u.id"""
# What ended without money: credit notes, what was given up.
_FORGONE = f"""
SELECT e.invoice_id, -sum(e.amount_minor)::bigint FROM ledger_entry e JOIN ledger_invoice i ON i.id = e.invoice_id
LEFT JOIN ledger_credit c ON c.id = e.credit_id
WHERE e.effective_on BETWEEN %(first)s AND %(as_of)s AND e.known_at < %(end)s /* only of the customer's invoices */
  AND (e.kind = 'write_off' OR (e.kind IN ('allocation', 'reversal') AND c.kind <> 'payment'))
  AND {_WHOSE.format(row="i", column="customer_id")}
GROUP BY 1"""
# Money and credit notes that are there and have not found their invoice: no invoice will bring that money once more.
_CREDITS = f"""
WITH later AS (
  SELECT credit_id AS id, sum(amount_minor) AS moved FROM ledger_entry
  WHERE (effective_on > %(as_of)s OR known_at >= %(end)s) AND kind <> 'receipt' AND credit_id IS NOT NULL
    /* only of the customer's credits */ GROUP BY 1)
SELECT c.customer_id, c.currency, sum(c.open_minor - coalesce(l.moved, 0))::bigint
FROM ledger_credit c LEFT JOIN later l ON l.id = c.id
WHERE c.received_on <= %(as_of)s AND c.known_at < %(end)s AND (c.open_minor > 0 OR l.id IS NOT NULL)
  AND c.customer_id IS NOT NULL AND {_WHOSE.format(row="c", column="customer_id")}
GROUP BY 1, 2 HAVING sum(c.open_minor - coalesce(l.moved, 0)) > 0"""
# From when on an invoice is waited for by another day than its due date, and when that was over.
_OF = _WHOSE.format(row="u", column="id")
# An amount told of several invoices lies on what each of them was open for then, the oldest due first: never on all of them.
_LAID = """
CROSS JOIN LATERAL (
  SELECT n.id AS invoice, {row}.amount_minor AS minor FROM unnest({row}.invoices) n(id) WHERE cardinality({row}.invoices) = 1
  UNION ALL
  SELECT o.invoice, least(o.owed, {row}.amount_minor - sum(o.owed) OVER (ORDER BY o.due_on, o.invoice) + o.owed)::bigint
  FROM (
    SELECT i.id AS invoice, i.due_on, greatest(sum(e.amount_minor), 0) AS owed
    FROM ledger_invoice i JOIN ledger_entry e ON e.invoice_id = i.id AND e.known_at <= {row}.{at}
    WHERE i.id = ANY({row}.invoices) AND cardinality({row}.invoices) > 1 GROUP BY i.id) o) laid"""
_MARKS = f"""
SELECT invoice, part, source, at, day, minor FROM (
  SELECT laid.invoice, 'promise' AS part, (p.taken_at AT TIME ZONE %(zone)s)::date AS at, p.promised_for AS day, laid.minor,
    p.id AS source
  FROM payments_promise p JOIN ledger_customer u ON u.id = p.customer_id {_LAID.format(row="p", at="taken_at")}
  WHERE p.taken_at < %(end)s AND laid.minor > 0 AND {_OF}
  UNION ALL
  SELECT unnest(p.invoices), 'end:promise', p.promised_for + {STALE}, NULL, NULL, p.id
  FROM payments_promise p JOIN ledger_customer u ON u.id = p.customer_id
  WHERE p.taken_at < %(end)s AND p.promised_for + {STALE} <= %(as_of)s AND {_OF}
  UNION ALL
  SELECT d.invoice_id, 'dispute', (d.opened_at AT TIME ZONE %(zone)s)::date, (d.opened_at AT TIME ZONE %(zone)s)::date,
    d.disputed_minor, d.id
  FROM casework_dispute d JOIN ledger_customer u ON u.id = d.customer_id WHERE d.opened_at < %(end)s AND {_OF}
  UNION ALL
  SELECT d.invoice_id, 'end:dispute', (d.resolved_at AT TIME ZONE %(zone)s)::date, NULL, NULL, d.id
  FROM casework_dispute d JOIN ledger_customer u ON u.id = d.customer_id WHERE d.resolved_at < %(end)s AND {_OF}
  UNION ALL
  SELECT unnest(l.invoices), 'plan', (l.agreed_at AT TIME ZONE %(zone)s)::date, NULL, NULL, l.id
  FROM payments_plan l JOIN ledger_customer u ON u.id = l.customer_id WHERE l.agreed_at < %(end)s AND {_OF}
  UNION ALL
  SELECT unnest(l.invoices), 'end:plan', l.ended_on, NULL, NULL, l.id
  FROM payments_plan l JOIN ledger_customer u ON u.id = l.customer_id
  WHERE l.agreed_at < %(end)s AND l.ended_on <= %(as_of)s AND {_OF}
  UNION ALL
  SELECT i.id, 'debit', greatest((o.given_at AT TIME ZONE %(zone)s)::date, i.issued_on), i.due_on, NULL, o.id
  FROM payments_standingorder o JOIN ledger_customer u ON u.id = o.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND i.currency = o.currency
    AND i.due_on >= (o.given_at AT TIME ZONE %(zone)s)::date AND (o.ended_at IS NULL OR i.issued_on < o.ended_at)
  WHERE o.given_at < %(end)s AND i.issued_on <= %(as_of)s AND {_OF}
  UNION ALL
  SELECT i.id, 'end:debit', (o.ended_at AT TIME ZONE %(zone)s)::date, NULL, NULL, o.id
  FROM payments_standingorder o JOIN ledger_customer u ON u.id = o.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND i.currency = o.currency AND i.issued_on < o.ended_at
    AND i.due_on >= (o.given_at AT TIME ZONE %(zone)s)::date
  WHERE o.ended_at < %(end)s AND {_OF}
  UNION ALL
  /* minus: apart from the numbers of the table above that tells of the same part */
  SELECT laid.invoice, 'debit', (a.started_at AT TIME ZONE %(zone)s)::date, (a.started_at AT TIME ZONE %(zone)s)::date,
    laid.minor, -a.id
  FROM payments_attempt a JOIN ledger_customer u ON u.id = a.customer_id {_LAID.format(row="a", at="started_at")}
  WHERE laid.minor > 0 AND a.started_at < %(end)s AND a.state IN ('pending', 'succeeded', 'failed') AND a.plan_ref IS NULL
    AND {_OF} AND (a.ended_at IS NULL OR (a.ended_at AT TIME ZONE %(zone)s)::date > (a.started_at AT TIME ZONE %(zone)s)::date)
  UNION ALL
  SELECT i.id, '{OUT}', s.since, NULL, NULL, s.id FROM ledger_sale s JOIN ledger_customer u ON u.id = s.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND (s.invoice_id IS NULL OR s.invoice_id = i.id)
  WHERE s.since <= %(as_of)s AND {_OF}
  UNION ALL
  SELECT i.id, 'end:{OUT}', s.until, NULL, NULL, s.id FROM ledger_sale s JOIN ledger_customer u ON u.id = s.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND (s.invoice_id IS NULL OR s.invoice_id = i.id)
  WHERE s.until <= %(as_of)s AND {_OF}
  UNION ALL
  SELECT i.id, '{OUT}', h.since, NULL, NULL, -h.id FROM ledger_hold h JOIN ledger_customer u ON u.id = h.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND (h.invoice_id IS NULL OR h.invoice_id = i.id)
  WHERE h.kind IN ('insolvency', 'moratorium') AND h.since <= %(as_of)s AND h.created_at < %(end)s AND {_OF}
  UNION ALL
  SELECT i.id, 'end:{OUT}', h.until, NULL, NULL, -h.id FROM ledger_hold h JOIN ledger_customer u ON u.id = h.customer_id
  JOIN ledger_invoice i ON i.customer_id = u.id AND (h.invoice_id IS NULL OR h.invoice_id = i.id)
  WHERE h.kind IN ('insolvency', 'moratorium') AND h.until <= %(as_of)s AND h.created_at < %(end)s AND {_OF}
) marks ORDER BY invoice, at, source, part LIKE 'end:%%'"""
MARKS = {
    "invoice": pl.Int64, "part": pl.String, "source": pl.Int64, "at": pl.Date, "day": pl.Date, "minor": pl.Int64,
}  # fmt: skip
# The payments of plans: each with its own day; over with the plan. What is paid of the plan fills the oldest first.
_INSTALMENTS = f"""
SELECT l.id, l.customer_id, l.currency, p.due_on, (l.agreed_at AT TIME ZONE %(zone)s)::date,
  CASE WHEN p.settled_on <= %(as_of)s THEN p.settled_on END, CASE WHEN l.ended_on <= %(as_of)s THEN l.ended_on END,
  p.amount_minor, sum(p.amount_minor) OVER (PARTITION BY l.id ORDER BY p.due_on)::bigint, l.settled_before_minor, l.invoices[1]
FROM payments_plan l JOIN payments_instalment p ON p.plan_id = l.id JOIN ledger_customer u ON u.id = l.customer_id
WHERE l.agreed_at < %(end)s AND (l.ended_on IS NULL OR l.ended_on >= %(first)s) AND {_OF}"""
INSTALMENTS = {
    "plan": pl.Int64, "customer": pl.Int64, "currency": pl.String, "day": pl.Date, "since": pl.Date, "settled": pl.Date,
    "over": pl.Date, "minor": pl.Int64, "upto": pl.Int64, "before": pl.Int64, "invoice": pl.Int64,
}  # fmt: skip
_PLANNED = f"""
SELECT x.plan, sum(e.amount_minor)::bigint FROM (
  SELECT l.id AS plan, unnest(l.invoices) AS invoice FROM payments_plan l JOIN ledger_customer u ON u.id = l.customer_id
  WHERE l.agreed_at < %(end)s AND (l.ended_on IS NULL OR l.ended_on > %(as_of)s) AND {_OF}) x
JOIN ledger_entry e ON e.invoice_id = x.invoice AND e.kind IN ('allocation', 'reversal', 'write_off')
  AND e.effective_on <= %(as_of)s AND e.known_at < %(end)s
GROUP BY 1"""


@dataclass(frozen=True)
class Known:
    """What was known at the end of a day. `rows`: as habits are learnt from them. `open`: what is expected, by part, each with
    its day; `bills`: the invoices behind it, with their due dates. `past`: the invoices that were settled. By currency:
    `outside`, open and not expected (sold, insolvent), and `netted`, what is there already for open invoices. `standing`: all
    open invoices, those included.
    """

    as_of: date
    rows: pl.DataFrame
    open: pl.DataFrame
    bills: pl.DataFrame
    standing: pl.DataFrame
    past: pl.DataFrame
    outside: dict[str, int]
    netted: dict[str, int]


def gather(*, creditor: Creditor, as_of: date, customer: Customer | None = None) -> Known:
    """Reads what was known of a creditor, or of one customer, at the end of a day."""
    values = {
        "creditor": creditor.pk, "customer": customer.pk if customer else None, "as_of": as_of, "zone": creditor.time_zone,
        "end": end_of_day(as_of, creditor.time_zone), "first": as_of - timedelta(days=DAYS),
    }  # fmt: skip

    def read(query: str, schema: dict[str, Any]) -> pl.DataFrame:
        if customer:  # else every entry of the house would be looked at
            for table in ("invoice", "credit"):
                theirs = f"AND {table}_id IN (SELECT id FROM ledger_{table} WHERE customer_id = %(customer)s)"
                query = query.replace(f"/* only of the customer's {table}s */", theirs)
        return tables.read(query, values, schema=schema)

    groups = read(_CUSTOMERS, {"customer": pl.Int64, "group": pl.String})
    forgone = read(_FORGONE, {"invoice": pl.Int64, "forgone": pl.Int64})
    invoices = (
        since(read(_INVOICES, INVOICES))
        .join(groups, on="customer", how="left")
        .join(forgone, on="invoice", how="left")
        .with_columns(share=(1 - pl.col("forgone").fill_null(0) / pl.col("amount")).clip(0, 1))
        .drop("forgone")
    )
    split = divide.segments(invoices, read(_MARKS, MARKS))
    lived = split.filter(pl.col("part").is_in([OUT, "plan"]).not_())
    planned = read(_PLANNED, {"plan": pl.Int64, "moved": pl.Int64})
    instalments = divide.instalments(read(_INSTALMENTS, INSTALMENTS).join(groups, on="customer", how="left"), planned)
    open_ = divide.standing(invoices.filter(pl.col("open") > 0), split, as_of=as_of)
    credits = read(_CREDITS, {"customer": pl.Int64, "currency": pl.String, "credit": pl.Int64})
    bills, netted = divide.net(open_.filter(pl.col("part") != OUT), credits)
    return Known(
        as_of=as_of,
        rows=pl.concat([each.select(*habits.ROWS) for each in (lived, instalments)]),
        open=divide.by_part(bills, instalments, as_of=as_of),
        bills=bills,
        standing=open_,
        past=invoices.filter(pl.col("until").is_not_null()),
        outside=divide.sums(open_.filter(pl.col("part") == OUT), "open"),
        netted=netted,
    )


def since(invoices: pl.DataFrame) -> pl.DataFrame:
    """From when on each invoice is seen. What is told while it is open says nothing of those that had been paid before, so
    it is seen from that day on; unless the same load brought settled ones too, and so the past as it was."""
    early = (pl.col("until") < pl.col("known_on")).fill_null(False).mean().over("known_on")
    whole = early >= HISTORY_SHARE
    return invoices.with_columns(
        since=pl.when(whole).then("issued_on").otherwise(pl.max_horizontal("issued_on", "known_on"))
    )
