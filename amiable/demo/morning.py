"""What a creditor's accounts send in the morning: history once, then each working day bills, money and credit notes.

Everything enters by the ordinary import of files; nothing is written into the ledger from here.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from amiable.demo import write
from amiable.demo.stage import Stage
from amiable.intake.load import load
from amiable.scenario.live import NEVER, Crowd, Payments

# Where an invoice that is so many days late stands when the demo takes over: the number of its last reminder.
REMINDED = ((45, 4, 45), (26, 3, 26), (14, 2, 14), (4, 1, 4))
METHODS = {"virement": "virement", "chèque": "chèque", "carte": "carte"}


def take_over(stage: Stage, past: list[tuple[int, Payments]]) -> None:
    """The first import: customers, then all bills and payments from before day 0, told as what they are, history."""
    key = stage.creditor.key
    _load(stage, write.customers(stage.world, key, stage.folder), "clients", day=-1)
    money = [row for day, paid in past for row in told(stage, paid, day=day, all_named=True)]
    table = pl.concat([write.bills(stage.world, _old_bills(stage)), write.payments(stage.world, _frame(money))])
    path = write.movements(table, creditor=key, on=stage.world.on(-1), folder=stage.folder)
    _load(stage, path, "movements", day=-1, backfill=True)


def deliver(stage: Stage, day: int, *, since: int) -> None:
    """The files of a working morning: bills made since the last ones, and the money and credit notes that have arrived."""
    new = stage.world.invoices.filter(pl.col("issued").is_between(since + 1, day))
    arrived = [row for row in stage.on_the_way if row["day"] <= day]
    stage.on_the_way = [row for row in stage.on_the_way if row["day"] > day]
    noted, stage.to_credit = stage.to_credit, []
    bills, money = write.bills(stage.world, new), write.payments(stage.world, _frame(arrived))
    table = pl.concat([bills, money, write.credit_notes(stage.world, _frame(noted))])
    if table.is_empty():
        return
    path = write.movements(
        table, creditor=stage.creditor.key, on=stage.world.on(day), folder=stage.folder, rng=stage.rng
    )
    _load(stage, path, "movements", day=day)
    stage.acquaint()


def told(stage: Stage, paid: Payments, *, day: int, all_named: bool = False) -> list[dict[str, Any]]:
    """Payments as the accounts will tell them: named invoices one by one, else one amount that names nothing."""
    rules = stage.crowd.numbers["transfer"]
    found: list[dict[str, Any]] = []
    references = stage.world.invoices["reference"]
    methods = stage.world.customers["method"]
    for who in np.unique(paid.customer):
        mine = np.flatnonzero(paid.customer == who)
        lag = 0 if all_named else int(stage.rng.choice(rules["days_on_the_way"]))
        arrives = day if all_named else stage.crowd.working_day(day + lag)
        row = {
            "customer": int(who),
            "day": arrives,
            "method": methods[int(who)],
            "reference": "",
        }
        if all_named or stage.rng.random() < rules["names_reference"]:
            found += [
                row
                | {
                    "amount_minor": int(paid.amount_minor[n]),
                    "settles": references[int(paid.invoice[n])],
                    "identity": f"B{day + 1000}-{who}-{n}",
                }
                for n in mine
            ]
        else:
            whole = int(paid.amount_minor[mine].sum())
            found.append(row | {"amount_minor": whole, "settles": "", "identity": f"B{day + 1000}-{who}"})
    return found


def _old_bills(stage: Stage) -> pl.DataFrame:
    """Bills from before day 0; on those unpaid and late stands the last reminder of the time before."""
    crowd: Crowd = stage.crowd
    old = stage.world.invoices.filter(pl.col("issued") < 0)
    rows = old["invoice"].to_numpy()
    late = np.where(crowd.paid_on[rows] == NEVER, -crowd.due[rows], 0)
    number, sent = np.zeros(rows.size, dtype=np.int64), np.zeros(rows.size, dtype=np.int64)
    for days, level, after in reversed(REMINDED):
        number = np.where(late >= days, level, number)
        sent = np.where(late >= days, crowd.due[rows] + after, sent)
    return old.with_columns(
        reminder=pl.Series(number).replace(0, None), reminded=pl.when(pl.Series(number) > 0).then(pl.Series(sent))
    )


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {
        "customer": pl.Int64, "day": pl.Int64, "amount_minor": pl.Int64, "settles": pl.String, "method": pl.String,
        "identity": pl.String, "reference": pl.String,
    }  # fmt: skip
    return pl.DataFrame([{name: row.get(name, "") for name in schema} for row in rows], schema=schema)


def _load(stage: Stage, path: Path, source: str, *, day: int, backfill: bool | None = None) -> None:
    summary = load(
        path=path, creditor=stage.creditor, source_key=source, as_of=stage.world.on(day), now=stage.at(day, 7),
        backfill=backfill,
    )  # fmt: skip
    stage.counts["files"] += 1
    stage.counts["quarantined"] += summary.quarantined
