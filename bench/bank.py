"""Made-up bank lines against made-up invoices in the database, with what truly pays what known beside them.

Payers name the invoice, mistype it, pay several at once or one in two parts, give only their name, or nothing at all.
"""

import io
import random
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from amiable.ledger.models import Creditor
from amiable.payments.look import look
from amiable.payments.matching import ItemKind, Part, Proposal
from amiable.payments.models import Match
from bench import day
from bench.match import AUTOMATIC, Links, score, timed
from bench.spoil import mistyped, renamed

CUSTOMERS_EACH = 10  # invoices of a customer
_PARTS = (
    (
        "Atelier",
        "Garage",
        "Maison",
        "Transports",
        "Menuiserie",
        "Pharmacie",
        "Studio",
        "Bâtiment",
        "Imprimerie",
        "Brasserie",
    ),
    (
        "Lemaire",
        "Vasseur",
        "Kowalski",
        "Benali",
        "Girard",
        "Oliveira",
        "Schmitt",
        "Rossi",
        "Nguyen",
        "Perrin",
        "Faure",
        "Roux",
    ),
    (
        "Nord",
        "Sud",
        "Lyon",
        "Lille",
        "Nantes",
        "Conseil",
        "Services",
        "Industrie",
        "Négoce",
        "Frères",
        "Associés",
        "Export",
    ),
)


def book_and_match(*, lines: int, invoices: int) -> dict[str, Any]:
    """Fills the database, looks once as the day does, and compares with the truth."""
    from amiable.scenario.match_up import match_money

    draw = random.Random(11)
    values = {"customers": max(invoices // CUSTOMERS_EACH, 1), "invoices": invoices, "as_of": day.AS_OF, "now": day.NOW}
    day.fill(values)
    _name_customers(values["customers"], draw)
    truth = _bank(lines, draw)
    creditor = Creditor.objects.get()
    day.execute("VACUUM ANALYZE ledger_invoice, ledger_credit, ledger_customer, payments_statementline", {})
    view = look(creditor=creditor, as_of=day.AS_OF)
    started = time.perf_counter()
    done = match_money(creditor=creditor, as_of=day.AS_OF, now=day.NOW)
    seconds = time.perf_counter() - started
    told = score(_first(), truth, payments=lines, least=AUTOMATIC)
    return told | {"applied": done.applied} | timed(seconds, [each.line for each in view.waiting], view.items)


def _name_customers(count: int, draw: random.Random) -> None:
    names = [f"{' '.join(draw.choice(part) for part in _PARTS)} {n % 97}" for n in range(1, count + 1)]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_customer c SET name = v.name FROM unnest(%s::text[], %s::text[]) v (number, name)"
            " WHERE c.number = v.number",
            [[f"C{n}" for n in range(1, count + 1)], names],
        )
        cursor.execute(
            "UPDATE ledger_invoice SET reference = 'FA-' || to_char(issued_on, 'YYYY') || '-' || lpad(external_id, 7, '0')"
        )
        cursor.execute("UPDATE ledger_creditor SET cash_authority = 'bank', iban = 'FR7630006000011234567890189'")


def _bank(count: int, draw: random.Random) -> Links:
    """The lines with their credits; returns which credit pays which invoice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.id, i.reference, i.open_minor, i.customer_id, u.name, i.due_on FROM ledger_invoice i"
            " JOIN ledger_customer u ON u.id = i.customer_id ORDER BY i.customer_id, i.due_on, i.id"
        )
        owed = cursor.fetchall()
    starts = [n for n, row in enumerate(owed) if n == 0 or owed[n - 1][3] != row[3]]
    draw.shuffle(starts)
    rows: list[list[Any]] = []
    pays: list[list[int]] = []
    for start in starts:
        if len(rows) >= count:
            break
        for line, paid in _payments(owed, start, draw):
            rows.append(line)
            pays.append(paid)
    ids = _store(rows[:count])
    return {(pk, invoice) for pk, paid in zip(ids, pays, strict=False) for invoice in paid}


def _payments(owed: Sequence[Any], start: int, draw: random.Random) -> Iterable[tuple[list[Any], list[int]]]:
    """What one customer pays: one invoice, several, or one in two parts, with more or less of a word about it."""
    theirs = [row for row in owed[start : start + CUSTOMERS_EACH] if row[3] == owed[start][3]]
    count = draw.choices((1, 2, 3, 4), (78, 12, 6, 4))[0]
    chosen = draw.sample(theirs, min(count, len(theirs)))
    name, iban = chosen[0][4], f"FR76{chosen[0][3]:023d}"
    amounts = [sum(row[2] for row in chosen)]
    if len(chosen) == 1 and draw.random() < 0.08:
        first = round(amounts[0] * draw.uniform(0.2, 0.8))
        amounts = [first, amounts[0] - first]
    for amount in amounts:
        said = " ".join(draw.choice((row[1], row[1].replace("-", " "), row[1].replace("-", ""))) for row in chosen)
        way = draw.random()
        if way > 0.95:
            said = "VIREMENT"
        elif way > 0.85:
            said = mistyped(said, draw)
        payer = renamed(name, draw) if draw.random() < 0.15 else name.upper()
        booked = max(row[5] for row in chosen) + timedelta(days=draw.randrange(-5, 20))
        yield [amount, min(booked, day.AS_OF), payer, iban, f"VIR SEPA {said}"], [row[0] for row in chosen]


def _store(rows: Sequence[Sequence[Any]]) -> list[int]:
    """Credits and lines by COPY, as a statement would have left them; returns the credits in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_credit (creditor_id, source, external_id, kind, reference, received_on, currency, amount_minor,"
            " open_minor, method, provisional, known_at) SELECT c.id, 'bank:FR76', v.n, 'payment', '', v.day, 'EUR', v.amount,"
            " v.amount, 'transfer', false, %s FROM ledger_creditor c,"
            " unnest(%s::bigint[], %s::date[]) WITH ORDINALITY v (amount, day, n) ORDER BY v.n RETURNING id",
            [day.NOW, [row[0] for row in rows], [row[1] for row in rows]],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            "INSERT INTO payments_statement (creditor_id, source, external_id, iban, currency, format, telling, number,"
            " reference, file, opened_on, closed_on, state, said, known_at) SELECT id, 'bank:FR76', 'bench', iban, 'EUR',"
            " 'camt', 'booked', '', '', '', %s, %s, 'counted', '[]', %s FROM ledger_creditor RETURNING id",
            [day.AS_OF, day.AS_OF, day.NOW],
        )
        statement = cursor.fetchone()[0]
        buffer = io.StringIO()
        for n, (pk, (amount, booked, payer, iban, text)) in enumerate(zip(ids, rows, strict=True)):
            buffer.write(f"{statement}\t{n}\t{n}\t{booked}\t{booked}\tEUR\t{amount}\t0\t\t\t{payer}\t{iban}\t\t{text}")
            buffer.write(f"\t\t\t\t\t\t\t\t\t{pk}\n")
        columns = (
            "statement_id, external_id, entry, booked_on, value_on, currency, amount_minor, fees_minor, kind, method, payer,"
            " payer_iban, ultimate_payer, text, creditor_reference, end_to_end_id, mandate_id, cheque_number, bank_reference,"
            " bank_code, return_reason, instructed_currency, credit_id"
        )
        with cursor.copy(f"COPY payments_statementline ({columns}) FROM STDIN") as copy:
            copy.write(buffer.getvalue())
    return ids


def _first() -> dict[int, Proposal]:
    """What was applied, and the first proposal of what waits, as the engine told it."""
    return {
        row.credit_id: Proposal(
            row.credit_id, row.customer_id,
            tuple(Part(ref, ItemKind(kind), amount, given) for kind, ref, amount, given in row.parts if kind == ItemKind.INVOICE),
            row.rest_minor, row.confidence, (),
        )
        for row in Match.objects.filter(rank=0)
    }  # fmt: skip
