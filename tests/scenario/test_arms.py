"""Champion, challenger and hold-out: who is drawn where, what each then gets, and what never changes afterwards."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.casework.models import Case
from amiable.core.models import AuditEntry, User
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, Hold
from amiable.outreach.models import Message
from amiable.portfolio.refresh import refresh
from amiable.scenario import assign, decide, experiment, explain, shelf
from amiable.scenario.models import Assignment, Decision, Experiment, Scenario
from amiable.scenario.unite import unite
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live, refusals, steps
from tests.world import DAY, World, at, later

SHARES = st.floats(0, 0.2), st.floats(0, 0.7)
MASK = (1 << 64) - 1
KNOWN = [0.665173201147, 0.835146051914, 0.117695323767]

pytestmark = pytest.mark.usefixtures("unmeasured")


def in_plain_numbers(key: str, unit: int) -> float:
    """The draw told again without arrays."""
    mixed = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")
    mixed = (mixed + unit * 0x9E3779B97F4A7C15) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


def drawn(key: str, units: Sequence[int], challenger: float, holdout: float, *, spared: bool = False) -> list[str]:
    table = pl.DataFrame({"chance": assign.chance(key=key, units=np.array(units, dtype=np.int64))})
    arm = assign.arms(
        chances=pl.col("chance"), spared=pl.lit(spared), challenger_share=challenger, holdout_share=holdout
    )
    return table.select(arm.alias("arm"))["arm"].to_list()


@given(st.text(min_size=1, max_size=40), st.lists(st.integers(1, (1 << 63) - 1), min_size=1, max_size=50))
def test_the_draw_is_the_same_one_by_one_in_any_order_and_in_plain_numbers(key: str, units: list[int]) -> None:
    together = assign.chance(key=key, units=np.array(units, dtype=np.int64)).tolist()
    backwards = assign.chance(key=key, units=np.array(units[::-1], dtype=np.int64)).tolist()
    assert together == backwards[::-1] == [in_plain_numbers(key, unit) for unit in units]
    assert all(0 <= value < 1 for value in together)


def test_the_draw_of_a_key_is_what_it_has_always_been() -> None:
    """Written down, so that no other machine and no later version draws otherwise."""
    told = assign.chance(key="consumers-1", units=np.array([1, 2, 3], dtype=np.int64)).round(12).tolist()
    assert told == KNOWN


@given(st.text(min_size=1, max_size=20), st.integers(0, 1 << 40), *SHARES)
def test_shares_hold_within_what_chance_allows(key: str, first: int, holdout: float, challenger: float) -> None:
    many = 5_000
    arms = drawn(key, range(first, first + many), challenger, holdout)
    for arm, share in (("challenger", challenger), ("holdout", holdout), ("champion", 1 - challenger - holdout)):
        # Six standard errors: chance alone does this twice in a thousand million draws.
        assert abs(arms.count(arm) - many * share) <= 6 * (many * share * (1 - share)) ** 0.5 + 1


@given(st.text(min_size=1, max_size=20), *SHARES, *SHARES)
def test_other_shares_move_only_as_many_as_they_must(
    key: str, holdout: float, challenger: float, holdout_later: float, challenger_later: float
) -> None:
    units = range(1, 2_001)
    before, after = drawn(key, units, challenger, holdout), drawn(key, units, challenger_later, holdout_later)
    moved = {(old, new) for old, new in zip(before, after, strict=True) if old != new}
    grown = {("champion", "challenger")} if challenger_later > challenger else {("challenger", "champion")}
    grown |= {("champion", "holdout")} if holdout_later > holdout else {("holdout", "champion")}
    assert moved <= grown


def test_two_experiments_draw_independently() -> None:
    units = range(1, 40_001)
    one, two = drawn("one", units, 0.5, 0), drawn("two", units, 0.5, 0)
    both = sum(a == b == "challenger" for a, b in zip(one, two, strict=True))
    assert abs(both - 10_000) < 6 * (40_000 * 0.25 * 0.75) ** 0.5


def test_who_is_spared_is_never_held_out() -> None:
    units = range(1, 2_001)
    assert "holdout" not in drawn("k", units, 0.3, 0.2, spared=True)
    assert [arm == "challenger" for arm in drawn("k", units, 0.3, 0.2, spared=True)] == [
        arm == "challenger" for arm in drawn("k", units, 0.3, 0.2)
    ]


# -- over real rows ----------------------------------------------------------------------------------------------------

STEP = {"key": "friendly_word", "level": 25, "days": 2, "channel": "email", "template": "reminder_1", "tone": "warm"}


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create(username="boss")


def challenger(owner: Creditor, **change: Any) -> Scenario:
    data = next(dict(each) for each in shelf.shipped() if each["key"] == "businesses")
    return shelf.save(data=data | {"steps": [STEP]} | change, creditor=owner, now=at(DAY))


def begin(owner: Creditor, boss: User, *, to: float = 0.0, out: float = 0.0, **how: Any) -> Experiment:
    shelf.stock(now=at(DAY))
    champion = next(each for each in shelf.in_force(owner.pk) if each.key == "businesses")
    rival = how.pop("rival", None) or (challenger(owner) if to else None)
    wished: dict[str, Any] = {
        "until": later(60) if out else None,
        "name": "A kinder word",
        "as_of": DAY,
        "now": at(DAY),
    }
    return experiment.start(
        creditor=owner, champion=champion, challenger=rival, challenger_share=to, holdout_share=out, by=boss,
        **wished | how,
    )  # fmt: skip


def firms(owner: Creditor, number: int, **fields: Any) -> list[Customer]:
    found = [worlds.customer(owner, **fields) for _ in range(number)]
    for who in found:
        worlds.invoice(who, 40_000, due_on=later(-4))
    return found


def arm_of(who: Customer) -> str:
    return Assignment.objects.get(customer=who).arm


@pytest.mark.django_db
def test_each_arm_gets_its_own_and_every_decision_tells_arm_and_chance(world: World, boss: User, post: Post) -> None:
    begun = begin(world.house, boss, to=0.4, out=0.2)
    people = firms(world.house, 40)
    nadia = worlds.invoice(world.nadia, 40_000, due_on=later(-4)).customer
    live(DAY, DAY)
    by_arm = {arm: [who for who in people if arm_of(who) == arm] for arm in ("champion", "challenger", "holdout")}
    assert all(by_arm.values())
    expected = drawn(begun.key, [who.pk for who in people], 0.4, 0.2)
    assert [arm_of(who) for who in people] == expected
    assert {steps(who)[0][1] for who in by_arm["champion"]} == {"reminder_1"}
    assert {steps(who)[0][1] for who in by_arm["challenger"]} == {"friendly_word"}
    for who in by_arm["holdout"]:
        assert refusals(who) == [(DAY, "reminder_1", "holdout")]
        assert steps(who) == []
        assert not Case.objects.filter(customer=who).exists()
        assert Hold.objects.get(customer=who).until == later(61)
    chances = {"champion": 0.4, "challenger": 0.4, "holdout": 0.2}
    told = Decision.objects.filter(customer__in=people).values_list("arm", "propensity")
    assert {(arm, round(chance, 9)) for arm, chance in told} == set(chances.items())
    assert steps(nadia) == [(DAY, "reminder_1")]  # another creditor's
    assert not Assignment.objects.filter(customer=nadia).exists()
    assert {case.scenario_ref for case in Case.objects.filter(customer__in=by_arm["challenger"])} == {
        begun.challenger_id
    }


@pytest.mark.django_db
def test_an_arm_is_drawn_once_and_shares_that_change_move_nobody(world: World, boss: User, post: Post) -> None:
    begun = begin(world.house, boss, to=0.4, out=0.2)
    people = firms(world.house, 30)
    live(DAY, DAY)
    before = dict(Assignment.objects.values_list("customer", "arm"))
    experiment.change(begun, challenger_share=0.8, holdout_share=0.0, until=later(30), as_of=DAY, now=at(DAY), by=boss)
    newcomers = firms(world.house, 30)
    live(later(1), later(2))
    assert {pk: arm for pk, arm in Assignment.objects.values_list("customer", "arm") if pk in before} == before
    assert {arm_of(who) for who in newcomers} == {"champion", "challenger"}
    assert {round(each.propensity, 9) for each in Assignment.objects.filter(customer__in=newcomers)} == {0.8, 0.2}
    assert Assignment.objects.filter(customer__in=people).count() == 30
    assert {each.until for each in Hold.objects.filter(kind="holdout")} == {later(31)}
    assert list(AuditEntry.objects.filter(subject="experiment").order_by("pk").values_list("act", flat=True)) == [
        "experiment.started", "experiment.changed",
    ]  # fmt: skip


@pytest.mark.django_db
def test_who_has_a_case_open_takes_no_part_until_it_is_closed(world: World, boss: User, post: Post) -> None:
    shelf.stock(now=at(DAY))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-4))
    live(DAY, DAY)
    begin(world.house, boss, to=0.9, as_of=later(1))
    live(later(8), later(8))
    assert steps(world.boris) == [(DAY, "reminder_1"), (later(8), "reminder_2")]
    assert not Assignment.objects.exists()
    worlds.paid(bill, on=later(9))
    worlds.invoice(world.boris, 40_000, due_on=later(12))
    live(later(10), later(10))
    assert Assignment.objects.get().assigned_on == later(10)


@pytest.mark.django_db
def test_key_accounts_public_bodies_and_vulnerable_persons_are_never_left_alone(
    world: World, boss: User, post: Post
) -> None:
    begin(world.house, boss, out=0.2)
    great, public = firms(world.house, 25, key_account=True), firms(world.house, 25, kind="public")
    fragile = firms(world.house, 25)
    for who in fragile:
        hold.place(kind="vulnerable", source_ref=f"t:{who.pk}", customer=who, since=DAY, until=DAY, now=at(DAY))
        hold.place(kind="vulnerable", source_ref="desk", customer=who, since=DAY, now=at(DAY))
    plain = firms(world.house, 25)
    live(DAY, DAY)
    assert {arm_of(who) for who in (*great, *public, *fragile)} == {"champion"}
    assert {round(each.propensity, 9) for each in Assignment.objects.filter(spared=True)} == {1.0}
    alone = next(who for who in plain if arm_of(who) == "holdout")
    # One that becomes a key account is treated from then on; where it was drawn stays written.
    Customer.objects.filter(pk=alone.pk).update(key_account=True)
    live(later(1), later(1))
    assert steps(alone) == [(later(1), "reminder_1")]
    assert Hold.objects.get(customer=alone, kind="holdout").until == later(1)
    live(later(2), later(2))
    assert arm_of(alone) == "holdout"


@pytest.mark.django_db
def test_a_group_stays_in_one_arm(world: World, boss: User, post: Post) -> None:
    begun = begin(world.house, boss, to=0.4, out=0.2)
    parents = [worlds.customer(world.house) for _ in range(12)]
    daughters = [who for parent in parents for who in firms(world.house, 2, parent=parent)]
    live(DAY, DAY)
    for who in daughters:
        assert arm_of(who) == drawn(begun.key, [who.parent_id or 0], 0.4, 0.2)[0]
    experiment.change(begun, challenger_share=0.0, holdout_share=0.0, until=later(30), as_of=DAY, now=at(DAY), by=boss)
    late = [who for parent in parents for who in firms(world.house, 1, parent=parent)]
    live(later(1), later(1))
    for who, sister in zip(late, daughters[::2], strict=True):
        mine, hers = Assignment.objects.get(customer=who), Assignment.objects.get(customer=sister)
        assert (mine.arm, mine.propensity) == (hers.arm, hers.propensity)


@pytest.mark.django_db
def test_after_the_last_day_nobody_is_left_alone(world: World, boss: User, post: Post) -> None:
    begin(world.house, boss, out=0.2, until=later(7))
    people = firms(world.house, 30)
    live(DAY, DAY)
    alone = [who for who in people if arm_of(who) == "holdout"]
    assert alone
    live(later(7), later(8))
    for who in alone:
        assert steps(who) == [(later(8), "reminder_1")]
        row = Decision.objects.get(customer=who, verdict="do")
        assert (row.arm, row.propensity) == ("champion", 1.0)
    newcomer = firms(world.house, 1)[0]
    live(later(9), later(9))
    assert not Assignment.objects.filter(customer=newcomer).exists()


@pytest.mark.django_db
def test_stopping_frees_the_hold_out_and_puts_the_winner_in_force(world: World, boss: User, post: Post) -> None:
    begun = begin(world.house, boss, to=0.4, out=0.2)
    people = firms(world.house, 30)
    live(DAY, DAY)
    rival = begun.challenger
    assert rival
    with pytest.raises(shelf.UnableToActivate):
        shelf.activate(rival, now=at(DAY))
    won = experiment.stop(begun, winner="challenger", as_of=later(1), now=at(later(1), 7), by=boss)
    assert won == rival
    rival.refresh_from_db()
    assert rival.state == "active"
    live(later(1), later(1))
    alone = [who for who in people if arm_of(who) == "holdout"]
    assert {step for who in alone for step in steps(who)} == {(later(1), "friendly_word")}
    champion = next(who for who in people if arm_of(who) == "champion")
    assert Case.objects.get(customer=champion).scenario_ref == begun.champion_id  # migrated only on purpose
    with pytest.raises(experiment.UnableToExperiment, match="stopped"):
        experiment.stop(begun, as_of=later(1), now=at(later(1)), by=boss)


@pytest.mark.django_db
def test_another_scenario_that_wins_goes_on_under_the_name_of_the_one_it_beat(world: World, boss: User) -> None:
    rival = challenger(world.house, key="softly")
    begun = begin(world.house, boss, to=0.5, rival=rival)
    won = experiment.stop(begun, winner="challenger", as_of=later(1), now=at(later(1)), by=boss)
    assert won
    assert (won.key, won.creditor, won.state, won.data["steps"]) == ("businesses", world.house, "active", [STEP])


@pytest.mark.django_db
def test_a_challenger_is_for_those_only_whom_it_is_for(world: World, boss: User, post: Post) -> None:
    rival = challenger(world.house, applies="kind <> 'consumer' AND overdue > 300")
    begin(world.house, boss, to=0.9, rival=rival)
    small, large = worlds.customer(world.house), worlds.customer(world.house)
    worlds.invoice(small, 20_000, due_on=later(-4)), worlds.invoice(large, 40_000, due_on=later(-4))
    live(DAY, DAY)
    assert list(Assignment.objects.values_list("customer", flat=True)) == [large.pk]
    assert steps(small) == [(DAY, "reminder_1")]


@pytest.mark.django_db
def test_two_records_that_become_one_keep_the_arm_of_the_one_that_stays(world: World, boss: User, post: Post) -> None:
    begin(world.house, boss, out=0.2)
    people = firms(world.house, 30)
    live(DAY, DAY)
    alone = next(who for who in people if arm_of(who) == "holdout")
    treated = next(who for who in people if arm_of(who) == "champion")
    unite(keep=treated, absorb=alone, now=at(later(1)))
    assert arm_of(treated) == "champion"
    assert not hold.active(as_of=later(1)).filter(customer=treated).exists()


@pytest.mark.django_db
def test_what_is_foreseen_and_explained_follows_the_arm_before_and_after_it_is_written(
    world: World, boss: User, post: Post
) -> None:
    begun = begin(world.house, boss, to=0.4, out=0.2)
    people = firms(world.house, 20)
    refresh(as_of=DAY)
    expected = dict(zip(people, drawn(begun.key, [who.pk for who in people], 0.4, 0.2), strict=True))
    first = {"champion": ("reminder_1", "do", ""), "challenger": ("friendly_word", "do", "")}
    first["holdout"] = ("reminder_1", "not", "holdout")

    def told(who: Customer) -> tuple[str, str, str]:
        row = decide.preview(customer=who, as_of=DAY, now=at(DAY))[0]
        return row.step, row.verdict, row.rail

    assert {who: told(who) for who in people} == {who: first[arm] for who, arm in expected.items()}
    before = {who: explain.why(customer=who, as_of=DAY) for who in people}
    assert not Assignment.objects.exists()
    live(DAY, DAY)
    for who, arm in expected.items():
        for said in (before[who], explain.why(customer=who, as_of=DAY)):
            assert (said.verdict[0]["step"], said.verdict[0]["verdict"], said.verdict[0]["rail"]) == first[arm]
            (row,) = said.experiment
            assert (row["arm"], row["name"], row["since"]) == (arm, "A kinder word", DAY)
        assert arm_of(who) == arm
    alone = next(who for who, arm in expected.items() if arm == "holdout")
    worlds_apart = explain.why(customer=alone, as_of=later(5))
    assert worlds_apart.experiment[0]["since"] == DAY
    assert "hold-out of the experiment" in worlds_apart.experiment[0]["sentence"]


@pytest.mark.django_db
def test_a_draft_that_is_tried_is_not_written_anew(world: World, boss: User) -> None:
    begun = begin(world.house, boss, to=0.5)
    rival = begun.challenger
    assert rival
    newer = shelf.revise(rival, data={**rival.data, "steps": [{**STEP, "days": 3}]}, now=at(DAY), by=boss)
    assert newer.pk != rival.pk


REFUSED = [
    ({"out": 0.21}, "20 %"),
    ({"out": 0.1, "until": None}, "last day"),
    ({"out": 0.1, "until": later(181)}, "180 days"),
    ({"out": 0.1, "until": later(-1)}, "past"),
    ({"to": 0.8, "out": 0.15}, "10 %"),
    ({"to": float("nan")}, "number"),
    ({"to": -0.1}, "number"),
    ({}, "share"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("how", "said"), REFUSED)
def test_what_an_experiment_may_not_be(world: World, boss: User, how: dict[str, Any], said: str) -> None:
    with pytest.raises(experiment.UnableToExperiment, match=said):
        begin(world.house, boss, **how)
    assert not Experiment.objects.exists()


@pytest.mark.django_db
def test_one_experiment_at_a_time_on_a_scenario(world: World, boss: User) -> None:
    begun = begin(world.house, boss, out=0.1)
    with pytest.raises(experiment.UnableToExperiment, match="stop it first"):
        begin(world.house, boss, out=0.1)
    begin(world.neighbour, boss, out=0.1)
    experiment.stop(begun, as_of=DAY, now=at(DAY), by=boss)
    again = begin(world.house, boss, out=0.1)
    assert again.key != begun.key
    experiment.stop(again, as_of=DAY, now=at(DAY), by=boss)
    with pytest.raises(experiment.UnableToExperiment, match="another version"):
        begin(world.house, boss, to=0.5, rival=again.champion)


@pytest.mark.django_db
def test_a_dry_run_draws_nobody(world: World, boss: User) -> None:
    from amiable.day import run_day

    begin(world.house, boss, to=0.4, out=0.2)
    firms(world.house, 5)
    run_day(as_of=DAY, now=at(DAY), dry_run=True)
    assert not Assignment.objects.exists()
    assert not Hold.objects.filter(kind="holdout").exists()
    assert not Message.objects.exists()
