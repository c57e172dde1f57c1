"""The chain in a browser: a word given on a phone, a dispute worked on, a colleague named in a note, holidays handed over."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from amiable.casework.dispute import open_dispute
from amiable.casework.models import Dispute, HandOver, Note, Notification, Word
from amiable.casework.word import ask_word, token
from amiable.core.models import Role, User
from amiable.ledger.models import Customer
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, PHONE, SCHEMES, Browse, Open
from tests.browser.test_desk_browser import flaws, flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def camille() -> User:
    return rows.colleague("camille", rows.creditor("rivage", name="Éditions du Rivage"))


@pytest.fixture
def anna(camille: User) -> Customer:
    karim = rows.colleague("karim", (of := rows.creditor("helia", name="Hélia Énergie")), Role.SALES)
    User.objects.filter(pk=karim.pk).update(email="karim@helia.example", first_name="Karim", last_name="Benali")
    karim.refresh_from_db()
    camille.scopes.update(creditor_ref=of.pk)
    found = rows.customer(of, "Garage Martin", salesperson=karim)
    for minor, late in ((1_234_500, 45), (320_000, 12), (98_050, 3)):
        rows.invoice(found, minor, late=late)
    rows.counted(found)
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_word_is_given_on_a_phone(browse: Browse, anna: Customer, camille: User, scheme: str) -> None:
    assert anna.salesperson is not None
    word = ask_word(
        customer=anna,
        user=anna.salesperson,
        question="Do you know why they wait?",
        key="t",
        now=clock.now(),
        by=camille,
    )
    page = browse(viewport=PHONE, color_scheme=scheme, bypass_csp=True).new_page()
    page.goto(f"/w/{token(word)}/?to=hold")
    expect(page.get_by_label("Until")).to_be_visible()
    assert flaws(page) == []
    page.get_by_text("They will pay on …").click()
    page.get_by_label("On which day").first.fill((clock.today() + timedelta(days=6)).isoformat())
    page.get_by_role("button", name="They will pay").click()
    expect(page.get_by_text("Thank you")).to_be_visible()
    assert flaws(page) == []
    assert Word.objects.get().answer == "promise"


def test_without_scripts_a_word_counts_as_well(browse: Browse, anna: Customer) -> None:
    assert anna.salesperson is not None
    word = ask_word(customer=anna, user=anna.salesperson, question="", key="t", now=clock.now())
    page = browse(java_script_enabled=False).new_page()
    page.goto(f"/w/{token(word)}/?to=words")
    page.get_by_label("In your words").fill("They change their bank.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Noted, in your words.")).to_be_visible()
    assert Note.objects.get().text == "They change their bank."


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_a_dispute_is_worked_on(
    open_desk: Open, anna: Customer, camille: User, size: dict[str, int], theme: str
) -> None:
    bill = anna.invoices.order_by("due_on")[0]
    open_dispute(
        invoice=bill, reason="not_received", words="Two pallets are missing.", amount_minor=400_000, as_of=clock.today(),
        now=clock.now(),
    )  # fmt: skip
    page = open_desk(camille, viewport=size, color_scheme=theme)
    for address in ("/disputes/", "/disputes/rules/", "/responsibility/", "/escalations/"):
        assert flaws_at(page, address) == []
    page.goto("/disputes/")
    page.get_by_role("link", name="Garage Martin").click()
    expect(page.get_by_role("heading", name=f"Dispute on {bill.reference}")).to_be_visible()
    assert flaws(page) == []
    page.get_by_role("button", name="Done: Find the proof of delivery").click()
    expect(page.get_by_role("button", name="Not done: Find the proof of delivery")).to_be_visible()
    page.get_by_label("Amount in EUR").fill("4000")
    page.get_by_role("button", name="Expect it").click()
    expect(page.get_by_text("the dispute ends when the credit note comes")).to_be_visible()
    assert Dispute.objects.get().expected_minor == 400_000


def test_a_colleague_is_named_by_the_keyboard(open_desk: Open, anna: Customer, camille: User) -> None:
    page = open_desk(camille)
    page.goto(f"/customers/{anna.pk}/")
    page.keyboard.press("n")
    box = page.get_by_label("Note", exact=True)
    box.type("Please ring them, @kar")
    expect(page.get_by_role("option", name="Karim Benali")).to_be_visible()
    assert flaws(page) == []
    page.keyboard.press("Enter")
    expect(box).to_have_value("Please ring them, @karim ")
    page.get_by_label("Files").set_input_files(
        {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    )
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("link", name="offer.pdf")).to_be_visible()
    assert Notification.objects.get().user.username == "karim"


def test_holidays_are_handed_over_and_taken_back(open_desk: Open, anna: Customer, camille: User) -> None:
    page = open_desk(camille)
    page.goto("/responsibility/")
    page.get_by_label("Who is away").select_option("Karim Benali")
    page.get_by_label("Who stands in").select_option("camille")
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("camille stands in for Karim Benali.")).to_be_visible()
    page.locator("#messages").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("has their portfolio back")).to_be_visible()
    assert HandOver.objects.get().taken_back_at is not None


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_the_portfolio_of_a_salesperson(open_desk: Open, anna: Customer, size: dict[str, int], theme: str) -> None:
    karim = anna.salesperson
    assert karim is not None
    User.objects.filter(pk=karim.pk).update(language="en")
    ask_word(customer=anna, user=karim, question="Do you know why they wait?", key="t", now=clock.now())
    rows.task(anna, title="Call about overdue invoices")
    page = open_desk(karim, viewport=size, color_scheme=theme)
    assert flaws_at(page, "/portfolio/") == []
    page.get_by_role("link", name="Give my word").click()
    expect(page.get_by_text("Do you know why they wait?")).to_be_visible()
