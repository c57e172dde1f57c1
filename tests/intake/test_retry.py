"""Quarantined rows are mended and tried again the way that they came."""

import pytest

from amiable.intake.models import QuarantinedRow
from amiable.intake.retry import UnableToRetry, drop, retry
from amiable.ledger.models import Credit, Invoice
from tests.intake.files import NOW, TODAY, invoice, make_creditor, put, take
from tests.intake.test_fec import PAID, SALE, fec

pytestmark = pytest.mark.django_db

HEAD = "Code client;Nom;N° facture;Date facture;Échéance;Montant TTC\n"


def test_a_mended_row_is_taken_once(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, HEAD + "C1;Un;F1;13/01/2024;12/02/2024;cent\n"))
    row = QuarantinedRow.objects.get()
    assert not retry(row=row, values={"Montant TTC": "1OO"}, now=NOW, by=None)
    row.refresh_from_db()
    assert "1OO" in row.reason
    assert retry(row=row, values={"Montant TTC": "100,00"}, now=NOW, by=None)
    assert invoice("F1").amount_minor == 10000
    with pytest.raises(UnableToRetry):
        retry(row=row, values={}, now=NOW, by=None)
    summary = take(creditor, put(tmp_path, HEAD + "C1;Un;F1;13/01/2024;12/02/2024;100,00\n"))
    assert (summary.invoices, summary.unchanged) == (0, 1)


def test_a_contradiction_stays_one_until_it_is_mended_or_dropped(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, HEAD + "C1;Un;F1;13/01/2024;12/02/2024;100,00\n"))
    take(creditor, put(tmp_path, HEAD + "C1;Un;F1;13/01/2024;12/02/2024;90,00\n"))
    row = QuarantinedRow.objects.get()
    assert not retry(row=row, values={}, now=NOW, by=None)
    drop(row=row, now=NOW, by=None)
    with pytest.raises(UnableToRetry):
        drop(row=row, now=NOW, by=None)
    assert invoice("F1").amount_minor == 10000


def test_a_mended_open_item_makes_nothing_vanish(tmp_path):
    creditor = make_creditor()
    head = HEAD.strip() + ";Solde\n"
    take(
        creditor,
        put(
            tmp_path,
            head
            + "C1;Un;F1;13/01/2024;12/02/2024;10,00;10,00\nC1;Un;F2;13/01/2024;12/02/2024;10,00;x\n"
            + "C1;Un;A;13/01/2024;;-1,00;-1,00\n",
        ),
    )
    row = QuarantinedRow.objects.get()
    assert retry(row=row, values={"Solde": "4,00"}, now=NOW, by=None)
    assert (invoice("F1").open_minor, invoice("F2").open_minor) == (1000, 400)
    assert Credit.objects.get(reference="A").open_minor == 100
    take(creditor, put(tmp_path, head + "C1;Un;F2;13/01/2024;12/02/2024;10,00;y\n"), as_of=TODAY)
    old = QuarantinedRow.objects.create(loaded_by=row.loaded_by, line=9, reason="", raw={})
    with pytest.raises(UnableToRetry, match="newer"):
        retry(row=old, values={}, now=NOW, by=None)


def test_a_mended_line_of_an_entry_keeps_its_identity_and_nature(tmp_path):
    creditor = make_creditor()
    bad = [*SALE, PAID[0], [*PAID[1][:12], "12O,00", *PAID[1][13:]]]
    take(creditor, fec(tmp_path, *bad))
    row = QuarantinedRow.objects.get()
    assert retry(row=row, values={"Credit": "120,00"}, now=NOW, by=None)
    credit = Credit.objects.get()
    assert (credit.kind, credit.external_id.split("/", 1)[1], credit.amount_minor) == ("payment", "2023/BQ/2/2", 12000)
    summary = take(creditor, fec(tmp_path, *SALE, *PAID))
    assert (summary.invoices, summary.credits, summary.allocations) == (0, 0, 1)
    assert Invoice.objects.get().open_minor == 0


def test_a_mended_contact(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, "Code client;Nom;Email\nC1;Un;pas un mail\n"))
    row = QuarantinedRow.objects.get()
    assert retry(row=row, values={"Email": "un@example.org"}, now=NOW, by=None)
    assert creditor.customers.get().contacts.get().points.get().value == "un@example.org"
