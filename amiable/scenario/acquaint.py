"""What is open so late tells of who owes it: habits drawn to fit each customer's own past. Free of Django.

In: a crowd fresh from the parameters, how many of each customer's settled invoices were late. Out: the same crowd,
as if it had lived until day 0 with exactly these invoices unpaid.
"""

import numpy as np

from amiable.scenario.behaviour import HAZARD_FROM, HAZARD_TO, Array
from amiable.scenario.live import Crowd

ROUNDS = 4
TRIES = 8  # habits drawn per invoice in a round, of which one is kept
# Disputes, part payments and insolvencies explain a part of what is open late: the rest tells of habit and temper. Set so
# that people whose past is known only by their bills pay as they do when it is known in full.
TELLS = 0.5
ON_THE_WAY = 2  # days between a transfer and the day on which it is seen


def acquaint(crowd: Crowd, *, late: Array, settled: Array, seed: int) -> None:
    """Conditions the crowd on its past, by some rounds of Gibbs sampling.

    In each round: who was often late is so again (Beta; of those settled late, as many count as habit as would not have
    been late by chance and by the days of a transfer); of several habits drawn for an invoice one is kept, in proportion
    to the chance that it would still be open today; and who let more time pass than most is slower (Gamma).
    """
    rng = np.random.default_rng([seed, 5])
    strength, on_time = crowd.numbers["habit_strength"], crowd.numbers.of("shares")[crowd.kind, 0]
    variance = crowd.numbers.of("temper_variance")[crowd.kind]
    by_chance = _late_by_chance(crowd)[crowd.kind]
    habit = late * (1 - on_time) / ((1 - on_time) + on_time * by_chance)
    often = (1 - on_time) * strength + habit
    seldom = on_time * strength + np.maximum(settled - habit, 0)
    crowd.temper = np.ones(crowd.kind.size)
    used: Array = np.zeros(crowd.kind.size)
    unused = used
    for _round in range(ROUNDS):
        crowd.late_share = rng.beta(often + used, seldom + unused)
        passed = _choose(crowd, rng)
        lived = np.bincount(crowd.customer, weights=passed, minlength=crowd.kind.size)
        crowd.temper = np.clip(rng.gamma(1 / variance) / (1 / variance + lived), 0.05, 5)
        used = np.bincount(crowd.customer[crowd.shift > 0], minlength=crowd.kind.size)
        unused = np.bincount(crowd.customer[crowd.shift == 0], minlength=crowd.kind.size)


def _choose(crowd: Crowd, rng: np.random.Generator) -> Array:
    """Draws each invoice's habit anew, among those with which it would be open; returns the hazard it has passed."""
    temper, size = crowd.temper[crowd.customer], crowd.amount.size
    kept, passed, weights = crowd.shift, np.zeros(size), np.full(size, 1e-300)
    for _try in range(TRIES):
        shift = crowd.shifts(rng)
        hazard = _passed(crowd, shift)
        weight = np.exp(-temper * hazard)
        weights += weight
        taken = rng.random(size) * weights < weight
        kept, passed = np.where(taken, shift, kept), np.where(taken, hazard, passed)
    crowd.shift = kept
    return passed


def _passed(crowd: Crowd, shift: Array) -> Array:
    """The hazard that each invoice has passed until day 0 with such habits, contacts and week-ends left aside."""
    kind = crowd.kind[crowd.customer]
    table = crowd.numbers.hazard
    plain = np.concatenate([[0.0], np.cumsum(table)])
    since = np.clip(-crowd.due - ON_THE_WAY, HAZARD_FROM, HAZARD_TO) - HAZARD_FROM
    due = -HAZARD_FROM
    at_once = plain[since + 1]
    before = plain[np.minimum(since, due) + 1] * crowd.numbers["before_due_when_shifted"]
    after = np.zeros(shift.size)
    for number, floor in enumerate(crowd.numbers.of("floor")):
        mine = (kind == number) & (since > due)
        sums = np.concatenate([[0.0], np.cumsum(np.maximum(table, floor))])
        moved = np.maximum(since[mine] - shift[mine], 0)
        after[mine] = sums[moved + 1] - sums[np.maximum(due - shift[mine], 0) + 1]
    found: Array = np.where(shift > 0, before + np.maximum(after, 0), at_once) * crowd.numbers.of("scale")[kind]
    return TELLS * found


def _late_by_chance(crowd: Crowd) -> Array:
    """By kind, how likely money is seen after the due date although nobody is used to being late."""
    passed = crowd.numbers.hazard[: -HAZARD_FROM - ON_THE_WAY + 1].sum() * crowd.numbers.of("scale")
    variance = crowd.numbers.of("temper_variance")
    found: Array = (1 + variance * passed) ** (-1 / variance)
    return found
