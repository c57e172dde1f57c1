"""Money by the API: asked back once whatever happens on the line, amounts in the currency of their invoices, outcomes of
calls with the part that was meant, and each act told by the row that it made itself.
"""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from amiable.casework.models import Dispute
from amiable.core.models import ApiAnswer, AuditEntry, Role
from amiable.ledger import post as ledger
from amiable.ledger.models import Invoice
from amiable.payments.models import Attempt, Promise
from amiable.web.desk import acts_money
from amiable.web.ui import clock
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer
from tests.payments import stripe_rows as stripe
from tests.web import api_rows
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db


def post(client: Client, path: str, body: Any, *, status: int = 200, key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    answer = client.post(f"/api{path}", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_call_that_ends_with_a_promise_keeps_its_amount(ours: House, client: Client) -> None:
    call = rows.task(ours.customer)
    promise = {
        "amount_minor": 1_234,
        "currency": "EUR",
        "promised_for": (clock.today() + timedelta(days=3)).isoformat(),
    }
    post(client, f"/tasks/{call.pk}/outcome", {"outcome": "promise", "promise": promise})
    assert Promise.objects.order_by("-pk").values_list("amount_minor", flat=True)[0] == 1_234


def test_a_call_that_ends_with_a_dispute_contests_the_part_that_was_named(ours: House, client: Client) -> None:
    call, bill = rows.task(ours.customer), rows.invoice(ours.customer, 9_000, late=5)
    dispute = {"invoice": bill.pk, "reason": "quality", "amount_minor": 700}
    post(client, f"/tasks/{call.pk}/outcome", {"outcome": "dispute", "dispute": dispute})
    assert Dispute.objects.get(invoice=bill).disputed_minor == 700
    wrong = post(client, f"/tasks/{rows.task(ours.customer).pk}/outcome",
                 {"outcome": "dispute", "dispute": dispute | {"invoice": 10**12}}, status=422)  # fmt: skip
    assert wrong["errors"][0]["field"].endswith("invoice")


def test_an_amount_is_never_read_in_another_currency_than_its_invoices(ours: House, client: Client) -> None:
    body = ours.bodies["take_payment"] | {"amount_minor": 1_000}
    before = Attempt.objects.count()
    refused = post(client, "/phone-payments", body | {"currency": "JPY"}, status=422)
    assert refused["errors"][0]["field"] == "body.currency"
    assert Attempt.objects.count() == before
    taken = post(client, "/phone-payments", body, status=201)
    assert (taken["amount_minor"], taken["currency"], taken["journey"]) == (1_000, "EUR", "agent")


def test_a_refund_needs_a_key_and_is_known_by_it_at_the_provider(client: Client) -> None:
    row = stripe.owed()
    paid = stripe.known_there(row)
    stripe.told(row, "payment_intent.succeeded", says.intent(paid.token))
    caller = api_rows.caller(api_rows.token(rows.colleague("rita", row.creditor, Role.MANAGER)))
    body = {"customer": row.customer_id, "attempt": paid.pk, "amount_minor": 4_000}
    with stripe.far_side() as far:
        assert "Idempotency-Key" in post(caller, "/refunds", body, status=400)["detail"]
        assert not far.asked, "nothing is asked back by a request that could be sent twice"
        far.answer = Answer(hangs_up=True)
        post(caller, "/refunds", body, status=503, key="wish-1")
        far.answer = Answer(200, says.refund())
        post(caller, "/refunds", body, key="wish-1")
        post(caller, "/refunds", body, key="wish-1")
        keys = [each.headers["Idempotency-Key"] for each in far.asked]
        assert len(keys) > 2, "asked, asked again by its own library, and by us"
        assert len(set(keys)) == 1, "the provider gives back once"
        post(caller, "/refunds", body, key="wish-2")
        assert far.asked[-1].headers["Idempotency-Key"] not in keys, "another wish is another refund"
        ApiAnswer.objects.all().delete()  # forgotten after seven days
        asked = len(far.asked)
        assert "used" in post(caller, "/refunds", body, status=409, key="wish-1")["detail"]
        assert len(far.asked) == asked, "and still nothing is given back twice by one key"
    assert AuditEntry.objects.filter(act="refund.asked").count() == 2


def test_what_an_act_made_is_told_and_not_what_others_made_meanwhile(
    ours: House, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = rows.invoice(ours.customer, 8_000, late=40)
    other = rows.invoice(ours.customer, 8_000, late=40)
    writes = ledger.write_off

    def with_company(*, invoice: Invoice, **how: Any) -> Any:
        mine = writes(invoice=invoice, **how)
        writes(invoice=other, **how | {"reason": "small balance"})  # the day writes off at the same moment
        return mine

    monkeypatch.setattr(acts_money.post, "write_off", with_company)
    body = {"customer": ours.customer.pk, "invoice": bill.pk, "amount_minor": 100, "reason": "agreed"}
    made = post(client, "/write-offs", body, status=201)
    assert (made["invoice"], made["reason"], made["amount_minor"]) == (bill.pk, "agreed", -100)
    assert other.entries.filter(kind="write_off").count() == 1


def test_saying_again_that_it_is_paid_tells_the_hold_that_lasts(ours: House, client: Client) -> None:
    bill = rows.invoice(ours.customer, 900, late=3)
    body = {"customer": ours.customer.pk, "invoices": [bill.pk]}
    first = post(client, "/payment-claims", body, status=201)
    again = post(client, "/payment-claims", body, status=201)
    assert (again["id"], again["invoice"], again["kind"]) == (first["id"], bill.pk, "claimed")
