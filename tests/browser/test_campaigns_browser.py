"""Campaigns and experiments as a person uses them: a filter in rows with the list in sight, and pages without flaws."""

import pytest
from playwright.sync_api import expect

from amiable.scenario.models import Campaign, Recipient
from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws, flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_a_campaign_is_written_seen_ahead_frozen_and_released(open_desk: Open) -> None:
    ours = rows.creditor("ours")
    for n, minor in enumerate((20_000, 60_000, 90_000)):
        rows.invoice(rows.customer(ours, f"Anna {n}"), minor, late=10)
    rows.counted()
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/campaigns/")
    page.keyboard.press("e")
    expect(page.get_by_text("3 customers,")).to_be_visible()
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("Value").fill("500")
    expect(page.get_by_text("2 customers,")).to_be_visible()
    expect(page.locator("[name=when]")).to_have_value("overdue > 500")
    page.get_by_label("Name").fill("Before the holidays")
    page.get_by_role("button", name="Keep as a draft").first.click()
    page.get_by_role("button", name="Freeze the list").click()
    expect(page.get_by_text("2 customers are on the list.").first).to_be_visible()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_text("Running")).to_be_visible()
    assert Campaign.objects.get().released_by is not None
    assert Recipient.objects.count() == 2
    page.get_by_role("link", name="Read the message").click()
    expect(page.get_by_role("dialog").get_by_text("900,00").first).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(open_desk: Open, theme: str, size: dict[str, int]) -> None:
    ours = rows.creditor("ours")
    who = rows.customer(ours, "Anna with a rather long name of a company")
    rows.invoice(who, 90_000, late=20)
    rows.counted()
    made, trial = rows.campaign(who), rows.experiment(ours)
    page = open_desk(rows.colleague("vera", ours), viewport=size, color_scheme=theme)
    found = []
    scenario = trial.champion_id
    for address in (
        "/campaigns/", "/campaigns/new/", f"/campaigns/{made.pk}/", f"/campaigns/{made.pk}/message/",
        f"/scenarios/{scenario}/experiment/", f"/scenarios/{scenario}/",
    ):  # fmt: skip
        found += flaws_at(page, address)
    type(trial).objects.all().delete()
    page.goto(f"/scenarios/{scenario}/experiment/")
    found += flaws(page)
    assert not found, "\n".join(found)
