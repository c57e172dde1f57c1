"""Tries to pay: how many began, how many did not come to an end, how many met an input error; by number and by amount."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.payment import ATTEMPTS
from amiable.insight.kpi import COUNT, DOWN, MONEY, UP, kpi

SOURCES = ("payments.Attempt",)
BY = ("journey", "campaign", "step", "segment")
BY_AMOUNT = ("journey", "campaign")


def _measured(name: str, of: str, measured: str) -> tuple[pl.Expr, pl.Expr]:
    """`name` of those whose provider tells of typing errors; nothing of the others."""
    told = pl.col("measured") > 0
    return pl.when(told).then(pl.col(name)), pl.when(told).then(pl.col(measured)).otherwise(pl.col(of))


@kpi(
    "transactions_started", of=ATTEMPTS,
    label=_("Transactions started"), unit=COUNT, better=UP, sources=SOURCES, slices=BY,
    formula=_("Tries to pay that were started in the last 30 days, by journey, campaign, step and segment."),
)  # fmt: skip
def transactions_started() -> tuple[pl.Expr, None]:
    return pl.col("started"), None


@kpi(
    "transactions_completed", of=ATTEMPTS,
    label=_("Transactions completed"), unit=COUNT, better=UP, sources=SOURCES, slices=BY_AMOUNT,
    formula=_("Of the tries to pay that were started in the last 30 days, those that succeeded."),
)  # fmt: skip
def transactions_completed() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("completed"), pl.col("started")


@kpi(
    "transactions_not_completed", of=ATTEMPTS,
    label=_("Transactions not completed"), unit=COUNT, better=DOWN, sources=SOURCES, slices=BY,
    formula=_(
        "Of the tries to pay that were started in the last 30 days, those that failed or were abandoned. "
        "A try still under way is not counted."
    ),
)  # fmt: skip
def transactions_not_completed() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("not_completed"), pl.col("started")


@kpi(
    "transactions_input_error", of=ATTEMPTS, partly=True,
    label=_("Transactions with an input error"), unit=COUNT, better=DOWN, sources=SOURCES, slices=BY,
    formula=_(
        "Of the tries to pay that were started in the last 30 days, those with at least one input error. "
        "Where the provider's page keeps typing errors to itself, it is not measurable, and such tries are left out."
    ),
)  # fmt: skip
def transactions_input_error() -> tuple[pl.Expr, pl.Expr]:
    return _measured("input_error", "started", "measured")


@kpi(
    "amount_started", of=ATTEMPTS,
    label=_("Amount of the transactions started"), unit=MONEY, better=UP, sources=SOURCES, slices=BY_AMOUNT,
    formula=_("What was to be paid by the tries that were started in the last 30 days, by journey and campaign."),
)  # fmt: skip
def amount_started() -> tuple[pl.Expr, None]:
    return pl.col("started_minor"), None


@kpi(
    "amount_completed", of=ATTEMPTS,
    label=_("Amount of the transactions completed"), unit=MONEY, better=UP, sources=SOURCES, slices=BY_AMOUNT,
    formula=_("What was paid by the tries of the last 30 days that succeeded."),
)  # fmt: skip
def amount_completed() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("completed_minor"), pl.col("started_minor")


@kpi(
    "amount_not_completed", of=ATTEMPTS,
    label=_("Amount of the transactions not completed"), unit=MONEY, better=DOWN, sources=SOURCES, slices=BY_AMOUNT,
    formula=_("What was to be paid by the tries of the last 30 days that failed or were abandoned."),
)  # fmt: skip
def amount_not_completed() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("not_completed_minor"), pl.col("started_minor")


@kpi(
    "amount_input_error", of=ATTEMPTS, partly=True,
    label=_("Amount of the transactions with an input error"), unit=MONEY, better=DOWN, sources=SOURCES, slices=BY_AMOUNT,
    formula=_(
        "What was to be paid by the tries of the last 30 days with at least one input error, where providers tell of them."
    ),
)  # fmt: skip
def amount_input_error() -> tuple[pl.Expr, pl.Expr]:
    return _measured("input_error_minor", "started_minor", "measured_minor")
