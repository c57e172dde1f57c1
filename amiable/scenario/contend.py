"""A contender of a simulation: one scenario, several at once, or nobody's (`none`), as a person names it.

In: a key (the version in force), key@version, house:key for the house's where the creditor has its own, a YAML file, or
some of these joined by commas. Out: checked journeys.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.db.models import Q

from amiable.core.conditions import parse
from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from amiable.scenario.engine.channel import BEST, REACTIONS, WRITTEN
from amiable.scenario.engine.journey import Journey, read
from amiable.scenario.models import Scenario, ScenarioState
from amiable.scenario.transcribe import read_text

NOBODY = "none"
NAME = re.compile(r"(house:)?([a-z][a-z0-9_]{0,39})(?:@(\d{1,9}))?", re.ASCII)


class UnableToSimulate(UnableTo):
    """The simulation cannot be made as it was asked for."""


@dataclass(frozen=True)
class Contender:
    """Whose steps are tried: its name, and its journeys in order; the first that applies to a customer is theirs."""

    label: str
    journeys: tuple[Journey, ...]

    @property
    def numbered(self) -> dict[int, Journey]:
        """The journeys as the engine asks for them."""
        return dict(enumerate(self.journeys))

    def choose(self) -> pl.Expr:
        """Of a customer's facts, the number of the journey that is theirs; null: none is."""
        applying = [
            pl.when(parse(journey.applies, shelf.facts())).then(pl.lit(number, dtype=pl.Int64))
            for number, journey in self.numbered.items()
        ]
        return pl.coalesce(*applying, pl.lit(None, dtype=pl.Int64))

    @property
    def named_facts(self) -> set[str]:
        """The facts that its steps name in conditions, and those by which they choose a channel."""
        steps = [step for each in self.journeys for step in each.steps]
        named = {name for step in steps for name in parse(step.condition, shelf.facts()).meta.root_names()}
        best = any(step.channel == BEST for step in steps)
        return named | ({WRITTEN, *REACTIONS.values()} if best else set())


def contender(*, name: str, creditor: Creditor) -> Contender:
    """The contender of that name. Raises UnableToSimulate or UnableToUse with one sentence."""
    names = [part.strip() for part in name.split(",") if part.strip()]
    if not names:
        raise UnableToSimulate("A simulation needs the name of a scenario.")
    if names == [NOBODY]:
        return Contender(NOBODY, ())
    return Contender(name, tuple(_journey(each, creditor) for each in names))


def _journey(name: str, creditor: Creditor) -> Journey:
    if name.endswith((".yaml", ".yml")):
        return read(_content(Path(name)), facts=shelf.facts())
    asked = NAME.fullmatch(name)
    if asked is None:
        raise UnableToSimulate(f"“{name[:60]}” is no scenario: write a key, key@version, house:key or a YAML file.")
    house, key, version = asked.groups()
    theirs = Scenario.objects.filter(Q(creditor=None) if house else Q(creditor=creditor) | Q(creditor=None))
    # What ships is in force from the first day's run on, and can be tried before it. The house's has no creditor: PostgreSQL
    # puts it last, so that the creditor's own comes first, or takes its place where the order is turned round.
    current = {data["key"]: data for data in shelf.shipped()} | {
        each.key: each.data for each in theirs.filter(state=ScenarioState.ACTIVE).order_by("-creditor_id")
    }
    data = current.get(key)
    if version is not None:
        found = theirs.filter(key=key, version=int(version)).order_by("creditor_id").first()
        data = found.data if found else None
    if data is None:
        known = ", ".join(sorted(current))
        raise UnableToSimulate(f"There is no scenario {name} for {creditor.name}; in force: {known}.")
    return read(data, facts=shelf.facts())


def _content(path: Path) -> Mapping[str, Any]:
    try:
        return read_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnableToSimulate(f"The file {path} cannot be read.") from error
