"""Cost: of a contact, of a euro recovered; and how work is spread over people."""

import polars as pl
from django.utils.translation import gettext_lazy as _

from amiable.insight.grains.work import EFFORT, PEOPLE, SPENT, TASKS_DONE, TASKS_OPEN
from amiable.insight.kpi import COUNT, DOWN, MONEY, NEITHER, PERCENT, PRICE, RATE, kpi

SOURCES = ("outreach.Message", "casework.Task", "casework.Placement", "ledger.Creditor")
CONTACT, WORK, AGENCY = (pl.col(name) for name in ("contact_minor", "work_minor", "agency_minor"))


@kpi(
    "cost", of=EFFORT,
    label=_("Cost"), unit=MONEY, better=DOWN, sources=SOURCES, slices=("channel",),
    formula=_(
        "What the contacts, the work and the agencies of the last 30 days cost, at the prices of the creditor's policy, or at "
        "usual prices where it names none. Contacts and work are paid for in the creditor's currency, whatever the invoices are "
        "in; agencies in that of the invoices."
    ),
)  # fmt: skip
def cost() -> tuple[pl.Expr, None]:
    return CONTACT + WORK + AGENCY, None


@kpi(
    "cost_per_contact", of=EFFORT,
    label=_("Cost per contact"), unit=PRICE, better=DOWN, sources=SOURCES, slices=("channel",),
    formula=_("What the messages and calls of the last 30 days cost, by their number. A call includes the caller's time."),
)  # fmt: skip
def cost_per_contact() -> tuple[pl.Expr, pl.Expr]:
    return CONTACT, pl.col("contacts")


@kpi(
    "cost_per_euro", of=EFFORT, whole=SPENT,
    label=_("Cost per euro recovered"), unit=PERCENT, better=DOWN, sources=(*SOURCES, "ledger.Entry"), slices=("segment",),
    formula=_(
        "What the contacts, the work and the agencies of the last 30 days cost, as a part of the money that came in these days "
        "on invoices past their due date, both in the creditor's currency. By channel: the part of the cost, of all that came. "
        "Usual in the trade: 15 %."
    ),
)  # fmt: skip
def cost_per_euro() -> tuple[pl.Expr, pl.Expr]:
    return CONTACT + WORK + AGENCY, pl.col("recovered_minor")


@kpi(
    "workload", of=PEOPLE, in_currency=False,
    label=_("Workload per person"), unit=RATE, better=NEITHER, sources=("casework.Task",), slices=("collector",),
    formula=_(
        "Tasks that wait, those of nobody too, divided by the colleagues who have one or finished one in the last 30 days."
    ),
)  # fmt: skip
def workload() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("waiting"), pl.col("people")


@kpi(
    "tasks_done", of=PEOPLE, in_currency=False,
    label=_("Tasks done per person"), unit=RATE, better=NEITHER, sources=("casework.Task",), slices=("collector",),
    formula=_("Tasks that colleagues finished in the last 30 days, divided by the colleagues who have one or finished one."),
)  # fmt: skip
def tasks_done() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("done"), pl.col("people")


@kpi(
    "tasks_finished", of=TASKS_DONE, in_currency=False,
    label=_("Tasks done"), unit=COUNT, better=NEITHER, sources=("casework.Task",), slices=("task",),
    formula=_("Tasks that colleagues finished in the last 30 days."),
)  # fmt: skip
def tasks_finished() -> tuple[pl.Expr, None]:
    return pl.col("done"), None


@kpi(
    "tasks_late", of=TASKS_OPEN, in_currency=False,
    label=_("Tasks past their day"), unit=COUNT, better=DOWN, sources=("casework.Task",), slices=("collector",),
    formula=_("Tasks that should have been done before the day, of all that wait."),
)  # fmt: skip
def tasks_late() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("late"), pl.col("waiting")
