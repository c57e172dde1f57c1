"""Loyalty: whether customers who were treated still buy 3, 6 and 12 months later, and how much. Collection must not cost them."""

import polars as pl
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.recovery import TREATED
from amiable.insight.kpi import PERCENT, UP, Kpi, kpi

SOURCES = ("casework.Case", "ledger.Invoice")


def _after(months: int, name: str) -> pl.Expr:
    return pl.when(pl.col("months") == months).then(pl.col(name)).otherwise(0)


def _customers(months: int) -> Kpi:
    @kpi(
        f"customers_kept_{months}m", of=TREATED, in_currency=False,
        label=format_lazy(_("Customers kept after {months} months"), months=months), unit=PERCENT, better=UP, sources=SOURCES,
        slices=("segment",),
        formula=format_lazy(
            _(
                "Of the customers whose case opened in the 30 days that ended {months} months before the day, those who were "
                "billed again within {months} months of the opening."
            ),
            months=months,
        ),
    )  # fmt: skip
    def kept() -> tuple[pl.Expr, pl.Expr]:
        return _after(months, "again"), _after(months, "treated")

    return kept


def _turnover(months: int) -> Kpi:
    @kpi(
        f"turnover_kept_{months}m", of=TREATED,
        label=format_lazy(_("Turnover kept after {months} months"), months=months), unit=PERCENT, better=UP, sources=SOURCES,
        slices=("segment",),
        formula=format_lazy(
            _(
                "What the customers whose case opened in the 30 days that ended {months} months before the day were billed in "
                "the {months} months after the opening, as a part of what they were billed in the {months} months before it."
            ),
            months=months,
        ),
    )  # fmt: skip
    def kept() -> tuple[pl.Expr, pl.Expr]:
        return _after(months, "since_minor"), _after(months, "before_minor")

    return kept


customers_kept_3m, customers_kept_6m, customers_kept_12m = _customers(3), _customers(6), _customers(12)
turnover_kept_3m, turnover_kept_6m, turnover_kept_12m = _turnover(3), _turnover(6), _turnover(12)
