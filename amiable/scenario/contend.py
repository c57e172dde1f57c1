"""A contender of a simulation: one scenario, several at once, or nobody's (`none`), as a person names it.

In: a key (the version in force), key@version, a YAML file, or some of these joined by commas. Out: checked journeys.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.db.models import Q

from amiable.core.conditions import parse
from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from amiable.scenario.engine.channel import BEST, REACTIONS, WRITTEN
from amiable.scenario.engine.journey import Journey, read
from amiable.scenario.models import Scenario

NOBODY = "none"
LARGEST_FILE = 1_000_000
_NAME = re.compile(r"([a-z][a-z0-9_]*)(?:@(\d{1,9}))?", re.ASCII)


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
    asked = _NAME.fullmatch(name)
    if asked is None:
        raise UnableToSimulate(f"“{name[:60]}” is no scenario: write a key, key@version or a YAML file.")
    key, version = asked.groups()
    # What ships is in force from the first day's run on, and can be tried before it.
    current = {data["key"]: data for data in shelf.shipped()} | {
        each.key: each.data for each in shelf.in_force(creditor.pk)
    }
    data = current.get(key)
    if version is not None:
        mine = Scenario.objects.filter(Q(creditor=creditor) | Q(creditor=None), key=key, version=int(version))
        found = mine.order_by("creditor_id").first()  # PostgreSQL puts the house's, which has none, last
        data = found.data if found else None
    if data is None:
        known = ", ".join(sorted(current))
        raise UnableToSimulate(f"There is no scenario {name} for {creditor.name}; in force: {known}.")
    return read(data, facts=shelf.facts())


def _content(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnableToSimulate(f"The file {path} is too large for a scenario.")
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnableToSimulate(f"The file {path} cannot be read.") from error
    except yaml.YAMLError as error:
        raise UnableToSimulate(f"The file {path} is not YAML.") from error
    if not isinstance(content, dict):
        raise UnableToSimulate(f"The file {path} does not hold a scenario.")
    return content
