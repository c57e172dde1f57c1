"""Tries to pay: how many began, how many did not come to an end, how many met an input error."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import COUNT, DOWN, UP, kpi

SOURCES = ("payments.Attempt",)


def _by_journey(gathered: Gathered, count: str) -> pl.DataFrame:
    each = gathered.attempts.select(
        "creditor", "currency", "journey", numerator=pl.col(count), denominator=pl.col("started")
    )
    total = each.group_by("creditor", "currency").agg(pl.col("numerator", "denominator").sum())
    return pl.concat([total, each], how="diagonal")


@kpi(
    "transactions_started",
    label=_("Transactions started"),
    unit=COUNT,
    better=UP,
    formula=_("Tries to pay that were started in the last 30 days, by journey."),
    sources=SOURCES,
    slices=("journey",),
)
def transactions_started(gathered: Gathered) -> pl.DataFrame:
    return _by_journey(gathered, "started").drop("denominator")


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
    slices=("journey",),
)
def transactions_not_completed(gathered: Gathered) -> pl.DataFrame:
    return _by_journey(gathered, "not_completed")


@kpi(
    "transactions_input_error",
    label=_("Transactions with an input error"),
    unit=COUNT,
    better=DOWN,
    formula=_("Of the tries to pay that were started in the last 30 days, those with at least one input error."),
    sources=SOURCES,
    slices=("journey",),
)
def transactions_input_error(gathered: Gathered) -> pl.DataFrame:
    return _by_journey(gathered, "input_error")
