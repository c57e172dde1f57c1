"""The order in which money is spread, and that nobody can spread more than there is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import connections
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amiable.ledger import post
from amiable.ledger.balance import balance
from amiable.ledger.models import Allocation, Credit, Customer, Entry, Invoice, Sale
from amiable.payments.allocate import UnableToAllocate, allocate, allocate_of_customer, allocate_open
from amiable.payments.refund import UnableToRefund, give_back
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice

pytestmark = pytest.mark.django_db


def opens(*rows: Invoice | Credit) -> list[int]:
    return [type(row).objects.get(pk=row.pk).open_minor for row in rows]


def spread(row: Credit, **more: object) -> list[Allocation]:
    return allocate(credit=row, as_of=TODAY, now=NOW, **more)  # type: ignore[arg-type]


def test_oldest_due_first_and_the_older_row_where_two_fall_due_on_one_day() -> None:
    anna = customer(creditor())
    late, early, twin = (invoice(anna, 100, date(2026, 3, day)) for day in (3, 1, 1))
    spread(credit(anna, 150))
    assert opens(early, twin, late) == [0, 50, 100]


def test_the_invoices_named_come_first_in_the_order_named() -> None:
    anna = customer(creditor())
    first, second, third = (invoice(anna, 100, date(2026, 3, day)) for day in (1, 2, 3))
    made = spread(credit(anna, 250), invoices=[third.pk, second.pk], rule="named")
    assert opens(first, second, third) == [50, 0, 0]
    assert [(row.invoice_id, row.rule) for row in made] == [
        (third.pk, "named"),
        (second.pk, "named"),
        (first.pk, "oldest_due"),
    ]


def test_what_is_left_stays_open_as_credit() -> None:
    anna = customer(creditor())
    row, money = invoice(anna, 100), credit(anna, 130)
    spread(money)
    assert opens(row, money) == [0, 30]
    assert money.open_minor == 30


def test_never_across_currencies_customers_or_creditors() -> None:
    owner = creditor()
    anna, boris = customer(owner), customer(owner)
    dollars, others = invoice(anna, 100, currency="USD"), invoice(boris, 100)
    money = credit(anna, 100)
    assert spread(money) == []
    assert opens(dollars, others, money) == [100, 100, 100]
    for foreign in (dollars, invoice(customer(creditor()), 100)):
        with pytest.raises(UnableToAllocate):
            spread(money, invoices=[foreign.pk])


def test_a_payer_may_name_the_invoice_of_another_customer_of_the_same_creditor() -> None:
    owner = creditor()
    parent, child = customer(owner), customer(owner)
    row = invoice(child, 100)
    spread(credit(parent, 100), invoices=[row.pk], rule="named")
    assert opens(row) == [0]


def test_money_of_nobody_goes_only_where_it_is_named() -> None:
    owner = creditor()
    row = invoice(customer(owner), 100)
    money = Credit.objects.create(
        creditor=owner, source="t", external_id="s", received_on=TODAY, currency="EUR", amount_minor=150, open_minor=150,
        known_at=NOW,
    )  # fmt: skip
    assert spread(money) == []
    spread(money, invoices=[row.pk])
    assert opens(row, money) == [0, 50]


def test_the_nightly_spreading_puts_references_first_then_the_oldest() -> None:
    anna = customer(creditor())
    old, meant = invoice(anna, 100, date(2026, 1, 1)), invoice(anna, 100, date(2026, 2, 1), reference="F-MEANT")
    note = credit(anna, 40, kind="credit_note", reference=" F-MEANT ")
    money = credit(anna, 130)
    done = allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW)
    assert opens(old, meant, note, money) == [0, 30, 0, 0]
    assert (done.allocations, done.by_reference, done.customers) == (3, 1, 1)
    assert allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW).allocations == 0


def test_parts_of_one_invoice_share_its_reference() -> None:
    anna = customer(creditor())
    one, two = (invoice(anna, 100, date(2026, month, 1), reference="F-TERMS") for month in (2, 3))
    older = invoice(anna, 100, date(2026, 1, 1))
    credit(anna, 150, kind="credit_note", reference="F-TERMS")
    allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW)
    assert opens(one, two, older) == [0, 50, 100]


def test_what_is_in_the_future_waits() -> None:
    anna = customer(creditor())
    row = invoice(anna, 100)
    credit(anna, 100, TODAY + timedelta(days=1))
    assert allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW).allocations == 0
    assert opens(row) == [100]


def test_a_refund_takes_the_newest_back_and_no_more_than_that() -> None:
    anna = customer(creditor())
    first, second = invoice(anna, 100, date(2026, 1, 1)), invoice(anna, 100, date(2026, 2, 1))
    money = credit(anna, 210)
    spread(money)
    give_back(credit=money, amount_minor=40, reason="test", as_of=TODAY, now=NOW)
    assert opens(first, second, money) == [0, 30, 0]
    with pytest.raises(UnableToRefund):
        give_back(credit=money, amount_minor=171, reason="test", as_of=TODAY, now=NOW)
    assert opens(first, second, money) == [0, 30, 0]


def kept(customers: list[Customer]) -> None:
    """Residuals are the sums of entries, and neither side is ever over-allocated."""
    for model, name in ((Invoice, "invoice"), (Credit, "credit")):
        sums = dict(Entry.objects.filter(**{f"{name}__isnull": False}).values_list(name).annotate(Sum("amount_minor")))
        for row in model.objects.filter(customer__in=customers):
            assert 0 <= row.open_minor == sums[row.pk]
            allocated = row.allocations.aggregate(all=Sum("amount_minor"))["all"] or 0
            assert 0 <= allocated <= row.amount_minor


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("invoice"), st.integers(1, 500), st.integers(0, 60), st.sampled_from("ABC")),
        st.tuples(st.just("credit"), st.integers(1, 800), st.integers(0, 60), st.sampled_from(["A", "B", ""])),
        st.tuples(st.just("spread"), st.integers(0, 9), st.integers(0, 9), st.just("")),
        st.tuples(st.just("reverse"), st.integers(0, 20), st.just(0), st.just("")),
        st.tuples(st.just("refund"), st.integers(0, 9), st.integers(1, 300), st.just("")),
        st.tuples(st.just("all"), st.just(0), st.just(0), st.just("")),
        st.tuples(st.just("mine"), st.just(0), st.just(0), st.just("")),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=Steps)
def test_whatever_happens_nothing_is_over_allocated(steps: list[tuple[str, int, int, str]]) -> None:
    anna = customer(creditor())
    for step, number, days, text in steps:
        credits, invoices = Credit.objects.filter(customer=anna), Invoice.objects.filter(customer=anna)
        if step == "invoice":
            invoice(anna, number, TODAY - timedelta(days=days), reference=text)
        elif step == "credit":
            credit(anna, number, TODAY - timedelta(days=days), reference=text)
        elif step == "spread" and credits:
            named = [row.pk for row in invoices.order_by("-id")[: days % 3]]
            spread(credits[number % len(credits)], invoices=named, rule="named")
        elif step == "reverse":
            free = Allocation.objects.filter(credit__customer=anna, reverses=None, reversed_by=None).order_by("id")
            if free:
                post.reverse(allocation=free[number % len(free)], as_of=TODAY, now=NOW)
        elif step == "refund" and credits:
            row = credits.order_by("id")[number % len(credits)]
            before = row.open_minor + (row.allocations.aggregate(all=Sum("amount_minor"))["all"] or 0)
            if days <= before:
                give_back(credit=row, amount_minor=days, reason="test", as_of=TODAY, now=NOW)
        elif step == "all":
            allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW)
        elif step == "mine":
            allocate_of_customer(customer_id=anna.pk, currency="EUR", as_of=TODAY, now=NOW)
    kept([anna])
    allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW)
    kept([anna])
    left = [Invoice.objects.filter(customer=anna), Credit.objects.filter(customer=anna)]
    assert not all(side.filter(open_minor__gt=0).exists() for side in left)


Amounts = st.lists(
    st.tuples(st.integers(1, 300), st.integers(0, 5), st.sampled_from(["", "A", "B"])), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(owed=Amounts, told=Amounts)
def test_all_at_once_equals_one_customer_at_a_time(
    owed: list[tuple[int, int, str]], told: list[tuple[int, int, str]]
) -> None:
    twins = [customer(creditor()), customer(creditor())]
    for anna in twins:
        for amount, days, text in owed:
            invoice(anna, amount, TODAY - timedelta(days=days), reference=text or "F")
        for amount, days, text in told:
            credit(anna, amount, TODAY - timedelta(days=days), reference=text)
    allocate_open(creditor=twins[0].creditor, as_of=TODAY, now=NOW)
    allocate_of_customer(customer_id=twins[1].pk, currency="EUR", as_of=TODAY, now=NOW)
    kept(twins)
    one, two = (
        list(Invoice.objects.filter(customer=anna).order_by("id").values_list("open_minor", flat=True))
        for anna in twins
    )
    assert one == two


@pytest.mark.django_db(transaction=True)
def test_spreading_at_the_same_time_from_all_sides() -> None:
    anna = customer(creditor())
    for day in range(1, 21):
        invoice(anna, 100, date(2026, 1, day))
    credits = [credit(anna, 130) for _ in range(20)]

    def work(n: int) -> None:
        try:
            if n % 5 == 0:
                allocate_open(creditor=anna.creditor, as_of=TODAY, now=NOW)
            else:
                spread(credits[n])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(20)))
    kept([anna])
    assert sum(Invoice.objects.values_list("open_minor", flat=True)) == 0
    assert sum(Credit.objects.values_list("open_minor", flat=True)) == 600


def test_what_was_invoiced_on_all_invoices_comes_before_the_charges_on_any() -> None:
    for at_night in (True, False):
        owner = creditor()
        boris = customer(owner)
        rows = [invoice(boris, 100, date(2026, 3, day)) for day in (1, 2, 3)]
        for row, minor in ((rows[0], 40), (rows[1], 7)):
            post.charge(invoice=row, kind="indemnity", amount_minor=minor, reason="", as_of=TODAY, now=NOW)
        money = credit(boris, 320)
        if at_night:
            allocate_open(creditor=owner, as_of=TODAY, now=NOW)
        else:
            spread(money, invoices=[rows[1].pk, rows[0].pk])
        # 300 cover the three invoices; 20 are left for the charges, in the same order.
        assert opens(*rows) == ([20, 7, 0] if at_night else [27, 0, 0])
        assert Allocation.objects.filter(credit=money).count() == 3


@pytest.mark.parametrize("nightly", [True, False])
def test_what_was_sold_to_a_factor_comes_last(nightly: bool) -> None:
    owner = customer(creditor())
    sold, own = invoice(owner, 5_000, date(2026, 1, 1)), invoice(owner, 7_000, date(2026, 2, 1))
    Sale.objects.create(customer=owner, invoice=sold, since=TODAY, created_at=NOW)
    money = credit(owner, 8_000)
    if nightly:
        allocate_open(creditor=owner.creditor, as_of=TODAY, now=NOW)
    else:
        allocate(credit=money, as_of=TODAY, now=NOW)
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (sold, own)] == [4_000, 0]


def test_an_invoice_dated_later_is_paid_where_it_is_named_and_no_day_reads_less_than_nothing() -> None:
    anna = customer(creditor())
    ahead = invoice(anna, 5_000, TODAY + timedelta(days=40), issued_on=TODAY + timedelta(days=10))
    money = credit(anna, 5_000)
    spread(money)
    assert opens(ahead, money) == [5_000, 5_000]
    spread(money, invoices=[ahead.pk])
    assert opens(ahead, money) == [0, 0]
    [before] = balance(creditor=anna.creditor, as_of=TODAY)
    assert (before.open_minor, before.credit_minor) == (0, 5_000)
    assert balance(creditor=anna.creditor, as_of=TODAY + timedelta(days=10)) == []
