"""Takes the pictures of docs/screens: a small demo is played and served, and each main page is looked at as people see it.

`make screens` calls it. In: Chromium on this machine. Out: PNG files, light in both languages, dark, and on a phone.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from amiable.core import postgres

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screens"
PORT = "8017"
BASE = f"http://127.0.0.1:{PORT}"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
# Suffix of the file: language, appearance, size, and which pages are wanted so (empty: all).
LOOKS: dict[str, tuple[str, str, dict[str, int], set[str]]] = {
    "light": ("en", "light", DESKTOP, set()),
    "dark": ("fr", "dark", DESKTOP, set()),
    "phone": ("fr", "light", PHONE, set()),
    "fr": ("fr", "light", DESKTOP, {"home", "customer", "figures", "email"}),
    "phone.en": ("en", "light", PHONE, {"portal"}),
}


def _at(path: str) -> Callable[[Page], None]:
    return lambda page: _open(page, path)


def _row(path: str, wanted: str) -> Callable[[Page], None]:
    """The page behind the first row of a list that leads where a pattern says."""

    def go(page: Page) -> None:
        _open(page, path)
        links = [str(each.get_attribute("href")) for each in page.locator("main a[href]").all()]
        _open(page, next(link for link in links if re.fullmatch(wanted, link)))

    return go


def _mail(page: Page) -> None:
    _open(page, "/dev/outbox/")
    _open(page, str(page.locator("main a.cell-link").first.get_attribute("href")))


def _portal(page: Page) -> None:
    """What a customer sees first, behind the link of the newest e-mail to somebody who owes."""
    _open(page, "/dev/outbox/")
    for address in [str(each.get_attribute("href")) for each in page.locator("main a.cell-link").all()]:
        _open(page, address + "body/")
        link = page.locator('a[href*="/p/"]').first
        if not link.count():
            continue
        _open(page, str(link.get_attribute("href")).removeprefix(BASE))
        owed = page.locator(".sum").first
        if owed.count() and re.search("[1-9]", owed.inner_text()):
            wished = page.locator(f'button[name="language"][value="{page.evaluate("navigator.language")[:2]}"]')
            if wished.count():
                wished.click()
            return
    raise SystemExit("No e-mail of the demo leads to a page where something is owed.")


PAGES: dict[str, Callable[[Page], None]] = {
    "home": _at("/"),
    "customers": _at("/customers/"),
    "customer": _row("/customers/", r"/customers/\d+/"),
    "inbox": _at("/inbox/"),
    "payments": _at("/payments/"),
    "plans": _at("/plans/"),
    "segments": _at("/segments/"),
    "scenario": _row("/scenarios/", r"/scenarios/\d+/"),
    "texts": _at("/texts/"),
    "sending": _at("/sending/"),
    "rules": _at("/rules/"),
    "disputes": _at("/disputes/"),
    "approvals": _at("/approvals/"),
    "figures": _at("/figures/"),
    "cash": _at("/figures/cash/"),
    "portfolio": _at("/figures/portfolio/"),
    "journeys": _at("/figures/journeys/"),
    "relation": _at("/figures/relation/"),
    "email": _mail,
    "portal": _portal,
}


def main() -> None:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("Pictures need Chromium on this machine.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or list(PAGES)
    with _demo() as way_in, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        state = _entered(browser, way_in)
        for look, (language, scheme, size, only) in LOOKS.items():
            context = _context(browser, state, language, scheme, size)
            page = context.new_page()
            for name in [each for each in wanted if not only or each in only]:
                PAGES[name](page)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=FOLDER / f"{name}.{look}.png", animations="disabled")
                print(f"{name}.{look}.png")
            context.close()
        browser.close()


@contextmanager
def _demo() -> Iterator[str]:
    """A demo that is served until the block ends; yields the address that logs in once."""
    known = {name: text for name, text in os.environ.items() if not name.startswith("DATABASE_URL")}
    with tempfile.TemporaryDirectory(prefix="amiable-screens-") as home:
        served = subprocess.Popen(
            [Path(sys.executable).with_name("amiable"), "demo", "--customers", "400", "--days", "90", "--port", PORT],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=known | {"AMIABLE_HOME": home},
            start_new_session=True,
        )  # fmt: skip
        assert served.stderr is not None
        way_in = ""
        for line in served.stderr:
            way_in = way_in or next(iter(re.findall(r"http://\S+/enter/\S+", line)), "")
            if way_in and "is served at" in line:
                break
        else:
            raise SystemExit("The demo did not come up; `amiable demo` tells why.")
        try:
            yield way_in
        finally:
            os.killpg(served.pid, signal.SIGINT)
            served.communicate()
            os.environ["AMIABLE_HOME"] = home
            postgres.stop()


def _entered(browser: Browser, way_in: str) -> str:
    """What a browser keeps once somebody has logged in."""
    context = browser.new_context()
    context.new_page().goto(way_in)
    with tempfile.NamedTemporaryFile(suffix=".json", delete=False) as kept:
        context.storage_state(path=kept.name)
    context.close()
    return kept.name


def _context(browser: Browser, state: str, language: str, scheme: str, size: dict[str, int]) -> BrowserContext:
    context = browser.new_context(
        storage_state=state, viewport={"width": size["width"], "height": size["height"]}, locale=language,
        color_scheme="dark" if scheme == "dark" else "light", is_mobile=size is PHONE, has_touch=size is PHONE,
    )  # fmt: skip
    context.add_cookies([{"name": "django_language", "value": language, "url": BASE}])
    return context


def _open(page: Page, path: str) -> None:
    answer = page.goto(BASE + path)
    if answer is None or answer.status >= 400:
        raise SystemExit(f"{path} answered {answer.status if answer else 'nothing'}.")


if __name__ == "__main__":
    main()
