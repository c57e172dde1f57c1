"""The portfolio step of the day: facts are made true again where something happened or a date passed, then segments.

Comes in: who is marked as stale by the database (stale.sql), and the calendar. Goes out: profiles and memberships.
Never: a profile that differs from what a computation of everything would give on that day.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from amiable.core.calendar import ZONE
from amiable.ledger.models import Creditor
from amiable.portfolio import facts, segments, tally
from amiable.portfolio.models import Refreshed

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
# The marks of these creditors' customers, and of those who exist no more.
_UNMARKED = """DELETE FROM portfolio_stale s WHERE NOT EXISTS (
  SELECT FROM ledger_customer c WHERE c.id = s.customer_id AND c.creditor_id <> ALL(%(owners)s))"""
_PASSED = f"""
WITH gone AS ({_UNMARKED} RETURNING s.customer_id)
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
  UNION ALL SELECT customer_id FROM payments_plan
            WHERE (agreed_at AT TIME ZONE %(zone)s)::date = ANY(%(year)s) OR ended_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM payments_mandate WHERE signed_on = ANY(%(days)s) OR ended_on = ANY(%(days)s)
  UNION ALL SELECT customer_id FROM casework_surveyanswer WHERE (answered_at AT TIME ZONE %(zone)s)::date = ANY(%(days)s)
) touched JOIN ledger_customer c ON c.id = customer_id WHERE c.creditor_id = ANY(%(owners)s)
"""


_EVERYONE = f"""
WITH gone AS ({_UNMARKED})
INSERT INTO chosen SELECT id FROM ledger_customer WHERE creditor_id = ANY(%(owners)s)
"""


@transaction.atomic
def refresh(
    *, as_of: date, creditor: Creditor | None = None, customers: list[int] | None = None, whole: bool = False
) -> dict[str, int]:
    """Makes profiles and memberships true for a day: of whom something is new, of those named, or of everyone.

    Of all creditors, or of one. Everyone is computed anew when asked (`whole`), the first time, for a day before the
    last one, and after a long pause. Safe to repeat.
    """
    owners = list(Creditor.objects.order_by("pk")) if creditor is None else [creditor]
    pause = None
    if customers is None:
        segments.alone(owners)
        pause = None if whole else _pause(owners, as_of=as_of)
    with facts.chosen(customers or []) as among:
        if customers is None:
            _choose(owners, as_of=as_of, pause=pause)
        counts = facts.renew(as_of=as_of, among=among)
    # Conditions count days: everyone's segment is looked at, also of those for whom nothing is new.
    moves = sum(segments.place(creditor=each, as_of=as_of, customers=customers) for each in owners)
    if customers is None:
        tally.tally(owners)
        Refreshed.objects.bulk_create(
            Refreshed(creditor=each, as_of=as_of, customers=counts.get(each.pk, 0), whole=pause is None)
            for each in owners
        )
    return {"profiles": sum(counts.values()), "moves": moves}


def _pause(owners: Sequence[Creditor], *, as_of: date) -> int | None:
    """Days since the one of these whose refresh is the longest ago; None when all is to be computed anew."""
    rows = Refreshed.objects.filter(creditor__in=owners).order_by("creditor", "-pk").distinct("creditor")
    last = dict(rows.values_list("creditor", "as_of"))
    days = [(as_of - last[each.pk]).days if each.pk in last else -1 for each in owners]
    return max(days) if days and min(days) >= 0 and max(days) <= FARTHEST else None


def _choose(owners: Sequence[Creditor], *, as_of: date, pause: int | None) -> None:
    """Everyone, or everyone who is marked, and for whom a date passed on one of the days since the last refresh."""
    days = [as_of - timedelta(days=n) for n in range(pause or 0)]
    windows = {name: [day - timedelta(days=back) for day in days for back in backs] for name, backs in _WINDOWS.items()}
    with connection.cursor() as cursor:
        values: dict[str, Any] = {**windows, "zone": ZONE, "owners": [each.pk for each in owners]}
        cursor.execute(_EVERYONE if pause is None else _PASSED, values)
        cursor.execute("ANALYZE chosen")
