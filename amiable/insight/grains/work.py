"""Work and what it cost: tasks done and waiting, by person; contacts, work and agencies in money beside what came in."""

from typing import TYPE_CHECKING

import polars as pl

from amiable.insight.grain import Grain
from amiable.insight.grains.contact import CONTACTS
from amiable.insight.grains.recovery import MONEY_IN

if TYPE_CHECKING:
    from amiable.insight.gather import Gathered

TASKS_DONE = Grain(
    key="tasks_done",
    source="""
SELECT t.customer_id, %(currency)s AS currency, (t.done_at AT TIME ZONE %(zone)s)::date AS day, t.done_by_id AS collector,
  t.kind AS task, 1 AS done
FROM casework_task t WHERE t.creditor_id = %(creditor)s AND t.done_by_id IS NOT NULL
  AND t.done_at >= %(begins)s AND t.done_at < %(ends)s""",
    own=("collector", "task"),
    sums=("done",),
)

TASKS_OPEN = Grain(
    key="tasks_open",
    source="""
SELECT t.customer_id, %(currency)s AS currency, %(as_of)s::date AS day, t.assignee_id AS collector, t.kind AS task, 1 AS waiting,
  (t.due_on < %(as_of)s)::int AS late
FROM casework_task t WHERE t.creditor_id = %(creditor)s AND (t.created_at AT TIME ZONE %(zone)s)::date <= %(as_of)s
  AND (t.done_at IS NULL OR (t.done_at AT TIME ZONE %(zone)s)::date > %(as_of)s)""",
    own=("collector", "task"),
    sums=("waiting", "late"),
    stock=True,
)


def _people(gathered: "Gathered") -> pl.DataFrame:
    """One row per colleague who finished a task in the window or has one: what waits, what was done."""
    key = ["currency", "collector"]
    begin = gathered.begin(PEOPLE)
    done = gathered.rows(TASKS_DONE).filter(pl.col("day") >= begin).group_by(key).agg(pl.col("done").sum())
    waiting = gathered.rows(TASKS_OPEN).group_by(key).agg(pl.col("waiting").sum())
    both = done.join(waiting, on=key, how="full", coalesce=True, nulls_equal=True)
    return both.select(
        "currency",
        customer=pl.lit(None, pl.Int64),
        day=pl.lit(gathered.as_of),
        collector="collector",
        people=pl.col("collector").is_not_null().cast(pl.Int64),
        waiting=pl.col("waiting").fill_null(0),
        done=pl.col("done").fill_null(0),
    )


PEOPLE = Grain(
    key="people", made=_people, own=("collector",), sums=("people", "waiting", "done"), of_customer=False, stock=True
)

# What came in while a case was with an agency.
AGENCIES = Grain(
    key="agencies",
    source="""
SELECT i.customer_id, i.currency, e.effective_on AS day, p.agency, -e.amount_minor AS brought_minor
FROM casework_placement p JOIN casework_case k ON k.id = p.case_id AND k.creditor_id = %(creditor)s
JOIN ledger_invoice i ON i.customer_id = k.customer_id AND i.currency = k.currency
JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('allocation', 'reversal') AND e.effective_on > i.due_on
  AND e.effective_on BETWEEN %(since)s AND %(as_of)s AND e.effective_on >= (p.placed_at AT TIME ZONE %(zone)s)::date
  AND (p.recalled_at IS NULL OR e.effective_on < (p.recalled_at AT TIME ZONE %(zone)s)::date)
JOIN ledger_credit c ON c.id = e.credit_id AND c.kind = 'payment'""",
    own=("agency",),
    sums=("brought_minor",),
)


def _effort(gathered: "Gathered") -> pl.DataFrame:
    """Contacts, work and agencies at their price, and money received on what was late.

    Contacts and work are paid for in the creditor's currency, whatever the customer owes; they stand beside money of that one
    only, since a cost of nought beside money of another would be untrue.
    """
    costs, own = gathered.costs, gathered.creditor.currency
    price = pl.col("channel").replace_strict(costs.channels, default=0, return_dtype=pl.Int64)
    minutes = pl.col("task").replace_strict(costs.minutes, default=costs.other_minutes, return_dtype=pl.Int64)
    share = pl.col("agency").replace_strict(
        costs.agencies or {"": 0.0}, default=costs.other_agency, return_dtype=pl.Float64
    )
    contacts = pl.col("messages") + pl.col("calls")
    priced: dict[Grain, dict[str, pl.Expr]] = {
        CONTACTS: {"currency": pl.lit(own), "contacts": contacts, "contact_minor": contacts * price},
        # A call is paid for as a contact, with the time of whoever makes it.
        TASKS_DONE: {
            "work_minor": pl.when(pl.col("task") != "call").then(pl.col("done") * minutes * costs.minute_minor)
        },
        AGENCIES: {"agency_minor": (pl.col("brought_minor") * share).round().cast(pl.Int64)},
        MONEY_IN: {"recovered_minor": pl.when(pl.col("currency") == own).then("recovered_minor").otherwise(0)},
    }
    schema, tables = EFFORT.schema, []
    for grain, sums in priced.items():
        if gathered.rows(grain).height:
            none = {name: pl.lit(None if name not in EFFORT.sums else 0, kind) for name, kind in schema.items()}
            known = {name: pl.col(name) for name in schema if name in grain.schema and name not in EFFORT.sums}
            tables.append(gathered.rows(grain).lazy().select(**(none | known | sums)))
    return pl.concat(tables).collect() if tables else pl.DataFrame(schema=schema)


EFFORT = Grain(
    key="effort",
    made=_effort,
    own=(*CONTACTS.own, "task", "agency"),
    sums=("contacts", "contact_minor", "work_minor", "agency_minor", "recovered_minor"),
)
SPENT = tuple(EFFORT.own)  # what parts the cost and not the money that came in
