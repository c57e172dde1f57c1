"""When each open invoice of a customer is expected to be paid, from when to when, and why, in words.

In: a customer, a day, the habits kept with the newest forecast. Out: one line per invoice or payment of a plan, or a sentence.
Never: a day where most such invoices are not paid within a year, or where the house has seen too little to know.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.insight import say
from amiable.insight.forecast.divide import OUT
from amiable.insight.forecast.foresee import sentence
from amiable.insight.forecast.gather import Known, gather
from amiable.insight.forecast.habits import OWN, YEAR, Floats, offsets, unpacked, waiting
from amiable.insight.forecast.read import FRESH_DAYS
from amiable.insight.models import Forecast
from amiable.ledger.models import Customer

AHEAD = 365
KEPT_DAYS = 4  # so long after its day a promise still counts as kept in what is said about it


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """By `day` half of such invoices are paid, by `early` one of ten, by `late` nine; empty: not within a year, or not at all.
    `chance`: of being paid within four weeks, empty where no money is expected. `part`: what counts: due, promise, plan (then
    `invoice` is the first of the plan), debit, dispute, out.
    """

    invoice: int
    part: str
    due_on: date
    currency: str
    minor: int
    early: date | None
    day: date | None
    late: date | None
    chance: float | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """`lines`: the oldest due first, none where nothing is open. `silence`: why nothing can be told."""

    lines: tuple[Awaited, ...] = ()
    silence: str = ""


def of_customer(*, customer: Customer, as_of: date) -> Foretold:
    """What is awaited of a customer, by the newest forecast of the week before the day."""
    fresh = Forecast.objects.filter(
        creditor=customer.creditor_id, as_of__lte=as_of, as_of__gt=as_of - timedelta(days=FRESH_DAYS)
    )
    made = fresh.exclude(habits={}).order_by("-as_of").first()
    if made is None or made.why == "too_little":
        why, seen = (made.why, made.learnt_from) if made else ("not_made", 0)
        return Foretold(silence=sentence(why, as_of=as_of, seen=seen))
    known = gather(creditor=customer.creditor, as_of=as_of, customer=customer)
    own = offsets(known.rows, as_of=as_of, days=YEAR).sort("part", "customer")
    ages = known.open.select((pl.lit(as_of) - pl.col("day")).dt.total_days())["literal"].to_numpy().astype(np.int64)
    ahead = np.arange(1, AHEAD + 1)
    paid = 1 - waiting(
        unpacked(made.habits, own), known.open.select("part", "customer", "group"), ages=ages, ahead=ahead
    )
    found = [
        _awaited(row, chance, own, as_of) for row, chance in zip(known.open.iter_rows(named=True), paid, strict=True)
    ]
    return Foretold(
        lines=tuple(sorted([*found, *_not_awaited(known)], key=lambda each: (each.due_on, each.invoice, each.part)))
    )


def _awaited(row: dict[str, Any], paid: Floats, own: pl.DataFrame, as_of: date) -> Awaited:
    def by(share: float) -> date | None:
        place = int(np.searchsorted(paid, share))
        return as_of + timedelta(days=place + 1) if place < AHEAD else None

    early, day, late = by(0.1), by(0.5), by(0.9)
    return Awaited(
        invoice=row["invoice"], part=row["part"], due_on=row["due_on"], currency=row["currency"], minor=row["minor"],
        early=early, day=day, late=late, chance=float(paid[27]), reason=_reason(row["part"], row["day"], own, as_of),
    )  # fmt: skip


def _not_awaited(known: Known) -> list[Awaited]:
    """What is open and brings no money: paid already by money that waits for its invoice, sold, or stopped by law."""
    there = known.standing.join(known.bills, on="invoice", how="anti")
    return [
        Awaited(
            invoice=row["invoice"], part=row["part"], due_on=row["due_on"], currency=row["currency"], minor=row["open"],
            early=None, day=None, late=None, chance=None,
            reason=_("Sold, or stopped by insolvency proceedings: not expected.")
            if row["part"] == OUT
            else _("Covered by money or a credit note that is there already."),
        )
        for row in there.iter_rows(named=True)
    ]  # fmt: skip


def _reason(part: str, day: date, own: pl.DataFrame, as_of: date) -> str:
    theirs = own.filter(pl.col("part") == part, "ended")
    if part == "promise":
        kept = theirs.filter(pl.col("last") <= KEPT_DAYS).height
        told = _("Promised for %(day)s.") % {"day": say.said(day, None, "")}
        asked = own.filter(pl.col("part") == part, pl.col("ended") | (pl.col("last") > KEPT_DAYS)).height
        return told if not asked else f"{told} {_kept(kept, asked)}"
    if part == "plan":
        return _("A payment of a plan, due on %(day)s.") % {"day": say.said(day, None, "")}
    if part == "debit":
        return _("Debited on %(day)s.") % {"day": say.said(day, None, "")}
    if part == "dispute":
        return _("Contested since %(day)s: it comes once that is settled, or not at all.") % {
            "day": say.said(day, None, "")
        }
    if theirs.height < OWN:
        return _("Few invoices of this customer have been paid so far: expected as from customers like them.")
    usual = round(float(np.median(theirs["last"].to_numpy())))
    told = _usual(usual, theirs.height)
    if usual >= (as_of - day).days:
        return told
    return f"{told} " + _("Later than that already.")


def _kept(kept: int, asked: int) -> str:
    return ngettext(
        "Of %(asked)s invoice promised in a year, %(kept)s was paid in time.",
        "Of %(asked)s invoices promised in a year, %(kept)s were paid in time.",
        asked,
    ) % {"asked": asked, "kept": kept}


def _usual(days: int, count: int) -> str:
    if days == 0:
        return _("Pays on the due date as a rule (%(count)s invoices in a year).") % {"count": count}
    told = (
        ngettext(
            "Pays %(days)s day after the due date as a rule (%(count)s invoices in a year).",
            "Pays %(days)s days after the due date as a rule (%(count)s invoices in a year).",
            days,
        )
        if days > 0
        else ngettext(
            "Pays %(days)s day before the due date as a rule (%(count)s invoices in a year).",
            "Pays %(days)s days before the due date as a rule (%(count)s invoices in a year).",
            -days,
        )
    )
    return told % {"days": abs(days), "count": count}
