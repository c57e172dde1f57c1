"""What is owed on a day: overdue, by age, how many days of billing it stands for, how much of it gets older."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.grains.balance import BILLING, ITEMS, NOT_DUE, OLDEST
from amiable.insight.kpi import DAYS, DOWN, MONEY, NEITHER, PERCENT, UP, kpi

SOURCES = ("ledger.Invoice", "ledger.Entry")
OPEN, BEFORE, STAYED, BILLED, SALES = (
    pl.col(name) for name in ("open_minor", "before_minor", "stayed_minor", "billed_minor", "sales_minor")
)
LATE, WAS_LATE = pl.col("bucket") != NOT_DUE, pl.col("was") != NOT_DUE


def _where(told: pl.Expr, amount: pl.Expr) -> pl.Expr:
    return pl.when(told).then(amount).otherwise(0)


@kpi(
    "amount_overdue", of=ITEMS,
    label=_("Amount overdue"), unit=MONEY, better=DOWN, sources=SOURCES, slices=("segment",),
    formula=_("What is open on invoices whose due date has passed, of all that is open on invoices."),
)  # fmt: skip
def amount_overdue() -> tuple[pl.Expr, pl.Expr]:
    return _where(LATE, OPEN), OPEN


@kpi(
    "overdue_share", of=ITEMS,
    label=_("Overdue share"), unit=PERCENT, better=DOWN, sources=SOURCES,
    formula=_("What is open on invoices whose due date has passed, as a part of all that is open on invoices."),
)  # fmt: skip
def overdue_share() -> tuple[pl.Expr, pl.Expr]:
    return _where(LATE, OPEN), OPEN


@kpi(
    "at_risk_share", of=ITEMS,
    label=_("At-risk share"), unit=PERCENT, better=DOWN, sources=SOURCES, slices=("segment",),
    formula=_("What is open more than 90 days past due, as a part of all that is open on invoices."),
)  # fmt: skip
def at_risk_share() -> tuple[pl.Expr, pl.Expr]:
    return _where(pl.col("bucket") == OLDEST, OPEN), OPEN


@kpi(
    "aged_balance", of=ITEMS,
    label=_("Aged balance"), unit=MONEY, better=NEITHER, sources=(*SOURCES, "portfolio.Membership"),
    slices=(("segment", "bucket"),),
    formula=_("What is open on invoices, by segment of the customer and by days past due."),
)  # fmt: skip
def aged_balance() -> tuple[pl.Expr, None]:
    return OPEN, None


@kpi(
    "roll_rate", of=ITEMS,
    label=_("Roll rate"), unit=PERCENT, better=DOWN, sources=SOURCES, slices=("was",),
    formula=_(
        "Of what was open 30 days ago on invoices that are late now, the share that is still open and so has grown older; by "
        "the age that it had then."
    ),
)  # fmt: skip
def roll_rate() -> tuple[pl.Expr, pl.Expr]:
    return _where(LATE, STAYED), _where(LATE, BEFORE)


@kpi(
    "collection_effectiveness", of=ITEMS,
    label=_("Collection effectiveness index"), unit=PERCENT, better=UP, sources=SOURCES, slices=("segment",),
    formula=_(
        "Of what could be collected in the last 30 days (open 30 days ago, plus billed since, less what is not yet due), the "
        "share that is no longer open."
    ),
)  # fmt: skip
def collection_effectiveness() -> tuple[pl.Expr, pl.Expr]:
    reachable = BEFORE + BILLED
    return reachable - OPEN, reachable - _where(~LATE, OPEN)


@kpi(
    "dso",
    label=_("DSO"), unit=DAYS, better=DOWN, sources=("ledger.Invoice", "ledger.Credit", "ledger.Entry"),
    formula=_(
        "Count-back: from what is open on the day (invoices less credits not yet used), the billing of the month under "
        "way is taken off, then of the month before, and so on; the days of the months used up are added, the last one "
        "in proportion. Nothing is said when 24 months of billing do not use it up."
    ),
)  # fmt: skip
def dso(gathered: Gathered) -> pl.DataFrame:
    credit = pl.col("credit_minor").fill_null(0)
    billed = gathered.billed.lazy()
    owing = gathered.rows(ITEMS).lazy().group_by("currency").agg(pl.col("open_minor").sum())
    open_now = (
        billed.select("currency")
        .unique()
        .join(owing, on="currency", how="full", coalesce=True)
        .join(gathered.open_credits.lazy(), on="currency", how="left")
        .select("currency", owed=(pl.col("open_minor").fill_null(0) - credit).clip(0))
    )
    months = pl.LazyFrame(gathered.months, schema={"month": pl.Date, "days": pl.Int64}, orient="row")
    back = (
        open_now.join(months, how="cross")
        .join(billed, on=["currency", "month"], how="left")
        .with_columns(pl.col("billed_minor").fill_null(0))
        .sort("month", descending=True)
        .with_columns(before=pl.col("billed_minor").cum_sum().over("currency") - pl.col("billed_minor"))
    )
    left = pl.col("owed") - pl.col("before")
    used = (
        pl.when(left <= 0)
        .then(0.0)
        .when(pl.col("billed_minor") == 0)
        .then(1.0)
        .otherwise((left / pl.col("billed_minor")).clip(0, 1))
    )
    counted = (
        back.with_columns(used=used)
        .group_by("currency")
        .agg(
            numerator=pl.col("owed").first(),
            denominator=pl.col("billed_minor").filter(pl.col("used") > 0).sum(),
            days=(pl.col("used") * pl.col("days")).sum(),
            billed=pl.col("billed_minor").sum(),
        )
    )
    known = pl.when(pl.col("billed") >= pl.col("numerator")).then(pl.col("days"))
    return counted.select("currency", "numerator", "denominator", value=known).collect()


@kpi(
    "dso_simple", of=ITEMS, scale=BILLING,
    label=_("DSO, simple"), unit=DAYS, better=DOWN, sources=SOURCES, slices=("segment",),
    formula=_("What is open on invoices, divided by what was billed in the last 90 days, times 90."),
)  # fmt: skip
def dso_simple() -> tuple[pl.Expr, pl.Expr]:
    return OPEN, SALES


@kpi(
    "dso_best", of=ITEMS, scale=BILLING,
    label=_("DSO, best possible"), unit=DAYS, better=DOWN, sources=SOURCES, slices=("segment",),
    formula=_(
        "What is open and not yet due, divided by what was billed in the last 90 days, times 90: the days that would be left "
        "if everybody paid on the due date."
    ),
)  # fmt: skip
def dso_best() -> tuple[pl.Expr, pl.Expr]:
    return _where(~LATE, OPEN), SALES


@kpi(
    "days_delinquent", of=ITEMS, scale=BILLING,
    label=_("Average days delinquent"), unit=DAYS, better=DOWN, sources=SOURCES, slices=("segment",),
    formula=_(
        "What is overdue, divided by what was billed in the last 90 days, times 90: the simple DSO less the best possible one."
    ),
)  # fmt: skip
def days_delinquent() -> tuple[pl.Expr, pl.Expr]:
    return _where(LATE, OPEN), SALES
