"""The editor of segments as a person uses it: rows, the keyboard, the preview that follows, and a save."""

import pytest
from playwright.sync_api import expect

from amiable.portfolio.models import Profile, SegmentSet
from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws, settled
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_a_segment_is_built_moved_by_keyboard_seen_ahead_and_put_in_force(open_desk: Open) -> None:
    ours = rows.creditor("ours")
    rows.invoice(rows.customer(ours, "Anna"), 90_000, late=40)
    rows.counted()
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/segments/")
    page.keyboard.press("e")
    expect(page.get_by_text("Nobody would move.")).to_be_visible()
    page.get_by_role("button", name="Add a segment").click()
    page.keyboard.type("Gros encours")
    page.keyboard.press("Tab")
    page.keyboard.type("Large debts")
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("Value").fill("500")
    card = page.locator("[data-segment]").filter(has=page.locator("details[open]"))
    expect(card.locator("[name=when]")).to_have_value("overdue > 500")
    for _step in range(20):
        page.keyboard.press("Alt+ArrowUp")
    expect(card.locator("[data-number]")).to_have_text("1")
    expect(page.get_by_text("customer of 1 would move.")).to_be_visible()
    assert not SegmentSet.objects.exists()
    page.get_by_role("button", name="Save and activate").first.click()
    expect(page.get_by_text("Version 1 is in force: 1 customer moved.")).to_be_visible()
    assert Profile.objects.get().segment == "large_debts"


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(open_desk: Open, theme: str, size: dict[str, int]) -> None:
    ours = rows.creditor("ours")
    for n in range(4):
        rows.invoice(rows.customer(ours, f"Customer {n}"), 90_000, late=20 * n)
    rows.counted()
    page = open_desk(rows.colleague("vera", ours), viewport=size, color_scheme=theme)
    found = []
    for address in ("/segments/", "/segments/moves/", "/segments/edit/", "/facts/"):
        page.goto(address)
        settled(page)
        for at in (6, 8) if "edit" in address else ():
            page.locator("[data-segment] summary").nth(at).click()
        found += flaws(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{address} is {wide} px too wide")
    assert not found, "\n".join(found)
