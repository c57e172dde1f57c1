"""Closes the cases in which nothing is overdue any more, and the tasks that have lost their object with them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from amiable.casework import place
from amiable.casework.models import Task, TaskKind
from amiable.core.calendar import start_of_day
from amiable.ledger.models import Creditor

# A case ends by write-off when, since it opened, something was written off and nothing was allocated.
_CLOSE = """
UPDATE casework_case k SET closed_on = %(as_of)s, closed_because = CASE
    WHEN EXISTS (SELECT FROM ledger_customer c
                 WHERE c.id = k.customer_id AND c.merged_into_id IS NOT NULL) THEN 'merged'
    WHEN EXISTS (SELECT FROM ledger_entry e JOIN ledger_invoice i ON i.id = e.invoice_id
                 WHERE i.customer_id = k.customer_id AND i.currency = k.currency
                   AND e.kind = 'write_off' AND e.effective_on >= k.opened_on)
     AND NOT EXISTS (SELECT FROM ledger_entry e JOIN ledger_invoice i ON i.id = e.invoice_id
                 WHERE i.customer_id = k.customer_id AND i.currency = k.currency
                   AND e.kind = 'allocation' AND e.effective_on >= k.opened_on) THEN 'written_off'
    ELSE 'paid' END
WHERE k.closed_on IS NULL AND (%(creditor)s::bigint IS NULL OR k.creditor_id = %(creditor)s)
  AND (%(customers)s::bigint[] IS NULL OR k.customer_id = ANY(%(customers)s))
  AND NOT EXISTS (SELECT FROM ledger_invoice i WHERE i.customer_id = k.customer_id AND i.currency = k.currency
                  AND i.open_minor > i.charged_minor AND i.due_on < %(as_of)s)
RETURNING k.id
"""


@transaction.atomic
def close_settled(
    *,
    as_of: date,
    creditor: Creditor | None = None,
    customers: Sequence[int] | None = None,
    now: datetime | None = None,
) -> int:
    """Closes the open cases (of one creditor, of these customers) with nothing overdue on that day. Returns how many."""
    values: dict[str, Any] = {
        "as_of": as_of,
        "creditor": creditor.pk if creditor else None,
        "customers": None if customers is None else list(customers),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, values)
        closed = [row[0] for row in cursor.fetchall()]
    # Nobody rings a customer who has paid, and nobody is asked to confirm a step that is no longer due.
    Task.objects.filter(case__in=closed, kind__in=[TaskKind.CALL, TaskKind.CONFIRM], done_at=None).update(
        done_at=now or start_of_day(as_of), outcome="settled"
    )
    place.end_with(cases=closed, as_of=as_of, now=now or start_of_day(as_of))
    return len(closed)
