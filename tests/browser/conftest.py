"""The system's own Chromium, driven as a person would; where there is none, these tests say that they were skipped."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from amiable.core.models import User
from amiable.web.desk import enter
from amiable.web.ui import clock

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 15_000  # milliseconds: three browsers share two cores with the server and the database
PHONE = {"width": 360, "height": 780}
DESKTOP = {"width": 1440, "height": 900}
# Layout differs by size and contrast by theme: two of the four pairs see all of both. What a phone shows in the dark is
# looked at each time, the other look with the long tests.
LOOKS = [
    pytest.param(DESKTOP, "light", id="desktop", marks=pytest.mark.long),
    pytest.param(PHONE, "dark", id="phone"),
]
SCHEMES = ["light", pytest.param("dark", marks=pytest.mark.long)]
Browse = Callable[..., BrowserContext]
expect.set_options(timeout=PATIENCE)
Open = Callable[..., Page]


def arrived(page: Page, address: str) -> None:
    """Ends when the page whose address holds this listens to its keys: the address changes before the scripts have run."""
    expect(page).to_have_url(re.compile(address))
    page.wait_for_load_state("load")


@pytest.fixture(autouse=True, scope="session")
def _static_root() -> None:
    """The rooms serve their files from a folder that an installation has; a fresh home has it too."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    """One browser for a module. It ends with it: what it leaves running would be in the way of other tests."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"No browser here: none of {', '.join(NAMES)} is installed.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread; the ORM would take it for asynchronous code of ours.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def answered(live_server: Any) -> Iterator[None]:
    """Ends when the live server has answered everybody: the tables are emptied next, and a page that is still being
    made for a browser that has gone would lock them in another order.
    """
    begun: list[object] = []
    ended: list[object] = []

    def begin(sender: object, **rest: object) -> None:
        begun.append(sender)

    def end(sender: object, **rest: object) -> None:
        ended.append(sender)

    request_started.connect(begin)
    request_finished.connect(end)
    yield
    calm, patience = 0, time.monotonic() + 15
    while calm < 3 and time.monotonic() < patience:
        calm = calm + 1 if len(begun) == len(ended) else 0
        time.sleep(0.02)
    request_started.disconnect(begin)
    request_finished.disconnect(end)
    assert len(begun) == len(ended), "The live server is still at work for a page."


@pytest.fixture
def browse(chromium: Browser, live_server: Any, answered: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browse]:
    """Makes browsers without a past, at home on the live server. An error of a page's own script fails the test."""
    monkeypatch.setattr(settings, "BASE_URL", live_server.url)
    monkeypatch.setattr(settings, "DEV_ROOMS", True)
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def new(**options: Any) -> BrowserContext:
        context = chromium.new_context(base_url=live_server.url, **{"locale": "en-GB"} | options)
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        contexts.append(context)
        return context

    yield new
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def open_desk(browse: Browse) -> Open:
    """Opens the desk: at its door, or inside for the colleague who is named."""

    def open_page(user: User | None = None, **options: Any) -> Page:
        page = browse(**options).new_page()
        page.goto(enter.link(user=user, now=clock.now()) if user else "/login/")
        return page

    return open_page
