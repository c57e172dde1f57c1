"""Rows say who is responsible; a portfolio is handed over and taken back, and nothing is moved."""

from datetime import timedelta

import pytest

from amiable.casework.entrust import all_in_charge, by_rule, in_charge, responsible
from amiable.casework.hand_over import (
    UnableToEntrust,
    UnableToHandOver,
    entrust_to,
    hand_over,
    reinstate,
    relieve,
    take_back,
)
from amiable.casework.models import HandOver, Responsibility, Task
from amiable.casework.task import ask
from amiable.core.models import AuditEntry, Role, Scope, User
from amiable.ledger.models import Branch, Customer
from tests.world import DAY, World, at, invoice, later

pytestmark = pytest.mark.django_db
NOW = at(DAY)


def works(name: str, world: World, role: Role = Role.COLLECTOR) -> User:
    user = User.objects.create(username=name, email=f"{name}@house.example")
    Scope.objects.create(user=user, role=role, creditor_ref=world.house.pk)
    return user


def collector(customer: Customer, *, on: object = DAY) -> User | None:
    return in_charge(role="collector", customers=[customer], as_of=on).get(customer.pk)


def test_the_narrowest_row_that_fits_counts(world: World) -> None:
    sam, lea, boss = works("sam", world), works("lea", world), works("boss", world, Role.MANAGER)
    north = Branch.objects.create(creditor=world.house, code="N", name="North")
    told = {"creditor": world.house, "role": "collector", "since": DAY, "now": NOW, "by": boss}
    entrust_to(user=sam, **told)
    entrust_to(user=lea, branch=north, customer_kind="business", **told)
    Customer.objects.filter(pk=world.boris.pk).update(branch=north)
    world.boris.refresh_from_db()
    assert collector(world.anna) == sam
    assert collector(world.boris) == lea
    assert collector(world.nadia) is None  # another creditor's
    told_of = {"customer": world.boris, "roles": ["collector", "credit_manager", "sales"], "as_of": DAY}
    assert all_in_charge(**told_of) == {"collector": lea, "credit_manager": boss}
    assert AuditEntry.objects.filter(act="responsibility.given", user=boss).count() == 2


def test_amounts_and_kinds_of_invoices_narrow(world: World) -> None:
    sam, big, terms, boss = (works(name, world) for name in ("sam", "big", "terms", "boss"))
    told = {"creditor": world.house, "role": "collector", "since": DAY, "now": NOW, "by": boss}
    entrust_to(user=sam, **told)
    entrust_to(user=big, from_minor=50_000, **told)
    entrust_to(user=terms, invoice_kind="term", below_minor=50_000, **told)
    small, large = invoice(world.anna, 10_000), invoice(world.boris, 50_000)
    assert collector(world.anna, on=later(5)) == sam
    assert collector(world.boris, on=later(5)) == big
    part = invoice(world.anna, 1_000, kind="term")
    assert collector(world.anna, on=later(5)) == terms
    # What the work is about counts, where it is said.
    about = {world.anna.pk: [small.pk]}
    assert by_rule(role="collector", customers=[world.anna], as_of=later(5), about=about) == {world.anna.pk: sam}
    asked = ask(
        kind="call",
        key="t",
        customer=world.boris,
        title="Call",
        due_on=later(5),
        now=NOW,
        context={"invoices": [large.pk]},
    )
    assert asked.assignee == big
    assert part.kind == "term"


def test_two_rows_as_narrow_are_nobody_and_an_ended_row_says_nothing(world: World) -> None:
    sam, lea = works("sam", world), works("lea", world)
    told = {"creditor": world.house, "role": "collector", "since": DAY, "now": NOW, "by": sam}
    first, second = (
        entrust_to(user=sam, customer_kind="business", **told),
        entrust_to(user=lea, customer_kind="business", **told),
    )
    assert by_rule(role="collector", customers=[world.boris], as_of=DAY) == {}
    assert relieve(row=second, as_of=DAY, now=NOW, by=sam)
    assert not relieve(row=second, as_of=DAY, now=NOW, by=sam)
    assert by_rule(role="collector", customers=[world.boris], as_of=DAY) == {world.boris.pk: sam}
    assert reinstate(row=second, now=NOW, by=sam)
    assert by_rule(role="collector", customers=[world.boris], as_of=DAY) == {}
    assert entrust_to(user=sam, customer_kind="business", **told) == first  # the same wish twice is one row
    assert Responsibility.objects.count() == 2


def test_what_cannot_be_entrusted_is_refused(world: World) -> None:
    sam, stranger = works("sam", world), User.objects.create(username="x")
    far = Branch.objects.create(creditor=world.neighbour, code="F", name="Far")
    told = {"creditor": world.house, "since": DAY, "now": NOW, "by": sam}
    for more in (
        {"user": stranger, "role": "collector"},
        {"user": sam, "role": "buyer"},
        {"user": sam, "role": "collector", "branch": far},
        {"user": sam, "role": "collector", "from_minor": 10, "below_minor": 5},
    ):
        with pytest.raises(UnableToEntrust):
            entrust_to(**told, **more)


def test_a_portfolio_is_anothers_for_a_time_and_back_again(world: World) -> None:
    karim, zoe = works("karim", world, Role.SALES), works("zoe", world, Role.SALES)
    Customer.objects.filter(pk=world.boris.pk).update(salesperson=karim)
    world.boris.refresh_from_db()
    told = {"creditor": world.house, "absent": karim, "stand_in": zoe, "now": NOW, "by": karim}
    row = hand_over(since=later(1), until=later(8), **told)

    def sells(day: int) -> User | None:
        return in_charge(role="sales", customers=[world.boris], as_of=later(day)).get(world.boris.pk)

    assert [sells(day) for day in (0, 1, 7, 8)] == [karim, zoe, zoe, karim]
    assert take_back(row=row, now=NOW, by=karim)
    assert not take_back(row=row, now=NOW, by=karim)
    assert sells(3) == karim
    assert world.boris.salesperson == karim
    hand_over(since=DAY, until=None, **told)  # for good
    assert sells(900) == zoe


def test_a_stand_in_who_is_away_has_a_stand_in(world: World) -> None:
    one, two, three = (works(name, world) for name in ("one", "two", "three"))
    told = {"creditor": world.house, "since": DAY, "until": later(9), "now": NOW, "by": one}
    hand_over(absent=one, stand_in=two, **told)
    hand_over(absent=two, stand_in=three, **told)
    entrust_to(creditor=world.house, role="collector", user=one, since=DAY, now=NOW, by=one)
    assert responsible(customer=world.boris, case=None, as_of=DAY) == three
    assert Task.objects.count() == 0


def test_a_hand_over_in_a_circle_or_to_a_stranger_is_refused(world: World) -> None:
    one, two, stranger = works("one", world), works("two", world), User.objects.create(username="x")
    told = {"creditor": world.house, "since": DAY, "until": later(9), "now": NOW, "by": one}
    hand_over(absent=one, stand_in=two, **told)
    for absent, stand_in in ((one, two), (two, one), (two, two), (two, stranger)):
        with pytest.raises(UnableToHandOver):
            hand_over(absent=absent, stand_in=stand_in, **told)
    with pytest.raises(UnableToHandOver):
        hand_over(**told | {"absent": two, "stand_in": one, "since": later(20), "until": later(20)})
    hand_over(**told | {"absent": two, "stand_in": one, "since": later(20), "until": later(20) + timedelta(days=3)})
    assert HandOver.objects.count() == 2
