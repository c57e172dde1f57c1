"""What customers did, and when, read from the rows that tell it: facts that stand, and messages, promises, disputes, entries.

Comes in: a day, the events that steps ask for. Out: days since each, per customer and currency, or who did any of them.
"""

from collections.abc import Collection, Iterable
from datetime import date

import polars as pl

from amiable.core import tables
from amiable.core.calendar import ZONE, end_of_day
from amiable.scenario.engine.moment import EVENTS

# Events that a fact already tells the days of.
FACTS = {
    "opened": "last_opened", "replied": "last_reply", "bounced": "last_bounce", "payment_failed": "last_failed",
    "promise_broken": "last_broken",
}  # fmt: skip
# The others: customer, currency (empty: in any), day. A promise counts while it runs, a dispute while it is open.
_ROWS = {
    # Our own page tells of the link in a message; some carriers tell of clicks themselves.
    "clicked": """
SELECT x.customer_id, '' AS currency, max((e.at AT TIME ZONE %(zone)s)::date) AS day
FROM outreach_event e JOIN outreach_message x ON x.id = e.message_id
WHERE e.at < %(end)s AND (e.kind = 'clicked' OR e.kind = 'opened' AND e.source = 'portal') {among} GROUP BY 1""",
    "promised": """
SELECT x.customer_id, x.currency, max((x.taken_at AT TIME ZONE %(zone)s)::date) AS day FROM payments_promise x
WHERE x.taken_at < %(end)s AND x.state <> 'withdrawn' AND (x.judged_on IS NULL OR x.judged_on > %(as_of)s) {among}
GROUP BY 1, 2""",
    "disputed": """
SELECT x.customer_id, i.currency, max((x.opened_at AT TIME ZONE %(zone)s)::date) AS day
FROM casework_dispute x JOIN ledger_invoice i ON i.id = x.invoice_id
WHERE x.opened_at < %(end)s AND (x.resolved_at IS NULL OR x.resolved_at >= %(end)s) {among} GROUP BY 1, 2""",
    "part_paid": """
SELECT x.customer_id, x.currency, max(greatest(e.effective_on, (e.known_at AT TIME ZONE %(zone)s)::date)) AS day
FROM ledger_invoice x JOIN ledger_entry e ON e.invoice_id = x.id
WHERE (x.settled_on IS NULL OR x.settled_on > %(as_of)s) AND e.kind = 'allocation' AND e.amount_minor < 0
  AND e.effective_on <= %(as_of)s AND e.known_at < %(end)s {among} GROUP BY 1, 2""",
}
_SCHEMA: dict[str, type[pl.DataType]] = {"customer_id": pl.Int64, "currency": pl.String, "day": pl.Date}


def who_did(events: Iterable[str]) -> str:
    """A query of the customers who did any of these, for whoever looks for invoices that may be due."""
    parts = [
        f"SELECT customer_id FROM portfolio_profile WHERE {FACTS[event]}_on IS NOT NULL"
        if event in FACTS
        else f"SELECT customer_id FROM ({_ROWS[event].format(among='')}) {event}"
        for event in sorted(set(events))
    ]
    return " UNION ".join(parts)


def days_since(customers: pl.DataFrame, *, as_of: date, events: Collection[str], among: str) -> pl.DataFrame:
    """The customers with a column days_since_<event> for each; null where it never was. They have the facts of days.

    `among`: a table with the customer_id of those asked for.
    """
    values = {"as_of": as_of, "end": end_of_day(as_of), "zone": ZONE}
    for event in [name for name in EVENTS if name in events and name not in FACTS]:
        query = _ROWS[event].format(among=f"AND x.customer_id IN (SELECT customer_id FROM {among})")
        told = tables.read(query, values, schema=_SCHEMA).with_columns(
            (pl.lit(as_of) - pl.col("day")).dt.total_days().alias(f"days_since_{event}")
        )
        keys = ["customer_id", "currency"] if event != "clicked" else ["customer_id"]
        customers = customers.join(told.select(*keys, f"days_since_{event}"), on=keys, how="left")
    return from_facts(customers, events=events)


def from_facts(customers: pl.DataFrame, *, events: Collection[str]) -> pl.DataFrame:
    """The events that facts tell of, as the engine asks for them."""
    return customers.with_columns(
        pl.col(f"{fact}_days").cast(pl.Int64).alias(f"days_since_{event}")
        for event, fact in FACTS.items()
        if event in events
    )
