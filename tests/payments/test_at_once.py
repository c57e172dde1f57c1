"""A thousand times the same call at once: one payment."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from amiable.ledger.models import Allocation, Credit
from amiable.payments.models import ProviderEvent
from amiable.payments.providers import WordKind, dummy
from tests.payments.rows import creditor, customer, invoice


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_thousand_duplicates_at_once_are_one_payment() -> None:
    from amiable.payments.attempt import open_attempt

    now = timezone.now()
    row = invoice(customer(creditor()), 10_000, now.date())
    tried = open_attempt(
        customer=row.customer, amount_minor=10_000, currency="EUR", invoices=[row.pk], journey="portal", now=now
    )
    events = [
        dummy.event(tried.token, kind, now=now, money=(10_000, "EUR"))
        for kind in (WordKind.STARTED, WordKind.SUCCEEDED)
    ]
    body = json.dumps({"events": events}).encode()
    headers = {"Dummy-Signature": dummy.signature(body, now=now)}

    def call(_n: int) -> int:
        try:
            answer = Client().post("/hooks/psp/dummy/", body, content_type="application/json", headers=headers)
            return answer.status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        statuses: list[Any] = list(pool.map(call, range(1_000)))
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 900
    assert Credit.objects.count() == Allocation.objects.count() == 1
    assert ProviderEvent.objects.count() == 2
    row.refresh_from_db()
    assert row.open_minor == 0
