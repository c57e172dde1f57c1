"""Tries to pay: how many began, how many did not come to an end, how many met an input error; by number and by amount."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import COUNT, DOWN, MONEY, UP, kpi

SOURCES = ("payments.Attempt",)
BY = ("journey", "campaign", "step", "segment")
BY_AMOUNT = ("journey", "campaign")


def _split(table: pl.DataFrame, by: tuple[str, ...] = BY, **sums: pl.Expr) -> pl.DataFrame:
    """These sums of all tries, and of each part. What belongs to no part (no campaign, no step) is only in the total."""
    tables = [table.group_by("creditor", "currency").agg(**sums)]
    for part in by:
        named = table.filter(pl.col(part).is_not_null() & (pl.col(part).cast(pl.String) != ""))
        tables.append(named.group_by("creditor", "currency", part).agg(**sums))
    return pl.concat(tables, how="diagonal")


def _measured(name: str, of: str) -> dict[str, pl.Expr]:
    """`name` of `of`, for the tries whose provider tells of typing errors; where none does there is no numerator."""
    told, known = pl.col("measured"), pl.col("measured").any()
    return {
        "numerator": pl.when(known).then(pl.col(name).filter(told).sum()),
        "denominator": pl.when(known).then(pl.col(of).filter(told).sum()).otherwise(pl.col(of).sum()),
    }


def _all(name: str, of: str) -> dict[str, pl.Expr]:
    return {"numerator": pl.col(name).sum(), "denominator": pl.col(of).sum()}


@kpi(
    "transactions_started",
    label=_("Transactions started"),
    unit=COUNT,
    better=UP,
    formula=_("Tries to pay that were started in the last 30 days, by journey, campaign, step and segment."),
    sources=SOURCES,
    slices=BY,
)
def transactions_started(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, numerator=pl.col("started").sum())


@kpi(
    "transactions_not_completed",
    label=_("Transactions not completed"),
    unit=COUNT,
    better=DOWN,
    formula=_(
        "Of the tries to pay that were started in the last 30 days, those that failed or were abandoned. "
        "A try still under way is not counted."
    ),
    sources=SOURCES,
    slices=BY,
)
def transactions_not_completed(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, BY, **_all("not_completed", "started"))


@kpi(
    "transactions_input_error",
    label=_("Transactions with an input error"),
    unit=COUNT,
    better=DOWN,
    formula=_(
        "Of the tries to pay that were started in the last 30 days, those with at least one input error. "
        "Where the provider's page keeps typing errors to itself, it is not measurable, and such tries are left out."
    ),
    sources=SOURCES,
    slices=BY,
)
def transactions_input_error(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, BY, **_measured("input_error", "started"))


@kpi(
    "amount_started",
    label=_("Amount of the transactions started"),
    unit=MONEY,
    better=UP,
    formula=_("What was to be paid by the tries that were started in the last 30 days, by journey and campaign."),
    sources=SOURCES,
    slices=BY_AMOUNT,
)
def amount_started(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, BY_AMOUNT, numerator=pl.col("started_minor").sum())


@kpi(
    "amount_not_completed",
    label=_("Amount of the transactions not completed"),
    unit=MONEY,
    better=DOWN,
    formula=_("What was to be paid by the tries of the last 30 days that failed or were abandoned."),
    sources=SOURCES,
    slices=BY_AMOUNT,
)
def amount_not_completed(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, BY_AMOUNT, **_all("not_completed_minor", "started_minor"))


@kpi(
    "amount_input_error",
    label=_("Amount of the transactions with an input error"),
    unit=MONEY,
    better=DOWN,
    formula=_(
        "What was to be paid by the tries of the last 30 days with at least one input error, where providers tell of them."
    ),
    sources=SOURCES,
    slices=BY_AMOUNT,
)
def amount_input_error(gathered: Gathered) -> pl.DataFrame:
    return _split(gathered.attempts, BY_AMOUNT, **_measured("input_error_minor", "started_minor"))
