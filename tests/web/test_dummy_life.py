"""The whole life of a payment at the dummy: debits that wait, words that are lost, charge-backs, ways to pay that are kept."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from amiable.casework.models import Task
from amiable.core import links
from amiable.core.errors import Unavailable
from amiable.ledger.models import Invoice
from amiable.payments import acquire, authorise
from amiable.payments.attempt import known_as, open_attempt
from amiable.payments.models import Attempt, Mandate
from amiable.payments.providers import dummy
from amiable.scenario import inquire
from tests.payments.rows import creditor, customer, invoice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wire(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Carries the dummy's webhooks to the hook without a socket; its lost words lie in a folder of the test."""

    def tell(events: list[dict[str, Any]], *, now: Any) -> None:
        body = dummy.json.dumps({"events": events}).encode()
        headers = {"Dummy-Signature": dummy.signature(body, now=now)}
        answer = Client().post("/hooks/psp/dummy/", body, content_type="application/json", headers=headers)
        assert answer.status_code == 200, answer.content

    monkeypatch.setattr(dummy, "tell", tell)
    monkeypatch.setattr(dummy, "home", lambda: tmp_path)


@pytest.fixture
def row() -> Invoice:
    owner = customer(creditor(cash_authority="psp"), language="en", postcode="75011")
    return invoice(owner, 10_000, timezone.localdate() - timedelta(days=12))


class Visitor(Client):
    """A customer who is known to the portal."""

    def __init__(self, row: Invoice) -> None:
        super().__init__()
        self.base = (
            f"/p/{links.sign('portal', {'c': row.customer_id, 'm': 0}, expires=timezone.now() + timedelta(days=9))}/"
        )
        self.post(f"{self.base}identify/", {"answer": "75011"})

    def to_pay(self, row: Invoice) -> str:
        page = self.post(f"{self.base}pay/", {"invoice": [row.pk], "currency": "EUR"})["Location"]
        return re.sub(r"^https?://[^/]+", "", page)


def press(visitor: Client, page: str, act: str, **how: str) -> Any:
    return visitor.post(page, {"act": act, **how})


def state_of(row: Invoice) -> tuple[str, int]:
    row.refresh_from_db()
    return Attempt.objects.order_by("-pk").values_list("state", flat=True)[0], row.open_minor


def test_a_debit_waits_then_its_bank_pays_then_takes_it_back(row: Invoice) -> None:
    visitor = Visitor(row)
    page = visitor.to_pay(row)
    back = press(visitor, page, "debit")["Location"]
    assert state_of(row) == ("pending", 10_000)
    with translation.override("en"):
        assert "Your bank has been asked" in visitor.get(back).content.decode()
    assert "The bank pays" in visitor.get(page).content.decode()
    press(visitor, page, "settle")
    assert state_of(row) == ("succeeded", 0)
    assert "takes it back" in visitor.get(page).content.decode()
    for _n in range(2):
        press(visitor, page, "charge_back")
    assert state_of(row) == ("succeeded", 10_000)
    assert "fraudulent" in Task.objects.get().title
    dashboard = visitor.get("/dev/psp/").content.decode()
    assert row.customer.name in dashboard


def test_a_debit_that_the_bank_refuses(row: Invoice) -> None:
    visitor = Visitor(row)
    page = visitor.to_pay(row)
    press(visitor, page, "debit")
    press(visitor, page, "bounce")
    assert state_of(row) == ("failed", 10_000)
    assert Attempt.objects.get().decline_code == "insufficient_funds"
    assert not row.holds.filter(until__gt=timezone.localdate()).exists()


def test_a_result_that_is_lost_is_found_by_asking(row: Invoice) -> None:
    visitor = Visitor(row)
    press(visitor, visitor.to_pay(row), "pay", lost="on")
    assert state_of(row) == ("opened", 10_000)
    inquire.inquire(now=timezone.now() + inquire.FIRST)
    assert state_of(row) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("kept", "state", "code"),
    [
        ("good", "succeeded", ""),
        ("asks", "failed", "authentication_required"),
        ("poor", "failed", "insufficient_funds"),
        ("debit", "pending", ""),
    ],
)
def test_what_is_kept_is_charged_later(row: Invoice, kept: str, state: str, code: str) -> None:
    visitor = Visitor(row)
    address = visitor.post(f"{visitor.base}methods/")["Location"]
    page = re.sub(r"^https?://[^/]+", "", visitor.get(address)["Location"])
    back = press(visitor, page, kept)["Location"]
    assert "••••" in visitor.get(back).content.decode()
    mandate = authorise.usable(customer=row.customer, as_of=timezone.localdate()).get()
    tried = open_attempt(
        customer=row.customer,
        amount_minor=4_000,
        currency="EUR",
        invoices=[row.pk],
        journey="standing",
        now=timezone.now(),
    )
    acquirer = acquire.acquirer(row.creditor, "dummy")
    known_as(tried, acquirer.charge(tried, mandate=mandate, now=timezone.now()).external_id)
    tried.refresh_from_db()
    assert (tried.state, tried.decline_code) == (state, code)
    visitor.post(f"{visitor.base}methods/{mandate.pk}/end/")
    assert not authorise.usable(customer=row.customer, as_of=timezone.localdate()).exists()


def test_a_card_is_kept_with_a_payment_and_twice_is_once(row: Invoice) -> None:
    visitor = Visitor(row)
    for _n in range(2):
        tried = open_attempt(
            customer=row.customer,
            amount_minor=1_000,
            currency="EUR",
            invoices=[row.pk],
            journey="portal",
            now=timezone.now(),
        )
        authorise.ask_for(customer=row.customer, provider="dummy", attempt=tried, now=timezone.now())
        page = dummy.page(tried, return_url="/", now=timezone.now())
        press(visitor, re.sub(r"^https?://[^/]+", "", page), "pay")
    assert Mandate.objects.exclude(signed_on=None).count() == 2  # two cards of the dummy: it names each after its try
    assert state_of(row) == ("succeeded", 8_000)


def test_a_charge_whose_hook_cannot_be_reached_is_told_when_asked(
    row: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(events: list[dict[str, Any]], *, now: Any) -> None:
        raise Unavailable("Nobody is there.")

    mandate = Mandate.objects.create(
        customer=row.customer, provider="dummy", token="t", reference="pm_t_good", asked_at=timezone.now(),
        signed_on=timezone.localdate(),
    )  # fmt: skip
    tried = open_attempt(
        customer=row.customer,
        amount_minor=10_000,
        currency="EUR",
        invoices=[row.pk],
        journey="standing",
        now=timezone.now(),
    )
    monkeypatch.setattr(dummy, "tell", unreachable)
    known_as(tried, dummy.Dummy({}).charge(tried, mandate=mandate, now=timezone.now()).external_id)
    inquire.ask(attempt=tried, now=timezone.now())
    assert state_of(row) == ("succeeded", 0)


def test_the_same_card_once_more_is_renewed(row: Invoice) -> None:
    visitor = Visitor(row)
    now = timezone.now()
    for n in range(2):
        wish = authorise.ask_for(customer=row.customer, provider="dummy", now=now)
        event = dummy.keeping(wish.token, "good", now=now + timedelta(days=400 * n))
        event["saved"]["reference"] = "pm_same_good"
        dummy.tell([event], now=timezone.now())
    kept = Mandate.objects.get()
    assert kept.expires_on
    assert kept.expires_on.year > now.year + 3
    assert "in a moment" not in visitor.get(f"{visitor.base}methods/?kept={wish.token}").content.decode()


def test_what_a_provider_says_is_for_colleagues(row: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Unavailable("Invalid API Key provided: sk_test_***")

    monkeypatch.setattr(dummy.Dummy, "create", refuse)
    visitor = Visitor(row)
    page = visitor.post(f"{visitor.base}pay/", {"invoice": [row.pk], "currency": "EUR"}, follow=True).content.decode()
    assert "sk_test" not in page
    assert 'role="alert"' in page


def test_nobody_takes_back_what_another_has_kept(row: Invoice) -> None:
    other = customer(row.creditor, postcode="75011")
    theirs = Mandate.objects.create(
        customer=other, provider="dummy", token="t", reference="pm_t_good", asked_at=timezone.now(),
        signed_on=timezone.localdate(),
    )  # fmt: skip
    visitor = Visitor(row)
    assert visitor.post(f"{visitor.base}methods/{theirs.pk}/end/").status_code == 404
    assert visitor.get(f"{visitor.base}methods/{theirs.token}/").status_code == 404
    assert Visitor(row).get(f"{visitor.base}methods/{theirs.pk}/end/").status_code == 405
    assert authorise.usable(customer=other, as_of=timezone.localdate()).count() == 1
