"""Stripe: what we ask of it carries its key and never a number; ways to pay are kept, charged and ended; what it owes us."""

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from amiable.core.errors import Refused
from amiable.core.models import User
from amiable.ledger.models import Invoice
from amiable.payments import acquire, authorise
from amiable.payments.attempt import confirm, pay_page
from amiable.payments.models import Mandate
from amiable.payments.providers import Fields, Link, Word, WordKind
from amiable.payments.providers.stripe import VERSION, Stripe
from amiable.scenario import inquire, respond
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer
from tests.payments.rows import NOW, invoice
from tests.payments.stripe_rows import RETURN, asked, attempt_on, far_side, known_there, owed, saved_card, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def row() -> Invoice:
    return owed()


@pytest.fixture
def far() -> Iterator[Peer]:
    with far_side() as found:
        yield found


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
    for currency in ("ISK", "RSD"):  # 5 000 dinars would be paid as 50
        other = invoice(row.customer, 5_000, currency=currency)
        with pytest.raises(Refused, match=currency):
            pay_page(attempt=attempt_on(other, currency=currency), return_url=RETURN, now=NOW)


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


def test_what_the_customer_takes_back_is_forgotten_there_too_and_ours_counts_where_it_is_not_heard(
    row: Invoice, far: Peer
) -> None:
    kept = saved_card(row)
    far.at = {"/v1/payment_methods/pm_1/detach": Answer(200, says.method(customer=None))}
    authorise.end(mandate=kept, as_of=NOW.date(), now=NOW, origin="portal")
    assert far.asked[-1].path == "/v1/payment_methods/pm_1/detach"
    far.at = {}
    Mandate.objects.update(ended_on=None)
    authorise.end(mandate=kept, as_of=NOW.date(), now=NOW, origin="portal")
    assert not authorise.usable(customer=row.customer, as_of=NOW.date()).exists()


def test_what_its_hook_could_not_deliver_is_fetched_also_of_what_was_paid_long_ago(row: Invoice, far: Peer) -> None:
    tried = known_there(row)
    told(row, "payment_intent.succeeded", says.intent(tried.token))
    wish = authorise.ask_for(customer=row.customer, provider="stripe", now=NOW)
    missed = [
        says.event("setup_intent.succeeded", says.setup(wish.token), at=NOW + timedelta(hours=2)),
        says.event("charge.dispute.created", says.dispute("lost"), at=NOW + timedelta(hours=1)),
        says.event("refund.created", says.refund(payment_intent="pi_of_the_shop"), at=NOW),
    ]
    far.at = {
        "/v1/events": Answer(200, {"object": "list", "data": [json.loads(one) for one in missed], "has_more": False}),
        "/v1/setup_intents/seti_1Amiable": Answer(200, says.setup(wish.token, payment_method=says.method())),
    }
    summary = inquire.inquire(now=NOW + timedelta(days=1))
    row.refresh_from_db(), wish.refresh_from_db()
    assert (summary.missed, summary.silent, row.open_minor, wish.label) == (3, 0, 12_345, "Visa •••• 4242")
    path = next(one.path for one in far.asked if one.path.startswith("/v1/events"))
    assert "delivery_success=false" in path.lower()
    assert inquire.inquire(now=NOW + timedelta(days=2)).missed == 0
    far.at["/v1/events"] = Answer(500, {"error": {}})
    assert inquire.inquire(now=NOW + timedelta(days=3)).silent == 1


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
