"""Facts of everyone cold, and the refresh of a day on which some customers changed, beside one plain aggregate.

Fills an empty database with customers, invoices of two years (open and settled) and payments, computes all facts alone and
then with everybody's segment, lets things happen to 2 % of the customers, refreshes the next day (also those for whom a date
has passed), and lets PostgreSQL sum up the same tables by customer.
"""

import resource
from datetime import timedelta
from typing import Any

from django.db import transaction

from amiable.portfolio import facts
from amiable.portfolio.models import Profile
from amiable.portfolio.refresh import refresh
from bench import day

CHANGED = 50  # every so-manieth customer: 2 %
# As many settled invoices as there are open ones, each paid by a payment of its own around its due date. They are put in
# as they would stand at the end, without the triggers: facts read residuals and days, and this is not the bench of entries.
_HISTORY = [
    "ALTER TABLE ledger_invoice DISABLE TRIGGER USER",
    "ALTER TABLE ledger_credit DISABLE TRIGGER USER",
    """INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
         issued_on, due_on, currency, amount_minor, open_minor, settled_on, known_at, reached)
       SELECT creditor_id, customer_id, 'bench', 'past ' || external_id, 'P' || reference, 'invoice', 'receivable', '',
         issued_on - 250, due_on - 250, 'EUR', amount_minor, 0, due_on - 258 + (id %% 23)::int, known_at, 0
       FROM ledger_invoice""",
    """INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
         amount_minor, open_minor, method, provisional, known_at)
       SELECT creditor_id, customer_id, 'bench', external_id, 'payment', reference, settled_on, 'EUR', amount_minor, 0,
         'transfer', false, known_at
       FROM ledger_invoice WHERE settled_on IS NOT NULL""",
    "ALTER TABLE ledger_invoice ENABLE TRIGGER USER",
    "ALTER TABLE ledger_credit ENABLE TRIGGER USER",
]
_HAPPENS = """
INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
  amount_minor, open_minor, method, provisional, known_at)
SELECT creditor_id, id, 'bench', 'new ' || id, 'payment', '', %(next)s, 'EUR', 5000, 5000, 'transfer', false, %(now)s
FROM ledger_customer WHERE id %% %(each)s = 0
"""
_REFERENCE = """
SELECT count(*), sum(n), sum(m) FROM (
  SELECT customer_id, currency, count(*) AS n, sum(open_minor) AS m, max(settled_on), min(due_on) FILTER (WHERE open_minor > 0)
  FROM ledger_invoice GROUP BY customer_id, currency) one
JOIN (SELECT customer_id, currency, sum(open_minor), max(received_on) FROM ledger_credit GROUP BY customer_id, currency) two
  USING (customer_id, currency)
"""


def run(*, customers: int, invoices: int) -> dict[str, Any]:
    """Seconds of all facts cold (alone, with segments) and of a day's refresh; the first beside a plain aggregate."""
    values = {"customers": customers, "invoices": invoices, "as_of": day.AS_OF, "now": day.NOW}
    day.fill(values)
    for statement in _HISTORY:
        day.execute(statement, values)
    day.execute("VACUUM ANALYZE ledger_customer, ledger_invoice, ledger_credit, ledger_entry, portfolio_stale", {})
    with transaction.atomic():
        alone = day.timed(lambda: facts.renew(as_of=day.AS_OF))
        transaction.set_rollback(True)
    day.execute("TRUNCATE portfolio_profile", {})
    cold = day.timed(lambda: refresh(as_of=day.AS_OF, whole=True))
    day.execute("VACUUM ANALYZE portfolio_profile, portfolio_membership, portfolio_stale", {})
    after = day.AS_OF + timedelta(days=1)
    day.execute(_HAPPENS, values | {"next": after, "each": CHANGED})
    counts: dict[str, int] = {}
    daily = day.timed(lambda: counts.update(refresh(as_of=after)))
    reference = min(day.timed(lambda: day.execute(_REFERENCE, {})) for _ in range(3))
    return {
        "seconds": round(alone, 3), "per_second": round(customers / alone), "with_segments_seconds": round(cold, 3),
        "reference": "a plain aggregate of invoices and credits by customer",
        "reference_seconds": round(reference, 3), "ratio": round(alone / reference, 2), "daily_seconds": round(daily, 3),
        "daily_customers": counts["profiles"], "customers": Profile.objects.count(), "invoices": invoices,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
