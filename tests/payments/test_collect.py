"""Instalments collected by a saved way to pay: on their day, once, and not late while the bank has not answered."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import pytest
from django.http import HttpRequest

from amiable.casework.models import Task
from amiable.core.errors import Refused, Unavailable
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.payments import acquire
from amiable.payments.models import Attempt, Mandate, Plan
from amiable.payments.plans.agree import UnableToAgree
from amiable.payments.plans.collect import Summary, collect
from amiable.payments.plans.judge import judge_plans
from amiable.payments.providers import PSP, Link, Reference, Word
from amiable.scenario.respond import payment_arrived
from tests.payments.plan_rows import FIRST, accept, agreed, offered, pays, then
from tests.payments.rows import NOW, TODAY, creditor, customer, invoice, word

pytestmark = pytest.mark.django_db


class Carrier(PSP):
    """A provider at the port that notes what it was asked for, and answers as told."""

    label = "Carrier"
    supports = frozenset({"charge"})
    answer: Exception | None = None

    def __init__(self) -> None:
        super().__init__({})
        self.asked: list[int] = []

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Link:
        return Link("https://pay.example")

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        return ()

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        return Reference("r")

    def charge(self, attempt: Attempt, *, mandate: Mandate, now: datetime) -> Reference:
        self.asked.append(attempt.amount_minor)
        if self.answer:
            raise self.answer
        return Reference(f"ch_{attempt.token}")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(acquire, "acquirer", lambda _creditor, _key: made)
    return made


@pytest.fixture
def dora() -> Customer:
    return customer(creditor(released_at=NOW), name="Dora")


@pytest.fixture
def bill(dora: Customer) -> Invoice:
    return invoice(dora, 60_000)


def saved(who: Customer, **more: Any) -> Mandate:
    fields: dict[str, Any] = {
        "customer": who, "provider": "dummy", "token": f"m{who.pk}", "reference": "pm_1", "scheme": "sepa_debit",
        "asked_at": NOW, "signed_on": TODAY,
    }  # fmt: skip
    return Mandate.objects.create(**fields | more)


@pytest.fixture
def plan(dora: Customer, bill: Invoice) -> Plan:
    return accept(offered(dora, [bill]), mandate=saved(dora))


def run(day: date, **more: Any) -> Summary:
    return collect(as_of=day, now=then(day), **more)


def test_each_on_its_day_once_and_filled_when_the_money_comes(carrier: Carrier, plan: Plan, bill: Invoice) -> None:
    assert run(date(2026, 4, 4)) == Summary()
    assert run(FIRST) == Summary(asked=1)
    assert run(FIRST) == Summary()
    attempt = Attempt.objects.get()
    assert (attempt.amount_minor, attempt.journey, attempt.invoices) == (20_000, "standing", [bill.pk])
    judge_plans(as_of=date(2026, 4, 9), now=then(date(2026, 4, 9)))
    plan.refresh_from_db()
    assert plan.state == "agreed", "the bank has not answered yet"
    payment_arrived(provider="dummy", words=[word(attempt, "succeeded", at=then(FIRST))], now=then(date(2026, 4, 9)))
    assert [part.paid_minor for part in plan.instalments.order_by("due_on")] == [20_000, 0, 0]
    assert run(date(2026, 5, 5)) == Summary(asked=1)
    assert carrier.asked == [20_000, 20_000]


def test_what_was_paid_by_hand_is_not_collected_again(carrier: Carrier, plan: Plan, bill: Invoice) -> None:
    pays(bill, 15_000, date(2026, 4, 2))
    judge_plans(as_of=date(2026, 4, 2), now=then(date(2026, 4, 2)))
    run(FIRST)
    assert carrier.asked == [5_000]


@pytest.mark.parametrize(
    ("answer", "summary"), [(Refused("no"), Summary(refused=1)), (Unavailable("?"), Summary(asked=1))]
)
def test_refused_is_for_a_person_and_no_answer_is_not_asked_again(
    carrier: Carrier, plan: Plan, answer: Exception, summary: Summary
) -> None:
    carrier.answer = answer
    assert run(FIRST) == summary
    assert run(FIRST) == Summary()
    assert Task.objects.filter(kind="call").count() == summary.refused
    day = date(2026, 4, 8)
    judge_plans(as_of=day, now=then(day))
    plan.refresh_from_db()
    assert plan.state == ("late" if summary.refused else "agreed")


def test_a_way_that_has_ended_is_for_a_person(carrier: Carrier, plan: Plan) -> None:
    Mandate.objects.update(ended_on=TODAY)
    assert run(FIRST) == Summary(refused=1)
    assert (carrier.asked, Task.objects.filter(kind="call").count()) == ([], 1)


@pytest.mark.parametrize("fields", [{"stopped_at": NOW}, {"released_at": None}])
def test_nothing_is_collected_for_who_is_stopped_or_not_released(
    carrier: Carrier, plan: Plan, fields: dict[str, Any]
) -> None:
    Creditor.objects.update(**fields)
    assert run(FIRST) == Summary()


def test_only_of_one_creditor_only_of_plans_that_run(carrier: Carrier, plan: Plan, bill: Invoice) -> None:
    assert run(FIRST, creditor=creditor()) == Summary()
    Plan.objects.update(state="withdrawn")
    assert run(FIRST) == Summary()


def test_by_hand_where_no_way_was_chosen(carrier: Carrier, dora: Customer, bill: Invoice) -> None:
    saved(dora)
    agreed(dora, [bill])
    assert run(FIRST) == Summary()


def test_a_debit_is_told_before_it_is_made_and_a_card_need_not_be(dora: Customer, bill: Invoice) -> None:
    soon = date(2026, 3, 23)
    with pytest.raises(UnableToAgree):
        accept(offered(dora, [bill], first_on=soon), mandate=saved(dora))
    Mandate.objects.update(scheme="card")
    assert accept(offered(dora, [bill], first_on=soon), mandate=Mandate.objects.get()).state == "agreed"


def test_another_s_or_an_old_way_is_not_taken(dora: Customer, bill: Invoice) -> None:
    stranger = saved(customer(dora.creditor))
    old = saved(dora, expires_on=date(2026, 3, 1))
    for mandate in (stranger, old):
        with pytest.raises(UnableToAgree):
            accept(offered(dora, [bill]), mandate=mandate)
