"""How customers live in the demo and in a simulation: who pays what on a day, who reads a message, who leaves.

In: a day, its random numbers, what was said to them. Out: acts. Never: a number that depends on who else was contacted,
so that the same people can be watched beside under another scenario, or none (`twin`). Free of Django.
"""

import copy
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from amiable.scenario.behaviour import HAZARD_FROM, HAZARD_TO, LINKED, Array, Parameters
from amiable.scenario.engine.channel import CHANNELS

NEVER = 1_000_000
LEAST_PART_MINOR = 500


@dataclass(frozen=True, kw_only=True)
class Bills:
    """Who owes what, as arrays; days count from `start`, day 0."""

    start: date
    kind: Array  # of each customer: its place in KINDS
    customer: Array  # of each invoice, as a place in `kind`
    issued: Array
    due: Array
    amount: Array  # minor units


@dataclass(frozen=True, kw_only=True)
class Payments:
    """What was paid on a day, one row per invoice; rows of one customer are one payment."""

    customer: Array
    invoice: Array
    amount_minor: Array
    by_link: Array  # through the page behind a message; else money on its way by bank or post
    message: Array  # the message that holds the link, or 0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What messages met, one value per message."""

    reached: Array
    opted_out: Array


class Draws:
    """The random numbers of one day: the same for the same seed and day, whatever happened before."""

    def __init__(self, *, seed: int, day: int, invoices: int, customers: int) -> None:
        rng = np.random.default_rng([seed, 1, day + 10_000])
        self.pay, self.part, self.part_of = (rng.random(invoices) for _ in range(3))
        self.several, self.reach, self.opt_out, self.link, self.say, self.call, self.promise = (
            rng.random(customers) for _ in range(7)
        )
        self.delay = rng.integers(1, 8, customers)
        self.other = rng  # for what is not compared between crowds


class Crowd:
    """The customers with their habits, and the state of every invoice in their eyes."""

    def __init__(self, bills: Bills, numbers: Parameters, *, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        self.start, self.numbers, self.kind = bills.start, numbers, bills.kind
        self._temperaments(rng)
        self.customer, self.issued, self.due, self.amount = bills.customer, bills.issued, bills.due, bills.amount
        self.left = self.amount.copy()
        self.paid_on = np.full(self.amount.size, NEVER)
        self.energy, self.decay = np.zeros(self.amount.size), np.full(self.amount.size, 4.0)
        self.promised_on = np.full(self.amount.size, -NEVER)  # none yet
        self.disputed_told = np.zeros(self.amount.size, dtype=bool)
        self.shift = self.shifts(rng)
        self._disputes(rng)

    def _temperaments(self, rng: np.random.Generator) -> None:
        """What a customer brings along: how often late, how quick, how tired of contacts, how soon insolvent."""
        count = self.kind.size
        on_time = self.numbers.of("shares")[self.kind, 0]
        strength = self.numbers["habit_strength"]
        self.late_share = rng.beta((1 - on_time) * strength, on_time * strength)
        variance = self.numbers.of("temper_variance")[self.kind]
        self.temper = np.clip(rng.gamma(1 / variance, variance), 0.05, 5)
        per_year = self.numbers.of("insolvent_per_year")[self.kind]
        self.insolvent_on = np.floor(rng.exponential(365 / per_year))
        self.recent, self.annoyance = np.zeros(count), np.zeros(count)
        self.opted_out = np.zeros(count, dtype=bool)
        self.link_until, self.link_message = np.full(count, -NEVER), np.zeros(count, dtype=np.int64)

    def shifts(self, rng: np.random.Generator) -> Array:
        """The delay that a customer is used to, drawn for each invoice."""
        kind, size = self.kind[self.customer], self.amount.size
        shares = self.numbers.of("shares")[kind]
        late = rng.random(size) < self.late_share[self.customer]
        heavy = rng.random(size) < shares[:, 2] / (shares[:, 1] + shares[:, 2])
        spread = rng.normal(size=size)
        days = np.where(
            heavy,
            self.numbers.of("heavy", "median_days")[kind] * np.exp(self.numbers.of("heavy", "sigma")[kind] * spread),
            self.numbers.of("mild", "median_days")[kind] * np.exp(self.numbers.of("mild", "sigma")[kind] * spread),
        )
        found: Array = np.where(late, np.clip(days, 1, 180), 0).astype(int)
        return found

    def _disputes(self, rng: np.random.Generator) -> None:
        kind, size = self.kind[self.customer], self.amount.size
        disputed = rng.random(size) < self.numbers.of("dispute_share")[kind]
        since = np.maximum(self.due + rng.integers(-3, 8, size), self.issued + 1)
        median = self.numbers.of("dispute_days", "median_days")[kind]
        lasts = median * np.exp(self.numbers.of("dispute_days", "sigma")[kind] * rng.normal(size=size))
        self.disputed_from = np.where(disputed, since, NEVER)
        self.disputed_to = np.where(disputed, since + np.clip(lasts, 3, 90).astype(int), -NEVER)

    def twin(self) -> "Crowd":
        """The same people in the same state, to be watched without contacts."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(other, name, value.copy())
        return other

    def owing(self, day: int) -> Array:
        """Which invoices exist on a day and are not paid in the customer's eyes."""
        found: Array = (self.issued <= day) & (self.paid_on == NEVER)
        return found

    def contested(self, day: int) -> Array:
        found: Array = (self.disputed_from <= day) & (day < self.disputed_to)
        return found

    def live(self, day: int, draws: Draws) -> Payments:
        """One day passes: who pays what."""
        open_rows = np.flatnonzero(self.owing(day) & (self.insolvent_on[self.customer] > day))
        chance = 1 - np.exp(-self._hazard(open_rows, day))
        pays = np.zeros(self.amount.size, dtype=bool)
        pays[open_rows] = draws.pay[open_rows] < chance
        payer = np.zeros(self.kind.size, dtype=bool)
        payer[self.customer[pays]] = True
        # Whoever pays may settle the rest of what is due with it.
        more = payer & (draws.several < self.numbers.of("several_share")[self.kind])
        rest = np.zeros(self.amount.size, dtype=bool)
        rest[open_rows] = more[self.customer[open_rows]] & (self.due[open_rows] <= day)
        rows = np.flatnonzero(pays | (rest & ~self.contested(day)))
        amount = self._parts(rows, draws)
        self._settle(rows, amount, day)
        who = self.customer[rows]
        linked = (self.link_until >= day) & (draws.link < self.numbers.of("link_share")[self.kind])
        self._forget()
        return Payments(
            customer=who,
            invoice=rows,
            amount_minor=amount,
            by_link=linked[who],
            message=np.where(linked[who], self.link_message[who], 0),
        )

    def hear(
        self, day: int, draws: Draws, *, customer: Array, medium: Array, message: Array, rows: Array, of: Array
    ) -> Heard:
        """Messages arrive. `medium` is a place in CHANNELS; `rows` the invoices that they are about, `of` which message."""
        kind = self.kind[customer]
        reach = np.stack([self.numbers.of("reach", name) for name in CHANNELS], axis=1)[kind, medium]
        reached = draws.reach[customer] < reach
        self._take_in(customer, medium, rows[reached[of]], of[reached[of]])
        odds = self.numbers["opt_out"]["base"] + self.numbers["opt_out"]["per_annoyance"] * self.annoyance[customer]
        leaves = (draws.opt_out[customer] < 1 / (1 + np.exp(-odds))) & ~self.opted_out[customer]
        self.opted_out[customer[leaves]] = True
        np.add.at(self.recent, customer, 1)
        np.add.at(self.annoyance, customer, np.array([self.numbers["annoyance"][name] for name in CHANNELS])[medium])
        by_link = reached & np.isin(medium, [CHANNELS.index(name) for name in LINKED])
        self.link_until[customer[by_link]] = day + self.numbers["link_memory_days"]
        self.link_message[customer[by_link]] = message[by_link]
        return Heard(reached=reached, opted_out=leaves)

    def promise(self, rows: Array, *, on: int) -> None:
        """The customer has promised these invoices for a day."""
        self.promised_on[rows] = on

    def settle_dispute(self, row: int, day: int) -> None:
        """The creditor has answered: nothing is contested any more."""
        self.disputed_to[row] = min(self.disputed_to[row], day)

    def working_day(self, day: int) -> int:
        """The day itself, or the Monday after it."""
        while (self.start + timedelta(days=day)).weekday() > 4:
            day += 1
        return day

    def _take_in(self, customer: Array, medium: Array, rows: Array, of: Array) -> None:
        """A contact adds its dose to the invoices that it was about, the less the more there were."""
        kind = self.kind[customer]
        dose = np.stack([self.numbers.of("dose", name) for name in CHANNELS], axis=1)[kind, medium]
        dose = dose * self.numbers.of("fatigue")[kind] ** self.recent[customer]
        decay = np.stack([self.numbers.of("decay_days", name) for name in CHANNELS], axis=1)[kind, medium]
        np.add.at(self.energy, rows, dose[of])
        self.decay[rows] = decay[of]

    def _hazard(self, rows: Array, day: int) -> Array:
        kind, who = self.kind[self.customer[rows]], self.customer[rows]
        since_due, shift = day - self.due[rows], self.shift[rows]
        table = self.numbers.hazard
        at_habit = table[np.clip(since_due - shift, HAZARD_FROM, HAZARD_TO) - HAZARD_FROM]
        at_due = table[np.clip(since_due, HAZARD_FROM, HAZARD_TO) - HAZARD_FROM]
        early = (shift > 0) & (since_due <= 0)
        base = np.where(early, at_due * self.numbers["before_due_when_shifted"], at_habit)
        base = np.where(since_due > 0, np.maximum(base, self.numbers.of("floor")[kind]), base)
        today = self.start + timedelta(days=day)
        of_day = self.numbers.of("weekday")[kind, today.weekday()]
        of_month = np.where(kind == 0, self.numbers.pay_days[today.day - 1], 1.0)
        pushed = self.energy[rows] / self.decay[rows]
        found = (base * self.temper[who] * self.numbers.of("scale")[kind] + pushed) * of_day * of_month
        found = np.where(self.contested(day)[rows], found * 0.1, found)
        waits = self.promised_on[rows] > day
        kept = -np.log(1 - self.numbers.of("promise", "kept")[kind])
        found = np.where(waits, found * 0.4, found)
        decided: Array = np.where(self.promised_on[rows] == day, np.maximum(found, kept), found)
        return decided

    def _parts(self, rows: Array, draws: Draws) -> Array:
        """What is paid of each invoice: mostly all that is left."""
        left = self.left[rows]
        part = draws.part[rows] < self.numbers.of("partial_share")[self.kind[self.customer[rows]]]
        some = (left * (0.3 + 0.4 * draws.part_of[rows])).astype(np.int64)
        return np.where(part & (some >= LEAST_PART_MINOR), some, left)

    def _settle(self, rows: Array, amount: Array, day: int) -> None:
        self.left[rows] -= amount
        done = self.left[rows] == 0
        self.paid_on[rows[done]] = day
        # Who pays a part pays the rest as if it fell due a week later.
        self.shift[rows[~done]] = np.maximum(day - self.due[rows[~done]], 0) + 7

    def _forget(self) -> None:
        self.energy *= 1 - 1 / self.decay
        self.recent *= np.exp(-1 / self.numbers["contact_memory_days"])
        self.annoyance *= np.exp(-1 / self.numbers["annoyance_memory_days"])


def flat(about: list[Array]) -> dict[str, Array]:
    """The invoices of each message as `hear` asks for them."""
    sizes = [len(rows) for rows in about]
    rows = np.concatenate(about) if about else np.zeros(0, dtype=np.int64)
    return {"rows": rows.astype(np.int64), "of": np.repeat(np.arange(len(about)), sizes)}
