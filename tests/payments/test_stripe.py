"""Stripe: what it says becomes our words, whatever the order, and nothing of a card is kept of it."""

import json
from datetime import timedelta

import pytest
from django.test import RequestFactory

from amiable.casework.models import Task
from amiable.core.errors import Unavailable
from amiable.core.models import User
from amiable.ledger.models import Credit, Invoice
from amiable.payments import acquire
from amiable.payments.models import ProviderEvent
from amiable.payments.providers import stripe_words
from amiable.payments.providers.stripe import Stripe
from amiable.scenario import respond
from tests.contracts import stripe_samples as says
from tests.payments.rows import NOW, creditor
from tests.payments.stripe_rows import attempt_on, known_there, owed, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def row() -> Invoice:
    return owed()


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
