"""A year of accounting entries into the ledger, beside a bare COPY of the resulting rows into tables with the same indexes.

Makes a FEC of an invented firm and a creditor of its own, loads the one for the other, and removes both again.
"""

import io
import json
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import django
from django.db import connection, transaction

TABLES = ("ledger_customer", "ledger_invoice", "ledger_credit", "ledger_allocation", "ledger_entry")
AS_OF = date(2024, 1, 15)
NOW = datetime(2024, 1, 15, 6, tzinfo=UTC)
REPEATS = 3
# What belongs to the creditor under test; entries and allocations are reached through the rows that they name.
_MINE = {
    "ledger_customer": "creditor_id = {creditor}",
    "ledger_invoice": "creditor_id = {creditor}",
    "ledger_credit": "creditor_id = {creditor}",
    "ledger_allocation": "id IN (SELECT a.id FROM ledger_allocation a JOIN ledger_invoice i ON i.id = a.invoice_id"
    " WHERE i.creditor_id = {creditor})",
    "ledger_entry": "id IN (SELECT e.id FROM ledger_entry e LEFT JOIN ledger_invoice i ON i.id = e.invoice_id"
    " LEFT JOIN ledger_credit c ON c.id = e.credit_id WHERE coalesce(i.creditor_id, c.creditor_id) = {creditor})",
}


def run(*, rows: int = 1_000_000) -> dict[str, Any]:
    """Seconds, lines per second, the reference's seconds, their ratio and the peak memory of the importing process."""
    from amiable.ledger.models import Creditor
    from tests.intake.fec import SIREN, Books

    creditor = Creditor.objects.create(key=f"bench-{secrets.token_hex(4)}", name="Bench", siren=SIREN, created_at=NOW)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Books(customers=max(rows // 50, 10)).write(Path(folder), year=2023, rows=rows)
            # A process of its own: its peak of memory is then the import's and nobody else's.
            child = subprocess.run(
                [sys.executable, "-m", "bench.import_fec", str(creditor.pk), str(path)],
                check=False,
                capture_output=True,
                text=True,
            )
        if child.returncode:
            raise RuntimeError(f"The import failed: {child.stderr[-2000:]}")
        told = json.loads(child.stdout.splitlines()[-1])
        reference = _reference(creditor.pk)
    finally:
        _remove(creditor.pk)
    return {
        "rows": told["rows"],
        "seconds": round(told["seconds"], 2),
        "per_second": round(told["rows"] / told["seconds"]),
        "reference": "bare COPY of the resulting rows into fresh tables with the same indexes",
        "reference_seconds": round(reference, 2),
        "ratio": round(told["seconds"] / reference, 2),
        "peak_mb": told["peak_mb"],
        "entries": told["entries"],
    }


def load_once(creditor: int, path: str) -> dict[str, Any]:
    """The import alone, measured from the call to the commit."""
    from amiable.intake.load import load
    from amiable.ledger.models import Creditor

    started = time.perf_counter()
    summary = load(path=path, creditor=Creditor.objects.get(pk=creditor), as_of=AS_OF, now=NOW)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": seconds, "rows": summary.rows, "entries": summary.entries, "peak_mb": peak}


def _reference(creditor: int) -> float:
    """The median of bare copies of the same rows, each into fresh tables and committed."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")
    copies = {table: _copied_out(table, creditor) for table in TABLES}
    return statistics.median(_copy_in(copies) for _turn in range(REPEATS))


def _copied_out(table: str, creditor: int) -> bytes:
    buffer = io.BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY (SELECT * FROM {table} WHERE {_MINE[table].format(creditor=creditor)} ORDER BY id) TO STDOUT (FORMAT csv)"
        ) as copy,
    ):
        for chunk in copy:
            buffer.write(chunk)
    return buffer.getvalue()


def _copy_in(copies: dict[str, bytes]) -> float:
    scratch = f"bench_{secrets.token_hex(4)}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {scratch}")
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {scratch}.{table} (LIKE {table} INCLUDING INDEXES)")
        started = time.perf_counter()
        with transaction.atomic():
            for table, content in copies.items():
                with cursor.copy(f"COPY {scratch}.{table} FROM STDIN (FORMAT csv)") as copy:
                    copy.write(content)
        seconds = time.perf_counter() - started
        cursor.execute(f"DROP SCHEMA {scratch} CASCADE")
    return seconds


def _remove(creditor: int) -> None:
    """Takes the creditor under test away again, with its append-only rows: their guards are asleep in this session alone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in reversed(TABLES):
            cursor.execute(f"DELETE FROM {table} WHERE {_MINE[table].format(creditor=creditor)}")
        cursor.execute(
            "DELETE FROM intake_quarantinedrow WHERE loaded_by_id IN"
            f" (SELECT id FROM intake_import WHERE creditor_id = {creditor})"
        )
        for table in ("intake_import", "intake_source"):
            cursor.execute(f"DELETE FROM {table} WHERE creditor_id = {creditor}")
        cursor.execute(f"DELETE FROM ledger_creditor WHERE id = {creditor}")
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM {table}")  # else the next measurement writes around the rows of this one


if __name__ == "__main__":
    django.setup()
    if len(sys.argv) == 3:
        print(json.dumps(load_once(int(sys.argv[1]), sys.argv[2])))
    else:
        print(json.dumps(run(rows=int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000), indent=1))
