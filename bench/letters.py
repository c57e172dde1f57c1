"""Letters as one batch: from their data in the tray to the file that the printer takes, written to disk.

The reference is the plainest Typst document with as many pages, a few lines of text on each, from the same processes.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from bench import day, plain

ENCLOSED = 10  # every so-manieth letter has its account enclosed
_FURNISH = [
    """UPDATE ledger_creditor SET iban = 'FR7630006000011234567890189', bic = 'AGRIFRPP', phone = '+33472000001',
         email = 'accounts@bench.example', payment_phone = '+33472000002',
         address = '12 rue des Tanneurs' || chr(10) || '69002 Lyon'""",
    "UPDATE ledger_customer SET postcode = lpad((1000 + id * 37 %% 95000)::text, 5, '0'), street = id || ' rue du Lac'",
]


def run(*, letters: int, repeats: int = 2) -> dict[str, Any]:
    """Pages a second (median of `repeats`) of one batch; one letter in ten has its account enclosed."""
    from amiable.ledger.models import Creditor
    from amiable.outreach.bundle import printed
    from amiable.outreach.models import LetterBatch
    from amiable.outreach.tray import make

    day.fill({"customers": 2 * letters, "invoices": 4 * letters, "as_of": day.AS_OF, "now": day.NOW})
    for statement in _FURNISH:
        day.execute(statement, {})
    laid = _lay(letters)
    started = time.perf_counter()
    for creditor in Creditor.objects.order_by("pk"):
        make(creditor=creditor, as_of=day.AS_OF, now=day.NOW + timedelta(hours=2), by=None)
    making = time.perf_counter() - started
    batches = list(LetterBatch.objects.select_related("creditor").order_by("pk"))
    pages = sum(batch.pages for batch in batches)
    seconds, size = [], 0
    for _repeat in range(repeats):
        started = time.perf_counter()
        size = sum(_written(printed(batch)) for batch in batches)
        seconds.append(time.perf_counter() - started)
    taken = statistics.median(seconds)
    reference = _plain(pages)
    return {
        "pages_per_second": round(pages / taken), "seconds": round(taken, 2), "letters": sum(b.letters for b in batches),
        "pages": pages, "file_mb": round(size / 1e6, 1), "laid_per_second": round(letters / laid),
        "making_seconds": round(making, 2), "reference": "plain pages from Typst", "reference_seconds": round(reference, 2),
        "ratio": round(taken / reference, 2), "cores": len(os.sched_getaffinity(0)),
        "peak_mb": max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) // 1024,
    }  # fmt: skip


def _lay(letters: int) -> float:
    """Seconds in which one worker looks at, writes, typesets and lays so many reminders into the tray."""
    from amiable.outreach.order import Order, order
    from amiable.outreach.send import send

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT creditor_id, customer_id, array_agg(id ORDER BY due_on, id) FROM ledger_invoice"
            " WHERE due_on < %s GROUP BY 1, 2 ORDER BY 2 LIMIT %s",
            [day.AS_OF, letters],
        )
        rows = cursor.fetchall()
    wishes = (
        Order(
            key=f"bench:{customer}", creditor_id=creditor, customer_id=customer, currency="EUR", purpose="reminder_2",
            medium="letter", tone="neutral", as_of=day.AS_OF, about=about, level=30,
            context={"attach_statement": place % ENCLOSED == 0},
        )
        for place, (creditor, customer, about) in enumerate(rows)
    )  # fmt: skip
    order(wishes, now=day.NOW)
    day.execute("VACUUM ANALYZE outreach_message, ledger_invoice, ledger_contact, ledger_contactpoint", {})
    started = time.perf_counter()
    summary = send(as_of=day.AS_OF, now=day.NOW.replace(hour=9), carriers={"letter": "letter"})
    if summary.sent != len(rows):
        raise RuntimeError(f"Of {len(rows)} letters {summary.sent} were laid into the tray.")
    return time.perf_counter() - started


def _plain(pages: int) -> float:
    started = time.perf_counter()
    _written(plain.pages(pages))
    return time.perf_counter() - started


def _written(pieces: Iterable[bytes]) -> int:
    """Bytes that were written to a file, piece by piece."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "batch.pdf").open("wb") as file:
        return sum(file.write(piece) for piece in pieces)
