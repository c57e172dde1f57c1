"""The desk in a real browser: nothing that axe finds, everything by keyboard, no page wider than a phone."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from amiable.casework.models import Note, Task
from amiable.core.models import Run, User
from amiable.ledger.models import Customer
from amiable.payments.models import Promise
from amiable.web.ui import clock
from tests.browser.conftest import DESKTOP, LOOKS, Open, arrived
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def anna(live_server: Any) -> Customer:
    """A house with something on every page."""
    ours = rows.creditor("ours", released_at=None)
    for n in range(5):
        rows.invoice(rows.customer(ours, f"Customer {n}"), 10_000 * (n + 1), late=20 * n)
    found = rows.full(ours, "Anna")
    rows.invoice(found, 123_456, late=-5)
    rows.credit(found, 700, days_ago=2)
    rows.case(found, days_ago=1)  # the boards are of the last day that is over
    rows.report(ours)
    rows.counted()
    rows.measured()
    Run.objects.create(
        step="send", as_of=clock.today(), started_at=clock.now(), ended_at=clock.now(), figures={"sent": 3}
    )
    return found


@pytest.fixture
def camille(anna: Customer) -> User:
    return rows.colleague("camille", anna.creditor)


def settled(page: Page) -> None:
    """Ends when what a page asks for by itself is in its place: half a second sooner than a network is called idle."""
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)


def flaws(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, with the elements."""
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    }
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{page.url} {flaw['id']}: {[node['html'][:160] for node in flaw['nodes']][:3]}" for flaw in found]


def flaws_at(page: Page, address: str) -> list[str]:
    """What axe finds on a page, and whether it is wider than the screen."""
    page.goto(address)
    settled(page)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*flaws(page), *([f"{address} is {wide} px too wide"] if wide > 0 else [])]


# Layout differs by size and contrast by theme: two of the four pairs see all of both.
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    anna: Customer, camille: User, open_desk: Open, theme: str, size: dict[str, int]
) -> None:
    page = open_desk(camille, viewport=size, color_scheme=theme)
    call, message = anna.tasks.get(), anna.messages.get()
    pages = [
        "/",
        "/customers/",
        "/customers/?q=nobody",
        reverse("desk:customer", args=[anna.pk]),
        "/runs/",
        "/figures/",
        "/figures/team/",
        "/figures/explore/?kpi=messages_sent&by=step&by=channel",
        "/figures/cash/",
        "/figures/portfolio/",
        "/figures/reports/",
        "/sending/",
    ]
    pages += [reverse("desk:act", args=[anna.pk, act]) for act in ("promise", "hold", "dispute")]
    pages += [reverse("desk:task", args=[call.pk]), reverse("desk:message", args=[message.pk])]
    found = []
    for address in pages:
        found += flaws_at(page, address)
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert not found, "\n".join(found)


def test_axe_finds_nothing_at_the_door(open_desk: Open) -> None:
    page = open_desk()
    assert flaws(page) == []
    page.locator("[name=login]").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    assert flaws(page) == []


def test_axe_finds_nothing_in_what_opens_over_a_page(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.keyboard.press("p")
    expect(page.locator("#act")).to_be_visible()
    assert flaws(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    assert flaws(page) == []
    page.goto("/figures/")
    page.get_by_text("Download", exact=True).click()
    expect(page.get_by_role("link", name="Workbook (XLSX)")).to_be_visible()
    assert flaws(page) == []


def test_the_keyboard_leads_everywhere(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.keyboard.press("g")
    page.keyboard.press("c")
    arrived(page, "/customers/$")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("anna")
    page.keyboard.press("Enter")
    arrived(page, r"\?q=anna")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Anna")
    page.wait_for_load_state("load")  # keys are heard once the page's script is there
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page).to_have_url(re.compile(r":\d+/$"))


def test_a_note_by_keyboard_refreshes_the_page_in_place(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.keyboard.press("n")
    expect(page.locator("#id_text")).to_be_focused()
    page.keyboard.type("Rang: will pay on Friday. n p h")
    page.keyboard.press("Escape")  # once: the field is left, and nothing is lost
    page.locator("#id_text").focus()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#messages")).to_contain_text("The note is kept.")
    expect(page.locator("#act")).to_be_hidden()
    expect(page.locator("#timeline")).to_contain_text("will pay on Friday")
    assert Note.objects.filter(text__startswith="Rang").count() == 1


def test_a_mistake_stays_in_the_dialog(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.keyboard.press("p")
    page.locator("#id_amount").fill("12,3.4")
    page.get_by_role("button", name="Keep the promise in mind").click()
    expect(page.locator("#act")).to_contain_text("This is not an amount")
    page.locator("#id_amount").fill("50")
    page.get_by_role("button", name="Keep the promise in mind").click()
    expect(page.locator("#messages")).to_contain_text("The promise is noted")
    assert Promise.objects.get().amount_minor == 5_000


def test_a_call_is_done_with_one_key(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#act")).to_be_visible()
    page.keyboard.press("5")
    expect(page.locator("#messages")).to_contain_text("Voicemail")
    expect(page.get_by_role("heading", level=1)).to_have_text("All done for today")
    assert Task.objects.get().outcome == "voicemail"


def test_a_creditor_is_released_after_a_question(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.on("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Release").click()
    expect(page.locator("#messages")).to_contain_text("is released")
    anna.creditor.refresh_from_db()
    assert anna.creditor.released_at is not None


def test_charts_are_drawn_from_the_tables(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.goto("/figures/journeys/")
    expect(page.locator("[data-chart=board-funnel-data] canvas")).to_be_visible()


def test_the_theme_is_switched_and_stays(camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP, color_scheme="light")
    page.locator(".am-side").get_by_role("button", name="Dark").click()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.goto("/customers/")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_a_customer_is_printed_over_the_whole_sheet(anna: Customer, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport={"width": 1000, "height": 1000})
    page.goto(reverse("desk:customer", args=[anna.pk]))
    page.emulate_media(media="print")
    box = page.locator("#page").bounding_box()
    assert box is not None
    assert box["width"] > 950
    expect(page.locator(".am-side")).to_be_hidden()
    expect(page.locator(".am-acts .btn").first).to_be_hidden()
