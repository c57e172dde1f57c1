"""The portfolio step of the day: facts are made true again where something happened or a date passed, then segments.

Comes in: who is marked as stale by the database (stale.sql), and the calendar. Goes out: profiles and memberships.
Never: a profile that differs from what a computation of everything would give on that day.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from typing import Any

import polars as pl
from django.db import connection, transaction

from amiable.core import tables
from amiable.core.calendar import ZONE
from amiable.core.conditions import parse
from amiable.portfolio import facts, segments
from amiable.portfolio.models import Refreshed, Stale

FARTHEST = 31  # days after which everything is computed anew

# The dates at which a row enters or leaves a window of facts.sql, as days before the day that is refreshed.
_WINDOWS = {
    "due": (1, 31, 61, 91, -7),
    "issued": (0, 365),
    "settled": (91, 182, 365),
    "received": (0, 365),
    "told": (0, 7, 8, 30, 90, 365),
    "year": (0, 365),
    "month": (0, 30),
    "days": (0,),
}
_PASSED = """
WITH gone AS (DELETE FROM portfolio_stale RETURNING customer_id)
INSERT INTO chosen SELECT DISTINCT customer_id FROM (
  SELECT customer_id FROM gone
  UNION ALL SELECT customer_id FROM ledger_invoice WHERE open_minor > 0 AND due_on = ANY(%(due)s)
  UNION ALL SELECT customer_id FROM ledger_invoice WHERE issued_on = ANY(%(issued)s) OR settled_on = ANY(%(settled)s)
  UNION ALL SELECT i.customer_id FROM ledger_entry e JOIN ledger_invoice i ON i.id = e.invoice_id
            WHERE e.effective_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM ledger_credit WHERE received_on = ANY(%(received)s)
  UNION ALL SELECT c.customer_id FROM ledger_entry e JOIN ledger_credit c ON c.id = e.credit_id
            WHERE e.effective_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM ledger_hold WHERE since = ANY(%(days)s) OR until = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM outreach_message WHERE as_of = ANY(%(told)s)
  UNION ALL SELECT customer_id FROM casework_task WHERE (done_at AT TIME ZONE %(zone)s)::date = ANY(%(told)s)
  UNION ALL SELECT m.customer_id FROM outreach_event e JOIN outreach_message m ON m.id = e.message_id
            WHERE (e.at AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM outreach_reply WHERE (at AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM outreach_optout
            WHERE (since AT TIME ZONE %(zone)s)::date = ANY(%(days)s) OR (until AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM payments_attempt WHERE (ended_at AT TIME ZONE %(zone)s)::date = ANY(%(month)s)
  UNION ALL SELECT customer_id FROM casework_dispute
            WHERE (opened_at AT TIME ZONE %(zone)s)::date = ANY(%(year)s)
               OR (resolved_at AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM payments_promise
            WHERE (taken_at AT TIME ZONE %(zone)s)::date = ANY(%(days)s) OR judged_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM payments_plan WHERE (agreed_at AT TIME ZONE %(zone)s)::date = ANY(%(year)s)
  UNION ALL SELECT customer_id FROM payments_mandate WHERE signed_on = ANY(%(days)s) OR ended_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM casework_surveyanswer WHERE (answered_at AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
) touched WHERE customer_id IS NOT NULL
"""


@transaction.atomic
def refresh(*, as_of: date, customers: list[int] | None = None, whole: bool = False) -> dict[str, int]:
    """Makes profiles and memberships true for a day: of whom something is new, of those named, or of everyone.

    Everyone is computed anew when asked (`whole`), the first time, for a day before the last one, and after a long pause.
    Safe to repeat.
    """
    with connection.cursor() as cursor:  # one at a time, and none while other segments are put in force
        cursor.execute("LOCK TABLE portfolio_profile IN SHARE ROW EXCLUSIVE MODE")
    last = Refreshed.objects.order_by("-pk").values_list("as_of", flat=True).first()
    since = None if last is None else (as_of - last).days
    if customers is not None:
        scope: AbstractContextManager[str] = facts.chosen(customers)
    elif whole or since is None or not 0 <= since <= FARTHEST:
        scope = nullcontext("")
        Stale.objects.all().delete()
    else:
        scope = facts.chosen([])
    with scope as among:
        if among and customers is None:
            _choose(as_of=as_of, since=since or 0)
        measured = facts.compute(as_of=as_of, among=among)
        before = _before(among)
        placed = _placed(measured, facts.declared(among=among))
        facts.store(measured.join(placed, on=["customer_id", "currency"], how="left"), as_of=as_of, among=among)
        moves = _remember(placed.join(before, on=["customer_id", "currency"], how="left"), as_of=as_of)
        if among and customers is None:
            moves += assign(as_of=as_of)
    if customers is None:
        Refreshed.objects.create(as_of=as_of, customers=measured.height, whole=not among)
    return {"profiles": measured.height, "moves": moves}


def _choose(*, as_of: date, since: int) -> None:
    """Everyone who is marked, and everyone for whom a date passed on one of the days since the last refresh."""
    days = [as_of - timedelta(days=n) for n in range(since)]
    windows = {name: [day - timedelta(days=back) for day in days for back in backs] for name, backs in _WINDOWS.items()}
    with connection.cursor() as cursor:
        cursor.execute(_PASSED, windows | {"zone": ZONE})
        cursor.execute("ANALYZE chosen")


@transaction.atomic
def assign(*, as_of: date) -> int:
    """Assigns everyone's segment from the stored facts, since days pass for all; writes who moved. Returns how many."""
    names = {name for chosen in _sets().values() for each in chosen for name in _named(each.get("when", ""))}
    table = facts.stored(as_of=as_of, names=names, segment=True)
    before = table.select("customer_id", "currency", was="segment")
    placed = _placed(table.drop("segment"), facts.declared())
    moved = placed.join(before, on=["customer_id", "currency"]).filter(
        pl.col("segment").fill_null("") != pl.col("was").fill_null("")
    )
    if moved.is_empty():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE assigned (customer_id bigint, currency varchar(3), segment varchar(40)) ON COMMIT DROP"
        )
        tables.write(moved, "assigned", ["customer_id", "currency", "segment"])
        cursor.execute("ANALYZE assigned")
        cursor.execute(
            "UPDATE portfolio_profile p SET segment = coalesce(a.segment, '') FROM assigned a"
            " WHERE a.customer_id = p.customer_id AND a.currency = p.currency"
        )
        cursor.execute("DROP TABLE assigned")
    return _remember(moved, as_of=as_of)


def _placed(measured: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The segment of each customer and currency of a table of facts: customer_id, currency, segment."""
    sets = _sets()
    table = facts.for_conditions(measured, told)
    parts = [
        rows.select("customer_id", "currency").with_columns(segments.assign(rows, sets[int(str(creditor))]))
        for (creditor,), rows in table.group_by("creditor_id", maintain_order=True)
    ]
    empty = {"customer_id": pl.Int64, "currency": pl.String, "segment": pl.String}
    return pl.concat(parts) if parts else pl.DataFrame(schema=empty)


def _remember(placed: pl.DataFrame, *, as_of: date) -> int:
    """Writes who is elsewhere than he `was` before. Returns how many."""
    moved = placed.filter(pl.col("segment").fill_null("") != pl.col("was").fill_null(""))
    return 0 if moved.is_empty() else segments.remember(moved.drop("was"), as_of=as_of)


def _before(among: str) -> pl.DataFrame:
    """Where everyone, or those in a table, were last: customer_id, currency, was."""
    scope = f"WHERE customer_id IN (SELECT customer_id FROM {among})" if among else ""
    return tables.read(
        f"SELECT customer_id, currency, segment FROM portfolio_profile {scope}",
        schema={"customer_id": pl.Int64, "currency": pl.String, "was": pl.String},
    )


def _sets() -> dict[int, Sequence[Mapping[str, Any]]]:
    """The segments in force, by creditor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM ledger_creditor ORDER BY id")
        return {row[0]: segments.active(row[0]) for row in cursor.fetchall()}


def _named(condition: str) -> list[str]:
    return parse(condition, facts.schema()).meta.root_names()
