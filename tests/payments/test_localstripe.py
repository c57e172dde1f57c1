"""Stripe against localstripe, a server that keeps state: our requests are understood, its signed calls reach our hook."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from amiable.core.errors import Refused
from amiable.core.models import User
from amiable.ledger.models import Invoice
from amiable.payments import acquire, authorise, refund
from amiable.payments.attempt import known_as, open_attempt, pay_page
from amiable.payments.models import Attempt, Mandate
from amiable.payments.providers import Fields, WordKind
from amiable.scenario import inquire, respond
from tests.contracts.localstripe_peer import LocalStripe, localstripe
from tests.contracts.stripe_samples import CONFIG
from tests.payments.rows import creditor, customer, invoice

pytestmark = pytest.mark.django_db(transaction=True)
RETURN = "https://pay.example.org/back"
IBAN_PAYS, IBAN_REFUSES = "DE89370400440532013000", "DE62370400440532013001"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalStripe]:
    with localstripe() as found:
        yield found


@pytest.fixture
def row(server: LocalStripe, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Invoice:
    monkeypatch.setattr(settings, "STRIPE_API", server.url)
    owner = creditor(cash_authority="psp")
    by = User.objects.create(username="vera")
    acquire.keep(creditor=owner, key="stripe", values=CONFIG, now=timezone.now(), by=by)
    acquire.use(creditor=owner, key="stripe", now=timezone.now(), by=by)
    owner.refresh_from_db()
    hook = f"{live_server.url}/hooks/psp/{owner.pk}/stripe/"
    server.post("/_config/webhooks/ours", url=hook, secret=CONFIG["webhook_secret"])
    return invoice(customer(owner), 12_345, timezone.localdate())


def attempt_on(row: Invoice, amount: int = 0, journey: str = "portal") -> Attempt:
    return open_attempt(
        customer=row.customer, amount_minor=amount or row.open_minor, currency="EUR", invoices=[row.pk], journey=journey,
        provider="stripe", now=timezone.now(),
    )  # fmt: skip


def entered(server: LocalStripe, tried: Attempt, number: str = "4242424242424242") -> dict[str, Any]:
    """The browser gives a card to the server and confirms, as Stripe's script does."""
    card = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
    method = server.post("/v1/payment_methods", type="card", card=card)
    server.post(f"/v1/payment_intents/{tried.external_id}", payment_method=method["id"])
    return server.post(f"/v1/payment_intents/{tried.external_id}/confirm")


def becomes(tried: Attempt, state: str) -> None:
    """The server's own call reaches the hook after a second."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        tried.refresh_from_db()
        if tried.state == state:
            return
        time.sleep(0.05)
    pytest.fail(f"still {tried.state}")


def saved(server: LocalStripe, row: Invoice, scheme: str, **details: str) -> Mandate:
    """A way to pay entered without paying, and told by its hook's event (which localstripe does not send)."""
    wish = authorise.ask_for(customer=row.customer, provider="stripe", now=timezone.now())
    answer = authorise.enter_page(mandate=wish, return_url=RETURN, now=timezone.now())
    assert isinstance(answer, Fields)
    server.post(
        f"/v1/setup_intents/{answer.external_id}/confirm", client_secret=answer.values["secret"],
        payment_method_data={"type": scheme, scheme: details},
    )  # fmt: skip
    setup = server.get(f"/v1/setup_intents/{answer.external_id}")
    one = acquire.acquirer(row.creditor, "stripe")
    words = one._of({"type": "setup_intent.succeeded", "data": {"object": setup}, "created": setup["created"]})  # type: ignore[attr-defined]
    assert [word.kind for word in words] == [WordKind.SAVED]
    respond.payment_arrived(provider="stripe", words=words, now=timezone.now(), creditor=row.creditor)
    server.post(f"/v1/payment_methods/{setup['payment_method']}/attach", customer=setup["customer"])
    return authorise.usable(customer=row.customer, as_of=timezone.localdate()).get()


def charged(row: Invoice, kept: Mandate, amount: int = 0) -> Attempt:
    tried = attempt_on(row, amount, journey="standing")
    reference = acquire.acquirer(row.creditor, "stripe").charge(tried, mandate=kept, now=timezone.now())
    known_as(tried, reference.external_id)
    return tried


def test_a_card_is_paid_the_hook_is_told_and_a_part_is_given_back(server: LocalStripe, row: Invoice) -> None:
    tried = attempt_on(row)
    answer = pay_page(attempt=tried, return_url=RETURN, now=timezone.now())
    assert isinstance(answer, Fields)
    assert answer.values["secret"].startswith(f"{tried.external_id}_secret_")
    assert entered(server, tried)["status"] == "succeeded"
    becomes(tried, "succeeded")
    row.refresh_from_db()
    assert (row.open_minor, tried.credit.amount_minor) == (0, 12_345)  # type: ignore[union-attr]
    by = User.objects.get()
    refund.ask_back(attempt=tried, amount_minor=2_000, key="wish", now=timezone.now(), by=by)
    with pytest.raises(refund.UnableToRefund):
        refund.ask_back(attempt=tried, amount_minor=12_346, key="other", now=timezone.now(), by=by)
    words = list(acquire.acquirer(row.creditor, "stripe").ask(tried, now=timezone.now()))
    assert {word.kind for word in words} == {WordKind.SUCCEEDED, WordKind.REFUNDED}
    assert inquire.ask(attempt=tried, now=timezone.now())
    row.refresh_from_db()
    assert row.open_minor == 2_000


def test_a_declined_card_has_its_code(server: LocalStripe, row: Invoice) -> None:
    tried = attempt_on(row)
    pay_page(attempt=tried, return_url=RETURN, now=timezone.now())
    entered(server, tried, "4000000000000341")
    becomes(tried, "failed")
    assert tried.decline_code == "card_declined"


def test_what_its_hook_never_told_is_asked_for(server: LocalStripe, row: Invoice) -> None:
    server.post("/_config/webhooks/ours", url="http://127.0.0.1:9/nowhere", secret="whsec_x")
    tried = attempt_on(row)
    pay_page(attempt=tried, return_url=RETURN, now=timezone.now())
    entered(server, tried)
    assert inquire.inquire(now=timezone.now()).asked == 0  # not at once: the hook may yet tell
    summary = inquire.inquire(now=timezone.now() + inquire.FIRST)
    tried.refresh_from_db(), row.refresh_from_db()
    assert (summary.asked, summary.heard) == (1, 1)
    assert (tried.state, row.open_minor) == ("succeeded", 0)


def test_a_saved_card_is_charged_again_and_again(server: LocalStripe, row: Invoice) -> None:
    kept = saved(server, row, "card", number="4242424242424242", exp_month="12", exp_year="2030", cvc="123")
    assert (kept.label, kept.scheme, str(kept.expires_on)) == ("Visa •••• 4242", "card", "2030-12-31")
    first, second = charged(row, kept, 5_000), charged(row, kept, 7_345)
    becomes(first, "succeeded")
    becomes(second, "succeeded")
    row.refresh_from_db()
    assert row.open_minor == 0


def test_an_account_is_debited_and_its_bank_pays_or_does_not(server: LocalStripe, row: Invoice) -> None:
    kept = saved(server, row, "sepa_debit", iban=IBAN_PAYS)
    assert kept.label == "IBAN DE •••• 3000"
    becomes(charged(row, kept, 5_000), "succeeded")
    Mandate.objects.all().delete()
    poor = saved(server, row, "sepa_debit", iban=IBAN_REFUSES)
    becomes(charged(row, poor, 5_000), "failed")
    row.refresh_from_db()
    assert row.open_minor == 7_345


def test_a_key_that_nobody_knows_is_refused(row: Invoice) -> None:
    wrong = {**CONFIG, "secret_key": "rk_test_1"}  # localstripe knows keys that begin with sk_
    acquire.keep(creditor=row.creditor, key="stripe", values=wrong, now=timezone.now(), by=User.objects.get())
    with pytest.raises(Refused):
        pay_page(attempt=attempt_on(row), return_url=RETURN, now=timezone.now())
