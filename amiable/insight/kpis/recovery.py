"""Recovery: what came of the money that was overdue when customers began to be treated, and how soon."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.recovery import BY_WAY, CAMPAIGNS, CASES, MONEY_IN, OTHER, STAGES
from amiable.insight.kpi import DAYS, DOWN, MONEY, PERCENT, UP, kpi

SOURCES = ("casework.Case", "ledger.Invoice", "ledger.Entry")
__all__ = ["OTHER"]  # the way of money that no try to pay brought, as a part of the recovery rate


@kpi(
    "recovery_rate", of=CASES, whole=BY_WAY,
    label=_("Recovery rate"), unit=PERCENT, better=UP, sources=(*SOURCES, "payments.Attempt"),
    slices=("segment", "scenario", "journey", "step"),
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the share received in money "
        "by the day. Credit notes and write-offs are not counted as received. By segment or scenario: of those cases. By "
        "journey, step or channel: the part that came that way, of all cases."
    ),
)  # fmt: skip
def recovery_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("recovered_minor"), pl.col("due_minor")


@kpi(
    "campaign_recovery", of=CAMPAIGNS,
    label=_("Recovered by campaigns"), unit=PERCENT, better=UP,
    sources=("scenario.Recipient", "outreach.Message", "ledger.Entry"), slices=("campaign",),
    formula=_(
        "Of what the customers whom campaigns wrote to in the last 90 days owed, the share that came within 14 days of the "
        "message, on the invoices that it spoke of."
    ),
)  # fmt: skip
def campaign_recovery() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("paid_minor"), pl.col("asked_minor")


@kpi(
    "received_30d", of=MONEY_IN,
    label=_("Received in 30 days"), unit=MONEY, better=UP, sources=("ledger.Credit", "ledger.Entry"),
    formula=_("Payments received in the last 30 days, less refunds. Each payment counts once, whoever told of it."),
)  # fmt: skip
def received_30d() -> tuple[pl.Expr, None]:
    return pl.col("received_minor"), None


@kpi(
    "cure_rate", of=CASES, in_currency=False,
    label=_("Cure rate"), unit=PERCENT, better=UP, sources=("casework.Case",), slices=("segment", "scenario"),
    formula=_("Of the cases opened in the last 90 days, those that are closed because all that was overdue is paid."),
)  # fmt: skip
def cure_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("cured"), pl.col("cases")


@kpi(
    "time_to_cure", of=CASES, in_currency=False,
    label=_("Time to cure"), unit=DAYS, better=DOWN, sources=("casework.Case",), slices=("segment",),
    formula=_("Days from opening to closing, on average, of the cases opened in the last 90 days and closed since all is paid."),
)  # fmt: skip
def time_to_cure() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("cure_days"), pl.col("cured")


@kpi(
    "self_cure_rate", of=CASES, in_currency=False,
    label=_("Self-cure rate"), unit=PERCENT, better=UP, sources=("casework.Case", "outreach.Message", "casework.Task"),
    slices=("segment",),
    formula=_(
        "Of the cases opened in the last 90 days, those in which all was paid without a reminder or a call since the opening."
    ),
)  # fmt: skip
def self_cure_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("self_cured"), pl.col("cases")


def _came(*stages: str) -> tuple[pl.Expr, pl.Expr]:
    """What was due in the cases that came so far, or further."""
    return pl.when(pl.col("stage").is_in(stages)).then(pl.col("due_minor")).otherwise(0), pl.col("due_minor")


@kpi(
    "due_contacted", of=CASES,
    label=_("Due, contacted"), unit=PERCENT, better=UP, sources=("casework.Case", "outreach.Message", "casework.Task"),
    slices=("segment",),
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the part of those in which a reminder "
        "left or a call was made since the opening."
    ),
)  # fmt: skip
def due_contacted() -> tuple[pl.Expr, pl.Expr]:
    return _came(*STAGES[1:])


@kpi(
    "due_reached", of=CASES,
    label=_("Due, reached"), unit=PERCENT, better=UP, slices=("segment",),
    sources=("casework.Case", "outreach.Message", "outreach.Event", "casework.Task", "payments.Attempt"),
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the part of those in which a contact is "
        "known to have reached the customer since the opening: opened, clicked, replied to, picked up, spoken with, or followed "
        "by a try to pay. Letters cannot tell."
    ),
)  # fmt: skip
def due_reached() -> tuple[pl.Expr, pl.Expr]:
    return _came(*STAGES[2:])


@kpi(
    "due_tried", of=CASES,
    label=_("Due, tried to pay"), unit=PERCENT, better=UP, slices=("segment",),
    sources=("casework.Case", "outreach.Message", "casework.Task", "payments.Attempt"),
    formula=_(
        "Of the amount overdue at the opening of the cases opened in the last 90 days, the part of those in which the customer "
        "was contacted and began a try to pay since the opening."
    ),
)  # fmt: skip
def due_tried() -> tuple[pl.Expr, pl.Expr]:
    return _came(*STAGES[3:])
