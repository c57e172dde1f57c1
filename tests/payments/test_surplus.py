"""Two people pay the same invoice in the same minute: both are told the truth, nothing is counted twice, and what is too
much stays visible until somebody gives it back.
"""

import threading
from typing import Any

import pytest
from django.db import connections
from django.db.models import Sum

from amiable.casework.models import Task
from amiable.ledger.models import Allocation, Credit, Invoice
from amiable.outreach.receipt import settled
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt
from amiable.scenario.respond import payment_arrived
from tests.payments.rows import NOW, creditor, customer, invoice, word


def two_tries(row: Invoice) -> list[Attempt]:
    asked: dict[str, Any] = {"amount_minor": row.open_minor, "currency": "EUR", "invoices": [row.pk], "now": NOW}
    return [open_attempt(customer=row.customer, journey=journey, **asked) for journey in ("email_link", "sms_link")]


@pytest.mark.django_db
def test_the_second_payment_is_a_credit_and_a_task() -> None:
    row = invoice(customer(creditor()), 10_000, reference="F-1")
    first, second = two_tries(row)
    for each in (first, second):
        payment_arrived(provider="dummy", words=[word(each, "succeeded")], now=NOW)
    credits = {credit.attempt: credit for credit in Credit.objects.select_related("attempt")}
    assert [(line.invoice.reference, line.paid_minor) for line in settled(credits[first])] == [("F-1", 10_000)]
    assert (settled(credits[second]), credits[second].open_minor) == ([], 10_000)
    task = Task.objects.get()
    assert (task.kind, task.context["credit"]) == ("check", credits[second].pk)
    assert "100,00" in task.title
    payment_arrived(provider="dummy", words=[word(second, "succeeded")], now=NOW)
    assert Task.objects.count() == 1


@pytest.mark.django_db
def test_what_else_is_open_takes_the_second_payment_by_the_written_order() -> None:
    who = customer(creditor())
    row, other = invoice(who, 10_000), invoice(who, 8_000)
    for each in two_tries(row):
        payment_arrived(provider="dummy", words=[word(each, "succeeded")], now=NOW)
    other.refresh_from_db()
    assert other.open_minor == 0
    assert Credit.objects.get(open_minor__gt=0).open_minor == 2_000
    assert "20,00" in Task.objects.get().title


@pytest.mark.django_db(transaction=True)
def test_at_the_very_same_moment_too() -> None:
    row = invoice(customer(creditor()), 10_000)
    tries = two_tries(row)
    together, wrong = threading.Barrier(2), []

    def pay(each: Attempt) -> None:
        try:
            together.wait()
            payment_arrived(provider="dummy", words=[word(each, "started"), word(each, "succeeded")], now=NOW)
        except Exception as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=pay, args=[each]) for each in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    row.refresh_from_db()
    assert row.open_minor == 0
    assert Allocation.objects.aggregate(all=Sum("amount_minor"))["all"] == 10_000
    assert Credit.objects.aggregate(all=Sum("open_minor"))["all"] == 10_000
    assert set(Attempt.objects.values_list("state", flat=True)) == {"succeeded"}
    assert Task.objects.count() == 1
