"""Disputes: how many, of what cause and age, how soon they are resolved."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.relation import DISPUTES, OPEN_DISPUTES
from amiable.insight.kpi import COUNT, DAYS, DOWN, MONEY, kpi

SOURCES = ("casework.Dispute",)


@kpi(
    "disputes_open", of=OPEN_DISPUTES,
    label=_("Disputes open"), unit=COUNT, better=DOWN, sources=SOURCES, slices=("cause", "age"),
    formula=_("Disputes that nobody has resolved by the day, by cause and by days since they were opened."),
)  # fmt: skip
def disputes_open() -> tuple[pl.Expr, None]:
    return pl.col("disputes"), None


@kpi(
    "amount_disputed", of=OPEN_DISPUTES,
    label=_("Amount in dispute"), unit=MONEY, better=DOWN, sources=(*SOURCES, "ledger.Invoice"), slices=("cause", "age"),
    formula=_("What open disputes contest: the part named by the customer, else the whole invoice."),
)  # fmt: skip
def amount_disputed() -> tuple[pl.Expr, None]:
    return pl.col("disputed_minor"), None


@kpi(
    "dispute_age", of=OPEN_DISPUTES,
    label=_("Age of disputes"), unit=DAYS, better=DOWN, sources=SOURCES, slices=("cause",),
    formula=_("Days since open disputes were opened, on average."),
)  # fmt: skip
def dispute_age() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("age_days"), pl.col("disputes")


@kpi(
    "disputes_opened", of=DISPUTES,
    label=_("Disputes opened"), unit=COUNT, better=DOWN, sources=SOURCES, slices=("cause",),
    formula=_("Disputes opened in the last 30 days, by cause."),
)  # fmt: skip
def disputes_opened() -> tuple[pl.Expr, None]:
    return pl.col("opened"), None


@kpi(
    "dispute_days", of=DISPUTES,
    label=_("Days to resolve a dispute"), unit=DAYS, better=DOWN, sources=SOURCES, slices=("cause",),
    formula=_("Of the disputes resolved in the last 30 days, the days from opening to answer, on average."),
)  # fmt: skip
def dispute_days() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("resolve_days"), pl.col("resolved")
