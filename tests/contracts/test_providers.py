"""Every payment provider of the registry keeps the same promises; a new one adds its samples here."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from amiable.core.errors import Refused
from amiable.ledger.models import Creditor
from amiable.payments.models import Attempt
from amiable.payments.providers import PSP, Fields, Link, Reference, Word, WordKind, dummy, kind, providers
from tests.payments.rows import NOW


@dataclass(frozen=True)
class Samples:
    """`said`: one call that tells a success of `amount_minor`; `headers`: its signature at a moment."""

    said: bytes
    amount_minor: int
    currency: str

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        return {"Dummy-Signature": dummy.signature(body, now=at)}


def _dummy() -> Samples:
    events = [
        {"id": "evt_1", "kind": "started", "attempt": "tok", "at": NOW.isoformat()},
        {
            "id": "evt_2",
            "kind": "succeeded",
            "attempt": "tok",
            "at": NOW.isoformat(),
            "payment": "P1",
            "amount_minor": 12_345,
            "currency": "EUR",
        },
    ]
    return Samples(json.dumps({"events": events}).encode(), 12_345, "EUR")


SAMPLES = {"dummy": _dummy()}


def built(key: str) -> PSP:
    return kind(key)({})


def call(key: str, body: bytes, headers: dict[str, str]) -> HttpRequest:
    return RequestFactory().post(f"/hooks/psp/{key}/", body, content_type="application/json", headers=headers)


def words(key: str, body: bytes, headers: dict[str, str], now: datetime = NOW) -> list[Word]:
    return list(built(key).events(call(key, body, headers), now=now))


@pytest.fixture(params=sorted(providers()))
def key(request: pytest.FixtureRequest) -> str:
    assert request.param in SAMPLES, f"Add samples of {request.param!r} to this file."
    return str(request.param)


def test_it_says_what_it_is(key: str) -> None:
    one = built(key)
    assert one.key == key
    assert one.label
    assert one.supports <= {"page", "fields", "refund", "save", "charge", "debit", "moto"}


def test_a_signed_call_is_read(key: str) -> None:
    sample = SAMPLES[key]
    said = words(key, sample.said, sample.headers(sample.said, NOW))
    paid = [word for word in said if word.kind == WordKind.SUCCEEDED]
    assert [(word.amount_minor, word.currency, word.attempt) for word in paid] == [
        (sample.amount_minor, sample.currency, "tok")
    ]
    assert len({word.external_id for word in said}) == len(said)
    assert all(word.at.tzinfo for word in said)
    assert said == words(key, sample.said, sample.headers(sample.said, NOW))


@pytest.mark.parametrize("bend", ["body", "none", "garbage", "old", "future"])
def test_a_call_that_is_not_its_own_is_refused(key: str, bend: str) -> None:
    sample = SAMPLES[key]
    at = {"old": NOW - timedelta(hours=1), "future": NOW + timedelta(hours=1)}.get(bend, NOW)
    headers = {"none": {}, "garbage": dict.fromkeys(sample.headers(b"", NOW), "t=é,v1=x,,=")}.get(
        bend, sample.headers(sample.said, at)
    )
    body = sample.said.replace(b"12345", b"99999") if bend == "body" else sample.said
    with pytest.raises(Refused) as refused:
        words(key, body, headers)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"events": 1},
        {"events": [{}]},
        {"events": [{"id": "e", "kind": "won", "attempt": "t", "at": NOW.isoformat()}]},
        {"events": [{"id": "e", "kind": "started", "attempt": "t", "at": "2026-01-01T00:00:00"}]},
        {"events": [{"id": "e", "kind": "succeeded", "attempt": "t", "at": NOW.isoformat(), "payment": "p"}]},
        {"events": [{"id": "", "kind": "started", "attempt": "t", "at": NOW.isoformat()}]},
    ],
)
def test_dummy_refuses_what_is_signed_and_senseless(said: Any) -> None:
    body = json.dumps(said).encode()
    with pytest.raises(Refused):
        words("dummy", body, SAMPLES["dummy"].headers(body, NOW))


def test_an_attempt_gets_a_page_or_a_reference(key: str) -> None:
    attempt = Attempt(token="tok", amount_minor=100, currency="EUR", creditor=Creditor(name="Rivage"), provider=key)
    answer = built(key).create(attempt, return_url="https://example.org/back", now=NOW)
    assert isinstance(answer, Link | Fields | Reference)
    if isinstance(answer, Link):
        assert answer.url.startswith("http")
        assert any(answer.url.startswith(origin) for origin in built(key).origins())


def test_the_dummy_does_not_exist_where_money_is_real() -> None:
    sample = SAMPLES["dummy"]
    with override_settings(DEV_ROOMS=False), pytest.raises(Refused):
        words("dummy", sample.said, sample.headers(sample.said, NOW))


def test_nobody_is_called_that() -> None:
    with pytest.raises(Refused):
        kind("nobody")


def test_one_attempt_leads_to_one_payment() -> None:
    assert dummy.payment_of("tok") == "P" + hashlib.sha256(b"tok").hexdigest()[:16].upper()
