"""What the replay holds in its hands: the world, its people, the ledger's numbers for them, the time, money on its way."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.demo.stand import Caller
from amiable.demo.world import World
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.scenario.behaviour import Array
from amiable.scenario.live import NEVER, Crowd, Draws

ZONE = ZoneInfo("Europe/Paris")


class UnableToPlay(UnableTo):
    """One of our own doors did not do what it promises."""


@dataclass(frozen=True)
class Act:
    """Something that a customer does at a moment."""

    at: datetime
    do: Callable[[datetime], None]


@dataclass
class Stage:
    """`crowd` lives with contacts, `alone` are the same people without any; all owe to one creditor."""

    world: World
    creditor: Creditor
    collectors: list[User]
    crowd: Crowd
    alone: Crowd
    seed: int
    folder: Path
    caller: Caller
    rng: np.random.Generator
    moment: datetime
    customer_ids: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    customer_rows: dict[int, int] = field(default_factory=dict)
    invoice_ids: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    invoice_rows: dict[int, int] = field(default_factory=dict)
    on_the_way: list[dict[str, Any]] = field(default_factory=list)  # payments that a morning file will tell
    to_credit: list[dict[str, Any]] = field(default_factory=list)  # credit notes likewise
    alone_received: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # minor units, by invoice
    paid_before: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # of each invoice, before day 0
    forgiven: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def whole(self) -> int:
        """The last day that is over when the replay ends: its figures are of that day, for the one after it is under way."""
        return self.world.days - 2

    def clock(self) -> datetime:
        """The time of the replay."""
        return self.moment

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(self.world.on(day), time(hour, minute), tzinfo=ZONE)

    def some_time(self, day: int) -> datetime:
        """A moment of the day at which people see to their bills."""
        return self.at(day, 10) + timedelta(minutes=int(self.rng.integers(0, 11 * 60)))

    def draws(self, day: int) -> Draws:
        return Draws(
            seed=self.seed, day=day, invoices=self.world.invoices.height, customers=self.world.customers.height
        )

    def acquaint(self) -> None:
        """Learns the ledger's numbers of customers and of the invoices that are new since the last time."""
        if not self.customer_rows:
            row_of = dict(self.world.customers.select("number", "customer").iter_rows())
            self.customer_ids = np.zeros(len(row_of), dtype=np.int64)
            for pk, number in Customer.objects.filter(creditor=self.creditor).values_list("id", "number"):
                if number in row_of:
                    self.customer_rows[pk] = row_of[number]
                    self.customer_ids[row_of[number]] = pk
            self.invoice_ids = np.zeros(self.world.invoices.height, dtype=np.int64)
            self._row_of_reference = dict(self.world.invoices.select("reference", "invoice").iter_rows())
        newest = max(self.invoice_rows, default=0)
        new = Invoice.objects.filter(creditor=self.creditor, id__gt=newest)
        for pk, reference in new.values_list("id", "reference"):
            row = self._row_of_reference.get(reference)
            if row is not None:
                self.invoice_rows[pk] = row
                self.invoice_ids[row] = pk

    def forgive(self, row: int, day: int) -> None:
        """The creditor gives the invoice up: nobody owes it any more, with or without contacts."""
        for people in (self.crowd, self.alone):
            if people.paid_on[row] == NEVER:
                people.paid_on[row], people.left[row] = day, 0
        self.forgiven.add(row)

    def rows_of(self, invoices: Iterable[int]) -> Array:
        """The world's rows of the ledger's invoices; those that a clerk mistyped are nobody's."""
        return np.array([self.invoice_rows[pk] for pk in invoices if pk in self.invoice_rows], dtype=np.int64)

    def open_of(self, customers: Iterable[int]) -> dict[int, dict[int, int]]:
        """What is open on the invoices of these customers, by customer and invoice."""
        found: dict[int, dict[int, int]] = {pk: {} for pk in customers}
        rows = Invoice.objects.filter(customer__in=list(found), open_minor__gt=0).order_by("due_on", "id")
        for pk, customer, amount in rows.values_list("id", "customer_id", "open_minor"):
            found[customer][pk] = amount
        return found

    def customers(self, pks: Iterable[int]) -> dict[int, Customer]:
        return Customer.objects.select_related("creditor").in_bulk(list(set(pks)))

    def call(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Calls our own rooms over HTTP as the world outside does."""
        status, answer = self.caller.post(path, body, headers)
        if status >= 300:
            raise UnableToPlay(f"{path} answered {status}: {answer[:200].decode(errors='replace')}")

    def act(self, acts: list[Act]) -> None:
        """Everything in its order, each at its moment."""
        for each in sorted(acts, key=lambda one: one.at):
            self.moment = each.at
            each.do(each.at)
