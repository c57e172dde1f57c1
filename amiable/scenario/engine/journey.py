"""A scenario as data: ordered steps with moment, condition, channel, template, tone and mode; checked when read."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from amiable.core.conditions import UnableToRead, parse

CHANNELS = ("email", "call")  # those that something carries: a message that nobody carries would wait for ever
MODES = ("automatic", "confirm")
TONES = ("warm", "neutral", "firm")
MOST_STEPS = 60
FARTHEST = 3_650
BOUNDS = ((1, 31_999), (-FARTHEST, FARTHEST), (0, FARTHEST), (0, 1e12))  # of level, days, gap and minimum


class UnableToUse(UnableToRead):
    """The scenario cannot be used; the message says why in one sentence."""


@dataclass(frozen=True)
class Step:
    """One rung. An invoice climbs to `level` when the step is done; levels grow along the journey.

    `days`: days past due at which the step is due (negative: before). `until`: last such day, after which the step
    lapses. `gap`: days since the invoice's previous step. `minimum`: least amount, in major units, credits counted.
    """

    key: str
    level: int
    days: int
    channel: str
    template: str
    tone: str
    mode: str = "automatic"
    until: int | None = None
    gap: int = 0
    minimum: float = 0.0
    condition: str = ""


@dataclass(frozen=True)
class Journey:
    """A scenario version: who it is for, and its steps in order of level."""

    key: str
    applies: str
    steps: tuple[Step, ...]
    label: Mapping[str, str]


def read(data: Mapping[str, Any], *, facts: Mapping[str, Any]) -> Journey:
    """The journey of a scenario's data. Raises UnableToUse with one sentence when something is wrong."""
    raws = data.get("steps") or []
    if not isinstance(raws, list) or not all(isinstance(raw, Mapping) for raw in raws):
        raise UnableToUse("The steps of a scenario are a list of settings.")
    steps = tuple(_step(raw) for raw in raws)
    if not data.get("key"):
        raise UnableToUse("A scenario needs a key.")
    if not steps:
        raise UnableToUse(f"The scenario “{data['key']}” has no steps.")
    if len(steps) > MOST_STEPS:
        raise UnableToUse(f"A scenario may have {MOST_STEPS} steps at most; this one has {len(steps)}.")
    for earlier, later in pairwise(steps):
        if later.level <= earlier.level:
            raise UnableToUse(f"The level of “{later.key}” must be above that of “{earlier.key}”.")
        if later.days < earlier.days:
            raise UnableToUse(f"The step “{later.key}” cannot be due before “{earlier.key}”.")
    if len({step.key for step in steps}) < len(steps):
        raise UnableToUse("Two steps have the same key.")
    for text in (data.get("applies", ""), *(step.condition for step in steps)):
        parse(text, facts)
    return Journey(key=data["key"], applies=data.get("applies", ""), steps=steps, label=data.get("label", {}))


def _step(raw: Mapping[str, Any]) -> Step:
    name = raw.get("key", "?")
    known = {"key", "level", "days", "until", "gap", "channel", "template", "tone", "mode", "minimum", "if"}
    strange = sorted(set(raw) - known)
    if strange:
        raise UnableToUse(f"The step “{name}” has an unknown setting: “{strange[0]}”.")
    try:
        step = Step(
            key=str(raw["key"]), level=int(raw["level"]), days=int(raw["days"]), channel=str(raw["channel"]),
            template=str(raw.get("template", raw["key"])), tone=str(raw.get("tone", "neutral")),
            mode=str(raw.get("mode", "automatic")), until=None if raw.get("until") is None else int(raw["until"]),
            gap=int(raw.get("gap", 0)), minimum=float(raw.get("minimum", 0)), condition=str(raw.get("if", "")),
        )  # fmt: skip
    except KeyError as error:
        raise UnableToUse(f"The step “{name}” lacks its {error.args[0]}.") from error
    except (TypeError, ValueError) as error:
        raise UnableToUse(f"The step “{name}” has a setting that is not a number: {error}.") from error
    _within(step)
    return step


def _within(step: Step) -> None:
    if step.channel not in CHANNELS:
        raise UnableToUse(f"The step “{step.key}” names an unknown channel: “{step.channel}”.")
    if step.tone not in TONES or step.mode not in MODES:
        raise UnableToUse(f"The step “{step.key}” names an unknown tone or mode.")
    numbers = (step.level, step.days, step.gap, step.minimum)
    if not all(low <= number <= high for number, (low, high) in zip(numbers, BOUNDS, strict=True)):
        raise UnableToUse(f"The step “{step.key}” has a number out of bounds.")
    if step.channel == "call" and step.mode == "confirm":
        raise UnableToUse(f"The call “{step.key}” needs no confirmation: a person makes it anyway.")
    if step.until is not None and step.until < step.days:
        raise UnableToUse(f"The step “{step.key}” would lapse before it is due.")


def table(journeys: Mapping[int, Journey]) -> pl.DataFrame:
    """The steps of several scenario versions as one table: scenario (its id), position and the step's settings."""
    rows = [
        {
            "scenario": number, "position": position, "step": step.key, "level": step.level, "days": step.days,
            "until": step.until if step.until is not None else FARTHEST * 10, "gap": step.gap, "channel": step.channel,
            "template": step.template, "tone": step.tone, "mode": step.mode, "minimum": step.minimum,
        }
        for number, journey in journeys.items()
        for position, step in enumerate(journey.steps)
    ]  # fmt: skip
    return pl.DataFrame(
        rows,
        schema={
            "scenario": pl.Int64, "position": pl.Int32, "step": pl.String, "level": pl.Int64, "days": pl.Int64,
            "until": pl.Int64, "gap": pl.Int64, "channel": pl.String, "template": pl.String, "tone": pl.String,
            "mode": pl.String, "minimum": pl.Float64,
        },
    )  # fmt: skip
