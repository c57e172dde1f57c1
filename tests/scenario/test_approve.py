"""One word on many rows: what has changed since it was looked at is left, the others go on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from amiable.casework.models import Task
from amiable.core.models import User
from amiable.ledger import post
from amiable.ledger.models import Customer, Invoice
from amiable.payments.models import Plan, PlanState
from amiable.scenario import approve, decide, dispatch
from amiable.scenario.approve import Waiting, name_of
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english_on_a_wednesday() -> Iterator[None]:
    now = datetime(2026, 3, 11, 9, tzinfo=UTC)  # no step is taken on a Sunday
    with translation.override("en"), clock.told_by(lambda: now):
        yield


def confirmed_steps(number: int) -> tuple[User, list[Task]]:
    """Customers whose formal notice waits for a word, as the day lays it on the desk."""
    ours = rows.creditor("ours")
    for n in range(number):
        found = rows.customer(ours, f"Customer {n}")
        bill = rows.invoice(found, 50_000, late=60)
        Invoice.objects.filter(pk=bill.pk).update(reached=40, reached_on=clock.today() - timedelta(days=20))
        rows.email(found, f"c{n}@example.org")
    rows.counted()
    decide.decide(as_of=clock.today(), now=clock.now())
    dispatch.dispatch(as_of=clock.today(), now=clock.now())
    tasks = list(Task.objects.filter(kind="confirm").select_related("customer").order_by("pk"))
    assert len(tasks) == number
    return rows.colleague("camille", ours), tasks


def said(
    rows_seen: list[tuple[Waiting, str]], by: User, *, yes: bool = True, levels: dict[int, str] | None = None
) -> approve.Answered:
    return approve.answer(
        rows_seen, yes=yes, reason="not now", levels=levels or {}, as_of=clock.today(), now=clock.now(), by=by
    )


def test_many_at_once_and_what_changed_is_left() -> None:
    camille, tasks = confirmed_steps(3)
    seen = approve.prints(tasks)
    bill = Invoice.objects.get(customer=tasks[1].customer)
    post.write_off(
        invoice=bill, amount_minor=40_000, reason="goodwill", as_of=clock.today(), now=clock.now(), by=camille
    )
    result = said([(task, seen[name_of(task)]) for task in tasks], camille)
    assert [row.pk for row in result.done] == [tasks[0].pk, tasks[2].pk]
    assert [(row.pk, why) for row, why in result.left] == [(tasks[1].pk, "it has changed since you looked at it")]
    assert list(Task.objects.filter(outcome="confirmed").order_by("pk")) == result.done
    assert tasks[0].customer.messages.get().state == "planned"
    assert not tasks[1].customer.messages.exists()
    # The same click again answers nothing twice.
    again = said([(Task.objects.get(pk=task.pk), seen[name_of(task)]) for task in tasks], camille)
    assert again.done == []


def test_a_no_leaves_the_customer_alone_until_it_is_taken_back() -> None:
    camille, tasks = confirmed_steps(1)
    seen = approve.prints(tasks)
    said([(tasks[0], seen[name_of(tasks[0])])], camille, yes=False)
    assert tasks[0].customer.holds.get().reason == "not now"
    (task,) = Task.objects.filter(pk=tasks[0].pk)
    back = approve.take_back([task], as_of=clock.today(), now=clock.now(), by=camille)
    assert len(back.done) == 1
    task.refresh_from_db()
    assert task.done_at is None
    hold = tasks[0].customer.holds.get()
    assert hold.until is not None
    assert hold.until <= clock.today()


def test_plans_go_with_them_within_ones_own_right() -> None:
    ours = rows.creditor("ours")
    customers: list[Customer] = [rows.customer(ours, name) for name in ("Anna", "Boris")]
    for each in customers:
        rows.invoice(each, 10_000, late=10)
    plans = [rows.plan(each) for each in customers]
    seen = approve.prints(plans)
    manager = {customers[0].pk: "manager"}
    result = said([(plan, seen[name_of(plan)]) for plan in plans], rows.colleague("camille", ours), levels=manager)
    assert [row.pk for row in result.done] == [plans[0].pk]
    assert [why for _row, why in result.left] == ["it does not wait for your approval"]
    assert Plan.objects.get(pk=plans[0].pk).state == PlanState.OFFERED
