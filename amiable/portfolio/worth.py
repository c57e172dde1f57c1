"""What a task may bring: money that it moves, per minute of work; and who waits before any of that counts.

Comes in: a few facts of the customer, the kind of task, its minutes. Goes out: the gain expected per minute with its
parts, and a rank. Never: an effect of contacts learnt from our own logs (docs/algorithms/worklist.md). Pure.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# How much more likely the customer pays within 14 days when the act is done: to firms, to consumers. From randomised
# trials, as shared in docs/algorithms/worklist.md; the same figures stand in weigh.sql, a test holds them together.
EFFECT: Mapping[str, tuple[float, float]] = {
    "call": (0.060, 0.048), "confirm": (0.028, 0.026), "manual": (0.028, 0.026), "reply": (0.060, 0.048),
    "check": (0.027, 0.027), "other": (0.027, 0.027),
}  # fmt: skip
HABIT = 12.9  # mean days late of firms, where the customer's own are not known
ALONE, FORGOTTEN = 0.92, 14.0  # who is as late as ever pays alone within a month; days after which that hope fades
HALF_LIFE = 180.0  # days late after which an act moves half as much
REACHED, CALLS = 0.26, 4  # one call of four reaches somebody; so many calls is this worth before the first is made
KEPT, PROMISES = 0.65, 2  # two promises of three are kept; so many promises is this worth before the first is given

# Who waits comes first; the rest is ordered by gain alone.
AGREED, ASKED, BROKEN, DEADLINE, CLAIMED, NOBODY = 0, 1, 2, 3, 4, 9


@dataclass(frozen=True)
class Facts:
    """What counts of the customer, in the currency of the task."""

    overdue: float = 0.0  # in major units, without what is disputed
    days_late: int = 0  # of the oldest open invoice
    habit: float | None = None  # amount-weighted mean days late of the invoices paid in 12 months
    calls: int = 0  # in 30 days
    answered: int = 0  # in 90 days
    kept: int = 0
    broken: int = 0
    consumer: bool = False


@dataclass(frozen=True)
class Worth:
    """The parts, each a factor: `gain` = overdue x effect x reach x word x need x age / minutes."""

    effect: float
    reach: float
    word: float
    need: float
    age: float
    minutes: float
    gain: float

    @property
    def help(self) -> float:
        """How much more likely the money comes because of the act."""
        return self.effect * self.reach * self.word * self.need * self.age


def worth(*, kind: str, facts: Facts, minutes: float) -> Worth:
    """The money that a task of this kind is expected to bring per minute, in major units."""
    effect = EFFECT[kind][facts.consumer]
    reach = word = 1.0
    if kind == "call":
        tried = max(facts.calls, facts.answered)
        reach = (facts.answered + CALLS * REACHED) / (tried + CALLS) / REACHED
        word = (facts.kept + PROMISES * KEPT) / (facts.kept + facts.broken + PROMISES) / KEPT
    habit = HABIT if facts.habit is None else facts.habit
    need = 1 - ALONE * math.exp(-max(facts.days_late - habit, 0) / FORGOTTEN)
    age = 0.5 ** (facts.days_late / HALF_LIFE)
    gain = max(facts.overdue, 0.0) * effect * reach * word * need * age / minutes
    return Worth(effect, reach, word, need, age, minutes, gain)
