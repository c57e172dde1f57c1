"""Scenarios as a person tries them: a step is changed, the check speaks, a version is kept; and two are simulated."""

from typing import Any

import pytest
from playwright.sync_api import expect

from amiable.core.models import User
from amiable.scenario import shelf
from amiable.scenario.models import Scenario
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, PHONE, Open
from tests.browser.test_desk_browser import flaws
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def vera(live_server: Any) -> User:
    """Who administers a creditor with its own draft of the house's scenario, and two customers who owe."""
    ours = rows.creditor("ours")
    shelf.stock(now=clock.now())
    house = Scenario.objects.get(creditor=None, key="businesses")
    shelf.save(data=house.data, creditor=ours, now=clock.now())
    for n in range(2):
        rows.invoice(rows.customer(ours, f"Boris {n} SARL"), 40_000, late=2)
    rows.counted()
    return rows.colleague("vera", ours)


def test_a_step_is_changed_the_check_speaks_and_a_version_is_kept(vera: User, open_desk: Open) -> None:
    draft = Scenario.objects.get(creditor__key="ours")
    page = open_desk(vera)
    page.goto(f"/scenarios/{draft.pk}/edit/")
    rung = page.locator(".am-rung").nth(1)
    rung.locator("summary").first.click()  # the other one folds its rare settings
    condition = rung.get_by_label("Condition")
    condition.fill("overdu > 5")
    condition.press("Tab")
    findings = page.locator("#findings")
    expect(findings.get_by_text("perhaps “overdue” is meant")).to_be_visible()
    condition.fill("overdue > 'much'")
    condition.press("Tab")
    expect(findings.get_by_text("“overdue” is a number and “much” is a text")).to_be_visible()
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.locator("#findings").get_by_text("With errors nothing is kept.")).to_be_visible()
    draft.refresh_from_db()
    assert "overdue > 'much'" not in str(draft.data)
    rung.locator("summary").first.click()
    condition.fill("overdue > 5")
    page.get_by_role("button", name="Keep as a draft").click()
    expect(page.get_by_text("Kept as draft version 1.")).to_be_visible()
    draft.refresh_from_db()
    assert draft.data["steps"][1]["if"] == "overdue > 5"


def test_two_scenarios_are_simulated_side_by_side(vera: User, open_desk: Open) -> None:
    page = open_desk(vera)
    page.goto("/simulate/")
    page.get_by_label("Scenario").select_option("businesses")
    page.get_by_label("Period").select_option("30")
    page.get_by_role("button", name="Simulate").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.get_by_role("row", name="Cash received")).to_be_visible()
    expect(page.locator("[data-chart=sim-curve] svg, [data-chart=sim-curve] canvas").first).to_be_visible()
    assert "scenario=businesses" in page.url
    assert flaws(page) == []


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(vera: User, open_desk: Open, theme: str, size: Any) -> None:
    draft = Scenario.objects.get(creditor__key="ours")
    page = open_desk(vera, viewport=size, color_scheme=theme)
    found = []
    for address in ("/scenarios/", f"/scenarios/{draft.pk}/", f"/scenarios/{draft.pk}/edit/"):
        page.goto(address)
        if address.endswith("edit/"):
            page.locator(".am-rung summary").first.click()
        found += flaws(page)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += [f"{address} is {wide} px too wide"] if wide > 0 else []
    assert not found, "\n".join(found)


def test_a_phone_has_five_places_in_reach_and_the_others_behind_one(vera: User, open_desk: Open) -> None:
    page = open_desk(vera, viewport=PHONE)
    tabs = page.get_by_role("navigation", name="Main, phone")
    expect(tabs.get_by_role("link")).to_have_count(4)
    assert tabs.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    tabs.get_by_role("button", name="More").click()
    expect(tabs.get_by_role("link", name="Simulation")).to_be_visible()
    assert flaws(page) == []
    page.keyboard.press("Escape")
    expect(tabs.get_by_role("link", name="Simulation")).to_be_hidden()
    tabs.get_by_role("button", name="More").click()
    tabs.get_by_role("link", name="Segments").click()
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()
