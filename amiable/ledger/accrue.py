"""Posts what has run on late invoices, where the creditor claims it: dated entries, each period of each invoice once.

In: a creditor and a day. Out: new entries; what was posted too high (a payment told late, a waiver) is corrected by a new entry.
Never: an entry changed, a period posted twice, charges for customers or days for which nobody chose them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils.formats import date_format
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from amiable.core import tables
from amiable.core.words import in_house
from amiable.ledger import choose, post
from amiable.ledger.gather import Gathered, gather, posted_on
from amiable.ledger.models import Allocation, Creditor, Entry, EntryKind, Invoice
from amiable.ledger.reckon import reckon

_month = lazy(date_format, str)  # in the language of the house
_LOCK = 0x494E5452  # one hand at a time posts the charges of a creditor
AT_ONCE = 50_000  # rows of one COPY: the triggers work on tables of that size without spilling
_ENTRY = ("kind", "invoice_id", "amount_minor", "effective_on", "known_at", "reason", "period_on", "part")
_WORDS = {
    EntryKind.INTEREST: (_("Late interest, %(month)s"), _("Late interest, %(month)s: corrected")),
    EntryKind.INDEMNITY: (_("Fixed indemnity for late payment"), _("Fixed indemnity for late payment: corrected")),
}


@dataclass(frozen=True)
class Summary:
    """How many entries were posted, how many of them correct earlier ones, and for how many invoices a rate is missing."""

    posted: int = 0
    corrected: int = 0
    without_rate: int = 0


@transaction.atomic
def accrue(*, creditor: Creditor, as_of: date, now: datetime, only: Collection[int] | None = None) -> Summary:
    """Posts the months that are over, and what a paid invoice has come to, of all late invoices (or of these)."""
    if not _anything(creditor):
        return Summary()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, creditor.pk])
    posted = corrected = 0
    while True:
        wanted, waiting, without_rate = _wanted(creditor, as_of, only)
        up = wanted.filter(pl.col("minor") > 0)
        _post(up, as_of=as_of, now=now)
        for row in wanted.filter(pl.col("minor") < 0).iter_rows(named=True):
            _take_off(row, as_of=as_of, now=now)
        posted += wanted.height
        corrected += wanted.filter(pl.col("part") > 0).height
        # Where charges are paid first, a later month is reckoned on what the earlier ones have left.
        if not waiting:
            return Summary(posted, corrected, without_rate)


def _anything(creditor: Creditor) -> bool:
    """Whether this creditor has ever claimed anything."""
    return any(
        choose.CLAIM in (choice.interest, choice.indemnity)
        for rule in choose.rules(creditor.policy)
        for choice in rule.choices.values()
    )


def _wanted(creditor: Creditor, as_of: date, only: Collection[int] | None) -> tuple[pl.DataFrame, bool, int]:
    """What is to be posted now: invoice, kind, period_on, part, minor, effective_on; whether more waits for it."""
    gathered = gather(creditor=creditor, as_of=as_of, only=only)
    found = reckon(gathered.books, as_of=as_of)
    due = found.due.filter(mode=choose.CLAIM).drop("mode")
    due, posted = _unlike(gathered, due)
    posted = posted.rename({"part": "last"})
    # The books of an invoice are never reckoned for a day before its newest charge.
    ahead = posted.filter(pl.col("newest") > as_of)["invoice"].implode()
    both = due.join(posted, on=["invoice", "kind", "period_on"], how="full", coalesce=True)
    both = both.with_columns(
        minor=pl.col("minor").fill_null(0) - pl.col("was").fill_null(0), part=pl.col("last").fill_null(-1) + 1
    )
    # A month that is not over is only ever taken down: one that was posted at settlement, of an invoice that is open again.
    both = both.filter(
        pl.col("minor") != 0, pl.col("closed").fill_null(False) | (pl.col("minor") < 0), ~pl.col("invoice").is_in(ahead)
    )
    both = both.with_columns(effective_on=pl.when(pl.col("part") == 0).then("ends_on").otherwise(pl.lit(as_of)))
    first = gathered.books.terms.filter("charges_first")["key"].unique()
    in_turn = gathered.books.invoices.filter(pl.col("key").is_in(first.implode()))["invoice"]
    later = pl.col("invoice").is_in(in_turn.implode()) & (
        pl.col("period_on") > pl.col("period_on").min().over("invoice")
    )
    waits = both.filter(later).height > 0
    without_rate = found.pieces.filter(mode="no_rate")["invoice"].n_unique()
    return both.filter(~later).sort("invoice", "kind", "period_on"), waits, without_rate


def _unlike(gathered: Gathered, due: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Without the plain invoices whose charges are what they should be; what was posted on all others."""
    closed = due.filter("closed").group_by("invoice").agg(sum=pl.col("minor").sum())
    plain = gathered.plain.join(closed, on="invoice", how="left")
    unlike = plain.filter(pl.col("charged") != pl.col("sum").fill_null(0)).select("invoice")
    alike = gathered.plain.join(unlike, on="invoice", how="anti")
    posted = [gathered.posted]
    if unlike.height:
        posted.append(posted_on(unlike["invoice"]))
    return due.join(alike, on="invoice", how="anti"), pl.concat(posted)


def _post(rows: pl.DataFrame, *, as_of: date, now: datetime) -> None:
    if rows.is_empty():
        return
    periods = rows.select("kind", "period_on", again=pl.col("part") > 0).unique()
    said = periods.with_columns(
        reason=pl.Series([_reason(kind, on, again) for kind, on, again in periods.iter_rows()], dtype=pl.String)
    )
    table = rows.with_columns(again=pl.col("part") > 0).join(said, on=["kind", "period_on", "again"], how="left")
    table = table.rename({"invoice": "invoice_id", "minor": "amount_minor"})
    table = table.with_columns(known_at=pl.lit(now.isoformat()))
    for part in table.iter_slices(AT_ONCE):
        tables.write(part, "ledger_entry", _ENTRY)


def _take_off(row: dict[str, Any], *, as_of: date, now: datetime) -> None:
    """Corrects a charge downwards. What has been paid of it goes back to the payment, which is spread anew."""
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=row["invoice"])
    missing = -row["minor"] - invoice.open_minor
    newest = Allocation.objects.filter(invoice=invoice, reverses=None, reversed_by=None).order_by("-id")
    for allocation in newest:
        if missing <= 0:
            break
        post.reverse(allocation=allocation, as_of=as_of, now=now)
        missing -= allocation.amount_minor
    kind, period_on = row["kind"], row["period_on"]
    Entry.objects.create(
        kind=kind, invoice=invoice, amount_minor=row["minor"], effective_on=as_of, known_at=now, period_on=period_on,
        part=row["part"], reason=_reason(kind, period_on, True),
    )  # fmt: skip


def _reason(kind: str, period_on: date, again: bool) -> str:
    words = _WORDS[EntryKind(kind)][again]
    return in_house(words, month=_month(period_on, "F Y")) if kind == EntryKind.INTEREST else in_house(words)
