"""A page that somebody looks at while others work: money comes in, a task is taken, a new answer appears; nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from amiable.casework import task
from amiable.casework.notify import notify
from amiable.core.models import Role, User
from amiable.ledger.models import Customer
from amiable.web.desk import enter
from amiable.web.ui import clock
from tests.browser.conftest import DESKTOP
from tests.web import desk_rows as rows
from tests.web.live_server import Served, serving

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[Served]:
    with django_db_blocker.unblock(), serving() as found:
        yield found


@pytest.fixture
def look(chromium: Browser, served: Served) -> Iterator[Any]:
    troubles: list[str] = []
    contexts = []

    def opened(user: User, path: str) -> Page:
        context = chromium.new_context(base_url=served.url, locale="en-GB", viewport=DESKTOP)
        context.set_default_timeout(20_000)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        contexts.append(context)
        page = context.new_page()
        page.goto(enter.link(user=user, now=clock.now()))
        with page.expect_request(lambda request: "/live/" in request.url):
            page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def house() -> tuple[Customer, User, User]:
    of = rows.creditor("helia")
    people = [rows.colleague(name, of, Role.MANAGER) for name in ("vera", "max")]
    return rows.customer(of, "Anna"), *people


def test_a_payment_appears_while_somebody_is_on_the_phone(look: Any) -> None:
    anna, vera, _max = house()
    rows.invoice(anna, 120_000, late=20)
    page = look(vera, f"/customers/{anna.pk}/")
    page.keyboard.press("n")
    words = page.locator("#act textarea").first
    words.fill("She says that she has just paid")
    rows.credit(anna, 120_000, days_ago=0)
    expect(page.locator("#live")).to_contain_text("Payment of €1,200.00 just received")
    expect(page.locator("#page h2", has_text="Money and credit notes not allocated")).to_be_visible()
    expect(page.locator("#timeline")).to_contain_text("1,200.00")
    # The dialog is as it was.
    expect(words).to_have_value("She says that she has just paid")
    expect(page.locator("#act")).to_be_visible()


def test_what_is_loaded_later_is_read_again(look: Any) -> None:
    anna, vera, _max = house()
    rows.invoice(anna, 120_000, late=20)
    page = look(vera, f"/customers/{anna.pk}/")
    holder = page.locator(f'[data-later][hx-get="/customers/{anna.pk}/tries/"]')
    expect(page.locator("[data-later] [aria-busy]")).to_have_count(0)
    expect(holder.locator("section")).to_have_count(0)
    rows.on_the_phone(anna)
    expect(holder.locator("section")).to_have_count(1)


def test_a_task_taken_by_a_colleague_greys_out_and_a_new_one_appears(look: Any) -> None:
    anna, vera, max_ = house()
    call = rows.task(anna, title="Call Anna")
    page = look(vera, "/")
    task.finish(task=call, outcome="paid", now=clock.now(), by=max_)
    gone = page.locator(".am-gone")
    expect(gone).to_contain_text("Done by")
    expect(gone).to_contain_text(str(max_))
    boris = rows.customer(anna.creditor, "Boris")
    rows.task(boris, title="Answer Boris")
    expect(page.locator("[data-row]", has_text="Boris")).to_be_visible()
    expect(gone).to_be_visible()


def test_a_new_answer_and_the_bell(look: Any) -> None:
    anna, vera, _max = house()
    page = look(vera, "/inbox/")
    rows.reply(anna, text="I have paid on Monday")
    expect(page.locator("#page")).to_contain_text("I have paid on Monday")
    notify(users=[vera], text="Anna: look at this", key="x", kind="mention", customer=anna, now=clock.now())
    expect(page.locator("[data-live-unread]").first).to_have_text("1")
    page.locator("#bell summary").click()
    page.get_by_role("button", name="Anna: look at this").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anna")
    expect(page.locator("[data-live-unread]").first).to_be_hidden()
