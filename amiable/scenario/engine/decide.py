"""decide: facts and open invoices in, one decision per customer and currency out; no loop over customers.

Each open invoice has at most one step that is next: the lowest one above what it has reached, not lapsed, whose branch
and condition hold. It is due when its moment has come. A customer gets the highest step due, about the invoices at it
and mentioning those due at lower ones; held invoices are left alone. The rails then say whether it may be done; where
its channel or amount forbids it, the next lower step may be. A step that contacts nobody mentions nothing else, and is
not mentioned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from amiable.core.conditions import parse
from amiable.law import rails
from amiable.law.packs import Law
from amiable.scenario.engine import channel, moment
from amiable.scenario.engine.journey import MESSAGE, PLACE, Journey, table

# These rails speak against a step and its channel or amount; the others against any contact with the customer.
OF_THE_STEP = ("below_minimum", "no_agency", "opted_out", "no_address", "no_carrier")
INVOICE: dict[str, Any] = {
    "row": pl.Int64,  # the customer's row
    "invoice": pl.Int64,
    "days_late": pl.Int64,
    "days_issued": pl.Int64,
    "open_minor": pl.Int64,
    "reached": pl.Int64,
    "days_since_step": pl.Int64,  # null: no step yet
    "days_since_return": pl.Int64,  # to the journey, by a colleague; null: it never left
    "held": pl.Boolean,
}


def decide(
    customers: pl.DataFrame,
    invoices: pl.DataFrame,
    journeys: Mapping[int, Journey],
    *,
    facts: Mapping[str, Any],
    law: Law,
    policy: Mapping[str, Any],
) -> pl.DataFrame:
    """The decisions: one row per customer row with a step due, with verdict do / ask / not, the rail that spoke,
    step, level, action, channel, template, tone, about (invoice ids at the step), also (at lower steps) and also_levels.

    `action` is how the step is carried out: `message`, `call` and `manual` (by a person), or what the house does itself.

    `customers` has: row (its number), scenario (id), scale (minor units per major), credit_minor, has_<channel> and
    out_<channel> for each channel that a step names, carried_<channel> where it is known, the facts that conditions
    name and the columns that law.rails asks of a customer; days_since_<event> for each event that a step names, and,
    where a step asks for the best channel, `preferred` (or null) and the facts of reactions. `invoices` has INVOICE. A
    customer may stand in several rows, one per `day`.
    """
    steps = table(journeys)
    due = _due(customers, invoices, journeys, steps, facts)
    if due.is_empty():
        return _nothing(customers, steps)
    due = _without_barred(due, customers, law)
    judged = left = _judge(due, customers, steps, law=law, policy=policy)
    while not due.is_empty():
        # What a refused step is about stands aside; the steps below it may still be done.
        refused = left.filter(pl.col("rail").is_in(OF_THE_STEP)).select("row", refused="level")
        due = due.join(refused, on="row", how="inner").filter(pl.col("level") < pl.col("refused")).drop("refused")
        left = _judge(due, customers, steps, law=law, policy=policy)
        done = left.filter(pl.col("rail").is_null())
        judged = pl.concat([judged.join(done, on="row", how="anti"), done])
    no = pl.col("rail").is_not_null()
    verdict = pl.when(no).then(pl.lit("not")).when(to_ask()).then(pl.lit("ask")).otherwise(pl.lit("do"))
    return judged.with_columns(verdict.alias("verdict"))


def ended(customers: pl.DataFrame, invoices: pl.DataFrame, journeys: Mapping[int, Journey]) -> pl.DataFrame:
    """The invoices for which a step that they have taken ends the journey: invoice, and the event that ended it."""
    found = [pl.DataFrame(schema={"invoice": pl.Int64, "event": pl.String})]
    for number, journey in journeys.items():
        event = moment.ended(journey)
        if event is not None:
            known = customers.filter(pl.col("scenario") == number).select(
                "row", *(f"days_since_{name}" for name in moment.events_of(journey.steps))
            )
            alive = invoices.filter(~pl.col("held") & (pl.col("open_minor") > 0)).join(known, on="row", how="inner")
            found.append(alive.select("invoice", event.alias("event")).drop_nulls("event"))
    return pl.concat(found)


def _judge(
    due: pl.DataFrame, customers: pl.DataFrame, steps: pl.DataFrame, *, law: Law, policy: Mapping[str, Any]
) -> pl.DataFrame:
    """The highest step due of each customer row, and the rail that speaks against it."""
    contacts = _per_customer(due).join(steps, on=["scenario", "position"], how="left")
    channels = channel.placed(steps)
    asked = channel.choose(customers.drop("scenario").join(contacts, on="row", how="inner"), channels)
    asked = asked.with_columns(
        amount_minor=pl.col("about_minor") + pl.col("also_minor") - pl.col("credit_minor"),
        minimum_minor=(pl.col("minimum") * pl.col("scale")).round().cast(pl.Int64),
        has_address=_of_channel("has", channels),
        opted_out=_of_channel("out", channels),
        carried=_carried(asked, channels),
        hands_over=pl.col("action") == PLACE,
        action=carried_out(),
    )
    return rails.judge(asked, law=law, policy=policy)


def to_ask() -> pl.Expr:
    """Whether a step waits for a person's word. What a private customer owes never goes to an agency without one."""
    weighty = (pl.col("action") == PLACE) & (pl.col("kind") == "consumer")
    return (pl.col("mode") == "confirm") & pl.col("action").is_in((MESSAGE, PLACE)) | weighty


def carried_out() -> pl.Expr:
    """How a step is carried out, now that its channel is known."""
    contact = (
        pl.when(pl.col("channel").is_in(channel.SPOKEN)).then(pl.col("channel"))
        .when(pl.col("mode") == "manual").then(pl.lit("manual"))
        .otherwise(pl.lit(MESSAGE))
    )  # fmt: skip
    by_hand = (pl.col("action") == PLACE) & (pl.col("mode") == "manual")
    return pl.when("contacts").then(contact).when(by_hand).then(pl.lit("task")).otherwise("action")


def _due(
    customers: pl.DataFrame,
    invoices: pl.DataFrame,
    journeys: Mapping[int, Journey],
    steps: pl.DataFrame,
    facts: Mapping[str, Any],
) -> pl.DataFrame:
    """The invoices with a step due: row, invoice, open_minor, days_late, scenario, position, level, contacts."""
    plain = all(step.start == "due" for journey in journeys.values() for step in journey.steps)
    near = invoices.lazy().filter(~pl.col("held") & (pl.col("open_minor") > 0))
    if plain:
        near = near.filter(pl.col("days_late") >= ((steps["days"].min() if steps.height else None) or 0))
    open_steps = _conditions(customers, journeys, facts)
    found = []
    for number, journey in journeys.items():
        mine = near.join(open_steps[number].lazy(), on="row", how="inner")
        over = moment.ended(journey)
        if over is not None:
            mine = mine.filter(over.is_null())
        possible = [
            pl.when(moment.may_be_next(step) & pl.col(f"if_{position}")).then(pl.lit(position, dtype=pl.Int32))
            for position, step in enumerate(journey.steps)
        ]
        found.append(
            mine.with_columns(pl.coalesce(*possible, pl.lit(None, dtype=pl.Int32)).alias("position"))
            .drop_nulls("position")
            .select(
                "row",
                "invoice",
                "open_minor",
                "days_late",
                "days_since_step",
                moment.counted(journey).alias("counted"),
                pl.lit(number).alias("scenario"),
                "position",
            )
        )
    if not found:
        return pl.DataFrame()
    moments = steps.lazy().select("scenario", "position", "level", "days", "gap", "contacts", "action")
    return (
        pl.concat(found)
        .join(moments, on=["scenario", "position"], how="left")
        .filter((pl.col("counted") >= pl.col("days")) & (pl.col("days_since_step").fill_null(1 << 20) >= pl.col("gap")))
        .filter((pl.col("action") != PLACE) | (pl.col("days_late") > 0))
        .drop("action")
        .collect()
    )


def _without_barred(due: pl.DataFrame, customers: pl.DataFrame, law: Law) -> pl.DataFrame:
    """Invoices too old to be claimed step aside, unless the customer has no other: then the rail is to say so."""
    old = pl.col("days_late") > rails.time_bar(law)
    kinds = customers.select("row", "kind")
    return due.join(kinds, on="row").filter(~old | old.all().over("row")).drop("kind")


def _conditions(
    customers: pl.DataFrame, journeys: Mapping[int, Journey], facts: Mapping[str, Any]
) -> dict[int, pl.DataFrame]:
    """For each scenario its customers' rows, with one column per step: whether the step's condition holds; and what else
    the steps ask of a customer."""
    return {
        number: customers.lazy()
        .filter(pl.col("scenario") == number)
        .select(
            "row",
            *(parse(step.condition, facts).alias(f"if_{position}") for position, step in enumerate(journey.steps)),
            *_asked_besides(customers, journey),
        )
        .collect()
        for number, journey in journeys.items()
    }


def _asked_besides(customers: pl.DataFrame, journey: Journey) -> list[pl.Expr]:
    """What the customer did, the worth of a unit, and how long ago the days of the month were for which steps wait."""
    asked = [pl.col(f"days_since_{event}") for event in moment.events_of(journey.steps)]
    if any(step.tolerance for step in journey.steps):
        asked.append(pl.col("scale"))
    days = customers["day"].unique().to_list()
    for on_day in sorted({step.on_day for step in journey.steps if step.on_day is not None}):
        ago = {day: moment.back(day, on_day) for day in days}
        asked.append(pl.col("day").replace_strict(ago, return_dtype=pl.Int64).alias(f"back_{on_day}"))
    return asked


def _per_customer(due: pl.DataFrame) -> pl.DataFrame:
    """The highest step due per customer row, with the invoices at it (oldest first) and those late at lower steps.

    A reminder does not speak of what is not yet due: its courtesy notice comes another day. Nor is anything said beside
    what the house does by itself, nor that be skipped for being mentioned.
    """
    top = pl.col("level") == pl.col("level").max().over("row")
    ordered = due.sort("row", "days_late", "invoice", descending=[False, True, False]).with_columns(top.alias("top"))
    beside = ~pl.col("top") & (pl.col("days_late") > 0)
    if not due["contacts"].all():
        ordered = ordered.with_columns((pl.col("contacts") | ~pl.col("top")).all().over("row").alias("spoken"))
        beside &= pl.col("contacts") & pl.col("spoken")
    return ordered.group_by("row", maintain_order=True).agg(
        pl.col("scenario").first(),
        pl.col("position").filter(pl.col("top")).first(),
        pl.col("invoice").filter(pl.col("top")).alias("about"),
        pl.col("invoice").filter(beside).alias("also"),
        pl.col("level").filter(beside).alias("also_levels"),
        pl.col("open_minor").filter(pl.col("top")).sum().alias("about_minor"),
        pl.col("open_minor").filter(beside).sum().alias("also_minor"),
        pl.col("days_late").max().alias("oldest_days_late"),
    )


def _of_channel(prefix: str, channels: Sequence[str]) -> pl.Expr:
    """The customer's has_<channel> or out_<channel> for the channel of the row; false where there is no channel."""
    told = [pl.when(pl.col("channel") == name).then(pl.col(f"{prefix}_{name}")) for name in channels]
    return pl.coalesce(*told, pl.lit(False))


def _carried(asked: pl.DataFrame, channels: Sequence[str]) -> pl.Expr:
    """Whether something carries the channel of the row. A message by a usual one waits for its carrier, as one may come."""
    named = [name for name in channels if name in channel.NAMED]
    told = [pl.when(pl.col("channel") == name).then(channel.carried(asked, name)) for name in named]
    return pl.coalesce(*told, pl.lit(True))


def _nothing(customers: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    lists = {"about": pl.List(pl.Int64), "also": pl.List(pl.Int64), "also_levels": pl.List(pl.Int64)}
    more = {
        "rail": pl.String,
        "verdict": pl.String,
        "about_minor": pl.Int64,
        "also_minor": pl.Int64,
        "amount_minor": pl.Int64,
    }
    return pl.DataFrame(schema={**customers.schema, **steps.schema, **lists, **more, "oldest_days_late": pl.Int64})
