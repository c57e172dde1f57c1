"""When a step may be next and when it is due, told for each invoice: moments, answers, ends.

In: a journey's steps. Out: expressions over the engine's invoices, each joined with its customer's `day`, `scale` and
`days_since_<event>`. What the customer did counts from the invoice's own last step on.
"""

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from amiable.scenario.engine.journey import Journey, Step

# What a customer can do. `promised` and `disputed` count as long as the promise runs and the dispute is open.
EVENTS = (
    "opened", "clicked", "replied", "promised", "promise_broken", "part_paid", "bounced", "payment_failed", "disputed",
)  # fmt: skip
SILENT = "none"  # as an answer: nothing of all that
ORIGINS = ("due", "issue", "step", *EVENTS)  # what the days of a step can count from
# Found out in the morning, before the day's steps: on the same day it came before the step. All else came after it.
AT_DAWN = frozenset({"promise_broken"})
LASTING = ("promised", "disputed")  # these end by themselves, and with them what they ended
_ELAPSED = {"due": "days_late", "issue": "days_issued", "step": "days_since_step"}


def events_of(steps: Iterable["Step"]) -> list[str]:
    """The events that these steps ask for, in the order of EVENTS."""
    asked: set[str] = set()
    for step in steps:
        asked |= {step.start, *step.answer, *step.ends}
        if SILENT in step.answer:
            return list(EVENTS)
    return [event for event in EVENTS if event in asked]


def elapsed(step: "Step") -> pl.Expr:
    """The days since that from which the step counts; null where that never was."""
    return pl.col(_ELAPSED.get(step.start, f"days_since_{step.start}"))


def may_be_next(step: "Step") -> pl.Expr:
    """Whether an invoice may have this step as its next one, its condition aside. False, not null, where unknown."""
    said = [pl.col("reached") < step.level]
    if step.until is not None:
        said.append((elapsed(step) <= step.until).fill_null(False))
    if step.start in EVENTS:
        said.append(happened(step.start))
    elif step.start != "due":
        said.append(elapsed(step).is_not_null())
    if step.answer:
        said.append(_answered(step.answer))
    if step.tolerance:
        said.append(pl.col("open_minor") > (pl.col("scale") * step.tolerance).round())
    return pl.all_horizontal(said) if len(said) > 1 else said[0]


def counted(journey: "Journey") -> pl.Expr:
    """For the step at `position`: the days that count towards its `days`, those for which it waits for its day of
    the month taken off."""
    told = pl.col("days_late")
    for position, step in enumerate(journey.steps):
        if step.start != "due" or step.on_day is not None:
            own = elapsed(step)
            if step.on_day is not None:
                own = own - pl.col(f"back_{step.on_day}")
            told = pl.when(pl.col("position") == position).then(own).otherwise(told)
    return told


def happened(event: str) -> pl.Expr:
    """Whether the customer did it after the invoice's previous step; at all, where there was none."""
    did, step = pl.col(f"days_since_{event}"), pl.col("days_since_step")
    after = did < step if event in AT_DAWN else did <= step
    return did.is_not_null() & (step.is_null() | after)


def _answered(answers: Sequence[str]) -> pl.Expr:
    """Whether the customer answered the invoice's previous step in one of these ways; nobody answers to nothing."""
    said = pl.any_horizontal(pl.lit(False), *(happened(event) for event in answers if event != SILENT))
    told = said & pl.col("days_since_step").is_not_null()
    if SILENT not in answers:
        return told
    anything = pl.any_horizontal(happened(event) for event in EVENTS)
    return told | pl.col("days_since_step").is_null() | ~anything


def ended(journey: "Journey") -> pl.Expr | None:
    """Which event ended the journey for an invoice, by a step that it has taken (or one before that); null: none.

    What happened before a colleague returned the invoice counts no more. None where no step of the journey ends it.
    """
    since = [(step.level, event) for step in journey.steps for event in step.ends]
    told = [
        pl.when(
            (pl.col("reached") >= level)
            & happened(event)
            & (pl.col(f"days_since_{event}") < pl.col("days_since_return").fill_null(1 << 20))
        ).then(pl.lit(event))
        for level, event in since
    ]
    return pl.coalesce(told) if told else None


def back(day: date, on_day: int) -> int:
    """How many days ago the last such day of the month was; 0 on the day. A month without it has it on its last day."""
    here = min(on_day, monthrange(day.year, day.month)[1])
    if day.day >= here:
        return day.day - here
    before = day.replace(day=1) - timedelta(days=1)
    return (day - before.replace(day=min(on_day, before.day))).days
