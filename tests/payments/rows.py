"""Small makers of rows for the tests of payments; every one takes what matters and invents the rest."""

import itertools
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from amiable.ledger.models import Credit, Creditor, Customer, Invoice
from amiable.payments.models import Attempt
from amiable.payments.providers import Word, WordKind

NOW = datetime(2026, 3, 10, 10, 0, tzinfo=ZoneInfo("Europe/Paris"))
TODAY = NOW.date()
_number = itertools.count(1)


def creditor(**more: Any) -> Creditor:
    n = next(_number)
    fields: dict[str, Any] = {"key": f"c{n}", "name": f"Creditor {n}", "created_at": NOW, "cash_authority": "bank"}
    return Creditor.objects.create(**fields | more)


def customer(owner: Creditor, **more: Any) -> Customer:
    n = next(_number)
    fields: dict[str, Any] = {
        "creditor": owner,
        "source": "test",
        "external_id": f"k{n}",
        "number": f"K-{n:04}",
        "name": f"Customer {n}",
        "postcode": "75011",
        "language": "fr",
        "created_at": NOW,
    }
    return Customer.objects.create(**fields | more)


def invoice(owner: Customer, amount_minor: int, due_on: date = TODAY, **more: Any) -> Invoice:
    n = next(_number)
    fields: dict[str, Any] = {
        "creditor": owner.creditor,
        "customer": owner,
        "source": "test",
        "external_id": f"i{n}",
        "reference": f"F-{n:04}",
        "issued_on": min(due_on, date(2026, 1, 15)),
        "due_on": due_on,
        "currency": "EUR",
        "amount_minor": amount_minor,
        "open_minor": amount_minor,
        "known_at": NOW,
    }
    return Invoice.objects.create(**fields | more)


def credit(owner: Customer, amount_minor: int, received_on: date = TODAY, **more: Any) -> Credit:
    n = next(_number)
    fields: dict[str, Any] = {
        "creditor": owner.creditor,
        "customer": owner,
        "source": "test",
        "external_id": f"m{n}",
        "received_on": received_on,
        "currency": "EUR",
        "amount_minor": amount_minor,
        "open_minor": amount_minor,
        "known_at": NOW,
    }
    return Credit.objects.create(**fields | more)


def word(attempt: Attempt, kind: str, **more: Any) -> Word:
    """A word as the dummy provider would say it about this attempt."""
    fields: dict[str, Any] = {"external_id": f"evt_{attempt.token}_{kind}", "attempt": attempt.token, "at": NOW}
    if kind in {"succeeded", "refunded"}:
        fields |= {
            "payment": f"pay_{attempt.token}",
            "amount_minor": attempt.amount_minor,
            "currency": attempt.currency,
        }
    return Word(kind=WordKind(kind), **fields | more)
