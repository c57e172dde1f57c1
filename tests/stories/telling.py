"""How the stories are told: day after day through the real daily cycle, and acts of customers in between."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from amiable.day import run_day
from amiable.ledger.models import Customer
from amiable.payments.models import Attempt
from amiable.payments.providers import dummy
from amiable.scenario.models import Decision
from amiable.web.ui import clock
from tests.world import at


def live(first: date, last: date, *, then: Callable[[date], None] | None = None) -> dict[date, dict[str, Any]]:
    """Runs each day from the first to the last, Sundays too, at eight in the morning; `then` happens after each."""
    figures = {}
    day = first
    while day <= last:
        figures[day] = run_day(as_of=day, now=at(day), clock=lambda day=day: at(day, 8, 5))  # type: ignore[misc]
        if then:
            then(day)
        day += timedelta(days=1)
    return figures


def steps(who: Customer) -> list[tuple[date, str]]:
    """What was done for a customer, and when."""
    rows = Decision.objects.filter(customer=who).exclude(verdict="not").order_by("as_of", "currency")
    return list(rows.values_list("as_of", "step"))


def refusals(who: Customer) -> list[tuple[date, str, str]]:
    rows = Decision.objects.filter(customer=who, verdict="not").order_by("as_of", "currency")
    return list(rows.values_list("as_of", "step", "rail"))


def portal_link(text: str) -> str:
    found = re.search(r"https?://[^/\s]+(/p/[^/\s]+/)", text)
    assert found, text
    return found[1]


def pays_by_link(text: str, who: Customer, *, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """The customer opens the link of a message, says who they are, pays all; the provider tells us, twice."""
    monkeypatch.setattr(clock, "now", lambda: now)
    visitor, link = Client(), portal_link(text)
    assert visitor.get(link).status_code == 200
    assert visitor.post(f"{link}identify/", {"answer": who.number}).status_code == 302
    page = visitor.get(link)
    chosen = re.findall(r'name="invoices?"[^>]*value="(\d+)"', page.content.decode())
    paying = visitor.post(f"{link}pay/", {"invoice": chosen, "invoices": chosen})
    assert paying.status_code == 302, page.content.decode()
    attempt = Attempt.objects.get(customer=who)
    assert "/dev/psp/" in paying.headers["Location"], paying.headers["Location"]
    for _ in range(2):
        assert provider_tells(attempt, "succeeded", now=now).status_code == 200
    return attempt


def provider_tells(attempt: Attempt, kind: str, *, now: datetime) -> HttpResponse:
    event = {
        "id": f"evt_{attempt.token}_{kind}", "kind": kind, "attempt": attempt.token, "at": now.isoformat(),
        "payment": dummy.payment_of(attempt.token), "amount_minor": attempt.amount_minor, "currency": attempt.currency,
    }  # fmt: skip
    body = json.dumps({"events": [event]}).encode()
    headers = {"Dummy-Signature": dummy.signature(body, now=now)}
    return Client().post("/hooks/psp/dummy/", body, content_type="application/json", headers=headers)  # type: ignore[return-value]
