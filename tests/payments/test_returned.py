"""Money that leaves again: its invoices are open, the case goes on, one person is told once, whatever is told how often."""

from datetime import date, timedelta

import pytest

from amiable.casework.models import Case, Notification, Task
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import Credit, Invoice
from amiable.payments import arrange
from amiable.payments.allocate import allocate
from amiable.payments.attempt import open_attempt
from amiable.payments.providers import Word, WordKind
from amiable.scenario import respond
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice, word

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def paid(*amounts: int, money: int) -> tuple[Credit, list[Invoice]]:
    owner = customer(creditor())
    rows = [invoice(owner, amount, date(2026, 2, 1) + timedelta(days=n)) for n, amount in enumerate(amounts)]
    got = credit(owner, money)
    allocate(credit=got, as_of=TODAY, now=NOW)
    return got, rows


def back(got: Credit, amount: int, key: str = "bank:1") -> object:
    return respond.payment_returned(credit=got, amount_minor=amount, key=key, reason="AC04 account closed", now=NOW)


def open_of(rows: list[Invoice]) -> list[int]:
    return [Invoice.objects.get(pk=row.pk).open_minor for row in rows]


def closed_case(got: Credit, anna: User | None = None, closed_on: date = TODAY) -> Case:
    return Case.objects.create(
        creditor=got.creditor, customer=got.customer, currency="EUR", opened_on=date(2026, 2, 10), closed_on=closed_on,
        closed_because="paid", responsible=anna,
    )  # fmt: skip


def test_what_it_had_paid_is_open_again_and_the_case_goes_on_with_whoever_had_it() -> None:
    got, rows = paid(4_000, 6_000, money=10_000)
    anna = User.objects.create(username="anna")
    case = closed_case(got, anna)
    told = back(got, 10_000)
    assert (sorted(told.invoices), told.amount_minor) == (sorted(row.pk for row in rows), 10_000)
    assert open_of(rows) == [4_000, 6_000]
    case.refresh_from_db()
    assert (case.closed_on, case.closed_because) == (None, "")
    task = Task.objects.get()
    assert (task.case, task.assignee, task.kind) == (case, anna, "check")
    assert "AC04" in task.title
    assert "AC04" in Notification.objects.get(user=anna).text


def test_told_ten_times_it_is_one_return_and_a_task_that_is_done_stays_done() -> None:
    got, rows = paid(4_000, money=4_000)
    back(got, 1_500)
    Task.objects.update(done_at=NOW)
    again = [back(got, 1_500) for _ in range(9)]
    assert all(each.again for each in again)
    assert open_of(rows) == [1_500]
    assert Task.objects.exclude(done_at=None).count() == Task.objects.count() == 1
    back(got, 1_000, key="bank:2")
    assert open_of(rows) == [2_500]


def test_more_than_the_credit_holds_takes_only_what_is_there_and_says_what_was_told() -> None:
    got, rows = paid(4_000, money=4_000)
    told = back(got, 9_999)
    assert (told.amount_minor, open_of(rows)) == (4_000, [4_000])
    assert "99,99" in Task.objects.get().title


def test_a_case_that_another_payment_closed_before_stays_closed_and_an_open_one_is_kept() -> None:
    got, _rows = paid(4_000, money=4_000)
    old = closed_case(got, closed_on=TODAY - timedelta(days=30))
    back(got, 1_000)
    old.refresh_from_db()
    assert old.closed_on
    running = Case.objects.create(creditor=got.creditor, customer=got.customer, currency="EUR", opened_on=TODAY)
    back(got, 1_000, key="bank:2")
    assert Case.objects.get(closed_on=None) == running


def test_nothing_overdue_reopens_no_case() -> None:
    owner = customer(creditor())
    row = invoice(owner, 4_000, TODAY + timedelta(days=30))
    got = credit(owner, 4_000)
    allocate(credit=got, as_of=TODAY, now=NOW)
    case = closed_case(got)
    back(got, 4_000)
    case.refresh_from_db()
    assert case.closed_on
    assert open_of([row]) == [4_000]


def test_provisional_money_that_was_confirmed_leaves_the_credit_that_confirmed_it() -> None:
    got, rows = paid(4_000, money=4_000)
    told_before = credit(got.customer, 4_000, open_minor=4_000, provisional=True)
    Credit.objects.filter(pk=told_before.pk).update(confirmed_by=got)
    told_before.refresh_from_db()
    back(told_before, 4_000)
    assert open_of(rows) == [4_000]


def test_money_of_nobody_leaves_without_a_task() -> None:
    owner = customer(creditor())
    got = credit(owner, 4_000, customer=None)
    assert back(got, 4_000).task is None
    assert back(got, 4_000).again
    assert Credit.objects.get(pk=got.pk).open_minor == 0


@pytest.mark.parametrize(("later", "state", "held"), [(1, "open", True), (9, "broken", False)])
def test_a_promise_that_this_money_had_kept_runs_on_or_is_broken(later: int, state: str, held: bool) -> None:
    owner = customer(creditor())
    row = invoice(owner, 5_000, date(2026, 2, 1))
    given = arrange.promise(
        customer=owner, amount_minor=5_000, currency="EUR", promised_for=TODAY + timedelta(days=5), invoices=[row.pk],
        origin="call", as_of=TODAY, now=NOW,
    )  # fmt: skip
    got = credit(owner, 5_000)
    allocate(credit=got, as_of=TODAY, now=NOW + timedelta(minutes=1))
    arrange.judge_promises(as_of=TODAY, now=NOW)
    given.refresh_from_db()
    assert given.state == "kept"
    when = NOW + timedelta(days=later)
    respond.payment_returned(credit=got, amount_minor=5_000, key="bank:1", reason="AC04", now=when)
    given.refresh_from_db()
    assert (given.state, given.kept_minor) == (state, 0)
    assert hold.active(as_of=when.date()).filter(invoice=row, kind="promise").exists() is held
    assert Task.objects.filter(key=f"promise:{given.pk}:not_kept").exists() is not held


def test_a_return_finds_its_payment_where_the_name_of_the_attempt_was_lost_with_the_providers_answer() -> None:
    row = invoice(customer(creditor(cash_authority="psp")), 4_000)
    asked = {"amount_minor": 4_000, "currency": "EUR"}
    tried = open_attempt(customer=row.customer, invoices=[row.pk], journey="portal", now=NOW, **asked)
    paid = word(tried, "succeeded", payment="pi_1")
    lost = Word(
        external_id="dp_1", kind=WordKind.CHARGED_BACK, attempt="pi_1", payment="pi_1", at=NOW, **asked
    )  # fmt: skip
    respond.payment_arrived(provider="dummy", words=[paid], now=NOW)
    assert open_of([row]) == [0]
    assert respond.payment_arrived(provider="dummy", words=[lost], now=NOW).unknown == 0
    assert open_of([row]) == [4_000]
