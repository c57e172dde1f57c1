"""One world of a simulation: a portfolio that a contender walks through day by day, by the word of the real engine.

In: a day and what is open on it. Out: the engine's decisions, and the state that they leave: climbs, contacts, cost.
Never: a rule of the engine told again; rows are only narrowed to invoices for which a step can be next.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from amiable.core.money import exponent
from amiable.law.packs import law
from amiable.law.rails import CALLS, HOLDOUT, SENTENCES
from amiable.portfolio import facts, segments
from amiable.scenario import shelf
from amiable.scenario.behaviour import Array, parameters
from amiable.scenario.contend import Contender
from amiable.scenario.engine.channel import CHANNELS, NAMED, SPOKEN
from amiable.scenario.engine.decide import decide as engine
from amiable.scenario.engine.journey import RESTING, Journey
from amiable.scenario.engine.moment import events_of
from amiable.scenario.happen import FACTS
from amiable.scenario.live import NEVER
from amiable.scenario.stand import MEMORY, Portfolio

RAILS = tuple(SENTENCES)
SAID = [
    "row",
    "scenario",
    "step",
    "level",
    "action",
    "channel",
    "verdict",
    "rail",
    "about",
    "also",
    "also_levels",
    "amount_minor",
]
_BANDS = {"overdue_1_30_minor": (1, 30), "overdue_31_60_minor": (31, 60), "overdue_61_90_minor": (61, 90)}

OWED = {
    "open_minor", "not_due_minor", "overdue_minor", "due_7d_minor", "overdue_over_90_minor", *_BANDS, "open_count",
    "overdue_count", "oldest_due_on",
}  # fmt: skip


class Walk:
    """How far the invoices have climbed, whom the contender has contacted, and what that cost."""

    def __init__(self, portfolio: Portfolio, contender: Contender) -> None:
        self.portfolio, self.journeys = portfolio, contender.numbered
        self.open = portfolio.open_minor.copy()
        self.reached, self.step_on = portfolio.reached.copy(), portfolio.step_on.copy()
        self.last_contact, self.spoken_on = portfolio.last_contact.copy(), portfolio.spoken_on.copy()
        self.contacts = portfolio.contacts.copy()
        self.out = {medium: portfolio.standing[f"out_{medium}"].to_numpy().copy() for medium in CHANNELS}
        self.waiting = np.zeros(portfolio.size, dtype=bool)
        self.rest_until = np.full(portfolio.size, -NEVER)  # customers left alone
        self.held_until = np.full(self.open.size, -NEVER)  # invoices held by what happened in this world
        self.kept, self.broken, self.last_broken = (np.zeros(portfolio.size, dtype=np.int64) for _ in range(3))
        self.last_broken[:] = -NEVER
        asked = events_of([step for journey in self.journeys.values() for step in journey.steps])
        self.did = {event: self._days_of(event) for event in asked}  # the day of each, or -NEVER
        self.said = np.full((2, portfolio.size), -1)  # the step and the rail of the last refusal
        self.measured, self.declared = portfolio.measured, portfolio.declared
        self.by_channel: Counter[str] = Counter()
        self.by_step: Counter[str] = Counter()
        self.by_rail: Counter[str] = Counter()
        self.decided: list[pl.DataFrame] = []
        self.cost = np.zeros(portfolio.size, dtype=np.int64)  # minor units, by customer
        self.unit_cost = unit_cost(portfolio)
        self._prepare(contender)

    def _prepare(self, contender: Contender) -> None:
        known = self._facts(0, np.arange(self.portfolio.size), all_names=True).sort("row")
        self.country = known["country"].replace("", self.portfolio.country).fill_null(self.portfolio.country)
        known = known.with_columns(segments.assign(known, self.portfolio.segments))
        chosen = known.with_columns(contender.choose().alias("scenario"))["scenario"]
        self.scenario = chosen.fill_null(-1).cast(pl.Int64).to_numpy()
        self.names = contender.named_facts
        if "segment" in self.names:
            self.names |= set(shelf.facts())
        self.needed = facts.needed(self.names)
        self.scale = float(10 ** exponent(self.portfolio.currency))
        self.moments = {number: _moments(journey) for number, journey in self.journeys.items()}
        self.next = np.full(self.open.size, NEVER)  # the first day on which a step can be next
        self._look_on(np.arange(self.open.size))

    def _days_of(self, event: str) -> Array:
        """When each customer last did it, as the facts of the first day tell; what no fact tells has not happened."""
        if event not in FACTS:
            return np.full(self.portfolio.size, -NEVER)
        told = (self.portfolio.measured[f"{FACTS[event]}_on"] - self.portfolio.as_of).dt.total_days()
        return told.fill_null(-NEVER).to_numpy().copy()

    def happen(self, event: str, rows: Array, day: int) -> None:
        """These customers did something that steps may ask for."""
        if event in self.did:
            self.did[event][rows] = day

    def over(self, event: str, rows: Array) -> None:
        """What they did stands no more: the promise was judged, the dispute has ended."""
        if event in self.did:
            self.did[event][rows] = -NEVER

    def _look_on(self, places: Array) -> None:
        """After a climb: from which day on the engine need look at these invoices again."""
        book, whose = self.portfolio, self.scenario[self.portfolio.customer[places]]
        for number, (levels, days, gaps) in self.moments.items():
            mine = places[whose == number]
            above = np.searchsorted(levels, self.reached[mine], side="right")
            begins = {"due": book.due[mine], "issue": book.issued[mine], "step": self.step_on[mine]}
            first = np.full(mine.size, NEVER)
            for start, least in days.items():
                # What a customer does may happen on any day.
                own = begins[start] + least[above] if start in begins else np.full(mine.size, -NEVER)
                first = np.where(least[above] < NEVER, np.minimum(first, own), first)
            moment = np.maximum(first, self.step_on[mine] + gaps[above])
            self.next[mine] = np.where(first < NEVER, moment, NEVER)

    def recall(self) -> None:
        """Where nothing tells how far an invoice had climbed, what was really decided after day 0 does.

        A first step taken later at a level, on an invoice that was late enough before for the step below, says that
        the step below had been taken, just long enough before.
        """
        book = self.portfolio
        unknown = (self.reached == 0) & (book.next_level > 0)
        for number, journey in self.journeys.items():
            levels = self.moments[number][0]
            # Only days past due tell whether a step's moment had come.
            days = np.array([step.days if step.start == "due" else NEVER for step in journey.steps])
            gaps = np.array([step.gap for step in journey.steps])
            places = np.flatnonzero(unknown & (self.scenario[book.customer] == number))
            above = np.searchsorted(levels, book.next_level[places], side="left")
            places, above = places[above > 0], above[above > 0]
            taken = -book.due[places] >= days[above - 1]
            places, above = places[taken], above[taken]
            self.reached[places] = levels[above - 1]
            self.step_on[places] = book.next_on[places] - gaps[np.minimum(above, gaps.size - 1)]
        self._look_on(np.arange(self.open.size))

    # -- a day ---------------------------------------------------------------------------------------------------

    def decide(self, day: int) -> pl.DataFrame:
        """The engine's word on that day, done and not done; refusals that are new are counted."""
        book = self.portfolio
        places = np.flatnonzero((self.open > 0) & (self.next <= day) & ~self.held(day))
        if not places.size:
            return pl.DataFrame()
        there = np.zeros(book.size, dtype=bool)
        there[book.customer[places]] = True
        asked = self._asked(day, np.flatnonzero(there))
        invoices = pl.DataFrame({
            "row": book.customer[places], "invoice": places, "days_late": day - book.due[places],
            "days_issued": day - book.issued[places], "open_minor": self.open[places], "reached": self.reached[places],
            "days_since_step": _known(day - self.step_on[places]),
            "days_since_return": pl.Series([None] * places.size, dtype=pl.Int64), "held": np.zeros(places.size, dtype=bool),
        })  # fmt: skip
        found = []
        for country in asked["country"].unique(maintain_order=True).to_list():
            part = asked.filter(pl.col("country") == country)
            rules = law(country, book.on(day))
            found.append(
                engine(part, invoices, self.journeys, facts=shelf.facts(), law=rules, policy=book.policy).select(SAID)
            )
        said = pl.concat(found).sort("row")
        self._note(day, said)
        return said

    def held(self, day: int) -> Array:
        """Which invoices are held on a day."""
        found: Array = self.held_until > day
        standing = self.portfolio.invoice_holds
        if standing.height:
            active = standing.filter((pl.col("since") <= day) & (pl.col("until") > day))
            found[active["invoice"].to_numpy()] = True
        return found

    def _asked(self, day: int, rows: Array) -> pl.DataFrame:
        """The customers as the engine asks for them: facts as they are in this world, and what the rails ask."""
        book = self.portfolio
        table = self._facts(day, rows)
        holds = book.customer_holds.filter((pl.col("since") <= day) & (pl.col("until") > day)).group_by("row").agg(
            # Any other reason is told before an experiment's.
            customer_hold=pl.coalesce(pl.col("kind").filter(pl.col("kind") != HOLDOUT).min(), pl.col("kind").min())
        )  # fmt: skip
        stands = book.standing[rows].select(
            "row",
            "preferred",
            "most_7d",
            *(f"has_{medium}" for medium in CHANNELS),
            *(pl.Series(f"out_{medium}", self.out[medium][rows]) for medium in CHANNELS),
            *(pl.lit(medium in book.carried).alias(f"carried_{medium}") for medium in NAMED),
            pl.Series("scenario", self.scenario[rows]),
            self.country.gather(rows).alias("country"),
            pl.Series("waiting", self.waiting[rows]),
            pl.Series("resting", self.rest_until[rows] > day),
            _known(day - self.spoken_on[rows]).alias("days_since_conversation"),
            _known(day - self.last_contact[rows]).alias("days_since_contact"),
            *(_known(day - days[rows]).alias(f"days_since_{event}") for event, days in self.did.items()),
            pl.Series("contacts_7d", self._counted(day, rows, 7)),
            pl.Series("calls_7d", self._counted(day, rows, 7, CALLS)),
            pl.lit(book.on(day)).alias("day"),
            pl.lit(True).alias("released"),
            pl.lit(self.scale).alias("scale"),
        )
        table = table.drop([name for name in stands.columns if name in table.columns and name != "row"])
        joined = table.join(stands, on="row").join(holds, on="row", how="left")
        return joined.with_columns(
            pl.coalesce("customer_hold", pl.when("resting").then(pl.lit("person"))).alias("customer_hold")
        ).filter(pl.col("scenario") >= 0)

    def _facts(self, day: int, rows: Array, *, all_names: bool = False) -> pl.DataFrame:
        """The facts of some customers, those columns moved on to the day that this world moves."""
        columns = None if all_names else self.needed
        always = [name for name in ("row", *facts.KEYS, "credit_minor") if name in self.measured.columns]
        measured = self.measured[rows]
        if columns is not None:
            measured = measured.select(
                *always, *(name for name in self.measured.columns if name in columns and name not in always)
            )
            measured = measured.with_columns(*self._moved(day, rows, columns))
        measured = measured.with_columns(pl.lit(self.portfolio.on(day)).alias("day"))
        told = self.declared[rows]
        table = facts.for_conditions(measured, told)
        if columns is not None and "segment" in self.names:
            return table.with_columns(segments.assign(table, self.portfolio.segments))
        return table

    def _moved(self, day: int, rows: Array, columns: set[str]) -> Iterator[pl.Series]:
        """The columns of facts that change in this world. Habits of twelve months stay as they were at the start."""
        if columns & OWED:
            for name, values in self._owed(day).items():
                if name in columns:
                    yield pl.Series(name, values[rows] if isinstance(values, np.ndarray) else values.gather(rows))
        for name, media, days in (
            ("contacts_7d", CHANNELS, 7), ("calls_7d", CALLS, 7), ("contacts_30d", CHANNELS, 30),
            ("emails_30d", ("email",), 30), ("calls_30d", CALLS, 30),
        ):  # fmt: skip
            if name in columns:
                yield pl.Series(name, self._counted(day, rows, days, media))
        for name, days_on in (("last_contact_on", self.last_contact), ("last_broken_on", self.last_broken)):
            if name in columns and (days_on[rows] > -NEVER).any():
                told = self._dates(np.where(days_on[rows] <= -NEVER, NEVER, days_on[rows]))
                yield told.zip_with(told.is_not_null(), self.measured[name].gather(rows)).alias(name)
        for name, more in (("promises_kept", self.kept), ("promises_broken", self.broken)):
            if name in columns:
                yield (self.measured[name].gather(rows).fill_null(0) + pl.Series(more[rows])).alias(name)

    def _owed(self, day: int) -> dict[str, Any]:
        """What each customer owes on a day, by age."""
        book = self.portfolio
        places = np.flatnonzero((self.open > 0) & (book.issued <= day))
        who, late, minor = book.customer[places], day - book.due[places], self.open[places]

        def total(of: Any) -> Array:
            return np.bincount(who[of], weights=minor[of], minlength=book.size).astype(np.int64)

        past = late > 0
        oldest = np.full(book.size, NEVER)
        np.minimum.at(oldest, who, book.due[places])
        return {
            "open_minor": total(slice(None)), "overdue_minor": total(past), "not_due_minor": total(~past),
            "due_7d_minor": total(~past & (late >= -7)), "overdue_over_90_minor": total(late > 90),
            **{name: total((late >= low) & (late <= high)) for name, (low, high) in _BANDS.items()},
            "open_count": np.bincount(who, minlength=book.size), "overdue_count": np.bincount(who[past], minlength=book.size),
            "oldest_due_on": self._dates(oldest),
        }  # fmt: skip

    def _dates(self, days: Array) -> pl.Series:
        """Days as dates; NEVER has none."""
        first = (self.portfolio.as_of - date(1970, 1, 1)).days
        told = pl.Series(days + first)
        return told.set(pl.Series(days >= NEVER), None).cast(pl.Int32).cast(pl.Date)

    def _counted(self, day: int, rows: Array, days: int, media: Sequence[str] = CHANNELS) -> Array:
        """Contacts by these channels in so many days up to this one."""
        window = [(day - back) % MEMORY for back in range(days)]
        found = self.contacts if media is CHANNELS else self.contacts[[CHANNELS.index(medium) for medium in media]]
        counted: Array = found[:, window][:, :, rows].sum(axis=(0, 1), dtype=np.int64)
        return counted

    def _note(self, day: int, said: pl.DataFrame) -> None:
        """Counts refusals as the day writes them: when a step is refused anew, or by another rail."""
        rows = said["row"].to_numpy()
        no = (said["verdict"] == "not").to_numpy()
        rails = said["rail"].replace_strict(
            {name: place for place, name in enumerate(RAILS)}, default=-1, return_dtype=pl.Int64
        )
        steps = (said["scenario"] * 100_000 + said["level"]).to_numpy()
        state = np.stack([np.where(no, steps, -1), np.where(no, rails.to_numpy(), -1)])
        new = no & (state != self.said[:, rows]).any(axis=0)
        self.said[:, rows] = state
        for rail, count in said.filter(pl.Series(new))["rail"].value_counts().iter_rows():
            self.by_rail[rail] += count
        for key, count in said.filter(pl.Series(~no))["step"].value_counts().iter_rows():
            self.by_step[key] += count
        self.decided.append(said.filter(pl.Series(~no)).select("row", "step", "channel", day=pl.lit(day)))

    # -- what follows --------------------------------------------------------------------------------------------

    def contact(self, day: int, said: pl.DataFrame) -> None:
        """These contacts are made: they cost, count for the caps, and are remembered."""
        if said.is_empty():
            return
        for (channel,), part in said.group_by("channel"):
            rows = part["row"].to_numpy()
            self.by_channel[str(channel)] += rows.size
            self.cost[rows] += self.unit_cost[str(channel)]
            np.add.at(self.contacts[CHANNELS.index(str(channel)), day % MEMORY], rows, 1)
            self.last_contact[rows] = day

    def act(self, day: int, said: pl.DataFrame) -> None:
        """What the house does by itself: holds are placed, and journeys ended."""
        resting = said.filter(pl.col("action").is_in(RESTING)) if said.height else said
        for scenario, level, places in (
            resting.select("scenario", "level", "about").iter_rows() if resting.height else ()
        ):
            step = next(each for each in self.journeys[scenario].steps if each.level == level)
            self.held_until[places] = NEVER if step.hold_days is None else day + step.hold_days

    def climb(self, day: int, said: pl.DataFrame) -> None:
        """The invoices of these decisions take their step."""
        if said.is_empty():
            return
        at = said.select("level", "about").explode("about").drop_nulls()
        below = said.select(level="also_levels", about="also").explode("level", "about").drop_nulls()
        climbed = pl.concat([at, below.select(at.columns)], how="vertical_relaxed")
        places, levels = climbed["about"].to_numpy(), climbed["level"].to_numpy()
        higher = levels > self.reached[places]
        self.reached[places[higher]] = levels[higher]
        self.step_on[places[higher]] = day
        self._look_on(places)

    def begin(self, day: int) -> None:
        """A new day: what is older than the memory is forgotten."""
        self.contacts[:, day % MEMORY] = 0


def unit_cost(portfolio: Portfolio) -> dict[str, int]:
    """What one contact costs by channel, in minor units: the creditor's own figure, else the shipped one."""
    own = portfolio.policy.get("costs", {}).get("channels", {})
    shipped = parameters()["unit_cost_minor"]
    return {medium: int(own.get(medium, shipped[medium])) for medium in CHANNELS}


def places_of(said: pl.DataFrame) -> tuple[Array, Array]:
    """The invoices that decisions speak of, and for each which decision (its place in the table) it is."""
    told = said.select(n=pl.int_range(pl.len()), place=pl.concat_list("about", "also")).explode("place").drop_nulls()
    return told["place"].to_numpy(), told["n"].to_numpy()


def _known(days: Array) -> pl.Series:
    """Days since something; null where it never was."""
    return pl.Series(days).set(pl.Series(days > NEVER // 2), None)


def by_person() -> pl.Expr:
    """Which decisions lie on a desk: calls, what is sent by hand, and what waits for a word."""
    return pl.col("action").is_in((*SPOKEN, "manual")) | (pl.col("verdict") == "ask")


def _moments(journey: Journey) -> tuple[Array, dict[str, Array], Array]:
    """Levels in order, and by how many of them are reached: least days from each beginning, and gap, to go on."""
    steps = journey.steps
    levels = np.array([step.level for step in steps], dtype=np.int64)
    ahead = [steps[n:] for n in range(len(steps) + 1)]
    days = {
        start: np.array([min((step.days for step in rest if step.start == start), default=NEVER) for rest in ahead])
        for start in {step.start for step in steps}
    }
    gaps = [min((step.gap for step in rest), default=0) for rest in ahead]
    return levels, days, np.array(gaps, dtype=np.int64)
