"""The same money told by the payment provider and by the bank is counted once."""

from datetime import date, timedelta

import pytest

from amiable.ledger.balance import balance
from amiable.ledger.models import Credit, Entry, Invoice
from amiable.payments.allocate import allocate, allocate_open
from amiable.payments.reconcile import Summary, reconcile
from amiable.payments.refund import give_back
from amiable.scenario import respond
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice

pytestmark = pytest.mark.django_db


def told_by_psp(row: Invoice, amount_minor: int, day: date = TODAY) -> Credit:
    money = credit(row.customer, amount_minor, day, source="psp:dummy", provisional=True)
    allocate(credit=money, as_of=day, now=NOW, invoices=[row.pk], rule="named")
    return money


def test_the_bank_takes_over_and_nothing_is_added() -> None:
    anna = customer(creditor())
    older, paid = invoice(anna, 10_000, date(2026, 1, 1)), invoice(anna, 5_000, date(2026, 2, 1))
    provisional = told_by_psp(paid, 5_000)
    bank = credit(anna, 5_000, TODAY + timedelta(days=2), source="bank")
    as_of = TODAY + timedelta(days=2)
    assert reconcile(creditor=anna.creditor, as_of=as_of, now=NOW) == Summary(confirmed=1)
    for row in (older, paid, provisional, bank):
        row.refresh_from_db()
    assert (older.open_minor, paid.open_minor) == (10_000, 0)
    assert (provisional.open_minor, bank.open_minor) == (0, 0)
    assert provisional.confirmed_by == bank
    assert Entry.objects.filter(credit=provisional, kind="refund").get().reason
    assert reconcile(creditor=anna.creditor, as_of=as_of, now=NOW) == Summary()
    assert allocate_open(creditor=anna.creditor, as_of=as_of, now=NOW).allocations == 0


def test_what_the_bank_had_given_elsewhere_stays_there_and_the_invoice_is_open_again() -> None:
    anna = customer(creditor())
    older, paid = invoice(anna, 5_000, date(2026, 1, 1)), invoice(anna, 5_000, date(2026, 2, 1))
    told_by_psp(paid, 5_000)
    allocate(credit=credit(anna, 5_000, source="bank"), as_of=TODAY, now=NOW)
    reconcile(creditor=anna.creditor, as_of=TODAY, now=NOW)
    older.refresh_from_db(), paid.refresh_from_db()
    assert (older.open_minor, paid.open_minor) == (0, 5_000)


@pytest.mark.parametrize(
    ("days", "amount", "more"),
    [
        (11, 5_000, {}),
        (-2, 5_000, {}),
        (1, 5_001, {}),
        (1, 5_000, {"currency": "USD"}),
        (1, 5_000, {"kind": "credit_note"}),
    ],
)
def test_what_is_not_the_same_money(days: int, amount: int, more: dict[str, str]) -> None:
    row = invoice(customer(creditor()), 5_000)
    told_by_psp(row, 5_000)
    credit(row.customer, amount, TODAY + timedelta(days=days), source="bank", **more)
    later = TODAY + timedelta(days=12)
    assert reconcile(creditor=row.creditor, as_of=later, now=NOW) == Summary(missing=1)
    row.refresh_from_db()
    assert row.open_minor == 0


def test_one_word_of_the_bank_confirms_one_payment() -> None:
    anna = customer(creditor())
    rows = [invoice(anna, 5_000, date(2026, 1, day)) for day in (1, 2)]
    for row in rows:
        told_by_psp(row, 5_000)
    credit(anna, 5_000, source="bank")
    assert reconcile(creditor=anna.creditor, as_of=TODAY, now=NOW).confirmed == 1
    assert reconcile(creditor=anna.creditor, as_of=TODAY, now=NOW).confirmed == 0
    assert sum(Invoice.objects.values_list("open_minor", flat=True)) == 0


def test_where_the_provider_is_the_authority_there_is_nothing_to_reconcile() -> None:
    row = invoice(customer(creditor(cash_authority="psp")), 5_000)
    told_by_psp(row, 5_000)
    credit(row.customer, 5_000, source="bank")
    assert reconcile(creditor=row.creditor, as_of=TODAY, now=NOW) == Summary()


def test_what_was_taken_back_before_the_authority_spoke_does_not_come_back_with_its_word() -> None:
    anna = customer(creditor(cash_authority="accounts"))
    some, whole = invoice(anna, 10_000), invoice(anna, 7_000)
    refunded, charged_back = told_by_psp(some, 10_000), told_by_psp(whole, 7_000)
    give_back(credit=refunded, amount_minor=3_000, reason="Refunded", as_of=TODAY, now=NOW)
    respond.payment_returned(credit=charged_back, amount_minor=7_000, key="dp_1", reason="AC04", now=NOW)
    told = [credit(anna, amount, TODAY + timedelta(days=1)) for amount in (10_000, 7_000)]
    assert reconcile(creditor=anna.creditor, as_of=TODAY + timedelta(days=1), now=NOW) == Summary(confirmed=2)
    for row in (some, whole, *told):
        row.refresh_from_db()
    assert (some.open_minor, whole.open_minor, [row.open_minor for row in told]) == (3_000, 7_000, [0, 0])
    # The same return once more is that return, although the money goes by another name now.
    assert respond.payment_returned(credit=told[1], amount_minor=7_000, key="dp_1", reason="AC04", now=NOW).again


def test_a_return_that_the_accounts_tell_as_a_new_debt_is_owed_once_whichever_came_first() -> None:
    anna = customer(creditor(cash_authority="accounts"))
    rows = [invoice(anna, 5_000, date(2026, 2, day)) for day in (1, 2)]
    money = [credit(anna, 5_000), credit(anna, 5_000)]
    for row, paid in zip(rows, money, strict=True):
        allocate(credit=paid, as_of=TODAY, now=NOW, invoices=[row.pk])
    later, as_of = TODAY + timedelta(days=4), TODAY + timedelta(days=5)

    def unpaid(key: str) -> Invoice:
        return invoice(anna, 5_000, later, issued_on=later, kind="debit_note", reference=key)

    first = unpaid("I-1")  # this time the accounts were faster than the bank
    assert reconcile(creditor=anna.creditor, as_of=as_of, now=NOW).returned == 0
    respond.payment_returned(credit=money[0], amount_minor=5_000, key="1", reason="AM04", now=NOW)
    assert [reconcile(creditor=anna.creditor, as_of=as_of, now=NOW).returned for _ in range(3)] == [1, 0, 0]
    respond.payment_returned(credit=money[1], amount_minor=5_000, key="2", reason="AM04", now=NOW)
    second, genuine = unpaid("I-2"), unpaid("I-3")
    allocate(credit=credit(anna, 5_000, as_of), as_of=as_of, now=NOW, invoices=[second.pk])  # and was paid since
    assert [reconcile(creditor=anna.creditor, as_of=as_of, now=NOW).returned for _ in range(3)] == [1, 0, 0]
    open_now = {row.pk: row.open_minor for row in Invoice.objects.filter(open_minor__gt=0)}
    assert open_now == {rows[1].pk: 5_000, genuine.pk: 5_000}
    assert Invoice.objects.get(pk=first.pk).open_minor == 0


def test_no_past_day_counts_the_money_twice_once_it_is_known_to_be_the_same() -> None:
    anna = customer(creditor(cash_authority="accounts"))
    row = invoice(anna, 5_000, date(2026, 2, 1))
    told_by_psp(row, 5_000)
    credit(anna, 5_000, TODAY + timedelta(days=1))  # booked the day after, and brought four days later
    reconcile(creditor=anna.creditor, as_of=TODAY + timedelta(days=5), now=NOW + timedelta(days=5))
    for n in range(7):
        assert balance(creditor=anna.creditor, as_of=TODAY + timedelta(days=n)) == []
    assert Entry.objects.filter(effective_on__gt=TODAY + timedelta(days=1)).count() == 0
