"""A scenario with branches, told day by day through the real cycle: who answers, who is silent, who has no address."""

from typing import Any

import pytest

from amiable.casework import dispute
from amiable.casework import task as tasks
from amiable.casework.models import Case, Notification, Task
from amiable.core.models import Role, Scope, User
from amiable.ledger import hold
from amiable.ledger.models import Branch, Contact, Customer, Hold, HoldKind
from amiable.outreach.models import Event, Message
from amiable.portfolio.refresh import refresh
from amiable.scenario import decide, dispatch, explain, gather, leave, respond, shelf
from amiable.scenario.engine.moment import EVENTS
from amiable.scenario.models import Decision
from amiable.scenario.sayings import Promises
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live, refusals, steps
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unmeasured")]


def runs(world: World, *journey: dict[str, Any]) -> None:
    """From now on the house's customers all go this way."""
    data = {"key": "a_trial", "applies": "", "label": {"en": "Trial"}, "steps": list(journey)}
    shelf.activate(shelf.save(data=data, creditor=world.house, now=at(DAY)))


def sent(key: str, level: int, days: int, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "level": level, "days": days, "channel": "email", "template": "reminder_1", "tone": "warm"
    } | more  # fmt: skip


def colleague(name: str, role: Role, world: World, **narrow: Any) -> User:
    user = User.objects.create(username=name, language="en")
    Scope.objects.create(user=user, role=role, creditor_ref=world.house.pk, **narrow)
    return user


FIRST = sent("reminder_1", 10, 3)


def test_who_is_silent_is_called_who_opened_is_written_to_who_broke_a_promise_hears_at_once(
    world: World, post: Post
) -> None:
    runs(
        world,
        FIRST,
        sent("broken", 20, 0, **{"from": "promise_broken", "until": 5}),
        sent("read", 30, 6, answer="opened", **{"from": "step"}),
        {"key": "call", "level": 40, "days": 6, "from": "step", "channel": "call", "answer": "none"},
    )
    for who in (world.anna, world.boris, world.clara):
        worlds.invoice(who, 40_000, due_on=later(-3))
    live(DAY, DAY)
    message = Message.objects.get(customer=world.anna)
    respond.link_opened(message_ref=message.pk, customer=world.anna, now=at(later(1)))
    said = Promises(40_000, "EUR", later(3), [])
    respond.customer_said(customer=world.boris, saying=said, now=at(DAY, 15), origin="desk")
    live(later(1), later(4))
    assert refusals(world.boris) == [(later(4), "broken", "waiting")]  # who broke a promise is to be called first
    tasks.finish(task=Task.objects.get(customer=world.boris), outcome="voicemail", now=at(later(4), 17))
    live(later(5), later(8))
    assert steps(world.anna) == [(DAY, "reminder_1"), (later(7), "read")]  # the sixth day is a Sunday
    assert steps(world.clara) == [(DAY, "reminder_1"), (later(7), "call")]
    assert steps(world.boris) == [(DAY, "reminder_1"), (later(7), "broken")]


def test_who_has_no_address_is_called_instead_and_who_prefers_the_telephone_too(world: World, post: Post) -> None:
    runs(world, {**FIRST, "channel": "best", "fallback": ["email", "call"]})
    mute = worlds.customer(world.house, email="", phone="+33600000009")
    Contact.objects.filter(customer=world.boris).update(preferences={"channel": "call"})
    for who in (mute, world.anna, world.boris):
        worlds.invoice(who, 40_000, due_on=later(-3))
    live(DAY, DAY)
    told = dict(Decision.objects.values_list("customer_id", "channel"))
    assert told == {mute.pk: "call", world.anna.pk: "email", world.boris.pk: "call"}
    assert set(Task.objects.values_list("customer_id", "kind")) == {(mute.pk, "call"), (world.boris.pk, "call")}
    assert Task.objects.get(customer=mute).key.startswith("call:")


def test_a_step_by_hand_lays_its_message_on_a_desk_and_sends_nothing(world: World, post: Post) -> None:
    runs(world, {**FIRST, "mode": "manual", "responsible": "sales"}, sent("reminder_2", 20, 10))
    seller = colleague("sam", Role.SALES, world)
    Customer.objects.filter(pk=world.boris.pk).update(salesperson=seller)
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-3))
    live(DAY, DAY)
    task = Task.objects.get()
    assert (task.kind, task.assignee, task.context["responsible"]) == ("manual", seller, "sales")
    prepared = dispatch.prepare(task=task, as_of=DAY, now=at(DAY))
    assert bill.reference in prepared.text
    bill.refresh_from_db()
    assert (bill.reached, bill.reached_on) == (10, DAY)
    live(later(1), later(9))
    assert refusals(world.boris)[-1][1:] == ("reminder_2", "waiting")
    tasks.finish(task=task, outcome="done", now=at(later(8), 17), by=seller)
    refresh(as_of=later(9))
    assert world.boris.profiles.get().contacts_7d == 1  # what was sent by hand is a contact
    assert not Message.objects.exists()
    worlds.paid(bill)
    with pytest.raises(dispatch.UnableToConfirm):
        dispatch.prepare(task=task, as_of=later(9), now=at(later(9)))


def test_what_the_house_does_itself_is_done_once_and_the_invoices_climb(world: World, post: Post) -> None:
    runs(
        world,
        {"key": "look", "level": 10, "days": 1, "action": "task", "responsible": "branch_director",
         "title": {"en": "Look", "fr": "Regarder"}},
        {"key": "rest", "level": 20, "days": 2, "action": "hold", "hold_days": 4, "reason": "Holidays"},
        {"key": "higher", "level": 30, "days": 3, "action": "escalate"},
        {"key": "highest", "level": 40, "days": 7, "action": "escalate"},
        {"key": "over", "level": 50, "days": 8, "action": "end"},
        sent("never", 60, 9),
    )  # fmt: skip
    north = Branch.objects.create(creditor=world.house, code="N", name="North")
    head = colleague("nora", Role.BRANCH, world, branch_ref=north.pk)
    colleague("otto", Role.BRANCH, world, branch_ref=north.pk + 1)
    boss = colleague("vera", Role.MANAGER, world)
    chiefs = [colleague("ada", Role.ADMIN, world), colleague("alan", Role.ADMIN, world)]
    Customer.objects.filter(pk=world.boris.pk).update(branch=north)
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-1))
    for day in range(3):
        live(later(day), later(day))
        dispatch.dispatch(as_of=later(day), now=at(later(day), 9))  # once more
    first = Task.objects.get()
    assert (first.kind, first.title, first.assignee) == ("other", "Regarder", head)
    pause = Hold.objects.get(kind=HoldKind.PAUSE)
    assert (pause.invoice_id, pause.since, pause.until, pause.reason) == (bill.pk, later(1), later(5), "Holidays")
    live(later(3), later(9))
    assert steps(world.boris) == [
        (DAY, "look"), (later(1), "rest"), (later(5), "higher"), (later(6), "highest"), (later(7), "over"),
    ]  # fmt: skip
    raised = list(Task.objects.filter(key__startswith="escalate:").order_by("pk"))
    assert [(each.assignee, each.context["responsible"]) for each in raised] == [
        (boss, "credit_manager"),
        (None, "admin"),
    ]
    assert [line.user for line in Notification.objects.order_by("pk")] == [boss, *chiefs]
    out = Hold.objects.get(kind=HoldKind.OUT)
    assert (out.since, out.until) == (later(7), None)
    bill.refresh_from_db()
    assert bill.reached == 50
    assert not Message.objects.exists()
    # A colleague returns it: it goes on where it stood.
    leave.give_back(holds=[out], as_of=later(10), now=at(later(10)), by=boss)
    live(later(10), later(10))
    assert steps(world.boris)[-1] == (later(10), "never")


def test_what_a_colleague_lifted_is_not_placed_again_by_the_same_step(world: World, post: Post) -> None:
    runs(world, {"key": "rest", "level": 10, "days": 1, "action": "hold", "hold_days": 9}, sent("reminder_2", 20, 5))
    worlds.invoice(world.boris, 40_000, due_on=later(-1))
    live(DAY, DAY)
    hold.end(Hold.objects.filter(kind=HoldKind.PAUSE), on=DAY)
    assert dispatch.dispatch(as_of=DAY, now=at(DAY, 9))["held"] == 0
    assert not hold.active(as_of=DAY).filter(customer=world.boris).exists()


def test_an_answer_that_ends_the_journey_is_seen_as_a_hold_and_ends_with_a_return(world: World, post: Post) -> None:
    runs(world, {**FIRST, "ends": ["opened", "disputed"]}, sent("reminder_2", 20, 8))
    bill, other = (worlds.invoice(world.anna, 40_000, due_on=later(-3)) for _ in range(2))
    quiet = worlds.invoice(world.clara, 40_000, due_on=later(-3))
    live(DAY, DAY)
    message = Message.objects.get(customer=world.anna)
    respond.link_opened(message_ref=message.pk, customer=world.anna, now=at(later(1)))
    row = dispute.open_dispute(invoice=worlds.invoice(world.clara), reason="other", as_of=later(1), now=at(later(1)))
    live(later(1), later(6))
    holds = Hold.objects.filter(kind=HoldKind.OUT)
    assert {each.invoice_id for each in holds} == {bill.pk, other.pk}
    assert {each.until for each in holds} == {None}
    told = explain.why(customer=world.anna, as_of=later(6))
    assert all(line["hold"].startswith("out, ") for line in told.invoices)
    assert steps(world.anna) == steps(world.clara) == [(DAY, "reminder_1")]
    told = explain.why(customer=world.clara, as_of=later(6))
    assert [line["ended_by"] for line in told.invoices if line["reference"] == quiet.reference] == ["disputed"]
    by = User.objects.create(username="vera")
    leave.give_back(holds=holds, as_of=later(7), now=at(later(7)), by=by)
    dispute.resolve_dispute(dispute=row, resolution="withdrawn", as_of=later(7), now=at(later(7)))
    live(later(7), later(8))
    assert steps(world.anna)[-1] == (later(7), "reminder_2")
    assert steps(world.clara)[-1] == (later(7), "reminder_2")


def test_invoices_taken_out_by_a_colleague_stand_still_and_go_on_where_they_stood(world: World, post: Post) -> None:
    runs(world, FIRST, sent("reminder_2", 20, 8))
    one, two = (worlds.invoice(world.boris, 40_000, due_on=later(-3)) for _ in range(2))
    live(DAY, DAY)
    by = User.objects.create(username="vera")
    for _ in range(2):
        leave.take_out(
            customer=world.boris, invoices=[one], action="Visit", until=later(20), key="k", as_of=later(1),
            now=at(later(1)), by=by,
        )  # fmt: skip
    task = Task.objects.get()
    assert (task.title, task.assignee, task.context["invoices"]) == ("Visit", by, [one.pk])
    assert explain.why(customer=world.boris, as_of=later(2)).invoices[0]["held"]
    live(later(2), later(7))
    assert Decision.objects.get(step="reminder_2").about == [two.pk]
    [out] = Hold.objects.filter(kind=HoldKind.OUT)
    leave.give_back(holds=[out], as_of=later(9), now=at(later(9)), by=by)
    task.refresh_from_db()
    assert task.outcome == "done"
    live(later(9), later(9))
    assert Decision.objects.get(as_of=later(9)).about == [one.pk]
    for wrong in ({"invoices": []}, {"until": later(1)}):
        with pytest.raises(leave.UnableToLeave):
            leave.take_out(
                **{
                    "customer": world.boris, "invoices": [one], "action": "x", "until": later(3), "key": "w",
                    "as_of": later(1), "now": at(later(1)), "by": by,
                } | wrong
            )  # fmt: skip


def test_every_event_is_read_from_the_rows_that_tell_it(world: World, post: Post) -> None:
    runs(world, FIRST, sent("x", 20, 30, answer="none"))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-3))
    live(DAY, DAY)
    message = Message.objects.get()
    Event.objects.create(message=message, kind="bounced", at=at(later(1)), source="t", external_id="1")
    Event.objects.create(message=message, kind="clicked", at=at(later(2)), source="t", external_id="2")
    worlds.paid(bill, 10_000, on=later(3))
    respond.customer_said(
        customer=world.boris, saying=Promises(100, "EUR", later(5), []), now=at(later(4)), origin="desk"
    )
    dispute.open_dispute(invoice=bill, reason="other", as_of=later(4), now=at(later(4), 9))
    refresh(as_of=later(5))
    with gather.candidates(as_of=later(5), moments=gather.ALWAYS):
        row = gather.customers(as_of=later(5), steps=[s for j in decide.used() for s in j.steps]).row(0, named=True)
    told = {name[11:]: row[name] for name in row if name.startswith("days_since_")}
    assert {name: told[name] for name in ("bounced", "clicked", "opened", "part_paid", "promised", "disputed")} == {
        "bounced": 4, "clicked": 3, "opened": 3, "part_paid": 2, "promised": 1, "disputed": 1,
    }  # fmt: skip
    assert [told[name] for name in ("promise_broken", "replied", "payment_failed")] == [None] * 3
    for events, found in ((set(EVENTS), 1), ({"part_paid"}, 1), ({"clicked"}, 1), ({"promise_broken"}, 0)):
        moments = {0: gather.Moment(events=frozenset(events))}
        with gather.candidates(as_of=later(5), moments=moments) as invoices:
            assert invoices.height == found
    assert Case.objects.count() == 1
