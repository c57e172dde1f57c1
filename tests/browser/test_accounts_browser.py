"""Getting in as people do: with an app's figures, with a passkey of the browser's own, and every page about it in its looks."""

import os
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.core.cache import cache
from playwright.sync_api import Page, expect

from amiable.core import people
from amiable.core.models import Invitation, Role, Scope, User
from amiable.ledger.models import Creditor
from amiable.web.desk import enter
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, Browse
from tests.browser.test_desk_browser import flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
PASSWORD = "fourmi violette sous un nuage"


@pytest.fixture
def vera(live_server: Any) -> User:
    cache.clear()
    return keeper(rows.creditor("ours"))


def keeper(of: Creditor) -> User:
    user = User.objects.create_user(
        "vera", "vera@house.example", PASSWORD, language="en", first_name="Vera", last_name="Roy"
    )
    Scope.objects.create(user=user, role=Role.ADMIN, creditor_ref=of.pk)
    return user


def log_in(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Name or e-mail").fill("vera")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def figures(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time())))))


def test_an_app_as_second_factor(vera: User, browse: Browse) -> None:
    page = browse().new_page()
    log_in(page)
    page.goto("/account/factor/")
    page.get_by_role("link", name="Set up the app").click()
    confirm(page)
    secret = page.locator("#authenticator_secret").inner_text()
    page.locator("[name=code]").fill(figures(secret))
    page.get_by_role("button", name="Use this app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    spare = page.locator(".am-codes code").first.inner_text()
    cache.clear()  # the figures of this half minute were used
    again = browse().new_page()
    log_in(again)
    expect(again.get_by_role("heading", name="Second factor")).to_be_visible()
    again.locator("[name=code]").fill(spare)
    again.get_by_role("button", name="Log in", exact=True).click()
    expect(again.locator(".am-desk")).to_be_visible()


def test_a_passkey_logs_in_alone(vera: User, browse: Browse) -> None:
    context = browse()
    page = context.new_page()
    key = context.new_cdp_session(page)
    key.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    key.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "isUserVerified": True}})
    log_in(page)
    page.goto("/account/passkeys/add/")
    confirm(page)
    page.get_by_label("Name", exact=True).fill("My laptop")
    page.get_by_label("Log in with it alone, without a password").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    context.clear_cookies()
    page.goto("/login/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator(".am-desk")).to_be_visible()


PAGES = {
    "account": "/account/",
    "email": "/account/email/",
    "password": "/account/password/",
    "factor": "/account/factor/",
    "app": "/account/factor/app/",
    "passkeys": "/account/passkeys/",
    "passkey_add": "/account/passkeys/add/",
    "sessions": "/account/sessions/",
    "notifications": "/account/notifications/",
    "people": "/people/",
    "person": "/people/{pk}/",
    "audit": "/audit/",
}


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    vera: User, browse: Browse, theme: str, size: dict[str, int]
) -> None:
    ours = Creditor.objects.get()
    rows.colleague("sam", ours, Role.SALES, own=True)
    people.invite(
        email="nora@house.example", language="en", scope={"role": "collector", "creditor_ref": ours.pk}, by=vera,
        now=clock.now(),
    )  # fmt: skip
    invitation = enter.invitation_link(Invitation.objects.get()).removeprefix(settings.BASE_URL)
    page = browse(viewport=size, color_scheme=theme).new_page()
    found = flaws_at(page, "/login/") + flaws_at(page, "/account/forgotten/") + flaws_at(page, invitation)
    log_in(page)
    found += flaws_at(page, "/account/confirm/")
    confirm(page)
    for name, address in PAGES.items():
        found += flaws_at(page, address.format(pk=vera.pk))
        picture(page, f"{name}-{theme}-{size['width']}")
    assert found == []


def picture(page: Page, name: str) -> None:
    """For whoever looks at the pages: AMIABLE_PICTURES names the folder."""
    folder = os.environ.get("AMIABLE_PICTURES")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
