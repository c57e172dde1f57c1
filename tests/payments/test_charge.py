"""A saved method is charged while the customer is away: written down first, once at a time, never twice for want of an answer."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpRequest

from amiable.core.errors import Refused, Unavailable
from amiable.payments import acquire
from amiable.payments.attempt import UnableToOpenAttempt, charge_saved
from amiable.payments.models import Attempt, Mandate
from amiable.payments.providers import PSP, Link, Reference, Word
from amiable.scenario.respond import payment_arrived
from tests.payments.rows import NOW, TODAY, creditor, customer, invoice, word

pytestmark = pytest.mark.django_db


class Carrier(PSP):
    """A provider at the port: it notes what it was asked, and answers as told."""

    label = "Carrier"
    supports = frozenset({"charge"})
    answer: Exception | None = None

    def __init__(self) -> None:
        super().__init__({})
        self.asked: list[tuple[str, str]] = []

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Link:
        return Link("https://pay.example")

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        return ()

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        return Reference("r")

    def charge(self, attempt: Attempt, *, mandate: Mandate, now: datetime) -> Reference:
        self.asked.append((Attempt.objects.get(pk=attempt.pk).state, mandate.reference))
        if self.answer:
            raise self.answer
        return Reference(f"ch_{attempt.token}")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    made = Carrier()
    monkeypatch.setattr(acquire, "acquirer", lambda _creditor, _key: made)
    return made


@pytest.fixture
def mandate() -> Mandate:
    who = customer(creditor())
    return Mandate.objects.create(
        customer=who, provider="dummy", token="m", reference="pm_1", scheme="card", asked_at=NOW, signed_on=TODAY
    )


def charge(mandate: Mandate, **more: Any) -> Attempt:
    asked = {"amount_minor": 5_000, "currency": "EUR", "invoices": [], "journey": "standing", "now": NOW} | more
    return charge_saved(mandate=mandate, **asked)


def test_the_try_is_written_down_before_the_provider_is_asked(carrier: Carrier, mandate: Mandate) -> None:
    row = invoice(mandate.customer, 5_000)
    attempt = charge(mandate, invoices=[row.pk])
    assert carrier.asked == [("pending", "pm_1")]
    assert (attempt.state, attempt.journey, attempt.external_id) == ("pending", "standing", f"ch_{attempt.token}")
    assert row.holds.get().kind == "payment"
    mandate.refresh_from_db()
    assert mandate.last_used_on == TODAY
    payment_arrived(provider="dummy", words=[word(attempt, "succeeded", at=NOW + timedelta(days=2))], now=NOW)
    row.refresh_from_db()
    assert row.open_minor == 0


def test_a_refusal_is_a_failed_try(carrier: Carrier, mandate: Mandate) -> None:
    invoice(mandate.customer, 5_000)
    carrier.answer = Refused("The card was declined.")
    attempt = charge(mandate)
    assert (attempt.state, attempt.decline_code) == ("failed", "refused")


def test_what_may_have_been_charged_is_not_charged_again(carrier: Carrier, mandate: Mandate) -> None:
    invoice(mandate.customer, 20_000)
    carrier.answer = Unavailable("No answer.")
    first = charge(mandate, plan_ref=7)
    assert first.state == "pending"
    carrier.answer = None
    assert charge(mandate, plan_ref=7) == first
    assert len(carrier.asked) == 1
    assert charge(mandate, plan_ref=8) != first
    payment_arrived(provider="dummy", words=[word(first, "failed", at=NOW + timedelta(days=1))], now=NOW)
    assert charge(mandate, plan_ref=7, now=NOW + timedelta(days=2)) != first


def test_an_authority_that_ended_charges_nothing(carrier: Carrier, mandate: Mandate) -> None:
    invoice(mandate.customer, 5_000)
    Mandate.objects.update(ended_on=TODAY)
    with pytest.raises(UnableToOpenAttempt):
        charge(mandate)
    assert (carrier.asked, Attempt.objects.count()) == ([], 0)
