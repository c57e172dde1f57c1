"""What the database itself refuses, whoever asks and by whatever way."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction

from amiable.ledger.models import Allocation, Credit, Entry, Invoice
from tests import world

pytestmark = pytest.mark.django_db


def refused(act: Callable[[], object]) -> str:
    """Does what must not be done; the words with which the database refuses."""

    @transaction.atomic
    def to_the_end() -> None:
        act()
        connection.check_constraints()

    with pytest.raises(Error) as caught:
        to_the_end()
    return str(caught.value)


def sql(text: str, *values: Any) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(text, values)

    return run


@pytest.fixture
def pair(db: None) -> tuple[Credit, Invoice]:
    row = world.invoice(world.customer(world.creditor()), 1_000)
    return world.credit(row.customer, 600), row


def test_more_than_the_credit_has(pair: tuple[Credit, Invoice]) -> None:
    assert "credit_not_over_allocated" in refused(lambda: world.allocation(*pair, 601))


def test_more_than_the_invoice_is_open(pair: tuple[Credit, Invoice]) -> None:
    rich = world.credit(pair[0].customer, 5_000)
    assert "invoice_not_over_allocated" in refused(lambda: world.allocation(rich, pair[1], 1_001))


def test_more_in_one_statement_of_many_rows(pair: tuple[Credit, Invoice]) -> None:
    money, row = pair
    rows = [
        Allocation(
            credit=money,
            invoice=row,
            amount_minor=400,
            effective_on=world.DAY,
            known_at=world.at(world.DAY),
            rule="named",
        )
        for _ in range(2)
    ]
    assert "credit_not_over_allocated" in refused(lambda: Allocation.objects.bulk_create(rows))
    row.refresh_from_db()
    assert row.open_minor == 1_000


def test_another_currency_and_another_creditor(pair: tuple[Credit, Invoice]) -> None:
    money, row = pair
    dollars = world.invoice(row.customer, 1_000, currency="USD")
    assert "one creditor and one currency" in refused(lambda: world.allocation(money, dollars, 100))
    foreign = world.invoice(world.customer(world.creditor()), 1_000)
    assert "one creditor and one currency" in refused(lambda: world.allocation(money, foreign, 100))


@pytest.mark.parametrize("table", ["ledger_invoice", "ledger_credit"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("open_minor = 0", "kept by the database"),
        ("open_minor = open_minor", "kept by the database"),
        ("amount_minor = amount_minor + 1", "never change"),
        ("currency = 'USD'", "never change"),
        ("creditor_id = creditor_id + 1", "never change"),
        ("known_at = now()", "never change"),
    ],
)
def test_money_and_terms_of_a_row_are_fixed(pair: tuple[Credit, Invoice], table: str, change: str, words: str) -> None:
    assert words in refused(sql(f"UPDATE {table} SET {change}"))


def test_a_settlement_day_written_by_hand(pair: tuple[Credit, Invoice]) -> None:
    assert "kept by the database" in refused(sql("UPDATE ledger_invoice SET settled_on = current_date"))


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_allocation"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET amount_minor = 1", "DELETE FROM {}"])
def test_entries_and_allocations_are_append_only(pair: tuple[Credit, Invoice], table: str, verb: str) -> None:
    world.allocation(*pair, 100)
    assert "append-only" in refused(sql(verb.format(table)))


def test_an_invoice_with_entries_cannot_be_deleted(pair: tuple[Credit, Invoice]) -> None:
    assert "foreign key" in refused(sql("DELETE FROM ledger_invoice WHERE id = %s", pair[1].pk))


def test_the_same_row_of_the_same_source(pair: tuple[Credit, Invoice]) -> None:
    money, row = pair
    assert "invoice_source_once" in refused(lambda: world.invoice(row.customer, external_id=row.external_id))
    assert "credit_source_once" in refused(lambda: world.credit(row.customer, external_id=money.external_id))
    elsewhere = world.customer(world.creditor())
    world.invoice(elsewhere, external_id=row.external_id)  # another creditor's number is another invoice


def test_a_reversal_of_a_part_or_of_nothing_or_twice(pair: tuple[Credit, Invoice]) -> None:
    whole = world.allocation(*pair, 500)
    assert "takes back the whole" in refused(lambda: world.allocation(*pair, -200, reverses=whole))
    assert "allocation_sign" in refused(lambda: world.allocation(*pair, -500))
    world.allocation(*pair, -500, reverses=whole)
    assert refused(lambda: world.allocation(*pair, -500, reverses=whole))


def test_a_reversal_of_another_pair(pair: tuple[Credit, Invoice]) -> None:
    whole = world.allocation(*pair, 500)
    other = world.invoice(pair[1].customer, 1_000)
    assert "takes back the whole" in refused(lambda: world.allocation(pair[0], other, -500, reverses=whole))


@pytest.mark.parametrize("kind", ["principal", "receipt", "allocation", "reversal"])
def test_postings_that_only_the_database_makes(pair: tuple[Credit, Invoice], kind: str) -> None:
    said = refused(
        lambda: Entry.objects.create(
            kind=kind, invoice=pair[1], amount_minor=-5, effective_on=world.DAY, known_at=world.at(world.DAY)
        )
    )
    assert "written by the database" in said


def test_money_out_of_nothing(pair: tuple[Credit, Invoice]) -> None:
    said = refused(
        lambda: Entry.objects.create(
            kind="refund", credit=pair[0], amount_minor=1, effective_on=world.DAY, known_at=world.at(world.DAY)
        )
    )
    assert "credit_not_over_allocated" in said


@pytest.mark.parametrize("fields", [{"amount_minor": 0, "open_minor": 0}, {"open_minor": 1}, {"currency": "eur"}])
def test_an_invoice_that_is_none(pair: tuple[Credit, Invoice], fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        world.invoice(pair[1].customer, **fields)


def test_changing_what_is_not_money_is_allowed(pair: tuple[Credit, Invoice]) -> None:
    Invoice.objects.filter(pk=pair[1].pk).update(due_on=world.later(30), reference="F-NEW", reached=20)
    Credit.objects.filter(pk=pair[0].pk).update(reference="VIR 12")
