"""Texts as a person writes them: the e-mail follows what is typed, names go where the cursor is, pages without flaws."""

import pytest
from playwright.sync_api import expect

from amiable.core.models import Role
from amiable.outreach.models import Template
from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
HERE = "/texts/email/en/business/reminder_1/warm/"


def test_what_is_typed_is_seen_kept_and_approved_by_another(open_desk: Open) -> None:
    ours = rows.creditor("ours")
    for name, minor in (("Roux et fils", 12_345), ("Zinc and sons", 99_900)):
        rows.invoice(rows.customer(ours, name), minor, late=10)
    rows.counted()
    page = open_desk(rows.colleague("vera", ours))
    page.goto(f"{HERE}?creditor={ours.pk}")
    letter = page.frame_locator("iframe[name=text-page]")
    expect(letter.get_by_role("link", name="Pay €999.00")).to_be_visible()
    page.get_by_label("Search a customer").fill("roux")
    expect(letter.get_by_role("link", name="Pay €123.45")).to_be_visible()
    words = page.get_by_label("Words", exact=True)
    words.fill("{{ greeting }}\n\nA word of ours for ")
    page.get_by_role("button", name="{{ customer.number }}").click()
    expect(words).to_have_value("{{ greeting }}\n\nA word of ours for {{ customer.number }}")
    expect(letter.get_by_text("A word of ours for ours-1")).to_be_visible()
    expect(page.get_by_text("It must say how to answer or object").first).to_be_visible()
    page.get_by_role("button", name="[paid-or-talk]").click()
    expect(page.get_by_text("Nothing to say against it")).to_be_visible()
    words.press("End")
    words.type("{{ oops }}")
    expect(page.get_by_text("There is nothing named “oops”").first).to_be_visible()
    words.fill(words.input_value().replace("{{ oops }}", ""))
    expect(page.get_by_text("Nothing to say against it")).to_be_visible()
    page.get_by_role("button", name="Keep as a draft").first.click()
    expect(page.get_by_text("It speaks once another person has approved it.")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_role("dialog").get_by_text("Against the house’s text")).to_be_visible()
    other = open_desk(rows.colleague("max", ours))
    other.goto(f"{HERE}?creditor={ours.pk}")
    other.get_by_role("button", name="Approve").click()
    expect(other.get_by_text("In use")).to_be_visible()
    assert Template.objects.get().approved_by.username == "max"


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(open_desk: Open, theme: str, size: dict[str, int]) -> None:
    ours = rows.creditor("ours")
    rows.invoice(rows.customer(ours, "Anna with a rather long name of a company"), 90_000, late=20)
    rows.counted()
    ada = rows.colleague("ada", ours)
    kept = Template.objects.create(
        creditor=ours, key="reminder_1", medium="email", language="en", audience="business", tone="warm", written_by=ada,
        subject="A word", body="{{ greeting }}\n\nA word\n\n[paid-or-talk]",
    )  # fmt: skip
    page = open_desk(rows.colleague("vera", ours, Role.MANAGER), viewport=size, color_scheme=theme)
    found = []
    for address in (
        "/texts/", f"{HERE}?creditor={ours.pk}", f"/texts/sms/fr/consumer/reminder_1/warm/?creditor={ours.pk}",
        f"/texts/call/en/business/reminder_2/neutral/?creditor={ours.pk}", f"/texts/versions/{kept.pk}/",
    ):  # fmt: skip
        found += flaws_at(page, address)
    assert not found, "\n".join(found)
