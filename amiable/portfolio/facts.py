"""One row of facts per customer and currency, as of a date: exposure, lateness, habits, contacts.

Comes in: ledger, casework, messages. Goes out: Profile rows, or a table for conditions. Residuals of a past day are
the present ones rolled back by the entries that came later, so that a past day reads as it stood.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from django.db import connection
from django.utils.translation import gettext_lazy as _

from amiable.core import tables
from amiable.core.calendar import ZONE, end_of_day
from amiable.core.money import exponent


@dataclass(frozen=True)
class Fact:
    """A named, typed, documented fact.

    `unit`: money (minor units in rows, major in conditions), days, count, share, text or yes.
    """

    name: str
    unit: str
    meaning: Any  # lazy translation


FACTS: tuple[Fact, ...] = (
    Fact("open", "money", _("Open in all, due and not yet due")),
    Fact("not_due", "money", _("Open and not yet due")),
    Fact("overdue", "money", _("Open and past due")),
    Fact("overdue_1_30", "money", _("Past due by 1 to 30 days")),
    Fact("overdue_31_60", "money", _("Past due by 31 to 60 days")),
    Fact("overdue_61_90", "money", _("Past due by 61 to 90 days")),
    Fact("overdue_over_90", "money", _("Past due by more than 90 days")),
    Fact("credit", "money", _("Credits and payments not yet allocated")),
    Fact("held", "money", _("Open on invoices that are held")),
    Fact("open_count", "count", _("Number of open invoices")),
    Fact("overdue_count", "count", _("Number of invoices past due")),
    Fact("dpd", "days", _("Days past due of the oldest overdue invoice")),
    Fact("invoices_12m", "count", _("Invoices issued in 12 months")),
    Fact("settled_12m", "count", _("Invoices settled in 12 months")),
    Fact("late_12m", "count", _("Invoices settled late in 12 months, or overdue now")),
    Fact("late_share", "share", _("Share of late invoices in 12 months")),
    Fact("days_late_12m", "days", _("Mean days late in 12 months, weighted by amount")),
    Fact("days_late_3m", "days", _("Mean days late in 3 months, weighted by amount")),
    Fact("disputes_open", "count", _("Open disputes")),
    Fact("promises_kept", "count", _("Promises kept")),
    Fact("promises_broken", "count", _("Promises broken")),
    Fact("tenure_days", "days", _("Days since the customer's first invoice or declared start")),
    Fact("last_paid_days", "days", _("Days since the last payment")),
    Fact("last_contact_days", "days", _("Days since the last reminder or call")),
    Fact("contacts_7d", "count", _("Reminders and calls in 7 days")),
    Fact("contacts_30d", "count", _("Reminders and calls in 30 days")),
    Fact("kind", "text", _("Consumer, business or public body")),
    Fact("language", "text", _("Language of the customer")),
    Fact("country", "text", _("Country of the customer")),
    Fact("sector", "text", _("Sector of the customer")),
    Fact("payment_method", "text", _("Usual way to pay")),
    Fact("potential", "text", _("Potential as the creditor declares it")),
    Fact("assistance", "text", _("How the customer likes to be served")),
    Fact("key_account", "yes", _("Key account")),
    Fact("turnover", "money", _("Yearly turnover as the creditor declares it")),
    Fact("credit_limit", "money", _("Credit limit")),
    Fact("external_score", "count", _("Outside credit score, 0 worst to 100 best")),
)
TYPES: Mapping[str, type[pl.DataType]] = {
    "money": pl.Float64,
    "days": pl.Float64,
    "count": pl.Int64,
    "share": pl.Float64,
    "text": pl.String,
    "yes": pl.Boolean,
}

MONEY = [fact.name for fact in FACTS if fact.unit == "money"]
# Columns of Profile, in the order of the query below.
COLUMNS: dict[str, type[pl.DataType]] = {
    "creditor_id": pl.Int64, "customer_id": pl.Int64, "currency": pl.String,
    "open_minor": pl.Int64, "not_due_minor": pl.Int64, "overdue_minor": pl.Int64,
    "overdue_1_30_minor": pl.Int64, "overdue_31_60_minor": pl.Int64, "overdue_61_90_minor": pl.Int64,
    "overdue_over_90_minor": pl.Int64, "credit_minor": pl.Int64, "held_minor": pl.Int64,
    "open_count": pl.Int64, "overdue_count": pl.Int64, "dpd": pl.Int64, "invoices_12m": pl.Int64,
    "settled_12m": pl.Int64, "late_12m": pl.Int64, "late_share": pl.Float64, "days_late_12m": pl.Float64,
    "days_late_3m": pl.Float64, "disputes_open": pl.Int64, "promises_kept": pl.Int64, "promises_broken": pl.Int64,
    "tenure_days": pl.Int64, "last_paid_days": pl.Int64, "last_contact_days": pl.Int64, "contacts_7d": pl.Int64,
    "contacts_30d": pl.Int64,
}  # fmt: skip

_QUERY = """
WITH later AS MATERIALIZED (
  SELECT invoice_id, credit_id, sum(amount_minor) AS moved FROM ledger_entry
  WHERE effective_on > %(as_of)s AND kind NOT IN ('principal', 'receipt') GROUP BY invoice_id, credit_id
), later_invoice AS (
  SELECT l.*, (SELECT max(e.effective_on) FROM ledger_entry e
               WHERE e.invoice_id = l.id AND e.effective_on <= %(as_of)s) AS settled_on
  FROM (SELECT invoice_id AS id, sum(moved) AS moved FROM later WHERE invoice_id IS NOT NULL GROUP BY 1) l
), later_credit AS (SELECT credit_id AS id, sum(moved) AS moved FROM later WHERE credit_id IS NOT NULL GROUP BY 1
), held AS (
  SELECT invoice_id AS id FROM ledger_hold
  WHERE invoice_id IS NOT NULL AND since <= %(as_of)s AND (until IS NULL OR until > %(as_of)s) GROUP BY 1
), invoice AS (
  SELECT i.creditor_id, i.customer_id, i.currency, i.issued_on, i.due_on, i.amount_minor,
         (i.open_minor - coalesce(l.moved, 0))::bigint AS open_minor,
         %(as_of)s - i.due_on AS late,
         CASE WHEN l.id IS NULL THEN i.settled_on WHEN i.open_minor = l.moved THEN l.settled_on END AS settled_on,
         h.id IS NOT NULL AS held
  FROM ledger_invoice i LEFT JOIN later_invoice l ON l.id = i.id LEFT JOIN held h ON h.id = i.id
  WHERE i.issued_on <= %(as_of)s {scope}
), owed AS (
  SELECT creditor_id, customer_id, currency,
    coalesce(sum(open_minor), 0)::bigint AS open_minor,
    coalesce(sum(open_minor) FILTER (WHERE late <= 0), 0)::bigint AS not_due_minor,
    coalesce(sum(open_minor) FILTER (WHERE late > 0), 0)::bigint AS overdue_minor,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 1 AND 30), 0)::bigint AS d30,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 31 AND 60), 0)::bigint AS d60,
    coalesce(sum(open_minor) FILTER (WHERE late BETWEEN 61 AND 90), 0)::bigint AS d90,
    coalesce(sum(open_minor) FILTER (WHERE late > 90), 0)::bigint AS d_over,
    coalesce(sum(open_minor) FILTER (WHERE held), 0)::bigint AS held_minor,
    count(*) FILTER (WHERE open_minor > 0) AS open_count,
    count(*) FILTER (WHERE open_minor > 0 AND late > 0) AS overdue_count,
    coalesce(max(late) FILTER (WHERE open_minor > 0 AND late > 0), 0) AS dpd,
    count(*) FILTER (WHERE issued_on > %(as_of)s - 365) AS invoices_12m,
    count(*) FILTER (WHERE settled_on > %(as_of)s - 365) AS settled_12m,
    count(*) FILTER (WHERE (settled_on > %(as_of)s - 365 AND settled_on > due_on) OR (open_minor > 0 AND late > 0)) AS late_12m,
    count(*) FILTER (WHERE settled_on > %(as_of)s - 365 OR (open_minor > 0 AND late > 0)) AS judged_12m,
    sum((settled_on - due_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 365)
      / nullif(sum(amount_minor) FILTER (WHERE settled_on > %(as_of)s - 365), 0) AS days_late_12m,
    sum((settled_on - due_on)::bigint * amount_minor) FILTER (WHERE settled_on > %(as_of)s - 91)
      / nullif(sum(amount_minor) FILTER (WHERE settled_on > %(as_of)s - 91), 0) AS days_late_3m,
    min(issued_on) AS first_on
  FROM invoice GROUP BY 1, 2, 3
), money AS (
  SELECT c.creditor_id, c.customer_id, c.currency, sum(c.open_minor - coalesce(l.moved, 0))::bigint AS credit_minor,
         max(c.received_on) FILTER (WHERE c.kind = 'payment') AS last_paid_on
  FROM ledger_credit c LEFT JOIN later_credit l ON l.id = c.id
  WHERE c.customer_id IS NOT NULL AND c.received_on <= %(as_of)s {credit_scope} GROUP BY 1, 2, 3
), contact AS (
  SELECT customer_id, max(day) AS last_on, count(*) FILTER (WHERE day > %(as_of)s - 7) AS week,
         count(*) FILTER (WHERE day > %(as_of)s - 30) AS month
  FROM (
    SELECT customer_id, as_of AS day FROM outreach_message
      WHERE capped AND state IN ('sent', 'in_doubt') AND as_of <= %(as_of)s
    UNION ALL
    SELECT customer_id, (done_at AT TIME ZONE %(zone)s)::date FROM casework_task
      WHERE kind = 'call' AND done_at < %(end)s AND outcome <> 'settled'
  ) told GROUP BY 1
), dispute AS (
  SELECT customer_id, count(*) AS n FROM casework_dispute
  WHERE opened_at < %(end)s AND (resolved_at IS NULL OR resolved_at >= %(end)s) GROUP BY 1
), promise AS (
  SELECT customer_id, count(*) FILTER (WHERE state = 'kept') AS kept,
         count(*) FILTER (WHERE state IN ('broken', 'partly')) AS broken
  FROM payments_promise WHERE judged_on <= %(as_of)s GROUP BY 1
)
SELECT coalesce(o.creditor_id, m.creditor_id), coalesce(o.customer_id, m.customer_id), coalesce(o.currency, m.currency),
  coalesce(o.open_minor, 0), coalesce(o.not_due_minor, 0), coalesce(o.overdue_minor, 0), coalesce(o.d30, 0),
  coalesce(o.d60, 0), coalesce(o.d90, 0), coalesce(o.d_over, 0), coalesce(m.credit_minor, 0), coalesce(o.held_minor, 0),
  coalesce(o.open_count, 0), coalesce(o.overdue_count, 0), coalesce(o.dpd, 0), coalesce(o.invoices_12m, 0),
  coalesce(o.settled_12m, 0), coalesce(o.late_12m, 0), o.late_12m::float / nullif(o.judged_12m, 0),
  o.days_late_12m::float, o.days_late_3m::float, coalesce(d.n, 0), coalesce(p.kept, 0), coalesce(p.broken, 0),
  greatest(%(as_of)s - least(o.first_on, u.customer_since), 0), %(as_of)s - m.last_paid_on,
  %(as_of)s - t.last_on, coalesce(t.week, 0), coalesce(t.month, 0)
FROM owed o FULL JOIN money m USING (customer_id, currency)
JOIN ledger_customer u ON u.id = coalesce(o.customer_id, m.customer_id)
LEFT JOIN contact t ON t.customer_id = u.id
LEFT JOIN dispute d ON d.customer_id = u.id
LEFT JOIN promise p ON p.customer_id = u.id
"""

DECLARED: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "kind": pl.String, "language": pl.String, "country": pl.String, "sector": pl.String,
    "payment_method": pl.String, "potential": pl.String, "assistance": pl.String, "key_account": pl.Boolean,
    "turnover_minor": pl.Int64, "credit_limit_minor": pl.Int64, "external_score": pl.Int64, "house_currency": pl.String,
}  # fmt: skip
_DECLARED = """
SELECT u.id, u.kind, u.language, u.country, u.sector, u.payment_method, u.potential, u.assistance, u.key_account,
       u.turnover_minor, u.credit_limit_minor, u.external_score, d.currency
FROM ledger_customer u JOIN ledger_creditor d ON d.id = u.creditor_id WHERE u.merged_into_id IS NULL {scope}
"""


def schema() -> dict[str, type[pl.DataType]]:
    """The facts that a condition may name, with their types."""
    return {fact.name: TYPES[fact.unit] for fact in FACTS}


def compute(*, as_of: date, customers: list[int] | None = None) -> pl.DataFrame:
    """The measured facts as of a day: columns of COLUMNS, one row per customer and currency with any history."""
    scope = "AND {alias}customer_id = ANY(%(customers)s)" if customers is not None else ""
    values = {"as_of": as_of, "end": end_of_day(as_of), "zone": ZONE, "customers": customers}
    query = _QUERY.format(scope=scope.format(alias="i."), credit_scope=scope.format(alias="c."))
    return tables.read(query, values, schema=COLUMNS)


def declared(*, customers: list[int] | None = None, among: str = "") -> pl.DataFrame:
    """What the creditor declares of each customer, money in its own currency (no history: it is as it is told now).

    Of all, of those named, or of those in a temporary table with a customer_id.
    """
    scope = "AND u.id = ANY(%(customers)s)" if customers is not None else ""
    if among:
        scope = f"AND u.id IN (SELECT customer_id FROM {among})"
    return tables.read(_DECLARED.format(scope=scope), {"customers": customers}, schema=DECLARED)


def for_conditions(measured: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The table over which conditions are evaluated: facts under their public names, money in major units."""
    table = measured.join(told, on="customer_id", how="inner")
    scale, declared_scale = per_major(table, "currency"), per_major(table, "house_currency")
    money = [
        (pl.col(f"{name}_minor") / (declared_scale if f"{name}_minor" in DECLARED else scale)).alias(name)
        for name in MONEY
    ]
    days = [pl.col(fact.name).cast(pl.Float64) for fact in FACTS if fact.unit == "days"]
    text = [pl.col(fact.name).fill_null("") for fact in FACTS if fact.unit == "text"]
    return table.with_columns(*money, *days, *text)


def per_major(table: pl.DataFrame, column: str) -> pl.Expr:
    """How many minor units one major unit has, in the currency that a column of the table names."""
    units = {code: float(10 ** exponent(code)) for code in table[column].unique().to_list()}
    return pl.col(column).replace_strict(units).cast(pl.Float64)  # the cast gives an empty column its type


def store(measured: pl.DataFrame, *, as_of: date, segments: pl.DataFrame, customers: list[int] | None = None) -> None:
    """Makes Profile equal to the facts computed (of these customers); `segments` has customer_id, currency, segment."""
    table = measured.join(segments, on=["customer_id", "currency"], how="left").with_columns(
        pl.lit(as_of).alias("as_of"), pl.col("segment").fill_null("")
    )
    names = [*COLUMNS, "as_of", "segment"]
    listed = ", ".join(names)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name not in {"customer_id", "currency"})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE fresh (LIKE portfolio_profile) ON COMMIT DROP")
        cursor.execute("ALTER TABLE fresh ALTER COLUMN id DROP NOT NULL")
        tables.write(table, "fresh", names)
        cursor.execute(
            f"INSERT INTO portfolio_profile ({listed}) SELECT {listed} FROM fresh"
            f" ON CONFLICT (customer_id, currency) DO UPDATE SET {changed}"
        )
        # Whoever has no facts any more was merged into another customer, where the facts now are.
        scope = "" if customers is None else "AND p.customer_id = ANY(%(customers)s)"
        cursor.execute(
            "DELETE FROM portfolio_profile p WHERE NOT EXISTS (SELECT FROM fresh f WHERE f.customer_id = p.customer_id"
            f" AND f.currency = p.currency) {scope}",
            {"customers": customers},
        )
        cursor.execute("DROP TABLE fresh")
