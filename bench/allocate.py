"""A hundred thousand payments spread over their invoices in bulk, beside a bare COPY of the resulting rows.

The rows that result: allocations, their entries, and the credits and
invoices whose residuals moved, each written once more.
"""

import io
import resource
import secrets
import statistics
import time
from typing import Any

from django.db import connection, transaction

from amiable.ledger.models import Creditor
from amiable.payments.allocate import allocate_open
from bench import day

REPEATS = 3
_CREDITS = """
INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
  amount_minor, open_minor, method, provisional, known_at)
SELECT i.creditor_id, i.customer_id, 'bench', 'p' || i.id, 'payment', CASE WHEN i.id %% 3 = 0 THEN i.reference ELSE '' END,
  %(as_of)s, 'EUR', greatest(i.amount_minor - i.id %% 7, 1), greatest(i.amount_minor - i.id %% 7, 1), 'transfer', false, %(now)s
FROM ledger_invoice i ORDER BY i.id LIMIT %(payments)s
"""
_RESULT = {
    "ledger_allocation": "SELECT * FROM ledger_allocation ORDER BY id",
    "ledger_entry": "SELECT * FROM ledger_entry WHERE kind = 'allocation' ORDER BY id",
    "ledger_credit": "SELECT * FROM ledger_credit WHERE open_minor < amount_minor ORDER BY id",
    "ledger_invoice": "SELECT * FROM ledger_invoice WHERE open_minor < amount_minor ORDER BY id",
}


def run(*, payments: int = 100_000) -> dict[str, Any]:
    """Seconds of allocate_open, of the reference, and their ratio."""
    values = {
        "customers": max(payments // 5, 1),
        "invoices": payments * 2,
        "payments": payments,
        "as_of": day.AS_OF,
        "now": day.NOW,
    }
    day.fill(values)
    day.execute(_CREDITS, values | {"payments": payments})
    day.execute("VACUUM ANALYZE ledger_customer, ledger_invoice, ledger_credit, ledger_entry", {})
    creditor = Creditor.objects.get()
    started = time.perf_counter()
    done = allocate_open(creditor=creditor, as_of=day.AS_OF, now=day.NOW)
    seconds = time.perf_counter() - started
    copies = {table: _copied_out(query) for table, query in _RESULT.items()}
    reference = statistics.median(_copy_in(copies) for _turn in range(REPEATS))
    return {
        "payments": payments, "allocations": done.allocations, "seconds": round(seconds, 2),
        "per_second": round(payments / seconds),
        "reference": "bare COPY of the resulting rows into fresh tables with the same indexes",
        "reference_seconds": round(reference, 2), "ratio": round(seconds / reference, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _copied_out(query: str) -> bytes:
    buffer = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
        for chunk in copy:
            buffer.write(chunk)
    return buffer.getvalue()


def _copy_in(copies: dict[str, bytes]) -> float:
    scratch = f"bench_{secrets.token_hex(4)}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scratch}")
        for table in copies:
            cursor.execute(f"CREATE TABLE {scratch}.{table} (LIKE {table} INCLUDING INDEXES)")
        started = time.perf_counter()
        with transaction.atomic():
            for table, content in copies.items():
                with cursor.copy(f"COPY {scratch}.{table} FROM STDIN") as copy:
                    copy.write(content)
        seconds = time.perf_counter() - started
        cursor.execute(f"DROP SCHEMA {scratch} CASCADE")
    return seconds
