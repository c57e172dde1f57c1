"""Who is in which arm of an experiment: drawn by a stable hash, written once, and the scenario that follows from it.

In: customers with the scenario that is theirs otherwise. Out: the arm of each, its chance, and the arm's scenario.
Never: a draw that depends on the machine, the day or who else is there; a key account left alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy

from amiable.core import tables
from amiable.core.conditions import parse
from amiable.core.words import in_house
from amiable.law.rails import HOLDOUT
from amiable.ledger import hold
from amiable.ledger.models import Hold, HoldKind
from amiable.portfolio.facts import schema
from amiable.scenario.engine.journey import Journey
from amiable.scenario.models import Arm, Experiment

REASON = gettext_lazy("In the hold-out of the experiment “%(name)s”: left alone to measure against.")
# What every row tells of its arm; `drawn`: today, and not yet written.
NO_ARM: dict[str, Any] = {
    "arm": pl.lit(Arm.CHAMPION.value), "propensity": pl.lit(1.0), "experiment": pl.lit(None, dtype=pl.Int64),
    "assigned_on": pl.lit(None, dtype=pl.Date), "unit": pl.lit(None, dtype=pl.Int64), "spared": pl.lit(False),
    "drawn": pl.lit(False),
}  # fmt: skip
_UNITS = """
SELECT u.id, coalesce(u.parent_id, u.id), EXISTS (SELECT FROM casework_case k WHERE k.customer_id = u.id AND k.closed_on IS NULL)
FROM ledger_customer u WHERE u.id = ANY(%(customers)s)
"""
_UNIT: dict[str, type[pl.DataType]] = {"customer_id": pl.Int64, "unit": pl.Int64, "treated": pl.Boolean}
_DRAWN = """
SELECT customer_id, unit, arm, propensity, spared, assigned_on::text FROM scenario_assignment
WHERE experiment_id = %(experiment)s AND assigned_on <= %(as_of)s
  AND (customer_id = ANY(%(customers)s) OR unit = ANY(%(units)s))
"""
_ASSIGNED: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "unit": pl.Int64, "arm": pl.String, "propensity": pl.Float64, "spared": pl.Boolean,
    "assigned_on": pl.String,
}  # fmt: skip


_ASSIGN = """
INSERT INTO scenario_assignment (experiment_id, customer_id, arm, propensity, assigned_on, unit, spared)
SELECT %(experiment)s, customer_id, arm, propensity, %(as_of)s, unit, spared FROM drawn ON CONFLICT DO NOTHING
"""
_LEAVE_ALONE = """
INSERT INTO ledger_hold (creditor_id, customer_id, kind, source_ref, reason, since, until, created_at)
SELECT %(creditor)s, customer_id, %(kind)s, %(source)s, %(reason)s, %(as_of)s, %(until)s, %(now)s FROM drawn
WHERE arm = %(arm)s ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Trial:
    """A running experiment as it is asked about: its shares, and for whom it is."""

    experiment: Experiment
    champions: frozenset[int]  # the versions whose customers take part: all of the champion's key
    also: str  # the condition of the challenger, which must hold too


def chance(*, key: str, units: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """For each unit a number from 0 up to 1, always the same for one key: SplitMix64 at a place that the key names."""
    salt = np.uint64(int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big"))
    with np.errstate(over="ignore"):
        mixed = salt + units.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    found: npt.NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return found


def arms(*, chances: pl.Expr, spared: pl.Expr, challenger_share: float, holdout_share: float) -> pl.Expr:
    """The arm at each chance: the challenger from below, the hold-out from above, the champion between.

    So a share that changes moves only those between its old and its new border. Who is spared is never held out.
    """
    return (
        pl.when(chances < challenger_share)
        .then(pl.lit(Arm.CHALLENGER.value))
        .when((chances >= 1 - holdout_share) & ~spared)
        .then(pl.lit(Arm.HOLDOUT.value))
        .otherwise(pl.lit(Arm.CHAMPION.value))
    )


def propensities(*, arm: pl.Expr, spared: pl.Expr, challenger_share: float, holdout_share: float) -> pl.Expr:
    """The chance of having got that arm."""
    champion = pl.when(spared).then(1 - challenger_share).otherwise(1 - challenger_share - holdout_share)
    return (
        pl.when(arm == Arm.CHALLENGER)
        .then(pl.lit(challenger_share))
        .when(arm == Arm.HOLDOUT)
        .then(pl.lit(holdout_share))
        .otherwise(champion)
    )


def spared() -> pl.Expr:
    """Who is never held out, by the facts."""
    return pl.col("key_account").fill_null(False) | (pl.col("kind") == "public") | pl.col("vulnerable").fill_null(False)


def running(*, creditor_id: int, as_of: date) -> list[Experiment]:
    """The experiments that act on a day."""
    rows = Experiment.objects.filter(creditor_id=creditor_id, since__lte=as_of)
    rows = rows.filter(Q(until=None) | Q(until__gte=as_of)).filter(Q(stopped_on=None) | Q(stopped_on__gt=as_of))
    return list(rows.select_related("champion", "challenger").order_by("pk"))


def with_arms(rows: pl.DataFrame, trials: Iterable[Trial], *, as_of: date) -> pl.DataFrame:
    """The rows with their arm (NO_ARM), the arm's scenario where no open case pins one, and the hold of the hold-out.

    `scenario` is the first in force that applies. Who takes part for the first time, with no case open, is drawn.
    """
    found = rows.with_columns(**NO_ARM)
    for trial in trials:
        part = found.filter(_takes_part(trial))
        if part.height:
            others = found.join(part.select("row"), on="row", how="anti")
            found = pl.concat([others, _placed(part, trial, as_of)]).sort("row")
    held = (pl.col("arm") == Arm.HOLDOUT) & pl.col("drawn")
    # A key account of today was perhaps none when it was drawn: it is not left alone any more.
    freed = (pl.col("customer_hold") == HOLDOUT) & spared()
    return found.with_columns(
        pl.when(freed)
        .then(pl.lit(None, dtype=pl.String))
        .when(held & pl.col("customer_hold").is_null())
        .then(pl.lit(HOLDOUT))
        .otherwise("customer_hold")
        .alias("customer_hold"),
        freed.fill_null(False).alias("freed"),
    )


def _takes_part(trial: Trial) -> pl.Expr:
    return pl.col("scenario").is_in(list(trial.champions)) & parse(trial.also, {**schema(), "segment": pl.String})


def _placed(part: pl.DataFrame, trial: Trial, as_of: date) -> pl.DataFrame:
    """The customers of one experiment with their arms, written before or drawn now."""
    experiment, columns = trial.experiment, part.columns
    told = tables.read(_UNITS, {"customers": part["customer_id"].to_list()}, schema=_UNIT)
    asked: dict[str, Any] = {"customers": part["customer_id"].to_list(), "units": told["unit"].to_list()}
    asked |= {"experiment": experiment.pk, "as_of": as_of}
    written = tables.read(_DRAWN, asked, schema=_ASSIGNED).with_columns(
        pl.col("assigned_on").str.to_date(), experiment=pl.lit(experiment.pk, dtype=pl.Int64), drawn=pl.lit(False)
    )
    part = part.drop(list(NO_ARM))
    known = part.join(written, on="customer_id", how="inner")
    fresh = part.join(written, on="customer_id", how="anti")
    drawn = _draw(fresh.join(told, on="customer_id"), written, experiment, as_of)
    outside = fresh.join(drawn.select("row"), on="row", how="anti").with_columns(**NO_ARM)
    placed = pl.concat([each.select(columns) for each in (known, drawn, outside)])
    arm = pl.col("arm")
    scenario = pl.when(pl.col("experiment").is_null()).then("scenario").otherwise(experiment.champion_id)
    if experiment.challenger_id:
        scenario = pl.when(arm == Arm.CHALLENGER).then(experiment.challenger_id).otherwise(scenario)
    return placed.with_columns(scenario.cast(pl.Int64).alias("scenario"))


def _draw(fresh: pl.DataFrame, written: pl.DataFrame, experiment: Experiment, as_of: date) -> pl.DataFrame:
    """Those with no case open get their arm: that of their group where it has one, else by the hash."""
    free = fresh.filter(~pl.col("treated")).join(_groups(written), on="unit", how="left")
    free = free.with_columns(
        spared=spared() | pl.coalesce("group_spared", spared().any().over("unit")),
        chance=pl.Series(chance(key=experiment.key, units=free["unit"].to_numpy()), dtype=pl.Float64),
    )
    shares = {"challenger_share": experiment.challenger_share, "holdout_share": experiment.holdout_share}
    # Its group may be left alone; who is spared is not.
    together = pl.col("group_arm").is_not_null() & ~(pl.col("spared") & (pl.col("group_arm") == Arm.HOLDOUT))
    by_hash = arms(chances=pl.col("chance"), spared=pl.col("spared"), **shares)
    free = free.with_columns(arm=pl.when(together).then("group_arm").otherwise(by_hash))
    # With its group it was drawn when the group was; only who is spared alone had other chances.
    as_then = together & ((pl.col("spared") == pl.col("group_spared")) | (pl.col("arm") == Arm.CHALLENGER))
    today = propensities(arm=pl.col("arm"), spared=pl.col("spared"), **shares)
    return free.with_columns(
        propensity=pl.when(as_then).then("group_propensity").otherwise(today),
        experiment=pl.lit(experiment.pk, dtype=pl.Int64),
        assigned_on=pl.lit(as_of),
        drawn=pl.lit(True),
    ).drop("treated", "chance", "group_arm", "group_spared", "group_propensity")


def _groups(written: pl.DataFrame) -> pl.DataFrame:
    """The arm of each unit: that of the first of it who was drawn."""
    first = written.sort("assigned_on", "customer_id").group_by("unit", maintain_order=True)
    return first.agg(pl.col("arm", "spared", "propensity").first().name.prefix("group_"))


def keep(rows: pl.DataFrame, *, as_of: date, now: datetime) -> int:
    """Writes what was drawn, once for each customer, and the holds of those left alone; returns how many were drawn."""
    drawn = rows.filter(pl.col("drawn")).unique("customer_id", maintain_order=True)
    experiments = Experiment.objects.in_bulk(drawn["experiment"].unique().to_list())
    for experiment in experiments.values():
        _write(drawn.filter(pl.col("experiment") == experiment.pk), experiment, as_of, now)
    freed = rows.filter(pl.col("freed"))["customer_id"].unique().to_list()
    if freed:
        hold.end(Hold.objects.filter(customer_id__in=freed, kind=HoldKind.HOLDOUT), on=as_of)
    return drawn.height


def _write(drawn: pl.DataFrame, experiment: Experiment, as_of: date, now: datetime) -> None:
    if experiment.until is None and (drawn["arm"] == Arm.HOLDOUT).any():
        raise ValueError(f"The experiment {experiment.pk} holds out without an end.")
    values: dict[str, Any] = {
        "experiment": experiment.pk, "as_of": as_of, "creditor": experiment.creditor_id, "kind": HoldKind.HOLDOUT.value,
        "source": source(experiment), "until": experiment.until and experiment.until + timedelta(days=1), "now": now,
        "reason": in_house(REASON, name=experiment)[:200], "arm": Arm.HOLDOUT.value,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE drawn (customer_id bigint, arm text, propensity float8, unit bigint, spared boolean)"
            " ON COMMIT DROP"
        )
        tables.write(drawn, "drawn", ["customer_id", "arm", "propensity", "unit", "spared"])
        cursor.execute(_ASSIGN, values)
        cursor.execute(_LEAVE_ALONE, values)
        cursor.execute("DROP TABLE drawn")


def source(experiment: Experiment) -> str:
    """How its holds name an experiment."""
    return f"experiment:{experiment.pk}"


def trials(experiments: Iterable[Experiment], current: Iterable[Any], journeys: dict[int, Journey]) -> list[Trial]:
    """The experiments with the versions in force whose customers take part."""
    in_force = {scenario.pk: scenario.key for scenario in current}
    return [
        Trial(
            each,
            frozenset(pk for pk, key in in_force.items() if key == each.champion.key),
            journeys[each.challenger_id].applies if each.challenger_id else "",
        )
        for each in experiments
    ]
