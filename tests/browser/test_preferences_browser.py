"""How we may write to you, on a phone and on a desk, by day and by night; axe finds nothing."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from amiable.core import links
from amiable.ledger.models import Contact, ContactPoint, Customer, Preference
from tests.browser.conftest import SCHEMES, Open
from tests.browser.test_desk_browser import flaws
from tests.browser.test_portal_browser import PHONE, sound
from tests.payments.rows import creditor, customer, invoice
from tests.web import desk_rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture
def anna() -> Customer:
    anna = customer(creditor(name="Éditions du Rivage", phone="01 84 80 12 34"), language="en", postcode="75011")
    contact = Contact.objects.create(customer=anna, name="Anna Martin", created_at=timezone.now())
    for medium, value in (("email", "anna.martin@example.org"), ("sms", "+33612345678"), ("call", "+33612345678")):
        ContactPoint.objects.create(contact=contact, medium=medium, value=value)
    invoice(anna, 128_450, timezone.localdate() - timedelta(days=23))
    return anna


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (WIDE, "light")])
def test_the_footer_leads_to_a_page_that_is_kept_with_one_button(
    browse: Callable[..., BrowserContext], anna: Customer, size: dict[str, Any], scheme: str
) -> None:
    page: Page = browse(**size, color_scheme=scheme, bypass_csp=True).new_page()
    token = links.sign("portal", {"c": anna.pk, "m": 0}, expires=timezone.now() + timedelta(days=9))
    page.goto(f"/p/{token}/?to=preferences")
    page.get_by_label("Your customer number or your postcode").fill("75011")
    page.get_by_role("button", name="See the details").click()
    expect(page.get_by_role("heading", name="How we may write to you")).to_be_visible()
    sound(page)
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/portal-{size['viewport']['width']}-{scheme}.png", full_page=True)
    page.get_by_label("SMS", exact=True).check()
    page.get_by_label("In the morning, 8 to 12").uncheck()
    page.get_by_label("2 a week at most").check()
    page.get_by_role("button", name="Keep these wishes").click()
    expect(page.get_by_text("It counts from the next message on.")).to_be_visible()
    expect(page.get_by_label("In the morning, 8 to 12")).not_to_be_checked()
    sound(page)
    kept = Preference.objects.get()
    assert (kept.medium, kept.per_week) == ("sms", 2)
    assert kept.hours == {"weekdays": "12:00-21:00", "saturday": "08:00-21:00"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_colleague_notes_it_in_a_dialog_of_the_customers_page(anna: Customer, open_desk: Open, scheme: str) -> None:
    page = open_desk(desk_rows.colleague("camille", anna.creditor), color_scheme=scheme, bypass_csp=True, **WIDE)
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.get_by_role("link", name="How to reach Anna Martin").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Likes best")).to_be_visible()
    assert flaws(page) == []
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/desk-{scheme}.png")
    dialog.get_by_label("Hours on weekdays").fill("09:00-12:00")
    dialog.get_by_label("Contacts a week, at most").fill("1")
    dialog.get_by_role("button", name="Keep these wishes").click()
    expect(page.get_by_text("1 contact a week at most")).to_be_visible()
    assert flaws(page) == []
