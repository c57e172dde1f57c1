"""The portfolio step of the day: facts are made true again where something happened or a date passed, then segments.

Comes in: who is marked as stale by the database (stale.sql), and the calendar. Goes out: profiles and memberships.
Never: a profile that differs from what a computation of everything would give on that day.
"""

from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta

from django.db import connection, transaction

from amiable.core.calendar import ZONE
from amiable.ledger.models import Creditor
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
    if customers is None:
        segments.alone()
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
        facts.store(measured, as_of=as_of, among=among)
    # Conditions count days: everyone's segment is looked at, also of those for whom nothing is new.
    moves = sum(
        segments.place(creditor=creditor, as_of=as_of, customers=customers)
        for creditor in Creditor.objects.order_by("pk")
    )
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
