"""Many hands at the same moment: what can be afforded is done, the rest is refused, and nobody waits for ever."""

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Event, Thread
from time import sleep

import pytest
from django.db import Error, OperationalError, connection, transaction

from amiable.ledger import post
from amiable.ledger.models import Allocation, Credit, Invoice
from amiable.payments.allocate import allocate
from amiable.payments.attempt import open_attempt
from amiable.payments.providers import Word, WordKind
from amiable.scenario import respond
from amiable.scenario.unite import unite
from tests import world

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], object]) -> Counter[str]:
    """Runs the acts in as many threads that start together; how many were done, refused, or found a deadlock."""
    told: Counter[str] = Counter()
    start = Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait(20)
            act()
            told["done"] += 1
        except OperationalError as error:
            told[f"deadlock: {error}"] += 1
        except (Error, post.UnableToPost):
            told["refused"] += 1
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return told


def left() -> tuple[list[int], list[int]]:
    return (
        list(Credit.objects.order_by("pk").values_list("open_minor", flat=True)),
        list(Invoice.objects.order_by("pk").values_list("open_minor", flat=True)),
    )


def test_ten_allocations_of_one_credit_to_one_invoice() -> None:
    row = world.invoice(world.customer(world.creditor()), 10_000)
    money = world.credit(row.customer, 350)
    told = at_once(*[lambda: world.allocation(money, row, 100)] * 10)
    assert told == {"done": 3, "refused": 7}
    assert left() == ([50], [9_700])


def test_crosswise_allocations_and_two_reversals_of_the_same_one() -> None:
    who = world.customer(world.creditor())
    first, second = world.invoice(who, 300), world.invoice(who, 300)
    one, two = world.credit(who, 300), world.credit(who, 300)
    told = at_once(
        *[lambda: world.allocation(one, first, 150), lambda: world.allocation(two, first, 150)] * 2,
        *[lambda: world.allocation(two, second, 150), lambda: world.allocation(one, second, 150)] * 2,
    )
    assert set(told) <= {"done", "refused"}
    assert sum(left()[0]) == sum(left()[1]) == 600 - 150 * told["done"]
    taken = Allocation.objects.order_by("pk").first()
    assert taken is not None
    take_back = [lambda: post.reverse(allocation=taken, as_of=world.DAY, now=world.at(world.DAY))] * 2
    assert at_once(*take_back) == {"done": 1, "refused": 1}


def test_two_payments_of_one_customer_spread_themselves_while_a_third_is_written_off() -> None:
    who = world.customer(world.creditor())
    rows = [world.invoice(who, 1_000, due_on=world.later(n)) for n in range(4)]
    money = [world.credit(who, 1_500) for _ in range(2)]
    when = {"as_of": world.DAY, "now": world.at(world.DAY)}
    told = at_once(
        lambda: allocate(credit=money[0], **when),
        lambda: allocate(credit=money[1], invoices=[rows[3].pk, rows[0].pk], **when),
        lambda: post.write_off(invoice=rows[2], amount_minor=1_000, reason="small", **when),
    )
    assert set(told) <= {"done", "refused"}
    credits, invoices = left()
    assert all(amount >= 0 for amount in (*credits, *invoices))
    written_off = 1_000 if Invoice.objects.get(pk=rows[2].pk).entries.filter(kind="write_off").exists() else 0
    assert 4_000 - sum(invoices) == 3_000 - sum(credits) + written_off


def test_money_and_debts_that_come_in_while_two_customers_become_one_are_the_ones_who_stays() -> None:
    keep, absorb = (world.customer(owner) for owner in [world.creditor()] * 2)
    row, now = world.invoice(absorb, 1_000), world.at(world.DAY)
    asked = {"amount_minor": 1_000, "currency": "EUR"}
    tried = open_attempt(customer=absorb, invoices=[row.pk], journey="portal", now=now, **asked)
    paid = Word(
        external_id="evt_1", kind=WordKind.SUCCEEDED, attempt=tried.token, payment="pi_1", at=now, **asked
    )  # fmt: skip
    merged = Event()

    def merge() -> None:
        with transaction.atomic():
            unite(keep=keep, absorb=absorb, now=now)
            merged.set()
            sleep(0.5)  # the others have come to where they wait

    def after(act: Callable[[], object]) -> Callable[[], object]:
        return lambda: merged.wait(20) and act()

    told = at_once(
        merge,
        after(lambda: respond.payment_arrived(provider="dummy", words=[paid], now=now)),
        after(lambda: world.invoice(absorb, 700)),
    )
    assert told == {"done": 3}
    assert left() == ([0], [0, 700])
    assert {each.customer_id for each in (*Credit.objects.all(), *Invoice.objects.all())} == {keep.pk}
