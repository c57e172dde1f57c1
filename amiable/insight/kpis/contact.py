"""Contacts: who of the late customers was reached out to, how much was sent, who wished to hear no more."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import COUNT, DOWN, NEITHER, PERCENT, UP, kpi


@kpi(
    "overdue_contacted",
    label=_("Late customers contacted"),
    unit=PERCENT,
    better=UP,
    formula=_("Of the customers with an overdue invoice, those who had a reminder or a call in the last 30 days."),
    sources=("ledger.Invoice", "outreach.Message", "casework.Task"),
)
def overdue_contacted(gathered: Gathered) -> pl.DataFrame:
    reminded = gathered.messages.filter("capped").select("customer")
    reached = pl.concat([reminded, gathered.calls.select("customer")]).unique()
    late = gathered.open_items.filter(pl.col("dpd") > 0).select("creditor", "currency", "customer").unique()
    return late.group_by("creditor", "currency").agg(
        numerator=pl.col("customer").is_in(reached["customer"].implode()).sum().cast(pl.Int64),
        denominator=pl.len().cast(pl.Int64),
    )


@kpi(
    "messages_sent",
    label=_("Messages sent"),
    unit=COUNT,
    better=NEITHER,
    formula=_("Messages sent in the last 30 days, by medium."),
    sources=("outreach.Message",),
    slices=("medium",),
    in_currency=False,
)
def messages_sent(gathered: Gathered) -> pl.DataFrame:
    each = gathered.messages.group_by("creditor", "medium").agg(numerator=pl.col("sent").sum())
    total = each.group_by("creditor").agg(pl.col("numerator").sum())
    return pl.concat([total, each], how="diagonal")


@kpi(
    "opt_outs",
    label=_("Opt-outs"),
    unit=COUNT,
    better=DOWN,
    formula=_("Customers who opted out in the last 30 days, beside the number of customers written to in these days."),
    sources=("outreach.OptOut", "outreach.Message"),
    in_currency=False,
)
def opt_outs(gathered: Gathered) -> pl.DataFrame:
    left = gathered.opt_outs.group_by("creditor").agg(numerator=pl.col("customer").n_unique().cast(pl.Int64))
    written = gathered.messages.group_by("creditor").agg(denominator=pl.col("customer").n_unique().cast(pl.Int64))
    return written.join(left, on="creditor", how="full", coalesce=True).with_columns(
        pl.col("numerator", "denominator").fill_null(0)
    )
