"""One world of a projection: a walk in which the customers live, and money arrives when it does.

In: a portfolio, a contender, people. Out: cash by day, what contacts brought about. The order of a day is that of the
house: money that has arrived, decisions, messages, calls; then people read, and pay.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from amiable.scenario.behaviour import OPENED, Array
from amiable.scenario.contend import Contender
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.engine.journey import MESSAGE
from amiable.scenario.live import NEVER, Crowd, Draws
from amiable.scenario.stand import Portfolio, working
from amiable.scenario.walk import Walk, by_person, places_of

REST_DAYS = 14  # for which a customer is left alone when a colleague says no to a step
GRACE_DAYS = 1  # after a promised day, where the creditor's policy does not say


@dataclass(frozen=True, kw_only=True)
class Luck:
    """The random numbers of one day, the same in every world."""

    people: Draws
    road: Array  # by customer: days that a transfer takes
    agrees: Array  # by customer: whether a colleague confirms a step
    accepted: Array  # by invoice: whether its dispute ends in a credit note

    @classmethod
    def of(cls, *, seed: int, day: int, crowd: Crowd) -> "Luck":
        customers, invoices = crowd.kind.size, crowd.amount.size
        rng = np.random.default_rng([seed, 4, day])
        desk = crowd.numbers["desk"]
        return cls(
            people=Draws(seed=seed, day=day, invoices=invoices, customers=customers),
            road=rng.choice(crowd.numbers["transfer"]["days_on_the_way"], customers),
            agrees=rng.random(customers) < desk["confirmed"],
            accepted=rng.random(invoices) < desk["disputes_accepted"],
        )


class World:
    """A contender's future, one of several that share their people's characters and luck."""

    def __init__(
        self, portfolio: Portfolio, contender: Contender, crowd: Crowd, *, days: int, bank_days: Array
    ) -> None:
        self.portfolio, self.walk, self.crowd = portfolio, Walk(portfolio, contender), crowd
        self.days, self.bank_days = days, bank_days
        self.idle = not any(journey.steps for journey in contender.journeys)
        self.cash_by_day = np.zeros(days + 1, dtype=np.int64)
        self.cash_of = np.zeros(portfolio.size, dtype=np.int64)
        self.waited = 0.0  # minor units times days until they arrived
        self.on_the_way: dict[int, list[tuple[Array, Array]]] = {}
        self.promised: dict[int, list[Array]] = {}
        self.disputes: dict[int, list[Array]] = {}
        self.to_do = pl.DataFrame()
        self.opt_outs = self.conversations = self.promises = self.credited = 0
        self.per_day = portfolio.policy.get("calls_per_day")
        self._recall()

    def _recall(self) -> None:
        """What was promised and contested before day 0 ends in this world too."""
        for kind, ends in (("promise", self.promised), ("dispute", self.disputes)):
            held = self.portfolio.invoice_holds.filter((pl.col("kind") == kind) & (pl.col("until") < NEVER))
            for (until,), part in held.group_by("until", maintain_order=True):
                ends.setdefault(int(str(until)), []).append(part["invoice"].to_numpy())

    def live(self, day: int, luck: Luck) -> None:
        """One day passes."""
        self._arrive(day)
        self._end(day, luck)
        if not self.idle:
            self.walk.begin(day)
            said = self.walk.decide(day)
            if said.height:
                self._do(day, luck, said)
            if self.to_do.height and working(self.portfolio, day):
                self._work(day, luck)
        paid = self.crowd.live(day, luck.people)
        self.walk.happen("clicked", paid.customer[paid.by_link], day)
        at = np.where(paid.by_link, day, self.bank_days[day + luck.road[paid.customer]])
        for when in np.unique(at):
            mine = at == when
            self.on_the_way.setdefault(int(when), []).append((paid.invoice[mine], paid.amount_minor[mine]))
        self._arrive(day)

    def _arrive(self, day: int) -> None:
        """Money comes in, and is seen."""
        for places, minor in self.on_the_way.pop(day, ()):
            self.walk.open[places] -= minor
            self.walk.happen("part_paid", self.portfolio.customer[places[self.walk.open[places] > 0]], day)
            self.cash_by_day[day] += minor.sum()
            np.add.at(self.cash_of, self.portfolio.customer[places], minor)
            self.waited += float(minor.sum()) * day

    def _end(self, day: int, luck: Luck) -> None:
        """Promises are judged when their grace is over; disputes end, some in a credit note."""
        for places in self.promised.pop(day, ()):
            still = self.walk.open[places] > 0
            who = self.portfolio.customer[places]
            broken = np.unique(who[still])
            self.walk.broken[broken] += 1
            self.walk.last_broken[broken] = day
            self.walk.kept[np.setdiff1d(who, broken)] += 1
            self.walk.over("promised", who)
            self.walk.happen("promise_broken", broken, day)
        for places in self.disputes.pop(day, ()):
            given = places[luck.accepted[places] & (self.crowd.paid_on[places] == NEVER)]
            self.credited += int(self.crowd.left[given].sum())
            self.walk.open[given] -= self.crowd.left[given]
            self.crowd.left[given] = 0
            self.crowd.paid_on[given] = day
            self.walk.over("disputed", self.portfolio.customer[places])

    def _do(self, day: int, luck: Luck, said: pl.DataFrame) -> None:
        """Messages leave at once; calls and steps to confirm lie on a desk."""
        do = said.filter(pl.col("verdict") == "do")
        messages = do.filter(pl.col("action") == MESSAGE)
        later = said.filter((pl.col("verdict") != "not") & by_person())
        self.walk.climb(day, do)  # a call laid on a desk is a step taken
        self.walk.act(day, do)
        self._tell(day, luck, messages)
        if later.height:
            self.walk.waiting[later["row"].to_numpy()] = True
            self.to_do = pl.concat([self.to_do, later]) if self.to_do.height else later

    def _work(self, day: int, luck: Luck) -> None:
        """Colleagues confirm, or decline, and call: those with the most money first, as many as a day holds."""
        tasks, self.to_do = self.to_do, pl.DataFrame()
        asks = tasks.filter(pl.col("verdict") == "ask")
        calls = tasks.filter(pl.col("verdict") == "do").sort("amount_minor", "row", descending=[True, False])
        if self.per_day is not None and calls.height > int(self.per_day):
            self.to_do = calls[int(self.per_day) :]
            calls = calls[: int(self.per_day)]
        done = pl.concat([asks, calls])
        self.walk.waiting[done["row"].to_numpy()] = False
        agreed = luck.agrees[asks["row"].to_numpy()]
        self.walk.rest_until[asks["row"].to_numpy()[~agreed]] = day + REST_DAYS
        confirmed = self._owed(asks.filter(pl.Series(agreed, dtype=pl.Boolean)))
        self.walk.climb(day, confirmed)
        self.walk.act(day, confirmed)
        self._tell(day, luck, confirmed.filter(pl.col("action") == MESSAGE) if confirmed.height else confirmed)
        self._tell(day, luck, self._owed(calls))

    def _owed(self, said: pl.DataFrame) -> pl.DataFrame:
        """Those tasks of which something is still open: what is settled has lost its object."""
        places, of = places_of(said)
        alive = np.zeros(said.height, dtype=bool)
        alive[of[self.walk.open[places] > 0]] = True
        return said.filter(pl.Series(alive, dtype=pl.Boolean))

    def _tell(self, day: int, luck: Luck, said: pl.DataFrame) -> None:
        """These contacts are made; who is reached takes them in, and answers or not."""
        if said.is_empty():
            return
        self.walk.contact(day, said)
        rows = said["row"].to_numpy()
        medium = said["channel"].replace_strict({name: place for place, name in enumerate(CHANNELS)}).to_numpy()
        places, of = places_of(said)
        unpaid = self.crowd.paid_on[places] == NEVER
        places, of = places[unpaid], of[unpaid]
        heard = self.crowd.hear(
            day, luck.people, customer=rows, medium=medium, message=np.ones(rows.size, dtype=np.int64), rows=places, of=of
        )  # fmt: skip
        for place, name in enumerate(CHANNELS):
            self.walk.out[name][rows[heard.opted_out & (medium == place)]] = True
        self.opt_outs += int(heard.opted_out.sum())
        seen = np.isin(medium, [CHANNELS.index(name) for name in OPENED])
        self.walk.happen("opened", rows[heard.reached & seen], day)
        self._answer(day, luck, rows, medium == CHANNELS.index("call"), heard.reached, places, of)

    def _answer(
        self, day: int, luck: Luck, rows: Array, by_phone: Array, reached: Array, places: Array, of: Array
    ) -> None:
        """Who is reached contests what is contested, or promises; a conversation is remembered."""
        crowd, kind = self.crowd, self.crowd.kind[rows]
        contested = reached[of] & crowd.contested(day)[places] & ~crowd.disputed_told[places]
        disputing = np.zeros(rows.size, dtype=bool)
        disputing[of[contested]] = True
        self._dispute(places[contested])
        self.walk.happen("disputed", rows[disputing], day)
        given, unasked = crowd.numbers.of("promise", "given")[kind], crowd.numbers.of("promise_unasked")[kind]
        says = np.where(by_phone, luck.people.promise[rows] < given, luck.people.say[rows] > 1 - unasked)
        promising = reached & ~disputing & says
        waiting = promising[of] & (crowd.promised_on[places] < day) & ~crowd.contested(day)[places]
        self._promise(day, luck, places[waiting])
        made = np.zeros(rows.size, dtype=bool)
        made[of[waiting]] = True
        self.promises += int(made.sum())
        self.walk.happen("promised", rows[made], day)
        owing = np.zeros(rows.size, dtype=bool)
        owing[of] = True
        back = luck.people.call[rows] < crowd.numbers["desk"]["call_back"]
        talked = by_phone & reached & (disputing | made | ~owing | back)
        self.conversations += int((by_phone & reached).sum())
        self.walk.spoken_on[rows[talked]] = day

    def _dispute(self, places: Array) -> None:
        """A dispute that is told holds its invoice until it is answered."""
        self.crowd.disputed_told[places] = True
        until = self.crowd.disputed_to[places]
        self.walk.held_until[places] = np.maximum(self.walk.held_until[places], until)
        for when in np.unique(until):
            self.disputes.setdefault(int(when), []).append(places[until == when])

    def _promise(self, day: int, luck: Luck, places: Array) -> None:
        """A promise holds its invoices until its day and the grace are over."""
        on = self.bank_days[day + luck.people.delay[self.portfolio.customer[places]]]
        grace = max(1, int(self.portfolio.policy.get("promise_grace_days", GRACE_DAYS)))
        self.crowd.promised_on[places] = on
        self.walk.held_until[places] = np.maximum(self.walk.held_until[places], on + grace)
        for when in np.unique(on):
            self.promised.setdefault(int(when) + grace, []).append(places[on == when])

    def net(self) -> Array:
        """By customer: what came in, less what contacts cost."""
        found: Array = self.cash_of - self.walk.cost
        return found

    def figures(self) -> dict[str, Any]:
        """What this world came to."""
        walk, cash, cost = self.walk, int(self.cash_by_day.sum()), int(self.walk.cost.sum())
        start = int(self.portfolio.open_minor.sum())
        still = start - cash - self.credited
        contacts = sum(walk.by_channel.values())
        return {
            "cash_minor": cash, "cash_by_day": [int(value) for value in self.cash_by_day[1:]],
            "days_to_pay": round((self.waited + still * self.days) / start, 2) if start else None,
            "contacts": contacts, "by_channel": dict(sorted(walk.by_channel.items())),
            "by_step": dict(sorted(walk.by_step.items())), "rails": dict(sorted(walk.by_rail.items())),
            "cost_minor": cost, "cost_per_unit": round(cost / cash, 6) if cash else None,
            "opt_outs": self.opt_outs, "credited_minor": self.credited, "open_minor": still,
            "promises": self.promises, "conversations": self.conversations,
        }  # fmt: skip
