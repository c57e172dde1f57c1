"""300,000 movements of one statement: booked, told again in another format, and counted once; two tellers at once."""

import threading

import pytest
from django.db import connections

from amiable.ledger.models import Credit
from amiable.payments.book import book
from amiable.payments.models import StatementLine
from tests.payments import bank
from tests.payments.bank import NOW, Move, camt, mt940

LINES = 300_000


@pytest.mark.long
@pytest.mark.django_db
def test_300_000_movements_are_booked_once(tmp_path):
    owner = bank.creditor()
    moves = [Move(100 + place % 977, f"FACTURE F-{place:07}", end_to_end_id=f"E{place}") for place in range(LINES)]
    told = bank.booked(camt(moves), owner, tmp_path)
    assert told.figures()["credits"] == LINES
    again = bank.booked(mt940(moves), owner, tmp_path)
    assert again.outcomes[0].credits == 0
    assert Credit.objects.count() == LINES
    assert StatementLine.objects.filter(same_as=None).count() == LINES


@pytest.mark.django_db(transaction=True)
def test_two_who_bring_the_same_day_at_once_bring_it_once(tmp_path):
    owner = bank.creditor()
    moves = [Move(100 + place, f"F-{place}", end_to_end_id=f"E{place}") for place in range(50)]
    files = []
    for name, content in (("a.xml", camt(moves)), ("b.sta", mt940(moves)), ("c.xml", camt(moves, kind="054"))):
        files.append(tmp_path / name)
        files[-1].write_bytes(content)
    wrong: list[BaseException] = []

    def bring(place: int) -> None:
        try:
            book(path=files[place % 3], creditors=[owner], now=NOW)
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=bring, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert Credit.objects.count() == 50
