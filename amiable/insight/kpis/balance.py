"""What is owed on a day: overdue, by age, and how many days of billing it stands for."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import DAYS, DOWN, MONEY, NEITHER, kpi
from amiable.ledger.balance import BUCKETS

# The bands of the ledger; the due day itself is not yet late.
NOT_DUE, UP_TO_30, UP_TO_60, UP_TO_90, OLDEST = BUCKETS


@kpi(
    "amount_overdue",
    label=_("Amount overdue"),
    unit=MONEY,
    better=DOWN,
    formula=_("What is open on invoices whose due date has passed, of all that is open on invoices."),
    sources=("ledger.Invoice", "ledger.Entry"),
)
def amount_overdue(gathered: Gathered) -> pl.DataFrame:
    overdue = pl.col("open_minor").filter(pl.col("dpd") > 0).sum()
    return gathered.open_items.group_by("creditor", "currency").agg(
        numerator=overdue, denominator=pl.col("open_minor").sum()
    )


@kpi(
    "aged_balance",
    label=_("Aged balance"),
    unit=MONEY,
    better=NEITHER,
    formula=_("What is open on invoices, by segment of the customer and by days past due."),
    sources=("ledger.Invoice", "ledger.Entry", "portfolio.Membership"),
    slices=("segment", "bucket"),
)
def aged_balance(gathered: Gathered) -> pl.DataFrame:
    dpd = pl.col("dpd")
    bucket = (
        pl.when(dpd <= 0)
        .then(pl.lit(NOT_DUE))
        .when(dpd <= 30)
        .then(pl.lit(UP_TO_30))
        .when(dpd <= 60)
        .then(pl.lit(UP_TO_60))
        .when(dpd <= 90)
        .then(pl.lit(UP_TO_90))
        .otherwise(pl.lit(OLDEST))
    )
    items = gathered.open_items.with_columns(bucket=bucket)
    each = items.group_by("creditor", "currency", "segment", "bucket").agg(numerator=pl.col("open_minor").sum())
    total = items.group_by("creditor", "currency").agg(numerator=pl.col("open_minor").sum())
    return pl.concat([total, each], how="diagonal")


@kpi(
    "dso",
    label=_("DSO"),
    unit=DAYS,
    better=DOWN,
    formula=_(
        "Count-back: from what is open on the day (invoices less credits not yet used), the billing of the month under "
        "way is taken off, then of the month before, and so on; the days of the months used up are added, the last one "
        "in proportion. Nothing is said when 24 months of billing do not use it up."
    ),
    sources=("ledger.Invoice", "ledger.Credit", "ledger.Entry"),
)
def dso(gathered: Gathered) -> pl.DataFrame:
    key = ["creditor", "currency"]
    credit = pl.col("credit_minor").fill_null(0)
    open_now = (
        gathered.billed.select(key)
        .unique()
        .join(gathered.open_items.group_by(key).agg(pl.col("open_minor").sum()), on=key, how="full", coalesce=True)
        .join(gathered.open_credits, on=key, how="left")
        .select(*key, owed=(pl.col("open_minor").fill_null(0) - credit).clip(0))
    )
    months = pl.DataFrame(gathered.months, schema={"month": pl.Date, "days": pl.Int64}, orient="row")
    back = (
        open_now.join(months, how="cross")
        .join(gathered.billed, on=[*key, "month"], how="left")
        .with_columns(pl.col("billed_minor").fill_null(0))
        .sort("month", descending=True)
        .with_columns(before=pl.col("billed_minor").cum_sum().over(key) - pl.col("billed_minor"))
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
        .group_by(key)
        .agg(
            numerator=pl.col("owed").first(),
            denominator=pl.col("billed_minor").filter(pl.col("used") > 0).sum(),
            days=(pl.col("used") * pl.col("days")).sum(),
            billed=pl.col("billed_minor").sum(),
        )
    )
    known = pl.when(pl.col("billed") >= pl.col("numerator")).then(pl.col("days"))
    return counted.select(*key, "numerator", "denominator", value=known)
