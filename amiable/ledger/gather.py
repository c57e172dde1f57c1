"""The books of late invoices as tables for the reckoning: read from the database for one creditor, in a handful of queries."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from django.db import connection

from amiable.core import tables
from amiable.law.late import late
from amiable.ledger import choose, reckon
from amiable.ledger.models import CHARGES, Creditor, EntryKind, HoldKind

# Under these no interest runs: the debt is contested, or the law stops it (Code de commerce, art. L.622-28).
STOPPING = (HoldKind.DISPUTE, HoldKind.INSOLVENCY, HoldKind.MORATORIUM)
# How long a settled invoice is looked at again: a payment may be told late. One that was charged, longer.
SETTLED_DAYS, CHARGED_DAYS = 62, 400

_LATE = """
CREATE TEMP TABLE late_invoice ON COMMIT DROP AS
SELECT i.id, i.customer_id, c.kind, i.currency, i.due_on, i.amount_minor, i.charged_minor, {plain} AS plain
FROM ledger_invoice i JOIN ledger_customer c ON c.id = i.customer_id
WHERE i.creditor_id = %(creditor)s AND i.due_on < %(as_of)s AND {which}
"""
# Everything that may have to be posted: what is open, what was settled late not long ago, what was charged.
_ALL = f"""(i.charged_minor > 0 OR c.kind = ANY(%(kinds)s)) AND (i.open_minor > 0
  OR i.settled_on >= %(as_of)s - CASE WHEN i.charged_minor > 0 THEN {CHARGED_DAYS} ELSE {SETTLED_DAYS} END
     AND (i.charged_minor > 0 OR i.settled_on > i.due_on))"""
_SOME = "i.id = ANY(%(only)s)"
# On which no money ever moved: its entries say nothing that the row itself does not say.
_PLAIN = """(i.open_minor = i.amount_minor + i.charged_minor
  AND NOT EXISTS (SELECT FROM ledger_allocation a WHERE a.invoice_id = i.id))"""
_ENTRIES = """
SELECT e.invoice_id, e.kind, e.effective_on, e.period_on, e.part, e.amount_minor FROM ledger_entry e
WHERE e.invoice_id IN ({which}) AND e.kind <> 'principal'
"""
ENTRIES: dict[str, type[pl.DataType]] = {
    "invoice": pl.Int64, "kind": pl.String, "day": pl.Date, "period_on": pl.Date, "part": pl.Int64, "minor": pl.Int64,
}  # fmt: skip
_STOPS = """
SELECT i.id, h.since, h.until, h.amount_minor FROM ledger_hold h
JOIN late_invoice i ON i.customer_id = h.customer_id AND (h.invoice_id IS NULL OR h.invoice_id = i.id)
WHERE h.kind = ANY(%(stopping)s) AND h.creditor_id = %(creditor)s
"""
_WAIVERS = """
SELECT i.id, w.kind, w.since, w.until FROM ledger_waiver w
JOIN late_invoice i ON i.customer_id = w.customer_id AND (w.invoice_id IS NULL OR w.invoice_id = i.id)
WHERE w.creditor_id = %(creditor)s
"""


@dataclass(frozen=True)
class Gathered:
    """`terms`: what stands behind each number of a term. `posted`: invoice, kind, period_on, was, part, newest; of the `plain`
    invoices (with what is charged on them), on which no money ever moved, it is read only when asked for."""

    books: reckon.Books
    posted: pl.DataFrame
    plain: pl.DataFrame
    terms: dict[int, choose.Term]


def gather(*, creditor: Creditor, as_of: date, only: Collection[int] | None = None) -> Gathered:
    """The late invoices of a creditor (all that may have to be posted, or only these). Must stand in a transaction."""
    known = choose.rules(creditor.policy)
    asking = {a for a in choose.AUDIENCES for rule in known if rule.of(a).named}
    values: dict[str, Any] = {
        "creditor": creditor.pk, "as_of": as_of, "only": None if only is None else list(only),
        "kinds": sorted(asking), "stopping": list(STOPPING),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS late_invoice")
        whole = only is None
        cursor.execute(_LATE.format(which=_ALL if whole else _SOME, plain=_PLAIN if whole else "false"), values)
        cursor.execute("ANALYZE late_invoice")
    schema = {
        "invoice": pl.Int64, "customer": pl.Int64, "audience": pl.String, "currency": pl.String, "due_on": pl.Date,
        "amount": pl.Int64, "charged": pl.Int64, "plain": pl.Boolean,
    }  # fmt: skip
    rows = tables.read("SELECT * FROM late_invoice", schema=schema)
    rows, frames, terms = _terms(rows, creditor, known, as_of)
    entries = tables.read(_ENTRIES.format(which="SELECT id FROM late_invoice WHERE NOT plain"), schema=ENTRIES)
    return Gathered(
        reckon.Books(
            invoices=rows.select(*reckon.INVOICES),
            moves=_moves(entries, as_of),
            stops=tables.read(_STOPS, values, schema=reckon.STOPS),
            waivers=tables.read(_WAIVERS, values, schema=reckon.WAIVERS).with_columns(pl.col("kind").fill_null("")),
            terms=frames[0],
            sums=frames[1],
        ),
        _posted(entries),
        rows.filter("plain").select("invoice", "charged"),
        terms,
    )


def posted_on(invoices: pl.Series) -> pl.DataFrame:
    """What has been posted on these invoices. Must stand in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS charged_invoice")
        cursor.execute("CREATE TEMP TABLE charged_invoice (id bigint PRIMARY KEY) ON COMMIT DROP")
        tables.write(invoices.to_frame("id"), "charged_invoice", ["id"])
        cursor.execute("ANALYZE charged_invoice")
    return _posted(tables.read(_ENTRIES.format(which="SELECT id FROM charged_invoice"), schema=ENTRIES))


def _posted(entries: pl.DataFrame) -> pl.DataFrame:
    charges = entries.filter(pl.col("period_on").is_not_null(), pl.col("kind") != EntryKind.FEE)
    return charges.group_by("invoice", "kind", "period_on").agg(
        was=pl.col("minor").sum(), part=pl.col("part").max(), newest=pl.col("day").max()
    )


def _moves(entries: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """What came in and what was charged, by invoice and day."""
    charge = pl.col("kind").is_in([kind.value for kind in CHARGES])
    days = entries.filter(pl.col("day") <= as_of).group_by("invoice", "day")
    return days.agg(paid=-pl.col("minor").filter(~charge).sum(), charged=pl.col("minor").filter(charge).sum())


def _terms(
    rows: pl.DataFrame, creditor: Creditor, known: list[choose.Rule], as_of: date
) -> tuple[pl.DataFrame, tuple[pl.DataFrame, pl.DataFrame], dict[int, choose.Term]]:
    """The invoices with the key of their terms; the terms of each key, and the sums of the indemnity, as tables."""
    fixed = {a: late(creditor.country, a, as_of).fixed for a in choose.AUDIENCES}
    late_on = pl.col("due_on").dt.offset_by("1d")
    half = pl.date(late_on.dt.year(), pl.when(late_on.dt.month() <= 6).then(1).otherwise(7), 1)
    rows = rows.with_columns(
        late_in=pl.when(pl.col("audience").is_in([a for a, is_fixed in fixed.items() if is_fixed])).then(half)
    )
    keys = rows.select("audience", "currency", "late_in").unique(maintain_order=True).with_row_index("key")
    keys = keys.cast({"key": pl.Int64})
    told: dict[int, choose.Term] = {}
    lines, sums = [], []
    for key, audience, currency, late_in in keys.iter_rows():
        for term in choose.terms(
            known, country=creditor.country, audience=audience, currency=currency, late_in=late_in, until=as_of
        ):
            number = len(told)
            told[number] = term
            lines.append(
                (number, key, term.day, term.interest, term.indemnity, term.rate.millionths, term.charges_first,
                 term.grace_days, term.wait_days)
            )  # fmt: skip
            if currency == term.law.currency:
                sums += [(number, least, sum_) for least, sum_ in term.law.value.get("indemnity", [])]
    rows = rows.join(keys, on=["audience", "currency", "late_in"], nulls_equal=True, maintain_order="left")
    frames = (
        pl.DataFrame(lines, schema=reckon.TERMS, orient="row"), pl.DataFrame(sums, schema=reckon.SUMS, orient="row")
    )  # fmt: skip
    return rows, frames, told
