"""The life of a plan: offered, approved, agreed, late, cured, broken, kept, replaced, given up."""

from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.utils import translation
from pypdf import PdfReader

from amiable.casework.dispute import open_dispute
from amiable.casework.models import Notification, Task
from amiable.core.models import AuditEntry, User
from amiable.ledger import balance, hold, post
from amiable.ledger.keep import place_of
from amiable.ledger.models import Allocation, Credit, Customer, Entry, Hold, Invoice
from amiable.payments.arrange import UnableToPromise, promise
from amiable.payments.models import Plan, PlanState, Promise
from amiable.payments.plans.accelerate import accelerate
from amiable.payments.plans.agree import UnableToAgree
from amiable.payments.plans.judge import Summary, judge_plans
from amiable.payments.plans.offer import approve, withdraw
from amiable.payments.plans.propose import Capacity
from amiable.payments.plans.terms import UnableToPlan
from amiable.scenario import respond
from tests.payments.plan_rows import FIRST, accept, agreed, held, offered, parts, pays, terms, then
from tests.payments.rows import NOW, TODAY, creditor, customer, invoice

pytestmark = pytest.mark.django_db
SECOND, THIRD = date(2026, 5, 5), date(2026, 6, 5)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def dora() -> Customer:
    return customer(creditor(name="Hélia", iban="FR7630006000011234567890189"), name="Dora Blanc", kind="consumer")


@pytest.fixture
def bill(dora: Customer) -> Invoice:
    return invoice(dora, 60_000, TODAY - timedelta(days=20))


@pytest.fixture
def camille() -> User:
    return User.objects.create(username="camille")


def judge(on: date) -> Summary:
    return judge_plans(as_of=on, now=then(on))


def state(plan: Plan) -> str:
    plan.refresh_from_db()
    return plan.state


def test_an_offer_rests_its_invoices_until_it_expires(dora: Customer, bill: Invoice) -> None:
    other = invoice(dora, 5_000)
    plan = offered(dora, [bill])
    assert (plan.state, plan.total_minor, plan.answer_by) == ("offered", 60_000, TODAY + timedelta(days=10))
    assert parts(plan) == [(FIRST, 20_000, 0), (SECOND, 20_000, 0), (THIRD, 20_000, 0)]
    assert [held(bill, TODAY + timedelta(days=n)) for n in (0, 10, 11)] == [True, True, False]
    assert not held(other, TODAY)
    assert judge(TODAY + timedelta(days=10)) == Summary()
    assert judge(TODAY + timedelta(days=11)) == Summary(expired=1)
    assert state(plan) == "expired"
    with pytest.raises(UnableToAgree, match="does not stand"):
        accept(plan, on=TODAY + timedelta(days=11))


def test_the_day_is_not_needed_for_an_offer_to_be_too_old(dora: Customer, bill: Invoice) -> None:
    plan = offered(dora, [bill])
    with pytest.raises(UnableToAgree, match="has expired"):
        accept(plan, on=TODAY + timedelta(days=11))


def test_agreed_with_name_time_and_address_and_its_paper_is_kept(dora: Customer, bill: Invoice) -> None:
    plan = agreed(dora, [bill])
    assert (plan.state, plan.agreed_at, plan.accepted_at, plan.answer_by) == ("agreed", NOW, NOW, None)
    assert (plan.accepted_name, plan.accepted_from) == ("Dora Blanc", "192.0.2.7")
    kept = place_of(plan.agreement).read_bytes()
    said = " ".join(PdfReader(BytesIO(kept)).pages[0].extract_text().split())
    for words in ("Accord de paiement en 3 fois", "600,00 €", "5 avril 2026", "200,00 €", "Dora Blanc", "192.0.2.7",
                  "Aucuns frais", "10 mars 2026", "10:00:00", bill.reference):  # fmt: skip
        assert words in said
    assert "L.441-10" not in said
    assert held(bill, date(2027, 1, 1))
    again = accept(plan, on=TODAY + timedelta(days=1), name="Somebody else")
    assert (again.accepted_name, again.agreement) == ("Dora Blanc", plan.agreement)
    assert Hold.objects.filter(kind="plan").count() == 1
    assert AuditEntry.objects.filter(act="plan.agreed").count() == 1


@pytest.mark.parametrize(
    ("language", "kind", "freeze", "words"),
    [
        ("en", "consumer", False, "No fee, interest or penalty is added"),
        ("en", "business", True, "No late interest runs"),
        ("en", "business", False, "It is no waiver of the late interest"),
        ("fr", "business", False, "L.441-10"),
    ],
)
def test_the_paper_says_what_holds(bill: Invoice, language: str, kind: str, freeze: bool, words: str) -> None:
    of = bill.customer
    Customer.objects.filter(pk=of.pk).update(language=language, kind=kind)
    of.refresh_from_db()
    plan = accept(offered(of, [bill], terms=terms(60_000, freeze=freeze, accelerates=True, guarantee="a cheque")))
    said = " ".join(PdfReader(BytesIO(place_of(plan.agreement).read_bytes())).pages[0].extract_text().split())
    assert words in said
    assert "a cheque" in said


def test_kept_to_the_end_by_payments_of_any_size_and_order(dora: Customer, bill: Invoice) -> None:
    small = invoice(dora, 30_000, TODAY + timedelta(days=5))
    plan = agreed(dora, [bill, small])
    pays(small, 10_000, TODAY + timedelta(days=2))
    judge(TODAY + timedelta(days=2))
    assert [paid for _day, _amount, paid in parts(plan)] == [10_000, 0, 0]
    pays(bill, 25_000, FIRST)
    judge(FIRST)
    assert [paid for _day, _amount, paid in parts(plan)] == [30_000, 5_000, 0]
    assert plan.instalments.order_by("due_on")[0].settled_on == FIRST
    pays(small, 20_000, SECOND)
    pays(bill, 35_000, SECOND)
    assert judge(SECOND) == Summary(done=1)
    assert judge(SECOND) == Summary()
    assert (state(plan), plan.ended_on) == ("done", SECOND)
    assert not held(bill, SECOND)


def test_money_for_other_invoices_does_not_count(dora: Customer, bill: Invoice) -> None:
    other = invoice(dora, 40_000, TODAY - timedelta(days=90))
    before = invoice(dora, 10_000)
    pays(before, 10_000, TODAY)
    plan = agreed(dora, [bill])
    pays(other, 40_000, FIRST)
    judge(FIRST)
    assert [paid for _day, _amount, paid in parts(plan)] == [0, 0, 0]


def test_money_that_came_in_before_the_offer_does_not_count_and_after_it_does(dora: Customer, bill: Invoice) -> None:
    pays(bill, 10_000, TODAY)
    bill.refresh_from_db()
    plan = offered(dora, [bill], terms=terms(50_000, 2))
    pays(bill, 5_000, TODAY + timedelta(days=3))
    plan = accept(plan, on=TODAY + timedelta(days=4))
    assert [paid for _day, _amount, paid in parts(plan)] == [5_000, 0]


def test_late_cured_late_again_and_broken(dora: Customer, bill: Invoice, camille: User) -> None:
    plan = agreed(dora, [bill], by=camille)
    assert judge(FIRST + timedelta(days=2)) == Summary()
    assert judge(FIRST + timedelta(days=3)) == Summary(late=1)
    assert (state(plan), plan.late_since, plan.answer_by) == ("late", date(2026, 4, 8), date(2026, 4, 18))
    assert judge(FIRST + timedelta(days=4)) == Summary()
    pays(bill, 19_999, date(2026, 4, 10))
    assert judge(date(2026, 4, 10)) == Summary()
    pays(bill, 1, date(2026, 4, 11))
    assert judge(date(2026, 4, 11)) == Summary(cured=1)
    assert (state(plan), plan.cured_on, plan.answer_by) == ("cured", date(2026, 4, 11), None)
    assert judge(date(2026, 5, 8)) == Summary(late=1)
    assert judge(date(2026, 5, 18)) == Summary()
    assert held(bill, date(2026, 5, 18))
    Invoice.objects.filter(pk=bill.pk).update(reached=20)
    assert judge(date(2026, 5, 19)) == Summary(broken=1)
    assert (state(plan), plan.ended_on) == ("broken", date(2026, 5, 19))
    assert not held(bill, date(2026, 5, 19))
    bill.refresh_from_db()
    assert bill.reached == 20
    assert Task.objects.get(kind="call").assignee == camille
    assert Notification.objects.filter(user=camille).count() == 3


def test_money_taken_back_makes_a_plan_late_again(dora: Customer, bill: Invoice) -> None:
    plan = agreed(dora, [bill])
    pays(bill, 20_000, FIRST)
    judge(FIRST)
    post.reverse(allocation=Allocation.objects.get(), as_of=date(2026, 4, 10), now=then(date(2026, 4, 10)))
    assert judge(date(2026, 4, 10)) == Summary(late=1)
    assert [paid for _day, _amount, paid in parts(plan)] == [0, 0, 0]


def test_a_charge_is_no_step_back_and_a_credit_note_is_a_step_on(dora: Customer, bill: Invoice) -> None:
    plan = agreed(dora, [bill])
    post.charge(invoice=bill, kind="interest", amount_minor=700, reason="late", as_of=FIRST, now=then(FIRST))
    pays(bill, 20_000, FIRST)
    judge(FIRST)
    assert [paid for _day, _amount, paid in parts(plan)] == [20_000, 0, 0]
    pays(bill, 40_000, FIRST)
    assert judge(FIRST) == Summary(done=1)
    bill.refresh_from_db()
    assert bill.open_minor == 700


def test_of_somebody_fragile_no_machine_breaks_a_plan(dora: Customer, bill: Invoice) -> None:
    hold.place(kind="vulnerable", source_ref="desk:1", customer=dora, since=TODAY, now=NOW)
    plan = agreed(dora, [bill])
    judge(date(2026, 4, 8))
    for day in (19, 20, 21):
        assert judge(date(2026, 4, day)) == Summary()
    assert state(plan) == "late"
    [asked] = Task.objects.filter(kind="call")
    Task.objects.update(done_at=NOW)
    judge(date(2026, 4, 25))
    asked.refresh_from_db()
    assert asked.done_at == NOW


def test_beyond_the_level_a_person_with_the_right_approves(dora: Customer, bill: Invoice, camille: User) -> None:
    plan = offered(dora, [bill], 6, level="customer", origin="portal")
    assert (plan.state, plan.needs) == ("proposed", "collector")
    plan = accept(plan)
    assert (plan.state, plan.accepted_name, plan.agreed_at) == ("proposed", "Dora Blanc", None)
    assert Task.objects.get(key=f"plan:{plan.pk}:approve").done_at is None
    with pytest.raises(UnableToPlan, match="somebody else"):
        approve(plan=plan, level="customer", as_of=TODAY, now=NOW, by=camille)
    later = then(TODAY + timedelta(days=2))
    plan = approve(plan=plan, level="collector", as_of=TODAY + timedelta(days=2), now=later, by=camille)
    assert (plan.state, plan.accepted_at, plan.agreed_at, plan.approved_by) == ("agreed", NOW, later, camille)
    assert Task.objects.get(key=f"plan:{plan.pk}:approve").outcome == "confirmed"
    assert plan.agreement
    with pytest.raises(UnableToPlan, match="any more"):
        approve(plan=plan, level="manager", as_of=TODAY, now=NOW, by=camille)


def test_refused_withdrawn_and_never_twice(dora: Customer, bill: Invoice, camille: User) -> None:
    plan = offered(dora, [bill], 6, level="customer", origin="portal", capacity=Capacity(income_minor=1))
    withdraw(plan=plan, why="Too long.", as_of=TODAY, now=NOW, by=camille)
    assert (state(plan), plan.sealed_capacity) == ("refused", "")
    assert not held(bill, TODAY)
    plan = agreed(dora, [bill])
    withdraw(plan=plan, why="Paid by a relative.", as_of=TODAY, now=NOW, origin="portal")
    assert state(plan) == "withdrawn"
    with pytest.raises(UnableToPlan, match="over already"):
        withdraw(plan=plan, why="", as_of=TODAY, now=NOW)


def test_a_newer_offer_takes_the_place_of_an_older_one(dora: Customer, bill: Invoice) -> None:
    old = offered(dora, [bill])
    new = offered(dora, [bill], 2)
    assert (state(old), new.state) == ("withdrawn", "offered")
    assert Hold.objects.filter(kind="plan", until__gt=TODAY).count() == 1


def test_restructured_with_its_history(dora: Customer, bill: Invoice) -> None:
    old = agreed(dora, [bill])
    pays(bill, 20_000, FIRST)
    bill.refresh_from_db()
    with pytest.raises(UnableToPlan, match="in a plan already"):
        offered(dora, [bill], 6, on=FIRST, first_on=SECOND)
    new = offered(dora, [bill], 6, on=FIRST, first_on=SECOND, replaces=old)
    assert state(old) == "agreed"
    accept(new, on=FIRST)
    assert (state(old), state(new), new.replaces) == ("replaced", "agreed", old)
    assert [paid for _day, _amount, paid in parts(old)] == [0, 0, 0]
    assert held(bill, FIRST)
    assert sum(amount for _day, amount, _paid in parts(new)) == 40_000


def test_acceleration_only_where_agreed_only_late_and_after_notice(
    dora: Customer, bill: Invoice, camille: User
) -> None:
    plain = agreed(dora, [bill])
    judge(date(2026, 4, 8))
    with pytest.raises(UnableToPlan, match="does not say"):
        accelerate(plan=plain, as_of=date(2026, 4, 8), now=NOW, by=camille)
    withdraw(plan=plain, why="", as_of=date(2026, 4, 8), now=NOW)
    plan = agreed(dora, [bill], terms=terms(60_000, first_on=SECOND, accelerates=True), on=date(2026, 4, 8))
    with pytest.raises(UnableToPlan, match="that is late"):
        accelerate(plan=plan, as_of=date(2026, 4, 9), now=NOW, by=camille)
    judge(date(2026, 5, 8))
    plan = accelerate(plan=plan, as_of=date(2026, 5, 8), now=NOW, by=camille)
    assert (plan.accelerates_on, plan.answer_by) == (date(2026, 5, 16), date(2026, 5, 16))
    assert judge(date(2026, 5, 16)) == Summary()
    assert judge(date(2026, 5, 17)) == Summary(broken=1)


def test_a_settlement_gives_up_the_discount_once_the_rest_is_paid(dora: Customer, bill: Invoice, camille: User) -> None:
    dora.creditor.policy = {"plans": {"discount_percent": 20}}
    dora.creditor.save()
    plan = agreed(dora, [bill], terms=terms(50_000, 1, TODAY + timedelta(days=9), discount_minor=10_000), by=camille)
    pays(bill, 50_000, TODAY + timedelta(days=5))
    assert judge(TODAY + timedelta(days=5)) == Summary(done=1)
    bill.refresh_from_db()
    assert bill.open_minor == 0
    given = Entry.objects.get(kind="write_off")
    assert (given.amount_minor, given.by) == (-10_000, camille)
    assert state(plan) == "done"


def test_a_settlement_that_is_not_kept_gives_up_nothing(dora: Customer, bill: Invoice) -> None:
    dora.creditor.policy = {"plans": {"discount_percent": 20}}
    dora.creditor.save()
    agreed(dora, [bill], terms=terms(50_000, 1, TODAY + timedelta(days=9), discount_minor=10_000))
    pays(bill, 49_999, TODAY + timedelta(days=5))
    judge(TODAY + timedelta(days=12))
    assert judge(TODAY + timedelta(days=30)) == Summary(broken=1)
    assert not Entry.objects.filter(kind="write_off").exists()


def test_a_plan_and_a_promise_do_not_fight(dora: Customer, bill: Invoice) -> None:
    said: dict[str, Any] = {
        "customer": dora, "amount_minor": 100, "currency": "EUR", "promised_for": TODAY + timedelta(days=3),
        "invoices": [bill.pk], "origin": "call", "as_of": TODAY, "now": NOW,
    }  # fmt: skip
    promise(**said)
    agreed(dora, [bill])
    assert Promise.objects.get().state == "withdrawn"
    assert not hold.active(as_of=TODAY).filter(kind="promise").exists()
    with pytest.raises(UnableToPromise, match="payment plan"):
        promise(**said)


def test_it_adds_nothing_to_the_exposure(dora: Customer, bill: Invoice) -> None:
    before = (balance.balance(creditor=dora.creditor, as_of=TODAY), balance.aged(creditor=dora.creditor, as_of=TODAY))
    agreed(dora, [bill])
    judge(TODAY)
    after = (balance.balance(creditor=dora.creditor, as_of=TODAY), balance.aged(creditor=dora.creditor, as_of=TODAY))
    assert before == after


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"terms": terms(59_999)}, "amounts have changed"),
        ({"terms": terms(60_000, 3, TODAY - timedelta(days=1))}, "from today on"),
        ({"terms": terms(60_000, 13)}, "at most 12"),
        ({"terms": terms(50_000, discount_minor=10_000)}, "discount"),
        ({"invoices": [0]}, "no longer open"),
        ({"currency": "USD"}, "no longer open"),
        ({"reason": "none of it"}, "reasons"),
    ],
)
def test_what_cannot_be_planned(dora: Customer, bill: Invoice, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnableToPlan, match=sentence):
        offered(dora, [bill], **more)
    assert not Plan.objects.exists()


def test_a_contested_invoice_and_another_customer_s_are_not_planned(dora: Customer, bill: Invoice) -> None:
    stranger = invoice(customer(dora.creditor), 10_000)
    with pytest.raises(UnableToPlan, match="no longer open"):
        offered(dora, [bill, stranger])
    open_dispute(invoice=bill, reason="quality", as_of=TODAY, now=NOW)
    with pytest.raises(UnableToPlan, match="contested"):
        offered(dora, [bill])


def test_means_are_private(dora: Customer, bill: Invoice) -> None:
    plan = offered(dora, [bill], capacity=Capacity(income_minor=123_456, charges_minor=98_765))
    accept(plan)
    withdraw(plan=plan, why="", as_of=TODAY, now=NOW)
    trail = str(list(AuditEntry.objects.values_list("detail", flat=True)))
    assert "123456" not in trail
    assert "income" not in trail
    assert Plan.objects.get().sealed_capacity == ""
    assert set(PlanState.alive()) & {PlanState.DONE, PlanState.BROKEN} == set()


def test_a_plan_whose_last_money_is_taken_back_runs_on_and_its_discount_is_owed_again() -> None:
    house = creditor(policy={"plans": {"discount_percent": 20}})
    row = invoice(customer(house), 10_000)
    plan = agreed(row.customer, [row], terms=terms(8_000, 2, discount_minor=2_000))
    pays(row, 4_000, FIRST)
    pays(row, 4_000, SECOND)
    assert judge_plans(as_of=SECOND, now=then(SECOND)).done == 1
    row.refresh_from_db()
    assert row.open_minor == 0
    back = SECOND + timedelta(days=2)
    last = Credit.objects.latest("pk")
    respond.payment_returned(credit=last, amount_minor=4_000, key="r1", reason="AM04", now=then(back))
    row.refresh_from_db(), plan.refresh_from_db()
    assert (row.open_minor, plan.state, plan.ended_on, held(row, back)) == (6_000, PlanState.AGREED, None, True)
    assert [paid for _day, _amount, paid in parts(plan)] == [4_000, 0]
    over = SECOND + timedelta(days=3)
    assert judge_plans(as_of=over, now=then(over)).late == 1
    pays(row, 4_000, over)
    assert judge_plans(as_of=over, now=then(over)).done == 1
    row.refresh_from_db()
    assert (row.open_minor, held(row, over)) == (0, False)
