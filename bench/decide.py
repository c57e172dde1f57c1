"""Segments and decisions from stored facts to written rows, beside one INSERT ... SELECT of the same columns.

The same invented house as bench/day.py; the reference computes segment, level and verdict in PostgreSQL alone, from the
same tables, in the same run.
"""

import resource
import statistics
import time
from typing import Any

from amiable.core.conditions import parse
from amiable.ledger.models import Creditor
from amiable.portfolio import facts, segments
from amiable.portfolio.refresh import refresh
from amiable.scenario import shelf
from amiable.scenario.decide import decide
from bench import day

# The facts that the starter conditions name, as PostgreSQL reads them from a profile (p) and its customer (u).
_SOURCES = {
    **{fact.name: f"p.{fact.name}_minor / 100.0" for fact in facts.FACTS if f"{fact.name}_minor" in facts.COLUMNS},
    **{name: f"p.{name}" for name in facts.COLUMNS},
    **{name: f"u.{name}" for name in ("kind", "sector", "payment_method", "potential", "key_account")},
    "dpd": "greatest(%(as_of)s - p.oldest_due_on, 0)",
    "tenure_days": "%(as_of)s - least(p.first_on, u.customer_since)",
    "sector_state": "coalesce(d.policy -> 'sector_states' ->> u.sector, '')",
}
_REFERENCE = """
INSERT INTO bench_reference
SELECT p.customer_id, p.currency, {segment}, i.level,
  CASE WHEN i.level IS NULL THEN '' WHEN NOT EXISTS (
         SELECT FROM ledger_contact t JOIN ledger_contactpoint a ON a.contact_id = t.id
       WHERE t.customer_id = p.customer_id AND a.medium = 'email' AND a.failed_at IS NULL) THEN 'not' ELSE 'do' END
FROM (SELECT p.*, {facts} FROM portfolio_profile p JOIN ledger_customer u ON u.id = p.customer_id
      JOIN ledger_creditor d ON d.id = p.creditor_id) p
LEFT JOIN (SELECT customer_id, currency,
    max(CASE WHEN %(as_of)s - due_on >= 35 AND reached < 50 THEN 50 WHEN %(as_of)s - due_on >= 20 AND reached < 40 THEN 40
             WHEN %(as_of)s - due_on >= 12 AND reached < 30 THEN 30 WHEN %(as_of)s - due_on >= 3 AND reached < 20 THEN 20
             WHEN %(as_of)s - due_on >= -7 AND reached < 10 THEN 10 END) AS level
  FROM ledger_invoice WHERE open_minor > 0 GROUP BY customer_id, currency) i
  ON i.customer_id = p.customer_id AND i.currency = p.currency
"""


def run(*, customers: int, invoices: int, repeats: int = 3) -> dict[str, Any]:
    """Seconds from stored facts to written decisions (median), of the reference, and their ratio."""
    values = {"customers": customers, "invoices": invoices, "as_of": day.AS_OF, "now": day.NOW}
    day.fill(values)
    day.execute("VACUUM ANALYZE ledger_customer, ledger_contact, ledger_contactpoint, ledger_invoice, ledger_entry", {})
    shelf.stock(now=day.NOW)
    refresh(as_of=day.AS_OF)
    day.execute("VACUUM ANALYZE portfolio_profile, portfolio_membership", {})
    day.execute(
        "CREATE TABLE bench_reference (customer_id bigint, currency varchar(3), segment text, level int, verdict text,"
        " UNIQUE (customer_id, currency))",
        {},
    )
    seconds, reference, counts = [], [], {}
    for _ in range(repeats):
        day.empty("scenario_decision", "casework_case")
        started = time.perf_counter()
        for creditor in Creditor.objects.all():
            segments.place(creditor=creditor, as_of=day.AS_OF)
        counts = decide(as_of=day.AS_OF, now=day.NOW)
        seconds.append(time.perf_counter() - started)
        day.empty("bench_reference")
        reference.append(day.timed(lambda: day.execute(_reference(), values)))
    taken, base = statistics.median(seconds), statistics.median(reference)
    return {
        "seconds": round(taken, 3), "per_second": round(customers / taken),
        "reference": "INSERT ... SELECT of segment, level and verdict", "reference_seconds": round(base, 3),
        "ratio": round(taken / base, 2), "customers": customers, "invoices": invoices, "decisions": counts,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _reference() -> str:
    chosen = segments.starter()
    known = facts.schema()
    names = sorted({name for each in chosen for name in parse(each.get("when", ""), known).meta.root_names()})
    # A column of the profile keeps its name; what is worked out gets another, so that none is there twice.
    listed = ", ".join(f"{_SOURCES[name]} AS {name}" for name in names if name not in facts.COLUMNS)
    cases = " ".join(f"WHEN {each['when']} THEN '{each['key']}'" for each in chosen if each.get("when"))
    last = next((each["key"] for each in chosen if not each.get("when")), "")
    return _REFERENCE.format(segment=f"CASE {cases} ELSE '{last}' END", facts=listed)
