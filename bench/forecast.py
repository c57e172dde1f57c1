"""The forecast of a day, from the books to the weeks, beside one plain SQL aggregate: due date plus the customer's mean delay.

Fills an empty database with customers and open invoices (as the bench of the day does) and as many settled ones of the year
before, with their money; then reckons the forecast of thirteen weeks, keeps it, and reads it as a dashboard does.
"""

import resource
import statistics
import time
from typing import Any

from amiable.insight.forecast.foresee import outlook
from amiable.insight.forecast.gather import gather
from amiable.insight.forecast.keep import keep
from amiable.insight.forecast.of_customer import of_customer
from amiable.insight.forecast.read import expected, how_good
from amiable.ledger.models import Creditor, Customer
from bench.day import AS_OF, NOW, execute, fill, timed

# Written as the database's triggers would write it, which would take minutes here and are not what is measured.
_PAST = [
    "SET session_replication_role = replica",
    "UPDATE ledger_invoice SET known_at = least(known_at, issued_on::timestamptz)",
    """INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
         issued_on, due_on, currency, amount_minor, open_minor, settled_on, known_at)
       SELECT u.creditor_id, u.id, 'past', n, 'P' || n, 'invoice', 'receivable', '', d.due_on - 30, d.due_on, 'EUR', m.amount, 0,
         d.due_on - 3 + (u.id * 31 %% 25)::int + (n * 13 %% 9)::int, d.due_on - 30
       FROM generate_series(1, %(invoices)s) n
       JOIN ledger_customer u ON u.external_id = (1 + (n * 7919::bigint) %% %(customers)s)::text
       CROSS JOIN LATERAL (SELECT %(as_of)s - 40 - (n * 37 %% 360)::int AS due_on) d
       CROSS JOIN LATERAL (SELECT 1000 + (n * 104729::bigint) %% 500000 AS amount) m""",
    """INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
         amount_minor, open_minor, method, known_at)
       SELECT creditor_id, customer_id, 'past', external_id, 'payment', '', settled_on, 'EUR', amount_minor, 0, '', settled_on
       FROM ledger_invoice WHERE source = 'past'""",
    """INSERT INTO ledger_allocation (credit_id, invoice_id, amount_minor, effective_on, known_at, rule)
       SELECT c.id, i.id, i.amount_minor, i.settled_on, i.settled_on, 'named'
       FROM ledger_invoice i JOIN ledger_credit c ON c.source = i.source AND c.external_id = i.external_id
       WHERE i.source = 'past'""",
    """INSERT INTO ledger_entry (kind, invoice_id, credit_id, allocation_id, amount_minor, effective_on, known_at)
       SELECT 'principal', id, NULL::bigint, NULL::bigint, amount_minor, issued_on, known_at
       FROM ledger_invoice WHERE source = 'past'
       UNION ALL SELECT 'receipt', NULL, id, NULL, amount_minor, received_on, known_at FROM ledger_credit
       UNION ALL SELECT 'allocation', invoice_id, credit_id, id, -amount_minor, effective_on, known_at FROM ledger_allocation""",
    "SET session_replication_role = DEFAULT",
]
_REFERENCE = """
WITH mean AS (
  SELECT customer_id, avg(settled_on - due_on) AS late FROM ledger_invoice
  WHERE settled_on BETWEEN %(as_of)s - 365 AND %(as_of)s GROUP BY 1)
SELECT i.currency, greatest(i.due_on + round(coalesce(m.late, 0))::int - %(as_of)s, 1) / 7, sum(i.open_minor)
FROM ledger_invoice i LEFT JOIN mean m USING (customer_id) WHERE i.open_minor > 0 GROUP BY 1, 2"""


def run(*, customers: int, invoices: int) -> dict[str, Any]:
    """Seconds of the forecast, of its reading, of the reference (median of three), and their ratio; needs an empty database."""
    values = {"customers": customers, "invoices": invoices, "as_of": AS_OF, "now": NOW}
    fill(values)
    for statement in _PAST:
        execute(statement, values)
    execute("VACUUM ANALYZE ledger_customer, ledger_invoice, ledger_entry, ledger_credit, ledger_allocation", {})
    creditor = Creditor.objects.get(key="bench")
    began, worked = time.perf_counter(), time.process_time()
    known = gather(creditor=creditor, as_of=AS_OF)
    read = time.perf_counter() - began
    told = outlook(known, weeks=13)
    seconds = time.perf_counter() - began
    worked = time.process_time() - worked
    del known
    reference = statistics.median(timed(lambda: execute(_REFERENCE, values)) for _ in range(3))
    kept = timed(lambda: keep(creditor=creditor, as_of=AS_OF, now=NOW))
    some = list(Customer.objects.order_by("pk")[:20])
    return {
        "customers": customers, "invoices": invoices, "rows_of_the_past": told.learnt_from, "seconds": round(seconds, 2),
        "of_which_in_python": round(worked, 2), "read_seconds": round(read, 2), "per_second": round(invoices / seconds),
        "reference": "one SQL aggregate of due date plus the customer's mean delay", "reference_seconds": round(reference, 2),
        "ratio": round(seconds / reference, 1), "kept_seconds": round(kept, 2),
        "dashboard_ms": round(1000 * timed(lambda: expected(creditor=creditor, as_of=AS_OF)), 1),
        "how_good_ms": round(1000 * timed(lambda: how_good(creditor=creditor, as_of=AS_OF)), 1),
        "customer_ms": round(50 * timed(lambda: [of_customer(customer=each, as_of=AS_OF) for each in some]), 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
