"""The relation: who wishes to hear no more, who complains, what customers think."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.contact import CONTACTS
from amiable.insight.grains.relation import ANSWERS
from amiable.insight.kpi import COUNT, DOWN, PERCENT, SCORE, UP, kpi

SURVEYS = ("casework.SurveyAnswer", "casework.SurveyAsk")


@kpi(
    "opt_outs", of=CONTACTS, in_currency=False,
    label=_("Opt-outs"), unit=COUNT, better=DOWN, sources=("outreach.OptOut", "outreach.Message"), slices=("channel",),
    formula=_(
        "Opt-outs of the last 30 days, beside the number of messages sent in these days. By step: of the last message on the "
        "same channel."
    ),
)  # fmt: skip
def opt_outs() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("opt_outs"), pl.col("messages")


@kpi(
    "complaints", of=CONTACTS, in_currency=False,
    label=_("Complaints"), unit=COUNT, better=DOWN, sources=("outreach.Reply", "outreach.Event"), slices=("channel",),
    formula=_(
        "Answers that complain and messages reported as unwanted in the last 30 days, beside the messages sent in these days."
    ),
)  # fmt: skip
def complaints() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("complaints"), pl.col("messages")


@kpi(
    "csat", of=ANSWERS, in_currency=False,
    label=_("Satisfied customers (CSAT)"), unit=PERCENT, better=UP, sources=SURVEYS, slices=("segment", "after", "step"),
    formula=_("Of those who told in the last 90 days how it went, the ones with 8 to 10 of 10: the two best faces of five."),
)  # fmt: skip
def csat() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("satisfied"), pl.col("answers")


@kpi(
    "nps", of=ANSWERS, in_currency=False, scale=100,
    label=_("Net promoter score (NPS)"), unit=SCORE, better=UP, sources=SURVEYS, slices=("segment", "after", "step"),
    formula=_(
        "Of those who told in the last 90 days how likely they are to recommend the creditor, the percentage with 9 or 10 "
        "less the percentage with 0 to 6."
    ),
)  # fmt: skip
def nps() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("promoted"), pl.col("advised")


@kpi(
    "satisfaction_change", of=ANSWERS, in_currency=False,
    label=_("Change of satisfaction"), unit=SCORE, better=UP, sources=SURVEYS, slices=("segment", "after", "step"),
    formula=_(
        "Of the customers who told in the last 90 days how it went, and had told before, their score less their former one, "
        "on average."
    ),
)  # fmt: skip
def satisfaction_change() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("change"), pl.col("again")
