"""What of a plan has been paid, read from the entries of its invoices: whoever paid, however, and for whatever reason
it was taken back. Money for the customer's other invoices does not count; interest charged meanwhile takes nothing away.
"""

from collections.abc import Sequence

from django.db import connection

from amiable.payments.models import Plan

# Payments, credit notes and what was given up settle; a reversal opens again. Charges and openings are no progress.
_SETTLED = """
SELECT w.id, coalesce(-sum(e.amount_minor), 0)::bigint
FROM unnest(%(plans)s::bigint[]) w(id) JOIN payments_plan p ON p.id = w.id
LEFT JOIN ledger_entry e ON e.invoice_id = ANY(p.invoices) AND e.kind IN ('allocation', 'reversal', 'write_off')
GROUP BY 1
"""
_OF_INVOICES = """
SELECT coalesce(-sum(amount_minor), 0)::bigint FROM ledger_entry
WHERE invoice_id = ANY(%(invoices)s) AND kind IN ('allocation', 'reversal', 'write_off')
"""


def settled_minor(invoices: Sequence[int]) -> int:
    """All that ever settled these invoices: what a plan counts from."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_INVOICES, {"invoices": list(invoices)})
        return int(cursor.fetchone()[0])


def paid(plans: Sequence[Plan]) -> dict[int, int]:
    """What has come in for each plan since it was offered; below nothing where earlier money was taken back."""
    if not plans:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, {"plans": [plan.pk for plan in plans]})
        settled = dict(cursor.fetchall())
    return {plan.pk: settled[plan.pk] - plan.settled_before_minor for plan in plans}
