"""Paying in the provider's own fields: as a customer, and as a colleague on the phone; no number ever reaches us."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.db import connection
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from amiable.core import links
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Invoice
from amiable.payments import acquire
from amiable.payments.models import Attempt, Mandate
from amiable.web.desk import enter
from amiable.web.ui import clock
from tests.browser.conftest import SCHEMES
from tests.browser.stripe_peer import Network, network
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer, peer
from tests.payments.rows import creditor, customer, invoice
from tests.web import desk_rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
NUMBER, REFUSED = "4242424242424242", "4000000000000002"
Browse = Callable[..., BrowserContext]


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with peer(Answer(404, {"error": {"message": "No such thing"}})) as found:
        monkeypatch.setattr(settings, "STRIPE_API", found.url.rstrip("/"))
        found.at["/v1/customers"] = Answer(200, {"id": "cus_Amiable", "object": "customer"})
        yield found


@pytest.fixture
def row(far: Peer) -> Invoice:
    owner = creditor(name="Éditions du Rivage", cash_authority="psp")
    by = User.objects.create(username="setup")
    acquire.keep(creditor=owner, key="stripe", values=says.CONFIG | {"moto": True}, now=timezone.now(), by=by)
    acquire.use(creditor=owner, key="stripe", now=timezone.now(), by=by)
    owner.refresh_from_db()
    anna = customer(owner, name="Ateliers Martin", language="en")
    return invoice(anna, 128_450, timezone.localdate() - timedelta(days=23), reference="F-2026-0117")


def tell(live_server: Any, row: Invoice, kind: str, thing: dict[str, Any]) -> None:
    """Stripe's call of our hook."""
    now = timezone.now()
    body = says.event(kind, thing, at=now)
    address = f"{live_server.url}/hooks/psp/{row.creditor_id}/stripe/"
    headers = {"Content-Type": "application/json", **says.sign(body, now)}
    urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=10).close()


def sound(page: Page) -> None:
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def arrive(page: Page, row: Invoice) -> None:
    token = links.sign("portal", {"c": row.customer_id, "m": 0}, expires=timezone.now() + timedelta(days=9))
    page.goto(f"/p/{token}/")
    page.get_by_label("Your customer number or your postcode").fill("75011")
    page.get_by_role("button", name="See the details").click()


def type_card(page: Page, number: str) -> None:
    fields = page.frame_locator("iframe[title='Secure payment input frame']")
    fields.get_by_label("Card number").fill(number)
    fields.get_by_label("Expiry").fill("12 / 30")
    fields.get_by_label("CVC").fill("123")


def nowhere(seen: Network, *numbers: str) -> None:
    """No number was sent to us, and none is in any table."""
    for number in numbers:
        assert not any(number in sent for sent in seen.ours)
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name != "django_migrations"]
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ~ %s', ["|".join(numbers)])
            assert cursor.fetchone()[0] == 0, table


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_customer_pays_in_the_fields_after_a_mistake_and_a_refusal(
    browse: Browse, live_server: Any, row: Invoice, far: Peer, scheme: str
) -> None:
    def answer(ask: str, number: str) -> dict[str, object]:
        tried = Attempt.objects.get()
        thing = {"id": tried.external_id, "amount": 128_450}
        if number == REFUSED:
            failed = says.refused(tried.token, "card_declined", "insufficient_funds", **thing)
            tell(live_server, row, "payment_intent.payment_failed", failed)
            return {"error": {"type": "card_error", "message": "Your card has insufficient funds."}}
        tell(live_server, row, "payment_intent.succeeded", says.intent(tried.token, amount_received=128_450, **thing))
        return {}

    context = browse(**PHONE, color_scheme=scheme)
    seen = network(context, live_server.url, answer)
    page = context.new_page()
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security" in line.text else None)
    arrive(page, row)
    made = says.intent("x", "requires_payment_method", amount=128_450)
    far.at |= {"/v1/payment_intents": Answer(200, made), "/v1/payment_intents/pi_3Amiable": Answer(200, made)}
    page.locator("[data-pay]").click()
    pay = page.get_by_role("button", name=re.compile("^Pay €1,284.50"))
    expect(pay).to_be_enabled()
    policy = page.evaluate("fetch(location.href).then((answer) => answer.headers.get('content-security-policy'))")
    assert "unsafe-inline" not in policy
    pay.click()
    expect(page.get_by_role("alert")).to_have_text("Your card number is incomplete.")
    type_card(page, REFUSED)
    pay.click()
    expect(page.get_by_role("alert")).to_have_text("Your card has insufficient funds.")
    assert refused == []
    type_card(page, NUMBER)
    pay.click()
    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    assert Attempt.objects.get().state == "succeeded"
    assert any(url.startswith("https://js.stripe.com/endive/") for url in seen.others)
    nowhere(seen, NUMBER, REFUSED)


def test_the_page_with_the_fields_is_sound(browse: Browse, live_server: Any, row: Invoice, far: Peer) -> None:
    context = browse(**PHONE, bypass_csp=True)
    network(context, live_server.url, lambda ask, number: {})
    page = context.new_page()
    arrive(page, row)
    made = says.intent("x", "requires_payment_method", amount=128_450)
    far.at |= {"/v1/payment_intents": Answer(200, made), "/v1/payment_intents/pi_3Amiable": Answer(200, made)}
    page.locator("[data-pay]").click()
    expect(page.get_by_role("button", name=re.compile("^Pay €"))).to_be_enabled()
    sound(page)


def test_without_the_providers_script_the_page_says_so(
    browse: Browse, live_server: Any, row: Invoice, far: Peer
) -> None:
    context = browse()
    context.route("https://js.stripe.com/**", lambda route: route.abort())
    page = context.new_page()
    arrive(page, row)
    made = says.intent("x", "requires_payment_method", amount=128_450)
    far.at |= {"/v1/payment_intents": Answer(200, made), "/v1/payment_intents/pi_3Amiable": Answer(200, made)}
    page.locator("[data-pay]").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be loaded")


def test_a_colleague_takes_a_payment_on_the_phone(browse: Browse, live_server: Any, row: Invoice, far: Peer) -> None:
    vera = desk_rows.colleague("vera", row.creditor, Role.COLLECTOR)

    def answer(ask: str, number: str) -> dict[str, object]:
        assert ask == "token"
        tried = Attempt.objects.get()
        if number == REFUSED:
            failed = says.refused(tried.token, "card_declined", "do_not_honor", amount=128_450)
            error = {"type": "card_error", "code": "card_declined", "message": "…", "payment_intent": failed}
            far.at["/v1/payment_intents"] = Answer(402, {"error": error})
            far.at["/v1/payment_intents/pi_3Amiable"] = Answer(200, failed)
            return {"id": "ctoken_1First"}
        paid = says.intent(tried.token, amount=128_450, amount_received=128_450)
        far.at["/v1/payment_intents/pi_3Amiable/confirm"] = Answer(200, paid)
        far.at["/v1/payment_intents/pi_3Amiable"] = Answer(200, paid)
        return {"id": "ctoken_1Second"}

    context = browse(viewport={"width": 1280, "height": 860})
    seen = network(context, live_server.url, answer)
    page = context.new_page()
    page.goto(enter.link(user=vera, now=clock.now()))
    page.goto(f"/customers/{row.customer_id}/")
    page.keyboard.press("k")
    page.get_by_role("button", name="Go on to the card").click()
    take = page.get_by_role("button", name=re.compile("^Take €1,284.50"))
    expect(take).to_be_enabled()
    type_card(page, REFUSED)
    fields = page.frame_locator("iframe[title='Secure payment input frame']")
    assert fields.get_by_label("Card number").evaluate("e => e.style.webkitTextFillColor") == "transparent"
    take.click()
    expect(page.get_by_role("alert")).to_contain_text("do_not_honor")
    expect(take).to_be_enabled()
    type_card(page, NUMBER)
    take.click()
    expect(page.get_by_role("heading", name="Paid", exact=True)).to_be_visible()
    tried = Attempt.objects.get()
    assert (tried.journey, tried.by, tried.state) == ("agent", vera, "succeeded")
    assert AuditEntry.objects.filter(act="payment.taken", user=vera).count() == 2
    nowhere(seen, NUMBER, REFUSED)


def test_a_customer_keeps_a_way_to_pay_and_takes_it_back(
    browse: Browse, live_server: Any, row: Invoice, far: Peer
) -> None:
    def answer(ask: str, number: str) -> dict[str, object]:
        assert ask == "setup"
        wish = Mandate.objects.get()
        far.at["/v1/setup_intents/seti_1Amiable"] = Answer(200, says.setup(wish.token, payment_method=says.method()))
        tell(live_server, row, "setup_intent.succeeded", says.setup(wish.token))
        return {}

    context = browse(**PHONE, bypass_csp=True)
    seen = network(context, live_server.url, answer)
    page = context.new_page()
    arrive(page, row)
    page.get_by_role("link", name="Ways to pay that are kept").click()
    sound(page)
    made = {"id": "seti_1Amiable", "object": "setup_intent", "client_secret": "seti_1Amiable_secret_y", "status": "x"}
    far.at["/v1/setup_intents"] = Answer(200, made)
    page.get_by_role("button", name="Keep a way to pay").click()
    keep = page.get_by_role("button", name="Keep it")
    expect(keep).to_be_enabled()
    sound(page)
    type_card(page, NUMBER)
    keep.click()
    expect(page.locator("strong", has_text="Visa •••• 4242")).to_be_visible()
    sound(page)
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("It is not used any more.")).to_be_visible()
    expect(page.get_by_text("Nothing is kept.")).to_be_visible()
    nowhere(seen, NUMBER)
