"""Segments: ordered, the first that matches wins, checked when saved, and who was where when is kept."""

from datetime import date

import pytest

from amiable.core.conditions import UnableToRead
from amiable.ledger.models import Customer
from amiable.portfolio import moves, segments
from amiable.portfolio.models import Membership, Profile, SegmentSet
from amiable.portfolio.refresh import refresh
from tests import world
from tests.world import DAY, at, later

pytestmark = pytest.mark.django_db


def chosen(owner: object, *pairs: tuple[str, str], version: int = 1) -> None:
    rows = [{"key": key, "label": {"en": key, "fr": key}, "when": when} for key, when in pairs]
    segments.check(rows)
    SegmentSet.objects.create(creditor=owner, version=version, segments=rows, active_since=at(DAY))


def history(who: Customer) -> list[tuple[str, date, date | None]]:
    return list(Membership.objects.filter(customer=who).order_by("since").values_list("segment", "since", "until"))


def segment_of(who: Customer) -> str:
    return Profile.objects.get(customer=who).segment


def test_the_first_that_matches_wins() -> None:
    owner = world.creditor()
    big, small, none = (world.customer(owner) for _ in range(3))
    world.invoice(big, 90_000), world.invoice(small, 2_000), world.invoice(none, 500)
    chosen(owner, ("much", "overdue > 500"), ("some", "overdue > 10"), ("also_some", "overdue > 10"))
    refresh(as_of=later(1))
    assert [segment_of(who) for who in (big, small, none)] == ["much", "some", ""]
    assert history(none) == []


def test_a_set_of_one_segment_for_everyone() -> None:
    owner = world.creditor()
    people = [world.customer(owner) for _ in range(3)]
    for who in people:
        world.invoice(who)
    chosen(owner, ("all", ""))
    refresh(as_of=DAY)
    assert {segment_of(who) for who in people} == {"all"}


def test_a_creditors_own_set_is_its_own_and_the_newest_counts() -> None:
    ours, theirs = world.creditor(), world.creditor()
    chosen(ours, ("old", ""))
    chosen(ours, ("new", ""), version=2)
    assert [segment["key"] for segment in segments.active(ours.pk)] == ["new"]
    assert segments.active(theirs.pk) == segments.starter()
    assert segments.labels(theirs.pk, "fr-FR")["good_payer"] == "Bon payeur"


def test_membership_is_a_history_and_a_day_run_twice_leaves_no_empty_period() -> None:
    owner = world.creditor()
    row = world.invoice(world.customer(owner), 10_000, due_on=later(3))
    chosen(owner, ("late", "overdue > 0"), ("fine", ""))
    for day in (0, 1, 4, 4, 5):
        refresh(as_of=later(day))
    assert history(row.customer) == [("fine", DAY, later(4)), ("late", later(4), None)]
    world.paid(row, on=later(5))
    refresh(as_of=later(5))
    assert history(row.customer) == [("fine", DAY, later(4)), ("late", later(4), later(5)), ("fine", later(5), None)]
    world.invoice(row.customer, 500, due_on=later(4))
    refresh(as_of=later(5))
    assert history(row.customer) == [("fine", DAY, later(4)), ("late", later(4), None)]


def test_who_is_in_no_segment_any_more_on_the_day_of_arriving_was_never_there() -> None:
    owner = world.creditor()
    row = world.invoice(world.customer(owner), 10_000, due_on=DAY)
    chosen(owner, ("late", "overdue > 0"))
    refresh(as_of=later(1))
    world.paid(row, on=later(1))
    refresh(as_of=later(1))
    assert segment_of(row.customer) == ""
    assert history(row.customer) == []


def test_segments_changed_and_changed_back_on_one_day_are_no_move() -> None:
    owner = world.creditor()
    row = world.invoice(world.customer(owner), 10_000, due_on=DAY)
    chosen(owner, ("late", "overdue > 0"))
    refresh(as_of=later(1))
    for version, key in ((2, "slow"), (3, "late")):
        chosen(owner, (key, "overdue > 0"), version=version)
        refresh(as_of=later(9))
    assert history(row.customer) == [("late", later(1), None)]
    seen = Membership.objects.filter(customer=row.customer)
    assert [(m.origin, m.target) for m in moves.by_month(memberships=seen, since=later(2))] == []


def test_who_matches_nothing_any_more_has_left() -> None:
    owner = world.creditor()
    row = world.invoice(world.customer(owner), 10_000, due_on=DAY)
    chosen(owner, ("late", "overdue > 0"))
    refresh(as_of=later(1))
    world.paid(row, on=later(2))
    refresh(as_of=later(2))
    assert history(row.customer) == [("late", later(1), later(2))]
    assert segment_of(row.customer) == ""


@pytest.mark.parametrize(
    "rows",
    [
        [{"key": "", "when": ""}],
        [{"when": ""}],
        [{"key": "a", "when": ""}, {"key": "a", "when": ""}],
        [{"key": "a", "when": "solvent"}],
        [{"key": "a", "when": "overdue"}],
        [{"key": f"s{n}", "when": ""} for n in range(201)],
    ],
)
def test_a_set_that_cannot_be_used_is_refused_with_a_sentence(rows: list[dict[str, str]]) -> None:
    with pytest.raises(UnableToRead) as caught:
        segments.check(rows)
    assert str(caught.value).endswith(".")
