"""Rows of a small world for the tests of outreach: a creditor, customers, invoices, and what is ordered about them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from amiable.ledger.models import (
    Contact,
    ContactPoint,
    Credit,
    Creditor,
    Customer,
    CustomerKind,
    Invoice,
)
from amiable.outreach.models import Message
from amiable.outreach.order import Order, order

NOW = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
TONES = {"reminder_2": "neutral", "formal_notice": "firm", "statement": "neutral"}
UNCAPPED = {"statement", "receipt", "promise_confirmed"}


def a_creditor(**changes: Any) -> Creditor:
    values: dict[str, Any] = {
        "key": "lumen",
        "name": "Lumen Énergie",
        "siren": "552100554",
        "address": "12 rue des Tanneurs\n69002 Lyon",
        "email": "comptabilite@lumen.example",
        "phone": "+33472000001",
        "payment_phone": "+33472000002",
        "iban": "FR7630006000011234567890189",
        "bic": "AGRIFRPP",
        "released_at": NOW - timedelta(days=90),
        "created_at": NOW - timedelta(days=400),
    }
    return Creditor.objects.create(**{**values, **changes})


def a_customer(
    creditor: Creditor, number: str = "C1042", *, email: str = "anna@martin.example", **changes: Any
) -> Customer:
    values: dict[str, Any] = {
        "source": "test",
        "external_id": number,
        "number": number,
        "name": "Anna Martin",
        "kind": CustomerKind.CONSUMER,
        "language": "fr",
        "street": "3 rue du Lac",
        "postcode": "69003",
        "city": "Lyon",
        "created_at": NOW - timedelta(days=300),
    }
    customer = Customer.objects.create(creditor=creditor, **{**values, **changes})
    contact = Contact.objects.create(
        customer=customer, name=customer.name if customer.kind == "consumer" else "Jeanne Roux", created_at=NOW
    )
    if email:
        ContactPoint.objects.create(contact=contact, medium="email", value=email)
    return customer


def an_invoice(
    customer: Customer, reference: str, amount_minor: int, *, days_late: int, currency: str = "EUR"
) -> Invoice:
    due_on = TODAY - timedelta(days=days_late)
    return Invoice.objects.create(
        creditor=customer.creditor,
        customer=customer,
        source="test",
        external_id=reference,
        reference=reference,
        issued_on=due_on - timedelta(days=30),
        due_on=due_on,
        currency=currency,
        amount_minor=amount_minor,
        open_minor=amount_minor,
        known_at=NOW - timedelta(days=100),
    )


def a_credit(customer: Customer, amount_minor: int, *, kind: str = "credit_note", reference: str = "AV-7") -> Credit:
    return Credit.objects.create(
        creditor=customer.creditor,
        customer=customer,
        source="test",
        external_id=reference,
        kind=kind,
        reference=reference,
        received_on=TODAY - timedelta(days=2),
        currency="EUR",
        amount_minor=amount_minor,
        open_minor=amount_minor,
        known_at=NOW,
    )


def a_message(
    customer: Customer, purpose: str, about: list[Invoice], *, also: list[Invoice] | None = None, **changes: Any
) -> Message:
    values: dict[str, Any] = {
        "key": f"test:{purpose}:{customer.pk}",
        "creditor_id": customer.creditor_id,
        "customer_id": customer.pk,
        "currency": "EUR",
        "purpose": purpose,
        "medium": "email",
        "tone": TONES.get(purpose, "warm"),
        "as_of": TODAY,
        "about": [invoice.pk for invoice in about],
        "also": [invoice.pk for invoice in also or []],
        "level": 20,
        "also_levels": [10 for _invoice in also or []],
        "capped": purpose not in UNCAPPED,
    }
    values |= changes
    order([Order(**values)], now=NOW)
    return Message.objects.get(key=values["key"])


def day_after(days: int) -> date:
    return TODAY + timedelta(days=days)
