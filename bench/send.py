"""Planned e-mails looked at, rendered, written down and handed over by SMTP to a sink on the loopback.

Two workers, as on a server with two cores. The reference is one bare connection that hands over the same bytes.
"""

import resource
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import Avg
from django.db.models.functions import Length

from bench import day

WORKERS = 2


def run(*, messages: int, statements: bool = False, repeats: int = 3) -> dict[str, Any]:
    """E-mails a second over all workers (median of `repeats`); `statements`: each with the statement as PDF."""
    from amiable.outreach.models import Message
    from amiable.outreach.send import BATCH

    # More than half of the customers are late.
    day.fill({"customers": 2 * messages, "invoices": 4 * messages, "as_of": day.AS_OF, "now": day.NOW})
    day.execute("UPDATE ledger_creditor SET iban = 'FR7630006000011234567890189', email = 'accounts@bench.example'", {})
    seconds, planned = [], 0
    with _sink() as port:
        for _repeat in range(repeats):
            day.empty("outreach_message")
            planned = _plan(messages, statements=statements)
            day.execute("VACUUM ANALYZE outreach_message, ledger_invoice, ledger_contact, ledger_contactpoint", {})
            seconds.append(_sent(port))
            if left := Message.objects.exclude(state="sent").count():
                raise RuntimeError(f"{left} of {planned} messages did not leave.")
        size = int(Message.objects.aggregate(size=Avg(Length("html") + Length("text")))["size"])
        reference = _handed_over(port, size=size, count=planned)
    taken = statistics.median(seconds)
    return {
        "seconds": round(taken, 3), "per_second": round(planned / taken), "messages": planned, "workers": WORKERS,
        "statements": statements, "batch": BATCH, "reference": "as many bytes over one bare SMTP connection",
        "reference_seconds": round(reference, 3), "ratio": round(taken / reference, 2), "bytes": size,
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }  # fmt: skip


def _plan(messages: int, *, statements: bool) -> int:
    """A reminder to so many customers who are late, of all that is late."""
    from amiable.outreach.order import Order, order

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT creditor_id, customer_id, array_agg(id ORDER BY due_on, id) FROM ledger_invoice"
            " WHERE due_on < %s GROUP BY 1, 2 ORDER BY 2 LIMIT %s",
            [day.AS_OF, messages],
        )
        rows = cursor.fetchall()
    context = {"attach_statement": statements}
    wishes = (
        Order(
            key=f"bench:{customer}", creditor_id=creditor, customer_id=customer, currency="EUR", purpose="reminder_1",
            medium="email", tone="warm", as_of=day.AS_OF, about=about, level=20, context=context,
        )
        for creditor, customer, about in rows
    )  # fmt: skip
    return order(wishes, now=day.NOW)


def _sent(port: int) -> float:
    """Seconds that the workers take together, from the word to begin until the last one has ended."""
    workers = [
        _process("bench.sender", str(port), day.AS_OF.isoformat(), day.NOW.replace(hour=9).isoformat())
        for _n in range(WORKERS)
    ]
    for each in workers:
        assert each.stdout is not None
        each.stdout.readline()  # ready
    started = time.perf_counter()
    for each in workers:
        assert each.stdin is not None
        each.stdin.close()
    codes = [each.wait() for each in workers]
    seconds = time.perf_counter() - started
    if any(codes):
        raise RuntimeError("A worker failed; what went wrong stands above.")
    return seconds


@contextmanager
def _sink() -> Iterator[int]:
    sink = _process("bench.sink")
    assert sink.stdout is not None
    try:
        yield int(sink.stdout.readline())
    finally:
        sink.communicate()


def _process(module: str, *asked: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _handed_over(port: int, *, size: int, count: int) -> float:
    """Seconds for so many messages of that size and nothing else, from one connection."""
    content = b"Subject: bench\r\n\r\n" + b"\r\n".join([b"x" * 74] * (size // 76))
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for _n in range(count):
            server.sendmail("a@bench.example", ["b@bench.example"], content)
    return time.perf_counter() - started
