"""Answers as a person reads them: one key confirms, others choose, nobody leaves the keyboard; and pages without flaws."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from amiable.ledger.models import Creditor, Customer
from amiable.outreach.models import Reply
from amiable.payments.models import Promise
from amiable.scenario.respond import reply_heard
from amiable.web.ui import clock
from tests.browser.conftest import LOOKS, Open, arrived
from tests.browser.test_desk_browser import flaws_at
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def hears(of: Creditor, sender: str, text: str, **more: object) -> Reply:
    now = clock.now()
    number = str(Reply.objects.count())
    return reply_heard(
        source="test", external_id=number, sender=sender, text=text, at=now, now=now, creditor=of.pk, **more
    )  # type: ignore[arg-type]


@pytest.fixture
def ours(live_server: object) -> Creditor:
    return rows.creditor("ours")


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    found = rows.customer(ours, "Anna Lefèvre")
    rows.invoice(found, 35_000, late=20, reference="FA-2026-0112")
    rows.invoice(found, 12_550, late=3, reference="FA-2026-0131")
    rows.email(found, "anna@example.org")
    rows.counted()
    return found


def test_enter_confirms_what_is_proposed_and_the_next_answer_comes_up(
    open_desk: Open, ours: Creditor, anna: Customer
) -> None:
    friday = clock.today() + timedelta(days=4)
    hears(ours, "anna@example.org", f"Je vous paie 350 € le {friday:%d/%m/%Y} pour la facture FA-2026-0112.")
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/inbox/")
    expect(page.get_by_role("button", name="Confirm: Promises to pay")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Every answer is read")).to_be_visible()
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.promised_for) == (35_000, friday)
    assert promise.invoices == [anna.invoices.get(reference="FA-2026-0112").pk]


def test_another_key_says_that_it_is_something_else(open_desk: Open, ours: Creditor, anna: Customer) -> None:
    hears(
        ours, "anna@example.org", "Bonjour, la livraison de FA-2026-0131 était incomplète, je conteste cette facture."
    )
    second = hears(ours, "anna@example.org", "Merci de votre message.")
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/inbox/")
    expect(page.get_by_role("button", name="Confirm: Disputes")).to_be_visible()
    page.keyboard.press("j")
    arrived(page, f"/inbox/{second.pk}/")
    page.keyboard.press("9")
    expect(page.get_by_role("button", name="Confirm: Complains")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 answer to read")).to_be_visible()
    assert Reply.objects.get(pk=second.pk).confirmed_intent == "complaint"


def test_whose_answer_it_is_is_said_with_one_key_too(open_desk: Open, ours: Creditor, anna: Customer) -> None:
    rows.email(rows.customer(ours, "Boris SARL"), "anna@example.org")
    found = hears(ours, "anna@example.org", "Bonjour, j'ai déjà payé hier.")
    page = open_desk(rows.colleague("vera", ours))
    page.goto("/inbox/")
    expect(page.get_by_role("heading", name="Whose answer is it?")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Confirm: Says it is paid")).to_be_visible()
    assert Reply.objects.get(pk=found.pk).customer == anna


@pytest.mark.long
@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    open_desk: Open, ours: Creditor, anna: Customer, theme: str, size: dict[str, int]
) -> None:
    quoted = "\n\nLe 3 mars, Hélia a écrit :\n> Votre facture FA-2026-0112"
    hears(
        ours, "anna@example.org", f"Je conteste FA-2026-0112, le montant est faux.{quoted}", subject="Re: Votre facture"
    )
    hears(ours, "stranger@example.org", "Bonjour, qui êtes-vous ?")
    page = open_desk(rows.colleague("vera", ours), viewport=size, color_scheme=theme)
    found = []
    addresses = ["/inbox/", "/inbox/?show=read", "/mailboxes/", f"/mailboxes/{ours.pk}/"]
    addresses += [f"/inbox/{each.pk}/" for each in Reply.objects.all()]
    for address in addresses:
        found += flaws_at(page, address)
    assert not found, "\n".join(found)
