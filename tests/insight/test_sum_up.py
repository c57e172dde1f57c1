"""Sums over kept months: what a process remembers is always what the months say, and never more than it may be."""

from datetime import date

import polars as pl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from amiable.insight import kept
from amiable.insight.grains.recovery import MONEY_IN
from amiable.insight.models import Kept
from amiable.insight.sum_up import Ask, Memory, Month, Shelf, shelf, sum_up
from tests.insight.rows import DAY, NOW, before, creditor

ASK = Ask(grain=MONEY_IN, since=before(45), until=DAY, by=("currency",), sums=("received_minor",), edge=before(20))


def content(days: dict[date, int]) -> bytes:
    """A month in which so much was received on each day."""
    rows = {"currency": "EUR", "day": list(days), "received_minor": list(days.values())}
    schema = {name: kind for name, kind in MONEY_IN.schema.items() if name != "customer"}
    empty = pl.DataFrame(schema=schema)
    return kept.packed(pl.concat([empty, pl.DataFrame(rows)], how="diagonal_relaxed").select(list(schema)))


def month(days: dict[date, int], **fields: object) -> dict[str, object]:
    return {
        "content": content(days),
        "digest": f"{list(days.values())}",
        "rows": len(days),
        "as_of": DAY,
        "measured_at": NOW,
    } | fields


def told(held: Shelf) -> tuple[dict[bool, int], int]:
    """What came now and before the edge, and how many questions that took."""
    with CaptureQueriesContext(connection) as asked:
        (table,) = sum_up(held, ASK)
    return dict(table.select("now", "received_minor").iter_rows()), len(asked)


@pytest.mark.django_db
def test_what_is_remembered_is_what_the_months_say() -> None:
    helia, first = creditor(), {before(31): 100, before(45): 70, before(46): 9}
    Kept.objects.create(
        creditor=helia, grain="money_in", month=before(31).replace(day=1), **month(first, as_of=before(31))
    )
    row = Kept.objects.create(
        creditor=helia, grain="money_in", month=DAY.replace(day=1), **month({before(20): 40, DAY: 2})
    )
    early = shelf(creditor=helia)
    assert early.reach == (before(31).replace(day=1), DAY)
    assert told(early) == ({False: 170, True: 42}, 1)
    assert told(shelf(creditor=helia)) == ({False: 170, True: 42}, 0)

    written = Kept.objects.filter(pk=row.pk)
    written.update(**month({before(21): 5, DAY: 1}))
    assert told(shelf(creditor=helia)) == ({False: 175, True: 1}, 1)
    # Between the look at what is kept and the reading of it, a month is written anew; then it is again what it was.
    written.update(**month({DAY: 8}))
    late = shelf(creditor=helia)
    written.update(**month({DAY: 9}))
    assert told(late) == ({False: 170, True: 9}, 1)
    written.update(**month({DAY: 8}))
    assert told(late) == ({False: 170, True: 8}, 1)
    # Another creditor has none of it.
    assert told(shelf(creditor=creditor("zephyr"))) == ({}, 0)


def test_a_process_remembers_so_many_bytes_and_drops_what_was_asked_for_longest_ago() -> None:
    table = pl.DataFrame({"n": range(100)})
    keys = [(ASK, (Month(row, DAY, DAY, ""),)) for row in range(4)]
    memory = Memory(int(table.estimated_size() * 3))
    for key in keys[:3]:
        memory.keep(key, table)
        memory.keep(key, table)  # another thread was as quick
    assert memory.find(keys[0]) is not None
    memory.keep(keys[3], table)
    assert [memory.find(key) is not None for key in keys] == [True, False, True, True]
    memory.clear()
    assert memory.find(keys[0]) is None
