"""Stripe: what it says becomes our words whatever the order, and what we ask of it carries its key and never a number."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import RequestFactory, override_settings
from django.utils import translation

from amiable.casework.models import Task
from amiable.core.errors import Refused, Unavailable
from amiable.core.models import User
from amiable.ledger.models import Credit, Invoice
from amiable.payments import acquire, authorise
from amiable.payments.attempt import confirm, open_attempt, pay_page
from amiable.payments.models import Attempt, Mandate, ProviderEvent
from amiable.payments.providers import Fields, Link, Word, WordKind, stripe_words
from amiable.payments.providers.stripe import VERSION, Stripe
from amiable.scenario import respond
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer, peer
from tests.payments.rows import NOW, creditor, customer, invoice

pytestmark = pytest.mark.django_db
RETURN = "https://pay.example.org/back"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def far() -> Iterator[Peer]:
    with (
        peer(Answer(404, {"error": {"message": "No such thing"}})) as found,
        override_settings(STRIPE_API=found.url.rstrip("/")),
    ):
        yield found


@pytest.fixture
def row() -> Invoice:
    owner = creditor(cash_authority="psp")
    by = User.objects.create(username="vera")
    acquire.keep(creditor=owner, key="stripe", values=says.CONFIG | {"moto": True}, now=NOW, by=by)
    acquire.use(creditor=owner, key="stripe", now=NOW, by=by)
    owner.refresh_from_db()
    return invoice(customer(owner, number="K-77"), 12_345, date(2026, 2, 1))


def attempt_on(row: Invoice, **more: Any) -> Attempt:
    wanted: dict[str, Any] = {
        "amount_minor": row.open_minor,
        "currency": "EUR",
        "invoices": [row.pk],
        "journey": "portal",
    }
    return open_attempt(customer=row.customer, provider="stripe", now=NOW, **wanted | more)


def known_there(row: Invoice, **more: Any) -> Attempt:
    tried = attempt_on(row, **more)
    tried.external_id = "pi_3Amiable"
    tried.save(update_fields=["external_id"])
    return tried


def told(row: Invoice, kind: str, thing: dict[str, Any], **more: Any) -> respond.Arrival:
    """An event through the hook's own path."""
    body = says.event(kind, thing, **more)
    request = RequestFactory().post("/", body, content_type="application/json", headers=says.sign(body, NOW))
    words = list(acquire.acquirer(row.creditor, "stripe").events(request, now=NOW))
    return respond.payment_arrived(provider="stripe", words=words, now=NOW, creditor=row.creditor)


def asked(far: Peer, n: int = -1) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(far.asked[n].body.decode()).items()}


# -- what it says


def test_a_card_is_paid_whichever_of_its_two_events_comes_first_and_how_often(row: Invoice) -> None:
    tried = known_there(row)
    for _n in range(3):
        told(row, "payment_intent.succeeded", says.intent(tried.token))
        told(row, "charge.succeeded", says.charge(tried.token))
    tried.refresh_from_db(), row.refresh_from_db()
    credit = Credit.objects.get()
    assert (tried.state, row.open_minor) == ("succeeded", 0)
    assert (credit.source, credit.external_id, credit.amount_minor) == ("psp:stripe", "pi_3Amiable", 12_345)
    assert tried.credit == credit


def test_the_charge_says_by_what_it_was_paid(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "charge.succeeded", says.charge(tried.token, "sepa_debit"))
    assert Credit.objects.get().method == "direct_debit"


def test_a_debit_waits_days_for_its_bank_and_holds_the_invoice_meanwhile(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "payment_intent.processing", says.intent(tried.token, "processing"))
    tried.refresh_from_db()
    hold = row.holds.get()
    assert (tried.state, tried.ended_at, hold.kind) == ("pending", None, "payment")
    assert hold.until - hold.since == timedelta(days=21)
    days = NOW + timedelta(days=5)
    failed = says.refused(tried.token, "", "insufficient_funds", charge="ch_3Amiable")
    told(row, "payment_intent.payment_failed", failed, at=days)
    tried.refresh_from_db(), hold.refresh_from_db()
    assert (tried.state, tried.decline_code, hold.until) == ("failed", "insufficient_funds", NOW.date())
    told(row, "payment_intent.processing", says.intent(tried.token, "processing"))  # again, late
    tried.refresh_from_db()
    assert tried.state == "failed"


@pytest.mark.parametrize(
    ("code", "decline", "state", "errors"),
    [
        ("card_declined", "insufficient_funds", "failed", 0),
        ("incorrect_cvc", "incorrect_cvc", "started", 1),
        ("expired_card", "expired_card", "failed", 0),
        ("payment_intent_authentication_failure", "", "failed", 0),
    ],
)
def test_a_refusal_has_its_code_and_a_typing_error_is_one(
    row: Invoice, code: str, decline: str, state: str, errors: int
) -> None:
    tried = known_there(row)
    told(row, "payment_intent.payment_failed", says.refused(tried.token, code, decline))
    told(row, "payment_intent.payment_failed", says.refused(tried.token, code, decline))
    tried.refresh_from_db()
    assert (tried.state, tried.input_errors) == (state, errors)
    assert tried.decline_code == ("" if state == "started" else decline or code)


def test_mistyping_twice_counts_twice_and_then_it_is_paid(row: Invoice) -> None:
    tried = known_there(row)
    for n in range(2):
        told(row, "payment_intent.payment_failed", says.refused(tried.token, "incorrect_cvc", charge=f"ch_{n}"))
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    tried.refresh_from_db()
    assert (tried.input_errors, tried.state) == (2, "succeeded")


def test_a_dispute_opens_the_invoice_again_and_won_it_is_paid_again(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    told(row, "charge.dispute.created", says.dispute("warning_needs_response", id="du_question"))
    row.refresh_from_db()
    assert row.open_minor == 0  # a question of the bank moves no money
    told(row, "charge.dispute.created", says.dispute())
    told(row, "charge.dispute.funds_withdrawn", says.dispute())
    told(row, "charge.dispute.closed", says.dispute("lost"))
    row.refresh_from_db()
    assert row.open_minor == 12_345
    assert "fraudulent" in Task.objects.get().title
    told(row, "charge.dispute.funds_reinstated", says.dispute("won"))
    told(row, "charge.dispute.closed", says.dispute("won"))
    row.refresh_from_db()
    assert row.open_minor == 0
    assert sorted(Credit.objects.values_list("external_id", flat=True)) == ["du_1Amiable", "pi_3Amiable"]


def test_a_dispute_whose_beginning_was_lost_is_understood_by_its_end(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    told(row, "charge.dispute.closed", says.dispute("lost", amount=5_000))
    row.refresh_from_db()
    assert row.open_minor == 5_000


def test_a_refund_and_one_that_fails_later(row: Invoice) -> None:
    tried = known_there(row)
    with pytest.raises(Unavailable):  # the money itself has not been told
        told(row, "refund.created", says.refund())
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    told(row, "refund.created", says.refund(status="pending"))
    told(row, "refund.updated", says.refund())
    row.refresh_from_db()
    assert row.open_minor == 4_000
    assert not Task.objects.exists()
    told(row, "refund.failed", says.refund(status="failed", failure_reason="expired_or_canceled_card"))
    row.refresh_from_db()
    assert row.open_minor == 0


def test_money_after_the_try_had_ended_by_time_is_money(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "payment_intent.canceled", says.intent(tried.token, "canceled"))
    tried.refresh_from_db()
    assert tried.state == "abandoned"
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    tried.refresh_from_db(), row.refresh_from_db()
    assert (tried.state, row.open_minor) == ("succeeded", 0)


def test_other_money_than_was_asked_for_counts_as_what_it_is_and_a_person_looks(row: Invoice) -> None:
    tried = known_there(row)
    told(row, "payment_intent.succeeded", says.intent(tried.token, amount_received=10_000, amount=10_000))
    row.refresh_from_db()
    assert row.open_minor == 2_345
    assert all(amount in Task.objects.get().title for amount in ("100,00", "123,45"))
    other = attempt_on(row)
    told(row, "payment_intent.succeeded", says.intent(other.token, id="pi_4", currency="usd"))
    row.refresh_from_db()
    assert row.open_minor == 2_345
    assert Credit.objects.get(currency="USD").open_minor == 12_345
    assert Task.objects.count() == 2


def test_what_is_not_ours_is_left_alone(row: Invoice) -> None:
    for kind, thing in (
        ("payment_intent.succeeded", says.intent("")),
        ("charge.succeeded", says.charge("")),
        ("customer.created", {"id": "cus_1", "object": "customer"}),
    ):
        assert told(row, kind, thing) == respond.Arrival()
    assert not ProviderEvent.objects.exists()
    assert told(row, "charge.dispute.created", says.dispute(payment_intent="pi_theirs")).unknown == 1


def test_another_creditor_cannot_speak_of_this_ones_payments(row: Invoice) -> None:
    tried = known_there(row)
    other = creditor()
    by = User.objects.get()
    acquire.keep(creditor=other, key="stripe", values=says.CONFIG, now=NOW, by=by)
    body = says.event("payment_intent.succeeded", says.intent(tried.token))
    request = RequestFactory().post("/", body, content_type="application/json", headers=says.sign(body, NOW))
    words = list(acquire.acquirer(other, "stripe").events(request, now=NOW))
    arrival = respond.payment_arrived(provider="stripe", words=words, now=NOW, creditor=other)
    assert (arrival.unknown, arrival.credits) == (1, [])
    told(row, "payment_intent.succeeded", says.intent(tried.token))  # and has not used up its word either
    row.refresh_from_db()
    assert row.open_minor == 0


def test_while_a_secret_is_changed_two_signatures_are_sent(row: Invoice) -> None:
    body = says.event("payment_intent.succeeded", says.intent("x"))
    new, old = (says.sign(body, NOW, secret)["Stripe-Signature"] for secret in ("whsec_new", "whsec_4miable"))
    both = {"Stripe-Signature": f"{new},{old.split(',')[1]}"}
    request = RequestFactory().post("/", body, content_type="application/json", headers=both)
    assert list(acquire.acquirer(row.creditor, "stripe").events(request, now=NOW))


def test_nothing_of_a_card_or_a_person_is_kept_of_what_it_says(row: Invoice) -> None:
    tried = known_there(row)
    billing = {"name": "Anna Martin", "email": "anna@example.org"}
    told(row, "charge.succeeded", says.charge(tried.token, billing_details=billing))
    kept = json.dumps(list(ProviderEvent.objects.values_list("raw", flat=True)))
    assert "Anna" not in kept
    assert "4242" not in kept


def test_every_event_that_means_something_is_asked_for_and_no_other() -> None:
    assert set(Stripe.hook_events) == set(stripe_words.EVENTS)
    assert len(set(stripe_words.EVENTS)) == len(stripe_words.EVENTS)


# -- saved ways to pay


def test_a_card_is_kept_while_paying(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row)
    wish = authorise.ask_for(customer=row.customer, provider="stripe", attempt=tried, now=NOW)
    far.at = {
        "/v1/customers": Answer(200, {"id": "cus_Amiable", "object": "customer"}),
        "/v1/payment_intents": Answer(200, says.intent(tried.token, "requires_payment_method")),
    }
    pay_page(attempt=tried, return_url=RETURN, now=NOW)
    assert asked(far, 0) == {"metadata[customer]": "K-77"}
    order = asked(far)
    assert (order["customer"], order["setup_future_usage"], order["metadata[save]"]) == (
        "cus_Amiable",
        "off_session",
        "yes",
    )
    saying = says.charge(tried.token, metadata={"attempt": tried.token, "save": "yes"})
    told(row, "charge.succeeded", saying)
    wish.refresh_from_db()
    assert (wish.reference, wish.payer, wish.label) == ("pm_1Amiable", "cus_Amiable", "Visa •••• 4242")
    assert (wish.expires_on, wish.signed_on) == (date(2028, 2, 29), NOW.date())
    assert list(authorise.usable(customer=row.customer, as_of=date(2028, 2, 29))) == [wish]
    assert not authorise.usable(customer=row.customer, as_of=date(2028, 3, 1)).exists()
    told(row, "charge.succeeded", says.charge(tried.token))
    assert Mandate.objects.count() == 1


def test_an_account_is_kept_without_paying_and_ends_with_its_authority(row: Invoice, far: Peer) -> None:
    wish = authorise.ask_for(customer=row.customer, provider="stripe", now=NOW)
    made = says.setup(wish.token, status="requires_payment_method", client_secret="seti_1Amiable_secret_y")
    far.at = {
        "/v1/customers": Answer(200, {"id": "cus_Amiable", "object": "customer"}),
        "/v1/setup_intents": Answer(200, made),
        "/v1/setup_intents/seti_1Amiable": Answer(
            200, says.setup(wish.token, payment_method=says.method("sepa_debit"), mandate="mandate_1Amiable")
        ),
    }
    answer = authorise.enter_page(mandate=wish, return_url=RETURN, now=NOW)
    assert isinstance(answer, Fields)
    assert (answer.values["mode"], answer.values["secret"]) == ("setup", "seti_1Amiable_secret_y")
    told(row, "setup_intent.succeeded", says.setup(wish.token))
    wish.refresh_from_db()
    assert (wish.scheme, wish.label, wish.authority) == ("sepa_debit", "IBAN FR •••• 2606", "mandate_1Amiable")
    mandate = {"id": "mandate_1Amiable", "object": "mandate", "status": "inactive", "payment_method": "pm_1Amiable"}
    told(row, "mandate.updated", mandate)
    assert not authorise.usable(customer=row.customer, as_of=NOW.date()).exists()


def test_a_renewed_card_gets_its_new_end_and_a_detached_one_is_not_used(row: Invoice) -> None:
    Mandate.objects.create(
        customer=row.customer, provider="stripe", token="t", reference="pm_1Amiable", label="Visa •••• 1111", scheme="card",
        payer="cus_Amiable", asked_at=NOW, signed_on=NOW.date(), expires_on=date(2026, 3, 31),
    )  # fmt: skip
    told(row, "payment_method.automatically_updated", says.method())
    kept = Mandate.objects.get()
    assert (kept.label, kept.expires_on) == ("Visa •••• 4242", date(2028, 2, 29))
    told(row, "payment_method.detached", says.method())
    kept.refresh_from_db()
    assert kept.ended_on == NOW.date()


def saved_card(row: Invoice, **more: Any) -> Mandate:
    fields: dict[str, Any] = {"scheme": "card", "label": "Visa •••• 4242"}
    return Mandate.objects.create(
        customer=row.customer, provider="stripe", token="t", reference="pm_1", payer="cus_1", asked_at=NOW,
        signed_on=NOW.date(), **fields | more,
    )  # fmt: skip


def test_a_saved_card_is_charged_while_the_customer_is_away(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row, journey="standing")
    far.at = {"/v1/payment_intents": Answer(200, says.intent(tried.token))}
    one = acquire.acquirer(row.creditor, "stripe")
    assert one.charge(tried, mandate=saved_card(row), now=NOW).external_id == "pi_3Amiable"
    order = asked(far)
    wanted = {"off_session": "true", "confirm": "true", "customer": "cus_1", "payment_method": "pm_1"}
    assert wanted.items() <= order.items()
    assert order["payment_method_types[0]"] == "card"
    assert far.asked[-1].headers["Idempotency-Key"] == f"{tried.token}:charge"


def test_a_bank_that_wants_to_ask_the_customer_is_a_decline_with_its_code(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row, journey="standing")
    refused = says.refused(tried.token, "authentication_required", "authentication_required")
    error = {"type": "card_error", "code": "authentication_required", "message": "…", "payment_intent": refused}
    far.at = {"/v1/payment_intents": Answer(402, {"error": error})}
    reference = acquire.acquirer(row.creditor, "stripe").charge(tried, mandate=saved_card(row), now=NOW)
    assert reference.external_id == "pi_3Amiable"
    told(row, "payment_intent.payment_failed", refused)
    tried.refresh_from_db()
    assert (tried.state, tried.decline_code) == ("failed", "authentication_required")


# -- what we ask


def test_an_order_says_what_is_needed_and_no_more_and_is_made_once(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row)
    made = says.intent(tried.token, "requires_payment_method")
    far.at = {"/v1/payment_intents": Answer(200, made), "/v1/payment_intents/pi_3Amiable": Answer(200, made)}
    answer = pay_page(attempt=tried, return_url=RETURN, now=NOW)
    assert isinstance(answer, Fields)
    assert answer.values["secret"] == "pi_3Amiable_secret_x"
    assert asked(far) == {"amount": "12345", "currency": "eur", "metadata[attempt]": tried.token}
    assert far.asked[0].headers["Idempotency-Key"] == f"{tried.token}:create"
    assert far.asked[0].headers["Stripe-Version"] == VERSION
    tried.refresh_from_db()
    assert tried.external_id == "pi_3Amiable"
    pay_page(attempt=tried, return_url=RETURN, now=NOW)  # the page is opened again
    assert [one.method for one in far.asked] == ["POST", "GET"]


def test_what_has_been_paid_meanwhile_is_not_paid_again(row: Invoice, far: Peer) -> None:
    tried = known_there(row)
    far.at = {"/v1/payment_intents/pi_3Amiable": Answer(200, says.intent(tried.token))}
    assert pay_page(attempt=tried, return_url=RETURN, now=NOW) == Link(url=RETURN, external_id="pi_3Amiable")


def test_on_the_phone_the_card_is_named_by_its_token_and_flagged(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row, journey="agent")
    answer = pay_page(attempt=tried, return_url=RETURN, now=NOW)
    assert isinstance(answer, Fields)
    assert (answer.values["mode"], answer.values["amount"], far.asked) == ("moto", "12345", [])
    refused = says.refused(tried.token, "card_declined", "do_not_honor")
    error = {"type": "card_error", "code": "card_declined", "message": "…", "payment_intent": refused}
    far.at = {"/v1/payment_intents": Answer(402, {"error": error})}
    confirm(attempt=tried, token="ctoken_1First", return_url=RETURN, now=NOW)
    order = asked(far)
    assert order["payment_method_options[card][moto]"] == order["confirm"] == "true"
    assert order["confirmation_token"] == "ctoken_1First"
    far.at = {"/v1/payment_intents/pi_3Amiable/confirm": Answer(200, says.intent(tried.token))}
    confirm(attempt=tried, token="ctoken_1Second", return_url=RETURN, now=NOW)
    assert asked(far)["confirmation_token"] == "ctoken_1Second"
    assert far.asked[-1].headers["Idempotency-Key"] == f"{tried.token}:ctoken_1Second"


NUMBERS = ["4242424242424242", "4242 4242 4242 4242", "", "ctoken_4242-4242", "pm_1", "ctoken_" + "1" * 200]


@pytest.mark.parametrize("typed", NUMBERS)
def test_a_number_that_comes_to_us_goes_nowhere(row: Invoice, far: Peer, typed: str) -> None:
    tried = attempt_on(row, journey="agent")
    with pytest.raises(Refused) as refused:
        confirm(attempt=tried, token=typed, return_url=RETURN, now=NOW)
    assert not typed or typed not in str(refused.value)
    assert far.asked == []


def test_no_phone_without_leave_and_no_token_for_what_is_not_on_the_phone(row: Invoice, far: Peer) -> None:
    with pytest.raises(Refused):
        confirm(attempt=attempt_on(row), token="ctoken_1", return_url=RETURN, now=NOW)
    by = User.objects.get()
    acquire.keep(creditor=row.creditor, key="stripe", values=says.CONFIG | {"moto": False}, now=NOW, by=by)
    with pytest.raises(Refused, match="payment link"):
        pay_page(attempt=attempt_on(row, journey="agent"), return_url=RETURN, now=NOW)
    assert far.asked == []


def test_a_currency_that_it_counts_otherwise_is_not_taken(row: Invoice, far: Peer) -> None:
    other = invoice(row.customer, 5_000, currency="ISK")
    with pytest.raises(Refused, match="ISK"):
        pay_page(attempt=attempt_on(other, currency="ISK"), return_url=RETURN, now=NOW)


def test_a_refund_is_asked_once_for_each_wish(row: Invoice, far: Peer) -> None:
    tried = known_there(row)
    far.at = {"/v1/refunds": Answer(200, says.refund())}
    one = acquire.acquirer(row.creditor, "stripe")
    for _n in range(2):
        assert one.refund(attempt=tried, amount_minor=4_000, key="wish-1", now=NOW).external_id == "re_3Amiable"
    assert {each.headers["Idempotency-Key"] for each in far.asked} == {f"{tried.token}:refund:wish-1"}
    assert asked(far)["amount"] == "4000"


def test_asked_what_became_of_it_it_says_what_its_hook_would_have(row: Invoice, far: Peer) -> None:
    tried = known_there(row)
    whole = says.charge(tried.token, amount_refunded=4_000, disputed=True)
    far.at = {
        "/v1/payment_intents/pi_3Amiable": Answer(200, says.intent(tried.token, latest_charge=whole)),
        "/v1/refunds": Answer(200, {"object": "list", "data": [says.refund()], "has_more": False}),
        "/v1/disputes": Answer(
            200, {"object": "list", "data": [says.dispute("lost", amount=2_000)], "has_more": False}
        ),
    }
    one = acquire.acquirer(row.creditor, "stripe")
    words: list[Word] = list(one.ask(tried, now=NOW))
    assert {word.kind for word in words} == {WordKind.SUCCEEDED, WordKind.REFUNDED, WordKind.CHARGED_BACK}
    for _n in range(2):
        respond.payment_arrived(provider="stripe", words=words, now=NOW, creditor=row.creditor)
    row.refresh_from_db()
    assert row.open_minor == 6_000
    for kind, thing in (
        ("payment_intent.succeeded", says.intent(tried.token)),
        ("refund.created", says.refund()),
        ("charge.dispute.created", says.dispute(amount=2_000)),
    ):
        assert told(row, kind, thing).replayed == 1  # the hook, late after all


def test_a_charge_whose_answer_was_lost_is_found_by_our_token(row: Invoice, far: Peer) -> None:
    tried = attempt_on(row, journey="standing")
    far.at = {"/v1/payment_intents/search": Answer(200, {"object": "search_result", "data": [], "has_more": False})}
    one = acquire.acquirer(row.creditor, "stripe")
    assert list(one.ask(tried, now=NOW)) == []
    assert tried.token in far.asked[-1].path
    paid = says.intent(tried.token, latest_charge=says.charge(tried.token))
    far.at["/v1/payment_intents/search"] = Answer(
        200, {"object": "search_result", "data": [paid], "has_more": False, "next_page": None}
    )
    far.at["/v1/payment_intents/pi_3Amiable"] = Answer(200, paid)
    assert [word.payment for word in one.ask(tried, now=NOW)] == ["pi_3Amiable"]


def test_keys_of_two_worlds_are_refused() -> None:
    form = Stripe.Config(says.CONFIG | {"secret_key": "sk_live_51Amiable"})
    assert "tests" in str(form.errors["publishable_key"])
    assert not Stripe.Config(says.CONFIG | {"secret_key": "pk_test_51Amiable"}).is_valid()
