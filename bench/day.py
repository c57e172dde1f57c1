"""The decide step of the day, database to database, beside one INSERT ... SELECT of the same columns.

Fills an empty database with customers and open invoices in a steady state (each has climbed to where its lateness
puts it, give or take the last days), runs refresh and decide, and
then lets PostgreSQL alone compute exposure, days past due and the level due, from the same tables, in the same run.
"""

import resource
import statistics
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from amiable.portfolio.refresh import refresh
from amiable.scenario import shelf
from amiable.scenario.decide import decide

AS_OF = date(2026, 3, 11)
NOW = datetime(2026, 3, 11, 6, tzinfo=ZoneInfo("Europe/Paris"))

BEGINNING = [
    "TRUNCATE ledger_creditor, portfolio_refreshed, portfolio_stale, scenario_scenario CASCADE",
    "DROP TABLE IF EXISTS bench_reference",
    """INSERT INTO ledger_creditor (key, name, siren, country, currency, language, time_zone, address, email, phone,
         payment_phone, iban, bic, cash_authority, policy, stopped_why, released_at, created_at)
       VALUES ('bench', 'Bench', '', 'FR', 'EUR', 'fr', 'Europe/Paris', '', '', '', '', '', '', 'accounts', '{}', '',
         %(now)s, %(now)s)""",
]
_FILL = [
    *BEGINNING,
    """INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country, postcode,
         city, street, sector, terms_end_of_month, payment_method, potential, key_account, assistance, created_at)
       SELECT c.id, 'bench', n, 'C' || n, @name, CASE WHEN n %% 3 = 0 THEN 'consumer' ELSE 'business' END, '', 'fr',
         'FR', '75001', 'Paris', '1 rue', '', false, '', '', n %% 50 = 0, '', %(now)s
       FROM ledger_creditor c, generate_series(1, %(customers)s) n""",
    """INSERT INTO ledger_contact (customer_id, name, role, language, preferences, created_at)
       SELECT id, '', 'main', '', '{}', %(now)s FROM ledger_customer""",
    """INSERT INTO ledger_contactpoint (contact_id, medium, value, failure)
       SELECT id, 'email', 'c' || id || '@example.org', '' FROM ledger_contact""",
    """INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
         issued_on, due_on, currency, amount_minor, open_minor, known_at, reached, reached_on)
       SELECT u.creditor_id, u.id, 'bench', n, 'F' || n, 'invoice', 'receivable', '', d.due_on - 30, d.due_on, 'EUR',
         m.amount, m.amount, %(now)s, r.reached, CASE WHEN r.reached > 0 THEN %(as_of)s - (14 + n %% 6)::int END
       FROM generate_series(1, %(invoices)s) n
       JOIN ledger_customer u ON u.external_id = (1 + (n * 7919::bigint) %% %(customers)s)::text
       CROSS JOIN LATERAL (SELECT %(as_of)s - (n * 31 %% 120)::int + 45 AS due_on) d
       CROSS JOIN LATERAL (SELECT 1000 + (n * 104729::bigint) %% 500000 AS amount) m
       CROSS JOIN LATERAL (SELECT %(as_of)s - d.due_on AS late) l
       CROSS JOIN LATERAL (SELECT u.kind = 'consumer' AS private) k
       CROSS JOIN LATERAL (SELECT CASE
         WHEN late > CASE WHEN private THEN 45 ELSE 35 END THEN 50 WHEN late > CASE WHEN private THEN 26 ELSE 20 END THEN 40
         WHEN late > CASE WHEN private THEN 14 ELSE 12 END THEN 30 WHEN late > CASE WHEN private THEN 4 ELSE 3 END THEN 20
         WHEN late > CASE WHEN private THEN -5 ELSE -7 END THEN 10 ELSE 0 END AS reached) r""",
]
_REFERENCE = """
INSERT INTO bench_reference
SELECT customer_id, currency, sum(open_minor), sum(open_minor) FILTER (WHERE due_on >= %(as_of)s),
  sum(open_minor) FILTER (WHERE due_on < %(as_of)s), max(%(as_of)s - due_on),
  max(CASE WHEN %(as_of)s - due_on >= 35 AND reached < 50 THEN 50 WHEN %(as_of)s - due_on >= 20 AND reached < 40 THEN 40
           WHEN %(as_of)s - due_on >= 12 AND reached < 30 THEN 30 WHEN %(as_of)s - due_on >= 3 AND reached < 20 THEN 20
           WHEN %(as_of)s - due_on >= -7 AND reached < 10 THEN 10 END)
FROM ledger_invoice WHERE open_minor > 0 GROUP BY customer_id, currency
"""


def run(*, customers: int, invoices: int, repeats: int = 3) -> dict[str, Any]:
    """Seconds of the decide step (median of `repeats`), of the reference, and their ratio; needs an empty database."""
    values = {"customers": customers, "invoices": invoices, "as_of": AS_OF, "now": NOW}
    fill(values)
    execute("VACUUM ANALYZE ledger_customer, ledger_contact, ledger_contactpoint, ledger_invoice, ledger_entry", {})
    shelf.stock(now=NOW)
    refreshed = timed(lambda: refresh(as_of=AS_OF))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE portfolio_profile")
        cursor.execute(
            "CREATE TABLE bench_reference (customer_id bigint, currency varchar(3), open_minor bigint, not_due_minor bigint,"
            " overdue_minor bigint, dpd int, level int, UNIQUE (customer_id, currency))"
        )
    seconds, reference, counts = [], [], {}
    for _ in range(repeats):
        empty("scenario_decision", "casework_case")
        started = time.perf_counter()
        counts = decide(as_of=AS_OF, now=NOW)
        seconds.append(time.perf_counter() - started)
        empty("bench_reference")
        reference.append(timed(lambda: execute(_REFERENCE, values)))
    taken, base = statistics.median(seconds), statistics.median(reference)
    return {
        "seconds": round(taken, 3), "per_second": round(invoices / taken),
        "reference": "INSERT ... SELECT of exposure, days past due and level",
        "reference_seconds": round(base, 3), "ratio": round(taken / base, 2), "refresh_seconds": round(refreshed, 3),
        "customers": customers, "invoices": invoices, "decisions": counts,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def fill(values: dict[str, Any], *, name: str = "'Customer ' || n") -> None:
    """Customers and open invoices in a steady state: `values` has customers, invoices, as_of, now. `name`: in SQL, of the nth."""
    for statement in _FILL:
        execute(statement.replace("@name", name), values)


def execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def empty(*tables: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
