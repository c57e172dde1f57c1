"""The tables on which KPIs stand, read once per measuring and only when a KPI asks: rows go in, Polars tables come out.

All are as of a day by the dates on which things count, with what is known now. Nothing is added over two currencies.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from amiable.core import tables
from amiable.core.calendar import end_of_month
from amiable.ledger.models import Creditor
from amiable.payments.providers import providers
from amiable.scenario.tally import DAYS as CAMPAIGN_DAYS

RECENT_DAYS = 30
CASE_DAYS = 90
MONTHS_BACK = 24

# Of the creditor asked for, or of all.
OF = "(%(creditor)s::bigint IS NULL OR {row}.creditor_id = %(creditor)s)"

# Residuals as of a day: today's, with all that counted later taken back.
LATER = """SELECT {row}_id, sum(amount_minor) AS moved FROM ledger_entry
  WHERE effective_on > %(as_of)s AND {row}_id IS NOT NULL GROUP BY 1"""

OPEN_ITEMS = f"""
WITH later AS ({LATER.format(row="invoice")}),
segments AS (
  SELECT DISTINCT ON (customer_id, currency) customer_id, currency, segment FROM portfolio_membership
  WHERE since <= %(as_of)s AND (until IS NULL OR until > %(as_of)s) ORDER BY customer_id, currency, since DESC, id DESC)
SELECT i.creditor_id, i.currency, i.customer_id, coalesce(s.segment, ''), i.due_on,
       sum(i.open_minor - coalesce(l.moved, 0))::bigint
FROM ledger_invoice i
LEFT JOIN later l ON l.invoice_id = i.id
LEFT JOIN segments s ON s.customer_id = i.customer_id AND s.currency = i.currency
WHERE i.issued_on <= %(as_of)s AND (i.open_minor > 0 OR l.moved IS NOT NULL) AND {OF.format(row="i")}
GROUP BY 1, 2, 3, 4, 5 HAVING sum(i.open_minor - coalesce(l.moved, 0)) <> 0"""

OPEN_CREDITS = f"""
WITH later AS ({LATER.format(row="credit")})
SELECT c.creditor_id, c.currency, sum(c.open_minor - coalesce(l.moved, 0))::bigint
FROM ledger_credit c LEFT JOIN later l ON l.credit_id = c.id
WHERE c.received_on <= %(as_of)s AND c.customer_id IS NOT NULL AND c.confirmed_by_id IS NULL
  AND (c.open_minor > 0 OR l.moved IS NOT NULL) AND {OF.format(row="c")}
GROUP BY 1, 2"""

BILLED = f"""
SELECT i.creditor_id, i.currency, date_trunc('month', i.issued_on)::date, sum(i.amount_minor)::bigint
FROM ledger_invoice i WHERE i.issued_on <= %(as_of)s AND i.issued_on >= %(first_month)s AND {OF.format(row="i")}
GROUP BY 1, 2, 3"""

# Money counts once: a provisional credit that the cash authority confirmed is left to the authority's own row.
RECEIVED = f"""
WITH refunds AS MATERIALIZED (
  SELECT credit_id, amount_minor FROM ledger_entry
  WHERE effective_on BETWEEN %(recent)s AND %(as_of)s AND kind = 'refund')
SELECT creditor_id, currency, sum(amount_minor)::bigint FROM (
  SELECT creditor_id, currency, amount_minor FROM ledger_credit
  WHERE kind = 'payment' AND confirmed_by_id IS NULL AND received_on BETWEEN %(recent)s AND %(as_of)s
  UNION ALL
  SELECT c.creditor_id, c.currency, r.amount_minor FROM refunds r JOIN ledger_credit c ON c.id = r.credit_id
  WHERE c.kind = 'payment' AND c.confirmed_by_id IS NULL) moved
WHERE {OF.format(row="moved")} GROUP BY 1, 2"""

# What was overdue when the case opened, less what of it is still open, less what left by other ways than money
# (credit notes, write-offs). Charges added since are not part of it. An invoice settled before has nothing to tell.
CASES = f"""
WITH owed AS MATERIALIZED (
  SELECT k.id AS case_id, k.creditor_id, k.customer_id, k.currency, k.opened_on, k.opened_overdue_minor, i.id, i.open_minor
  FROM casework_case k
  LEFT JOIN ledger_invoice i ON i.customer_id = k.customer_id AND i.currency = k.currency AND i.due_on < k.opened_on
    AND i.issued_on <= %(as_of)s AND (i.open_minor > 0 OR i.settled_on >= k.opened_on)
  WHERE k.opened_on BETWEEN %(case_days)s AND %(as_of)s AND k.opened_overdue_minor > 0
    AND {OF.format(row="k")}),
moved AS (
  SELECT o.case_id, o.id,
    sum(e.amount_minor) FILTER (WHERE e.effective_on > %(as_of)s) AS later,
    sum(e.amount_minor) FILTER (WHERE e.effective_on <= %(as_of)s AND e.kind IN ('interest', 'indemnity', 'fee')) AS charged,
    -sum(e.amount_minor) FILTER (WHERE e.effective_on <= %(as_of)s
      AND (e.kind = 'write_off' OR (e.kind IN ('allocation', 'reversal') AND c.kind <> 'payment'))) AS forgone
  FROM owed o
  JOIN ledger_entry e ON e.invoice_id = o.id AND e.effective_on >= o.opened_on
  LEFT JOIN ledger_credit c ON c.id = e.credit_id
  GROUP BY 1, 2)
SELECT o.creditor_id, o.currency, o.case_id, coalesce(s.segment, ''), o.opened_overdue_minor,
  coalesce(sum(o.open_minor - coalesce(m.later, 0) - coalesce(m.charged, 0)), 0)::bigint,
  coalesce(sum(m.forgone), 0)::bigint
FROM owed o LEFT JOIN moved m ON m.case_id = o.case_id AND m.id = o.id
LEFT JOIN portfolio_membership s ON s.customer_id = o.customer_id AND s.currency = o.currency
  AND s.since <= o.opened_on AND (s.until IS NULL OR s.until > o.opened_on)
GROUP BY 1, 2, 3, 4, 5"""

# What the money of tries to pay settled of what was overdue when a case opened, by the way it came. What another word for
# the same money took over is told by that one.
CASE_PAYMENTS = f"""
WITH tries AS (
  SELECT coalesce(c.confirmed_by_id, c.id) AS credit_id, a.journey, a.step
  FROM payments_attempt a JOIN ledger_credit c ON c.id = a.credit_id
  WHERE a.opened_at >= %(before_cases)s AND {OF.format(row="a")})
SELECT k.creditor_id, k.currency, k.id, t.journey, t.step, -sum(e.amount_minor)::bigint
FROM tries t
JOIN ledger_entry e ON e.credit_id = t.credit_id AND e.kind IN ('allocation', 'reversal') AND e.effective_on <= %(as_of)s
JOIN ledger_invoice i ON i.id = e.invoice_id
JOIN casework_case k ON k.customer_id = i.customer_id AND k.currency = i.currency AND i.due_on < k.opened_on
  AND e.effective_on >= k.opened_on AND k.opened_on BETWEEN %(case_days)s AND %(as_of)s AND k.opened_overdue_minor > 0
GROUP BY 1, 2, 3, 4, 5 HAVING sum(e.amount_minor) < 0"""

# What the customers of a campaign owed when it was frozen, and what came on the invoices that it spoke of soon after.
CAMPAIGNS = f"""
SELECT m.creditor_id, m.currency, m.campaign_ref, sum(r.amount_minor)::bigint,
  sum(least(coalesce(p.paid, 0), r.amount_minor))::bigint
FROM scenario_recipient r
JOIN outreach_message m ON m.customer_id = r.customer_id AND m.campaign_ref = r.campaign_id
JOIN ledger_creditor d ON d.id = m.creditor_id
LEFT JOIN LATERAL (
  SELECT -sum(e.amount_minor) AS paid FROM ledger_entry e JOIN ledger_credit c ON c.id = e.credit_id AND c.kind = 'payment'
  WHERE e.invoice_id = ANY(m.about) AND e.kind IN ('allocation', 'reversal') AND e.effective_on <= %(as_of)s
    AND e.effective_on >= (m.sent_at AT TIME ZONE d.time_zone)::date
    AND e.effective_on < (m.sent_at AT TIME ZONE d.time_zone)::date + {CAMPAIGN_DAYS}) p ON true
WHERE m.state IN ('sent', 'in_doubt') AND m.as_of BETWEEN %(case_days)s AND %(as_of)s
  AND {OF.format(row="m")}
GROUP BY 1, 2, 3"""

ATTEMPTS = f"""
SELECT a.creditor_id, a.currency, a.provider, a.journey, a.campaign_ref, a.step, coalesce(s.segment, ''), count(*),
  count(*) FILTER (WHERE a.state IN ('failed', 'abandoned')), count(*) FILTER (WHERE a.input_errors > 0),
  sum(a.amount_minor)::bigint,
  coalesce(sum(a.amount_minor) FILTER (WHERE a.state IN ('failed', 'abandoned')), 0)::bigint,
  coalesce(sum(a.amount_minor) FILTER (WHERE a.input_errors > 0), 0)::bigint
FROM payments_attempt a JOIN ledger_creditor c ON c.id = a.creditor_id
LEFT JOIN portfolio_membership s ON s.customer_id = a.customer_id AND s.currency = a.currency
  AND s.since <= (a.started_at AT TIME ZONE c.time_zone)::date
  AND (s.until IS NULL OR s.until > (a.started_at AT TIME ZONE c.time_zone)::date)
WHERE a.started_at >= %(before_recent)s AND {OF.format(row="a")}
  AND (a.started_at AT TIME ZONE c.time_zone)::date BETWEEN %(recent)s AND %(as_of)s
GROUP BY 1, 2, 3, 4, 5, 6, 7"""

# A message leaves within days of its date, or goes stale; so the index by date finds those of the window.
MESSAGES = f"""
SELECT m.creditor_id, m.customer_id, m.medium, m.capped, count(*)
FROM outreach_message m JOIN ledger_creditor c ON c.id = m.creditor_id
WHERE m.state = 'sent' AND m.as_of BETWEEN %(stale)s AND %(as_of)s AND m.sent_at >= %(before_recent)s
  AND (m.sent_at AT TIME ZONE c.time_zone)::date BETWEEN %(recent)s AND %(as_of)s AND {OF.format(row="m")}
GROUP BY 1, 2, 3, 4"""

CALLS = f"""
SELECT t.creditor_id, t.customer_id, count(*)
FROM casework_task t JOIN ledger_creditor c ON c.id = t.creditor_id
WHERE t.kind IN ('call', 'manual') AND t.done_at >= %(before_recent)s AND {OF.format(row="t")}
  AND (t.done_at AT TIME ZONE c.time_zone)::date BETWEEN %(recent)s AND %(as_of)s
GROUP BY 1, 2"""

OPT_OUTS = f"""
SELECT u.creditor_id, o.customer_id, o.medium
FROM outreach_optout o JOIN ledger_customer u ON u.id = o.customer_id JOIN ledger_creditor c ON c.id = u.creditor_id
WHERE o.since >= %(before_recent)s AND o.origin NOT LIKE 'reply:%%' AND {OF.format(row="u")}
  AND (o.since AT TIME ZONE c.time_zone)::date BETWEEN %(recent)s AND %(as_of)s"""


def measured_by() -> frozenset[str]:
    """The providers that tell when something was typed wrongly; the page of another one keeps it to itself."""
    return frozenset(key for key, psp in providers().items() if psp.input_errors is not None)


KEY: dict[str, Any] = {"creditor": pl.Int64, "currency": pl.String}


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The tables of one day, of one creditor or of all. Each is read at its first use."""

    as_of: date
    creditor: Creditor | None = None

    @property
    def months(self) -> list[tuple[date, int]]:
        """The months that end with the day, newest first, each with the number of its days that have passed."""
        found, last = [], self.as_of
        for _ in range(MONTHS_BACK):
            found.append((last.replace(day=1), last.day))
            last = end_of_month(last.replace(day=1) - timedelta(days=1))
        return found

    @cached_property
    def open_items(self) -> pl.DataFrame:
        """Residual per customer and due date, with the segment of that day."""
        table = self._read(
            OPEN_ITEMS,
            {**KEY, "customer": pl.Int64, "segment": pl.String, "due_on": pl.Date, "open_minor": pl.Int64},
        )
        late = (pl.lit(self.as_of) - pl.col("due_on")).dt.total_days()
        return table.with_columns(pl.col("segment").fill_null(""), dpd=late)

    @cached_property
    def open_credits(self) -> pl.DataFrame:
        """Money and credit notes of customers that no invoice has taken yet."""
        return self._read(OPEN_CREDITS, {**KEY, "credit_minor": pl.Int64})

    @cached_property
    def billed(self) -> pl.DataFrame:
        """What was billed, by month of issue."""
        return self._read(BILLED, {**KEY, "month": pl.Date, "billed_minor": pl.Int64})

    @cached_property
    def received(self) -> pl.DataFrame:
        """Money received in the recent days, refunds taken off."""
        return self._read(RECEIVED, {**KEY, "received_minor": pl.Int64})

    @cached_property
    def cases(self) -> pl.DataFrame:
        """Cases opened in the window: what was overdue then, what of it is open still, what left without money."""
        amounts = dict.fromkeys(("due_minor", "left_minor", "forgone_minor"), pl.Int64)
        table = self._read(CASES, {**KEY, "case": pl.Int64, "segment": pl.String, **amounts})
        return table.with_columns(pl.col("segment").fill_null(""))

    @cached_property
    def case_payments(self) -> pl.DataFrame:
        """What of those cases was paid by tries to pay, by journey and by the step that brought the customer."""
        ways = {"journey": pl.String, "step": pl.String}
        table = self._read(CASE_PAYMENTS, {**KEY, "case": pl.Int64, **ways, "paid_minor": pl.Int64})
        return table.with_columns(pl.col("step").fill_null(""))

    @cached_property
    def campaigns(self) -> pl.DataFrame:
        """What the customers whom campaigns wrote to owed, and what they paid soon after."""
        return self._read(CAMPAIGNS, {**KEY, "campaign": pl.Int64, "asked_minor": pl.Int64, "paid_minor": pl.Int64})

    @cached_property
    def attempts(self) -> pl.DataFrame:
        """Tries to pay that started in the recent days, by all that parts them, and how they ended: numbers and amounts.

        `measured`: whether the provider tells of typing errors.
        """
        parts = {
            "provider": pl.String,
            "journey": pl.String,
            "campaign": pl.Int64,
            "step": pl.String,
            "segment": pl.String,
        }
        counts = ("started", "not_completed", "input_error")
        amounts = tuple(f"{name}_minor" for name in counts)
        table = self._read(ATTEMPTS, {**KEY, **parts, **dict.fromkeys((*counts, *amounts), pl.Int64)})
        return table.with_columns(
            pl.col("step", "segment").fill_null(""), measured=pl.col("provider").is_in(list(measured_by()))
        )

    @cached_property
    def messages(self) -> pl.DataFrame:
        """Messages sent in the recent days, per customer; `capped` marks reminders."""
        return self._read(
            MESSAGES,
            {"creditor": pl.Int64, "customer": pl.Int64, "medium": pl.String, "capped": pl.Boolean, "sent": pl.Int64},
        )

    @cached_property
    def calls(self) -> pl.DataFrame:
        """Calls made in the recent days, per customer."""
        return self._read(CALLS, {"creditor": pl.Int64, "customer": pl.Int64, "made": pl.Int64})

    @cached_property
    def opt_outs(self) -> pl.DataFrame:
        """Opt-outs of the recent days."""
        return self._read(OPT_OUTS, {"creditor": pl.Int64, "customer": pl.Int64, "medium": pl.String})

    def _read(self, query: str, schema: dict[str, Any]) -> pl.DataFrame:
        recent = self.as_of - timedelta(days=RECENT_DAYS - 1)
        values = {
            "as_of": self.as_of,
            "creditor": self.creditor.pk if self.creditor else None,
            "recent": recent,
            # Any time zone's first instant of the window comes after this.
            "before_recent": recent - timedelta(days=2),
            "stale": recent - timedelta(days=RECENT_DAYS),
            "case_days": self.as_of - timedelta(days=CASE_DAYS - 1),
            "before_cases": self.as_of - timedelta(days=CASE_DAYS + 1),
            "first_month": self.months[-1][0],
        }
        return tables.read(query, values, schema=schema)
