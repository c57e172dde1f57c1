"""The lines of one statement on their way into the books: streamed into a temporary table, then set by set into rows.

In: lines of a format. Out: rows of StatementLine and a Credit per movement that came in. Never: a loop over rows.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from typing import Any

from django.db import connection
from stdnum import iban

from amiable.payments.models import Statement
from amiable.payments.pair import Booking
from amiable.payments.statements import Line

COLUMNS = tuple(Line.__slots__)
_TYPES = {"entry": "int", "booked_on": "date", "value_on": "date", "amount_minor": "bigint", "fees_minor": "bigint",
          "instructed_minor": "bigint"}  # fmt: skip
_PLAIN = ", ".join(COLUMNS)
_row = attrgetter(*COLUMNS)


@dataclass
class Measured:
    """What the lines of a statement add up to, by currency, and what is odd in them."""

    lines: int = 0
    entries: int = 0
    sums: dict[str, int] = field(default_factory=dict)
    came_minor: int = 0
    went_minor: int = 0
    first: date | None = None
    last: date | None = None
    nil: int = 0
    wrong_ibans: int = 0
    digest: str = ""

    def identity(self, *facts: object) -> str:
        """What tells this statement from every other one of its account; the bank's name for it is no part of it."""
        return hashlib.sha256(repr((self.digest, *map(str, facts))).encode()).hexdigest()[:40]


def create() -> None:
    """The temporary tables of this transaction, empty."""
    columns = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bank_line, bank_same")
        cursor.execute(f"CREATE TEMPORARY TABLE bank_line (nr bigserial, {columns}) ON COMMIT DROP")
        cursor.execute("CREATE TEMPORARY TABLE bank_same (nr bigint, root bigint) ON COMMIT DROP")


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bank_line RESTART IDENTITY")
        cursor.execute("TRUNCATE bank_same")


def fill(lines: Iterable[Line]) -> Measured:
    """Streams the lines into the table."""
    measured, digest = Measured(), hashlib.sha256()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY bank_line ({_PLAIN}) FROM STDIN") as copy,
    ):
        for line in _measured(lines, measured):
            row = _row(line)
            digest.update(repr((line.booked_on.toordinal(), *row[3:5], *row[11:19])).encode())
            copy.write_row(row)
    measured.digest = digest.hexdigest()[:40]
    return measured


def _measured(lines: Iterable[Line], measured: Measured) -> Iterator[Line]:
    valid: dict[str, bool] = {}
    for line in lines:
        measured.lines += 1
        measured.entries = max(measured.entries, line.entry)
        measured.sums[line.currency] = measured.sums.get(line.currency, 0) + line.amount_minor
        measured.came_minor += max(line.amount_minor, 0)
        measured.went_minor += max(-line.amount_minor, 0)
        measured.first = min(measured.first or line.booked_on, line.booked_on)
        measured.last = max(measured.last or line.booked_on, line.booked_on)
        measured.nil += not line.amount_minor
        other = line.payer_iban
        if other[:2].isalpha() and other[2:4].isdigit():
            if other not in valid:
                valid[other] = iban.is_valid(other, check_country=False)
            measured.wrong_ibans += not valid[other]
        yield line


def measure() -> Measured:
    """What the staged lines add up to, where they were not streamed in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(max(entry), 0), coalesce(sum(greatest(amount_minor, 0)), 0)::bigint,"
            " coalesce(sum(greatest(-amount_minor, 0)), 0)::bigint, min(booked_on), max(booked_on) FROM bank_line"
        )
        lines, entries, came, went, first, last = cursor.fetchone()
    return Measured(lines, entries, came_minor=came, went_minor=went, first=first, last=last)


def reload(statement: Statement) -> None:
    """The lines of a kept statement back into the table, out of the rows: a person's word makes them count anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO bank_line ({_PLAIN}) SELECT {_PLAIN} FROM payments_statementline"
            " WHERE statement_id = %s ORDER BY id",
            [statement.pk],
        )
        cursor.execute("DELETE FROM payments_statementline WHERE statement_id = %s", [statement.pk])


# -- bookings: what is told now, and what is known -----------------------------------------------------------------------

_BOOKING = """min(booked_on), sum(amount_minor)::bigint, min(currency), min(bank_reference),
  CASE WHEN count(*) = 1 THEN min(end_to_end_id) ELSE '' END, CASE WHEN count(*) = 1 THEN min(payer_iban) ELSE '' END,
  CASE WHEN count(*) = 1 THEN min(text) ELSE '' END"""


def told() -> list[Booking]:
    """The entries of the new statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT entry, {_BOOKING} FROM bank_line GROUP BY entry ORDER BY entry")
        return [Booking(*row) for row in cursor.fetchall()]


def known(statements: Mapping[int, bool], *, first: date, last: date, open_only: Iterable[int]) -> list[Booking]:
    """The entries of these statements (id → soft) booked on these days, by the line that told each of them first.

    Of `open_only`, which announce, those that a statement has not told yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT statement_id, min(coalesce(same_as_id, id)), {_BOOKING}
            FROM payments_statementline l WHERE statement_id = ANY(%(ids)s) AND booked_on BETWEEN %(first)s AND %(last)s
              AND NOT (statement_id = ANY(%(open)s) AND (EXISTS (
                SELECT FROM payments_statementline t JOIN payments_statement s ON s.id = t.statement_id
                WHERE t.same_as_id = coalesce(l.same_as_id, l.id) AND s.telling = 'booked') OR EXISTS (
                SELECT FROM payments_statementline t JOIN payments_statement s ON s.id = t.statement_id
                WHERE t.id = l.same_as_id AND s.telling = 'booked')))
            GROUP BY statement_id, entry ORDER BY 1, 2""",
            {"ids": list(statements), "first": first, "last": last, "open": list(open_only)},
        )
        rows = cursor.fetchall()
    return [
        Booking(root, day, amount, currency, reference, payers, account, text, soft=statements[statement])
        for statement, root, day, amount, currency, reference, payers, account, text in rows
    ]


def same(pairs: Mapping[Any, Any]) -> None:
    """Writes down which staged lines are told already: part for part by amount, else all by the first known part."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE bank_pair (entry int, root bigint) ON COMMIT DROP")
        with cursor.copy("COPY bank_pair FROM STDIN") as copy:
            for entry, root in pairs.items():
                copy.write_row((entry, root))
        cursor.execute(
            """INSERT INTO bank_same
            WITH known AS (  -- all parts of the entry in which the root was told
              SELECT p.entry, l.id, l.amount_minor,
                     row_number() OVER (PARTITION BY p.entry, l.amount_minor ORDER BY l.id) AS n
              FROM bank_pair p JOIN payments_statementline r ON r.id = p.root
              JOIN payments_statementline l ON l.statement_id = r.statement_id AND l.entry = r.entry
            ), told AS (
              SELECT b.nr, b.entry, b.amount_minor, p.root,
                     row_number() OVER (PARTITION BY b.entry, b.amount_minor ORDER BY b.nr) AS n
              FROM bank_line b JOIN bank_pair p ON p.entry = b.entry
            )
            SELECT t.nr, coalesce(k.id, t.root)
            FROM told t LEFT JOIN known k ON k.entry = t.entry AND k.amount_minor = t.amount_minor AND k.n = t.n"""
        )
        cursor.execute("DROP TABLE bank_pair")


def summed(pairs: Mapping[Any, Any]) -> dict[int, int]:
    """Of these pairs, those whose known side is one sum and whose new side tells its parts: root → entry."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.id, b.entry FROM unnest(%s::int[], %s::bigint[]) AS p(entry, root)
            JOIN payments_statementline r ON r.id = p.root
            JOIN LATERAL (SELECT entry, count(*) AS parts FROM bank_line WHERE entry = p.entry GROUP BY entry) b ON true
            WHERE b.parts > 1 AND NOT EXISTS (
              SELECT FROM payments_statementline o
              WHERE o.statement_id = r.statement_id AND o.entry = r.entry AND o.id <> r.id)""",
            [list(pairs), list(pairs.values())],
        )
        return dict(cursor.fetchall())


# -- into rows -----------------------------------------------------------------------------------------------------------

_NUMBERED = """SELECT b.*, b.entry || '.' || row_number() OVER (PARTITION BY b.entry ORDER BY b.nr) AS part, s.root
  FROM bank_line b LEFT JOIN bank_same s USING (nr)"""
_CREDITS = f"""
INSERT INTO ledger_credit (creditor_id, source, external_id, kind, reference, received_on, currency, amount_minor,
  open_minor, method, reserved_until, provisional, known_at)
SELECT %(creditor)s, %(source)s, %(name)s || '/' || part, 'payment',
  left(coalesce(nullif(creditor_reference, ''), nullif(end_to_end_id, ''), text), 140),
  booked_on, currency, amount_minor, amount_minor, method,
  CASE WHEN method IN ('cheque', 'bill') AND value_on > booked_on THEN value_on END, %(provisional)s, %(now)s
FROM ({_NUMBERED}) staged WHERE root IS NULL AND amount_minor > 0 ORDER BY nr
"""
_LINES = f"""
INSERT INTO payments_statementline (statement_id, external_id, same_as_id, credit_id, {_PLAIN})
SELECT %(statement)s, part, root, c.id, {", ".join(f"staged.{name}" for name in COLUMNS)}
FROM ({_NUMBERED}) staged LEFT JOIN ledger_credit c ON %(counted)s AND root IS NULL AND staged.amount_minor > 0
  AND c.creditor_id = %(creditor)s AND c.source = %(source)s AND c.external_id = %(name)s || '/' || part
ORDER BY nr
"""


def keep(statement: Statement, *, provisional: bool) -> int:
    """Writes the staged lines; where the statement counts, with a credit for each new movement in. Returns how many."""
    counted = statement.state == "counted"
    values: dict[str, Any] = {
        "statement": statement.pk, "creditor": statement.creditor_id, "source": statement.source,
        "name": statement.external_id, "provisional": provisional, "now": statement.known_at, "counted": counted,
    }  # fmt: skip
    made = 0
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE bank_line")
        if counted:
            cursor.execute(_CREDITS, values)
            made = cursor.rowcount
        cursor.execute(_LINES, values)
    return made


def enrich(statement: Statement) -> None:
    """What a later telling knows and the first one did not is added to the first: it is the one that is matched."""
    columns = ("payer", "payer_iban", "ultimate_payer", "text", "creditor_reference", "end_to_end_id", "mandate_id",
               "cheque_number", "method", "kind", "return_reason")  # fmt: skip
    sets = ", ".join(f"{name} = coalesce(nullif(r.{name}, ''), t.{name})" for name in columns)
    more = " OR ".join(f"(r.{name} = '' AND t.{name} <> '')" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE payments_statementline r SET {sets} FROM payments_statementline t
            WHERE t.statement_id = %s AND t.same_as_id = r.id AND t.amount_minor = r.amount_minor AND ({more})""",
            [statement.pk],
        )
