"""The books against an independent replay: whatever happened, in whatever order, each past day reads the same."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amiable.core.calendar import end_of_day
from amiable.ledger import balance, post
from amiable.ledger.models import Allocation, Credit, Creditor, Customer, Entry, Invoice
from tests import world

pytestmark = pytest.mark.django_db

DAYS = st.integers(0, 120)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking a whole history takes minutes
KINDS = ["invoice"] * 2 + ["credit"] * 2 + ["allocate"] * 3 + ["reverse", "write_off", "charge", "refund"]
ACTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 1_000), st.integers(1, 90_000), DAYS, DAYS),
    min_size=4,
    max_size=28,
)


@dataclass
class Line:
    """One posting as the books should show it, written down by the test itself."""

    side: str
    row: int
    amount: int
    effective_on: date
    known_at: datetime
    charge: bool = False


@dataclass
class Books:
    """What the test did, beside what the database holds."""

    owners: list[Customer]
    invoices: list[Invoice] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    allocations: list[Allocation] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def note(self, side: str, row: int, amount: int, on: date, known: datetime, charge: bool = False) -> None:
        self.lines.append(Line(side, row, amount, on, known, charge))

    def covered_on(self, row: int) -> date | None:
        """The day from which on what was invoiced had come in; without charges, that of the last posting."""
        own = [line for line in self.lines if (line.side, line.row) == ("invoice", row)]
        days = sorted({line.effective_on for line in own if not line.charge})
        left = {day: sum(each.amount for each in own if not each.charge and each.effective_on <= day) for day in days}
        if left[days[-1]] > 0:
            return None
        if not any(line.charge for line in own):
            return days[-1]
        owing = max((day for day in days if left[day] > 0), default=date.min)
        return min(day for day in days if day > owing)

    def left(self, side: str, row: int, as_of: date | None = None, known_at: datetime | None = None) -> int:
        return sum(
            line.amount
            for line in self.lines
            if (line.side, line.row) == (side, row)
            and (as_of is None or line.effective_on <= as_of)
            and (known_at is None or line.known_at < known_at)
        )


def act(books: Books, what: str, pick: int, amount: int, day: int, delay: int) -> None:
    """Does one thing that is possible, by the house's own verbs, and notes what it should mean."""
    on = world.later(day)
    known = world.at(on + timedelta(days=delay % 15))
    who = books.owners[pick % len(books.owners)]
    currency = ("EUR", "USD", "JPY")[pick % 3]
    if what == "invoice":
        row = world.invoice(
            who, amount, issued_on=on, due_on=on + timedelta(days=delay), currency=currency, known_at=known
        )
        books.invoices.append(row)
        books.note("invoice", row.pk, amount, on, known)
    elif what == "credit":
        money = world.credit(who, amount, received_on=on, currency=currency, known_at=known)
        books.credits.append(money)
        books.note("credit", money.pk, amount, on, known)
    elif what == "allocate":
        allocate(books, pick, amount, on, known)
    elif what == "reverse" and books.allocations:
        old = books.allocations.pop(pick % len(books.allocations))
        back = post.reverse(allocation=old, as_of=on, now=known)
        for side, row in (("invoice", old.invoice_id), ("credit", old.credit_id)):
            books.note(side, row, old.amount_minor, max(on, old.effective_on), known)
        assert back.amount_minor == -old.amount_minor
    elif what in {"write_off", "charge"} and books.invoices:
        on_invoice(books, what, pick, amount, on, known)
    elif what == "refund" and books.credits:
        money = books.credits[pick % len(books.credits)]
        share = min(amount, books.left("credit", money.pk))
        if share:
            post.refund(credit=money, amount_minor=share, reason="asked for", as_of=on, now=known)
            books.note("credit", money.pk, -share, max(on, money.received_on), known)


def allocate(books: Books, pick: int, amount: int, on: date, known: datetime) -> None:
    fits = [
        (money, row)
        for money in books.credits
        for row in books.invoices
        if money.currency == row.currency and books.left("credit", money.pk) and books.left("invoice", row.pk)
    ]
    if not fits:
        return
    money, row = fits[pick % len(fits)]
    share = min(amount, books.left("credit", money.pk), books.left("invoice", row.pk))
    day = max(on, money.received_on, row.issued_on)
    books.allocations.append(world.allocation(money, row, share, on=day, known_at=known))
    books.note("invoice", row.pk, -share, day, known)
    books.note("credit", money.pk, -share, day, known)


def on_invoice(books: Books, what: str, pick: int, amount: int, on: date, known: datetime) -> None:
    row = books.invoices[pick % len(books.invoices)]
    how: dict[str, Any] = {"invoice": row, "reason": "test", "as_of": on, "now": known}
    if what == "charge":
        post.charge(kind=("interest", "indemnity", "fee")[pick % 3], amount_minor=amount, **how)
        books.note("invoice", row.pk, amount, max(on, row.issued_on), known, charge=True)
    elif share := min(amount, books.left("invoice", row.pk)):
        post.write_off(amount_minor=share, **how)
        books.note("invoice", row.pk, -share, max(on, row.issued_on), known)


def residuals_are_sums(books: Books) -> None:
    for side, model in (("invoice", Invoice), ("credit", Credit)):
        for row in model.objects.all():
            assert row.open_minor == books.left(side, row.pk) >= 0
            assert row.open_minor == Entry.objects.filter(**{side: row}).aggregate(s=Sum("amount_minor"))["s"]
    for row in Invoice.objects.all():
        assert row.settled_on == books.covered_on(row.pk)
        charged = sum(
            line.amount for line in books.lines if (line.side, line.row, line.charge) == ("invoice", row.pk, True)
        )
        assert row.charged_minor == charged


def reads_as_replayed(books: Books, owner: Creditor, as_of: date, known_at: datetime | None) -> None:
    sums: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in books.invoices:
        left = books.left("invoice", row.pk, as_of, known_at)
        sums[row.customer_id, row.currency][balance.bucket((as_of - row.due_on).days)] += left
        sums[row.customer_id, row.currency]["invoices"] += left != 0
    for money in books.credits:
        sums[money.customer_id or 0, money.currency]["credit"] += books.left("credit", money.pk, as_of, known_at)
    for line in balance.aged(creditor=owner, as_of=as_of, known_at=known_at):
        told = sums[line.customer_id, line.currency]
        found = (line.not_due, line.d1_30, line.d31_60, line.d61_90, line.over_90, line.credit)
        assert found == tuple(told[name] for name in (*balance.BUCKETS, "credit"))
        shown = balance.statement(
            customer=next(who for who in books.owners if who.pk == line.customer_id),
            as_of=as_of, currency=line.currency, known_at=known_at,
        )  # fmt: skip
        assert (shown.not_due_minor, shown.overdue_minor, shown.credit_minor) == (
            line.not_due,
            line.overdue,
            line.credit,
        )
        assert len(shown.invoices) == told["invoices"]
    told_by_currency: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (_who, currency), parts in sums.items():
        late = sum(parts[name] for name in balance.BUCKETS[1:])
        for place, value in enumerate((parts["not_due"], late, parts["credit"])):
            told_by_currency[currency][place] += value
    found_by_currency = {
        line.currency: [line.not_due_minor, line.overdue_minor, line.credit_minor]
        for line in balance.balance(creditor=owner, as_of=as_of, known_at=known_at)
    }
    for currency, parts in told_by_currency.items():
        assert found_by_currency.get(currency, [0, 0, 0]) == parts
    assert set(found_by_currency) <= set(told_by_currency)


@settings(max_examples=30, phases=PHASES)
@given(acts=ACTS, days=st.lists(DAYS, min_size=3, max_size=3))
def test_every_past_day_reads_as_an_independent_replay(acts: list[Any], days: list[int]) -> None:
    with transaction.atomic():
        owner = world.creditor()
        books = Books([world.customer(owner), world.customer(owner)])
        for each in acts:
            act(books, *each)
        residuals_are_sums(books)
        for day in days:
            as_of = world.later(day)
            reads_as_replayed(books, owner, as_of, None)
            reads_as_replayed(books, owner, as_of, end_of_day(as_of))
        connection.check_constraints()
        transaction.set_rollback(True)


def test_the_day_on_which_an_invoice_became_nil_is_its_last_posting_not_the_one_entered_last() -> None:
    row = world.invoice(world.customer(world.creditor()), 100, due_on=world.later(10))
    money = world.credit(row.customer, 100, received_on=world.later(1))
    world.allocation(money, row, 60, on=world.later(20))
    world.allocation(money, row, 40, on=world.later(5))  # learnt later, counts earlier
    row.refresh_from_db()
    assert row.settled_on == world.later(20)


def test_a_statement_in_two_currencies_names_one_and_adds_nothing_over_both() -> None:
    who = world.customer(world.creditor())
    world.invoice(who, 5_000, currency="USD")
    world.invoice(who, 4_000)
    world.credit(who, 300)
    assert balance.currencies(customer=who) == ["EUR", "USD"]
    assert balance.statement(customer=who, as_of=world.later(1)).currency == "USD"
    euros = balance.statement(customer=who, as_of=world.later(1), currency="EUR")
    assert (euros.overdue_minor, euros.credit_minor, euros.net_overdue_minor, euros.net_minor) == (
        4_000,
        300,
        3_700,
        3_700,
    )


def test_an_invoice_due_on_a_leap_day_is_late_from_the_first_of_march() -> None:
    row = world.invoice(world.customer(world.creditor()), 100, due_on=date(2028, 2, 29))
    for day, late in ((date(2028, 2, 29), 0), (date(2028, 3, 1), 1), (date(2029, 2, 28), 365)):
        (line,) = balance.statement(customer=row.customer, as_of=day).invoices
        assert line.days_late == late
