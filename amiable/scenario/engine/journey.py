"""A scenario as data: ordered steps with moment, condition, channel, template, tone and mode; checked when read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from amiable.core.conditions import N_, UnableToRead, parse

CHANNELS = ("email", "call")  # those that something carries: a message that nobody carries would wait for ever
MODES = ("automatic", "confirm")
TONES = ("warm", "neutral", "firm")
MOST_STEPS = 60
FARTHEST = 3_650
# Of level, days, gap, minimum and until.
BOUNDS = ((1, 31_999), (-FARTHEST, FARTHEST), (0, FARTHEST), (0, 1e12), (-FARTHEST, FARTHEST))
SETTINGS = {"key", "level", "days", "until", "gap", "channel", "template", "tone", "mode", "minimum", "if"}
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


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
    if not isinstance(data, Mapping):
        raise UnableToUse(N_("A scenario is a list of settings: key, label, applies and steps."))
    if strange := sorted(str(name) for name in set(data) - {"key", "label", "applies", "steps"}):
        raise UnableToUse(N_("The scenario has an unknown setting: “%(setting)s”."), setting=strange[0])
    key = _key(data.get("key"))
    raws = data.get("steps") or []
    if not isinstance(raws, list) or not all(isinstance(raw, Mapping) for raw in raws):
        raise UnableToUse(N_("The steps of a scenario are a list of settings."))
    if not raws:
        raise UnableToUse(N_("The scenario “%(key)s” has no steps."), key=key)
    if len(raws) > MOST_STEPS:
        sentence = N_("A scenario may have %(most)s steps at most; this one has %(number)s.")
        raise UnableToUse(sentence, most=MOST_STEPS, number=len(raws))
    steps = tuple(_step(raw) for raw in raws)
    _in_order(steps)
    applies = _text(data.get("applies"), "applies", key)
    for text in (applies, *(step.condition for step in steps)):
        parse(text, facts)
    return Journey(key=key, applies=applies, steps=steps, label=_label(data.get("label"), key))


def _key(value: object) -> str:
    if value is None or value == "":
        raise UnableToUse(N_("A scenario needs a key."))
    if not isinstance(value, str) or not KEY.fullmatch(value):
        raise UnableToUse(
            N_("“%(key)s” cannot be a key: write up to 40 small letters, digits and underscores, a letter first."),
            key=str(value)[:60],
        )
    return value


def _text(value: object, setting: str, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        sentence = N_("The setting “%(setting)s” of “%(name)s” must be a text.")
        raise UnableToUse(sentence, setting=setting, name=name)
    return value


def _label(value: object, key: str) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(v, str) and len(v) <= 80 for v in value.values()):
        raise UnableToUse(N_("The label of “%(key)s” names it once per language, in 80 characters at most."), key=key)
    return {str(language): text for language, text in value.items()}


def _in_order(steps: tuple[Step, ...]) -> None:
    """A journey goes one way: levels grow, days never go back, and no step comes twice."""
    for earlier, later in pairwise(steps):
        if later.level <= earlier.level:
            sentence = N_(
                "The steps may not run in a circle: the level of “%(later)s” must be above that of “%(earlier)s”."
            )
            raise UnableToUse(sentence, later=later.key, earlier=earlier.key)
        if later.days < earlier.days:
            sentence = N_("The step “%(later)s” cannot be due before “%(earlier)s”, which it follows.")
            raise UnableToUse(sentence, later=later.key, earlier=earlier.key)
    if len({step.key for step in steps}) < len(steps):
        raise UnableToUse(N_("Two steps have the same key."))


def _step(raw: Mapping[str, Any]) -> Step:
    name = str(raw.get("key") or "?")[:60]
    if strange := sorted(str(setting) for setting in set(raw) - SETTINGS):
        raise UnableToUse(
            N_("The step “%(step)s” has an unknown setting: “%(setting)s”."), step=name, setting=strange[0]
        )
    for setting in ("key", "level", "days", "channel"):
        if setting not in raw:
            raise UnableToUse(N_("The step “%(step)s” lacks its %(setting)s."), step=name, setting=setting)
    key = _key(raw["key"])
    step = Step(
        key=key, level=_whole(raw, "level"), days=_whole(raw, "days"), channel=_text(raw["channel"], "channel", key),
        template=_text(raw.get("template", key), "template", key), tone=_text(raw.get("tone", "neutral"), "tone", key),
        mode=_text(raw.get("mode", "automatic"), "mode", key),
        until=None if raw.get("until") is None else _whole(raw, "until"), gap=_whole(raw, "gap", 0),
        minimum=_number(raw, "minimum", 0), condition=_text(raw.get("if"), "if", key),
    )  # fmt: skip
    _within(step)
    return step


def _number(raw: Mapping[str, Any], setting: str, default: int | None = None) -> float:
    value = raw.get(setting, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        sentence = N_("The step “%(step)s” has a setting that is not a number: %(setting)s “%(value)s”.")
        raise UnableToUse(sentence, step=raw["key"], setting=setting, value=str(value)[:40])
    return value


def _whole(raw: Mapping[str, Any], setting: str, default: int | None = None) -> int:
    value = _number(raw, setting, default)
    if not isinstance(value, int):
        sentence = N_("The step “%(step)s” has a setting that is not a whole number: %(setting)s “%(value)s”.")
        raise UnableToUse(sentence, step=raw["key"], setting=setting, value=value)
    return value


def _within(step: Step) -> None:
    if step.channel not in CHANNELS:
        sentence = N_("The step “%(step)s” names an unknown channel: “%(channel)s”.")
        raise UnableToUse(sentence, step=step.key, channel=step.channel[:40])
    if step.tone not in TONES or step.mode not in MODES:
        raise UnableToUse(N_("The step “%(step)s” names an unknown tone or mode."), step=step.key)
    if not KEY.fullmatch(step.template):
        raise UnableToUse(N_("The step “%(step)s” names a text that cannot exist."), step=step.key)
    until = step.days if step.until is None else step.until
    numbers = (step.level, step.days, step.gap, step.minimum, until)
    if not all(low <= number <= high for number, (low, high) in zip(numbers, BOUNDS, strict=True)):
        raise UnableToUse(N_("The step “%(step)s” has a number out of bounds."), step=step.key)
    if step.channel == "call" and step.mode == "confirm":
        sentence = N_("The call “%(step)s” needs no confirmation: a person makes it anyway.")
        raise UnableToUse(sentence, step=step.key)
    if step.until is not None and step.until < step.days:
        raise UnableToUse(N_("The step “%(step)s” would lapse before it is due."), step=step.key)


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
