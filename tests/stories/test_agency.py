"""What nobody answers goes to an outside agency by a step of the scenario, told day by day; and it comes back."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.casework import place
from amiable.casework.models import Case, Placement, Task
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger import hold
from amiable.ledger.models import Customer, Hold, HoldKind, Invoice
from amiable.scenario import dispatch, explain
from amiable.scenario import place as steps_place
from amiable.scenario.models import Decision
from amiable.web.ui import clock
from tests import world as worlds
from tests.conftest import Post
from tests.stories.telling import live, refusals, steps
from tests.stories.test_branches import FIRST, colleague, runs, sent
from tests.web.desk_rows import desk
from tests.world import DAY, World, at, later

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english", "unmeasured")]

AWAY = {"key": "to_agency", "level": 20, "days": 5, "from": "step", "answer": "none", "action": "place"}


@pytest.fixture
def boss(world: World) -> User:
    return colleague("vera", Role.MANAGER, world)


@pytest.fixture
def agent(world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    return desk(colleague("agent", Role.AGENCY, world, agency="Recouvra"))


def on(day: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk is looked at on that day."""
    monkeypatch.setattr(clock, "now", lambda: at(later(day), 12))
    monkeypatch.setattr(clock, "today", lambda: later(day))


def waiting() -> Task:
    return Task.objects.get(kind="confirm", done_at=None)


def test_unanswered_confirmed_placed_seen_by_the_agency_and_paid(
    world: World, post: Post, boss: User, agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(world, FIRST, {**AWAY, "agency": " Recouvra ", "hold_days": 60}, sent("last_word", 30, 10, **{"from": "step"}))
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-3))
    contested = worlds.invoice(world.boris, 7_000, due_on=later(-3))
    live(DAY, DAY)
    hold.place(
        kind=HoldKind.DISPUTE, source_ref="d", customer=world.boris, since=later(1), now=at(later(1)), invoice=contested
    )
    live(later(5), later(5))
    assert steps(world.boris) == [(DAY, "reminder_1"), (later(5), "to_agency")]
    task = waiting()
    assert (task.assignee, task.context["action"]) == (boss, "place")
    handed = dispatch.hands_over(task=task, as_of=later(5))
    assert handed is not None
    assert (handed.agency, handed.invoices, handed.until) == ("Recouvra", [bill], later(65))  # what is contested stays
    live(later(6), later(6))  # until a person has said so, nothing else is asked or done
    assert waiting() == task
    assert not Placement.objects.exists()
    on(6, monkeypatch)
    agent_page = reverse("desk:customer", args=[world.boris.pk])
    assert agent.get(agent_page).status_code == 404
    now = at(later(6), 12)
    with CaptureQueriesContext(connection) as asked:
        assert dispatch.confirm(task=task, as_of=later(6), now=now, by=boss) == 1
    locked = [each["sql"] for each in asked if "UPDATE" in each["sql"].split("WHERE")[-1]]
    order = list(dict.fromkeys(re.findall(r'FROM "(\w+)"', " ".join(locked))))
    assert order == [
        "ledger_invoice",
        "casework_case",
        "casework_task",
    ]  # as a payment, which closes the case behind it
    assert dispatch.confirm(task=task, as_of=later(6), now=now, by=boss) == 0
    row = Placement.objects.get()
    assert (row.agency, row.until, row.placed_by) == ("Recouvra", later(66), boss)
    bill.refresh_from_db()
    assert (bill.reached, bill.reached_on) == (20, later(6))
    page = agent.get(agent_page).content.decode()
    assert bill.reference in page
    assert contested.reference not in page
    told = explain.why(customer=world.boris, as_of=later(7))
    assert {each["reference"]: each["step"] for each in told.invoices}[bill.reference] == "to_agency"
    live(later(9), later(9))
    assert len(post.letters()) == 1  # nothing of ours meanwhile
    worlds.paid(bill, 10_000, on=later(9))
    on(10, monkeypatch)
    listed = agent.get(reverse("desk:placements")).content.decode()
    for words in ("Boris", "€100.00", "€300.00"):
        assert words in listed, words
    file = agent.get(reverse("desk:placements"), {"format": "csv"}).content.decode("utf-8-sig").splitlines()
    assert len(file) == 2
    assert bill.reference in file[1]
    assert {"300.00", "100.00"} <= set(file[1].split(","))
    worlds.paid(bill, 30_000, on=later(10))
    live(later(11), later(11))
    row.refresh_from_db()
    assert (row.outcome, row.recalled_at) == ("paid", at(later(11)))
    assert agent.get(agent_page).status_code == 404
    acts = AuditEntry.objects.filter(act__startswith="case.").order_by("pk").values_list("act", "user")
    assert list(acts) == [("case.handed_over", boss.pk), ("case.taken_back", None)]


def test_the_term_ends_and_the_invoice_goes_on_where_it_stood(world: World, post: Post) -> None:
    runs(
        world, FIRST, {**AWAY, "mode": "automatic", "hold_days": 7},
        sent("last_word", 30, 2, template="reminder_2", **{"from": "step"}),
    )  # fmt: skip
    world.house.policy["agency"] = "Recouvra"
    world.house.save()
    Customer.objects.filter(pk__in=[world.anna.pk, world.boris.pk]).update(kind="business")
    Customer.objects.filter(pk=world.clara.pk).update(kind="consumer")
    bills = [worlds.invoice(who, 40_000, due_on=later(-3)) for who in (world.anna, world.boris, world.clara)]
    live(DAY, DAY)
    live(later(5), later(5))
    dispatch.dispatch(as_of=later(5), now=at(later(5), 9))  # once more
    assert set(Placement.objects.values_list("case__customer", "agency")) == {
        (world.anna.pk, "Recouvra"),
        (world.boris.pk, "Recouvra"),
    }
    assert waiting().customer == world.clara  # what a private customer owes never goes without a person's word
    place.recall(
        customer=world.anna,
        outcome="withdrawn",
        as_of=later(6),
        now=at(later(6)),
        by=colleague("v", Role.MANAGER, world),
    )
    live(later(7), later(7))
    live(later(11), later(11))
    assert steps(world.anna)[-1] == (later(7), "last_word")  # taken back by a person, it goes on at its day
    assert steps(world.boris)[-1] == (later(5), "to_agency")
    live(later(12), later(12))
    assert steps(world.boris)[-1] == (later(12), "last_word")
    assert Placement.objects.get(case__customer=world.boris).outcome == "not_paid"
    bills[1].refresh_from_db()
    assert bills[1].reached == 30
    assert not hold.active(as_of=later(12)).filter(kind=HoldKind.PLACED).exists()


def test_nothing_goes_that_may_not_and_the_verdict_names_why(world: World, post: Post) -> None:
    runs(world, FIRST, {**AWAY, "days": 1, "mode": "automatic", "minimum": 100})
    people = [world.anna, world.boris, world.clara, world.dora, world.emil]
    Customer.objects.filter(pk__in=[each.pk for each in people]).update(kind="business")
    Hold.objects.all().delete()
    for who in people:
        worlds.invoice(who, 5_000 if who == world.emil else 40_000, due_on=later(-3))
    live(DAY, DAY)
    for who, kind in ((world.anna, HoldKind.VULNERABLE), (world.dora, HoldKind.INSOLVENCY)):
        hold.place(kind=kind, source_ref="test", customer=who, since=later(1), now=at(later(1)))
    hold.place(
        kind=HoldKind.PROMISE, source_ref="test", customer=world.boris, since=later(1), now=at(later(1)),
        invoice=Invoice.objects.get(customer=world.boris),
    )  # fmt: skip
    live(later(1), later(1))
    assert [each[1:] for who in people for each in refusals(who)] == [
        ("to_agency", "vulnerability"), ("to_agency", "no_agency"), ("to_agency", "insolvency"), ("to_agency", "below_minimum"),
    ]  # fmt: skip
    assert not Placement.objects.exists()
    world.house.policy["agency"] = "Recouvra"
    world.house.save()
    live(later(2), later(2))
    assert [row.case.customer for row in Placement.objects.all()] == [world.clara]


def test_what_changed_since_it_was_decided_stays_and_what_follows_goes_to_the_same_agency(
    world: World, post: Post, boss: User
) -> None:
    runs(world, FIRST, {**AWAY, "agency": "Recouvra"})
    bill = worlds.invoice(world.boris, 40_000, due_on=later(-3))
    live(DAY, DAY)
    live(later(5), later(5))
    task, decision = waiting(), Decision.objects.get(step="to_agency")
    how: dict[str, Any] = {"task": task, "as_of": later(6), "now": at(later(6)), "by": boss}
    with pytest.raises(dispatch.UnableToConfirm):
        dispatch.prepare(task=task, as_of=later(6), now=at(later(6)))
    promise = hold.place(
        kind=HoldKind.PROMISE, source_ref="p", customer=world.boris, since=later(5), now=at(later(5)), invoice=bill
    )
    with pytest.raises(place.UnableToPlace, match="overdue and free"):
        dispatch.confirm(**how)
    Hold.objects.filter(pk=promise.pk).delete()
    rest = hold.place(kind=HoldKind.INSOLVENCY, source_ref="i", customer=world.boris, since=later(5), now=at(later(5)))
    with pytest.raises(place.UnableToPlace, match="Insolvency"):
        dispatch.confirm(**how)
    Hold.objects.filter(pk=rest.pk).delete()
    assert waiting() == task  # a refusal leaves the task as it was
    case = Case.objects.get(customer=world.boris)
    place.place_invoices(
        customer=world.boris, currency=case.currency, invoices=[], agency="Another", until=None, decision_ref=0,
        as_of=later(5), now=at(later(5)),
    )  # fmt: skip
    assert dispatch.confirm(**how) == 1
    assert Placement.objects.get(decision_ref=decision.pk).agency == "Another"
    assert steps_place.hand_over(decision, {}, as_of=later(7), now=at(later(7))) is None
    with pytest.raises(place.UnableToPlace, match="lies with Another"):
        place.place(customer=world.boris, agency="Third", as_of=later(7), now=at(later(7)), by=boss)
    assert len(place.recall(customer=world.boris, outcome="withdrawn", as_of=later(7), now=at(later(7)), by=boss)) == 2


def test_by_hand_it_is_a_task_and_only_who_may_place_says_yes(world: World, post: Post, client: Client) -> None:
    by_hand = {**AWAY, "mode": "manual", "if": "kind = 'business'"}
    runs(world, FIRST, {**by_hand, "agency": "Recouvra"}, {**AWAY, "key": "other", "level": 30, "agency": "Recouvra"})
    karim, vera = colleague("karim", Role.COLLECTOR, world), colleague("vera", Role.MANAGER, world)
    Customer.objects.filter(pk=world.clara.pk).update(kind="business")
    Customer.objects.filter(pk=world.boris.pk).update(kind="consumer")
    for who in (world.boris, world.clara):
        worlds.invoice(who, 40_000, due_on=later(-3))
    live(DAY, DAY)
    live(later(5), later(5))
    asked = Task.objects.get(customer=world.clara)
    assert (asked.kind, asked.assignee, asked.key.split(":")[0]) == ("other", vera, "task")
    assert Invoice.objects.get(customer=world.clara).reached == 20
    assert not Placement.objects.exists()
    task = waiting()
    client.force_login(karim)
    approvals, look = reverse("desk:approvals"), reverse("desk:approval", args=[f"task-{task.pk}"])
    assert world.boris.name not in client.get(approvals).content.decode()
    client.post(reverse("desk:task_done", args=[task.pk]), {"outcome": "confirmed"})
    task.refresh_from_db()
    assert task.done_at is None
    client.force_login(vera)
    assert world.boris.name in client.get(approvals).content.decode()
    assert "Recouvra" in client.get(look).content.decode()
    dispatch.decline(task=task, days=1, reason="Wait", as_of=later(5), now=at(later(5)), by=vera)
