"""How people wish to be reached, told day by day: the scenario, the last look and the account of a past day keep to it."""

from typing import Any

import pytest

from amiable.ledger import prefer
from amiable.ledger.models import Customer
from amiable.scenario import explain, shelf
from amiable.scenario.models import Decision
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


def runs(world: World, *journey: dict[str, Any]) -> None:
    data = {"key": "a_trial", "applies": "", "label": {"en": "Trial"}, "steps": list(journey)}
    shelf.activate(shelf.save(data=data, creditor=world.house, now=at(DAY)))


def step(key: str, level: int, days: int, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "level": level, "days": days, "channel": "email", "template": "reminder_1", "tone": "warm"
    } | more  # fmt: skip


def wishes(who: Customer, day: int, **said: Any) -> None:
    prefer.prefer(
        contact=who.contacts.get(), wishes=prefer.Wishes(**said), now=at(later(day), 15), origin="portal"
    )  # fmt: skip


def test_who_wishes_one_contact_a_week_gets_one_and_the_others_go_on(world: World, post: Post) -> None:
    runs(world, step("reminder_1", 10, 3), step("reminder_2", 20, 7))
    for who in (world.anna, world.boris):
        worlds.invoice(who, 40_000, due_on=later(-3))
    live(DAY, DAY)
    wishes(world.anna, 0, per_week=1)
    live(later(1), later(7))
    assert steps(world.boris) == [(DAY, "reminder_1"), (later(4), "reminder_2")]
    assert steps(world.anna) == [(DAY, "reminder_1"), (later(7), "reminder_2")]
    assert (later(4), "reminder_2", "cap") in refusals(world.anna)


def test_the_channel_liked_best_is_the_best_from_the_next_message_on(world: World, post: Post) -> None:
    best = {"channel": "best", "fallback": ["email", "call"]}
    runs(world, step("reminder_1", 10, 3, **best), step("reminder_2", 20, 7, **best))
    worlds.invoice(world.boris, 40_000, due_on=later(-3))
    live(DAY, DAY)
    wishes(world.boris, 1, medium="call")
    live(later(1), later(4))
    told = Decision.objects.filter(customer=world.boris, verdict="do").order_by("as_of")
    assert list(told.values_list("step", "channel")) == [("reminder_1", "email"), ("reminder_2", "call")]


def test_a_past_day_is_explained_with_the_wishes_of_that_day(world: World, post: Post) -> None:
    runs(world, step("reminder_1", 10, 3), step("reminder_2", 20, 7))
    for who in (world.anna, world.boris):
        worlds.invoice(who, 40_000, due_on=later(-3))
    wishes(world.boris, 0, per_week=1)
    live(DAY, later(4))
    wishes(world.anna, 5, per_week=1)
    wishes(world.boris, 5)
    said = {who.pk: explain.why(customer=who, as_of=later(4)).verdict[0] for who in (world.anna, world.boris)}
    assert (said[world.anna.pk]["step"], said[world.anna.pk]["rail"]) == ("reminder_2", "")
    assert (said[world.boris.pk]["step"], said[world.boris.pk]["rail"]) == ("reminder_2", "cap")
