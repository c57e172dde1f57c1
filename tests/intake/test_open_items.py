"""The morning file: balances, what shrank, what grew, what vanished."""

from datetime import date, timedelta

import pytest

from amiable.casework.models import Task
from amiable.intake.models import QuarantinedRow, Source
from amiable.intake.vanish import confirm_vanished, reject_vanished, vanished
from amiable.ledger.models import Allocation, Credit, Hold, Invoice
from tests.intake.files import NOW, TODAY, invoice, make_creditor, put, take

pytestmark = pytest.mark.django_db

HEAD = "Code client;Nom;N° facture;Date facture;Échéance;Montant TTC;Solde\n"
F1 = "C1;Un;F1;13/01/2024;12/02/2024;100,00;100,00\n"
F2 = "C1;Un;F2;13/01/2024;12/02/2024;200,00;150,00\n"
F3 = "C2;Deux;F3;13/01/2024;12/02/2024;50,00;50,00\n"


def morning(creditor, folder, text, days=0):
    path = put(folder, HEAD + text, name=f"{days}.csv")
    return take(creditor, path, as_of=TODAY + timedelta(days=days), now=NOW + timedelta(days=days))


def test_a_first_snapshot_enters_what_is_open(tmp_path):
    summary = morning(make_creditor(), tmp_path, F1 + F2 + F3)
    assert (summary.kind, summary.invoices, summary.quarantined) == ("open_items", 3, 0)
    assert (invoice("F2").amount_minor, invoice("F2").open_minor) == (20000, 15000)
    assert not Hold.objects.exists()


def test_what_vanished_is_held_and_asked_about(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    summary = morning(creditor, tmp_path, F2 + F3, days=1)
    assert summary.more["vanished"] == 1
    hold = Hold.objects.get()
    assert (hold.kind, hold.invoice.reference, hold.since, hold.until) == ("vanished", "F1", date(2024, 6, 4), None)
    task = Task.objects.get()
    assert (task.kind, task.customer.number) == ("check", "C1")
    assert "F1" in task.title
    assert invoice("F1").open_minor == 10000, "only proposed"
    summary = morning(creditor, tmp_path, F2 + F3 + "C3;T;F9;13/01/2024;12/02/2024;5,00;5,00\n", days=2)
    assert (summary.more["vanished"], Task.objects.count()) == (0, 1)
    assert [held.invoice.reference for held in vanished(creditor=creditor)] == ["F1"]


def test_confirmed_is_settled_once(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    morning(creditor, tmp_path, F2 + F3, days=1)
    ids = [invoice("F1").pk]
    assert confirm_vanished(invoices=ids, as_of=TODAY + timedelta(days=2), now=NOW, by=None) == 1
    assert confirm_vanished(invoices=ids, as_of=TODAY + timedelta(days=2), now=NOW, by=None) == 0
    assert (invoice("F1").open_minor, invoice("F1").settled_on) == (0, date(2024, 6, 4))
    assert Credit.objects.filter(external_id__startswith="vanished/").count() == 1
    assert Task.objects.get().outcome == "paid"
    assert Hold.objects.get().until == date(2024, 6, 5)


def test_rejected_is_free_again_and_not_asked_about_twice(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    morning(creditor, tmp_path, F2 + F3, days=1)
    assert reject_vanished(invoices=[invoice("F1").pk], as_of=TODAY + timedelta(days=1), now=NOW, by=None) == 1
    assert morning(creditor, tmp_path, F2 + F3.replace("Deux", "2"), days=2).more["vanished"] == 0
    assert invoice("F1").open_minor == 10000
    assert not Hold.objects.filter(until=None).exists()


def test_what_comes_back_is_free_again(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    morning(creditor, tmp_path, F2 + F3, days=1)
    morning(creditor, tmp_path, F1 + F2 + F3, days=2)  # the bytes of the first day: still another day's word
    assert Hold.objects.get().until == date(2024, 6, 5)
    assert Task.objects.get().outcome == "back"


def test_a_rule_settles_without_a_person_unless_too_much_is_gone(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    Source.objects.update(vanished_rule="settle")
    assert morning(creditor, tmp_path, F2 + F3, days=1).more["settled_by_rule"] == 1
    assert invoice("F1").open_minor == 0
    summary = morning(creditor, tmp_path, "C3;T;F9;13/01/2024;12/02/2024;5,00;5,00\n", days=2)
    assert any("is it complete" in sentence for sentence in summary.said)
    assert invoice("F2").open_minor == 15000


def test_a_balance_that_shrank_was_paid(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    summary = morning(creditor, tmp_path, F1 + F2.replace("150,00", "20,50") + F3, days=1)
    assert (summary.more["shrunk"], summary.credits, summary.allocations, summary.entries) == (1, 1, 1, 2)
    assert invoice("F2").open_minor == 2050
    paid = Credit.objects.get(kind="payment")
    assert (paid.amount_minor, paid.open_minor, paid.received_on) == (12950, 0, date(2024, 6, 4))


def test_a_balance_that_grew_is_quarantined(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    assert morning(creditor, tmp_path, F1 + F2.replace("150,00", "160,00") + F3, days=1).quarantined == 1
    assert "grew" in QuarantinedRow.objects.get().reason
    assert invoice("F2").open_minor == 15000


def test_money_known_from_elsewhere_may_be_ahead_of_the_accounts(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    one = invoice("F1")
    credit = Credit.objects.create(
        creditor=creditor, customer=one.customer, source="psp", external_id="1", received_on=TODAY, currency="EUR",
        amount_minor=4000, open_minor=4000, known_at=NOW,
    )  # fmt: skip
    Allocation.objects.create(
        credit=credit, invoice=one, amount_minor=4000, effective_on=TODAY, known_at=NOW, rule="named"
    )
    assert morning(creditor, tmp_path, F1 + F2 + F3 + "\n", days=1).quarantined == 0
    assert invoice("F1").open_minor == 6000


def test_an_unreadable_row_does_not_make_its_invoice_vanish(tmp_path):
    creditor = make_creditor()
    morning(creditor, tmp_path, F1 + F2 + F3)
    summary = morning(creditor, tmp_path, F1.replace("100,00\n", "cent\n") + F2 + F3, days=1)
    assert (summary.quarantined, summary.more["vanished"]) == (1, 0)


def test_invoices_known_from_movements_are_the_same(tmp_path):
    creditor = make_creditor()
    take(
        creditor,
        put(tmp_path, "Code client;N° facture;Date facture;Échéance;Montant\nC1;F1;13/01/2024;12/02/2024;100,00\n"),
    )
    summary = morning(creditor, tmp_path, F1.replace("100,00\n", "80,00\n") + F3)
    assert (summary.invoices, summary.more["shrunk"]) == (1, 1)
    assert Invoice.objects.count() == 2
    assert invoice("F1").open_minor == 8000


def test_an_open_credit_that_goes_settles_what_goes_with_it(tmp_path):
    creditor = make_creditor()
    note = "C1;Un;A1;15/01/2024;;-100,00;-100,00\n"
    morning(creditor, tmp_path, F1 + F2 + F3 + note)
    assert Credit.objects.get(reference="A1").open_minor == 10000
    summary = morning(creditor, tmp_path, F2 + F3, days=1)
    assert summary.more["vanished"] == 0
    assert invoice("F1").open_minor == 0
    assert Credit.objects.get(reference="A1").open_minor == 0
