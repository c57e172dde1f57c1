"""Rules of escalation: each speaks once per case, about what is free, to whoever has the role."""

from dataclasses import replace

import pytest

from amiable.casework.dispute import open_dispute
from amiable.casework.models import Case, Escalation, Notification, Task, Word
from amiable.core.models import Role, Scope, User
from amiable.ledger import hold
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Customer, HoldKind
from amiable.portfolio.models import Profile
from amiable.portfolio.refresh import refresh
from amiable.scenario.escalate import POLICY, Rule, concerned, escalate, rules_of
from tests.world import DAY, World, at, invoice, later

pytestmark = pytest.mark.django_db
AMOUNT = Rule("big", "overdue", 10, 50_000, "credit_manager", "task")


def works(name: str, world: World, role: Role = Role.MANAGER, **more: object) -> User:
    user = User.objects.create(username=name, email=f"{name}@house.example", **more)
    Scope.objects.create(user=user, role=role, creditor_ref=world.house.pk)
    return user


def declare(world: World, *rules: Rule) -> None:
    adopt(creditor=world.house, choices={POLICY: [rule.data() for rule in rules]}, now=at(DAY), by=None)
    assert rules_of(world.house) == list(rules)


def late(who: Customer, minor: int, *, days: int = 30) -> Case:
    """An open case with an invoice so many days late on the day after which the tests ask."""
    invoice(who, minor, due_on=later(-days), known_at=at(later(-days)))
    return Case.objects.create(
        creditor=who.creditor, customer=who, currency="EUR", opened_on=later(-days), opened_overdue_minor=minor
    )


def run(world: World, day: int = 0) -> int:
    refresh(as_of=later(day), creditor=world.house)
    return escalate(creditor=world.house, as_of=later(day), now=at(later(day)))["escalated"]


def test_too_much_is_passed_up_once_per_case(world: World) -> None:
    vera = works("vera", world, language="en")
    declare(world, AMOUNT)
    case = late(world.boris, 60_000)
    late(world.anna, 40_000)
    late(world.nadia, 90_000)  # another creditor's
    assert [run(world), run(world), run(world, 1)] == [1, 0, 0]
    task = Task.objects.get()
    assert (task.customer, task.assignee, task.case) == (world.boris, vera, case)
    assert task.context["responsible"] == "credit_manager"
    assert "€600.00" in Notification.objects.get(user=vera).text
    assert Escalation.objects.get().subject == f"case:{case.pk}"
    # A new case is a new matter.
    Case.objects.update(closed_on=DAY)
    late(world.boris, 60_000)
    assert run(world, 1) == 1


def test_another_rule_changed_lets_this_one_rest(world: World) -> None:
    declare(world, AMOUNT)
    late(world.boris, 60_000)
    assert run(world) == 1
    declare(world, AMOUNT, replace(AMOUNT, key="bigger", amount_minor=90_000))
    assert run(world) == 0


@pytest.mark.parametrize("what", ["customer", "invoice", "paid", "young"])
def test_what_is_held_paid_or_young_is_left_alone(world: World, what: str) -> None:
    declare(world, AMOUNT)
    late(world.boris, 60_000, days=5 if what == "young" else 30)
    told = {"kind": HoldKind.PERSON, "source_ref": "t", "customer": world.boris, "since": later(-1), "now": at(DAY)}
    if what == "customer":
        hold.place(**told)
    if what == "invoice":
        hold.place(invoice=world.boris.invoices.get(), **told)
    if what == "paid":
        Case.objects.update(closed_on=DAY)
    assert run(world) == 0


def test_the_biggest_come_first_and_not_all_in_one_day(world: World) -> None:
    late(world.boris, 60_000)
    late(world.anna, 70_000)
    refresh(as_of=DAY, creditor=world.house)
    found = concerned(AMOUNT, creditor=world.house, as_of=DAY, limit=1)
    assert [(each.customer, each.minor, each.days) for each in found] == [(world.anna.pk, 70_000, 30)]


def test_silence_counts_from_the_last_sign_of_life(world: World) -> None:
    declare(world, Rule("quiet", "silence", 20, 0, "credit_manager", "tell"))
    vera = works("vera", world)
    late(world.boris, 10_000)
    late(world.anna, 10_000)
    refresh(as_of=DAY, creditor=world.house)
    Profile.objects.filter(customer__in=[world.boris, world.anna]).update(last_contact_on=later(-3))
    Profile.objects.filter(customer=world.anna).update(last_reply_on=later(-10))
    assert escalate(creditor=world.house, as_of=DAY, now=at(DAY)) == {"escalated": 1}
    assert Notification.objects.get(user=vera).customer == world.boris
    assert not Task.objects.exists()  # a line to read, and nothing to do
    # Nobody is silent who was not spoken to.
    Escalation.objects.all().delete()
    Profile.objects.update(last_contact_on=None)
    assert escalate(creditor=world.house, as_of=DAY, now=at(DAY)) == {"escalated": 0}


def test_a_task_left_lying_and_a_dispute_past_its_day(world: World) -> None:
    vera = works("vera", world)
    declare(
        world,
        Rule("lying", "task", 5, 0, "credit_manager", "task"),
        Rule("slow", "dispute", 2, 0, "credit_manager", "task"),
    )
    dispute = open_dispute(invoice=invoice(world.clara, 9_000), reason="amount", as_of=DAY, now=at(DAY))
    assert dispute.due_on is not None
    after = (dispute.due_on - DAY).days
    assert run(world, 4) == 0
    assert run(world, 5) == 1  # the task of the dispute
    assert run(world, after + 2) == 0
    assert run(world, after + 3) == 1
    assert run(world, after + 30) == 0  # what was passed up is not passed up again
    assert Task.objects.filter(key__startswith="raise:", assignee=vera).count() == 2


def test_the_salesperson_is_asked_by_e_mail(world: World) -> None:
    karim = works("karim", world, Role.SALES, language="en")
    declare(world, replace(AMOUNT, role="sales", does="word"))
    late(world.boris, 60_000)
    Customer.objects.filter(pk=world.boris.pk).update(salesperson=karim)
    assert [run(world), run(world)] == [1, 0]
    word = Word.objects.get()
    assert (word.user, word.customer, word.by) == (karim, world.boris, None)
    assert "€600.00" in word.question


def test_where_nobody_can_be_written_to_a_line_stands_alone(world: World) -> None:
    karim = works("karim", world, Role.SALES)
    User.objects.filter(pk=karim.pk).update(email="")
    declare(world, replace(AMOUNT, role="sales", does="word"))
    late(world.boris, 60_000)
    Customer.objects.filter(pk=world.boris.pk).update(salesperson=karim)
    assert run(world) == 1
    assert not Word.objects.exists()
    assert Notification.objects.get(user=karim).customer == world.boris
