"""Promises: taken, kept, partly kept, broken, replaced."""

from datetime import date, timedelta

import pytest

from amiable.casework.models import Notification, Task
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import Invoice
from amiable.payments.allocate import allocate
from amiable.payments.arrange import Summary, UnableToPromise, judge_promises, promise
from amiable.payments.models import Promise
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 20)


def promised(row: Invoice, amount_minor: int = 10_000, **more: object) -> Promise:
    fields: dict[str, object] = {
        "customer": row.customer,
        "amount_minor": amount_minor,
        "currency": "EUR",
        "promised_for": DAY,
        "invoices": [row.pk],
        "origin": "call",
        "as_of": TODAY,
        "now": NOW,
    }
    return promise(**fields | more)  # type: ignore[arg-type]


def pay(row: Invoice, amount_minor: int, day: date) -> None:
    money = credit(row.customer, amount_minor, day)
    allocate(credit=money, as_of=day, now=NOW + (day - TODAY) + timedelta(minutes=1))


def judge(day: date) -> Summary:
    return judge_promises(as_of=day, now=NOW + (day - TODAY))


def held(row: Invoice, day: date) -> bool:
    return hold.active(as_of=day).filter(invoice=row, kind="promise").exists()


def test_it_holds_until_the_day_after_the_promise() -> None:
    row = invoice(customer(creditor()), 10_000)
    promised(row)
    assert [held(row, DAY + timedelta(days=n)) for n in (-10, -1, 0, 1)] == [True, True, True, False]


def test_the_creditor_may_grant_more_days() -> None:
    row = invoice(customer(creditor(policy={"promise_grace_days": 4})), 10_000)
    promised(row)
    assert judge(DAY + timedelta(days=3)) == Summary()
    assert held(row, DAY + timedelta(days=3))
    assert judge(DAY + timedelta(days=4)) == Summary(broken=1)


@pytest.mark.parametrize(("paid", "state"), [(0, "broken"), (4_000, "partly"), (10_000, "kept"), (9_999, "partly")])
def test_it_is_judged_on_the_day_after(paid: int, state: str) -> None:
    anna = User.objects.create(username="anna")
    row = invoice(customer(creditor()), 20_000)
    taken = promised(row, by=anna)
    if paid:
        pay(row, paid, DAY)
    judge(DAY)
    judge(DAY + timedelta(days=1))
    taken.refresh_from_db()
    assert (taken.state, taken.kept_minor) == (state, paid)
    assert not held(row, DAY + timedelta(days=1))
    asked = 0 if state == "kept" else 1
    assert Task.objects.filter(kind="call", assignee=anna).count() == asked
    assert Notification.objects.filter(user=anna).count() == asked
    assert judge(DAY + timedelta(days=2)) == Summary()


def test_kept_early_ends_the_hold_at_once() -> None:
    row = invoice(customer(creditor()), 20_000)
    taken = promised(row)
    pay(row, 10_000, TODAY + timedelta(days=2))
    assert judge(TODAY + timedelta(days=2)) == Summary(kept=1)
    taken.refresh_from_db()
    assert (taken.state, taken.judged_on) == ("kept", TODAY + timedelta(days=2))
    assert not held(row, TODAY + timedelta(days=2))


def test_money_that_was_there_before_does_not_count() -> None:
    row = invoice(customer(creditor()), 20_000)
    allocate(credit=credit(row.customer, 5_000), as_of=TODAY, now=NOW - timedelta(hours=1))
    taken = promised(row)
    judge(DAY + timedelta(days=1))
    taken.refresh_from_db()
    assert (taken.state, taken.kept_minor) == ("broken", 0)


def test_a_new_promise_takes_the_place_of_the_old_one() -> None:
    row = invoice(customer(creditor()), 20_000)
    old = promised(row)
    new = promised(row, promised_for=DAY + timedelta(days=5))
    old.refresh_from_db()
    assert (old.state, new.state) == ("withdrawn", "open")
    assert held(row, DAY + timedelta(days=3))
    assert hold.active(as_of=TODAY).count() == 1


def test_what_cannot_be_promised() -> None:
    row = invoice(customer(creditor()), 10_000)
    stranger = invoice(customer(creditor()), 10_000)
    for more in (
        {"amount_minor": 10_001},
        {"amount_minor": 0},
        {"promised_for": TODAY - timedelta(days=1)},
        {"promised_for": TODAY.replace(year=TODAY.year + 73)},
        {"invoices": [stranger.pk]},
        {"currency": "USD"},
    ):
        with pytest.raises(UnableToPromise):
            promised(row, **more)
    assert not Promise.objects.exists()
