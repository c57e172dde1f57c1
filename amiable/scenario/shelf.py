"""The scenarios in force: a creditor's own active versions, else the house's, which ship as YAML in library/.

A version is a row that never changes once a case is pinned to it; a new text is a new version.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.db import transaction
from django.db.models import Max, Q

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.portfolio.facts import schema
from amiable.scenario.engine.journey import Journey, read
from amiable.scenario.models import Scenario, ScenarioState

LIBRARY = Path(__file__).parent / "library"


@lru_cache(maxsize=1)
def shipped() -> tuple[Mapping[str, Any], ...]:
    """The scenarios that ship, as data."""
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(LIBRARY.glob("*.yaml")))


def facts() -> dict[str, Any]:
    """What a condition of a scenario may name: every fact, and the segment."""
    return {**schema(), "segment": pl.String}


@transaction.atomic
def stock(*, now: datetime) -> None:
    """Makes the shipped scenarios available as the house's active versions; a changed text becomes a new version."""
    for data in shipped():
        newest = Scenario.objects.filter(creditor=None, key=data["key"], state=ScenarioState.ACTIVE).first()
        if newest is None or newest.data != data:
            activate(save(data=data, creditor=None, now=now))


@transaction.atomic
def save(*, data: Mapping[str, Any], creditor: Creditor | None, now: datetime, by: User | None = None) -> Scenario:
    """Keeps a scenario as a new draft version. Raises UnableToUse when it cannot be used."""
    journey = read(data, facts=facts())
    last = Scenario.objects.filter(creditor=creditor, key=journey.key).aggregate(n=Max("version"))["n"] or 0
    return Scenario.objects.create(
        creditor=creditor, key=journey.key, version=last + 1, data=data, made_at=now, made_by=by
    )


@transaction.atomic
def activate(scenario: Scenario) -> None:
    """Puts a version in force and retires the one before; cases under way stay on theirs."""
    same = Scenario.objects.filter(creditor=scenario.creditor, key=scenario.key)
    same.filter(state=ScenarioState.ACTIVE).update(state=ScenarioState.RETIRED)
    same.filter(pk=scenario.pk).update(state=ScenarioState.ACTIVE)
    scenario.state = ScenarioState.ACTIVE


def in_force(creditor_id: int) -> list[Scenario]:
    """The creditor's active scenarios, its own before the house's of the same key, in order of key."""
    found: dict[str, Scenario] = {}
    for scenario in Scenario.objects.filter(Q(creditor_id=creditor_id) | Q(creditor=None), state=ScenarioState.ACTIVE):
        if scenario.key not in found or scenario.creditor_id:
            found[scenario.key] = scenario
    return [found[key] for key in sorted(found)]


def journeys(scenarios: list[Scenario]) -> dict[int, Journey]:
    """The scenarios as the engine reads them, by id."""
    return {scenario.pk: read(scenario.data, facts=facts()) for scenario in scenarios}
