"""Who owes what as of any day: exposure, aged balance and statement of account, to the cent.

A past day can be seen as it counted (`as_of`) and as it was known then (`known_at`); both equal a replay of the
entries. Amounts are residuals in minor units, one row per currency; credits stand beside, never hidden.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from amiable.ledger.charges import besides
from amiable.ledger.choose import POLICY
from amiable.ledger.factor import NOTHING, Sold, sold_by
from amiable.ledger.models import Creditor, Customer

BUCKETS = ("not_due", "1_30", "31_60", "61_90", "over_90")

# Residuals as of a day are sums of entries. An invoice counts from its own date, even when it was imported later.
_INVOICES = """
SELECT i.id, i.customer_id, i.currency, i.reference, i.issued_on, i.due_on, i.amount_minor, i.account, i.kind,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'interest'), 0)::bigint AS interest,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'indemnity'), 0)::bigint AS indemnity,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.kind = 'fee'), 0)::bigint AS fee,
       sum(e.amount_minor)::bigint AS open_minor
FROM ledger_invoice i JOIN ledger_entry e ON e.invoice_id = i.id
WHERE {scope} AND e.effective_on <= %(as_of)s AND (%(known_at)s::timestamptz IS NULL OR e.known_at < %(known_at)s)
GROUP BY i.id HAVING sum(e.amount_minor) <> 0
"""
_CREDITS = """
SELECT c.id, c.customer_id, c.currency, c.reference, c.received_on, c.kind, c.amount_minor, c.provisional, c.reserved_until,
       sum(e.amount_minor)::bigint AS open_minor
FROM ledger_credit c JOIN ledger_entry e ON e.credit_id = c.id
WHERE {scope} AND e.effective_on <= %(as_of)s AND (%(known_at)s::timestamptz IS NULL OR e.known_at < %(known_at)s)
GROUP BY c.id HAVING sum(e.amount_minor) <> 0
"""


@dataclass(frozen=True)
class Balance:
    """What a creditor is owed in one currency: open = not due + overdue; `credit` is what is not yet allocated."""

    currency: str
    open_minor: int
    not_due_minor: int
    overdue_minor: int
    credit_minor: int
    customers: int


@dataclass(frozen=True)
class Aged:
    """One customer's open amount by age, in one currency (minor units)."""

    customer_id: int
    currency: str
    not_due: int
    d1_30: int
    d31_60: int
    d61_90: int
    over_90: int
    credit: int

    @property
    def overdue(self) -> int:
        return self.d1_30 + self.d31_60 + self.d61_90 + self.over_90

    @property
    def net(self) -> int:
        return self.not_due + self.overdue - self.credit


@dataclass(frozen=True)
class Charge:
    """Interest, the indemnity or costs posted on an invoice, and what of it is open."""

    kind: str
    amount_minor: int
    open_minor: int


@dataclass(frozen=True)
class OpenInvoice:
    """`open_minor` is all that is left on it; money covers what was invoiced first, then interest, indemnity, costs."""

    id: int
    reference: str
    issued_on: date
    due_on: date
    amount_minor: int
    open_minor: int
    account: str
    kind: str
    days_late: int
    charges: tuple[Charge, ...] = ()

    @property
    def principal_minor(self) -> int:
        """What is left of what was invoiced."""
        return self.open_minor - sum(each.open_minor for each in self.charges)


@dataclass(frozen=True)
class OpenCredit:
    id: int
    reference: str
    received_on: date
    kind: str
    amount_minor: int
    open_minor: int
    provisional: bool
    reserved_until: date | None = None  # a cheque or a bill that the bank may still take back


@dataclass(frozen=True)
class Statement:
    """What one customer owes in one currency as of a day, line by line."""

    customer_id: int
    currency: str
    as_of: date
    invoices: list[OpenInvoice] = field(default_factory=list)
    credits: list[OpenCredit] = field(default_factory=list)
    sold: Sold = NOTHING  # to the factor, who is to be paid for it
    # What has run by now and is named without being asked for, by kind of charge: the creditor's choice “show”.
    besides: dict[str, int] = field(default_factory=dict)

    @property
    def charges_minor(self) -> int:
        """Interest, indemnity and costs that are open: a part of `open_minor`."""
        return sum(each.open_minor for line in self.invoices for each in line.charges)

    @property
    def not_due_minor(self) -> int:
        return sum(line.open_minor for line in self.invoices if line.days_late <= 0)

    @property
    def overdue_minor(self) -> int:
        return sum(line.open_minor for line in self.invoices if line.days_late > 0)

    @property
    def open_minor(self) -> int:
        return sum(line.open_minor for line in self.invoices)

    @property
    def credit_minor(self) -> int:
        return sum(line.open_minor for line in self.credits)

    @property
    def net_minor(self) -> int:
        """What is left to pay once credits are counted; never below zero."""
        return max(self.open_minor - self.credit_minor, 0)

    @property
    def net_overdue_minor(self) -> int:
        """What is left to pay now: credits are counted against the overdue part first."""
        return max(self.overdue_minor - self.credit_minor, 0)


def balance(*, creditor: Creditor, as_of: date, known_at: datetime | None = None) -> list[Balance]:
    """One row per currency that has, or had, anything open; sorted by currency."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("open", "not_due", "overdue", "credit"), 0))
    who: dict[str, set[int]] = defaultdict(set)
    scope, values = "i.creditor_id = %(creditor)s", {"creditor": creditor.pk, "as_of": as_of, "known_at": known_at}
    for row in _rows(_INVOICES.format(scope=scope), values):
        sums[row["currency"]]["open"] += row["open_minor"]
        sums[row["currency"]]["overdue" if row["due_on"] < as_of else "not_due"] += row["open_minor"]
        who[row["currency"]].add(row["customer_id"])
    for row in _rows(_CREDITS.format(scope="c.creditor_id = %(creditor)s"), values):
        sums[row["currency"]]["credit"] += row["open_minor"]
        if row["customer_id"]:
            who[row["currency"]].add(row["customer_id"])
    return [
        Balance(currency, s["open"], s["not_due"], s["overdue"], s["credit"], len(who[currency]))
        for currency, s in sorted(sums.items())
    ]


def aged(*, creditor: Creditor, as_of: date, known_at: datetime | None = None) -> list[Aged]:
    """The aged balance: one row per customer and currency with anything open, biggest overdue first."""
    values = {"creditor": creditor.pk, "as_of": as_of, "known_at": known_at}
    found: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys((*BUCKETS, "credit"), 0))
    for row in _rows(_INVOICES.format(scope="i.creditor_id = %(creditor)s"), values):
        found[row["customer_id"], row["currency"]][bucket((as_of - row["due_on"]).days)] += row["open_minor"]
    for row in _rows(_CREDITS.format(scope="c.creditor_id = %(creditor)s AND c.customer_id IS NOT NULL"), values):
        found[row["customer_id"], row["currency"]]["credit"] += row["open_minor"]
    rows = [
        Aged(customer, currency, *(sums[name] for name in (*BUCKETS, "credit")))
        for (customer, currency), sums in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.overdue, row.customer_id))


def statement(
    *, customer: Customer, as_of: date, currency: str | None = None, known_at: datetime | None = None
) -> Statement:
    """The statement of account in `currency` (else the one with most open); oldest due first."""
    values: dict[str, Any] = {"customer": customer.pk, "as_of": as_of, "known_at": known_at}
    invoices = _rows(_INVOICES.format(scope="i.customer_id = %(customer)s"), values)
    credits = _rows(_CREDITS.format(scope="c.customer_id = %(customer)s"), values)
    if currency is None:
        totals: dict[str, int] = defaultdict(int)
        for row in invoices:
            totals[row["currency"]] += row["open_minor"]
        currency = (
            max(totals, key=lambda code: totals[code]) if totals else (credits[0]["currency"] if credits else None)
        )
        if currency is None:
            currency = Creditor.objects.values_list("currency", flat=True).get(pk=customer.creditor_id)
    return Statement(
        customer_id=customer.pk,
        currency=currency,
        as_of=as_of,
        sold=sold_by([customer.pk], as_of=as_of).get(customer.pk, NOTHING),
        besides=_besides(customer, [row["id"] for row in invoices if row["currency"] == currency], as_of, known_at),
        invoices=[
            OpenInvoice(
                row["id"],
                row["reference"],
                row["issued_on"],
                row["due_on"],
                row["amount_minor"],
                row["open_minor"],
                row["account"],
                row["kind"],
                (as_of - row["due_on"]).days,
                _charges(row),
            )
            for row in sorted(invoices, key=lambda row: (row["due_on"], row["id"]))
            if row["currency"] == currency
        ],
        credits=[
            OpenCredit(
                row["id"],
                row["reference"],
                row["received_on"],
                row["kind"],
                row["amount_minor"],
                row["open_minor"],
                row["provisional"],
                row["reserved_until"],
            )
            for row in sorted(credits, key=lambda row: (row["received_on"], row["id"]))
            if row["currency"] == currency
        ],
    )


def _besides(customer: Customer, invoices: list[int], as_of: date, known_at: datetime | None) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    if known_at is None and POLICY in customer.creditor.policy:
        for shown in besides(creditor=customer.creditor, invoices=invoices, as_of=as_of).values():
            for kind, minor in shown.items():
                found[kind] += minor
    return dict(found)


def _charges(row: dict[str, Any]) -> tuple[Charge, ...]:
    """What of an invoice's residual is charges, the one that is paid last filled up first."""
    left, found = row["open_minor"], []
    for kind in ("fee", "indemnity", "interest"):
        part = min(left, row[kind])
        left -= part
        if part > 0:
            found.append(Charge(kind, row[kind], part))
    return tuple(reversed(found))


def currencies(*, customer: Customer) -> list[str]:
    """The currencies in which the customer has an invoice or a credit open now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency FROM ledger_invoice WHERE customer_id = %s AND open_minor > 0"
            " UNION SELECT currency FROM ledger_credit WHERE customer_id = %s AND open_minor > 0 ORDER BY 1",
            [customer.pk, customer.pk],
        )
        return [row[0] for row in cursor.fetchall()]


def bucket(days_late: int) -> str:
    """The ageing band of an invoice so many days past due."""
    if days_late <= 0:
        return "not_due"
    if days_late <= 30:
        return "1_30"
    if days_late <= 60:
        return "31_60"
    return "61_90" if days_late <= 90 else "over_90"


def _rows(query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
