"""What a creditor's profiles add up to, kept by what lists are narrowed by: a page need not read a million rows for a sum.

In: creditors whose profiles were made true. Out: totals per currency, branch, salesperson, kind, segment and bands of age.
Never: a customer counted twice in a currency, one that was merged into another.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import F, Q

from amiable.ledger.models import Creditor

BANDS = {"not_due": 1, "1_30": 2, "31_60": 4, "61_90": 8, "over_90": 16}
LATE = reduce(or_, (bit for name, bit in BANDS.items() if name != "not_due"))

_COLUMNS = " | ".join(
    f"(p.{'not_due' if name == 'not_due' else f'overdue_{name}'}_minor > 0)::int * {bit}" for name, bit in BANDS.items()
)
_ADD_UP = f"""
WITH gone AS (DELETE FROM portfolio_total WHERE creditor_id = ANY(%(creditors)s))
INSERT INTO portfolio_total
  (creditor_id, currency, branch_id, salesperson_id, kind, segment, bands, customers, open_minor, overdue_minor)
SELECT p.creditor_id, p.currency, c.branch_id, c.salesperson_id, c.kind, p.segment, {_COLUMNS}, count(*),
  sum(p.open_minor), sum(p.overdue_minor)
FROM portfolio_profile p JOIN ledger_customer c ON c.id = p.customer_id
WHERE p.creditor_id = ANY(%(creditors)s) AND c.merged_into_id IS NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def tally(creditors: Sequence[Creditor]) -> None:
    """Adds up anew."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD_UP, {"creditors": [each.pk for each in creditors]})


def within(bits: int) -> Q:
    """The condition that something is open in one of these bands."""
    return ~Q(bands=F("bands").bitand(~bits))
