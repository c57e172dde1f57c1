"""The portfolio: how much of it hangs on a few customers, and who goes from one segment to another."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.grains.balance import ITEMS
from amiable.insight.grains.moves import MOVES
from amiable.insight.kpi import COUNT, DOWN, MONEY, NEITHER, PERCENT, kpi

LARGEST = 10  # customers


@kpi(
    "concentration",
    label=_("Concentration"), unit=PERCENT, better=DOWN, sources=("ledger.Invoice", "ledger.Entry"),
    slices=("customer", ("customer", "bucket")),
    formula=_("What is open with the ten customers who owe most, as a part of all that is open on invoices."),
)  # fmt: skip
def concentration(gathered: Gathered) -> pl.DataFrame:
    """Each of the ten stands with the segment of that day, and with what is open by age."""
    items, who = gathered.rows(ITEMS).lazy(), ["currency", "customer"]
    owing = items.group_by(who).agg(numerator=pl.col("open_minor").sum(), segment=pl.col("segment").first())
    owing = owing.filter(pl.col("numerator") > 0).with_columns(denominator=pl.col("numerator").sum().over("currency"))
    # Among those who owe the same, whoever has been here longer.
    rank = pl.struct(-pl.col("numerator"), "customer").rank("ordinal").over("currency")
    each = owing.filter(rank <= LARGEST)
    whole = each.group_by("currency").agg(pl.col("numerator").sum(), pl.col("denominator").first())
    ages = items.group_by(*who, "bucket").agg(numerator=pl.col("open_minor").sum())
    ages = ages.join(each.select(*who, "denominator"), on=who).filter(pl.col("numerator") != 0)
    found = pl.concat([whole, each, ages], how="diagonal").sort(*who, "bucket", nulls_last=False)
    return found.with_columns(value=pl.col("numerator") / pl.col("denominator")).collect()


@kpi(
    "segment_moves", of=MOVES,
    label=_("Moves between segments"), unit=COUNT, better=NEITHER, sources=("portfolio.Membership",),
    slices=(("origin", "segment"),),
    formula=_("Customers who left a segment in the last 30 days, by the one that they left and the one that they came to."),
)  # fmt: skip
def segment_moves() -> tuple[pl.Expr, None]:
    return pl.col("moves"), None


@kpi(
    "amount_moved", of=MOVES, partly=True,
    label=_("Amount moved between segments"), unit=MONEY, better=NEITHER, sources=("portfolio.Membership",),
    slices=(("origin", "segment"),),
    formula=_("What was open with the customers who went to another segment in the last 30 days, each on the day of the move."),
)  # fmt: skip
def amount_moved() -> tuple[pl.Expr, None]:
    return pl.when(pl.col("told") > 0).then(pl.col("moved_minor")), None
