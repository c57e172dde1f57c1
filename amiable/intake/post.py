"""Staged movements to the ledger, set by set: customers, invoices, credits, and what settles what.

In: the temporary table `staged` (see interpret.SCHEMA). Out: ledger rows, and `told` with the fate of each row.
Never: a known row overwritten, a debt told twice counted twice, a loop over rows.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from amiable.intake.models import Source
from amiable.ledger.models import Creditor


@dataclass(frozen=True)
class Told:
    """Whose word is being loaded, and when."""

    creditor: Creditor
    source: Source
    as_of: date
    now: datetime
    backfill: bool = False  # history: known when it happened
    path: Path | None = None  # where the bytes are; none in a dry run, which keeps none

    def values(self) -> dict[str, Any]:
        return {
            "creditor": self.creditor.pk,
            "source": f"file:{self.source.key}"[:60],
            "zone": self.creditor.time_zone,
            "country": self.creditor.country,
            "provisional": self.creditor.cash_authority != "accounts",
            "terms": int(self.creditor.policy.get("terms_days", 30)),
            "as_of": self.as_of,
            "now": self.now,
            "backfill": self.backfill,
        }


KNOWN_AT = "CASE WHEN %(backfill)s THEN least(({day}::timestamp AT TIME ZONE %(zone)s), %(now)s) ELSE %(now)s END"

CUSTOMERS = """
INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country,
    postcode, city,
    street, terms_end_of_month, sector, payment_method, potential, key_account, assistance, created_at)
SELECT %(creditor)s, %(source)s, s.number, s.number, coalesce(max(s.name), s.number), 'business', '', '',
    %(country)s, '', '',
    '', false, '', '', '', false, '', %(now)s
FROM staged s
WHERE NOT EXISTS (SELECT FROM ledger_customer c WHERE c.creditor_id = %(creditor)s AND c.number = s.number)
GROUP BY s.number
"""

BRANCHES = """
INSERT INTO ledger_branch (creditor_id, code, name)
SELECT DISTINCT %(creditor)s, s.branch, s.branch FROM staged s
WHERE s.branch IS NOT NULL AND NOT EXISTS (
    SELECT FROM ledger_branch b WHERE b.creditor_id = %(creditor)s AND (b.code = s.branch
        OR lower(b.name) = lower(s.branch)))
"""

# One row per claim: the same row twice is one, one reference with several due dates is as many terms.
TELL = """
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT s.*, s.debit AND s.rank_due = 1 AND s.terms > 1 OR s.rank_due > 1 AS is_term, NULL::bigint AS known_id,
    NULL::bigint AS row_id,
    CASE WHEN s.least_amount <> s.most_amount THEN 'twice' WHEN s.copy > 1 AND NOT s.derived
        THEN 'same' ELSE 'new' END AS fate,
    NULL::bigint AS known_minor, NULL::text AS known_currency
FROM (
    SELECT w.*, max(w.rank_due) OVER (PARTITION BY w.debit, w.external_id) AS terms
    FROM (
        SELECT s.line, s.kind, s.external_id, s.reference, s.order_reference, s.issued_on, s.currency,
            s.amount_minor, s.whole_minor,
            s.negative, s.settles, s.lettered, s.lettered_on, s.method, s.reached, s.reached_on,
            s.kind IN ('invoice', 'debit_note') AS debit,
            s.kind IN ('payment', 'other') AS derived,
            coalesce(c.merged_into_id, c.id) AS customer_id, coalesce(b.id, c.branch_id) AS branch_id,
            coalesce(s.due_on, CASE WHEN c.terms_end_of_month
                THEN (date_trunc('month', s.issued_on + coalesce(c.terms_days,
                    %(terms)s)) + interval '1 month - 1 day')::date
                ELSE s.issued_on + coalesce(c.terms_days, %(terms)s) END) AS due_on,
            dense_rank() OVER (PARTITION BY s.kind IN ('invoice', 'debit_note'),
                s.external_id ORDER BY s.due_on) AS rank_due,
            row_number() OVER same AS copy,
            min(s.amount_minor) OVER same_due AS least_amount, max(s.amount_minor) OVER same_due AS most_amount
        FROM staged s
        JOIN ledger_customer c ON c.creditor_id = %(creditor)s AND c.number = s.number
        LEFT JOIN LATERAL (SELECT id FROM ledger_branch b WHERE b.creditor_id = %(creditor)s
            AND (b.code = s.branch OR lower(b.name) = lower(s.branch))
            ORDER BY b.code = s.branch DESC, b.id LIMIT 1) b ON true
        WHERE s.amount_minor > 0 OR %(keep_nil)s
        WINDOW same AS (PARTITION BY s.kind IN ('invoice', 'debit_note'), s.external_id, s.due_on,
            s.amount_minor ORDER BY s.line),
            same_due AS (PARTITION BY s.kind IN ('invoice', 'debit_note'), s.external_id, s.due_on)
    ) w
) s
"""

APART = """
UPDATE told SET external_id = left(external_id, 108) || '#' || CASE WHEN debit THEN rank_due ELSE copy END
WHERE fate = 'new' AND CASE WHEN debit THEN rank_due > 1 ELSE copy > 1 END
"""

KNOWN_INVOICES = (
    """
UPDATE told t SET known_id = i.id FROM ledger_invoice i
WHERE t.debit AND t.fate = 'new' AND i.creditor_id = %(creditor)s AND i.source = %(source)s
    AND i.external_id = t.external_id
""",
    """
UPDATE told t SET known_id = i.id FROM (
    SELECT customer_id, reference, due_on, max(id) AS id FROM ledger_invoice
    WHERE creditor_id = %(creditor)s AND customer_id IN (SELECT customer_id FROM told)
    GROUP BY customer_id, reference, due_on HAVING count(*) = 1
) i
WHERE t.debit AND t.fate = 'new' AND t.known_id IS NULL
    AND i.customer_id = t.customer_id AND i.reference = t.reference AND i.due_on = t.due_on
""",
    """
UPDATE told t SET known_id = i.id FROM (
    SELECT customer_id, reference, max(id) AS id, max(issued_on) AS issued_on FROM ledger_invoice
    WHERE creditor_id = %(creditor)s AND customer_id IN (SELECT customer_id FROM told)
    GROUP BY customer_id, reference HAVING count(*) = 1
) i
WHERE t.debit AND t.fate = 'new' AND t.known_id IS NULL AND t.terms = 1
    AND i.customer_id = t.customer_id AND i.reference = t.reference AND abs(i.issued_on - t.issued_on) < 300
""",
)

KNOWN_CREDITS = (
    """
UPDATE told t SET known_id = c.id FROM ledger_credit c
WHERE NOT t.debit AND t.fate = 'new' AND c.creditor_id = %(creditor)s AND c.source = %(source)s
    AND c.external_id = t.external_id
""",
    """
UPDATE told t SET known_id = c.id FROM (
    SELECT customer_id, reference, amount_minor, max(id) AS id FROM ledger_credit
    WHERE creditor_id = %(creditor)s AND kind = 'credit_note' AND reference <> ''
        AND customer_id IN (SELECT customer_id FROM told)
    GROUP BY customer_id, reference, amount_minor HAVING count(*) = 1
) c
WHERE t.kind = 'credit_note' AND t.fate = 'new' AND t.known_id IS NULL
    AND c.customer_id = t.customer_id AND c.reference = t.reference AND c.amount_minor = t.amount_minor
""",
)

JUDGE_INVOICES = """
UPDATE told t SET row_id = i.id, known_minor = i.amount_minor, known_currency = i.currency,
    fate = CASE WHEN i.currency <> t.currency OR (i.amount_minor <> t.amount_minor AND NOT %(keep_nil)s) THEN 'other'
        WHEN i.customer_id <> t.customer_id THEN 'elsewhere' ELSE 'known' END
FROM ledger_invoice i WHERE t.debit AND i.id = t.known_id
"""

JUDGE_CREDITS = """
UPDATE told t SET row_id = c.id, known_minor = c.amount_minor, known_currency = c.currency,
    fate = CASE WHEN c.currency <> t.currency OR (c.amount_minor <> t.amount_minor AND NOT %(keep_nil)s) THEN 'other'
        WHEN c.customer_id <> t.customer_id THEN 'elsewhere' ELSE 'known' END
FROM ledger_credit c WHERE NOT t.debit AND c.id = t.known_id
"""

NUMBER = """
UPDATE told SET row_id = CASE WHEN debit
    THEN nextval('ledger_invoice_id_seq') ELSE nextval('ledger_credit_id_seq') END
WHERE fate = 'new'
"""

INVOICES = f"""
INSERT INTO ledger_invoice (id, creditor_id, customer_id, branch_id, source, external_id, reference, kind, account,
    order_reference,
    issued_on, due_on, currency, amount_minor, open_minor, known_at, reached, reached_on)
SELECT row_id, %(creditor)s, customer_id, branch_id, %(source)s, external_id, reference,
    CASE WHEN is_term THEN 'term' ELSE kind END, account, coalesce(order_reference, ''), issued_on, due_on, currency,
    amount_minor, amount_minor, {KNOWN_AT.format(day="issued_on")}, coalesce(reached, 0),
    CASE WHEN reached > 0 THEN coalesce(reached_on, %(as_of)s) END
FROM told WHERE debit AND fate = 'new' ORDER BY row_id
"""

CREDITS = f"""
INSERT INTO ledger_credit (id, creditor_id, customer_id, source, external_id, kind, reference, received_on,
    currency, amount_minor,
    open_minor, method, provisional, known_at)
SELECT row_id, %(creditor)s, customer_id, %(source)s, external_id, kind, coalesce(reference, settles, ''),
    issued_on, currency,
    amount_minor, amount_minor, coalesce(method, ''), kind = 'payment' AND %(provisional)s,
        {KNOWN_AT.format(day="issued_on")}
FROM told WHERE NOT debit AND fate = 'new' ORDER BY row_id
"""

# What is told again may bring news that is no money: a moved due date, a reminder sent elsewhere.
NEWS = """
UPDATE ledger_invoice i SET due_on = t.due_on, reached = greatest(i.reached, t.reached),
    reached_on = CASE WHEN t.reached > i.reached THEN coalesce(t.reached_on, %(as_of)s) ELSE i.reached_on END
FROM told t JOIN staged s USING (line)
WHERE t.debit AND t.fate = 'known' AND i.id = t.row_id AND s.kind = t.kind
    AND ((s.due_on IS NOT NULL AND i.due_on <> s.due_on) OR t.reached > i.reached)
"""

LETTERED = """
SELECT t.customer_id || '|' || t.currency || '|' || t.lettered AS grp, t.row_id, t.debit,
    CASE WHEN t.debit THEN i.open_minor ELSE c.open_minor END AS open_minor,
    t.due_on, t.issued_on, coalesce(max(t.lettered_on) OVER g, max(t.issued_on) OVER g) AS acts_on
FROM told t
LEFT JOIN ledger_invoice i ON t.debit AND i.id = t.row_id
LEFT JOIN ledger_credit c ON NOT t.debit AND c.id = t.row_id
WHERE t.lettered IS NOT NULL AND t.fate IN ('new', 'known')
WINDOW g AS (PARTITION BY t.customer_id, t.currency, t.lettered)
"""

NAMED = """
WITH named AS (
    SELECT t.row_id, t.customer_id, t.currency, coalesce(t.settles, t.reference) AS reference, t.issued_on,
        c.open_minor
    FROM told t JOIN ledger_credit c ON c.id = t.row_id
    WHERE NOT t.debit AND t.fate = 'new' AND coalesce(t.settles, t.reference) IS NOT NULL AND c.open_minor > 0
)
SELECT customer_id || '|' || currency || '|' || reference AS grp, row_id, false AS debit, open_minor,
    NULL::date AS due_on, issued_on,
    issued_on AS acts_on
FROM named
UNION ALL
SELECT i.customer_id || '|' || i.currency || '|' || i.reference, i.id, true, i.open_minor, i.due_on, i.issued_on, NULL
FROM ledger_invoice i
WHERE i.creditor_id = %(creditor)s AND i.open_minor > 0
    AND (i.customer_id, i.currency, i.reference) IN (SELECT customer_id, currency, reference FROM named)
"""

# Both sides of a group are laid end to end, oldest first: where two stretches overlap, the credit settles the invoice.
SPREAD = f"""
INSERT INTO ledger_allocation (credit_id, invoice_id, amount_minor, effective_on, known_at, rule)
SELECT p.row_id, d.row_id, least(p.upto, d.upto) - greatest(p.upto - p.open_minor, d.upto - d.open_minor),
    greatest(p.acts_on, d.issued_on), {KNOWN_AT.format(day="greatest(p.acts_on, d.issued_on)")}, %(rule)s
FROM (
    SELECT *, sum(open_minor) OVER (PARTITION BY grp ORDER BY issued_on, row_id) AS upto FROM items
    WHERE NOT debit AND open_minor > 0
) p
JOIN (
    SELECT *, sum(open_minor) OVER (PARTITION BY grp ORDER BY due_on, row_id) AS upto FROM items
    WHERE debit AND open_minor > 0
) d ON d.grp = p.grp AND least(p.upto, d.upto) > greatest(p.upto - p.open_minor, d.upto - d.open_minor)
ORDER BY d.row_id, p.row_id
"""


MANY = 10_000  # rows


def post(told: Told) -> dict[str, int]:
    """Posts what is staged; returns the figures of the load."""
    values = told.values() | {"keep_nil": False}
    with connection.cursor() as cursor:
        figures = settle_who(values)
        cursor.execute("SELECT count(*) FROM staged WHERE amount_minor = 0")
        figures["nil"] = cursor.fetchone()[0]
        cursor.execute(TELL, values)
        cursor.execute("ALTER TABLE told ADD COLUMN account text NOT NULL DEFAULT 'receivable'")
        cursor.execute(APART)
        find_known(values)
        return figures | enter(values, (("lettered", LETTERED), ("named", NAMED)))


def settle_who(values: dict[str, Any]) -> dict[str, int]:
    """Creates the customers and branches that the staged rows name and nobody knew."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE staged")
        cursor.execute(CUSTOMERS, values)
        created = cursor.rowcount
        cursor.execute(BRANCHES, values)
    return {"customers": created}


def enter(values: dict[str, Any], spreads: tuple[tuple[str, str], ...], *, news: bool = True) -> dict[str, int]:
    """From `told` to the ledger: what is new is entered, and credits are spread by the rules given."""
    figures: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(NUMBER)
        cursor.execute(INVOICES, values)
        figures["invoices"] = cursor.rowcount
        cursor.execute(CREDITS, values)
        figures["credits"] = cursor.rowcount
        cursor.execute("ANALYZE told")
        if figures["invoices"] + figures["credits"] > MANY:
            # So much came at once that what the planner knows of these tables is no longer true.
            cursor.execute("ANALYZE ledger_invoice, ledger_credit, ledger_entry")
        cursor.execute("SELECT count(*) FROM told WHERE fate IN ('known', 'same')")
        figures["unchanged"] = cursor.fetchone()[0]
        figures["updated"] = 0
        if news:
            cursor.execute(NEWS, values)
            figures["updated"] = cursor.rowcount
            figures["unchanged"] -= figures["updated"]
    figures["allocations"] = sum(spread(rule, items, values) for rule, items in spreads)
    figures["entries"] = figures["invoices"] + figures["credits"] + figures["allocations"]
    return figures


def find_known(values: dict[str, Any]) -> None:
    """Marks in `told` what the ledger already knows, from this source or another, and what contradicts it."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE told")
        for table, statements, judge in (
            ("ledger_invoice", KNOWN_INVOICES, JUDGE_INVOICES),
            ("ledger_credit", KNOWN_CREDITS, JUDGE_CREDITS),
        ):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE creditor_id = %(creditor)s)", values)
            if cursor.fetchone()[0]:
                for statement in (*statements, judge):
                    cursor.execute(statement, values)


def spread(rule: str, items: str, values: dict[str, Any]) -> int:
    """Allocates credits to invoices within the groups of a query, oldest first and never over; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS items")
        cursor.execute(f"CREATE TEMPORARY TABLE items ON COMMIT DROP AS {items}", values)
        cursor.execute("ANALYZE items")
        cursor.execute(SPREAD, values | {"rule": rule})
        return int(cursor.rowcount)
