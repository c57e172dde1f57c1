"""The scenarios in force: a creditor's own active versions, else the house's, which ship as YAML in library/.

A version is a row that never changes once a case is pinned to it; a new text is a new version.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from django.db import connection, transaction
from django.db.models import Max, Q

from amiable.casework.models import Case
from amiable.core import audit
from amiable.core.calendar import day_of
from amiable.core.conditions import N_
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.portfolio.facts import schema
from amiable.scenario import check
from amiable.scenario.engine.journey import Journey, read
from amiable.scenario.finding import Finding
from amiable.scenario.models import Experiment, Scenario, ScenarioState


class UnableToKeep(UnableTo):
    """The check of the scenario found errors; `findings` has them all."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(finding.sentence for finding in findings))
        self.findings = findings


class UnableToRetire(UnableTo):
    """The version is not in force."""


class UnableToActivate(UnableTo):
    """The version cannot take force now."""


class UnableToMigrate(UnableTo):
    """The cases cannot move there."""


_LOCK = 0x53484C46  # the advisory lock of who stocks the shelf
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
    if not _lacking():
        return
    with connection.cursor() as cursor:  # of two that begin at once, the second finds what the first has laid there
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    for data in _lacking():
        activate(save(data=data, creditor=None, now=now))


def _lacking() -> list[Mapping[str, Any]]:
    """The shipped scenarios of which the house has no active version, or another text."""
    active = Scenario.objects.filter(creditor=None, state=ScenarioState.ACTIVE).values_list("key", "data")
    there = dict(active)
    return [data for data in shipped() if there.get(data["key"]) != data]


@transaction.atomic
def save(*, data: Mapping[str, Any], creditor: Creditor | None, now: datetime, by: User | None = None) -> Scenario:
    """Keeps a scenario as a new draft version. Raises UnableToUse, or UnableToKeep when its check finds errors."""
    journey = _approved(data, creditor=creditor, now=now)
    last = Scenario.objects.filter(creditor=creditor, key=journey.key).aggregate(n=Max("version"))["n"] or 0
    return Scenario.objects.create(
        creditor=creditor, key=journey.key, version=last + 1, data=data, made_at=now, made_by=by
    )


@transaction.atomic
def revise(
    draft: Scenario, *, data: Mapping[str, Any], now: datetime, by: User | None = None, seen: str | None = None
) -> Scenario:
    """Writes a draft anew. What was in force, or in an experiment, never changes: it gets a new version; and so does
    what somebody else wrote since the version `seen` (see `mark`), so that neither loses their work.
    """
    kept = Scenario.objects.select_for_update().get(pk=draft.pk)
    journey = _approved(data, creditor=kept.creditor, now=now)
    tried = Experiment.objects.filter(challenger=kept).exists()
    theirs = seen is not None and seen != mark(kept)
    if kept.state != ScenarioState.DRAFT or journey.key != kept.key or tried or theirs:
        return save(data=data, creditor=kept.creditor, now=now, by=by)
    kept.data, kept.made_at, kept.made_by = dict(data), now, by
    kept.save(update_fields=["data", "made_at", "made_by"])
    return kept


def mark(scenario: Scenario) -> str:
    """What changes with every writing of a draft."""
    return scenario.made_at.isoformat()


def _approved(data: Mapping[str, Any], *, creditor: Creditor | None, now: datetime) -> Journey:
    """The journey of data that may be kept."""
    journey = read(data, facts=facts())
    findings = check.examine(data, creditor=creditor, facts=facts(), as_of=day_of(now))
    if wrong := [finding for finding in findings if finding.stops]:
        raise UnableToKeep(wrong)
    return journey


@transaction.atomic
def activate(scenario: Scenario, *, now: datetime | None = None, by: User | None = None) -> None:
    """Puts a version in force and retires the one before; cases under way stay on theirs.

    Raises UnableToActivate while an experiment runs on the creditor's scenario: it would be another one from then on.
    """
    _undisturbed(scenario, UnableToActivate)
    same = Scenario.objects.filter(creditor=scenario.creditor, key=scenario.key)
    same.filter(state=ScenarioState.ACTIVE).update(state=ScenarioState.RETIRED)
    same.filter(pk=scenario.pk).update(state=ScenarioState.ACTIVE)
    scenario.state = ScenarioState.ACTIVE
    if now:
        _audit("scenario.activated", scenario, now=now, by=by)


@transaction.atomic
def retire(scenario: Scenario, *, now: datetime, by: User | None = None) -> None:
    """Takes a version out of force; cases under way stay on it, new ones get another scenario or none."""
    _undisturbed(scenario, UnableToRetire)
    if not Scenario.objects.filter(pk=scenario.pk, state=ScenarioState.ACTIVE).update(state=ScenarioState.RETIRED):
        raise UnableToRetire(N_("Only a version that is in force can be retired."))
    scenario.state = ScenarioState.RETIRED
    _audit("scenario.retired", scenario, now=now, by=by)


def _undisturbed(scenario: Scenario, error: type[UnableTo]) -> None:
    if Experiment.objects.filter(creditor=scenario.creditor_id, champion__key=scenario.key, stopped_on=None).exists():
        raise error(N_("An experiment runs on this scenario; stop it first, and say who wins."))


@transaction.atomic
def migrate(*, from_: Scenario, to: Scenario, now: datetime, by: User | None = None) -> int:
    """Moves the open cases of one version to another on purpose; invoices keep their level. Returns how many moved.

    From the house's version to a creditor's own, only that creditor's cases move.
    """
    if to.state != ScenarioState.ACTIVE:
        raise UnableToMigrate(N_("Cases move to a version that is in force; activate it first."))
    if from_.pk == to.pk or from_.key != to.key or (from_.creditor_id and from_.creditor_id != to.creditor_id):
        raise UnableToMigrate(N_("Cases move between versions of the same scenario."))
    cases = Case.objects.filter(scenario_ref=from_.pk, closed_on=None)
    if to.creditor_id:
        cases = cases.filter(creditor_id=to.creditor_id)
    moved = list(cases.select_for_update().order_by("pk").values_list("pk", flat=True))
    Case.objects.filter(pk__in=moved).update(scenario_ref=to.pk)
    if moved:
        _audit("scenario.migrated", to, now=now, by=by, from_version=from_.version, from_id=from_.pk, cases=moved)
    return len(moved)


def _audit(act: str, scenario: Scenario, *, now: datetime, by: User | None, **more: Any) -> None:
    audit.record(
        act, now=now, user=by, actor="" if by else "house", creditor_ref=scenario.creditor_id, subject="scenario",
        subject_ref=scenario.pk, key=scenario.key, version=scenario.version, **more,
    )  # fmt: skip


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
