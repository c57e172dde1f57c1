"""Every payment provider of the registry keeps the same promises; a new one adds its samples here."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.http import HttpRequest
from django.test import RequestFactory, override_settings
from django.utils import translation

from amiable.core.errors import NotConfigured, Refused, Unavailable
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt
from amiable.payments.providers import MONEY, PSP, Fields, Link, Word, WordKind, dummy, kind, providers
from tests.contracts import stripe_samples
from tests.contracts.peer import Answer, Peer, peer
from tests.outreach.peers import Twilio
from tests.payments.rows import NOW, creditor, customer, invoice

NAMES = {"page", "fields", "refund", "save", "charge", "debit", "moto", "keypad"}


@dataclass(frozen=True)
class Samples:
    """`said`: one call that tells a success of `amount_minor`; `sign`: its headers at a moment; `far`: a far side that
    answers, or does not.
    """

    said: bytes
    amount_minor: int
    currency: str
    sign: Callable[[bytes, datetime], dict[str, str]]
    config: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    query: str = ""  # of the address that is called
    form: bool = False  # whether a call is a form, and not JSON
    dated: bool = True  # whether its signature says when it was made


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
    body = json.dumps({"events": events}).encode()
    return Samples(body, 12_345, "EUR", lambda body, at: {"Dummy-Signature": dummy.signature(body, now=at)})


def _stripe() -> Samples:
    made = stripe_samples.intent("tok", "requires_payment_method")
    return Samples(
        stripe_samples.event("payment_intent.succeeded", stripe_samples.intent("tok")), 12_345, "EUR", stripe_samples.sign,
        stripe_samples.CONFIG, {"/v1/payment_intents": Answer(200, made)},
    )  # fmt: skip


def _twilio() -> Samples:
    """Amount and try stand in the address, which is signed with what is said there."""
    query = f"?attempt=tok&amount=12345&currency=EUR&since={int(NOW.timestamp())}"
    said = {
        "AccountSid": Twilio.sid,
        "CallSid": "CA" + "0" * 32,
        "Result": "success",
        "PaymentConfirmationCode": "ch_12345",
    }

    def sign(body: bytes, _at: datetime) -> dict[str, str]:
        values = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        return Twilio.signed(Twilio.token, f"http://127.0.0.1:8000/hooks/psp/1/twilio_pay/{query}", values)

    config = {"account_sid": Twilio.sid, "auth_token": Twilio.token, "connector": "Default"}
    return Samples(urlencode(said).encode(), 12_345, "EUR", sign, config, query=query, form=True, dated=False)


SAMPLES = {"dummy": _dummy(), "stripe": _stripe(), "twilio_pay": _twilio()}


def built(key: str) -> PSP:
    return kind(key)(SAMPLES[key].config)


def call(key: str, body: bytes, headers: dict[str, str]) -> HttpRequest:
    sample = SAMPLES[key]
    form = "application/x-www-form-urlencoded" if sample.form else "application/json"
    return RequestFactory().post(f"/hooks/psp/1/{key}/{sample.query}", body, content_type=form, headers=headers)


def words(key: str, body: bytes, headers: dict[str, str], now: datetime = NOW) -> list[Word]:
    return list(built(key).events(call(key, body, headers), now=now))


@contextmanager
def far_side(key: str, answer: Answer | None = None) -> Iterator[Peer]:
    with peer(answer or Answer(404, {"error": {"message": "unknown"}})) as far:
        far.at = {} if answer else SAMPLES[key].answers
        with override_settings(STRIPE_API=far.url.rstrip("/")):
            yield far


@pytest.fixture(params=sorted(providers()))
def key(request: pytest.FixtureRequest) -> str:
    assert request.param in SAMPLES, f"Add samples of {request.param!r} to this file."
    return str(request.param)


@pytest.fixture
def attempt(db: None, key: str) -> Attempt:
    row = invoice(customer(creditor()), 12_345)
    wanted = {"amount_minor": 12_345, "currency": "EUR", "invoices": [row.pk], "journey": "portal", "provider": key}
    return open_attempt(customer=row.customer, now=NOW, **wanted)


def test_it_says_what_it_is(key: str) -> None:
    one = built(key)
    assert one.key == key
    assert one.label
    assert one.supports <= NAMES
    assert one.supports & {"page", "fields", "keypad"}
    assert one.on_a_page() == bool(one.supports & {"page", "fields"})
    assert one.input_errors is None or all(isinstance(code, str) for code in one.input_errors)


def test_what_it_needs_is_asked_for_and_secrets_are_not_shown(key: str) -> None:
    fields = kind(key).Config.base_fields
    for name in (name for name in fields if "secret" in name or "password" in name):
        assert getattr(fields[name].widget, "input_type", "") == "password"
    if any(each.required for each in fields.values()):
        with pytest.raises(NotConfigured):
            kind(key)({})


def test_a_signed_call_is_read(key: str) -> None:
    sample = SAMPLES[key]
    said = words(key, sample.said, sample.sign(sample.said, NOW))
    paid = [word for word in said if word.kind == WordKind.SUCCEEDED]
    assert [(word.amount_minor, word.currency, word.attempt) for word in paid] == [
        (sample.amount_minor, sample.currency, "tok")
    ]
    assert all(word.payment for word in said if word.kind in MONEY)
    assert len({word.external_id for word in said}) == len(said)
    assert all(word.at.tzinfo for word in said)
    assert said == words(key, sample.said, sample.sign(sample.said, NOW))


@pytest.mark.parametrize("bend", ["body", "none", "garbage", "old", "future", "other"])
def test_a_call_that_is_not_its_own_is_refused(key: str, bend: str) -> None:
    sample = SAMPLES[key]
    if bend in {"old", "future"} and not sample.dated:
        # Told again later it is the same word, which is taken in once.
        [word] = words(key, sample.said, sample.sign(sample.said, NOW), now=NOW + timedelta(hours=1))
        assert word.external_id == words(key, sample.said, sample.sign(sample.said, NOW))[0].external_id
        return
    at = {"old": NOW - timedelta(hours=1), "future": NOW + timedelta(hours=1)}.get(bend, NOW)
    headers = sample.sign(sample.said, at)
    if bend == "none":
        headers = {}
    elif bend == "garbage":
        headers = dict.fromkeys(headers, "t=é,v1=x,,=")
    elif bend == "other":  # signed, by somebody else
        headers = {name: value[:-8] + "00000000" for name, value in headers.items()}
    body = sample.said.replace(b"12345", b"99999") if bend == "body" else sample.said
    with pytest.raises(Refused) as refused:
        words(key, body, headers)
    assert str(refused.value).endswith(".")


SENSELESS = [b"", b"[]", b"{}", b'{"type": 1}', b'{"type": "payment_intent.succeeded", "data": {}}', b"\xff"]


@pytest.mark.parametrize("said", SENSELESS)
def test_what_is_signed_and_senseless_is_refused(key: str, said: bytes) -> None:
    with pytest.raises(Refused):
        words(key, said, SAMPLES[key].sign(said, NOW))


@pytest.mark.parametrize(
    "said",
    [
        {"events": 1},
        {"events": [{}]},
        {"events": [{"id": "e", "kind": "won", "attempt": "t", "at": NOW.isoformat()}]},
        {"events": [{"id": "e", "kind": "started", "attempt": "t", "at": "2026-01-01T00:00:00"}]},
        {"events": [{"id": "e", "kind": "succeeded", "attempt": "t", "at": NOW.isoformat(), "payment": "p"}]},
        {"events": [{"id": "e", "kind": "charged_back", "attempt": "t", "at": NOW.isoformat(), "payment": "p"}]},
        {"events": [{"id": "e", "kind": "saved", "attempt": "t", "at": NOW.isoformat(), "saved": {}}]},
        {"events": [{"id": "", "kind": "started", "attempt": "t", "at": NOW.isoformat()}]},
    ],
)
def test_dummy_refuses_what_is_signed_and_senseless(said: Any) -> None:
    body = json.dumps(said).encode()
    with pytest.raises(Refused):
        words("dummy", body, SAMPLES["dummy"].sign(body, NOW))


def test_an_attempt_gets_a_page_or_fields(key: str, attempt: Attempt) -> None:
    if not built(key).on_a_page():
        with pytest.raises(Refused):
            built(key).create(attempt, return_url="https://example.org/back", now=NOW)
        return
    with far_side(key):
        answer = built(key).create(attempt, return_url="https://example.org/back", now=NOW)
    assert isinstance(answer, Link | Fields)
    if isinstance(answer, Link):
        assert "page" in built(key).supports
        assert any(answer.url.startswith(origin) for origin in built(key).origins())
    else:
        assert "fields" in built(key).supports
        assert answer.script.startswith("https://")
        told = json.dumps(dict(answer.values))
        assert not any(secret in told for secret in ("sk_", "rk_", "whsec_"))
        for origins in answer.policy.values():
            assert all(origin.startswith("https://") and "'" not in origin for origin in origins)
        assert any(answer.script.startswith(origin) for origin in answer.policy["script-src"])


@pytest.mark.parametrize("key", [key for key, sample in SAMPLES.items() if sample.answers])
@pytest.mark.parametrize("answer", [Answer(hangs_up=True), Answer(500, {"error": {}}), Answer(429, {"error": {}})])
def test_a_far_side_that_fails_is_unavailable_and_one_that_says_no_refuses(
    key: str, attempt: Attempt, answer: Answer
) -> None:
    with far_side(key, answer), pytest.raises(Unavailable):
        built(key).create(attempt, return_url="https://example.org/back", now=NOW)
    wrong = Answer(401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}})
    with far_side(key, wrong), pytest.raises(Refused, match="Invalid API Key"):
        built(key).create(attempt, return_url="https://example.org/back", now=NOW)


def test_what_it_cannot_do_it_says_in_a_sentence(key: str, attempt: Attempt) -> None:
    one = built(key)
    if "fields" not in one.supports:
        with pytest.raises(Refused) as refused:
            one.confirm(attempt, token="x", return_url="https://example.org/", now=NOW)
        assert str(refused.value).endswith(".")


def test_the_dummy_does_not_exist_where_money_is_real() -> None:
    sample = SAMPLES["dummy"]
    with override_settings(DEV_ROOMS=False):
        with pytest.raises(Refused):
            kind("dummy")
        with pytest.raises(Refused):
            list(dummy.Dummy({}).events(call("dummy", sample.said, sample.sign(sample.said, NOW)), now=NOW))


def test_nobody_is_called_that() -> None:
    with translation.override("en"), pytest.raises(Refused, match="nobody"):
        kind("nobody")


def test_one_attempt_leads_to_one_payment() -> None:
    assert dummy.payment_of("tok") == "P" + hashlib.sha256(b"tok").hexdigest()[:16].upper()
