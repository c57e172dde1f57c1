"""What treatment really brought: a KPI's arms of an experiment beside each other, with interval, verdict and a sentence.

The mechanism is the one of scenario/weigh.py: customers count in the arm of their draw, weighted by one over its chance.
Here it serves any KPI whose rows add up by customer. Nothing is written.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from babel.numbers import format_decimal
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.core.money import shown
from amiable.insight.gather import Gathered
from amiable.insight.kpi import SUMS, Kpi, Unit, declared
from amiable.scenario import weigh
from amiable.scenario.models import Arm, Assignment, Experiment

DAYS = 14  # from the draw
RECOVERY = "recovery_rate"
LEAST_PART = 0.05  # of the champion's value: the least difference that is looked for, where the value is not a share


class UnableToCompare(UnableTo):
    """The figure cannot be compared between arms."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """`arms`: value by arm; `differences`: each rival's less the champion's, in the KPI's own unit; `sentences` say them."""

    kpi: Kpi
    days: int
    customers: dict[str, int]
    arms: dict[str, float | None]
    differences: tuple[weigh.Difference, ...]
    sentences: tuple[str, ...]


def compare(*, experiment: Experiment, key: str, as_of: date, days: int = DAYS) -> Compared:
    """The arms of an experiment by one KPI, over so many days from each customer's draw, in the creditor's own currency.

    What stands on a day is compared as of `as_of`. Raises UnableToCompare with a sentence.
    """
    each = declared().get(key)
    if each is None or each.of is None or not each.of.of_customer:
        raise UnableToCompare(f"{each.label if each else key} does not add up by customer: it cannot be compared.")
    drawn = _drawn(experiment, as_of=as_of, days=days)
    if key == RECOVERY:  # a case opens for those who are treated: only what everybody owed at the draw can be compared
        outcomes = weigh.outcomes(experiment=experiment, as_of=as_of, days=days)
    else:
        outcomes = _outcomes(each, experiment, drawn, as_of=as_of, days=days)
    by_arm = {arm: outcomes.filter(pl.col("arm") == arm) for arm in Arm.values}
    champion = weigh.ratio(by_arm[Arm.CHAMPION])[0]
    least = weigh.LEAST_POINTS if each.unit is Unit.PERCENT else LEAST_PART * abs(champion or 0.0) or weigh.LEAST_POINTS
    differences = weigh.differences(outcomes, least=least)
    currency = experiment.creditor.currency
    return Compared(
        kpi=each,
        days=days,
        customers={arm: rows.height for arm, rows in by_arm.items()},
        arms={arm: _scaled(each, weigh.ratio(rows)[0]) for arm, rows in by_arm.items()},
        differences=differences,
        sentences=tuple(sentence(each, one, days=days, currency=currency) for one in differences),
    )


def _drawn(experiment: Experiment, *, as_of: date, days: int) -> pl.DataFrame:
    """Who was drawn long enough ago."""
    names = ("customer", "arm", "unit", "propensity", "spared", "assigned_on")
    rows = Assignment.objects.filter(
        experiment=experiment, customer__merged_into=None, assigned_on__lte=as_of - timedelta(days=days)
    ).values_list("customer_id", *names[1:])
    kinds: list[Any] = [pl.Int64, pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.Date]
    return pl.DataFrame(list(rows), schema=dict(zip(names, kinds, strict=True)), orient="row")


def _outcomes(each: Kpi, experiment: Experiment, drawn: pl.DataFrame, *, as_of: date, days: int) -> pl.DataFrame:
    """Numerator and denominator of each customer drawn: what counts within the days of their draw. A sum is one per customer."""
    assert each.numerator is not None
    assert each.of is not None
    gathered = Gathered(
        as_of=as_of, creditor=experiment.creditor, since=experiment.since, among=drawn["customer"].to_list()
    )
    rows, currency = gathered.rows(each.of), experiment.creditor.currency
    n = pl.when(each.numerator.is_not_null()).then(each.numerator.cast(pl.Int64))
    d = pl.lit(None, pl.Int64) if each.denominator is None else each.denominator
    own = rows.filter(pl.col("currency") == currency) if each.in_currency else rows
    own = own.select("customer", "day", n=n, d=pl.when(each.numerator.is_not_null()).then(d))
    mine = own.join(drawn.select("customer", "assigned_on"), on="customer")
    if not each.of.stock:
        since = (pl.col("day") - pl.col("assigned_on")).dt.total_days()
        mine = mine.filter(since.is_between(0, days - 1))
    sums = mine.group_by("customer").agg(numerator=pl.col("n").sum(), denominator=pl.col("d").sum())
    found = drawn.join(sums, on="customer", how="left").with_columns(pl.col("numerator", "denominator").fill_null(0))
    return found.with_columns(denominator=pl.lit(1, pl.Int64)) if each.unit in SUMS else found


def _scaled(each: Kpi, ratio: float | None) -> float | None:
    return None if ratio is None else ratio * each.scale


def sentence(each: Kpi, one: weigh.Difference, *, days: int, currency: str) -> str:
    """What a difference says to whoever has to decide, in the reader's language."""
    words: dict[str, Any] = {"kpi": str(each.label), "days": days, "n": one.needed, "arm": _name(one.arm)}
    if one.points is None or one.low is None or one.high is None:
        return _("%(kpi)s: too few customers yet; at least %(n)s more are needed in the smaller arm.") % words
    edges = (one.low, one.high) if one.verdict == "open" else sorted((abs(one.low), abs(one.high)))
    difference = _shown(each, abs(one.points), currency)
    points = _("%(number)s points") % {"number": difference} if each.unit in {Unit.PERCENT, Unit.SCORE} else difference
    low, high = (_shown(each, edge, currency) for edge in edges)
    words |= {"difference": points, "low": low, "high": high}
    if one.verdict == "open":
        said = _(
            "%(kpi)s: not enough yet. In %(days)s days, the difference of %(arm)s lies between %(low)s and %(high)s; about "
            "%(n)s more customers per arm are needed."
        )
    elif one.points > 0:
        said = _(
            "%(kpi)s: %(arm)s brings %(difference)s more in %(days)s days, between %(low)s and %(high)s; enough to decide."
        )
    else:
        said = _(
            "%(kpi)s: %(arm)s brings %(difference)s less in %(days)s days, between %(low)s and %(high)s; enough to decide."
        )
    return said % words


def _name(arm: str) -> str:
    return {Arm.CHALLENGER: _("the challenger"), Arm.HOLDOUT: _("leaving customers alone")}[Arm(arm)]


def _shown(each: Kpi, value: float, currency: str) -> str:
    """A difference in the KPI's own unit; of shares, in hundredths."""
    if each.unit in {Unit.MONEY, Unit.PRICE}:
        return shown(round(value), currency, get_language() or "en")
    number = value * (100.0 if each.unit is Unit.PERCENT else each.scale)
    return str(format_decimal(number, format="#,##0.0;\N{MINUS SIGN}#,##0.0", locale=to_locale(get_language() or "en")))
