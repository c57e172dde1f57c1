"""Recovery: what came of the money that was overdue when customers began to be treated."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import MONEY, PERCENT, UP, kpi


@kpi(
    "recovery_rate",
    label=_("Recovery rate"),
    unit=PERCENT,
    better=UP,
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the share received in money "
        "by the day. Credit notes and write-offs are not counted as received."
    ),
    sources=("casework.Case", "ledger.Invoice", "ledger.Entry"),
)
def recovery_rate(gathered: Gathered) -> pl.DataFrame:
    gone = pl.col("due_minor") - pl.col("left_minor") - pl.col("forgone_minor")
    return (
        gathered.cases.with_columns(recovered=gone.clip(0, pl.col("due_minor")))
        .group_by("creditor", "currency")
        .agg(numerator=pl.col("recovered").sum(), denominator=pl.col("due_minor").sum())
    )


@kpi(
    "received_30d",
    label=_("Received in 30 days"),
    unit=MONEY,
    better=UP,
    formula=_("Payments received in the last 30 days, less refunds. Each payment counts once, whoever told of it."),
    sources=("ledger.Credit", "ledger.Entry"),
)
def received_30d(gathered: Gathered) -> pl.DataFrame:
    return gathered.received.rename({"received_minor": "numerator"})
