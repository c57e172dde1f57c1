"""Versions of scenarios: kept as drafts, put in force, retired, compared, written as text and back; cases that move."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.casework.models import Case
from amiable.core.models import AuditEntry, User
from amiable.scenario import shelf
from amiable.scenario.compare import Change, compare
from amiable.scenario.engine.journey import UnableToUse
from amiable.scenario.models import Scenario, ScenarioState
from amiable.scenario.transcribe import read_text, write_text
from tests import world as worlds
from tests.world import DAY, World, at

STEP: dict[str, Any] = {
    "key": "first",
    "level": 10,
    "days": 5,
    "channel": "email",
    "template": "reminder_1",
    "tone": "warm",
}
DATA: dict[str, Any] = {"key": "businesses", "applies": "kind <> 'consumer'", "steps": [STEP]}


def states(key: str = "businesses") -> list[tuple[int, str]]:
    return list(Scenario.objects.filter(key=key).order_by("creditor_id", "version").values_list("version", "state"))


@pytest.mark.django_db
def test_a_draft_is_written_anew_and_what_was_in_force_gets_a_new_version(world: World) -> None:
    draft = shelf.save(data=DATA, creditor=world.house, now=at(DAY))
    again = shelf.revise(draft, data=DATA | {"steps": [STEP | {"days": 6}]}, now=at(DAY))
    assert (again.pk, again.version) == (draft.pk, 1)
    shelf.activate(again, now=at(DAY))
    newer = shelf.revise(again, data=DATA | {"steps": [STEP | {"days": 7}]}, now=at(DAY))
    assert newer.version == 2
    assert states() == [(1, "active"), (2, "draft")]
    assert Scenario.objects.get(pk=again.pk).data["steps"][0]["days"] == 6
    with pytest.raises(shelf.UnableToKeep):
        shelf.revise(newer, data=DATA | {"steps": [STEP | {"days": 2_500}]}, now=at(DAY))
    with pytest.raises(UnableToUse):
        shelf.revise(newer, data=DATA | {"steps": []}, now=at(DAY))
    assert Scenario.objects.get(pk=newer.pk).data["steps"][0]["days"] == 7


@pytest.mark.django_db
def test_activating_and_retiring_are_told_in_the_trail(world: World) -> None:
    boss = User.objects.create(username="boss")
    one = shelf.save(data=DATA, creditor=world.house, now=at(DAY), by=boss)
    with pytest.raises(shelf.UnableToRetire):
        shelf.retire(one, now=at(DAY), by=boss)
    shelf.activate(one, now=at(DAY), by=boss)
    two = shelf.save(data=DATA, creditor=world.house, now=at(DAY), by=boss)
    shelf.activate(two, now=at(DAY), by=boss)
    assert states() == [(1, "retired"), (2, "active")]
    shelf.retire(two, now=at(DAY), by=boss)
    assert states() == [(1, "retired"), (2, "retired")]
    told = list(AuditEntry.objects.filter(subject="scenario").order_by("pk").values_list("act", "subject_ref", "user"))
    assert told == [
        ("scenario.activated", one.pk, boss.pk),
        ("scenario.activated", two.pk, boss.pk),
        ("scenario.retired", two.pk, boss.pk),
    ]


def case(who: Any, scenario: Scenario, *, closed_on: date | None = None) -> Case:
    return Case.objects.create(
        creditor=who.creditor,
        customer=who,
        currency="EUR",
        scenario_ref=scenario.pk,
        opened_on=DAY,
        closed_on=closed_on,
    )


@pytest.mark.django_db
def test_open_cases_move_on_purpose_and_invoices_keep_their_level(world: World) -> None:
    boss = User.objects.create(username="boss")
    shelf.stock(now=at(DAY))
    house = Scenario.objects.get(key="businesses", creditor=None)
    bill = worlds.invoice(world.boris, reached=20, reached_on=DAY)
    mine, done, other = case(world.boris, house), case(world.clara, house, closed_on=DAY), case(world.nadia, house)
    own = shelf.save(data=DATA, creditor=world.house, now=at(DAY))
    with pytest.raises(shelf.UnableToMigrate):  # not in force yet
        shelf.migrate(from_=house, to=own, now=at(DAY), by=boss)
    shelf.activate(own, now=at(DAY))
    assert shelf.migrate(from_=house, to=own, now=at(DAY), by=boss) == 1
    assert shelf.migrate(from_=house, to=own, now=at(DAY), by=boss) == 0
    for each in (mine, done, other, bill):
        each.refresh_from_db()
    assert (mine.scenario_ref, done.scenario_ref, other.scenario_ref) == (own.pk, house.pk, house.pk)
    assert bill.reached == 20
    entry = AuditEntry.objects.get(act="scenario.migrated")
    assert (entry.user, entry.subject_ref, entry.detail["from_id"], entry.detail["cases"]) == (
        boss,
        own.pk,
        house.pk,
        [mine.pk],
    )
    assert entry.creditor_ref == world.house.pk


@pytest.mark.django_db
def test_cases_do_not_move_to_another_scenario_or_another_creditors(world: World) -> None:
    shelf.stock(now=at(DAY))
    consumers = Scenario.objects.get(key="consumers")
    own = shelf.save(data=DATA, creditor=world.house, now=at(DAY))
    theirs = shelf.save(data=DATA, creditor=world.neighbour, now=at(DAY))
    for row in (own, theirs):
        shelf.activate(row)
    for from_, to in ((own, theirs), (consumers, own), (own, own)):
        with pytest.raises(shelf.UnableToMigrate):
            shelf.migrate(from_=from_, to=to, now=at(DAY))
    assert own.state == ScenarioState.ACTIVE


def test_two_versions_are_compared_setting_by_setting() -> None:
    second = {**STEP, "key": "second", "level": 20, "days": 15, "gap": 7}
    after = {**DATA, "steps": [{**STEP, "days": 6, "minimum": 0, "mode": "automatic"}, second]}
    found = compare(before=DATA, after=after)
    assert found.added == ("second",)
    assert found.removed == ()
    assert found.changed == (Change("first", "days", 5, 6),)
    assert compare(before=after, after=DATA).removed == ("second",)
    assert compare(before=DATA, after=DATA).same
    assert compare(before=DATA, after={**DATA, "applies": ""}).changed == (
        Change("", "applies", "kind <> 'consumer'", ""),
    )


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30)


@given(
    label=st.dictionaries(st.sampled_from(["fr", "en"]), WORDS),
    applies=WORDS,
    steps=st.lists(
        st.fixed_dictionaries(
            {
                "key": WORDS,
                "level": st.integers(),
                "days": st.integers(),
                "channel": WORDS,
                "minimum": st.floats(allow_nan=False),
            },
            optional={"if": WORDS, "until": st.none() | st.integers(), "odd": WORDS},
        ),
        max_size=4,
    ),
)
def test_a_scenario_as_text_reads_back_as_itself(label: Any, applies: str, steps: Any) -> None:
    data = {"key": "k", "label": label, "applies": applies, "steps": steps}
    assert read_text(write_text(data)) == data


def test_the_shipped_scenarios_survive_the_way_to_text_and_back() -> None:
    for data in shelf.shipped():
        assert read_text(write_text(data)) == data


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "list of settings"),
        ("", "list of settings"),
        ("key: a\n---\nkey: b\n", "list of settings"),
        ("key: [", "line"),
        ("key: &a [*a]", "refer to parts"),
        ("a: &x 1\nb: *x", "refer to parts"),
        ("key: !!python/object/apply:os.system ['true']", "line 1"),
        ("key: 2026-99-99", "does not exist"),
        ("[" * 5_000, "cannot be read|nested"),
        ("k" * 200_001, "characters"),
    ],
)
def test_a_text_that_is_no_scenario_gives_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UnableToUse, match=words):
        read_text(text)
