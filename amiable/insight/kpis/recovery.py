"""Recovery: what came of the money that was overdue when customers began to be treated."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.gather import Gathered
from amiable.insight.kpi import MONEY, PERCENT, UP, kpi

KEYS = ["creditor", "currency"]
OTHER = "other"  # transfer, cheque: money that no try to pay brought


@kpi(
    "recovery_rate",
    label=_("Recovery rate"),
    unit=PERCENT,
    better=UP,
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the share received in money "
        "by the day. Credit notes and write-offs are not counted as received. By segment: of that segment's cases. By "
        "journey and step: the part that came that way, of all cases. By campaign: of what its customers owed, what "
        "came within 14 days of its message."
    ),
    sources=("casework.Case", "ledger.Invoice", "ledger.Entry", "payments.Attempt", "scenario.Recipient"),
    slices=("segment", "journey", "step", "campaign"),
)
def recovery_rate(gathered: Gathered) -> pl.DataFrame:
    gone = pl.col("due_minor") - pl.col("left_minor") - pl.col("forgone_minor")
    cases = gathered.cases.with_columns(recovered=gone.clip(0, pl.col("due_minor")))
    sums = {"numerator": pl.col("recovered").sum(), "denominator": pl.col("due_minor").sum()}
    total = cases.group_by(KEYS).agg(**sums)
    ways = _ways(cases, gathered.case_payments).join(total.select(*KEYS, "denominator"), on=KEYS)
    campaigns = gathered.campaigns.rename({"asked_minor": "denominator", "paid_minor": "numerator"})
    return pl.concat(
        [
            total,
            cases.group_by(*KEYS, "segment").agg(**sums),
            ways.group_by(*KEYS, "journey", "denominator").agg(pl.col("numerator").sum()),
            ways.filter(pl.col("step") != "").group_by(*KEYS, "step", "denominator").agg(pl.col("numerator").sum()),
            campaigns,
        ],
        how="diagonal",
    )


def _ways(cases: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """What was recovered of each case, parted by the way it came. A part never exceeds what is left of the whole (charges
    that were paid too are no recovery of what was overdue); what no try brought came by another way.
    """
    row = [*KEYS, "case"]
    parts = paid.join(cases.select(*row, "recovered"), on=row).sort(*row, "journey", "step")
    before = (pl.col("paid_minor").cum_sum() - pl.col("paid_minor")).over(row)
    part = pl.min_horizontal("paid_minor", (pl.col("recovered") - before).clip(0))
    told = parts.with_columns(numerator=part).select(*row, "journey", "step", "numerator")
    rest = (
        cases.select(*row, "recovered")
        .join(told.group_by(row).agg(known=pl.col("numerator").sum()), on=row, how="left")
        .select(*row, numerator=pl.col("recovered") - pl.col("known").fill_null(0))
        .with_columns(journey=pl.lit(OTHER), step=pl.lit(""))
        .filter(pl.col("numerator") > 0)
    )
    return pl.concat([told, rest], how="diagonal")


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
