"""Tries to pay: the same words in any order are the same state, money beats all, and nothing is asked for that is not owed."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given, settings
from hypothesis import strategies as st

from amiable.ledger import hold
from amiable.ledger.factor import sell
from amiable.payments import attempt as verbs
from amiable.payments.attempt import UnableToOpenAttempt, abandon_stale, move_on, open_again, open_attempt
from amiable.payments.models import Attempt, AttemptState
from amiable.payments.providers import Word, WordKind
from amiable.scenario.respond import payment_arrived
from tests.payments.rows import NOW, TODAY, creditor, customer, invoice, word

KINDS = [
    WordKind.STARTED,
    WordKind.INPUT_ERROR,
    WordKind.FAILED,
    WordKind.SUCCEEDED,
    WordKind.ABANDONED,
    WordKind.PENDING,
]
CODES = ["", "insufficient_funds", "expired_card"]


@st.composite
def told(draw: st.DrawFn) -> list[Word]:
    """Some words about one try, each said at its own minute or at the same as another."""
    count = draw(st.integers(1, 7))
    return [
        Word(
            external_id=f"w{n}",
            kind=draw(st.sampled_from(KINDS)),
            attempt="tok",
            at=NOW + timedelta(minutes=draw(st.integers(0, 4))),
            detail=draw(st.sampled_from(CODES)),
        )
        for n in range(count)
    ]


def after(words: list[Word]) -> dict[str, Any]:
    attempt = Attempt(token="tok", provider="dummy", opened_at=NOW)
    for each in words:
        move_on(attempt=attempt, word=each)
    return {name: getattr(attempt, name) for name in verbs.KEPT if name != "credit"}


@given(words=told(), data=st.data())
def test_the_same_words_in_any_order_are_the_same_state(words: list[Word], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(words))
    assert after(shuffled) == after(words)
    found = after(words)
    kinds = {each.kind for each in words}
    if WordKind.SUCCEEDED in kinds:
        assert found["state"] == AttemptState.SUCCEEDED
    assert (found["ended_at"] is not None) == (found["state"] in verbs.ENDED)
    assert found["input_errors"] == sum(each.kind == WordKind.INPUT_ERROR for each in words)
    declined = [(each.at, each.detail) for each in words if each.kind == WordKind.FAILED]
    assert (found["declined_at"], found["decline_code"]) == max(declined, default=(None, ""))


@pytest.mark.django_db
@settings(max_examples=15)
@given(words=told(), data=st.data())
def test_told_again_and_again_by_any_number_of_calls_they_are_the_same_state(
    words: list[Word], data: st.DataObject
) -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    mine = [
        word(attempt, each.kind, at=each.at, detail=each.detail, external_id=f"{attempt.token}{each.external_id}")
        for each in words
    ]
    repeated = data.draw(st.permutations(mine + mine[: data.draw(st.integers(0, len(mine)))]))
    cut = data.draw(st.integers(0, len(repeated)))
    for call in (repeated[:cut], repeated[cut:]):
        payment_arrived(provider="dummy", words=call, now=NOW + timedelta(minutes=10))
    attempt.refresh_from_db()
    assert {name: getattr(attempt, name) for name in verbs.KEPT if name != "credit"} == after(words)
    paid = any(each.kind == WordKind.SUCCEEDED for each in words)
    row.refresh_from_db()
    assert row.open_minor == (0 if paid else 10_000)
    acting = hold.active(as_of=TODAY).filter(invoice=row, kind="payment").exists()
    assert acting == (attempt.state in verbs.UNDER_WAY)


def attempt_on(row: Any, amount_minor: int | None = None, **more: Any) -> Attempt:
    asked = {"currency": "EUR", "journey": "portal", "now": NOW, "invoices": [row.pk]} | more
    return open_attempt(customer=row.customer, amount_minor=amount_minor or row.open_minor, **asked)


@pytest.mark.django_db
def test_a_customer_who_was_refused_and_tries_on_is_paying_again() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    words = [word(attempt, "failed", detail="expired_card"), word(attempt, "started", at=NOW + timedelta(minutes=2))]
    payment_arrived(provider="dummy", words=words, now=NOW)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code, attempt.ended_at) == ("started", "expired_card", None)
    assert hold.active(as_of=TODAY).filter(invoice=row, kind="payment").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"amount_minor": 0}, "The amount must be more than zero."),
        ({"amount_minor": -500}, "The amount must be more than zero."),
        ({"amount_minor": 10_001}, "at most €100.00 can be paid"),
        ({"currency": "USD"}, "in another currency"),
        ({"invoices": [0]}, "no longer open"),
        ({"invoices": [], "currency": "USD"}, "Nothing is left to pay."),
    ],
)
def test_what_cannot_be_paid_is_said_in_one_sentence(asked: dict[str, Any], sentence: str) -> None:
    row = invoice(customer(creditor()), 10_000)
    wanted = {"amount_minor": 10_000, "currency": "EUR", "invoices": [row.pk], "journey": "portal", "now": NOW} | asked
    with override("en"), pytest.raises(UnableToOpenAttempt, match=sentence):
        open_attempt(customer=row.customer, **wanted)
    assert not Attempt.objects.exists()


@pytest.mark.django_db
def test_again_is_what_is_still_open_of_it() -> None:
    who = customer(creditor())
    first, second = invoice(who, 10_000), invoice(who, 5_000)
    tried = open_attempt(
        customer=who, amount_minor=15_000, currency="EUR", invoices=[second.pk, first.pk], journey="email_link", now=NOW
    )
    other = attempt_on(first)
    payment_arrived(provider="dummy", words=[word(other, "succeeded")], now=NOW)
    opened = open_again(attempt=tried, journey="sms_link", provider="dummy", now=NOW)
    assert (opened.amount_minor, opened.invoices, opened.journey) == (5_000, [second.pk], "sms_link")
    payment_arrived(provider="dummy", words=[word(opened, "succeeded")], now=NOW)
    invoice(who, 700)  # what it did not want is not paid in its place
    with override("en"), pytest.raises(UnableToOpenAttempt):
        open_again(attempt=tried, journey="sms_link", provider="dummy", now=NOW)


@pytest.mark.django_db
def test_a_debit_at_the_bank_is_left_its_days() -> None:
    row = invoice(customer(creditor()), 10_000)
    attempt = attempt_on(row)
    attempt.state, attempt.started_at, attempt.state_at = AttemptState.PENDING, NOW, NOW
    verbs.keep(attempt=attempt, before=AttemptState.OPENED, now=NOW)
    days = verbs.PENDING_DAYS
    assert abandon_stale(now=NOW + timedelta(days=days - 1)) == 0
    assert hold.active(as_of=TODAY + timedelta(days=days - 1)).filter(invoice=row).exists()
    assert abandon_stale(now=NOW + timedelta(days=days, hours=1)) == 1
    attempt.refresh_from_db()
    assert attempt.state == "abandoned"
    payment_arrived(provider="dummy", words=[word(attempt, "succeeded")], now=NOW + timedelta(days=days + 1))
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"


@pytest.mark.django_db
def test_what_was_sold_to_a_factor_is_not_paid_by_card() -> None:
    factor = {"name": "Eurofactor", "iban": "FR1420041010050500013M02606", "bic": "PSSTFRPP"}
    anna = customer(creditor(policy={"factor": factor}))
    sold, kept = invoice(anna, 10_000), invoice(anna, 4_000)
    sell(customer=anna, since=TODAY, now=NOW, invoices=[sold.pk])
    how: dict[str, Any] = {"customer": anna, "currency": "EUR", "journey": "portal", "now": NOW}
    with override("en"), pytest.raises(UnableToOpenAttempt, match="a transfer to the factor alone"):
        open_attempt(amount_minor=10_000, invoices=[sold.pk], **how)
    with pytest.raises(UnableToOpenAttempt):
        open_attempt(amount_minor=14_000, invoices=[], **how)
    assert open_attempt(amount_minor=4_000, invoices=[kept.pk], **how).amount_minor == 4_000
