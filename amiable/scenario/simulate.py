"""What a scenario would have done, and what it would bring, before anyone presses *activate*.

In: contenders, a creditor, a day, a seed. Out: contacts, cost, rails, and for the future also cash, side by side.
Never: a row written, a clock read, a rule of the engine told again. The same seed gives the same figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from amiable.core.conditions import N_
from amiable.ledger.models import Creditor
from amiable.scenario.acquaint import acquaint
from amiable.scenario.behaviour import KINDS, Array, Parameters, parameters
from amiable.scenario.contend import NOBODY, Contender, UnableToSimulate
from amiable.scenario.engine.journey import MESSAGE, PLACE
from amiable.scenario.live import NEVER, Bills, Crowd
from amiable.scenario.stand import Portfolio, narrowed, next_working, stand, working
from amiable.scenario.walk import Walk, by_person, places_of
from amiable.scenario.world import GRACE_DAYS, Luck, World

EFFECTS = (0.3, 1.0, 3.0)  # the strength of contacts is known no better than that
LONGEST = 366
SURE = 2.0  # standard errors beyond which a difference is more than chance
FEWEST = 10  # customers who must have paid otherwise for anything to be said
Told = Callable[[int, int], None]


def project(
    *,
    scenario: Contender,
    against: Contender,
    creditor: Creditor,
    as_of: date,
    days: int,
    seed: int,
    currency: str | None = None,
    effects: Sequence[float] = EFFECTS,
    most: int | None = None,
    progress: Told | None = None,
) -> dict[str, Any]:
    """Both contenders, and nobody, from the portfolio at the end of `as_of` so many days forward.

    All worlds share their people's characters and luck; in each of `effects`, a contact is worth so many times what
    the parameters say. Only what is open today is followed: bills to come are not invented. With `most`, a sample of so
    many customers is followed, and `of_customers` says of how many. Raises UnableToSimulate.
    """
    if not 1 <= days <= LONGEST:
        raise UnableToSimulate(f"A simulation looks from 1 to {LONGEST} days ahead.")
    if not effects or any(not 0 <= effect <= 100 for effect in effects):
        raise UnableToSimulate("The effects of a sweep are numbers from 0 to 100.")
    portfolio = stand(creditor=creditor, currency=currency or creditor.currency, as_of=as_of)
    people = treated(portfolio, scenario, against)
    owing = np.bincount(people.customer, weights=people.open_minor, minlength=people.size) > 0
    everyone = int(owing.sum())
    if most is not None and everyone > most:
        chosen = np.random.default_rng([seed, 8]).choice(np.flatnonzero(owing), most, replace=False)
        owing = np.isin(np.arange(people.size), chosen)
    found = follow(narrowed(people, owing), scenario, against, days=days, seed=seed, effects=effects, progress=progress)
    return found | {"creditor": creditor.name, "of_customers": everyone}


def follow(
    portfolio: Portfolio,
    scenario: Contender,
    against: Contender,
    *,
    days: int,
    seed: int,
    effects: Sequence[float] = EFFECTS,
    progress: Told | None = None,
) -> dict[str, Any]:
    """The projection of a portfolio that has been read."""
    portfolio = _disputes_ended(portfolio, parameters(), seed=seed)
    people = _people(portfolio, parameters(), seed=seed)
    bank_days = next_working(portfolio, days)
    alone = World(portfolio, Contender(NOBODY, ()), people.twin(), days=days, bank_days=bank_days)
    pairs = {effect: (_worlds(portfolio, (scenario, against), people, effect, days, bank_days)) for effect in effects}
    worlds = [alone, *(world for pair in pairs.values() for world in pair)]
    for day in range(1, days + 1):
        luck = Luck.of(seed=seed, day=day, crowd=people)
        for world in worlds:
            world.live(day, luck)
        if progress:
            progress(day, days)
    sweep = [_compared(effect, pair, alone) for effect, pair in pairs.items()]
    return {
        "scenario": scenario.label, "against": against.label, "as_of": portfolio.as_of, "days": days, "seed": seed,
        "currency": portfolio.currency, "customers": portfolio.size, "invoices": int((portfolio.open_minor > 0).sum()),
        "open_minor": int(portfolio.open_minor.sum()), "alone": alone.figures(), "sweep": sweep,
        "ranking": ranking([each["better"] for each in sweep]),
    }  # fmt: skip


def _worlds(
    portfolio: Portfolio, contenders: Sequence[Contender], people: Crowd, effect: float, days: int, bank_days: Array
) -> tuple[World, ...]:
    found = []
    for contender in contenders:
        crowd = people.twin()
        crowd.numbers = _strengthened(crowd.numbers, effect)
        found.append(World(portfolio, contender, crowd, days=days, bank_days=bank_days))
    return tuple(found)


def _strengthened(numbers: Parameters, effect: float) -> Parameters:
    """The same numbers with contacts worth so many times as much; how they annoy stays."""
    content = dict(numbers.content)
    for kind in KINDS:
        dose = {medium: value * effect for medium, value in content[kind]["dose"].items()}
        content[kind] = {**content[kind], "dose": dose}
    return Parameters(content)


def _compared(effect: float, pair: Sequence[World], alone: World) -> dict[str, Any]:
    """Two worlds at one strength: figures, and whether the difference is more than chance."""
    first, second = pair
    apart = first.net() - second.net()
    margin = SURE * float(apart.std()) * np.sqrt(apart.size) if apart.size else 0.0
    difference = int(apart.sum())
    moved = int((first.cash_of != second.cash_of).sum())
    chance = abs(difference) <= margin or (effect > 0 and moved < FEWEST)
    better = "close" if chance else "scenario" if difference > 0 else "against"
    told = {}
    for name, world in (("scenario", first), ("against", second)):
        brought = int(world.cash_by_day.sum() - alone.cash_by_day.sum())
        cost = int(world.walk.cost.sum())
        told[name] = world.figures() | {
            "brought_minor": brought,  # beyond what would have come by itself
            "cost_per_brought": round(cost / brought, 6) if brought > 0 else None,
        }
    return {
        "effect": effect,
        **told,
        "difference_minor": difference,
        "margin_minor": round(margin),
        "moved": moved,
        "better": better,
    }


def ranking(better: Sequence[str]) -> dict[str, Any]:
    """Whether the same contender is ahead, net of cost and beyond chance, at every strength of contacts."""
    ahead = set(better)
    if ahead == {"close"}:
        return {"holds": False, "better": "close", "sentence": SENTENCES["close"]}
    if len(ahead) == 1:
        return {"holds": True, "better": better[0], "sentence": SENTENCES[better[0]]}
    if ahead >= {"scenario", "against"}:
        return {"holds": False, "better": "turns", "sentence": SENTENCES["turns"]}
    return {"holds": False, "better": "sometimes", "sentence": SENTENCES["sometimes"]}


SENTENCES = {
    "scenario": N_(
        "The ranking holds: the first scenario brings more, net of cost, at every strength of contacts tried."
    ),
    "against": N_(
        "The ranking holds: the second scenario brings more, net of cost, at every strength of contacts tried."
    ),
    "close": N_("Too close to call: at no strength of contacts tried is the difference more than chance."),
    "turns": N_("The ranking does not hold: which scenario brings more depends on how strongly contacts work."),
    "sometimes": N_(
        "The ranking does not hold throughout: at some strengths of contacts the difference is only chance."
    ),
}


def treated(portfolio: Portfolio, *contenders: Contender) -> Portfolio:
    """The portfolio narrowed to the customers whom one of the contenders is for; of all where nobody is named."""
    if not any(contender.journeys for contender in contenders):
        return portfolio
    theirs = np.zeros(portfolio.size, dtype=bool)
    for contender in contenders:
        theirs |= Walk(portfolio, contender).scenario >= 0
    return narrowed(portfolio, theirs)


def _kinds(portfolio: Portfolio) -> Array:
    """Of each customer its place in KINDS: a person, or anything else."""
    found: Array = (portfolio.declared["kind"] != KINDS[0]).to_numpy().astype(int)
    return found


def _disputes_ended(portfolio: Portfolio, numbers: Parameters, *, seed: int) -> Portfolio:
    """Disputes that are open get an end drawn from the parameters, since nobody can have said one."""
    holds = portfolio.invoice_holds
    kind = _kinds(portfolio)[portfolio.customer[holds["invoice"].to_numpy()]]
    median, sigma = (numbers.of("dispute_days", name)[kind] for name in ("median_days", "sigma"))
    lasts = np.random.default_rng([seed, 6]).lognormal(np.log(median), sigma)
    ended = pl.when((pl.col("kind") == "dispute") & (pl.col("until") >= NEVER)).then(pl.Series(1 + lasts.astype(int)))
    return replace(portfolio, invoice_holds=holds.with_columns(ended.otherwise("until").alias("until")))


def _people(portfolio: Portfolio, numbers: Parameters, *, seed: int) -> Crowd:
    """The customers as people, with what their past tells."""
    bills = Bills(
        start=portfolio.as_of,
        kind=_kinds(portfolio),
        customer=portfolio.customer,
        issued=np.minimum(portfolio.issued, 0),
        due=portfolio.due,
        amount=portfolio.open_minor,
    )
    crowd = Crowd(bills, numbers, seed=seed)
    told = portfolio.measured.select(pl.col("late_12m", "overdue_count", "settled_12m").fill_null(0))
    # What is overdue now tells by itself how late it is: only what was settled counts as habit.
    late = (told["late_12m"] - told["overdue_count"]).clip(0).to_numpy()
    settled = told["settled_12m"].to_numpy()
    acquaint(crowd, late=late, settled=settled, seed=seed)
    holds = portfolio.invoice_holds
    contested = holds.filter(pl.col("kind") == "dispute")
    places = contested["invoice"].to_numpy()
    crowd.disputed_from[places], crowd.disputed_to[places] = 0, contested["until"].to_numpy()
    crowd.disputed_told[places] = True
    promised = holds.filter((pl.col("kind") == "promise") & (pl.col("until") < NEVER))
    grace = max(1, int(portfolio.policy.get("promise_grace_days", GRACE_DAYS)))
    crowd.promised_on[promised["invoice"].to_numpy()] = promised["until"].to_numpy() - grace
    insolvent = portfolio.customer_holds.filter(pl.col("kind") == "insolvency")
    crowd.insolvent_on[insolvent["row"].to_numpy()] = 0
    return crowd


def replay(
    *,
    scenario: Contender,
    creditor: Creditor,
    since: date,
    until: date,
    currency: str | None = None,
    progress: Told | None = None,
) -> dict[str, Any]:
    """The contacts that a scenario would have made over a past that is known, per step and channel; rails hit; cost.

    As it stood each day: residuals (entries, by when they took effect and were known), holds, opt-outs at the start,
    and the steps and contacts of before. From then on the scenario's own steps and contacts take the place of those
    that were made; money came, and promises and disputes arose, as they really did. Approximated: facts of habit,
    addresses and what the creditor declares are those of the first day; a call is made, and a step to confirm is
    confirmed, on the next working day; what was learnt after nine in the morning counts from the next day. Where a last
    reminder came with an import, its level and date are inferred from the first step that was really taken after it.
    """
    length = (until - since).days + 1
    if not 1 <= length <= LONGEST:
        raise UnableToSimulate(f"A replay covers from 1 to {LONGEST} days, the first before the last.")
    before = since - timedelta(days=1)
    portfolio = stand(creditor=creditor, currency=currency or creditor.currency, as_of=before, until=until)
    portfolio = treated(portfolio, scenario)
    walk = Walk(portfolio, scenario)
    walk.recall()
    moves = portfolio.moves.partition_by("day", as_dict=True)
    tasks = pl.DataFrame()
    for day in range(1, length + 1):
        posted = moves.get((day,))
        if posted is not None:
            np.add.at(walk.open, posted["invoice"].to_numpy(), posted["amount_minor"].to_numpy())
        walk.begin(day)
        said = walk.decide(day)
        if said.height:
            tasks = _carry_out(walk, day, said, tasks)
        if tasks.height and working(portfolio, day):
            tasks = _finish(walk, day, tasks)
        if progress:
            progress(day, length)
    return {
        "scenario": scenario.label, "creditor": creditor.name, "currency": portfolio.currency, "since": since,
        "until": until, "days": length, "customers": portfolio.size, "contacts": sum(walk.by_channel.values()),
        "by_channel": dict(sorted(walk.by_channel.items())), "by_step": dict(sorted(walk.by_step.items())),
        "rails": dict(sorted(walk.by_rail.items())), "cost_minor": int(walk.cost.sum()),
        "decisions": _decisions(walk),
    }  # fmt: skip


def _carry_out(walk: Walk, day: int, said: pl.DataFrame, tasks: pl.DataFrame) -> pl.DataFrame:
    do = said.filter(pl.col("verdict") == "do")
    walk.climb(day, do)
    walk.act(day, do)
    walk.contact(day, do.filter(pl.col("action") == MESSAGE))
    later = said.filter((pl.col("verdict") != "not") & by_person())
    walk.waiting[later["row"].to_numpy()] = True
    return pl.concat([tasks, later]) if tasks.height else later


def _finish(walk: Walk, day: int, tasks: pl.DataFrame) -> pl.DataFrame:
    """Calls are made and steps confirmed, where anything of them is still open."""
    walk.waiting[tasks["row"].to_numpy()] = False
    places, of = places_of(tasks)
    alive = np.zeros(tasks.height, dtype=bool)
    alive[of[walk.open[places] > 0]] = True
    done = tasks.filter(pl.Series(alive, dtype=pl.Boolean))
    confirmed = done.filter(pl.col("verdict") == "ask")
    walk.climb(day, confirmed)
    walk.act(day, confirmed)
    walk.contact(day, done.filter(pl.col("action") != PLACE))
    return tasks.clear()


def _decisions(walk: Walk) -> pl.DataFrame:
    """What was decided and not refused: customer_id, step, channel and day, in order."""
    if not walk.decided:
        return pl.DataFrame(schema={"customer_id": pl.Int64, "step": pl.String, "channel": pl.String, "day": pl.Date})
    people = walk.portfolio.measured.select("row", "customer_id")
    told = pl.concat(walk.decided).join(people, on="row")
    day = (pl.lit(walk.portfolio.as_of) + pl.duration(days=pl.col("day"))).alias("day")
    return told.select("customer_id", "step", "channel", day).sort("day", "customer_id")
