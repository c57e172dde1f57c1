"""Plans at the desk: offers beside each other, approval by who may, restructuring, notice, means that stay private."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from amiable.core.models import AuditEntry, Role
from amiable.ledger import hold
from amiable.ledger.models import Customer, Entry
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.agree import agree
from amiable.payments.plans.judge import judge_plans
from amiable.payments.plans.offer import offer
from amiable.payments.plans.propose import Capacity
from amiable.payments.plans.state import capacity
from amiable.payments.plans.terms import Terms, schedule
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.test_portal import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora() -> Customer:
    found = rows.customer(rows.creditor("ours"), "Dora", kind="consumer")
    rows.invoice(found, 60_000, late=20)
    rows.invoice(found, 30_000, late=-20)
    return found


@pytest.fixture
def manager(dora: Customer) -> Client:
    return rows.desk(rows.colleague("vera", dora.creditor, Role.MANAGER))


@pytest.fixture
def collector(dora: Customer) -> Client:
    return rows.desk(rows.colleague("camille", dora.creditor, Role.COLLECTOR))


def look(of: Customer, **more: Any) -> dict[str, Any]:
    late = of.invoices.filter(due_on__lt=clock.today())
    first = (clock.today() + timedelta(days=20)).isoformat()
    fields = {"token": "t", "currency": "EUR", "invoices": [row.pk for row in late], "reason": "temporary"}
    return fields | {"first_on": first, "every": "month", "monthly": "150"} | more


def new(client: Client, of: Customer, **more: Any) -> Any:
    return client.post(reverse("desk:plan_new", args=[of.pk]), look(of, **more), follow=True)


def made(of: Customer, count: int = 3, **more: Any) -> Plan:
    late = of.invoices.filter(due_on__lt=clock.today())
    total = sum(row.open_minor for row in late)
    parts = schedule(total_minor=total, count=count, first_on=clock.today() + timedelta(days=20))
    fields: dict[str, Any] = {
        "customer": of, "currency": "EUR", "invoices": [row.pk for row in late], "terms": Terms(parts, accelerates=True),
        "level": "manager", "origin": "desk", "as_of": clock.today(), "now": clock.now(),
    }  # fmt: skip
    return offer(**fields | more)


def agreed(of: Customer) -> Plan:
    return agree(plan=made(of), name="Dora", ip=None, origin="desk", as_of=clock.today(), now=clock.now())


def do(client: Client, plan: Plan, act: str, **told: str) -> str:
    answer = client.post(reverse("desk:plan_act", args=[plan.pk, act]), told, follow=True)
    plan.refresh_from_db()
    return text(answer)


def test_offers_stand_beside_each_other_and_one_is_made(manager: Client, dora: Customer) -> None:
    assert "Compare offers" in text(manager.get(reverse("desk:plan_new", args=[dora.pk])))
    page = text(new(manager, dora))
    assert "can be borne: €150.00 a month" in page
    assert page.index("4 payments €150.00") < page.index("2 payments €300.00")
    assert "too much" in page
    assert not Plan.objects.exists()
    page = text(new(manager, dora, choose="0", guarantee="a cheque"))
    assert "The plan is offered." in page
    plan = Plan.objects.get()
    assert (plan.state, plan.instalments.count(), plan.terms["guarantee"]) == ("offered", 4, "a cheque")
    assert capacity(plan) == Capacity(monthly_minor=15_000)
    assert "15000" not in plan.sealed_capacity
    assert "15000" not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"invoices": []}, "required"),
        ({"invoices": [0]}, "valid choice"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": 10_000}, "less than or equal to 120"),
        ({"monthly": "12,3.4"}, "not an amount"),
        ({"first_on": "2026-02-30"}, "valid date"),
        ({"first_on": "2020-01-01"}, "Nothing within the limits"),
        ({"count": 120}, "Nothing within the limits"),
    ],
)
def test_bad_input_is_one_sentence(manager: Client, dora: Customer, wrong: dict[str, Any], sentence: str) -> None:
    assert sentence in text(new(manager, dora, **wrong))
    assert not Plan.objects.exists()


def test_a_collector_asks_and_a_manager_approves(collector: Client, manager: Client, dora: Customer) -> None:
    dora.creditor.policy = {"plans": {"collector_parts": 2}}
    dora.creditor.save()
    assert "Ask for approval" in text(new(collector, dora))
    assert "waits for approval" in text(new(collector, dora, choose="0"))
    plan = Plan.objects.get()
    assert "Approve" not in text(collector.get(reverse("desk:plan", args=[plan.pk])))
    assert "somebody else" in do(collector, plan, "approve")
    assert plan.state == "proposed"
    assert "the customer can accept it" in do(manager, plan, "approve")
    assert plan.state == "offered"
    assert "the agreement is kept" in do(collector, plan, "agree", name="Dora on the phone")
    assert (plan.state, plan.accepted_from) == ("agreed", None)
    paper = manager.get(reverse("desk:plan_paper", args=[plan.pk]))
    assert b"".join(paper.streaming_content).startswith(b"%PDF")  # type: ignore[attr-defined]


def test_restructured_from_the_page_of_the_plan(manager: Client, dora: Customer) -> None:
    old = agreed(dora)
    assert "replaces=" in manager.get(reverse("desk:plan", args=[old.pk])).content.decode()
    new(manager, dora, choose="0")
    assert Plan.objects.count() == 1
    new(manager, dora, choose="0", replaces=str(old.pk), count=6, monthly="")
    assert Plan.objects.latest("pk").replaces == old


def test_notice_is_given_only_of_a_late_plan(manager: Client, dora: Customer) -> None:
    plan = agreed(dora)
    assert "that is late" in do(manager, plan, "accelerate")
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.LATE, late_since=clock.today())
    assert "Notice is given" in do(manager, plan, "accelerate")
    assert plan.accelerates_on == clock.today() + timedelta(days=8)


def test_a_settlement_at_a_discount_is_for_who_approves(collector: Client, dora: Customer) -> None:
    dora.creditor.policy = {"plans": {"discount_percent": 20}}
    dora.creditor.save()
    page = text(new(collector, dora, discount_percent=15, monthly=""))
    assert "At once, less €90.00" in page
    new(collector, dora, discount_percent=15, monthly="", choose="4")
    plan = Plan.objects.get()
    assert (plan.state, plan.needs, plan.discount_minor, plan.total_minor) == ("proposed", "manager", 9_000, 51_000)
    assert not Entry.objects.filter(kind="write_off").exists()


def test_withdrawn_and_back_to_the_scenario(manager: Client, dora: Customer) -> None:
    plan = agreed(dora)
    assert "go on in their scenario" in do(manager, plan, "withdraw", why="Paid by the insurance.")
    assert plan.state == "withdrawn"
    assert not hold.active(as_of=clock.today()).filter(kind="plan").exists()
    assert "over already" in do(manager, plan, "withdraw", why="again")


def test_the_list_has_who_is_late_first_and_only_one_s_own(manager: Client, dora: Customer) -> None:
    boris = rows.customer(dora.creditor, "Boris")
    rows.invoice(boris, 50_000, late=60)
    stranger = rows.customer(rows.creditor("theirs"), "Zoe")
    rows.invoice(stranger, 50_000, late=60)
    for who in (dora, boris, stranger):
        agreed(who)
    later = clock.today() + timedelta(days=30)
    judge_plans(as_of=later, now=clock.now() + timedelta(days=30), customers=[boris.pk])
    page = text(manager.get(reverse("desk:plans")))
    assert page.index("Boris") < page.index("Dora")
    assert "Zoe" not in page
    assert "Dora" not in text(manager.get(reverse("desk:plans"), {"show": "late"}))
    assert "Boris" in text(manager.get(reverse("desk:plans"), {"show": "running"}))
    assert "No plan here" in text(manager.get(reverse("desk:plans"), {"show": "over"}))


@pytest.mark.parametrize(
    ("role", "sees"), [(Role.MANAGER, True), (Role.COLLECTOR, True), (Role.SALES, False), (Role.AUDITOR, False)]
)
def test_means_are_for_who_may_see_them(dora: Customer, role: str, sees: bool) -> None:
    plan = made(dora, capacity=Capacity(income_minor=198_700, charges_minor=150_000), words="My hours were cut.")
    client = rows.desk(rows.colleague("someone", dora.creditor, role))
    page = text(client.get(reverse("desk:plan", args=[plan.pk])))
    assert ("€1,987.00" in page) == sees
    for name in ("customer", "plans"):
        address = reverse("desk:customer", args=[dora.pk]) if name == "customer" else reverse("desk:plans")
        assert "1,987" not in text(client.get(address))


def test_the_customer_s_page_leads_to_it(manager: Client, dora: Customer) -> None:
    with translation.override("en"):
        plan = agreed(dora)
    page = manager.get(reverse("desk:customer", args=[dora.pk])).content.decode()
    assert reverse("desk:plan", args=[plan.pk]) in page
    assert reverse("desk:plan_new", args=[dora.pk]) in page
