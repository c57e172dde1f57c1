"""A provider for trying things out, where DEV_ROOMS are open: its page is /dev/psp/, its webhooks are signed and real.

It keeps nothing: all that its page needs travels in the signed link. No card is ever asked for.
"""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language

from amiable.core import links
from amiable.core.errors import Refused, Unavailable
from amiable.payments.models import Attempt
from amiable.payments.providers import PSP, Link, Reference, Word, WordKind

TOLERANCE_SECONDS = 300
PAGE = "psp.dummy"  # the purpose of its signed links


class Dummy(PSP):
    key = "dummy"
    label = "Dummy"
    supports = frozenset({"page", "refund"})
    input_errors = frozenset({"invalid_number"})

    @classmethod
    def offered(cls) -> bool:
        return settings.DEV_ROOMS

    def origins(self) -> tuple[str, ...]:
        base = urlsplit(settings.BASE_URL)
        return (f"{base.scheme}://{base.netloc}",)

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Link:
        _only_where_nobody_pays_for_real()
        content = {
            "attempt": attempt.token,
            "amount": attempt.amount_minor,
            "currency": attempt.currency,
            "payee": attempt.creditor.name,
            "return": return_url,
            "language": get_language() or "",
        }
        token = links.sign(PAGE, content, expires=now + timedelta(hours=24))
        return Link(url=f"{settings.BASE_URL}/dev/psp/{token}/", external_id=f"session_{attempt.token}")

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        _only_where_nobody_pays_for_real()
        _verify(request.body, request.headers.get("Dummy-Signature", ""), now=now)
        try:
            said = json.loads(request.body)["events"]
            return [_word(one) for one in said]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused("The call is signed, but it is not a list of events in the form agreed.") from error

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        payment = payment_of(attempt.token)
        event = {
            "id": f"evt_{attempt.token}_refunded_{key}",
            "kind": WordKind.REFUNDED,
            "attempt": attempt.token,
            "at": now.isoformat(),
            "payment": payment,
            "amount_minor": amount_minor,
            "currency": attempt.currency,
        }
        tell([event], now=now)
        return Reference(external_id=str(event["id"]))


def payment_of(token: str) -> str:
    """The identity of the one payment that an attempt can lead to here."""
    return f"P{hashlib.sha256(token.encode()).hexdigest()[:16].upper()}"


def signature(body: bytes, *, now: datetime) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over the moment and the body."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={_digest(moment, body)}"


def tell(events: list[dict[str, Any]], *, now: datetime) -> None:
    """Carries events to our own hook as a provider would: a signed POST over HTTP. Raises Refused or Unavailable."""
    body = json.dumps({"events": events}).encode()
    request = urllib.request.Request(
        f"{settings.BASE_URL}/hooks/psp/{Dummy.key}/",
        data=body,
        headers={"Content-Type": "application/json", "Dummy-Signature": signature(body, now=now)},
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return
    except urllib.error.HTTPError as error:
        kind = Unavailable if error.code >= 500 else Refused
        raise kind(f"The hook answered {error.code}: {error.read(300).decode(errors='replace')}") from error
    except OSError as error:
        raise Unavailable(f"The hook at {settings.BASE_URL} cannot be reached.") from error


def _only_where_nobody_pays_for_real() -> None:
    if not settings.DEV_ROOMS:
        raise Refused("The test payment provider does not exist on this installation.")


def _digest(moment: str, body: bytes) -> str:
    key = salted_hmac("amiable.payments.providers.dummy", "webhook", algorithm="sha256").digest()
    return hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def _verify(body: bytes, header: str, *, now: datetime) -> None:
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    moment = parts.get("t", "")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 13) or not constant_time_compare(
        parts.get("v1", ""), _digest(moment, body)
    ):
        raise Refused("The signature of this call does not hold.")
    if abs(now.timestamp() - int(moment)) > TOLERANCE_SECONDS:
        raise Refused("The signature of this call is too old, or the clocks differ by more than five minutes.")


def _word(said: dict[str, Any]) -> Word:
    kind = WordKind(said["kind"])
    at = parse_datetime(said["at"])
    if at is None or at.tzinfo is None:
        raise ValueError("no moment")
    word = Word(
        external_id=str(said["id"]),
        kind=kind,
        attempt=str(said["attempt"]),
        at=at,
        payment=str(said.get("payment", "")),
        amount_minor=int(said.get("amount_minor", 0)),
        currency=str(said.get("currency", "")),
        detail=str(said.get("detail", ""))[:60],
        raw=said,
    )
    if not word.external_id or len(word.external_id) > 200:
        raise ValueError("no identity")
    if kind in {WordKind.SUCCEEDED, WordKind.REFUNDED} and (
        word.amount_minor <= 0 or len(word.currency) != 3 or not word.payment
    ):
        raise ValueError("no money")
    return word
