"""The statement of account: what the page says, where the address stands, and the code that banking apps read."""

import io
import os
from pathlib import Path

import pytest
from pypdf import PdfReader
from stdnum import iso11649

from amiable.core.typeset import UnableToTypeset, pdf
from amiable.ledger.balance import statement
from amiable.ledger.models import Customer
from amiable.ledger.reference import payment_reference
from amiable.outreach.render import render
from amiable.outreach.statement import Transfer, epc_text, statement_data, statement_pdf, transfer_of
from tests.outreach.rows import NOW, TODAY, a_credit, a_creditor, a_customer, a_message, an_invoice

SAMPLES = Path(__file__).parent.parent / "samples" / "outreach"
pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    customer = a_customer(a_creditor())
    an_invoice(customer, "F-2025-0101", 120_000, days_late=75)
    an_invoice(customer, "F-2025-0143", 12_345, days_late=9)
    an_invoice(customer, "F-2025-0180", 50_000, days_late=-20)
    a_credit(customer, 10_000)
    return customer


def read(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def made(customer: Customer, language: str = "fr", **changes: object) -> bytes:
    account = statement(customer=customer, as_of=TODAY, currency="EUR")
    return statement_pdf(statement=account, creditor=customer.creditor, customer=customer, language=language, now=NOW)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_reads_as_its_sample(customer: Customer, language: str) -> None:
    found = read(made(customer, language)) + "\n"
    path = SAMPLES / f"statement.{language}.pdf.txt"
    if os.environ.get("GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_the_same_data_is_the_same_document(customer: Customer) -> None:
    assert made(customer) == made(customer)


def test_no_font_of_the_machine_is_needed(customer: Customer) -> None:
    fonts = {
        str(font.get_object()["/BaseFont"]).split("+")[-1]
        for page in PdfReader(io.BytesIO(made(customer))).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert all(name.startswith("Libertinus") for name in fonts), fonts


def test_the_address_stands_in_the_window(customer: Customer) -> None:
    places: dict[str, tuple[float, float]] = {}

    def visit(text: str, cm: list[float], tm: list[float], _font: object, _size: object) -> None:
        if text.strip():
            x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
            places.setdefault(text.strip(), (x, y))

    page = PdfReader(io.BytesIO(made(customer))).pages[0]
    page.extract_text(visitor_text=visit)
    millimetres = 25.4 / 72
    for line in ("3 rue du Lac", "69003 Lyon"):
        x, y = next(place for text, place in places.items() if line in text)
        assert 100 <= x * millimetres <= 200
        assert 45 <= 297 - y * millimetres <= 85


def test_names_are_text_never_markup(customer: Customer) -> None:
    customer.name = "#panic() *Anna* $x$ <b> \\ [`"
    assert "#panic() *Anna* $x$ <b> \\ [`" in read(made(customer)).replace("\n", "")


def test_a_long_account_takes_several_pages_with_its_heading_on_each(customer: Customer) -> None:
    for number in range(120):
        an_invoice(customer, f"G-{number:04d}", 100 + number, days_late=number)
    pages = PdfReader(io.BytesIO(made(customer))).pages
    assert len(pages) >= 3
    assert all("Reste dû" in page.extract_text() for page in list(pages)[:2])


def test_nothing_open_says_so() -> None:
    page = read(made(a_customer(a_creditor())))
    assert "Votre compte est à jour" in page
    assert "IBAN" not in page


def test_a_credit_beyond_what_is_open_is_in_the_customers_favour() -> None:
    customer = a_customer(a_creditor())
    message = a_message(customer, "statement", [an_invoice(customer, "F-1", 5_000, days_late=-5)])
    a_credit(customer, 20_000)
    told = render(message, as_of=TODAY, now=NOW)
    assert "Solde en votre faveur : 150,00 €" in told.text.replace("\xa0", " ")
    page = read(told.attachments[0].content).replace("\xa0", " ")
    assert "Solde en votre faveur 150,00 €" in page.replace("\n", " ")


def test_the_transfer_asks_for_what_is_overdue_less_credits(customer: Customer) -> None:
    account = statement(customer=customer, as_of=TODAY, currency="EUR")
    transfer = transfer_of(account, customer.creditor, customer)
    assert transfer is not None
    assert transfer.amount_minor == 120_000 + 12_345 - 10_000
    assert iso11649.is_valid(transfer.reference)
    data = statement_data(account, customer.creditor, customer, "fr")
    assert bytes(data["transfers"][0]["code"]).startswith(b"\x89PNG")
    assert data["net"] == "1\xa0723,45\xa0€"


def test_no_transfer_where_the_iban_is_wrong_or_the_money_another(customer: Customer) -> None:
    account = statement(customer=customer, as_of=TODAY, currency="EUR")
    customer.creditor.iban = "FR7630006000011234567890188"
    assert transfer_of(account, customer.creditor, customer) is None
    customer.creditor.iban, customer.creditor.currency = "FR7630006000011234567890189", "CHF"
    assert transfer_of(account, customer.creditor, customer) is None


def test_the_code_has_no_room_for_nothing_or_too_much() -> None:
    assert epc_text(Transfer("L", "FR7630006000011234567890189", "", 0, "RF91C1042")) == ""
    assert epc_text(Transfer("L", "FR7630006000011234567890189", "", 10**14, "RF91C1042")) == ""


@pytest.mark.parametrize(
    ("number", "body"), [("c-1042/7", "AMIABLE"), ("C1042", "C1042"), ("X" * 40, "AMIABLE"), ("é", "AMIABLE")]
)
def test_every_customer_has_a_reference_that_banks_carry(number: str, body: str) -> None:
    reference = payment_reference(a_customer(a_creditor(), number))
    assert iso11649.is_valid(reference)
    assert reference[4:].startswith(body)
    assert len(reference) <= 25


def test_a_template_with_a_mistake_says_so(tmp_path: Path) -> None:
    template = tmp_path / "wrong.typ"
    template.write_text("#nothing-like-this")
    with pytest.raises(UnableToTypeset, match=r"wrong\.typ"):
        pdf(template, {}, made_at=NOW)


def test_a_template_reads_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    template = tmp_path / "in" / "nosy.typ"
    template.write_text('#read("../secret.txt")')
    with pytest.raises(UnableToTypeset):
        pdf(template, {}, made_at=NOW)
