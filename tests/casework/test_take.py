"""A task in hand is one colleague's, for a while; two never have the same customer."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import translation

from amiable.casework import take
from amiable.casework.models import Task
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer
from amiable.web.ui import clock
from tests.web import desk_rows as rows


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def house() -> tuple[Creditor, Customer, User, User]:
    ours = rows.creditor("ours")
    return ours, rows.customer(ours, "Anna"), rows.colleague("camille", ours), rows.colleague("boris", ours)


@pytest.mark.django_db
def test_in_hand_until_it_ends_by_itself() -> None:
    _ours, anna, camille, boris = house()
    first, second, now = rows.task(anna), rows.task(anna), clock.now()
    take.take(task=first, now=now, by=camille)
    for task in (first, second):  # another task of the same customer is no way around it
        with pytest.raises(take.UnableToTake, match="camille is busy with this customer"):
            take.take(task=task, now=now + timedelta(minutes=4), by=boris)
    take.take(task=second, now=now, by=camille)
    later = now + take.LEASE + timedelta(seconds=1)
    assert take.take(task=first, now=later, by=boris).taken_by == boris


@pytest.mark.django_db
def test_saying_so_again_keeps_it_and_its_beginning() -> None:
    _ours, anna, camille, boris = house()
    task, now = rows.task(anna), clock.now()
    take.take(task=task, now=now, by=camille)
    renewed = take.take(task=task, now=now + timedelta(minutes=4), by=camille)
    assert renewed.taken_at == now
    with pytest.raises(take.UnableToTake):
        take.take(task=task, now=now + timedelta(minutes=8), by=boris)
    take.let_go(by=camille)
    assert take.take(task=task, now=now + timedelta(minutes=8), by=boris).taken_at == now + timedelta(minutes=8)


@pytest.mark.django_db
def test_what_is_done_is_nobodys_to_take() -> None:
    _ours, anna, camille, _boris = house()
    with pytest.raises(take.UnableToTake, match="done already"):
        take.take(task=rows.task(anna, done_at=clock.now()), now=clock.now(), by=camille)


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_get_one_customer_once() -> None:
    _ours, anna, camille, boris = house()
    tasks, now = [rows.task(anna), rows.task(anna)], clock.now()
    got: list[str] = []
    begin = threading.Barrier(2)

    def grab(task: Task, by: User) -> None:
        begin.wait()
        try:
            take.take(task=task, now=now, by=by)
            got.append(by.username)
        except take.UnableToTake:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=grab, args=pair) for pair in zip(tasks, (camille, boris), strict=True)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(got) == 1
    assert Task.objects.exclude(taken_by=None).count() == 1
