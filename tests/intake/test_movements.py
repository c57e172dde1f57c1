"""Invoices, credit notes and payments from files of many makers."""

from datetime import date

import openpyxl
import pytest
from django.db.models import Sum

from amiable.intake.load import load
from amiable.intake.models import Import, QuarantinedRow, Source
from amiable.intake.reading import UnableToImport
from amiable.ledger.models import Branch, Credit, Customer, Entry, Invoice
from tests.intake.files import NOW, TODAY, invoice, make_creditor, put, take

pytestmark = pytest.mark.django_db

FRENCH = """Code client;Nom;Type;N° facture;Date facture;Échéance;Montant TTC;Facture réglée
C001;Dupont SARL;Facture;F100;05/01/2024;04/02/2024;1 234,56;
C001;Dupont SARL;Facture;F101;15/02/2024;16/03/2024;100,00;
C002;Bébé & Cie;FA;F102;31/01/2024;01/03/2024;2.000,10;
C001;Dupont SARL;Avoir;A1;20/02/2024;;-50,00;
C001;Dupont SARL;Règlement;R9;10/03/2024;;-1000,00;F100
"""


def test_a_french_file_is_understood_by_itself(tmp_path):
    creditor = make_creditor()
    summary = take(creditor, put(tmp_path, FRENCH, encoding="cp1252"))
    assert (summary.invoices, summary.customers, summary.credits, summary.entries) == (3, 2, 2, 6)
    assert summary.quarantined == 0
    assert summary.said == ()
    first = invoice("F100")
    assert (first.amount_minor, first.open_minor, first.due_on) == (123456, 23456, date(2024, 2, 4))
    assert first.customer.name == "Dupont SARL"
    assert invoice("F102").amount_minor == 200010
    assert Credit.objects.get(reference="A1").kind == "credit_note"
    source = Source.objects.get()
    assert source.mapping["encoding"] == "cp1252"
    assert source.mapping["columns"]["due_on"] == "Échéance"


def test_the_same_file_twice_changes_nothing(tmp_path):
    creditor = make_creditor()
    path = put(tmp_path, FRENCH)
    take(creditor, path)
    again = take(creditor, path)
    assert (again.invoices, again.entries, again.customers, again.unchanged, again.already) == (0, 0, 0, 5, 1)
    assert Import.objects.count() == 1


def test_an_overlapping_file_tells_known_rows_again(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, FRENCH))
    more = FRENCH + "C003;Neuf;Facture;F103;01/03/2024;31/03/2024;7,00;\n"
    summary = take(creditor, put(tmp_path, more))
    assert (summary.invoices, summary.customers, summary.unchanged, summary.entries) == (1, 1, 5, 1)
    assert Source.objects.count() == 1, "the headings made it the same source"


def test_a_contradicting_row_is_quarantined_and_nothing_is_overwritten(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, FRENCH))
    summary = take(creditor, put(tmp_path, FRENCH.replace("100,00", "101,00")))
    assert (summary.quarantined, summary.unchanged, summary.invoices) == (1, 4, 0)
    row = QuarantinedRow.objects.get()
    assert (row.line, row.column) == (3, "Montant TTC")
    assert "F101" in row.reason
    assert "100,00" in row.reason
    assert row.raw["Montant TTC"] == "101,00"
    assert invoice("F101").amount_minor == 10000


@pytest.mark.parametrize(
    ("cell", "column"),
    [("12/13/2024", "Échéance"), ("31/02/2024", "Échéance")],
)
def test_an_unreadable_date_is_quarantined_with_its_line_and_column(tmp_path, cell, column):
    creditor = make_creditor()
    summary = take(creditor, put(tmp_path, FRENCH.replace("16/03/2024", cell)))
    assert (summary.quarantined, summary.invoices) == (1, 2)
    row = QuarantinedRow.objects.get()
    assert (row.line, row.column) == (3, column)
    assert cell in row.reason


@pytest.mark.parametrize("amount", ["abc", "1,2,3", "12,345", "", "12.34.56", "1O0,00", "NaN"])
def test_an_unreadable_amount_never_becomes_zero(tmp_path, amount):
    creditor = make_creditor()
    summary = take(creditor, put(tmp_path, FRENCH.replace("100,00", amount)))
    assert (summary.quarantined, summary.invoices) == (1, 2)
    assert not Invoice.objects.filter(reference="F101").exists()


def test_ambiguous_dates_follow_the_creditors_country_and_say_so(tmp_path):
    text = "Customer ID,Invoice Number,Invoice Date,Due Date,Amount\nC1,I1,03/04/2024,05/06/2024,10.50\n"
    french, american = make_creditor("fr"), make_creditor("us", country="US", currency="USD")
    summary = take(french, put(tmp_path, text))
    assert any("day/month/year" in sentence for sentence in summary.said)
    assert Invoice.objects.get(creditor=french).due_on == date(2024, 6, 5)
    summary = take(american, put(tmp_path, text))
    assert any("month/day/year" in sentence for sentence in summary.said)
    one = Invoice.objects.get(creditor=american)
    assert (one.due_on, one.currency, one.amount_minor) == (date(2024, 5, 6), "USD", 1050)


def test_a_correction_is_remembered_for_the_source(tmp_path):
    creditor = make_creditor()
    text = "Qui;Quoi;Jour;Fin;Combien\nC1;F{0};03/04/2024;05/06/2024;10,50\n"
    columns = {"number": "Qui", "reference": "Quoi", "issued_on": "Jour", "due_on": "Fin", "amount": "Combien"}
    with pytest.raises(UnableToImport, match="customer's number"):
        take(creditor, put(tmp_path, text.format(1)))
    mapping = {"columns": columns, "date_order": "mdy"}
    assert take(creditor, put(tmp_path, text.format(1)), mapping=mapping).invoices == 1
    assert take(creditor, put(tmp_path, text.format(2))).invoices == 1
    assert invoice("F2").due_on == date(2024, 5, 6)


def test_a_dry_run_checks_everything_and_writes_nothing(tmp_path):
    creditor = make_creditor()
    summary = take(creditor, put(tmp_path, FRENCH.replace("2.000,10", "x")), dry_run=True)
    assert (summary.invoices, summary.quarantined, summary.customers) == (2, 1, 2 - 1)
    for model in (Invoice, Customer, Import, Source, QuarantinedRow, Credit, Entry):
        assert not model.objects.exists()


def test_debit_and_credit_columns(tmp_path):
    creditor = make_creditor()
    text = (
        "Compte;Intitulé;Date;Pièce;Échéance;Débit;Crédit;Lettrage\n"
        "411A;A;10/01/2024;F1;10/02/2024;100,00;;AA\n411A;A;20/02/2024;B7;;0,00;100,00;AA\n411A;A;21/02/2024;F2;31/03/2024;50,00;0,00;\n"
    )
    summary = take(creditor, put(tmp_path, text))
    assert (summary.invoices, summary.credits, summary.allocations) == (2, 1, 1)
    assert invoice("F1").settled_on == date(2024, 2, 20)
    assert Credit.objects.get().kind == "payment"


def test_terms_of_one_invoice_are_kept_apart(tmp_path):
    creditor = make_creditor()
    text = "Client;Facture;Date;Échéance;Montant\nC;F1;01/01/2024;31/01/2024;30,00\nC;F1;01/01/2024;29/02/2024;30,00\n"
    assert take(creditor, put(tmp_path, text)).invoices == 2
    assert list(Invoice.objects.order_by("due_on").values_list("kind", flat=True)) == ["term", "term"]
    more = text + "C;F2;01/01/2024;29/02/2024;1,00\nC;F1;01/01/2024;29/02/2024;30,00\n"
    summary = take(creditor, put(tmp_path, more))
    assert (summary.invoices, summary.unchanged) == (1, 3)


def test_a_moved_due_date_is_news_and_not_a_contradiction(tmp_path):
    creditor = make_creditor()
    take(creditor, put(tmp_path, FRENCH))
    summary = take(creditor, put(tmp_path, FRENCH.replace("16/03/2024", "30/04/2024")))
    assert (summary.updated, summary.unchanged, summary.quarantined) == (1, 4, 0)
    assert invoice("F101").due_on == date(2024, 4, 30)


def test_reminders_already_sent_are_taken_over(tmp_path):
    creditor = make_creditor()
    text = (
        "Client;Facture;Date;Échéance;Montant;Relance;Date relance\n"
        "C;F1;01/01/2024;31/01/2024;30,00;2;15/03/2024\n"
        "C;F2;01/01/2024;31/01/2024;30,00;;\n"
    )
    take(creditor, put(tmp_path, text))
    assert (invoice("F1").reached, invoice("F1").reached_on) == (30, date(2024, 3, 15))
    assert (invoice("F2").reached, invoice("F2").reached_on) == (0, None)


def test_a_payment_settles_the_invoice_it_names_and_never_more(tmp_path):
    creditor = make_creditor()
    text = (
        "Client;Type;N° facture;Date;Échéance;Montant\n"
        "C;FA;F1;02/01/2024;31/01/2024;30,00\n"
        "C;RG;F1;15/02/2024;;40,00\n"
        "C;RG;F1;16/02/2024;;5,00\n"
    )
    take(creditor, put(tmp_path, text))
    assert invoice("F1").open_minor == 0
    assert Credit.objects.aggregate(left=Sum("open_minor"))["left"] == 1500


def test_a_workbook_with_real_dates_and_numbers(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Balance âgée"])
    sheet.append([])
    sheet.append(["N° client", "Raison sociale", "Réf. pièce", "Date pièce", "Échéance", "Montant TTC"])
    sheet.append([411001, "Été", "F1", date(2024, 1, 5), date(2024, 2, 4), 1234.56])
    sheet.append([411001, "Été", "F2", 45300, "04/03/2024", "1 000,5"])
    sheet.append([411001, "Été", "F3", date(2024, 1, 5), date(2024, 2, 4), 0.1 + 0.2])
    path = tmp_path / "book.xlsx"
    book.save(path)
    creditor = make_creditor()
    summary = take(creditor, path)
    assert (summary.invoices, summary.quarantined) == (3, 0)
    assert invoice("F1").amount_minor == 123456
    assert (invoice("F2").amount_minor, invoice("F2").issued_on) == (100050, date(2024, 1, 9))
    assert invoice("F3").amount_minor == 30
    assert Customer.objects.get().number == "411001"


def test_utf_16_and_other_separators(tmp_path):
    creditor = make_creditor()
    text = FRENCH.replace(";", "\t")
    assert take(creditor, put(tmp_path, text, encoding="utf-16")).invoices == 3
    assert Customer.objects.get(number="C002").name == "Bébé & Cie"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso8859-15", "mac_roman", "cp850"]
)
def test_accents_survive_every_encoding(tmp_path, encoding):
    creditor = make_creditor()
    names = (
        "Hôtel de l’Été"
        if encoding in {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac_roman"}
        else "Hôtel de l'Été"
    )
    text = FRENCH.replace("Bébé & Cie", names).replace("Dupont SARL", "Crèmerie Façade à Nîmes")
    take(creditor, put(tmp_path, text, encoding=encoding))
    assert Customer.objects.get(number="C002").name == names


def test_rows_of_another_length_are_quarantined(tmp_path):
    creditor = make_creditor()
    summary = take(
        creditor, put(tmp_path, FRENCH + "C009;Court\n" + "C009;Long;FA;F9;01/01/2024;01/02/2024;5,00;;x;y\n")
    )
    assert (summary.quarantined, summary.invoices) == (2, 3)
    assert list(QuarantinedRow.objects.order_by("line").values_list("line", flat=True)) == [7, 8]


def test_two_currencies_and_one_without_decimals(tmp_path):
    creditor = make_creditor()
    text = (
        "Client;Facture;Date;Échéance;Montant;Devise\n"
        "C;F1;13/01/2024;31/01/2024;30,00;EUR\n"
        "C;F2;01/01/2024;31/01/2024;3000;JPY\n"
        "C;F3;01/01/2024;31/01/2024;1,5;JPY\n"
        "C;F4;01/01/2024;31/01/2024;1,5;ZZZ\n"
    )
    summary = take(creditor, put(tmp_path, text))
    assert (summary.invoices, summary.quarantined) == (2, 2)
    assert invoice("F2").amount_minor == 3000


def test_another_creditors_rows_are_not_seen(tmp_path):
    one, other = make_creditor("one"), make_creditor("other")
    path = put(tmp_path, FRENCH)
    take(one, path)
    assert take(other, path).invoices == 3


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UnableToImport, match="no file"):
        load(path=tmp_path / "none.csv", creditor=make_creditor(), as_of=TODAY, now=NOW)


def test_two_branches_of_one_name_make_no_payment_count_twice(tmp_path):
    creditor = make_creditor()
    for code in ("69A", "69B"):
        Branch.objects.create(creditor=creditor, code=code, name="Lyon")
    text = (
        "Code client;Type;N° pièce;Date;Échéance;Montant TTC;Agence\n"
        "C1;Facture;F1;13/01/2024;12/02/2024;10,00;Lyon\nC1;Règlement;R1;13/01/2024;;4,00;LYON\n"
    )
    summary = take(creditor, put(tmp_path, text))
    assert (summary.invoices, summary.credits, summary.unchanged) == (1, 1, 0)
    assert invoice("F1").branch.code == "69A"
