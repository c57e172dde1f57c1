"""The receipt of a payment: one page that reads as its sample, true to what the money did, and along with its message."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from amiable.core.errors import UnableTo
from amiable.ledger.models import Allocation, Credit, Customer
from amiable.outreach.enclose import UnableToEnclose, enclosed
from amiable.outreach.models import Message
from amiable.outreach.receipt import LINES, receipt, settled
from amiable.payments.refund import give_back
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, an_invoice

SAMPLES = Path(__file__).parent.parent / "samples" / "outreach"
pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return a_customer(a_creditor())


def money(customer: Customer, amount_minor: int, **more: Any) -> Credit:
    known = {
        "creditor": customer.creditor, "customer": customer, "source": "psp:dummy", "external_id": f"P{amount_minor}",
        "reference": "PAY-7F3A", "received_on": TODAY, "currency": "EUR", "amount_minor": amount_minor,
        "open_minor": amount_minor, "method": "card", "known_at": NOW,
    }  # fmt: skip
    return Credit.objects.create(**known | more)


def puts(credit: Credit, invoice: Any, amount_minor: int) -> None:
    Allocation.objects.create(
        credit=credit, invoice=invoice, amount_minor=amount_minor, effective_on=TODAY, known_at=NOW, rule="named"
    )
    credit.refresh_from_db()


def made(credit: Credit, language: str = "fr") -> PdfReader:
    return PdfReader(io.BytesIO(receipt(credit=credit, language=language, as_of=TODAY, now=NOW).content))


def read(credit: Credit, language: str = "fr") -> str:
    return "\n".join(page.extract_text() for page in made(credit, language).pages)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_reads_as_its_sample(customer: Customer, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiable.outreach.receipt.number", lambda _credit: "R000042")
    paid = money(customer, 25_000)
    puts(paid, an_invoice(customer, "F-2025-0101", 12_000, days_late=75), 12_000)
    puts(paid, an_invoice(customer, "F-2025-0143", 20_000, days_late=9), 11_500)
    found = read(paid, language) + "\n"
    path = SAMPLES / f"receipt.{language}.pdf.txt"
    if os.environ.get("GOLDEN"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_however_many_invoices_it_is_one_page(customer: Customer) -> None:
    paid = money(customer, 60_000)
    for n in range(60):
        puts(paid, an_invoice(customer, f"F-{n:04}", 1_000, days_late=n), 1_000)
    assert len(made(paid).pages) == 1
    assert f"et {60 - LINES} autres factures" in read(paid)
    assert "440,00" in read(paid)


def test_what_has_been_given_back_is_said(customer: Customer) -> None:
    paid = money(customer, 10_000)
    puts(paid, an_invoice(customer, "F-1", 8_000, days_late=3), 8_000)
    give_back(credit=paid, amount_minor=5_000, reason="twice", as_of=TODAY, now=NOW)
    page = read(paid)
    assert "Dont remboursé depuis" in page
    assert "50,00" in page


def test_the_authoritys_word_takes_over(customer: Customer) -> None:
    first = money(customer, 8_000, provisional=True)
    bank = money(customer, 8_000, source="bank:FR76", external_id="B1")
    puts(bank, an_invoice(customer, "F-1", 8_000, days_late=3), 8_000)
    first.confirmed_by = bank
    assert [(line.invoice.reference, line.paid_minor) for line in settled(first)] == [("F-1", 8_000)]


@pytest.mark.parametrize(("method", "said"), [("cheque", True), ("card", False)])
def test_money_that_a_bank_may_take_back_says_so(customer: Customer, method: str, said: bool) -> None:
    assert ("Sous réserve d’encaissement" in read(money(customer, 8_000, method=method))) == said


def test_a_credit_note_has_no_receipt(customer: Customer) -> None:
    with pytest.raises(UnableTo):
        read(money(customer, 8_000, kind="credit_note"))


def test_it_goes_along_with_its_message(customer: Customer) -> None:
    paid = money(customer, 8_000)
    wish = Message(customer=customer, medium="email", language="en", context={"receipt": paid.pk})
    [paper] = enclosed(wish, as_of=TODAY, now=NOW)
    assert (paper.name, paper.media_type) == (f"Receipt R{paid.pk:06}.pdf", "application/pdf")
    assert (
        enclosed(
            Message(customer=customer, medium="sms", language="en", context={"receipt": paid.pk}), as_of=TODAY, now=NOW
        )
        == ()
    )
    other = a_customer(customer.creditor, "C2000")
    with pytest.raises(UnableToEnclose):
        enclosed(
            Message(customer=other, medium="email", language="en", context={"receipt": paid.pk}), as_of=TODAY, now=NOW
        )
