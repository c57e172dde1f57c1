"""A dispute has a course: an owner, a deadline, steps, and a credit note that ends it when it comes."""

import pytest

from amiable.casework.dispute import (
    UnableToDispute,
    expect_credit,
    give_to,
    open_dispute,
    put_off,
    resolve_dispute,
    tick,
)
from amiable.casework.dispute_course import USUAL, course_of, step_label
from amiable.casework.models import Dispute, DisputeReason, Notification, Task
from amiable.core.calendar import business_days_later, is_business_day
from amiable.core.models import AuditEntry, Role, Scope, User
from amiable.ledger.models import Hold
from amiable.payments.credit_notes import match_credit_notes
from tests.world import DAY, World, allocation, at, credit, invoice, later

pytestmark = pytest.mark.django_db
NOW = at(DAY)


def works(name: str, world: World, role: Role) -> User:
    user = User.objects.create(username=name, email=f"{name}@house.example")
    Scope.objects.create(user=user, role=role, creditor_ref=world.house.pk)
    return user


def opened(world: World, reason: str = "amount", **more: object) -> Dispute:
    return open_dispute(invoice=invoice(world.clara, 10_000), reason=reason, as_of=DAY, now=NOW, **more)


def test_its_category_says_who_answers_it_by_when_and_how(world: World) -> None:
    ada = works("ada", world, Role.ACCOUNTANT)
    dispute = opened(world)
    assert dispute.owner == ada
    assert dispute.due_on == business_days_later(DAY, USUAL["amount"].days, "FR")
    assert [step_label(step) for step in dispute.steps] == [
        str(step_label({"key": key})) for key in USUAL["amount"].steps
    ]
    assert Notification.objects.get(user=ada).url == f"/disputes/{dispute.pk}/"
    assert Task.objects.get(key=f"dispute:{dispute.pk}").assignee == ada


def test_a_creditor_declares_its_own_course(world: World) -> None:
    world.house.policy = {
        "disputes": {"quality": {"days": 2, "role": "customer_service", "steps": ["proof", "Ring the fitter"]}}
    }
    world.house.save()
    course = course_of(world.house, "quality")
    assert (course.days, course.role) == (2, "customer_service")
    assert course_of(world.house, "amount") == USUAL["amount"]
    dispute = opened(world, "quality")
    assert dispute.steps == [{"key": "proof"}, {"text": "Ring the fitter"}]


def test_every_category_has_a_course() -> None:
    assert set(USUAL) == set(DisputeReason.values)
    assert is_business_day(business_days_later(DAY, 7, "FR"), "FR")


def test_steps_owner_deadline_and_each_in_the_trail(world: World) -> None:
    ada, karim = works("ada", world, Role.ACCOUNTANT), works("karim", world, Role.SALES)
    dispute = opened(world)
    assert tick(dispute=dispute, step=0, done=True, now=NOW, by=ada).steps[0]["by"] == "ada"
    assert "done_at" not in tick(dispute=dispute, step=0, done=False, now=NOW, by=ada).steps[0]
    with pytest.raises(UnableToDispute):
        tick(dispute=dispute, step=9, done=True, now=NOW, by=ada)
    assert give_to(dispute=dispute, owner=karim, now=NOW, by=ada).owner == karim
    assert Task.objects.get(key=f"dispute:{dispute.pk}").assignee == karim
    assert put_off(dispute=dispute, due_on=later(30), as_of=DAY, now=NOW, by=ada).due_on == later(30)
    with pytest.raises(UnableToDispute):
        put_off(dispute=dispute, due_on=later(-1), as_of=DAY, now=NOW, by=ada)
    with pytest.raises(UnableToDispute):
        expect_credit(dispute=dispute, amount_minor=10_001, now=NOW, by=ada)
    resolve_dispute(dispute=dispute, resolution="refused", as_of=DAY, now=NOW, by=ada)
    with pytest.raises(UnableToDispute):
        tick(dispute=dispute, step=0, done=True, now=NOW, by=ada)
    acts = list(AuditEntry.objects.filter(detail__dispute=dispute.pk).order_by("pk").values_list("act", flat=True))
    assert acts == [
        "dispute.opened", "dispute.step_done", "dispute.step_undone", "dispute.given", "dispute.put_off", "dispute.resolved",
    ]  # fmt: skip


def expecting(world: World, minor: int) -> Dispute:
    ada = works("ada", world, Role.ACCOUNTANT)
    dispute = opened(world, "credit_expected", amount_minor=minor)
    return expect_credit(dispute=dispute, amount_minor=minor, now=NOW, by=ada)


def matched(world: World, day: int = 3) -> int:
    return match_credit_notes(creditor=world.house, as_of=later(day), now=at(later(day)))["credit_notes"]


def test_the_credit_note_that_comes_ends_it_and_goes_to_its_invoice(world: World) -> None:
    older = invoice(world.clara, 5_000, due_on=later(-90))
    dispute = expecting(world, 4_000)
    credit(world.clara, 4_000, kind="payment", received_on=later(1))
    credit(world.clara, 3_999, kind="credit_note", received_on=later(1), known_at=at(later(1)))
    assert matched(world) == 0
    note = credit(world.clara, 4_000, kind="credit_note", received_on=later(2), known_at=at(later(2)))
    assert matched(world) == 1
    assert matched(world) == 0
    dispute.refresh_from_db()
    assert (dispute.resolution, dispute.credit, dispute.resolved_by) == ("accepted", note, None)
    dispute.invoice.refresh_from_db()
    older.refresh_from_db()
    assert (dispute.invoice.open_minor, older.open_minor) == (6_000, 5_000)
    assert Hold.objects.get(source_ref=f"dispute:{dispute.pk}").until == later(3)


def test_a_credit_note_that_the_accounts_have_put_on_it_counts_too(world: World) -> None:
    dispute = expecting(world, 4_000)
    note = credit(world.clara, 4_000, kind="credit_note", received_on=later(1), known_at=at(later(1)))
    allocation(note, dispute.invoice, 4_000, on=later(1))
    assert matched(world) == 1


def test_an_older_note_a_strangers_and_one_for_another_dispute_do_not(world: World) -> None:
    dispute = expecting(world, 4_000)
    other = opened(world, "credit_expected", amount_minor=4_000)
    expect_credit(dispute=other, amount_minor=4_000, now=NOW, by=User.objects.get(username="ada"))
    credit(world.clara, 4_000, kind="credit_note", received_on=later(-5), known_at=at(later(-5)))
    credit(world.boris, 4_000, kind="credit_note", received_on=later(1), known_at=at(later(1)))
    assert matched(world) == 0
    credit(
        world.clara,
        4_000,
        kind="credit_note",
        received_on=later(1),
        known_at=at(later(1)),
        reference=other.invoice.reference,
    )
    assert matched(world) == 1
    dispute.refresh_from_db()
    assert (dispute.resolution, Dispute.objects.get(pk=other.pk).resolution) == ("", "accepted")
    assert matched(world) == 0  # one note is one dispute's
