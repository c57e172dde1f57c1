"""Paying in parts, on a phone and at the desk: chosen, accepted and paid without a script; axe finds nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, expect

from amiable.core.models import Role
from amiable.ledger.models import Customer
from amiable.payments.models import Attempt, Plan
from amiable.web.ui import clock
from tests.browser.conftest import SCHEMES, Open
from tests.browser.test_desk_browser import flaws
from tests.browser.test_portal_browser import PHONE, arrive, sound
from tests.payments.rows import creditor, customer, invoice
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def anna() -> Customer:
    owner = creditor(name="Éditions du Rivage", phone="01 84 80 12 34", released_at=clock.now())
    anna = customer(owner, name="Anna Lefèvre", kind="consumer", language="en", postcode="75011")
    invoice(anna, 46_020, clock.today() - timedelta(days=23))
    invoice(anna, 12_980, clock.today() - timedelta(days=9))
    return anna


@pytest.mark.parametrize("scheme", SCHEMES)
def test_in_three_parts_from_the_link_to_the_first_payment(
    browse: Callable[..., BrowserContext], anna: Customer, scheme: str
) -> None:
    page = browse(**PHONE, color_scheme=scheme, bypass_csp=True).new_page()
    arrive(page, anna)
    page.get_by_text("Pay later or in parts").click()
    page.get_by_role("button", name="In parts, or on a later day").click()
    page.get_by_text("Tell us more, if you like").click()
    sound(page)
    page.get_by_label("In 3 parts").check()
    page.get_by_role("button", name="See the dates").click()
    sound(page)
    assert Plan.objects.count() == 0
    page.get_by_role("button", name="I accept").click()
    expect(page.get_by_text("0 of 3 payments made")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Pay the next one").click()
    page.get_by_role("button", name="Pay €").click()
    page.get_by_role("link", name="my invoices").or_(page.get_by_role("link", name="Pay the rest")).click()
    page.get_by_role("link", name="Your payment plan").click()
    expect(page.get_by_text("1 of 3 payments made")).to_be_visible()
    sound(page)
    assert Attempt.objects.get().amount_minor == Plan.objects.get().instalments.order_by("due_on")[0].amount_minor


def test_without_scripts_and_with_the_policy_in_force(browse: Callable[..., BrowserContext], anna: Customer) -> None:
    page = browse(java_script_enabled=False).new_page()
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security" in line.text else None)
    arrive(page, anna)
    page.get_by_text("Pay later or in parts").click()
    page.get_by_role("button", name="In parts, or on a later day").click()
    page.get_by_label("In 2 parts").check()
    page.get_by_role("button", name="See the dates").click()
    page.get_by_role("button", name="I accept").click()
    expect(page.get_by_text("0 of 2 payments made")).to_be_visible()
    assert refused == []


def test_at_the_desk(open_desk: Open, anna: Customer) -> None:
    user = rows.colleague("vera", anna.creditor, Role.MANAGER)
    page = open_desk(user)
    page.goto(f"/customers/{anna.pk}/")
    page.get_by_role("link", name="Payment plan").click()
    page.get_by_label("Can pay a month").fill("120")
    page.get_by_role("button", name="Compare offers").click()
    assert flaws(page) == []
    page.get_by_role("button", name="Offer it").first.click()
    expect(page.get_by_text("The plan is offered.")).to_be_visible()
    assert flaws(page) == []
    page.get_by_label("Who accepts").fill("Anna Lefèvre")
    page.get_by_role("button", name="Note the acceptance").click()
    expect(page.get_by_role("link", name="Agreement")).to_be_visible()
    assert flaws(page) == []
    page.goto("/plans/")
    assert flaws(page) == []
