"""Plans for the tests of payments: offered and agreed within the usual limits, whatever matters named."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from amiable.ledger import hold
from amiable.ledger.models import Customer, Invoice
from amiable.payments.allocate import allocate
from amiable.payments.models import Plan
from amiable.payments.plans.agree import agree
from amiable.payments.plans.offer import offer
from amiable.payments.plans.terms import Terms, schedule
from tests.payments.rows import NOW, TODAY, credit

FIRST = date(2026, 4, 5)


def then(day: date) -> datetime:
    """Ten in the morning of a day."""
    return NOW + (day - TODAY)


def terms(total_minor: int, count: int = 3, first_on: date = FIRST, **more: Any) -> Terms:
    return Terms(schedule(total_minor=total_minor, count=count, first_on=first_on), **more)


def offered(of: Customer, rows: Sequence[Invoice], count: int = 3, *, on: date = TODAY, **more: Any) -> Plan:
    first_on = more.pop("first_on", FIRST)
    fields: dict[str, Any] = {
        "customer": of,
        "currency": rows[0].currency,
        "invoices": [row.pk for row in rows],
        "terms": terms(sum(row.open_minor for row in rows), count, first_on),
        "level": "manager",
        "origin": "desk",
        "as_of": on,
        "now": then(on),
    }
    return offer(**fields | more)


def accept(plan: Plan, *, on: date = TODAY, **more: Any) -> Plan:
    fields: dict[str, Any] = {"name": "Dora Blanc", "ip": "192.0.2.7", "origin": "portal", "as_of": on, "now": then(on)}
    return agree(plan=plan, **fields | more)


def agreed(of: Customer, invoices: Sequence[Invoice], count: int = 3, *, on: date = TODAY, **more: Any) -> Plan:
    return accept(offered(of, invoices, count, on=on, **more), on=on)


def pays(row: Invoice, amount_minor: int, on: date) -> None:
    """Money for this invoice."""
    money = credit(row.customer, amount_minor, on, currency=row.currency)
    allocate(credit=money, as_of=on, now=then(on) + timedelta(minutes=1), invoices=[row.pk], rule="named")


def held(row: Invoice, on: date) -> bool:
    return hold.active(as_of=on).filter(invoice=row, kind="plan").exists()


def parts(plan: Plan) -> list[tuple[date, int, int]]:
    return list(plan.instalments.order_by("due_on").values_list("due_on", "amount_minor", "paid_minor"))
