"""A customer on a phone: from the link to the receipt, with the provider's real webhook over HTTP; axe finds nothing."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from amiable.core import links
from amiable.ledger.models import Customer, Invoice
from amiable.payments.models import Attempt
from amiable.web.dev import psp
from tests.browser.conftest import SCHEMES
from tests.payments.rows import creditor, customer, invoice

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def anna() -> Customer:
    owner = creditor(name="Éditions du Rivage", iban="FR7630006000011234567890189", phone="01 84 80 12 34")
    anna = customer(owner, language="en", postcode="75011")
    today = timezone.localdate()
    invoice(anna, 128_450, today - timedelta(days=23))
    invoice(anna, 46_020, today - timedelta(days=9))
    invoice(anna, 89_900, today + timedelta(days=12))
    return anna


def arrive(page: Page, anna: Customer, token: str = "") -> None:
    token = token or links.sign("portal", {"c": anna.pk, "m": 0}, expires=timezone.now() + timedelta(days=9))
    page.goto(f"/p/{token}/")
    page.get_by_label("Your customer number or your postcode").fill("75011")
    page.get_by_role("button", name="See the details").click()


def sound(page: Page) -> None:
    """No barrier that axe knows, and nothing that sticks out of a small screen."""
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_from_the_link_to_the_receipt(browse: Callable[..., BrowserContext], anna: Customer, scheme: str) -> None:
    page = browse(**PHONE, color_scheme=scheme, bypass_csp=True).new_page()
    arrive(page, anna)
    expect(page.locator("[data-pay]")).to_have_text(re.compile(r"Pay\s+€1,744\.70"))
    for way in page.locator("details.way > summary").all():
        way.click()
    sound(page)
    page.locator("input[name=invoice]").first.uncheck()
    expect(page.locator("[data-total]")).to_have_text("€460.20")
    page.fill("#amount", "5")  # begun, and left: the large button pays what it says
    page.locator("[data-pay]").click()
    expect(page.get_by_role("main")).to_contain_text("460.20")
    sound(page)
    page.get_by_role("button", name="Mistype the card number").click()
    page.get_by_role("button", name="Pay with 3-D Secure").click()
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    sound(page)
    assert Attempt.objects.get().input_errors == 1
    assert sorted(Invoice.objects.values_list("open_minor", flat=True)) == [0, 89_900, 128_450]


def test_a_word_that_is_late_reaches_the_page_by_itself(
    browse: Callable[..., BrowserContext], anna: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psp, "LATE_SECONDS", 1)
    page = browse().new_page()
    arrive(page, anna)
    page.locator("[data-pay]").click()
    page.get_by_label("Tell the result late").check()
    page.get_by_role("button", name=re.compile("^Pay €")).click()
    expect(page.get_by_role("heading", name="Waiting for confirmation")).to_be_visible()
    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()


def test_without_scripts_and_with_the_policy_in_force(browse: Callable[..., BrowserContext], anna: Customer) -> None:
    page = browse(java_script_enabled=False).new_page()
    refused: list[Any] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security" in line.text else None)
    arrive(page, anna)
    page.locator("[data-pay]").click()
    page.get_by_role("button", name="Be declined").click()
    expect(page.get_by_role("heading", name="The payment was declined")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name=re.compile("^Pay €")).click()
    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    assert Attempt.objects.values("chain").distinct().count() == 1
    assert refused == []


def test_saying_it_is_paid_and_contesting(browse: Callable[..., BrowserContext], anna: Customer) -> None:
    page = browse(**PHONE, bypass_csp=True).new_page()
    arrive(page, anna)
    page.locator("input[name=invoice]").nth(1).uncheck()
    page.get_by_role("button", name="I have already paid").click()
    expect(page.locator(".tag")).to_have_text("being checked")
    page.locator("details.more summary").nth(1).click()
    page.get_by_role("link", name="I contest this invoice").locator("visible=true").click()
    sound(page)
    page.get_by_label("Not as agreed").check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".tag")).to_have_text(["being checked", "contested"])
    sound(page)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_link_of_a_colleague_and_a_payment_that_is_gone_on_with(
    browse: Callable[..., BrowserContext], anna: Customer, scheme: str
) -> None:
    row = Invoice.objects.order_by("due_on").first()
    assert row
    asked = {"invoices": [row.pk], "amount_minor": 50_000, "currency": "EUR"}
    token = links.sign("portal", {"c": anna.pk, "m": 0, "pay": asked}, expires=timezone.now() + timedelta(days=9))
    page = browse(**PHONE, color_scheme=scheme, bypass_csp=True).new_page()
    arrive(page, anna, token)
    expect(page.locator("input[name=invoice]:checked")).to_have_count(1)
    page.get_by_role("button", name=re.compile(r"^Pay €500\.00")).click()
    page.get_by_role("button", name="Be declined").click()
    sound(page)
    page.get_by_role("link", name="Another way to pay").click()
    expect(page.get_by_text("Your last payment was declined.")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Continue this payment").click()
    page.get_by_role("button", name=re.compile("^Pay €500")).click()
    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    expect(page.get_by_text("€784.50 left")).to_be_visible()
    sound(page)
    with page.expect_download() as paper:
        page.get_by_role("link", name="Download the receipt (PDF)").click()
    assert re.fullmatch(r"Receipt R\d+\.pdf", paper.value.suggested_filename)
    tries = Attempt.objects.order_by("pk")
    assert [(each.journey, each.state, each.amount_minor) for each in tries] == [
        ("desk_link", "failed", 50_000), ("desk_link", "succeeded", 50_000),
    ]  # fmt: skip
