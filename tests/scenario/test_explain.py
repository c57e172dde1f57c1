"""Why a customer was, or was not, contacted on a day: told as the day stood, and the past is not rewritten by what came."""

import pytest

from amiable.casework.models import Task
from amiable.ledger.models import Invoice
from amiable.scenario import explain, shelf
from amiable.scenario.models import Decision
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


def test_a_day_is_told_with_facts_segment_scenario_invoices_verdict_and_what_comes(world: World, post: Post) -> None:
    shelf.stock(now=at(DAY))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-4))
    live(DAY, DAY)
    told = explain.why(customer=world.boris, as_of=DAY)
    assert told.facts[0]["overdue"] == 400
    assert told.facts[0]["dpd"] == 4
    assert [(each["key"], each["pinned"]) for each in told.scenario] == [("businesses", True)]
    assert told.segment[0]["key"]
    assert [(row["reference"], row["level"], row["days_late"]) for row in told.invoices] == [(bill.reference, 0, 4)]
    # The engine, asked about that morning, says what was then decided and recorded.
    assert [(row["step"], row["verdict"], row["rail"]) for row in told.verdict] == [("reminder_1", "do", "")]
    assert [(row["step"], row["verdict"], row["version"]) for row in told.decided] == [("reminder_1", "do", 1)]
    assert [(step.on, step.step) for step in told.ahead][:2] == [(DAY, "reminder_1"), (later(8), "reminder_2")]


def test_a_past_day_reads_as_it_stood(world: World, post: Post) -> None:
    shelf.stock(now=at(DAY))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-4))
    live(DAY, later(8))
    worlds.paid(bill, on=later(9))
    before, after = explain.why(customer=world.boris, as_of=later(8)), explain.why(customer=world.boris, as_of=later(9))
    assert [(row["step"], row["verdict"]) for row in before.verdict] == [("reminder_2", "do")]
    assert [(row["step"], row["open_minor"]) for row in before.invoices] == [("reminder_1", 40_000)]
    assert after.invoices == []
    assert after.ahead == []
    assert [row["step"] for row in after.decided] == ["reminder_2", "reminder_1"]


def test_what_was_learnt_later_does_not_change_what_a_day_knew(world: World, post: Post) -> None:
    shelf.stock(now=at(DAY))
    worlds.invoice(world.boris, 40_000, due_on=later(-4))
    live(DAY, later(8))
    told = explain.why(customer=world.boris, as_of=later(8))
    # The bank's file of the next day: paid and billed days before, as nobody knew when the reminder went out.
    worlds.paid(Invoice.objects.get(), on=later(7), known_on=later(9))
    worlds.invoice(world.boris, 7_000, due_on=later(-2), known_at=at(later(9)))
    assert explain.why(customer=world.boris, as_of=later(8)) == told
    assert told.facts[0]["overdue"] == 400
    after = explain.why(customer=world.boris, as_of=later(9))
    assert [row["open_minor"] for row in after.invoices] == [7_000]
    assert after.facts[0]["overdue"] == 70


def test_why_not_is_told_with_the_rail_and_nothing_is_written(world: World) -> None:
    shelf.stock(now=at(DAY))
    worlds.invoice(world.dora, 40_000, due_on=later(-4))
    told = explain.why(customer=world.dora, as_of=DAY)
    assert [(row["verdict"], row["rail"]) for row in told.verdict] == [("not", "insolvency")]
    assert told.verdict[0]["sentence"] == "Insolvency proceedings are open: claims go another way."
    assert not Decision.objects.exists()
    assert not Task.objects.exists()
    early = explain.why(customer=world.emil, as_of=DAY)
    assert (early.facts, early.verdict, early.ahead) == ([], [], [])
