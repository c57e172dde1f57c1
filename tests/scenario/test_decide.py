"""The decide step over real rows: one decision a day, refusals recorded once, versions pinned, the future foreseen."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from amiable.casework.models import Case, Task
from amiable.core.models import User
from amiable.ledger.models import Customer, Invoice
from amiable.outreach.models import Message
from amiable.portfolio.refresh import refresh
from amiable.scenario import decide, dispatch, gather, shelf
from amiable.scenario.engine.journey import UnableToUse
from amiable.scenario.models import Decision, Scenario
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


def morning(day: date) -> dict[str, int]:
    refresh(as_of=day)
    return decide.decide(as_of=day, now=at(day))


def test_one_decision_a_day_for_each_customer_and_currency(world: World) -> None:
    for currency in ("EUR", "USD", "JPY"):
        worlds.invoice(world.boris, 40_000, due_on=later(-5), currency=currency)
        worlds.invoice(world.boris, 40_000, due_on=later(-6), currency=currency)
    figures = morning(DAY)
    assert (figures["do"], figures["written"], figures["cases"]) == (3, 3, 3)
    rows = Decision.objects.order_by("currency")
    assert [(row.currency, row.facts["amount_minor"], len(row.about)) for row in rows] == [
        ("EUR", 80_000, 2), ("JPY", 80_000, 2), ("USD", 80_000, 2),
    ]  # fmt: skip
    assert all(row.case and row.case.currency == row.currency and row.scenario.key == "businesses" for row in rows)
    first = rows[0]
    first.pk = None
    with pytest.raises(IntegrityError, match="decision_one_a_day"), transaction.atomic():
        first.save()


def test_a_refusal_is_recorded_when_it_begins_and_when_it_changes_not_every_day(world: World) -> None:
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-10))
    money = worlds.credit(world.boris, 40_000)
    for day in range(5):
        morning(later(day))
    assert refusals(world.boris) == [(DAY, "reminder_1", "below_minimum")]
    type(world.house).objects.update(released_at=None)
    type(money).objects.filter(pk=money.pk).update(customer=world.clara)
    morning(later(7)), morning(later(8))
    assert refusals(world.boris)[1:] == [(later(7), "reminder_1", "dry_run")]
    type(world.house).objects.update(released_at=at(later(8)))
    assert morning(later(9))["do"] == 1
    assert not Case.objects.filter(customer=world.boris).exclude(opened_on=later(9)).exists()
    bill.refresh_from_db()
    assert bill.reached == 0  # it climbs when the message has left, not when it is decided


def test_a_second_run_of_a_day_lets_what_was_done_stand_and_may_turn_a_refusal(world: World) -> None:
    worlds.invoice(world.boris, 40_000, due_on=later(-10))
    worlds.invoice(world.clara, 40_000, due_on=later(-10))
    waits = Task.objects.create(
        creditor=world.house, customer=world.clara, kind="reply", key="r", due_on=DAY, created_at=at(DAY, 7)
    )
    assert {name: morning(DAY)[name] for name in ("do", "not")} == {"do": 1, "not": 1}
    Task.objects.filter(pk=waits.pk).update(done_at=at(DAY, 9))
    before = Decision.objects.get(customer=world.boris)
    morning(DAY)
    after = Decision.objects.get(customer=world.boris)
    assert (after.pk, after.verdict, after.about) == (before.pk, "do", before.about)
    assert Decision.objects.get(customer=world.clara).verdict == "do"
    assert Decision.objects.count() == 2


def test_orders_and_tasks_are_made_once(world: World) -> None:
    worlds.invoice(world.boris, 40_000, due_on=later(-10))
    worlds.invoice(world.clara, 40_000, due_on=later(-40), reached=40, reached_on=later(-13))
    worlds.invoice(world.anna, 40_000, due_on=later(-40), reached=30, reached_on=later(-13))
    morning(DAY)
    assert dispatch.dispatch(as_of=DAY, now=at(DAY)) == {
        "ordered": 1,
        "tasks": 2,
        "held": 0,
        "placed": 0,
        "addresses": 0,
    }
    assert dispatch.dispatch(as_of=DAY, now=at(DAY)) == {
        "ordered": 0,
        "tasks": 0,
        "held": 0,
        "placed": 0,
        "addresses": 0,
    }
    tasks = sorted(Task.objects.values_list("kind", "customer__name"))
    assert tasks == [("call", "Anna Lefèvre"), ("confirm", "Clara et fils")]
    reached = dict(Invoice.objects.values_list("customer__name", "reached"))
    assert reached == {
        "Boris SARL": 0,
        "Clara et fils": 40,
        "Anna Lefèvre": 40,
    }  # a call laid on a desk is a step taken
    message = Message.objects.get()
    assert (message.customer, message.purpose, message.level, message.medium) == (
        world.boris,
        "reminder_1",
        20,
        "email",
    )


def test_a_step_declined_leaves_the_customer_alone_for_a_while(world: World) -> None:
    worlds.invoice(world.clara, 40_000, due_on=later(-40), reached=40, reached_on=later(-13))
    morning(DAY), dispatch.dispatch(as_of=DAY, now=at(DAY))
    boss = User.objects.create(username="boss")
    task = Task.objects.get()
    how: dict[str, Any] = {"task": task, "as_of": DAY, "now": at(DAY, 10), "by": boss}
    assert dispatch.decline(days=7, reason="rings me every week", **how)
    assert not dispatch.decline(days=7, reason="again", **how)
    assert dispatch.confirm(**how) == 0
    assert morning(later(3))["not"] == 1
    assert Decision.objects.get(as_of=later(3)).rail == "customer_hold"
    assert morning(later(7))["ask"] == 1
    call = Task.objects.create(
        creditor=world.house, customer=world.anna, kind="call", key="c", due_on=DAY, created_at=at(DAY)
    )
    with pytest.raises(dispatch.UnableToConfirm):
        dispatch.confirm(task=call, as_of=DAY, now=at(DAY), by=boss)


def version(owner: object, **change: Any) -> Scenario:
    data = next(dict(each) for each in shelf.shipped() if each["key"] == "businesses")
    row = shelf.save(data=data | change, creditor=owner, now=at(DAY))  # type: ignore[arg-type]
    shelf.activate(row)
    return row


def test_a_case_stays_with_the_version_it_began_with(world: World, post: Post) -> None:
    shelf.stock(now=at(DAY))
    worlds.invoice(world.boris, 40_000, due_on=later(-4))
    live(DAY, DAY)
    step = {"key": "letter_of_chairman", "level": 25, "days": 5, "channel": "email", "template": "reminder_2"}
    newer = version(world.house, steps=[step])
    worlds.invoice(world.clara, 40_000, due_on=later(-2))
    live(later(8), later(8))
    assert steps(world.boris) == [(DAY, "reminder_1"), (later(8), "reminder_2")]
    assert steps(world.clara) == [(later(8), "letter_of_chairman")]
    assert Case.objects.get(customer=world.clara).scenario_ref == newer.pk
    nadia = worlds.invoice(world.nadia, 40_000, due_on=later(4))
    live(later(9), later(9))
    assert steps(world.nadia) == [(later(9), "reminder_1")]  # the neighbour keeps the house's own
    assert nadia.creditor_id != world.house.pk


def test_a_shipped_text_that_changes_is_a_new_version_and_stocking_twice_is_nothing(world: World) -> None:
    shelf.stock(now=at(DAY)), shelf.stock(now=at(DAY))
    stocked = sorted(Scenario.objects.values_list("key", "version", "state"))
    assert stocked == [("businesses", 1, "active"), ("consumers", 1, "active")]
    Scenario.objects.filter(key="consumers").update(data={"key": "consumers", "steps": []})
    shelf.stock(now=at(DAY))
    rows = Scenario.objects.filter(key="consumers").order_by("version")
    assert list(rows.values_list("version", "state")) == [(1, "retired"), (2, "active")]
    with pytest.raises(UnableToUse):
        version(world.house, steps=[])


def foreseen(who: Customer, day: date, **how: Any) -> list[tuple[date, str]]:
    rows = decide.preview(customer=who, as_of=day, now=at(day, 12), **how)
    return [(row.on, row.step) for row in rows if row.verdict != "not"]


def test_what_is_foreseen_is_what_the_days_then_decide(world: World, post: Post) -> None:
    worlds.invoice(world.anna, 30_000, due_on=later(3))
    worlds.invoice(world.boris, 30_000, due_on=later(-4))
    worlds.invoice(world.boris, 50_000, due_on=later(9))
    worlds.invoice(world.clara, 30_000, due_on=later(-20), reached=30, reached_on=later(-6))
    refresh(as_of=DAY), shelf.stock(now=at(DAY))
    people = (world.anna, world.boris, world.clara)
    told = {who: foreseen(who, DAY) for who in people}
    assert [len(said) for said in told.values()] == [3, 3, 2]
    moments = sorted({on for said in told.values() for on, _step in said if on <= later(24)})
    for moment in sorted({moment - timedelta(days=back) for moment in moments for back in (0, 1)} - {later(-1)}):
        live(moment, moment)
        Task.objects.filter(kind="call", done_at=None).update(done_at=at(moment, 14), outcome="no_answer")
    for who in people:
        assert steps(who)[:3] == [each for each in told[who] if each[0] <= later(24)]


def test_what_holds_a_customer_back_is_foreseen_with_its_sentence(world: World) -> None:
    worlds.invoice(world.dora, 30_000, due_on=later(-10))
    refresh(as_of=DAY), shelf.stock(now=at(DAY))
    (row,) = decide.preview(customer=world.dora, as_of=DAY, now=at(DAY))
    assert (row.on, row.step, row.verdict, row.rail) == (DAY, "reminder_1", "not", "insolvency")
    assert row.sentence
    assert decide.preview(customer=world.emil, as_of=DAY, now=at(DAY)) == []
    assert Decision.objects.count() == 0


def test_a_sunday_is_foreseen_as_quiet(world: World) -> None:
    worlds.invoice(world.boris, 30_000, due_on=date(2026, 3, 5))
    refresh(as_of=later(5)), shelf.stock(now=at(DAY))
    assert foreseen(world.boris, later(5), steps=1) == [(date(2026, 3, 9), "reminder_1")]  # the 8th is a Sunday


def test_nobody_open_nobody_decided(world: World) -> None:
    assert morning(DAY) == {"do": 0, "ask": 0, "not": 0, "ended": 0, "written": 0, "cases": 0}
    worlds.invoice(world.anna, due_on=later(90))
    assert morning(DAY)["do"] == 0


def test_an_invoice_that_has_taken_the_last_step_is_not_looked_at_again(world: World) -> None:
    """Most of what is long overdue has: to read it every day for nothing is most of a large day."""
    done = worlds.invoice(world.boris, 40_000, due_on=later(-90), reached=50, reached_on=later(-30))
    due = worlds.invoice(world.boris, 40_000, due_on=later(-10))
    morning(DAY)
    with transaction.atomic(), gather.candidates(as_of=DAY, moments=decide._moments(decide.used())) as found:
        assert found["invoice"].to_list() == [due.pk] != [done.pk]
