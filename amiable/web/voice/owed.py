"""What is owed, as a voice says it and as the keys may pay it: the same lines and amounts as on the customer's page.

In: a customer and a moment. Out: lines with what is left on each, credits counted. It writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from amiable.ledger import balance, hold
from amiable.ledger.models import Customer
from amiable.outreach import express
from amiable.payments.attempt import local_day
from amiable.web.portal.amounts import Line, lines


@dataclass(frozen=True)
class Owed:
    """`late`: what is past its due date, not held, and may be paid here; oldest first. `rests`: something else is past it.
    `to_come_minor`: what is not.
    """

    currency: str
    late: Sequence[Line]
    rests: bool
    to_come_minor: int

    @property
    def late_minor(self) -> int:
        return sum(line.to_pay_minor for line in self.late)


def owed(customer: Customer, *, now: datetime, currency: str | None = None) -> Owed:
    """In this currency, else in the one with most open."""
    as_of = local_day(customer.creditor, now)
    statement = balance.statement(customer=customer, as_of=as_of, currency=currency or None)
    rows = lines(statement, holds=list(hold.active(as_of=as_of).filter(customer=customer)), copies=())
    late = [line for line in rows if line.ticked and line.days_late > 0]
    rests = any(line.to_pay_minor and line.days_late > 0 and line not in late for line in rows)
    to_come_minor = sum(line.to_pay_minor for line in rows if line.days_late <= 0)
    return Owed(statement.currency, late, rests, to_come_minor)


def said(minor: int, currency: str, language: str) -> str:
    """An amount as a voice reads it: to the cent."""
    return express.amount(minor, currency, language[:2])
