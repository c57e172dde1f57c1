"""What the arms of an experiment brought: recovered shares after 14 and 30 days, and whether the difference is chance.

In: an experiment and a day. Out: figures per arm, and differences with their 95 % interval. Nothing is written.
Every customer counts in the arm into which it was drawn, whatever happened then, weighted by one over its chance.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from django.db.models import Count, F

from amiable.casework.models import Case
from amiable.core import tables
from amiable.scenario.models import Arm, Assignment, Experiment

HORIZONS = (14, 30)  # days from the draw
SURE = 1.959964  # two-sided 95 % of the normal law
POWER = 0.841621  # and 80 %, to say how many more are needed
LEAST_POINTS = 0.01  # a difference smaller than that is not looked for
FEWEST = 30  # units that owe something in an arm, below which nothing is said

# Of each customer drawn long enough ago: what was open then and due by the end of the window, and what of it came in
# as money in these days. Credit notes and write-offs are not recovered; later invoices are none of it.
_OUTCOMES = """
WITH drawn AS (
  SELECT a.customer_id, a.unit, a.arm, a.propensity, a.spared, a.assigned_on, a.assigned_on + %(days)s AS ends_on
  FROM scenario_assignment a JOIN ledger_customer u ON u.id = a.customer_id AND u.merged_into_id IS NULL
  WHERE a.experiment_id = %(experiment)s AND a.assigned_on + %(days)s <= %(as_of)s
), owed AS (
  SELECT d.customer_id, i.id, greatest(sum(e.amount_minor) FILTER (WHERE e.effective_on < d.assigned_on), 0) AS minor,
    -sum(e.amount_minor) FILTER (WHERE e.effective_on >= d.assigned_on AND e.effective_on < d.ends_on
                                 AND e.kind IN ('allocation', 'reversal') AND c.kind = 'payment') AS got
  FROM drawn d
  JOIN ledger_invoice i ON i.customer_id = d.customer_id AND i.currency = %(currency)s AND i.issued_on < d.assigned_on
    AND i.due_on < d.ends_on AND (i.open_minor > 0 OR i.settled_on >= d.assigned_on)
  JOIN ledger_entry e ON e.invoice_id = i.id LEFT JOIN ledger_credit c ON c.id = e.credit_id
  GROUP BY 1, 2
)
SELECT d.customer_id, d.unit, d.arm, d.propensity, d.spared, coalesce(sum(o.minor), 0)::bigint AS denominator,
       coalesce(sum(least(greatest(o.got, 0), o.minor)), 0)::bigint AS numerator
FROM drawn d LEFT JOIN owed o ON o.customer_id = d.customer_id GROUP BY 1, 2, 3, 4, 5
"""
_OUTCOME: dict[str, type[pl.DataType]] = {
    "customer": pl.Int64, "unit": pl.Int64, "arm": pl.String, "propensity": pl.Float64, "spared": pl.Boolean,
    "denominator": pl.Int64, "numerator": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Recovered:
    """Of one arm: who was drawn long enough ago, what they owed, and the share of it that came in (None: nothing owed)."""

    arm: str
    customers: int
    owed_minor: int
    got_minor: int
    share: float | None


@dataclass(frozen=True)
class Difference:
    """An arm less the champion, as a part of the money owed, with its 95 % interval; and how many more are needed.

    `verdict`: more, less, open (chance alone could do it) or few (too few to say anything).
    """

    arm: str
    points: float | None
    low: float | None
    high: float | None
    verdict: str
    needed: int


@dataclass(frozen=True)
class Horizon:
    days: int
    arms: tuple[Recovered, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Weighed:
    """How many are in each arm, their cases since, and what each horizon tells."""

    currency: str
    customers: dict[str, int]
    cases: dict[str, int]
    horizons: tuple[Horizon, ...]


def weigh(*, experiment: Experiment, as_of: date) -> Weighed:
    """The figures of an experiment by the evening before `as_of`, in the creditor's own currency."""
    drawn = Assignment.objects.filter(experiment=experiment, customer__merged_into=None)
    counts = Counter(dict(drawn.order_by().values_list("arm").annotate(n=Count("pk"))))
    cases = Case.objects.filter(
        customer__assignment__experiment=experiment, opened_on__gte=F("customer__assignment__assigned_on")
    )
    opened = Counter(dict(cases.order_by().values_list("customer__assignment__arm").annotate(n=Count("pk"))))
    found = [compared(outcomes(experiment=experiment, as_of=as_of, days=days), days=days) for days in HORIZONS]
    return Weighed(
        currency=experiment.creditor.currency,
        customers={arm: counts[arm] for arm in Arm.values},
        cases={arm: opened[arm] for arm in Arm.values},
        horizons=tuple(found),
    )


def outcomes(*, experiment: Experiment, as_of: date, days: int) -> pl.DataFrame:
    """Per customer drawn long enough ago: what they owed (denominator), and what of it came in (numerator)."""
    values: dict[str, Any] = {"experiment": experiment.pk, "as_of": as_of, "days": days}
    return tables.read(_OUTCOMES, values | {"currency": experiment.creditor.currency}, schema=_OUTCOME)


def compared(rows: pl.DataFrame, *, days: int) -> Horizon:
    """The arms beside the champion, in money recovered."""
    arms = tuple(_recovered(arm, rows.filter(pl.col("arm") == arm)) for arm in Arm.values)
    return Horizon(days, arms, differences(rows))


def differences(rows: pl.DataFrame, *, least: float = LEAST_POINTS) -> tuple[Difference, ...]:
    """Each rival less the champion. Who could not be held out is left out where the hold-out is compared.

    `rows`: per customer its arm, unit, propensity and `spared`, and any numerator and denominator.
    """
    champion, found = rows.filter(pl.col("arm") == Arm.CHAMPION), []
    for arm in (Arm.CHALLENGER, Arm.HOLDOUT):
        own = rows.filter(pl.col("arm") == arm)
        beside = champion.filter(~pl.col("spared")) if arm == Arm.HOLDOUT else champion
        if own.height:
            found.append(difference(own, beside, arm=arm, least=least))
    return tuple(found)


def _recovered(arm: str, rows: pl.DataFrame) -> Recovered:
    share, _spread = ratio(rows)
    return Recovered(arm, rows.height, int(rows["denominator"].sum()), int(rows["numerator"].sum()), share)


def difference(rows: pl.DataFrame, champion: pl.DataFrame, *, arm: str, least: float = LEAST_POINTS) -> Difference:
    """An arm's ratio less the champion's, with its interval; `least`: a difference smaller than that is not looked for."""
    (one, spread), (other, spread_other) = ratio(rows), ratio(champion)
    units = min(_owing(rows), _owing(champion))
    if one is None or other is None or units < FEWEST:
        return Difference(arm, None, None, None, "few", FEWEST - units)
    points = one - other
    margin = SURE * float(np.sqrt(spread / _units(rows) + spread_other / _units(champion)))
    if points - margin > 0 or points + margin < 0:
        verdict, needed = ("more" if points > 0 else "less"), 0
    else:
        wanted = (SURE + POWER) ** 2 * (spread + spread_other) / max(abs(points), least) ** 2
        verdict, needed = "open", max(ceil(wanted) - min(_units(rows), _units(champion)), 1)
    return Difference(arm, points, points - margin, points + margin, verdict, needed)


def ratio(rows: pl.DataFrame) -> tuple[float | None, float]:
    """An arm's numerator by its denominator, weighted by one over the chance of being there, and its variance per unit.

    Linearised: a ratio of two sums varies as the sum of what each unit has above the ratio. A group is one unit, since it
    was drawn as one.
    """
    weight: npt.NDArray[np.float64] = 1 / rows["propensity"].to_numpy()
    whole, part = weight * rows["denominator"].to_numpy(), weight * rows["numerator"].to_numpy()
    if not whole.sum():
        return None, 0.0
    share = float(part.sum() / whole.sum())
    _names, places = np.unique(rows["unit"].to_numpy(), return_inverse=True)
    above = np.bincount(places, weights=part - share * whole)
    count = above.size
    variance = count / max(count - 1, 1) * float((above**2).sum()) / float(whole.sum()) ** 2
    return share, variance * count


def _units(rows: pl.DataFrame) -> int:
    return rows["unit"].n_unique()


def _owing(rows: pl.DataFrame) -> int:
    """Units of which there is something to tell."""
    return rows.filter(pl.col("denominator") > 0)["unit"].n_unique()
