"""Late interest and the indemnity of open invoices that are all late: the first day, a quiet day, and the end of a month.

Fills an empty database, lets every tenth invoice be paid in part, and has PostgreSQL copy as many bare entries in as the first
day posts, for comparison.
"""

import resource
from datetime import date
from typing import Any

from amiable.ledger import choose
from amiable.ledger.accrue import Summary, accrue
from amiable.ledger.models import Creditor
from bench import day

AS_OF = date(2026, 3, 20)
_LATE = [
    "ALTER TABLE ledger_invoice DISABLE TRIGGER USER",
    """UPDATE ledger_invoice SET due_on = DATE '2026-03-10' - (id %% 100)::int""",
    "UPDATE ledger_customer SET kind = 'business'",
    "ALTER TABLE ledger_invoice ENABLE TRIGGER USER",
    """INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
         amount_minor, open_minor, method, provisional, known_at)
       SELECT creditor_id, customer_id, 'bench', id, 'payment', '', due_on + 5, 'EUR', 500, 500, 'transfer', false, %(now)s
       FROM ledger_invoice WHERE id %% 10 = 0""",
    """INSERT INTO ledger_allocation (credit_id, invoice_id, amount_minor, effective_on, known_at, rule)
       SELECT c.id, i.id, 500, c.received_on, %(now)s, 'named' FROM ledger_credit c
       JOIN ledger_invoice i ON i.id = c.external_id::bigint""",
]
_REFERENCE = """
INSERT INTO ledger_entry (kind, invoice_id, amount_minor, effective_on, known_at, reason, period_on, part)
SELECT kind, invoice_id, amount_minor, effective_on, known_at, reason, period_on, part + 1000 FROM ledger_entry
WHERE period_on IS NOT NULL AND part < 1000
"""


def run(*, invoices: int) -> dict[str, Any]:
    """Seconds of the first accrual, of one that finds nothing new, of a month's end, and of bare inserts of the same rows."""
    values = {"customers": max(invoices // 4, 1), "invoices": invoices, "as_of": day.AS_OF, "now": day.NOW}
    day.fill(values)
    for statement in _LATE:
        day.execute(statement, values)
    day.execute("VACUUM ANALYZE ledger_customer, ledger_invoice, ledger_credit, ledger_allocation, ledger_entry", {})
    house = Creditor.objects.get()
    rule = choose.Rule(date(2025, 11, 1), {"business": choose.Choice(choose.CLAIM, choose.CLAIM)})
    choose.choose(creditor=house, rule=rule, as_of=AS_OF, now=day.NOW)
    told: list[Summary] = []
    seconds = []
    for on in (AS_OF, AS_OF, date(2026, 4, 6)):
        seconds.append(
            day.timed(lambda on=on: told.append(accrue(creditor=house, as_of=on, now=day.NOW)))  # type: ignore[misc]
        )
        day.execute("VACUUM ANALYZE ledger_invoice, ledger_entry", {})
    day.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER", {})
    reference = day.timed(lambda: day.execute(_REFERENCE, {}))
    rows = sum(each.posted for each in told)
    return {
        "seconds": round(seconds[0], 2), "posted": told[0].posted, "quiet_seconds": round(seconds[1], 2),
        "quiet_posted": told[1].posted, "month_seconds": round(seconds[2], 2), "month_posted": told[2].posted,
        "reference": "bare inserts of all these entries, without triggers", "reference_seconds": round(reference, 2),
        "ratio": round((seconds[0] + seconds[2]) / reference, 2), "rows": rows, "invoices": invoices,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
