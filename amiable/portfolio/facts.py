"""What is known of each customer and currency as of a day: exposure, lateness, habits, contacts, reactions, promises.

Comes in: ledger, casework, messages, payments (facts.sql). Goes out: Profile rows, or a table for conditions. What
depends on the day only by its count is kept as a date, so that a row stands until something happens or a date passes.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
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
    Fact("due_7d", "money", _("Open and due within 7 days")),
    Fact("overdue", "money", _("Open and past due")),
    Fact("overdue_1_30", "money", _("Past due by 1 to 30 days")),
    Fact("overdue_31_60", "money", _("Past due by 31 to 60 days")),
    Fact("overdue_61_90", "money", _("Past due by 61 to 90 days")),
    Fact("overdue_over_90", "money", _("Past due by more than 90 days")),
    Fact("overdue_share", "share", _("Part of what is open that is past due")),
    Fact("credit", "money", _("Credits and payments not yet allocated")),
    Fact("held", "money", _("Open on invoices that are held")),
    Fact("disputed", "money", _("Open on invoices in dispute")),
    Fact("doubtful", "money", _("Open and carried as doubtful debt")),
    Fact("limit_used", "share", _("What is open, as a part of the credit limit")),
    Fact("billed_12m", "money", _("Billed in 12 months")),
    Fact("paid_12m", "money", _("Payments received in 12 months")),
    Fact("open_count", "count", _("Number of open invoices")),
    Fact("overdue_count", "count", _("Number of invoices past due")),
    Fact("dpd", "days", _("Days past due of the oldest overdue invoice")),
    Fact("invoices_12m", "count", _("Invoices issued in 12 months")),
    Fact("settled_12m", "count", _("Invoices settled in 12 months")),
    Fact("late_12m", "count", _("Invoices settled late in 12 months, or overdue now")),
    Fact("payments_12m", "count", _("Number of payments in 12 months")),
    Fact("late_share", "share", _("Share of late invoices in 12 months")),
    Fact("days_late_12m", "days", _("Mean days late in 12 months, weighted by amount")),
    Fact("days_late_6m", "days", _("Mean days late in 6 months, weighted by amount")),
    Fact("days_late_3m", "days", _("Mean days late in 3 months, weighted by amount")),
    Fact("days_late_trend", "days", _("Days later in the last 3 months than in 12 months")),
    Fact("worst_late_12m", "days", _("Most days late of an invoice settled in 12 months")),
    Fact("days_to_pay_12m", "days", _("Mean days from issue to payment in 12 months, weighted by amount")),
    Fact("tenure_days", "days", _("Days since the customer's first invoice or declared start")),
    Fact("last_paid_days", "days", _("Days since the last payment")),
    Fact("disputes_open", "count", _("Open disputes")),
    Fact("disputes_12m", "count", _("Disputes opened in 12 months")),
    Fact("promises_kept", "count", _("Promises kept")),
    Fact("promises_broken", "count", _("Promises broken")),
    Fact("promises_open", "count", _("Promises that are running")),
    Fact("promise_kept_share", "share", _("Share of promises kept")),
    Fact("last_broken_days", "days", _("Days since a promise was last broken")),
    Fact("plans_12m", "count", _("Payment plans agreed in 12 months")),
    Fact("plans_open", "count", _("Payment plans that are running")),
    Fact("plans_broken", "count", _("Payment plans broken")),
    Fact("last_contact_days", "days", _("Days since the last reminder or call")),
    Fact("contacts_7d", "count", _("Reminders and calls in 7 days")),
    Fact("calls_7d", "count", _("Calls in 7 days")),
    Fact("contacts_30d", "count", _("Reminders and calls in 30 days")),
    Fact("emails_30d", "count", _("Reminders by e-mail in 30 days")),
    Fact("calls_30d", "count", _("Calls in 30 days")),
    Fact("calls_answered_90d", "count", _("Calls in 90 days in which someone was spoken to")),
    Fact("last_opened_days", "days", _("Days since the link of a message was last opened")),
    Fact("last_reply_days", "days", _("Days since the customer last answered")),
    Fact("last_bounce_days", "days", _("Days since a message last came back")),
    Fact("courtesies_12m", "count", _("Courtesy notices in 12 months")),
    Fact("courtesy_reaction", "share", _("Share of courtesy notices followed by a payment within 7 days")),
    Fact("reminders_12m", "count", _("Reminders in writing in 12 months")),
    Fact("reminder_reaction", "share", _("Share of reminders followed by a payment within 7 days")),
    Fact("calls_12m", "count", _("Calls in 12 months")),
    Fact("call_reaction", "share", _("Share of calls followed by a payment within 7 days")),
    Fact("failed_payments_30d", "count", _("Tries to pay in 30 days that came to nothing")),
    Fact("last_failed_days", "days", _("Days since a try to pay last came to nothing")),
    Fact("satisfaction", "count", _("Last score that the customer gave us, 0 to 10")),
    Fact("opted_out", "yes", _("Does not wish to be written to on some medium")),
    Fact("vulnerable", "yes", _("Vulnerable person")),
    Fact("insolvent", "yes", _("In insolvency proceedings")),
    Fact("placed", "yes", _("With an outside agency")),
    Fact("mandate", "yes", _("Has given a debit mandate")),
    Fact("kind", "text", _("Consumer, business or public body")),
    Fact("language", "text", _("Language of the customer")),
    Fact("country", "text", _("Country of the customer")),
    Fact("sector", "text", _("Sector of the customer")),
    Fact("sector_state", "text", _("State of the sector as the creditor declares it: crisis, strained")),
    Fact("branch", "text", _("Branch that serves the customer")),
    Fact("parent", "text", _("Number of the parent company")),
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

# Columns of Profile, in the order of facts.sql.
_MONEY = (
    "open", "not_due", "due_7d", "overdue", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_over_90", "credit",
    "held", "disputed", "doubtful", "billed_12m", "paid_12m",
)  # fmt: skip
COLUMNS: dict[str, type[pl.DataType]] = {
    "creditor_id": pl.Int64, "customer_id": pl.Int64, "currency": pl.String,
    **{f"{name}_minor": pl.Int64 for name in _MONEY},
    "open_count": pl.Int64, "overdue_count": pl.Int64, "invoices_12m": pl.Int64, "settled_12m": pl.Int64,
    "late_12m": pl.Int64, "payments_12m": pl.Int64, "late_share": pl.Float64, "days_late_12m": pl.Float64,
    "days_late_6m": pl.Float64, "days_late_3m": pl.Float64, "worst_late_12m": pl.Int64, "days_to_pay_12m": pl.Float64,
    "disputes_open": pl.Int64, "disputes_12m": pl.Int64, "promises_kept": pl.Int64, "promises_broken": pl.Int64,
    "promises_open": pl.Int64, "plans_12m": pl.Int64, "plans_open": pl.Int64, "plans_broken": pl.Int64,
    "contacts_7d": pl.Int64, "calls_7d": pl.Int64, "contacts_30d": pl.Int64,
    "emails_30d": pl.Int64, "calls_30d": pl.Int64, "calls_answered_90d": pl.Int64, "courtesies_12m": pl.Int64,
    "courtesies_paid_12m": pl.Int64, "reminders_12m": pl.Int64, "reminders_paid_12m": pl.Int64, "calls_12m": pl.Int64,
    "calls_paid_12m": pl.Int64, "failed_payments_30d": pl.Int64, "satisfaction": pl.Int64, "opted_out": pl.Boolean,
    "mandate": pl.Boolean, "vulnerable": pl.Boolean, "insolvent": pl.Boolean, "placed": pl.Boolean,
    "oldest_due_on": pl.Date, "first_on": pl.Date, "last_paid_on": pl.Date, "last_contact_on": pl.Date,
    "last_opened_on": pl.Date, "last_reply_on": pl.Date, "last_bounce_on": pl.Date, "last_failed_on": pl.Date,
    "last_broken_on": pl.Date,
}  # fmt: skip
KEYS = ("creditor_id", "customer_id", "currency")

DECLARED: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "kind": pl.String, "language": pl.String, "country": pl.String, "sector": pl.String,
    "sector_state": pl.String, "branch": pl.String, "parent": pl.String, "payment_method": pl.String,
    "potential": pl.String, "assistance": pl.String, "key_account": pl.Boolean, "turnover_minor": pl.Int64,
    "credit_limit_minor": pl.Int64, "external_score": pl.Int64, "customer_since": pl.Date, "house_currency": pl.String,
}  # fmt: skip
_DECLARED = """
SELECT u.id, u.kind, u.language, u.country, u.sector, d.policy -> 'sector_states' ->> u.sector, b.code, a.number,
       u.payment_method, u.potential, u.assistance, u.key_account,
       u.turnover_minor, u.credit_limit_minor, u.external_score, u.customer_since, d.currency
FROM ledger_customer u JOIN ledger_creditor d ON d.id = u.creditor_id LEFT JOIN ledger_branch b ON b.id = u.branch_id
LEFT JOIN ledger_customer a ON a.id = u.parent_id
WHERE u.merged_into_id IS NULL {scope}
"""


def _share(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))


def _days(column: str) -> pl.Expr:
    return (pl.col("day") - pl.col(column)).dt.total_days()


# Facts that are not columns themselves: how they are worked out, and from which columns.
_WORKED_OUT: dict[str, tuple[Callable[[], pl.Expr], tuple[str, ...]]] = {
    "overdue_share": (lambda: _share("overdue_minor", "open_minor"), ("overdue_minor", "open_minor")),
    "limit_used": (
        lambda: pl.when(pl.col("currency") == pl.col("house_currency")).then(_share("open_minor", "credit_limit_minor")),
        ("open_minor", "credit_limit_minor"),
    ),
    "days_late_trend": (lambda: pl.col("days_late_3m") - pl.col("days_late_12m"), ("days_late_3m", "days_late_12m")),
    "promise_kept_share": (
        lambda: pl.when(pl.col("promises_kept") + pl.col("promises_broken") > 0).then(
            pl.col("promises_kept") / (pl.col("promises_kept") + pl.col("promises_broken"))
        ),
        ("promises_kept", "promises_broken"),
    ),
    "courtesy_reaction": (lambda: _share("courtesies_paid_12m", "courtesies_12m"), ("courtesies_paid_12m", "courtesies_12m")),
    "reminder_reaction": (lambda: _share("reminders_paid_12m", "reminders_12m"), ("reminders_paid_12m", "reminders_12m")),
    "call_reaction": (lambda: _share("calls_paid_12m", "calls_12m"), ("calls_paid_12m", "calls_12m")),
    "dpd": (lambda: _days("oldest_due_on").clip(0).fill_null(0), ("oldest_due_on",)),
    "tenure_days": (
        lambda: (pl.col("day") - pl.min_horizontal("first_on", "customer_since")).dt.total_days().clip(0),
        ("first_on", "customer_since"),
    ),
    **{
        f"last_{name}_days": (lambda column=f"last_{name}_on": _days(column), (f"last_{name}_on",))  # type: ignore[misc]
        for name in ("paid", "contact", "opened", "reply", "bounce", "failed", "broken")
    },
}  # fmt: skip


def schema() -> dict[str, type[pl.DataType]]:
    """The facts that a condition may name, with their types."""
    return {fact.name: TYPES[fact.unit] for fact in FACTS}


@cache
def _query() -> str:
    return (Path(__file__).parent / "facts.sql").read_text(encoding="utf-8")


@contextmanager
def chosen(customers: Iterable[int]) -> Iterator[str]:
    """A temporary table with some customers, to narrow what is read to them. Must stand in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE chosen (customer_id bigint) ON COMMIT DROP")
        cursor.execute("INSERT INTO chosen SELECT DISTINCT unnest(%s::bigint[])", [list(customers)])
        cursor.execute("ANALYZE chosen")
        yield "chosen"
        cursor.execute("DROP TABLE chosen")


def compute(*, as_of: date, among: str = "", known_at: datetime | None = None) -> pl.DataFrame:
    """The measured facts as of a day: COLUMNS and `day`, one row per customer and currency with any history.

    `among`: a table with a customer_id, when only those are asked for; `known_at`: as the books were known before then.
    """
    query, values = _measuring(as_of, among, known_at)
    return tables.read(query, values, schema=COLUMNS).with_columns(day=pl.lit(as_of))


def _measuring(as_of: date, among: str, known_at: datetime | None = None) -> tuple[str, dict[str, Any]]:
    query = _query()
    if known_at:
        query = re.sub(r"/\* only known (\w) \*/", r"AND \1.known_at < %(known_at)s", query)
        query = query.replace("/* or known later */", "OR known_at >= %(known_at)s")
    if among:
        query = query.replace("/* only x */", f"AND x.customer_id IN (SELECT customer_id FROM {among})")
    return query, {"as_of": as_of, "end": end_of_day(as_of), "zone": ZONE, "known_at": known_at}


def stored(*, as_of: date, among: str = "") -> pl.DataFrame:
    """The facts as last refreshed, days counted to `as_of`.

    `among`: a table with a customer_id, when only those are asked for.
    """
    scope = f"WHERE p.customer_id IN (SELECT customer_id FROM {among})" if among else ""
    query = f"SELECT {', '.join(COLUMNS)} FROM portfolio_profile p {scope}"
    return tables.read(query, schema=COLUMNS).with_columns(day=pl.lit(as_of))


def needed(names: Collection[str]) -> set[str]:
    """The columns, stored or declared, from which these facts come."""
    found: set[str] = set()
    for name in names:
        found |= set(_WORKED_OUT[name][1]) if name in _WORKED_OUT else {name, f"{name}_minor"}
    return found


def declared(*, among: str = "", values: Sequence[Any] = ()) -> pl.DataFrame:
    """What the creditor declares of each customer, money in its own currency (no history: it is as it is told now).

    `among`: a table, or a query with its `values`, that has a customer_id, when only those are asked for.
    """
    scope = f"AND u.id IN (SELECT customer_id FROM {among})" if among else ""
    return tables.read(_DECLARED.format(scope=scope), values, schema=DECLARED)


def for_conditions(measured: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The table over which conditions are evaluated: facts under their public names, money in major units.

    A fact whose columns are not in `measured` is left out.
    """
    table = measured.join(told, on="customer_id", how="inner")
    scale, declared_scale = per_major(table, "currency"), per_major(table, "house_currency")
    there = set(table.columns)
    found: list[pl.Expr] = []
    for fact in FACTS:
        if fact.name in _WORKED_OUT:
            expression, columns = _WORKED_OUT[fact.name]
            if there >= set(columns):
                found.append(expression().cast(TYPES[fact.unit]).alias(fact.name))
        elif fact.unit == "money" and f"{fact.name}_minor" in there:
            by = declared_scale if f"{fact.name}_minor" in DECLARED else scale
            found.append((pl.col(f"{fact.name}_minor") / by).alias(fact.name))
        elif fact.unit == "text":
            found.append(pl.col(fact.name).fill_null(""))
        elif fact.name in there:
            found.append(pl.col(fact.name).cast(TYPES[fact.unit]))
    return table.with_columns(found)


def per_major(table: pl.DataFrame, column: str) -> pl.Expr:
    """How many minor units one major unit has, in the currency that a column of the table names."""
    units = {code: float(10 ** exponent(code)) for code in table[column].unique().to_list()}
    return pl.col(column).replace_strict(units).cast(pl.Float64)  # the cast gives an empty column its type


def renew(*, as_of: date, among: str = "") -> dict[int, int]:
    """Makes Profile equal to the facts as of a day, of everyone or of those in a table; segments stay as they are.

    Returns how many profiles there are of each creditor. The facts never leave the database on their way.
    """
    names = ", ".join(COLUMNS)
    changed = ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS, "as_of") if name not in KEYS[1:])
    query, values = _measuring(as_of, among)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE fresh ({names}) ON COMMIT DROP AS {query}", values)
        cursor.execute("CREATE INDEX ON fresh (customer_id)")
        cursor.execute("ANALYZE fresh (customer_id)")
        cursor.execute(
            f"INSERT INTO portfolio_profile ({names}, as_of) SELECT {names}, %s FROM fresh"
            f" ON CONFLICT (customer_id, currency) DO UPDATE SET {changed}",
            [as_of],
        )
        # Whoever has no facts any more was merged into another customer, where the facts now are.
        scope = f"AND p.customer_id IN (SELECT customer_id FROM {among})" if among else ""
        cursor.execute(
            "DELETE FROM portfolio_profile p WHERE NOT EXISTS (SELECT FROM fresh f WHERE f.customer_id = p.customer_id"
            f" AND f.currency = p.currency) {scope}"
        )
        cursor.execute("SELECT creditor_id, count(*) FROM fresh GROUP BY 1")
        counts = dict(cursor.fetchall())
        cursor.execute("DROP TABLE fresh")
    return counts
