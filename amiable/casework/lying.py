"""What lies, or lay, with agencies: each invoice with what is open of it and what came while it was away.

In: placements, a day. Out: items, in one query however many. Never: an invoice that was not handed over.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db import connection

from amiable.core.calendar import ZONE

# A placement is of the invoices on which its holds stand; one that a person made is of the whole case: all that was late
# when it was taken back, or is now.
_ITEMS = """
SELECT p.id, i.reference, i.issued_on, i.due_on, i.currency, i.amount_minor, i.open_minor,
       coalesce(-sum(e.amount_minor) FILTER (WHERE c.kind = 'payment'), 0)::bigint
FROM (SELECT id, case_id, decision_ref, (placed_at AT TIME ZONE %(zone)s)::date AS away,
             (recalled_at AT TIME ZONE %(zone)s)::date AS back
      FROM casework_placement WHERE id = ANY(%(placements)s)) p
JOIN casework_case k ON k.id = p.case_id
JOIN ledger_invoice i ON i.customer_id = k.customer_id AND i.currency = k.currency AND CASE WHEN p.decision_ref IS NULL
  THEN i.due_on < coalesce(p.back, %(as_of)s)
  ELSE EXISTS (SELECT FROM ledger_hold h WHERE h.source_ref = 'placement:' || p.id AND h.invoice_id = i.id) END
LEFT JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('allocation', 'reversal') AND e.effective_on >= p.away
  AND (p.back IS NULL OR e.effective_on < p.back)
LEFT JOIN ledger_credit c ON c.id = e.credit_id
GROUP BY p.id, i.id HAVING i.open_minor > 0 OR bool_or(e.id IS NOT NULL)
ORDER BY p.id, i.due_on, i.id
"""


@dataclass(frozen=True)
class Item:
    """An invoice with an agency, in minor units; `came_minor`: paid on it while it was there."""

    placement: int
    reference: str
    issued_on: date
    due_on: date
    currency: str
    amount_minor: int
    open_minor: int
    came_minor: int


def items(*, placements: Collection[int], as_of: date) -> list[Item]:
    """The invoices of these placements, the oldest first of each; one paid before it was handed over is none."""
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS, {"placements": list(placements), "as_of": as_of, "zone": ZONE})
        return [Item(*row) for row in cursor.fetchall()]
