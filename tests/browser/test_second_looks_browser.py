"""A customer known twice becomes one, its money is expected, its case goes away and comes back, and the figures lead to it."""

from io import BytesIO
from typing import Any

import pytest
from django.urls import reverse
from openpyxl import load_workbook
from playwright.sync_api import expect

from amiable.casework.models import Placement
from amiable.core.models import Role, User
from amiable.insight.forecast.keep import keep
from amiable.ledger.models import Customer
from amiable.web.ui import clock
from tests.browser.conftest import DESKTOP, LOOKS, Open
from tests.browser.test_desk_browser import flaws, flaws_at, settled
from tests.web import desk_rows as rows
from tests.web.test_desk_customer import settled as paid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def anna(live_server: Any) -> Customer:
    """Pays some ten days late as a rule, and owes; her other record owes as well."""
    found = rows.customer(rows.creditor("ours"), "Anna Dupont")
    for n in range(22):
        paid(found, 1_000, late=10, days_ago=20 + 9 * n)
    rows.invoice(found, 12_000, late=3)
    rows.invoice(rows.customer(found.creditor, "Dupont Anna"), 5_000, late=9)
    rows.case(found, days_ago=2)
    rows.counted()
    rows.measured()
    keep(creditor=found.creditor, as_of=clock.today(), now=clock.now())
    return found


@pytest.fixture
def vera(anna: Customer) -> User:
    return rows.colleague("vera", anna.creditor, Role.MANAGER)


def test_from_two_records_to_one_and_from_a_figure_to_its_customers(
    anna: Customer, vera: User, open_desk: Open
) -> None:
    page = open_desk(vera, viewport=DESKTOP)
    hers = reverse("desk:customer", args=[anna.pk])
    page.goto(reverse("desk:same", args=[anna.pk]))
    page.get_by_label("The other record").fill("Dupont")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Dupont Anna").click()
    expect(page.locator("main")).to_contain_text("€50.00")
    page.get_by_role("button", name="Make them one customer").click()  # not without having said that both were compared
    page.get_by_label("I have compared both").check()
    page.get_by_role("button", name="Make them one customer").click()
    page.wait_for_url(f"**{hers}")
    settled(page)

    expected = page.locator("section", has=page.get_by_role("heading", name="When money is expected"))
    expect(expected).to_contain_text("after the due date as a rule")
    expect(expected.get_by_role("row")).to_have_count(1 + 1 + 2)  # heads, one reason, both invoices

    page.get_by_role("button", name="More").first.click()
    page.get_by_role("link", name="Hand over to an agency").click()
    page.locator("#act").get_by_label("Agency").fill("Recouvra")
    page.locator("#act").get_by_role("button", name="Hand it over").click()
    expect(page.locator("#messages")).to_contain_text("lies with the agency")
    page.goto("/placements/")
    page.get_by_role("link", name="Take it back").click()
    page.locator("#act").get_by_role("button", name="Take it back").click()
    expect(page.locator("#messages")).to_contain_text("ours again")
    assert Placement.objects.get().recalled_at is not None

    page.goto("/figures/journeys/")
    page.get_by_role("link", name="Overdue at the opening").click()
    expect(page.get_by_role("link", name="Anna Dupont")).to_be_visible()
    expect(page.get_by_role("link", name="Case opened from")).to_be_visible()

    page.goto("/figures/explore/")
    page.get_by_label("By", exact=True).select_option("scenario")
    expect(page.locator("#answer").get_by_role("columnheader", name="Scenario")).to_be_visible()
    page.locator("summary", has_text="Download").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="XLSX").click()
    said = [
        cell
        for sheet in load_workbook(BytesIO(download.value.path().read_bytes()))
        for row in sheet.values
        for cell in row
    ]
    assert "Scenario" in said


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_on_them(
    anna: Customer, vera: User, open_desk: Open, theme: str, size: dict[str, int]
) -> None:
    page = open_desk(vera, viewport=size, color_scheme=theme)
    other = Customer.objects.exclude(pk=anna.pk).get()
    same = reverse("desk:same", args=[anna.pk])
    narrowed = page.goto("/figures/journeys/") and page.locator("a[href*='stage=']").first.get_attribute("href")
    asked = (f"{same}?q=Dupont", f"{same}?with={other.pk}", f"{narrowed}", "/figures/explore/?by=scenario")
    found = [flaw for address in asked for flaw in flaws_at(page, address)]
    page.goto(reverse("desk:act", args=[anna.pk, "agency"]))
    assert [*found, *flaws(page)] == []
