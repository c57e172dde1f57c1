"""Agreements: promises and plans that were kept."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.payment import PLANS, PROMISES
from amiable.insight.kpi import PERCENT, UP, kpi


@kpi(
    "promises_kept", of=PROMISES,
    label=_("Promises kept"), unit=PERCENT, better=UP, sources=("payments.Promise",), slices=("segment",),
    formula=_("Of the promises whose day was judged in the last 90 days, those that were kept in full."),
)  # fmt: skip
def promises_kept() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("kept"), pl.col("judged")


@kpi(
    "promised_received", of=PROMISES,
    label=_("Promised money received"), unit=PERCENT, better=UP, sources=("payments.Promise",),
    formula=_("Of the amounts promised for days judged in the last 90 days, the share that came by then."),
)  # fmt: skip
def promised_received() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("kept_minor"), pl.col("promised_minor")


@kpi(
    "plans_kept", of=PLANS,
    label=_("Plans kept"), unit=PERCENT, better=UP, sources=("payments.Plan",), slices=("segment",),
    formula=_("Of the payment plans that ended in the last 90 days, those that were kept to the end; the others were broken."),
)  # fmt: skip
def plans_kept() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("kept"), pl.col("ended")
