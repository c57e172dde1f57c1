"""The worklist in a real browser: chosen and put off by keyboard, called in one key, answered at once, filters kept."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from amiable.casework.models import Task, View
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.portfolio.weigh import weigh
from amiable.web.ui import clock
from tests.browser.conftest import DESKTOP, LOOKS, Open, arrived
from tests.browser.test_desk_browser import flaws, flaws_at, settled
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def ours(live_server: Any) -> Iterator[Creditor]:
    now = datetime.now(UTC).replace(hour=9, minute=0)
    while now.weekday() > 3:
        now = now.replace(day=now.day - 1) if now.day > 1 else now.replace(month=now.month - 1, day=28)
    with clock.told_by(lambda: now):
        made = rows.creditor("ours")
        for n, kind in enumerate(("call", "call", "reply", "check", "manual")):
            found = rows.customer(made, f"Customer {n}")
            rows.invoice(found, 100_000 * (5 - n), late=40)
            rows.task(found, kind, title=f"Task {n}")
        rows.plan(found)
        rows.counted()
        weigh(as_of=clock.today())
        yield made


@pytest.fixture
def camille(ours: Creditor) -> User:
    return rows.colleague("camille", ours)


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    ours: Creditor, camille: User, open_desk: Open, theme: str, size: dict[str, int]
) -> None:
    View.objects.create(owner=camille, room="todo", name="Calls", query="kind=call", made_at=clock.now())
    page = open_desk(camille, viewport=size, color_scheme=theme)
    call = Task.objects.filter(kind="call")[0]
    places = ["/", "/?kind=call", "/?least=500&every=1", "/?q=nobody", "/calls/", reverse("desk:call", args=[call.pk])]
    places += ["/approvals/", f"/tasks/move/snooze/?task={call.pk}", f"/tasks/move/share/?task={call.pk}"]
    found = []
    for address in places:
        found += flaws_at(page, address)
    page.goto("/")
    page.locator("input[name=task]").first.check()
    found += flaws(page)
    assert not found, "\n".join(found)


def test_rows_are_chosen_put_off_and_back_by_keyboard(ours: Creditor, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    expect(page.locator("[data-row]")).to_have_count(5)
    for key in ("j", "x", "j", "x", "z"):
        page.keyboard.press(key)
    expect(page.locator("#act")).to_contain_text("Put off")
    page.get_by_label("Reason").fill("on holiday")
    page.get_by_role("button", name=re.compile("Next working day")).click()
    expect(page.locator("#messages")).to_contain_text("2 tasks are put off until")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.keyboard.press("u")
    expect(page.locator("#messages")).to_contain_text("Undone: 2 tasks are as they were.")
    expect(page.locator("[data-row]")).to_have_count(5)


def test_a_key_on_a_row_needs_no_box(ours: Creditor, camille: User, open_desk: Open) -> None:
    rows.colleague("boris", ours)
    page = open_desk(camille, viewport=DESKTOP)
    page.keyboard.press("j")
    page.keyboard.press("m")
    page.get_by_label("boris").check()
    page.get_by_label("What you want to say").fill("what do you think?")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#messages")).to_contain_text("1 task is shown to boris.")


def test_calls_in_one_key_each(ours: Creditor, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.keyboard.press("c")
    arrived(page, "/calls/$")
    page.keyboard.press("c")
    expect(page.locator("h1")).to_have_text("Customer 0")
    settled(page)
    page.keyboard.press("5")
    expect(page.locator("h1")).to_have_text("Customer 1")
    expect(page.locator("#messages")).to_contain_text("Done: Customer 0 – Voicemail")
    page.keyboard.press("4")
    page.get_by_label("Time, on the customer’s clock").fill("17:30")
    page.get_by_role("button", name="Call back then").click()
    expect(page.locator("#messages")).to_contain_text("Nobody more to call now.")
    assert Task.objects.exclude(not_before=None).count() == 1


def test_answers_at_once_after_a_look(ours: Creditor, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.goto("/approvals/")
    expect(page.locator("#look")).to_contain_text("€50.00")
    page.keyboard.press("X")
    page.keyboard.press("2")
    page.keyboard.type("not this week")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("2 rows are declined.")
    expect(page.locator("h1")).to_have_text("Nothing waits for your word")


def test_filters_are_kept_as_a_view(ours: Creditor, camille: User, open_desk: Open) -> None:
    page = open_desk(camille, viewport=DESKTOP)
    page.locator(".am-fold summary").click()
    page.get_by_label("Overdue, at least").fill("3000")
    page.get_by_label("Overdue, at least").press("Tab")
    expect(page.locator("[data-row]")).to_have_count(3)
    page.get_by_label("Name of the view").fill("Large ones")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".am-views .am-chip[aria-current]")).to_have_text("Large ones")
    page.locator(".am-view-menu summary").click()
    page.get_by_role("button", name="Open my list with it").click()
    expect(page.locator("#messages")).to_contain_text("Your list opens with “Large ones”")
    page.goto("/")
    expect(page).to_have_url(re.compile("least=3000"))
