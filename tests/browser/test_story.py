"""One story in a real browser: from a file to a released creditor, an e-mail, its link, two payments, and a closed case.

Everything is real: the file, the daily cycle, SMTP, the rooms over HTTP, the provider's signed calls, the desk.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from amiable.casework.models import Case
from amiable.core.models import User
from amiable.day import run_day
from amiable.intake.load import load
from amiable.ledger.models import Credit, Creditor, Customer
from amiable.payments.models import Attempt, AttemptState
from amiable.scenario.models import Decision
from amiable.web.ui import clock
from tests.browser.conftest import Browse
from tests.conftest import Post, text_of
from tests.world import at

INVOICES = """N° client;Raison sociale;N° facture;Date facture;Date échéance;Montant TTC
C-0012;Lambert Joinery;F-2041;23/01/2026;22/02/2026;1 234,56
C-0012;Lambert Joinery;F-2055;28/01/2026;27/02/2026;310,00
C-0044;Hôtel du Parc;F-2049;20/02/2026;22/03/2026;2 480,40
"""
CONTACTS = """N° client;Contact;Email;Code postal;Langue
C-0012;Anne Lambert;anne@lambert.example;69003;en
C-0044;Accounts;accounts@parc.example;13001;fr
"""
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
PHONE = {"width": 390, "height": 844}
PASSWORD = "a long word for the story"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass
class Wall:
    """The clock on the wall of the story: every room reads it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Iterator[Wall]:
    wall = Wall(at(MONDAY, 8))
    with clock.told_by(wall):
        yield wall


def test_from_the_mail_to_the_closed_case(
    wall: Wall, post: Post, browse: Browse, live_server: Any, tmp_path: Path
) -> None:
    creditor = Creditor.objects.create(
        key="helia", name="Hélia", email="accounts@helia.example", created_at=wall.now, policy={"survey_share": 0}
    )
    take_in(creditor, tmp_path, wall)
    User.objects.create_user("zoe", password=PASSWORD, is_superuser=True, language="en")
    desk = browse().new_page()
    log_in(desk)

    # Monday: the creditor is in dry run. Everything is decided, nothing leaves; then a person releases it.
    morning(wall, MONDAY)
    assert post.letters() == []
    assert Decision.objects.get(customer__number="C-0012").rail == "dry_run"
    desk.goto("/")
    desk.on("dialog", lambda dialog: dialog.accept())
    desk.get_by_role("button", name="Release").click()
    expect(desk.get_by_text("Hélia is in dry run")).to_have_count(0)

    # Tuesday: one e-mail leaves, to the one customer who is late; Anne opens the link that she received.
    figures = morning(wall, TUESDAY)
    assert figures["send"]["sent"] == 1
    (letter,) = post.to("anne@lambert.example")
    wall.now = at(TUESDAY, 10)
    links = re.findall(rf"{re.escape(live_server.url)}/p/[^\s/?]+/", text_of(letter))
    portal = browse(viewport=PHONE).new_page()
    portal.goto(links[0])
    identify(portal)
    pay_a_part(portal)
    pay_the_rest(portal)

    # Nothing is left: the case is closed at once, and on Wednesday nobody hears from us but a thank-you for each payment.
    customer = Customer.objects.get(number="C-0012")
    assert Case.objects.get(customer=customer).closed_because == "paid"
    assert [credit.open_minor for credit in Credit.objects.filter(customer=customer)] == [0, 0]
    assert not customer.invoices.filter(open_minor__gt=0).exists()
    figures = morning(wall, WEDNESDAY)
    assert (figures["announce"], figures["send"]["sent"], figures["decide"]["do"]) == ({"receipt": 2}, 2, 0)
    assert ["Payment received" in str(each["Subject"]) for each in post.letters()] == [False, True, True]
    look_at_the_desk(desk, customer)


def take_in(creditor: Creditor, folder: Path, wall: Wall) -> None:
    for name, text in (("invoices.csv", INVOICES), ("contacts.csv", CONTACTS)):
        (folder / name).write_text(text, encoding="utf-8")
        taken = load(path=folder / name, creditor=creditor, as_of=wall.now.date(), now=wall.now)
        assert taken.quarantined == 0, taken


def morning(wall: Wall, day: date) -> dict[str, dict[str, Any]]:
    wall.now = at(day, 8)
    return run_day(as_of=day, now=wall.now, clock=wall)


def log_in(page: Page) -> None:
    page.goto("/")
    page.locator("[name=login]").fill("zoe")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("form:has([name=password]) button[type=submit]").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All done for today")


def identify(page: Page) -> None:
    """The link alone shows whom and how much; what it is about comes after the question."""
    expect(page.get_by_text("€1,544.56")).to_be_visible()
    expect(page.get_by_text("F-2041")).to_have_count(0)
    page.get_by_label("Your customer number or your postcode").fill("99999")
    page.get_by_role("button", name="See the details").click()
    expect(page.get_by_text("That is not the number or the postcode we know")).to_be_visible()
    page.get_by_label("Your customer number or your postcode").fill("c 0012")
    page.get_by_role("button", name="See the details").click()
    expect(page.get_by_text("F-2041", exact=True)).to_be_visible()
    expect(page.get_by_text("F-2055", exact=True)).to_be_visible()


def pay_a_part(page: Page) -> None:
    """€100 with 3-D Secure, after a mistyped number."""
    page.get_by_text("Pay a part").click()
    page.get_by_label("Amount (EUR)").fill("100.00")
    page.get_by_role("button", name="Pay this amount").click()
    expect(page.get_by_text("no real money")).to_be_visible()
    page.get_by_role("button", name="Mistype the card number").click()
    page.get_by_role("button", name="Pay with 3-D Secure").click()
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you.")
    expect(page.get_by_text("€100.00", exact=True)).to_be_visible()
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.input_errors, attempt.journey) == (AttemptState.SUCCEEDED, 1, "email_link")


def pay_the_rest(page: Page) -> None:
    page.get_by_role("link", name="Pay the rest €1,444.56").click()
    page.get_by_role("button", name="Pay €1,444.56").click()
    page.get_by_role("button", name="Pay €1,444.56").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you.")
    page.get_by_role("link", name="Back to my invoices").click()
    expect(page.get_by_text("All settled")).to_be_visible()


def look_at_the_desk(page: Page, customer: Customer) -> None:
    """A colleague sees what the customer saw: nothing open, who was written to, what was paid; and the figures count it."""
    page.goto(f"/customers/{customer.pk}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Lambert Joinery")
    expect(page.get_by_role("heading", name="Nothing is open")).to_be_visible()
    expect(page.locator("#timeline")).to_contain_text("First reminder")
    expect(page.locator("#timeline")).to_contain_text("€1,444.56")
    page.goto("/figures/")
    recovery = page.locator(".am-kpi").filter(has=page.get_by_role("heading", name="Recovery rate"))
    expect(recovery.locator(".value")).to_have_text(re.compile(r"100"))
    received = page.locator(".am-kpi").filter(has=page.get_by_role("heading", name="Received in 30 days"))
    expect(received.locator(".value")).to_have_text("€1,544.56")
