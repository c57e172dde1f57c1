"""An experiment in words: its arms, what each recovered, the difference on a scale, and one plain sentence about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.numbers import format_decimal
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.scenario.models import Arm, Experiment
from amiable.scenario.weigh import Difference, Horizon, Weighed
from amiable.web.desk import scenario_words
from amiable.web.templatetags.amiable_ui import locale

WIDEST = 100.0  # of the drawing of an interval


@dataclass(frozen=True)
class Interval:
    """A difference on a scale whose middle is zero, as numbers of a drawing 100 wide."""

    low: str
    width: str
    middle: str


@dataclass(frozen=True)
class Told:
    """A difference, ready to be shown."""

    arm: str
    sentence: str
    tone: str
    interval: Interval | None


def shares(experiment: Experiment) -> list[dict[str, Any]]:
    """The arms with their shares, in the order of the hash, as positions of a bar 100 wide."""
    parts = [
        (Arm.CHALLENGER, experiment.challenger_share),
        (Arm.CHAMPION, 1 - experiment.challenger_share - experiment.holdout_share),
        (Arm.HOLDOUT, experiment.holdout_share),
    ]
    found, at = [], 0.0
    for arm, share in parts:
        if share > 0:
            place = {"x": f"{at:.3f}", "width": f"{100 * share:.3f}"}
            found.append({"key": arm.value, "label": arm.label, "share": share, "what": what(experiment, arm)} | place)
        at += 100 * share
    return found


def what(experiment: Experiment, arm: str) -> str:
    """What the customers of an arm get."""
    if arm == Arm.HOLDOUT:
        return _("left alone")
    scenario = experiment.challenger if arm == Arm.CHALLENGER else experiment.champion
    return version(scenario) if scenario else ""


def version(scenario: Any) -> str:
    """A version as a person names it."""
    words = {"name": scenario_words.name(scenario.data, scenario.key), "n": scenario.version}
    told = _("%(name)s, version %(n)s") % words
    return told if scenario.creditor_id else _("%(version)s, of the house") % {"version": told}


def horizons(found: Weighed) -> list[dict[str, Any]]:
    """Each horizon with its rows and its differences, on one scale."""
    edges = [
        abs(edge)
        for each in found.horizons
        for one in each.differences
        for edge in (one.low, one.high)
        if edge is not None
    ]
    scale = max([*edges, 0.01])
    return [
        {
            "days": each.days,
            "arms": [(Arm(row.arm).label, row) for row in each.arms if row.customers],
            "told": [_difference(one, each, scale) for one in each.differences],
        }
        for each in found.horizons
    ]


def arms(experiment: Experiment, found: Weighed) -> Sequence[dict[str, Any]]:
    """How many are in each arm, and how many cases they have had since."""
    return [
        {"label": Arm(key).label, "what": what(experiment, key), "customers": count, "cases": found.cases[key]}
        for key, count in found.customers.items()
        if count or any(each["key"] == key for each in shares(experiment))
    ]


def _difference(one: Difference, horizon: Horizon, scale: float) -> Told:
    return Told(
        str(Arm(one.arm).label),
        sentence(one, horizon.days),
        {"more": "good", "less": "warn"}.get(one.verdict, ""),
        _interval(one, scale),
    )


def sentence(one: Difference, days: int) -> str:
    """What a difference says to whoever has to decide."""
    if one.verdict == "few" or one.points is None or one.low is None or one.high is None:
        return ngettext(
            "Too few customers yet: at least %(n)s more who owes something is needed in the smaller arm.",
            "Too few customers yet: at least %(n)s more who owe something are needed in the smaller arm.",
            one.needed,
        ) % {"n": one.needed}
    # Of the hold-out it is told what those left alone paid less.
    low, high = sorted((abs(one.low), abs(one.high)))
    words = {"days": days, "points": _points(abs(one.points)), "low": _points(low), "high": _points(high)}
    if one.verdict == "open":
        words |= {"low": _points(one.low), "high": _points(one.high), "n": one.needed}
        return (
            _(
                "Not enough cases yet: after %(days)s days the difference lies between %(low)s and %(high)s points."
                " About %(n)s more customers per arm are needed."
            )
            % words
        )
    told = {
        (Arm.CHALLENGER, "more"): _(
            "The challenger recovers %(points)s points more in %(days)s days, between %(low)s and %(high)s:"
            " enough to decide."
        ),
        (Arm.CHALLENGER, "less"): _(
            "The challenger recovers %(points)s points less in %(days)s days, between %(low)s and %(high)s:"
            " enough to decide."
        ),
        (Arm.HOLDOUT, "less"): _(
            "Left alone, customers pay %(points)s points less in %(days)s days, between %(low)s and %(high)s:"
            " that is what the contacts bring."
        ),
        (Arm.HOLDOUT, "more"): _(
            "Left alone, customers pay %(points)s points more in %(days)s days, between %(low)s and %(high)s:"
            " the contacts do harm."
        ),
    }
    return told[Arm(one.arm), one.verdict] % words


def _points(part: float) -> str:
    return str(format_decimal(part * 100, format="#,##0.0;\N{MINUS SIGN}#,##0.0", locale=locale()))


def _interval(one: Difference, scale: float) -> Interval | None:
    if one.points is None or one.low is None or one.high is None:
        return None
    low, middle, high = (WIDEST * (0.5 + each / scale / 2.2) for each in (one.low, one.points, one.high))
    return Interval(f"{low:.2f}", f"{high - low:.2f}", f"{middle:.2f}")


def ends(experiment: Experiment, today: date) -> str:
    """Where the experiment stands, in a few words."""
    if experiment.stopped_on:
        return _("stopped")
    if experiment.until and experiment.until < today:
        return _("over: say who wins")
    return _("running")
