"""What matching reads: money that is nobody's yet, what is open, who the customers are, who paid before.

In: a creditor and a day. Out: plain rows for the engine. It writes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from amiable.ledger.models import Creditor
from amiable.ledger.reference import bearer, carried
from amiable.payments.matching import Item, ItemKind, Line, Memory, Party, Terms

MOST = 20_000  # lines of one look: those never looked at first, then those that have waited longest for another
TOLD_DAYS = 12  # between two tellings of the same money
_RF = re.compile(r"RF\d\d[0-9A-Z ]{1,26}")

_LINES = """
SELECT c.id, c.open_minor, c.currency, c.received_on, c.reference, c.source, c.provisional,
  coalesce(nullif(l.ultimate_payer, ''), l.payer, ''), coalesce(l.payer_iban, ''), coalesce(l.text, ''),
  coalesce(l.creditor_reference, ''), coalesce(l.end_to_end_id, ''), coalesce(l.mandate_id, ''), coalesce(l.fees_minor, 0),
  coalesce(l.kind, ''), coalesce(l.bank_code, '')
FROM ledger_credit c
LEFT JOIN LATERAL (SELECT * FROM payments_statementline s WHERE s.credit_id = c.id AND s.same_as_id IS NULL
                   AND s.amount_minor > 0 ORDER BY s.id LIMIT 1) l ON true
LEFT JOIN payments_match m ON m.credit_id = c.id AND m.state = 'proposed' AND m.rank = 0
WHERE c.creditor_id = %(creditor)s AND c.customer_id IS NULL AND c.kind = 'payment' AND c.open_minor > 0
  AND c.received_on <= %(as_of)s AND (%(only)s::bigint[] IS NULL OR c.id = ANY(%(only)s))
ORDER BY m.looked_at NULLS FIRST, c.id LIMIT %(most)s
"""
_INVOICES = """
SELECT id, customer_id, reference, order_reference, open_minor, currency, issued_on, due_on
FROM ledger_invoice WHERE creditor_id = %(creditor)s AND open_minor > 0 AND currency = ANY(%(currencies)s)
"""
_NOTES = """
SELECT id, customer_id, reference, open_minor, currency, received_on FROM ledger_credit
WHERE creditor_id = %(creditor)s AND kind = 'credit_note' AND open_minor > 0 AND customer_id IS NOT NULL
  AND currency = ANY(%(currencies)s)
"""
# Payments of known customers that somebody else than the bank has told, and that nobody has told again yet.
_TOLD = """
SELECT c.id, c.customer_id, c.reference, c.amount_minor, c.currency, c.received_on,
  (SELECT array_agg(DISTINCT i.reference) FROM ledger_allocation a JOIN ledger_invoice i ON i.id = a.invoice_id
   WHERE a.credit_id = c.id AND a.amount_minor > 0)
FROM ledger_credit c
WHERE c.creditor_id = %(creditor)s AND c.kind = 'payment' AND c.customer_id IS NOT NULL AND c.confirmed_by_id IS NULL
  AND c.source NOT LIKE 'bank:%%' AND c.received_on BETWEEN %(first)s AND %(last)s AND c.amount_minor = ANY(%(amounts)s)
  AND NOT EXISTS (SELECT FROM ledger_credit o WHERE o.confirmed_by_id = c.id)
"""
_CUSTOMERS = """
SELECT id, number, name, coalesce(payer_id, parent_id) FROM ledger_customer
WHERE creditor_id = %(creditor)s AND merged_into_id IS NULL ORDER BY id
"""
_MANDATES = """
SELECT m.customer_id, m.reference FROM payments_mandate m JOIN ledger_customer u ON u.id = m.customer_id
WHERE u.creditor_id = %(creditor)s
"""
# Remembered is what a person confirmed, and what was sure enough to be applied to invoices; what was undone is forgotten.
_MEMORY = """
SELECT l.{key}, coalesce(u.merged_into_id, u.id), count(*)
FROM payments_statementline l JOIN payments_match m ON m.credit_id = l.credit_id
JOIN ledger_customer u ON u.id = m.customer_id
WHERE l.{key} = ANY(%(keys)s) AND l.same_as_id IS NULL AND m.state = 'applied' AND u.creditor_id = %(creditor)s
  AND (m.confirmed_by_id IS NOT NULL OR m.parts <> '[]'::jsonb)
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Waiting:
    """A line with what the engine does not ask for: who told it, and what the bank calls it."""

    line: Line
    source: str
    provisional: bool
    kind: str
    bank_code: str


@dataclass(frozen=True)
class View:
    """Everything that one look needs."""

    waiting: list[Waiting]
    items: list[Item]
    parties: list[Party]
    memory: Memory
    terms: Terms


def look(*, creditor: Creditor, as_of: date, only: Sequence[int] | None = None) -> View:
    """What waits (these credits only, where they are named), and all that it may be."""
    values = {"creditor": creditor.pk, "as_of": as_of, "most": MOST, "only": list(only) if only is not None else None}
    waiting = [_waiting(row) for row in _rows(_LINES, values)]
    if not waiting:
        return View([], [], [], Memory(), Terms())
    lines = [each.line for each in waiting]
    values |= {
        "currencies": sorted({line.currency for line in lines}),
        "amounts": sorted({line.amount_minor for line in lines}),
        "first": min(line.booked_on for line in lines) - timedelta(days=TOLD_DAYS),
        "last": max(line.booked_on for line in lines) + timedelta(days=TOLD_DAYS),
    }
    return View(waiting, _items(values), _parties(values, lines), _memory(values, lines), terms(creditor))


def terms(creditor: Creditor) -> Terms:
    """What the creditor lets pass, from its policy under "matching"; nothing where it does not say."""
    said = creditor.policy.get("matching", {})
    short = said.get("shortfall_minor", 0)
    return Terms(
        shortfall_minor=short if isinstance(short, dict) else {creditor.currency: int(short)},
        discount_permille=int(said.get("discount_permille", 0)),
        discount_days=int(said.get("discount_days", 0)),
    )


def _waiting(row: Sequence[Any]) -> Waiting:
    pk, amount, currency, day, reference, source, provisional, payer, iban, text, rf, e2e, mandate, fees, kind, code = (
        row
    )
    line = Line(
        id=pk, amount_minor=amount, currency=currency, booked_on=day, payer=payer, payer_iban=iban,
        text=text or reference, creditor_reference=rf, end_to_end_id=e2e, mandate_id=mandate, fees_minor=fees,
    )  # fmt: skip
    return Waiting(line, source, provisional, kind, code)


def _items(values: dict[str, Any]) -> list[Item]:
    items = [
        Item(pk, customer, tuple(filter(None, (reference, order))), amount, currency, issued, due)
        for pk, customer, reference, order, amount, currency, issued, due in _rows(_INVOICES, values)
    ]
    items += [
        Item(pk, customer, (reference,), amount, currency, day, day, ItemKind.CREDIT_NOTE)
        for pk, customer, reference, amount, currency, day in _rows(_NOTES, values)
    ]
    items += [
        Item(
            pk, customer, tuple(filter(None, (*(paid or ()), reference))), amount, currency, day - timedelta(days=10), day,
            ItemKind.TOLD,
        )
        for pk, customer, reference, amount, currency, day, paid in _rows(_TOLD, values)
    ]  # fmt: skip
    return items


def _parties(values: dict[str, Any], lines: Sequence[Line]) -> list[Party]:
    mandates: dict[int, list[str]] = defaultdict(list)
    for customer, reference in _rows(_MANDATES, values):
        mandates[customer].append(reference)
    rows = _rows(_CUSTOMERS, values)
    above = {pk: upper for pk, _number, _name, upper in rows if upper}
    structured = _structured(lines, {carried(number, pk): pk for pk, number, _name, _upper in rows})
    return [
        Party(pk, number, name, _top(pk, above), tuple(mandates.get(pk, ())), tuple(structured.get(pk, ())))
        for pk, number, name, _upper in rows
    ]


def _top(customer: int, above: dict[int, int]) -> int:
    """Whoever stands above all who pay for one another; a ring ends where it began."""
    seen = {customer}
    while (upper := above.get(customer)) and upper not in seen:
        customer = upper
        seen.add(customer)
    return min(seen) if above.get(customer) in seen else customer


def _structured(lines: Iterable[Line], known: dict[str, int]) -> dict[int, list[str]]:
    """The RF references in the lines that are a customer's: only those are worth knowing."""
    found: dict[int, list[str]] = defaultdict(list)
    for line in lines:
        for said in (line.creditor_reference.upper(), *_RF.findall(line.text.upper())):
            code = said.replace(" ", "")
            for length in range(min(len(code), 25), 4, -1):
                customer = bearer(code[:length], known)
                if customer is not None:
                    found[customer].append(code[:length])
                    break
    return found


def _memory(values: dict[str, Any], lines: Sequence[Line]) -> Memory:
    ibans = {line.payer_iban for line in lines if line.payer_iban}
    names = {line.payer for line in lines if line.payer and not line.payer_iban}
    return Memory(_remembered("payer_iban", ibans, values), _remembered("payer", names, values))


def _remembered(key: str, keys: set[str], values: dict[str, Any]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    if keys:
        for said, customer, times in _rows(_MEMORY.format(key=key), values | {"keys": sorted(keys)}):
            found[said][customer] = times
    return dict(found)


def _rows(query: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())
