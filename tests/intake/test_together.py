"""Two who bring the same file at the same instant: the second waits and finds nothing to do. And real files."""

import threading
from pathlib import Path

import pytest
from django.db import connection

from amiable.intake.models import Import
from amiable.ledger.models import Entry, Invoice
from tests.intake.files import make_creditor, put, take

SHARED = Path(__file__).parents[3] / "shared" / "data"
HEAD = "Code client;Nom;N° facture;Date facture;Échéance;Montant TTC\n"


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_at_once_finds_nothing_to_do(tmp_path):
    creditor = make_creditor()
    path = put(tmp_path, HEAD + "".join(f"C{n % 7};Un;F{n};13/01/2024;12/02/2024;{n + 1},00\n" for n in range(2_000)))
    start, summaries, errors = threading.Barrier(2), [], []

    def bring():
        try:
            start.wait()
            summaries.append(take(creditor, path))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    both = [threading.Thread(target=bring) for _one in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert not errors
    assert sorted((summary.invoices, summary.already) for summary in summaries) == [(0, 1), (2_000, 0)]
    assert (Invoice.objects.count(), Entry.objects.count(), Import.objects.count()) == (2_000, 2_000, 1)


@pytest.mark.django_db
@pytest.mark.skipif(not SHARED.exists(), reason="the shared real files are not here")
def test_a_real_receivables_file(tmp_path):
    creditor = make_creditor(country="US", currency="USD")
    summary = take(creditor, SHARED / "invoices" / "ibm_accounts_receivable.csv")
    assert (summary.invoices, summary.customers, summary.quarantined) == (2466, 100, 0)
    assert not Invoice.objects.filter(open_minor__gt=0).exists()
    one = Invoice.objects.get(reference="0000611365")
    assert (str(one.due_on), one.amount_minor, str(one.settled_on)) == ("2013-02-01", 5594, "2013-01-15")


@pytest.mark.django_db
@pytest.mark.skipif(not SHARED.exists(), reason="the shared real files are not here")
def test_a_real_file_in_five_currencies(tmp_path):
    creditor = make_creditor()
    summary = take(creditor, SHARED / "matching" / "single" / "invoices.csv")
    assert summary.invoices + summary.quarantined == summary.rows
    assert not Invoice.objects.filter(currency="JPY", amount_minor__lt=1).exists()
