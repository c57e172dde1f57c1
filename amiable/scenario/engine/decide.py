"""decide: facts and open invoices in, one decision per customer and currency out; no loop over customers.

Each open invoice has at most one step that is next: the lowest one above what it has reached, not lapsed, whose
condition holds. It is due when its moment has come. A customer gets the highest step due, about the invoices at it
and mentioning those due at lower ones; held invoices are left alone. The rails then say whether it may be done; where
its channel or amount forbids it, the next lower step may be.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from amiable.core.conditions import parse
from amiable.law import rails
from amiable.law.packs import Law
from amiable.scenario.engine.journey import Journey, table

# These rails speak against a step and its channel or amount; the others against any contact with the customer.
OF_THE_STEP = ("below_minimum", "opted_out", "no_address")
INVOICE: dict[str, Any] = {
    "row": pl.Int64,  # the customer's row
    "invoice": pl.Int64,
    "days_late": pl.Int64,
    "open_minor": pl.Int64,
    "reached": pl.Int64,
    "days_since_step": pl.Int64,  # null: no step yet
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
    step, level, channel, template, tone, about (invoice ids at the step), also (ids at lower steps) and also_levels.

    `customers` has: row (its number), scenario (id), scale (minor units per major), credit_minor, has_<channel> and
    out_<channel> for each channel, the facts that conditions name and the columns that law.rails asks of a customer;
    `invoices` has INVOICE. A customer may stand in several rows, one per `day` (that is how the future is foreseen).
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
    verdict = (
        pl.when(pl.col("rail").is_not_null())
        .then(pl.lit("not"))
        .when(pl.col("mode") == "confirm")
        .then(pl.lit("ask"))
        .otherwise(pl.lit("do"))
    )
    return judged.with_columns(verdict.alias("verdict"))


def _judge(
    due: pl.DataFrame, customers: pl.DataFrame, steps: pl.DataFrame, *, law: Law, policy: Mapping[str, Any]
) -> pl.DataFrame:
    """The highest step due of each customer row, and the rail that speaks against it."""
    contacts = _per_customer(due).join(steps, on=["scenario", "position"], how="left")
    asked = customers.drop("scenario").join(contacts, on="row", how="inner")
    asked = asked.with_columns(
        amount_minor=pl.col("about_minor") + pl.col("also_minor") - pl.col("credit_minor"),
        minimum_minor=(pl.col("minimum") * pl.col("scale")).round().cast(pl.Int64),
        has_address=_of_channel("has"),
        opted_out=_of_channel("out"),
    )
    return rails.judge(asked, law=law, policy=policy)


def _due(
    customers: pl.DataFrame,
    invoices: pl.DataFrame,
    journeys: Mapping[int, Journey],
    steps: pl.DataFrame,
    facts: Mapping[str, Any],
) -> pl.DataFrame:
    """The invoices with a step due: row, invoice, open_minor, days_late, scenario, position, level."""
    first = steps["days"].min() if steps.height else None
    near = invoices.lazy().filter(~pl.col("held") & (pl.col("open_minor") > 0) & (pl.col("days_late") >= (first or 0)))
    open_steps = _conditions(customers, journeys, facts)
    found = []
    for number, journey in journeys.items():
        mine = near.join(open_steps[number].lazy(), on="row", how="inner")
        possible = [
            pl.when(
                (pl.col("reached") < step.level)
                & (pl.col("days_late") <= (step.until if step.until is not None else 1 << 20))
                & pl.col(f"if_{position}")
            ).then(pl.lit(position, dtype=pl.Int32))
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
                pl.lit(number).alias("scenario"),
                "position",
            )
        )
    if not found:
        return pl.DataFrame()
    moments = steps.lazy().select("scenario", "position", "level", "days", "gap")
    return (
        pl.concat(found)
        .join(moments, on=["scenario", "position"], how="left")
        .filter(
            (pl.col("days_late") >= pl.col("days")) & (pl.col("days_since_step").fill_null(1 << 20) >= pl.col("gap"))
        )
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
    """For each scenario its customers' rows, with one column per step: whether the step's condition holds."""
    return {
        number: customers.lazy()
        .filter(pl.col("scenario") == number)
        .select(
            "row",
            *(parse(step.condition, facts).alias(f"if_{position}") for position, step in enumerate(journey.steps)),
        )
        .collect()
        for number, journey in journeys.items()
    }


def _per_customer(due: pl.DataFrame) -> pl.DataFrame:
    """The highest step due per customer row, with the invoices at it (oldest first) and those late at lower steps.

    A reminder does not speak of what is not yet due: its courtesy notice comes another day.
    """
    top = pl.col("level") == pl.col("level").max().over("row")
    ordered = due.sort("row", "days_late", "invoice", descending=[False, True, False]).with_columns(top.alias("top"))
    beside = ~pl.col("top") & (pl.col("days_late") > 0)
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


def _of_channel(prefix: str) -> pl.Expr:
    """The customer's has_<channel> or out_<channel> for the channel of the row."""
    chain: Any = pl.when(pl.col("channel") == "email").then(pl.col(f"{prefix}_email"))
    for channel in ("sms", "letter", "call"):
        chain = chain.when(pl.col("channel") == channel).then(pl.col(f"{prefix}_{channel}"))
    return chain.otherwise(pl.lit(False))  # type: ignore[no-any-return]


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
