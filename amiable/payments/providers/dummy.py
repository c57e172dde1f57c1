"""A provider for trying things out, where DEV_ROOMS are open: its page is /dev/psp/, its webhooks are signed and real.

All that its page needs travels in the signed link; it keeps only the words that were meant to be lost, and tells them
when it is asked. No card is ever asked for.
"""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import get_language

from amiable.core import links
from amiable.core.errors import Refused, Unavailable
from amiable.core.home import home
from amiable.payments.models import Attempt, Journey, Mandate
from amiable.payments.providers import MONEY, PSP, Link, Reference, Saved, Word, WordKind, signed

PAGE = "psp.dummy"  # the purpose of its signed links
# What can be kept, by the end of its reference: its scheme, its label, and how a charge of it ends.
KEPT: dict[str, tuple[str, str, list[tuple[WordKind, str]]]] = {
    "good": ("card", "Visa •••• 4242", [(WordKind.SUCCEEDED, "")]),
    "asks": ("card", "Visa •••• 3155", [(WordKind.FAILED, "authentication_required")]),
    "poor": ("card", "Mastercard •••• 9995", [(WordKind.FAILED, "insufficient_funds")]),
    "debit": ("sepa_debit", "IBAN FR •••• 2606", [(WordKind.PENDING, "")]),
}


class Dummy(PSP):
    key = "dummy"
    label = "Dummy"
    supports = frozenset({"page", "refund", "save", "charge", "debit", "moto"})
    input_errors = frozenset({"invalid_number"})

    @classmethod
    def offered(cls) -> bool:
        return settings.DEV_ROOMS

    def origins(self) -> tuple[str, ...]:
        base = urlsplit(settings.BASE_URL)
        return (f"{base.scheme}://{base.netloc}",)

    def create(self, attempt: Attempt, *, return_url: str, now: datetime) -> Link:
        return Link(url=page(attempt, return_url=return_url, now=now), external_id=f"session_{attempt.token}")

    def events(self, request: HttpRequest, *, now: datetime) -> Iterable[Word]:
        _only_where_nobody_pays_for_real()
        signed.verify(request.body, request.headers.get("Dummy-Signature", ""), secret=_secret(), now=now)
        try:
            said = json.loads(request.body)["events"]
            return [_word(one) for one in said]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused("The call is signed, but it is not a list of events in the form agreed.") from error

    def refund(self, *, attempt: Attempt, amount_minor: int, key: str, now: datetime) -> Reference:
        given = event(attempt.token, WordKind.REFUNDED, now=now, money=(amount_minor, attempt.currency), again=key)
        tell([given], now=now)
        return Reference(external_id=str(given["id"]))

    def charge(self, attempt: Attempt, *, mandate: Mandate, now: datetime) -> Reference:
        _only_where_nobody_pays_for_real()
        how = mandate.reference.rpartition("_")[2]
        if how not in KEPT:
            raise Refused("This way to pay is not known here.")
        money = (attempt.amount_minor, attempt.currency)
        said = [event(attempt.token, kind, detail, now=now, money=money) for kind, detail in KEPT[how][2]]
        try:
            tell(said, now=now)
        except Unavailable:
            lose(said)  # it is told when it is asked
        return Reference(external_id=f"session_{attempt.token}")

    def save(self, mandate: Mandate, *, return_url: str, now: datetime) -> Link:
        content = {"save": mandate.token, "payee": mandate.customer.creditor.name}
        return Link(url=_link(content, return_url=return_url, now=now), external_id=f"setup_{mandate.token}")

    def ask(self, attempt: Attempt, *, now: datetime) -> Iterable[Word]:
        path = _lost(attempt.token)
        return [_word(one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def page(attempt: Attempt, *, return_url: str, now: datetime) -> str:
    """The address of the page about an attempt."""
    content = {
        "attempt": attempt.token,
        "amount": attempt.amount_minor,
        "currency": attempt.currency,
        "payee": attempt.creditor.name,
        "phone": attempt.journey == Journey.AGENT,
        "keep": Mandate.objects.filter(token=attempt.token, provider=Dummy.key).exists(),
    }
    return _link(content, return_url=return_url, now=now)


def payment_of(token: str) -> str:
    """The identity of the one payment that an attempt can lead to here."""
    return f"P{hashlib.sha256(token.encode()).hexdigest()[:16].upper()}"


def event(
    token: str, kind: WordKind, detail: str = "", *, now: datetime, money: tuple[int, str] = (0, ""), again: str = ""
) -> dict[str, Any]:
    """One thing said about an attempt; it happens once, however often it is said, but for what may happen again."""
    name = "_".join(filter(None, ["evt", token, kind, again]))
    said: dict[str, Any] = {"id": name, "kind": kind, "attempt": token, "detail": detail, "at": now.isoformat()}
    if kind in MONEY:
        said |= {"payment": payment_of(token), "amount_minor": money[0], "currency": money[1]}
    return said


def keeping(token: str, how: str, *, now: datetime) -> dict[str, Any]:
    """The event that something was kept."""
    scheme, label, _course = KEPT[how]
    expires = None if scheme == "sepa_debit" else f"{now.year + 3}-12-31"
    kept = {"reference": f"pm_{token}_{how}", "payer": "payer", "scheme": scheme, "label": label, "expires_on": expires}
    return event(token, WordKind.SAVED, now=now) | {"saved": kept}


def signature(body: bytes, *, now: datetime) -> str:
    """How the dummy proves a call."""
    return signed.signature(body, secret=_secret(), now=now)


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


def lose(events: list[dict[str, Any]]) -> None:
    """Keeps events that never reach the hook; they are told when somebody asks."""
    path = _lost(events[0]["attempt"])
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps(before + events), encoding="utf-8")


def _lost(token: str) -> Path:
    return home() / "psp" / f"{hashlib.sha256(token.encode()).hexdigest()[:32]}.json"


def _link(content: dict[str, Any], *, return_url: str, now: datetime) -> str:
    _only_where_nobody_pays_for_real()
    whole = content | {"return": return_url, "language": get_language() or ""}
    return f"{settings.BASE_URL}/dev/psp/{links.sign(PAGE, whole, expires=now + timedelta(hours=24))}/"


def _only_where_nobody_pays_for_real() -> None:
    if not settings.DEV_ROOMS:
        raise Refused("The test payment provider does not exist on this installation.")


def _secret() -> bytes:
    return bytes(salted_hmac("amiable.payments.providers.dummy", "webhook", algorithm="sha256").digest())


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
        saved=_saved(said["saved"]) if kind == WordKind.SAVED else None,
        raw=said,
    )
    if not word.external_id or len(word.external_id) > 200:
        raise ValueError("no identity")
    if kind in MONEY and (word.amount_minor <= 0 or len(word.currency) != 3 or not word.payment):
        raise ValueError("no money")
    return word


def _saved(said: dict[str, Any]) -> Saved:
    known = {name: str(said.get(name) or "") for name in ("reference", "payer", "scheme", "label")}
    if not known["reference"]:
        raise ValueError("no reference")
    return Saved(**known, expires_on=parse_date(said["expires_on"]) if said.get("expires_on") else None)
