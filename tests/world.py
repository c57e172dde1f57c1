"""One small world for the tests: five customers of one creditor, and a second creditor who must see none of them.

Anna forgets, Boris promises and breaks it, Clara disputes, Dora is insolvent, Emil pays early. Every maker below takes
what matters to a test as keywords and invents the rest.
"""

import itertools
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from amiable.casework.models import SurveyAnswer, SurveyAsk
from amiable.ledger import hold
from amiable.ledger.models import (
    Allocation,
    Contact,
    ContactPoint,
    Credit,
    Creditor,
    Customer,
    HoldKind,
    Invoice,
)

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 2)  # a Monday; the month has no public holiday
_number = itertools.count(1)


def at(day: date, hour: int = 8, minute: int = 0) -> datetime:
    """An hour of a day in Paris."""
    return datetime.combine(day, time(hour, minute), tzinfo=PARIS)


def later(days: int) -> date:
    """So many days after DAY."""
    return DAY + timedelta(days=days)


def creditor(**fields: Any) -> Creditor:
    """A creditor that has been released, so that its messages leave."""
    n = next(_number)
    known: dict[str, Any] = {
        "key": f"house-{n}",
        "name": f"House {n}",
        "email": f"accounts@house-{n}.example",
        "created_at": at(DAY),
        "released_at": at(DAY - timedelta(days=400)),
        # Who is asked how it went is drawn by the numbers of rows: a test that asks says so.
        "policy": {"survey_share": 0},
    }
    return Creditor.objects.create(**known | fields)


def customer(owner: Creditor, *, email: str | None = None, phone: str | None = None, **fields: Any) -> Customer:
    """A customer with an e-mail address (none where `email` is empty), and a telephone where one is named."""
    n = next(_number)
    known: dict[str, Any] = {
        "creditor": owner,
        "source": "accounts",
        "external_id": f"K{n:04}",
        "number": f"K{n:04}",
        "name": f"Customer {n}",
        "kind": "business",
        "language": "en",
        "created_at": at(DAY),
    }
    who = Customer.objects.create(**known | fields)
    contact = Contact.objects.create(customer=who, name=who.name, created_at=at(DAY))
    for medium, value in (("email", f"c{n}@customer.example" if email is None else email), ("call", phone)):
        if value:
            ContactPoint.objects.create(contact=contact, medium=medium, value=value)
    return who


def invoice(who: Customer, amount_minor: int = 10_000, *, due_on: date = DAY, **fields: Any) -> Invoice:
    """An open invoice, issued 30 days before it is due and known since then."""
    n = next(_number)
    issued_on = fields.pop("issued_on", due_on - timedelta(days=30))
    known: dict[str, Any] = {
        "creditor": who.creditor,
        "customer": who,
        "source": "accounts",
        "external_id": f"F{n:05}",
        "reference": f"F{n:05}",
        "issued_on": issued_on,
        "due_on": due_on,
        "currency": "EUR",
        "amount_minor": amount_minor,
        "open_minor": amount_minor,
        "known_at": at(issued_on),
    }
    return Invoice.objects.create(**known | fields)


def credit(who: Customer, amount_minor: int = 10_000, *, received_on: date = DAY, **fields: Any) -> Credit:
    """Money of a customer that nobody has allocated yet."""
    n = next(_number)
    known: dict[str, Any] = {
        "creditor": who.creditor,
        "customer": who,
        "source": "accounts",
        "external_id": f"B{n:05}",
        "received_on": received_on,
        "currency": "EUR",
        "amount_minor": amount_minor,
        "open_minor": amount_minor,
        "known_at": at(received_on),
    }
    return Credit.objects.create(**known | fields)


def allocation(money: Credit, which: Invoice, amount_minor: int, *, on: date = DAY, **fields: Any) -> Allocation:
    known: dict[str, Any] = {"effective_on": on, "known_at": at(on), "rule": "named"}
    return Allocation.objects.create(credit=money, invoice=which, amount_minor=amount_minor, **known | fields)


def paid(which: Invoice, amount_minor: int | None = None, *, on: date = DAY, known_on: date | None = None) -> Credit:
    """Money that comes in on a day, and may be known later, and settles the invoice, or a part of it."""
    known_at = at(known_on or on)
    amount = which.amount_minor if amount_minor is None else amount_minor
    money = credit(which.customer, amount, received_on=on, known_at=known_at, currency=which.currency)
    allocation(money, which, amount, on=on, known_at=known_at)
    return money


def survey_answer(
    who: Customer, score: int, *, now: datetime, recommend: int | None = None, **asked: Any
) -> SurveyAnswer:
    """What a customer thought; where no `medium` is named, it was told elsewhere."""
    known: dict[str, Any] = {"after": "payment", "subject_ref": f"credit:{next(_number)}"}
    known["void_since"] = None if "medium" in asked else now
    ask = SurveyAsk.objects.create(customer=who, asked_on=now.date(), asked_at=now, **known | asked)
    return SurveyAnswer.objects.create(customer=who, ask=ask, score=score, recommend=recommend, answered_at=now)


@dataclass(frozen=True)
class World:
    """Who is who. `house` is owed by the first five, `neighbour` by Nadia alone."""

    house: Creditor
    anna: Customer
    boris: Customer
    clara: Customer
    dora: Customer
    emil: Customer
    neighbour: Creditor
    nadia: Customer

    @property
    def ours(self) -> tuple[Customer, ...]:
        return (self.anna, self.boris, self.clara, self.dora, self.emil)


def build() -> World:
    """The people, with addresses and no debts yet; Dora's insolvency is known."""
    house, neighbour = creditor(key="helia", name="Hélia"), creditor(key="voisin", name="Voisin")
    consumer = {"kind": "consumer", "phone": "+33600000001"}
    world = World(
        house=house,
        anna=customer(house, name="Anna Lefèvre", email="anna@example.org", **consumer),
        boris=customer(house, name="Boris SARL", email="boris@example.org", phone="+33600000002"),
        clara=customer(house, name="Clara et fils", email="clara@example.org", phone="+33600000003"),
        dora=customer(house, name="Dora SAS", email="dora@example.org", phone="+33600000004"),
        emil=customer(house, name="Emil Petit", email="emil@example.org", **consumer),
        neighbour=neighbour,
        nadia=customer(neighbour, name="Nadia Noir", email="nadia@example.org", phone="+33600000005"),
    )
    hold.place(
        kind=HoldKind.INSOLVENCY,
        source_ref="bodacc:1",
        customer=world.dora,
        since=DAY - timedelta(days=30),
        now=at(DAY),
        reason="Redressement judiciaire",
    )
    return world
