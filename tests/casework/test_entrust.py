"""Who is in charge of a customer: the one whose role, branch and own customers say so; nobody where two could be meant."""

import pytest

from amiable.casework.entrust import ROLES, all_of, in_charge
from amiable.casework.models import Case
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.scenario.engine.journey import RESPONSIBLE
from amiable.scenario.lay import HIGHER
from tests.world import DAY, World

pytestmark = pytest.mark.django_db


def user(name: str, **more: object) -> User:
    return User.objects.create(username=name, **more)


def scope(who: User, role: Role, of: Creditor, **narrow: object) -> User:
    Scope.objects.create(user=who, role=role, creditor_ref=of.pk, **narrow)
    return who


def one(role: str, customer: Customer) -> User | None:
    return in_charge(role=role, customers=[customer], as_of=DAY).get(customer.pk)


def test_the_only_one_with_the_role_is_in_charge_two_are_not(world: World) -> None:
    assert one("credit_manager", world.boris) is None
    vera = scope(user("vera"), Role.MANAGER, world.house)
    scope(user("nat"), Role.MANAGER, world.neighbour)
    scope(user("gone", is_active=False), Role.MANAGER, world.house)
    assert one("credit_manager", world.boris) == vera
    max_ = scope(user("max"), Role.MANAGER, world.house)
    assert one("credit_manager", world.boris) is None
    assert all_of(role="credit_manager", customer=world.boris, as_of=DAY) == [vera, max_]


def test_whoever_is_nearest_comes_first(world: World) -> None:
    north, south = (Branch.objects.create(creditor=world.house, code=code, name=code) for code in ("N", "S"))
    Customer.objects.filter(pk=world.boris.pk).update(branch=north)
    world.boris.refresh_from_db()
    whole = scope(user("whole"), Role.COLLECTOR, world.house)
    near = scope(user("near"), Role.COLLECTOR, world.house, branch_ref=north.pk)
    scope(user("far"), Role.COLLECTOR, world.house, branch_ref=south.pk)
    assert in_charge(role="collector", customers=[world.boris, world.anna], as_of=DAY) == {
        world.boris.pk: near, world.anna.pk: whole,
    }  # fmt: skip


def test_a_salesperson_is_the_customers_own_and_a_collector_whoever_has_the_case(world: World) -> None:
    sam, cam = user("sam"), user("cam")
    scope(user("other"), Role.SALES, world.house, own_customers_only=True)
    assert one("sales", world.boris) is None
    Customer.objects.filter(pk=world.boris.pk).update(salesperson=sam)
    world.boris.refresh_from_db()
    assert one("sales", world.boris) == sam
    scope(user("pool"), Role.COLLECTOR, world.house)
    Case.objects.create(creditor=world.house, customer=world.boris, currency="EUR", opened_on=DAY, responsible=cam)
    assert one("collector", world.boris) == cam


def test_every_role_that_a_step_may_name_is_one_of_the_house() -> None:
    assert {*RESPONSIBLE, *HIGHER} == set(ROLES)
