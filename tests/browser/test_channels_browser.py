"""Channels as a person sets them up: settings, one test, in use, the address to copy; and pages without flaws."""

import pytest
from playwright.sync_api import expect

from amiable.outreach import route
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, Open
from tests.browser.test_desk_browser import flaws_at
from tests.contracts import anymail_samples as samples
from tests.contracts.peer import peer
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_a_channel_is_set_up_tested_and_put_in_use(open_desk: Open) -> None:
    ours = rows.creditor("ours")
    vera = rows.colleague("vera", ours)
    vera.email = "vera@ours.example"
    vera.save()
    taken = samples.samples()["postmark"].taken
    assert taken
    with peer(taken) as far:
        page = open_desk(vera)
        page.goto("/channels/")
        page.get_by_text("Other channels").first.click()
        page.get_by_role("link", name="Postmark").click()
        page.get_by_label("Server token").fill("pm-token")
        page.get_by_label("Sender's address").fill("facturation@lumen.example")
        page.get_by_label("Address of the interface").fill(far.url)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_label("Server token")).to_have_value("")
        page.get_by_role("button", name="Test").click()
        expect(page.get_by_text("Handed over for vera@ours.example")).to_be_visible()
        assert len(far.asked) == 1
        page.get_by_role("button", name="Let it carry").click()
        expect(page.get_by_text("From now on “Postmark” carries")).to_be_visible()
    address = page.get_by_label("For what became of messages")
    address.focus()
    assert address.evaluate("field => field.selectionEnd - field.selectionStart") == len(address.input_value())
    ours.refresh_from_db()
    assert route.in_use(ours, "email") == "postmark"


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(open_desk: Open, theme: str, size: dict[str, int]) -> None:
    ours = rows.creditor("ours")
    vera = rows.colleague("vera", ours)
    for key in ("mailersend", "postmark"):
        route.keep(creditor=ours, key=key, values=samples.samples()[key].config, now=clock.now(), by=vera)
    route.use(creditor=ours, key="postmark", now=clock.now(), by=vera)
    page = open_desk(vera, viewport=size, color_scheme=theme)
    found = []
    for address in (
        "/channels/",
        *(f"/channels/{ours.pk}/{key}/" for key in ("postmark", "mailersend", "email", "amazon_ses", "console_sms")),
    ):  # fmt: skip
        found += flaws_at(page, address)
    assert not found, "\n".join(found)
