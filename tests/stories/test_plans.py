"""Plans told day by day: one kept, one late and put right, one broken, after which the reminders go on where they stood."""

from datetime import timedelta

import pytest
from django.test import Client

from amiable.casework.models import Case, Task
from amiable.ledger.models import Customer, Invoice
from amiable.payments.models import Plan
from amiable.payments.plans.terms import Terms, schedule
from amiable.scenario import respond
from amiable.web.ui import clock
from tests import world as worlds
from tests.conftest import Post, text_of
from tests.stories.telling import live, portal_link, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


def builds(who: Customer, bill: Invoice, day: int, *, count: int = 3, first: int = 7) -> Plan:
    """The customer says on the portal how they pay: weeks apart, so that a story is short."""
    parts = schedule(total_minor=bill.open_minor, count=count, first_on=later(first), every="week")  # type: ignore[arg-type]
    saying = respond.BuildsPlan(
        currency="EUR", invoices=[bill.pk], terms=Terms(parts), name=who.name, ip="192.0.2.1", reason="temporary"
    )
    respond.customer_said(customer=who, saying=saying, now=at(later(day), 20), origin="portal")
    return who.plans.latest("pk")


def pays(bill: Invoice, amount_minor: int, day: int) -> None:
    """Money in the books, for this invoice; the day's run spreads it."""
    worlds.credit(bill.customer, amount_minor, received_on=later(day), reference=bill.reference)


def state(plan: Plan) -> str:
    plan.refresh_from_db()
    return plan.state


def test_anna_builds_a_plan_from_the_link_in_a_reminder_and_keeps_it(
    world: World, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = worlds.invoice(world.anna, 30_000, due_on=later(-4))
    live(DAY, DAY)
    assert steps(world.anna) == [(DAY, "reminder_1")]
    [reminder] = post.to("anna@example.org")
    monkeypatch.setattr(clock, "now", lambda: at(DAY, 20))
    visitor, link = Client(), portal_link(text_of(reminder))
    visitor.post(f"{link}identify/", {"answer": world.anna.number})
    told = {
        "about": bill.pk,
        "currency": "EUR",
        "count": 2,
        "first_on": later(5),
        "total": 30_000,
        "name": "Anna Lefèvre",
    }
    assert visitor.post(f"{link}plan/accept/", told).status_code == 302
    plan = Plan.objects.get(customer=world.anna)
    assert [part.due_on for part in plan.instalments.order_by("due_on")] == [later(5), later(36)]

    pays(bill, 15_000, 5)
    live(later(5), later(6))
    assert plan.instalments.order_by("due_on")[0].settled_on == later(5)
    live(later(20), later(21))
    pays(bill, 15_000, 34)
    live(later(34), later(35))
    assert (state(plan), plan.ended_on) == ("done", later(34))
    assert steps(world.anna) == [(DAY, "reminder_1")]
    assert Case.objects.get(customer=world.anna).closed_because == "paid"


def test_emil_is_late_puts_it_right_and_hears_no_reminder(world: World, post: Post) -> None:
    bill = worlds.invoice(world.emil, 30_000, due_on=later(-4))
    live(DAY, DAY)
    plan = builds(world.emil, bill, 0)
    live(later(9), later(9))
    assert state(plan) == "agreed"
    live(later(10), later(10))
    assert (state(plan), plan.late_since) == ("late", later(10))
    pays(bill, 20_000, 12)
    live(later(12), later(12))
    assert (state(plan), plan.cured_on) == ("cured", later(12))
    pays(bill, 10_000, 21)
    live(later(21), later(21))
    assert state(plan) == "done"
    assert steps(world.emil) == [(DAY, "reminder_1")]
    assert refusals(world.emil) == []


def test_boris_breaks_his_plan_and_is_back_at_his_step(world: World, post: Post) -> None:
    bill = worlds.invoice(world.boris, 80_000, due_on=later(-12), reached=20, reached_on=later(-2))
    plan = builds(world.boris, bill, 0, count=2)
    pays(bill, 10_000, 3)
    live(later(3), later(3))
    assert [part.paid_minor for part in plan.instalments.order_by("due_on")] == [10_000, 0]
    live(later(10), later(10))
    assert state(plan) == "late"
    live(later(20), later(20))
    assert steps(world.boris) == []
    live(later(21), later(21))
    assert (state(plan), plan.ended_on) == ("broken", later(21))
    bill.refresh_from_db()
    assert (bill.reached, bill.open_minor) == (20, 70_000)
    call = Task.objects.get(customer=world.boris, kind="call", key__startswith="plan:")
    told = respond.CallOutcome(task_id=call.pk, outcome="no_answer")
    respond.customer_said(customer=world.boris, saying=told, now=at(later(21), 15), origin="call")
    live(later(22), later(24))
    [(day, step)] = steps(world.boris)
    assert step == "reminder_2"
    assert day > plan.ended_on


def test_a_day_repeated_changes_nothing(world: World, post: Post) -> None:
    bill = worlds.invoice(world.anna, 30_000, due_on=later(-4))
    plan = builds(world.anna, bill, 0)
    first = live(later(10), later(10))[later(10)]
    again = live(later(10), later(10))[later(10)]
    assert (first["plans"]["late"], again["plans"]["late"]) == (1, 0)
    assert state(plan) == "late"
    assert plan.answer_by == later(10) + timedelta(days=10)
