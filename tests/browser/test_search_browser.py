"""The search box as a person uses it: typed, walked through by keyboard, opened; and the pages of the API."""

import os

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws, flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def seen(page: Page, name: str) -> None:
    """A picture, where somebody asks for one."""
    if folder := os.environ.get("AMIABLE_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=False)


def house() -> object:
    ours = rows.creditor("ours")
    for name, minor in (("Œuvre sociale d’Évreux", 90_000), ("Évreux Transports", 123_450), ("Garage Martin", 5_000)):
        rows.email(found := rows.customer(ours, name, city="Évreux"), f"compta@{len(name)}.example")
        rows.invoice(found, minor, late=20)
    rows.counted()
    return rows.colleague("vera", ours)


def test_typed_walked_through_and_opened(open_desk: Open) -> None:
    page = open_desk(house())  # type: ignore[arg-type]
    page.goto("/customers/")
    page.keyboard.press("/")
    page.keyboard.type("evreux")
    options = page.locator("#found").get_by_role("option")
    expect(options).to_have_count(2)
    expect(page.locator("#search")).to_have_attribute("aria-expanded", "true")
    seen(page, "search-typing")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    name = options.nth(1).locator("b").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    page.keyboard.press("/")
    page.keyboard.type("1 234,50")
    expect(options).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    page.locator("#search").press("Enter")  # nothing chosen: the page with everything found
    expect(page.get_by_role("heading", level=1)).to_have_text("Search")
    expect(page.get_by_role("link", name="Évreux Transports")).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing(open_desk: Open, size: dict[str, int], theme: str) -> None:
    page = open_desk(house(), viewport=size, color_scheme=theme)  # type: ignore[arg-type]
    wrong = []
    for name, address in (
        ("search", "/search/?q=evreux"), ("nobody", "/search/?q=zzzzqq"), ("tokens", "/account/tokens/"), ("api", "/api/docs/"),
    ):  # fmt: skip
        wrong += flaws_at(page, address)
        seen(page, f"{name}-{theme}-{size['width']}")
    page.goto("/")
    page.locator("#search").fill("evreux")
    expect(page.locator("#found").get_by_role("option")).to_have_count(2)
    seen(page, f"typing-{theme}-{size['width']}")
    wrong += flaws(page)
    assert not wrong, "\n".join(wrong)
