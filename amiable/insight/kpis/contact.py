"""Contacts: who of the late customers was reached out to, how much was sent, who answered, what was promised."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.balance import LATE
from amiable.insight.grains.contact import CONTACTS
from amiable.insight.kpi import COUNT, NEITHER, PERCENT, UP, kpi

SOURCES = ("outreach.Message", "outreach.Event", "casework.Task")
SENT = pl.col("messages")


@kpi(
    "overdue_contacted", of=LATE,
    label=_("Late customers contacted"), unit=PERCENT, better=UP,
    sources=("ledger.Invoice", "outreach.Message", "casework.Task"), slices=("segment",),
    formula=_("Of the customers with an overdue invoice, those who had a reminder or a call in the last 30 days."),
)  # fmt: skip
def overdue_contacted() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("contacted"), pl.col("late")


@kpi(
    "messages_sent", of=CONTACTS, in_currency=False,
    label=_("Messages sent"), unit=COUNT, better=NEITHER, sources=("outreach.Message",), slices=("channel", "step"),
    formula=_("Messages sent in the last 30 days, by channel and step."),
)  # fmt: skip
def messages_sent() -> tuple[pl.Expr, None]:
    return SENT, None


@kpi(
    "contact_rate", of=CONTACTS, partly=True, in_currency=False,
    label=_("Contact rate"), unit=PERCENT, better=UP, sources=SOURCES, slices=("channel", "step"),
    formula=_(
        "Of the messages and calls of the last 30 days, those that are known to have reached the customer: opened, clicked, "
        "replied to, picked up, or spoken with. Letters cannot tell, and are left out."
    ),
)  # fmt: skip
def contact_rate() -> tuple[pl.Expr, pl.Expr]:
    tells = pl.col("channel") != "letter"
    return pl.when(tells).then(pl.col("reached")), pl.when(tells).then(SENT + pl.col("calls"))


@kpi(
    "answer_rate", of=CONTACTS, in_currency=False,
    label=_("Answer rate"), unit=PERCENT, better=UP, sources=("casework.Task",), slices=("collector",),
    formula=_("Of the calls of the last 30 days, those that somebody answered."),
)  # fmt: skip
def answer_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("answered"), pl.col("calls")


@kpi(
    "right_party_rate", of=CONTACTS, in_currency=False,
    label=_("Right-party contact rate"), unit=PERCENT, better=UP, sources=("casework.Task",), slices=("collector",),
    formula=_("Of the calls of the last 30 days, those in which the right person was spoken with."),
)  # fmt: skip
def right_party_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("right_party"), pl.col("calls")


@kpi(
    "promise_rate", of=CONTACTS, in_currency=False,
    label=_("Promise rate"), unit=PERCENT, better=UP, sources=("casework.Task",), slices=("collector",),
    formula=_("Of the calls of the last 30 days in which the right person was spoken with, those that ended with a promise."),
)  # fmt: skip
def promise_rate() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("promised"), pl.col("right_party")
