"""One tap, on a phone in the dark and on a desk: from the link of the message, then the rest on the same page."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from amiable.casework import survey as surveys
from amiable.casework.models import SurveyAnswer, SurveyAsk
from tests.browser.conftest import LOOKS
from tests.browser.test_portal_browser import sound
from tests.payments.rows import creditor, customer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_a_tap_says_how_it_went_and_a_second_one_whether_they_recommend(
    browse: Callable[..., BrowserContext], size: dict[str, int], scheme: str
) -> None:
    anna, now = customer(creditor(name="Éditions du Rivage"), language="en"), timezone.now()
    ask = SurveyAsk.objects.create(
        customer=anna,
        after="call",
        subject_ref="task:1",
        medium="email",
        asked_on=timezone.localdate(now),
        asked_at=now,
    )
    page: Page = browse(viewport=size, color_scheme=scheme, bypass_csp=True).new_page()
    page.goto(reverse("portal:survey", args=[surveys.token(ask=ask.pk, asked_at=now)]) + "?score=8")
    _seen(page, f"chosen-{scheme}")
    page.get_by_role("button", name="Send: “Good”").click()
    expect(page.get_by_text("Noted, and good to know.")).to_be_visible()
    _seen(page, f"noted-{scheme}")
    page.get_by_role("button", name="Very bad").click()
    expect(page.get_by_text("Somebody will look into it.")).to_be_visible()
    page.get_by_role("button", name="3", exact=True).click()
    page.get_by_label("In your words (optional)").fill("Nobody called back.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("button", name="3", exact=True)).to_have_attribute("aria-pressed", "true")
    _seen(page, f"words-{scheme}")
    answer: Any = SurveyAnswer.objects.get()
    assert (answer.score, answer.recommend, answer.words) == (2, 3, "Nobody called back.")


def _seen(page: Page, name: str) -> None:
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/survey-{name}.png", full_page=True)
    sound(page)
