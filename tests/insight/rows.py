"""The makers of rows that tests of figures share: one creditor's customers, invoices, money, messages, calls; around one day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from amiable.casework.models import Case, Task
from amiable.insight.measure import Value, figures, measure
from amiable.ledger.models import Allocation, Credit, Creditor, Customer, Invoice
from amiable.outreach.models import Message
from amiable.payments.models import Attempt, Chain

DAY = date(2026, 5, 31)
NOW = datetime(2026, 5, 31, 18, tzinfo=UTC)


def before(days: int) -> date:
    return DAY - timedelta(days=days)


def at(days: int) -> datetime:
    """The evening so many days before."""
    return NOW - timedelta(days=days)


def creditor(key: str = "helia", **fields: Any) -> Creditor:
    return Creditor.objects.create(key=key, name=key.title(), created_at=NOW, **fields)


def customer(at: Creditor, number: str = "C1", **fields: Any) -> Customer:
    return Customer.objects.create(
        creditor=at, source="test", external_id=number, number=number, name=number, created_at=NOW, **fields
    )


def invoice(who: Customer, amount: int, *, issued: date, due: date, currency: str = "EUR") -> Invoice:
    count = Invoice.objects.count()
    return Invoice.objects.create(
        creditor=who.creditor,
        customer=who,
        source="test",
        external_id=f"F{count}",
        reference=f"F{count}",
        issued_on=issued,
        due_on=due,
        currency=currency,
        amount_minor=amount,
        open_minor=amount,
        known_at=NOW,
    )


def paid(which: Invoice, amount: int, *, on: date, kind: str = "payment", **fields: Any) -> Credit:
    credit = received(which.customer, amount, on=on, kind=kind, currency=which.currency, **fields)
    Allocation.objects.create(
        credit=credit, invoice=which, amount_minor=amount, effective_on=on, known_at=NOW, rule="named"
    )
    return credit


def received(who: Customer, amount: int, *, on: date, currency: str = "EUR", **fields: Any) -> Credit:
    count = Credit.objects.count()
    return Credit.objects.create(
        creditor=who.creditor,
        customer=who,
        source="test",
        external_id=f"P{count}",
        received_on=on,
        currency=currency,
        amount_minor=amount,
        open_minor=amount,
        known_at=NOW,
        **fields,
    )


def case(who: Customer, *, on: date, overdue: int, **fields: Any) -> Case:
    return Case.objects.create(
        creditor=who.creditor, customer=who, currency="EUR", opened_on=on, opened_overdue_minor=overdue, **fields
    )


def attempt(who: Customer, journey: str, state: str, *, errors: int = 0, days: int = 1) -> None:
    when = at(days)
    chain, _ = Chain.objects.get_or_create(
        creditor=who.creditor, customer=who, currency="EUR", defaults={"opened_at": when, "moved_at": when}
    )
    Attempt.objects.create(
        chain=chain,
        creditor=who.creditor,
        customer=who,
        token=f"T{Attempt.objects.count()}",
        provider="dummy",
        journey=journey,
        currency="EUR",
        amount_minor=100,
        state=state,
        input_errors=errors,
        opened_at=when,
        started_at=None if state == "opened" else when,
    )


def message(who: Customer, *, days: int, state: str = "sent", capped: bool = True, medium: str = "email") -> Message:
    return Message.objects.create(
        key=f"M{Message.objects.count()}",
        creditor=who.creditor,
        customer=who,
        currency="EUR",
        purpose="reminder_1",
        medium=medium,
        language="fr",
        tone="neutral",
        as_of=before(days),
        capped=capped,
        state=state,
        created_at=NOW,
        sent_at=at(days) if state == "sent" else None,
    )


def task(who: Customer, kind: str, *, days: int | None, outcome: str = "", **fields: Any) -> Task:
    """Done so many days ago; None: it waits."""
    return Task.objects.create(
        creditor=who.creditor, customer=who, kind=kind, key=f"t{Task.objects.count()}", title="t", outcome=outcome,
        created_at=at(60), done_at=None if days is None else at(days), **{"due_on": DAY} | fields,
    )  # fmt: skip


def triple(at: Creditor, key: str, currency: str = "") -> Value:
    """Value, numerator and denominator of a figure, measured now."""
    measure(as_of=DAY, now=NOW)
    return read(at, key, currency)


def read(at: Creditor, key: str, currency: str = "") -> Value:
    reading = figures(creditor=at, as_of=DAY, currency=currency, keys=[key])[key]
    return reading.value, reading.numerator, reading.denominator


def parts(at: Creditor, key: str) -> dict[tuple[Any, ...], Value]:
    """The single slices of a figure as last measured: by dimension and part."""
    found = figures(creditor=at, as_of=DAY, keys=[key])[key].slices
    return {tuple(x for pair in sorted(each.items()) for x in pair): value for each, value in found}
