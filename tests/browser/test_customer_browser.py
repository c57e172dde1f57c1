"""The gestures of a customer's page in a real browser: by keyboard, over the page, taken back by one key, on one sheet."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from amiable.casework.models import Note, Task
from amiable.core.models import User
from amiable.ledger.models import Contact, Customer
from amiable.outreach.models import Message
from tests.browser.conftest import DESKTOP, LOOKS, PHONE, Open
from tests.browser.test_desk_browser import flaws, flaws_at, settled
from tests.web import desk_rows as rows
from tests.web.test_desk_customer import settled as paid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def anna(live_server: Any) -> Customer:
    found = rows.full(rows.creditor("ours"), "Anna")
    found.tasks.all().delete()
    rows.invoice(found, 123_456, late=-5)
    rows.document(found.invoices.latest("pk"))
    for days_ago, late in ((3, 12), (40, -5), (75, 45)):
        paid(rows.customer(found.creditor, "Other") if late < 0 else found, 10_000, late=late, days_ago=days_ago)
    rows.case(found)
    rows.counted()
    return found


@pytest.fixture
def camille(anna: Customer) -> User:
    return rows.colleague("camille", anna.creditor)


@pytest.fixture
def page(anna: Customer, camille: User, open_desk: Open) -> Page:
    opened = open_desk(camille, viewport=DESKTOP)
    opened.goto(reverse("desk:customer", args=[anna.pk]))
    settled(opened)
    return opened


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_on_the_page_and_in_its_forms(
    anna: Customer, camille: User, open_desk: Open, theme: str, size: dict[str, int]
) -> None:
    page = open_desk(camille, viewport=size, color_scheme=theme)
    contact = anna.contacts.get().pk
    found = flaws_at(page, reverse("desk:customer", args=[anna.pk]))
    for name in ("write", "person", "place", "copy", "entrust"):
        found += flaws_at(page, reverse("desk:act", args=[anna.pk, name]))
    found += flaws_at(page, reverse("desk:act_on", args=[anna.pk, "person", contact]))
    found += flaws_at(page, reverse("desk:customer", args=[anna.pk]) + "?find=nothing-like-this")
    assert not found, "\n".join(found)


def test_a_call_starts_with_one_key_and_ends_with_one(page: Page, camille: User) -> None:
    page.keyboard.press("c")
    expect(page.locator("#act")).to_be_visible()
    expect(page.locator("#act")).to_contain_text("Voicemail")
    page.keyboard.press("5")
    expect(page.locator("#messages")).to_contain_text("Voicemail")
    task = Task.objects.get()
    assert (task.outcome, task.done_by) == ("voicemail", camille)


def test_a_message_is_looked_at_while_it_is_typed(page: Page) -> None:
    page.keyboard.press("w")
    expect(page.locator("#id_body")).to_be_focused()
    page.locator("#id_subject").fill("Our call of today")
    page.locator("#id_body").fill("{{ greeting }}\n\nThank you for the talk.\n\n[talk]\n\n[signature]")
    expect(page.locator("#write-look")).to_contain_text("Thank you for the talk.")
    page.locator("#id_body").fill("{{ nothing.here }}")
    expect(page.locator("#write-look")).to_contain_text("nothing")
    page.locator("#id_body").fill("{{ greeting }}\n\nThank you.\n\n[talk]\n\n[signature]")
    expect(page.locator("#write-look")).to_contain_text("Thank you.")
    assert flaws(page) == []
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#messages")).to_contain_text("will leave with the next sending")
    assert Message.objects.filter(purpose="own_words", state="planned").count() == 1
    page.keyboard.press("u")
    expect(page.locator("#messages")).to_contain_text("Undone")
    assert Message.objects.get(purpose="own_words").state == "withheld"


def test_everything_else_stands_in_a_menu(page: Page) -> None:
    page.keyboard.press(".")
    expect(page.locator("#more-acts")).to_be_visible()
    assert flaws(page) == []
    page.locator("#more-acts").get_by_role("link", name="Add or correct a contact").click()
    page.locator("#id_name").fill("Ann")
    page.locator("#id_phone").fill("12")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#act")).to_contain_text("is not a telephone number")
    page.locator("#id_phone").fill("")
    page.locator("#id_email").fill("ann@example.org")
    page.get_by_role("button", name="Keep it").click()
    expect(page.locator("#page")).to_contain_text("ann@example.org")
    assert Contact.objects.filter(name="Ann").count() == 1


def test_a_note_is_taken_back_by_one_key(page: Page) -> None:
    before = Note.objects.count()
    page.keyboard.press("n")
    page.locator("#id_text").fill("Wrong customer")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.locator("#timeline")).to_contain_text("Wrong customer")
    page.keyboard.press("u")
    expect(page.locator("#messages")).to_contain_text("Undone")
    expect(page.locator("#timeline")).not_to_contain_text("Wrong customer")
    assert Note.objects.count() == before


def test_what_happened_is_searched_in_place(page: Page) -> None:
    page.locator("#find").fill("note about")
    page.locator("#find").press("Enter")
    expect(page.locator("#timeline li .what")).to_have_count(1)
    page.locator("#timeline").get_by_role("link", name="Money").click()
    expect(page.locator("#timeline")).to_contain_text("Nothing fits")
    page.locator("#timeline").get_by_role("link", name="Show everything").click()
    expect(page.locator("#timeline")).to_contain_text("Invoice")


def test_a_picture_has_its_table(page: Page) -> None:
    expect(page.locator(".am-habit svg rect")).to_have_count(2)
    page.locator(".am-habit summary").click()
    expect(page.get_by_role("region", name="Payment habit in EUR")).to_be_visible()


def test_on_a_telephone_the_acts_are_within_reach(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=PHONE)
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.get_by_role("button", name="More", exact=True).first.click()
    expect(page.locator("#more-acts")).to_be_in_viewport()


def test_a_customer_fits_on_one_sheet(page: Page, tmp_path: Any) -> None:
    path = tmp_path / "customer.pdf"
    path.write_bytes(page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "12mm")))
    sheets = PdfReader(path).pages
    assert len(sheets) == 1
    assert "Anna" in sheets[0].extract_text()
