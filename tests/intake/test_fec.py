"""Accounting entries: every lawful form gives the same ledger, and no debt is counted twice."""

from datetime import date

import pytest
from django.db.models import Sum

from amiable.intake.models import QuarantinedRow
from amiable.intake.reading import UnableToImport
from amiable.ledger.models import Allocation, Credit, Customer, Invoice
from tests.intake.fec import HEADINGS, SIREN, Books
from tests.intake.files import invoice, make_creditor, put, take

pytestmark = pytest.mark.django_db


def owed(creditor) -> dict[str, int]:
    """What each customer owes: open invoices less open credits."""
    due = Invoice.objects.filter(creditor=creditor).values_list("customer__number").annotate(left=Sum("open_minor"))
    credit = dict(
        Credit.objects.filter(creditor=creditor).values_list("customer__number").annotate(left=Sum("open_minor"))
    )
    left = {number: amount - credit.get(number, 0) for number, amount in due}
    return {number: amount for number, amount in left.items() if amount}


FORMS = [
    {},
    {"delimiter": "|"},
    {"sides": True},
    {"delimiter": "|", "sides": True, "decimal": "."},
    {"encoding": "iso8859-15"},
    {"encoding": "cp1252", "decimal": "."},
    {"encoding": "utf-8-sig"},
    {"encoding": "utf-16"},
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: "-".join(map(str, form.values())) or "plain")
def test_every_lawful_form_gives_the_same_ledger(tmp_path, form):
    creditor, books = make_creditor(), Books(customers=20)
    summary = take(creditor, books.write(tmp_path, year=2023, rows=600, **form))
    assert (summary.kind, summary.quarantined, summary.more["uneven"]) == ("fec", 0, 0)
    assert owed(creditor) == books.owed()
    assert summary.entries == summary.invoices + summary.credits + summary.allocations
    assert Customer.objects.get(number="C00001").name == "Société n° 1 à Évry"


def test_two_years_are_not_counted_twice(tmp_path):
    creditor, books = make_creditor(), Books(customers=20)
    take(creditor, books.write(tmp_path, year=2022, rows=900))
    assert owed(creditor) == books.owed()
    summary = take(creditor, books.write(tmp_path, year=2023, rows=900))
    assert summary.more["openings"] == 0
    assert owed(creditor) == books.owed()
    take(creditor, books.write(tmp_path, year=2024, rows=900))
    assert owed(creditor) == books.owed()


def test_without_the_year_before_the_opening_balances_count(tmp_path):
    creditor, books = make_creditor(), Books(customers=20)
    early = books.write(tmp_path, year=2022, rows=900)
    summary = take(creditor, books.write(tmp_path, year=2023, rows=900))
    assert summary.more["openings"] > 0
    assert owed(creditor) == books.owed()
    with pytest.raises(UnableToImport, match="one after the other"):
        take(creditor, early)
    assert owed(creditor) == books.owed()


def test_transfers_move_the_debt_and_do_not_double_it(tmp_path):
    creditor, books = make_creditor(), Books(customers=20, seed=4)
    take(creditor, books.write(tmp_path, year=2023, rows=3000))
    moved = {item.reference: item.account for item in books.open if item.account != "411000"}
    assert moved
    for reference, account in moved.items():
        assert invoice(reference).account == {"413000": "bill", "416000": "doubtful"}[account]
    assert owed(creditor) == books.owed()


def row(journal, num, day, account, aux, reference, debit, credit, let="", let_on="", name="Client"):
    return [
        journal,
        journal,
        num,
        day,
        account,
        "x",
        aux,
        name if aux else "",
        reference,
        day,
        "lib",
        debit,
        credit,
        let,
        let_on,
        day,
        "",
        "",
    ]


def fec(tmp_path, *rows, name=f"{SIREN}FEC20231231.txt"):
    return put(tmp_path, "\n".join("|".join(cells) for cells in (HEADINGS, *rows)) + "\n", name=name)


SALE = [
    row("VE", "1", "20230110", "411000", "C1", "F1", "120,00", "0,00", "AA", "20230301"),
    row("VE", "1", "20230110", "707000", "", "F1", "0,00", "100,00"),
    row("VE", "1", "20230110", "445710", "", "F1", "0,00", "20,00"),
]
PAID = [
    row("BQ", "2", "20230228", "512000", "", "V1", "120,00", "0,00"),
    row("BQ", "2", "20230228", "411000", "C1", "V1", "0,00", "120,00", "AA", "20230301"),
]


def test_lettering_rebuilds_past_habits(tmp_path):
    creditor = make_creditor()
    take(creditor, fec(tmp_path, *SALE, *PAID))
    one = invoice("F1")
    assert (one.open_minor, one.settled_on, one.issued_on, one.due_on) == (
        0,
        date(2023, 3, 1),
        date(2023, 1, 10),
        date(2023, 2, 9),
    )
    allocation = Allocation.objects.get()
    assert (allocation.rule, allocation.effective_on) == ("lettered", date(2023, 3, 1))
    assert one.known_at.astimezone().date() <= date(2023, 1, 10), "history is known when it happened"
    assert one.external_id == f"{SIREN}/2023/VE/1/1"
    assert Credit.objects.get().external_id == f"{SIREN}/2023/BQ/2/2"


def test_terms_of_the_customer_make_the_due_date(tmp_path):
    creditor = make_creditor(policy={"terms_days": 45})
    take(creditor, put(tmp_path, "Code client;Nom;Conditions de règlement\nC1;Un;30 jours fin de mois\n"))
    take(creditor, fec(tmp_path, *SALE, row("VE", "9", "20230110", "411000", "C2", "F9", "1,00", "0,00")))
    assert invoice("F1").due_on == date(2023, 2, 28)
    assert invoice("F9").due_on == date(2023, 2, 24)


def test_an_uneven_lettering_is_settled_as_far_as_it_goes_and_said(tmp_path):
    creditor = make_creditor()
    more = row("VE", "3", "20230111", "411000", "C1", "F2", "50,00", "0,00", "AA", "20230301")
    summary = take(creditor, fec(tmp_path, *SALE, more, *PAID))
    assert (invoice("F1").open_minor, invoice("F2").open_minor) == (0, 5000)
    assert summary.more["uneven"] == 1
    assert any("does not balance" in sentence for sentence in summary.said)


def test_credit_notes_losses_and_bounced_payments(tmp_path):
    creditor = make_creditor()
    rows = [
        *SALE,
        row("VE", "4", "20230115", "411000", "C1", "A1", "0,00", "24,00"),
        row("VE", "4", "20230115", "707000", "", "A1", "24,00", "0,00"),
        row("OD", "5", "20231201", "411000", "C1", "P1", "0,00", "6,00"),
        row("OD", "5", "20231201", "654000", "", "P1", "6,00", "0,00"),
        row("BQ", "6", "20230401", "411000", "C1", "I1", "30,00", "0,00"),
        row("BQ", "6", "20230401", "512000", "", "I1", "0,00", "30,00"),
    ]  # fmt: skip
    take(creditor, fec(tmp_path, *rows))
    assert dict(Credit.objects.values_list("reference", "kind")) == {"A1": "credit_note", "P1": "other"}
    assert invoice("I1").kind == "debit_note"


def test_a_bad_line_is_quarantined_and_keeps_the_places_of_the_others(tmp_path):
    creditor = make_creditor()
    bad = [
        [*SALE[0][:11], "12O,00", *SALE[0][12:]],
        *SALE[1:],
        row("VE", "1", "20230110", "411000", "C1", "F1b", "1,00", "0,00"),
        *PAID,
    ]
    summary = take(creditor, fec(tmp_path, *bad))
    assert (summary.quarantined, summary.invoices, summary.credits) == (1, 1, 1)
    assert QuarantinedRow.objects.get().line == 2
    assert invoice("F1b").external_id.endswith("/VE/1/4")


def test_the_same_lines_in_a_longer_file_are_known(tmp_path):
    creditor = make_creditor()
    take(creditor, fec(tmp_path, *SALE))
    summary = take(creditor, fec(tmp_path, *SALE, *PAID))
    assert (summary.invoices, summary.credits, summary.unchanged, summary.allocations) == (0, 1, 1, 1)
    assert invoice("F1").open_minor == 0


def test_another_firms_books_are_refused(tmp_path):
    with pytest.raises(UnableToImport, match="entries of 123456789"):
        take(make_creditor(), fec(tmp_path, *SALE, name="123456789FEC20231231.txt"))


def test_a_year_that_is_not_told_is_taken_from_the_entries_and_said(tmp_path):
    summary = take(make_creditor(), fec(tmp_path, *SALE, name="export.txt"))
    assert any("2023-12-31" in sentence for sentence in summary.said)
    with pytest.raises(UnableToImport, match="Whose"):
        take(make_creditor("anon", siren=""), fec(tmp_path, *SALE, name="export.txt"))


def test_a_sum_carried_forward_stands_for_last_years_items(tmp_path):
    creditor = make_creditor()
    take(
        creditor,
        fec(
            tmp_path,
            *SALE[:1],
            row("VE", "2", "20231210", "411000", "C1", "F2", "30,00", "0,00"),
            name=f"{SIREN}FEC20231231.txt",
        ),
    )
    Allocation.objects.count()
    rows = [
        row("AN", "1", "20240101", "411000", "C1", "AN", "150,00", "0,00", "BB", "20240201"),
        row("AN", "1", "20240101", "120000", "", "AN", "0,00", "150,00"),
        row("BQ", "2", "20240201", "411000", "C1", "V", "0,00", "150,00", "BB", "20240201"),
        row("BQ", "2", "20240201", "512000", "", "V", "150,00", "0,00"),
    ]
    summary = take(creditor, fec(tmp_path, *rows, name=f"{SIREN}FEC20241231.txt"))
    assert summary.invoices == 0
    assert (invoice("F1").open_minor, invoice("F2").open_minor) == (0, 0)


def test_accounts_without_auxiliaries_name_the_customer(tmp_path):
    creditor = make_creditor()
    take(creditor, fec(tmp_path, row("VE", "1", "20230110", "411DUPONT", "", "F1", "120,00", "0,00")))
    assert Customer.objects.get().number == "411DUPONT"


def written(folder, closing: str, *lines: tuple[str, str, str, str, str, str]):
    """A file of entries: journal, number, day, account, reference and amount (a credit is negative) of each line."""
    rows = [
        (journal, journal, number, day, account, account, "C1" if account == "411000" else "", "", reference, day, "",
         amount if amount[0] != "-" else "0", amount.lstrip("-") if amount[0] == "-" else "0", "", "", day, "", "")
        for journal, number, day, account, reference, amount in lines
    ]  # fmt: skip
    return put(folder, "\r\n".join("\t".join(row) for row in (HEADINGS, *rows)), f"{SIREN}FEC{closing}.txt")


def test_two_years_that_close_in_one_calendar_year_and_months_that_come_before_their_year(tmp_path):
    creditor = make_creditor()

    def sale(number: str, day: str, name: str, amount: str):
        return [("VE", number, day, "411000", name, amount), ("VE", number, day, "707000", name, f"-{amount}")]

    first = [*sale("1", "20200901", "F1", "100,00"), *sale("2", "20210601", "F2", "50,00")]
    carried = [("AN", "1", "20210701", "411000", "F1", "100,00"), ("AN", "1", "20210701", "411000", "F2", "50,00"),
               ("AN", "1", "20210701", "101000", "", "-150,00")]  # fmt: skip
    # The closing has moved: numbers begin anew within one calendar year, one of them with the same amount.
    july = [*carried, *sale("1", "20210702", "F3", "70,00"), *sale("2", "20210715", "F4", "50,00")]
    rest = [*sale("3", "20210901", "F5", "20,00")]
    # The second year is told month by month, then as a whole.
    for closing, lines in (("20210630", first), ("20210731", july), ("20211231", rest), ("20211231", july + rest)):
        assert take(creditor, written(tmp_path, closing, *lines)).quarantined == 0
    assert sorted(Invoice.objects.values_list("reference", "open_minor")) == [
        ("F1", 10_000), ("F2", 5_000), ("F3", 7_000), ("F4", 5_000), ("F5", 2_000)
    ]  # fmt: skip
