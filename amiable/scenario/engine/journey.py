"""A scenario as data: ordered steps, each with its moment, branch, condition, act, channel, words; checked when read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import polars as pl

from amiable.core.conditions import N_, UnableToRead, parse
from amiable.scenario.engine.channel import BEST, CHANNELS, SPOKEN, USUAL, places
from amiable.scenario.engine.moment import EVENTS, ORIGINS, SILENT

MODES = ("automatic", "confirm", "manual")
TONES = ("warm", "neutral", "firm")
# What a step does. All but the first happen inside the house: nobody is contacted.
MESSAGE = "message"
PLACE = "place"  # the invoices go to an outside agency
ACTIONS = (MESSAGE, "task", "hold", "escalate", PLACE, "end")
RESTING = ("hold", PLACE, "end")  # after these the invoices are held: for `hold_days`, or until somebody returns them
RESPONSIBLE = ("collector", "credit_manager", "sales", "branch_director", "accountant", "customer_service")
MOST_STEPS = 60
FARTHEST = 3_650
# The numbers of a step, each with the least and the most that it can be.
WHOLE = {
    "level": (1, 31_999), "days": (-FARTHEST, FARTHEST), "until": (-FARTHEST, FARTHEST), "gap": (0, FARTHEST),
    "on_day": (1, 31), "hold_days": (1, FARTHEST),
}  # fmt: skip
AMOUNTS = {"minimum": (0, 1e12), "tolerance": (0, 1e12)}
# What says how a message is sent, and what says how the house acts: each has no meaning for the other.
OF_MESSAGES = ("channel", "fallback", "template", "tone")
OF_ACTIONS = {
    "mode": (MESSAGE, PLACE), "title": ("task", "escalate", PLACE), "hold_days": ("hold", PLACE), "reason": ("hold", "end"),
    "agency": (PLACE,),
}  # fmt: skip
# Every setting, in the order in which people think of them.
SETTINGS = (
    "key", "level", "days", "from", "on_day", "until", "gap", "answer", "if", "action", "title", "agency", "hold_days",
    "reason", "channel", "fallback", "template", "tone", "mode", "responsible", "minimum", "tolerance", "ends",
)  # fmt: skip
# Those that may hold several words.
LISTS = ("answer", "fallback", "ends")
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


class UnableToUse(UnableToRead):
    """The scenario cannot be used; the message says why in one sentence."""


@dataclass(frozen=True)
class Step:
    """One rung. An invoice climbs to `level` when the step is done; levels grow along the journey.

    `days`: days from `start` (the due date, the issue, the invoice's previous step, or something that the customer did)
    at which the step is due; with `on_day`, from the next such day of the month on. `until`: last such day, after which
    the step lapses. `gap`: days since the invoice's previous step. `answer`: what the customer did since then; any of
    these. `minimum`: least amount, in major units, credits counted; `tolerance`: rest that is not chased.
    `ends`: what ends the journey for an invoice that has taken this step.
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
    start: str = "due"
    on_day: int | None = None
    answer: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    tolerance: float = 0.0
    responsible: str = ""
    ends: tuple[str, ...] = ()
    action: str = MESSAGE
    title: Mapping[str, str] = field(default_factory=dict)
    hold_days: int | None = None
    reason: str = ""
    agency: str = ""  # empty: the creditor's own choice

    @property
    def contacts(self) -> bool:
        """Whether the customer hears of it."""
        return self.action == MESSAGE

    @property
    def by_hand(self) -> bool:
        """Whether a person carries it out, and the house only asks them to."""
        return self.mode == "manual"

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel by which it may go out."""
        if not self.contacts:
            return ()
        first = USUAL if self.channel == BEST else (self.channel,)
        return tuple(dict.fromkeys((*first, *self.fallback)))

    @property
    def written(self) -> bool:
        """Whether it may be a message, which needs a text."""
        return any(channel not in SPOKEN for channel in self.channels)


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
    """A journey goes one way: levels grow, days from the same beginning never go back, and no step comes twice."""
    for earlier, later in pairwise(steps):
        if later.level <= earlier.level:
            sentence = N_(
                "The steps may not run in a circle: the level of “%(later)s” must be above that of “%(earlier)s”."
            )
            raise UnableToUse(sentence, later=later.key, earlier=earlier.key)
    for start in ("due", "issue"):
        for earlier, later in pairwise([step for step in steps if step.start == start]):
            if later.days < earlier.days:
                sentence = N_("The step “%(later)s” cannot be due before “%(earlier)s”, which it follows.")
                raise UnableToUse(sentence, later=later.key, earlier=earlier.key)
    if len({step.key for step in steps}) < len(steps):
        raise UnableToUse(N_("Two steps have the same key."))


def _step(raw: Mapping[str, Any]) -> Step:
    name = str(raw.get("key") or "?")[:60]
    if strange := sorted(str(setting) for setting in set(raw) - set(SETTINGS)):
        raise UnableToUse(
            N_("The step “%(step)s” has an unknown setting: “%(setting)s”."), step=name, setting=strange[0]
        )
    action = raw.get("action", MESSAGE)
    for setting in ("key", "level", "days", *(["channel"] if action == MESSAGE else [])):
        if setting not in raw:
            raise UnableToUse(N_("The step “%(step)s” lacks its %(setting)s."), step=name, setting=setting)
    key = _key(raw["key"])
    numbers = {setting: _number(raw, setting, whole=setting in WHOLE) for setting in (*WHOLE, *AMOUNTS)}
    words = {
        setting: _text(raw.get(setting, default), setting, key)
        for setting, default in (
            ("channel", ""), ("template", key), ("tone", "neutral"), ("mode", usual_mode(action)),
            ("responsible", ""), ("action", MESSAGE), ("reason", ""), ("agency", ""),
        )
    }  # fmt: skip
    step = Step(
        key=key, level=int(numbers["level"] or 0), days=int(numbers["days"] or 0),
        until=_whole(numbers["until"]), gap=int(numbers["gap"] or 0), on_day=_whole(numbers["on_day"]),
        hold_days=_whole(numbers["hold_days"]), minimum=numbers["minimum"] or 0, tolerance=numbers["tolerance"] or 0,
        condition=_text(raw.get("if"), "if", key), start=_text(raw.get("from", "due"), "from", key),
        answer=_several(raw, "answer", (*EVENTS, SILENT)), ends=_several(raw, "ends", EVENTS),
        fallback=_several(raw, "fallback", CHANNELS), title=_label(raw.get("title"), key), **words,
    )  # fmt: skip
    _known(step)
    _fitting(step, raw)
    return step


def usual_mode(action: object) -> str:
    """How a step is carried out where it does not say so: what hurts waits for a word."""
    return "confirm" if action == PLACE else "automatic"


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _number(raw: Mapping[str, Any], setting: str, *, whole: bool) -> float | None:
    """A number within its bounds; None where nothing is said."""
    if setting not in raw or (raw[setting] is None and setting in {"until", "on_day", "hold_days"}):
        return None
    value = raw[setting]
    if isinstance(value, bool) or not isinstance(value, int | float):
        sentence = N_("The step “%(step)s” has a setting that is not a number: %(setting)s “%(value)s”.")
        raise UnableToUse(sentence, step=raw["key"], setting=setting, value=str(value)[:40])
    if whole and not isinstance(value, int):
        sentence = N_("The step “%(step)s” has a setting that is not a whole number: %(setting)s “%(value)s”.")
        raise UnableToUse(sentence, step=raw["key"], setting=setting, value=value)
    low, high = (WHOLE | AMOUNTS)[setting]
    if not low <= value <= high:
        raise UnableToUse(N_("The step “%(step)s” has a number out of bounds."), step=raw["key"])
    return value


def _several(raw: Mapping[str, Any], setting: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """One word, or a list of words, each of them known."""
    value = raw.get(setting)
    words = [] if value is None else value if isinstance(value, list) else [value]
    for word in words:
        if not isinstance(word, str) or word not in known:
            sentence = N_("The step “%(step)s” has an unknown word in %(setting)s: “%(word)s”.")
            raise UnableToUse(sentence, step=raw["key"], setting=setting, word=str(word)[:40])
    return tuple(dict.fromkeys(words))


def _known(step: Step) -> None:
    """Every word of a step is one that means something."""
    if step.contacts and step.channel not in (*CHANNELS, BEST):
        sentence = N_("The step “%(step)s” names an unknown channel: “%(channel)s”.")
        raise UnableToUse(sentence, step=step.key, channel=step.channel[:40])
    if step.tone not in TONES or step.mode not in MODES:
        raise UnableToUse(N_("The step “%(step)s” names an unknown tone or mode."), step=step.key)
    for setting, word, words in (
        ("action", step.action, ACTIONS), ("from", step.start, ORIGINS), ("responsible", step.responsible, ("", *RESPONSIBLE)),
    ):  # fmt: skip
        if word not in words:
            sentence = N_("The step “%(step)s” has an unknown word in %(setting)s: “%(word)s”.")
            raise UnableToUse(sentence, step=step.key, setting=setting, word=word[:40])
    if not KEY.fullmatch(step.template):
        raise UnableToUse(N_("The step “%(step)s” names a text that cannot exist."), step=step.key)


def _fitting(step: Step, raw: Mapping[str, Any]) -> None:
    """The settings of a step fit what it does, and each other."""
    strange = [setting for setting in OF_MESSAGES if setting in raw and not step.contacts]
    strange += [setting for setting, actions in OF_ACTIONS.items() if setting in raw and step.action not in actions]
    if strange:
        sentence = N_("The setting %(setting)s of the step “%(step)s” does not fit its action, %(action)s.")
        raise UnableToUse(sentence, step=step.key, setting=strange[0], action=step.action)
    if step.action == "hold" and step.hold_days is None:
        raise UnableToUse(N_("The step “%(step)s” lacks its %(setting)s."), step=step.key, setting="hold_days")
    if set(step.channels) <= set(SPOKEN) and step.contacts and step.mode == "confirm":
        sentence = N_("The call “%(step)s” needs no confirmation: a person makes it anyway.")
        raise UnableToUse(sentence, step=step.key)
    if len(step.reason) > 200:
        raise UnableToUse(N_("The reason of the step “%(step)s” may have 200 characters at most."), step=step.key)
    if len(step.agency) > 120:
        raise UnableToUse(N_("The agency of the step “%(step)s” may have 120 characters at most."), step=step.key)
    if step.until is not None and step.until < step.days:
        raise UnableToUse(N_("The step “%(step)s” would lapse before it is due."), step=step.key)
    if step.start in ("step", *EVENTS) and step.days < 0:
        sentence = N_("The step “%(step)s” cannot come before that from which its days count.")
        raise UnableToUse(sentence, step=step.key)


def table(journeys: Mapping[int, Journey]) -> pl.DataFrame:
    """The steps of several scenario versions as one table: scenario (its id), position and the step's settings.

    `choice`: whether the channel is still to be chosen, from those that have a place_<channel>: those that any step names.
    """
    named = {channel for journey in journeys.values() for step in journey.steps for channel in step.channels}
    channels = [channel for channel in CHANNELS if channel in named]
    rows = [
        {
            "scenario": number, "position": position, "step": step.key, "level": step.level, "days": step.days,
            "gap": step.gap, "channel": step.channel, "template": step.template, "tone": step.tone, "mode": step.mode,
            "minimum": step.minimum, "action": step.action, "contacts": step.contacts, "agency": step.agency.strip(),
            "choice": step.channel == BEST or bool(step.fallback), "falls_back": bool(step.fallback),
            **places(step.channel, step.fallback, channels),
        }
        for number, journey in journeys.items()
        for position, step in enumerate(journey.steps)
    ]  # fmt: skip
    return pl.DataFrame(
        rows,
        schema={
            "scenario": pl.Int64, "position": pl.Int32, "step": pl.String, "level": pl.Int64, "days": pl.Int64,
            "gap": pl.Int64, "channel": pl.String, "template": pl.String, "tone": pl.String, "mode": pl.String,
            "minimum": pl.Float64, "action": pl.String, "contacts": pl.Boolean, "agency": pl.String, "choice": pl.Boolean,
            "falls_back": pl.Boolean, **{f"place_{channel}": pl.Int32 for channel in channels},
        },
    )  # fmt: skip
