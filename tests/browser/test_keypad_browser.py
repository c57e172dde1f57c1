"""A colleague watches a customer pay on the keys of a telephone: the page follows by itself, and the call comes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from amiable.payments.models import KeypadCode
from tests.browser.test_live_browser import Any, look, served
from tests.outreach.peers import Twilio
from tests.web import desk_rows as rows
from tests.web.voice_line import Phone, set_up

__all__ = ["look", "served"]  # fixtures
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def far() -> Iterator[Twilio]:
    with Twilio() as peer:
        yield peer


def test_the_page_follows_the_keys_and_the_call_is_taken_back(look: Any, far: Twilio) -> None:
    owner = rows.creditor("helia", language="en")
    vera = rows.colleague("vera", owner)
    vera.phone = "+33155000009"
    vera.save()
    set_up(owner, far, by=vera)
    anna = rows.customer(owner, "Anna", language="en")
    rows.invoice(anna, 12_345, late=20)
    page = look(vera, f"/customers/{anna.pk}/")
    page.goto(f"/customers/{anna.pk}/act/keypad/")
    page.get_by_role("button", name="Give the code").click()
    shown = page.locator(".am-code-big")
    expect(shown).to_be_visible()
    code = KeypadCode.objects.get().code
    assert shown.inner_text() == f"{code[:3]} {code[3:]}"
    phone = Phone(owner)
    phone.ring()
    phone.press(code)
    phone.field("payment-card-number")
    expect(page.get_by_text("is being typed")).to_be_visible()
    phone.field("payment-card-number", wrong="invalid-card-number", count=2)
    expect(page.get_by_text("1 typing error")).to_be_visible()
    phone.field("expiration-date", PaymentCardNumber="xxxxxxxxxxxx4242")
    expect(page.get_by_text("•••• 4242")).to_be_visible()
    page.get_by_role("button", name="Take the call back").click()
    expect(page.get_by_text("You have taken the call back")).to_be_visible()
    assert "+33155000009" in far.turned[phone.call]
