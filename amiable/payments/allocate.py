"""Spreads money and credit notes over invoices, by an order told in one sentence (docs/algorithms/allocation.md).

In: a credit, or everything of a creditor that is not yet spread. Out: allocations; what is left stays open as credit.
Never: more than a residual on either side, two currencies, two creditors, another customer that nobody named.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.factor import NOTHING, sold_by
from amiable.ledger.models import Allocation, Credit, Creditor, Invoice


class UnableToAllocate(UnableTo):
    """The invoices named are not of this creditor and currency."""


@dataclass(frozen=True)
class Summary:
    """What one spreading did. Amounts are not added up: they may be in several currencies."""

    allocations: int = 0
    by_reference: int = 0
    customers: int = 0


@transaction.atomic
def allocate(
    *,
    credit: Credit,
    as_of: date,
    now: datetime,
    invoices: Sequence[int] | None = None,
    rule: str = "oldest_due",
    by: User | None = None,
) -> list[Allocation]:
    """Spreads what is left of a credit: the invoices named first, as named; then the customer's oldest due first.

    An invoice that is dated later is paid only where it is named, and from its own date on.
    `rule` is noted on the allocations of the invoices named (named, lettered, person); the rest says oldest_due.
    """
    return _spread(credit, list(dict.fromkeys(invoices or ())), as_of=as_of, now=now, rule=rule, by=by)


def _spread(
    credit: Credit,
    named: list[int],
    *,
    as_of: date,
    now: datetime,
    rule: str,
    by: User | None,
    only_named: bool = False,
) -> list[Allocation]:
    locked = Credit.objects.select_for_update(no_key=True).get(pk=credit.pk)
    rows = _in_order(locked, named, only_named, as_of=as_of)
    left, parts = locked.open_minor, dict.fromkeys((row.pk for row in rows), 0)
    # What was invoiced comes first, of all of them; then what is left of the charges on them.
    for of in ("principal_minor", "open_minor"):
        for row in rows:
            part = min(left, getattr(row, of) - parts[row.pk])
            if part > 0:
                parts[row.pk] += part
                left -= part
    made = Allocation.objects.bulk_create(
        Allocation(
            credit=locked,
            invoice=row,
            amount_minor=parts[row.pk],
            effective_on=max(as_of, locked.received_on, row.issued_on),
            known_at=now,
            rule=rule if row.pk in named else "oldest_due",
            by=by,
        )
        for row in rows
        if parts[row.pk]
    )
    credit.open_minor = left
    return made


def _in_order(credit: Credit, named: list[int], only_named: bool, *, as_of: date) -> list[Invoice]:
    """The invoices that may receive, locked (by id, as the database's own triggers do), then in order."""
    same = Invoice.objects.filter(creditor_id=credit.creditor_id, currency=credit.currency)
    wanted = same.filter(id__in=named)
    if credit.customer_id is not None and not only_named:
        wanted = wanted | same.filter(customer_id=credit.customer_id, open_minor__gt=0, issued_on__lte=as_of)
    rows = list(wanted.select_for_update(no_key=True).order_by("id"))
    if not {row.pk for row in rows} >= set(named):
        raise UnableToAllocate("Only invoices of the same creditor and currency can receive from this credit.")
    place = {invoice: n for n, invoice in enumerate(named)}
    sold = sold_by({row.customer_id for row in rows}, as_of=as_of)  # the factor is to be paid for these: they come last
    rows.sort(
        key=lambda row: (
            place.get(row.pk, len(named)), row.pk in sold.get(row.customer_id, NOTHING), row.due_on, row.pk
        )
    )  # fmt: skip
    return [row for row in rows if row.open_minor > 0]


@transaction.atomic
def allocate_of_customer(
    *, customer_id: int, currency: str, as_of: date, now: datetime, but: Collection[int] = ()
) -> list[Allocation]:
    """Spreads what one customer has open in credit (`but` these), in the order of `allocate_open`."""
    made: list[Allocation] = []
    credits = Credit.objects.filter(
        customer_id=customer_id, currency=currency, open_minor__gt=0, received_on__lte=as_of
    ).exclude(id__in=but)
    # All are locked before any invoice is, by id: two hands on one customer queue instead of waiting for each other.
    locked = credits.select_for_update(no_key=True, of=("self",)).order_by("id")
    rows = sorted(locked, key=lambda credit: (credit.received_on, credit.pk))
    for by_reference in (True, False):
        for credit in rows:
            named = _named_by(credit) if by_reference else []
            if credit.open_minor and (named or not by_reference):
                rule = "reference" if by_reference else "oldest_due"
                made += _spread(credit, named, only_named=by_reference, as_of=as_of, now=now, rule=rule, by=None)
    return made


def _named_by(credit: Credit) -> list[int]:
    """The invoices that carry the credit's reference."""
    reference = credit.reference.strip()
    if not reference:
        return []
    same = Invoice.objects.filter(customer=credit.customer, currency=credit.currency, open_minor__gt=0)
    return list(same.filter(reference=reference).order_by("due_on", "id").values_list("id", flat=True))


@transaction.atomic
def allocate_open(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Spreads every open payment and credit note of the creditor's customers: by reference, then oldest due first.

    All in SQL: the amounts of a group of credits and of a group of invoices are laid end to end on one line; every
    piece between two cuts belongs to one credit and one invoice. n·log n, however long the lists are.
    """
    values: dict[str, Any] = {"creditor": creditor.pk, "as_of": as_of, "now": now}
    with connection.cursor() as cursor:
        # The same order as everywhere: credits first, then invoices, each by id; concurrent payers queue.
        cursor.execute(f"{_CREDITS_TO_LOCK} ORDER BY id FOR NO KEY UPDATE", values)
        cursor.execute(f"{_INVOICES_TO_LOCK} ORDER BY id FOR NO KEY UPDATE", values)
        cursor.execute(_SPREAD.format(**_BY_REFERENCE), values | {"rule": "reference"})
        by_reference, one = _counts(cursor.fetchone())
        cursor.execute(_SPREAD.format(**_BY_DUE_DATE), values | {"rule": "oldest_due"})
        oldest, two = _counts(cursor.fetchone())
    return Summary(allocations=by_reference + oldest, by_reference=by_reference, customers=len(one | two))


def _counts(row: tuple[int, list[int]] | None) -> tuple[int, set[int]]:
    assert row is not None
    return row[0], set(row[1])


_CREDITS_TO_LOCK = """
SELECT id FROM ledger_credit WHERE creditor_id = %(creditor)s AND customer_id IS NOT NULL AND open_minor > 0
  AND received_on <= %(as_of)s"""
_INVOICES_TO_LOCK = """
SELECT id FROM ledger_invoice i WHERE creditor_id = %(creditor)s AND open_minor > 0 AND issued_on <= %(as_of)s
  AND EXISTS (SELECT FROM ledger_credit c WHERE c.customer_id = i.customer_id AND c.currency = i.currency
              AND c.creditor_id = i.creditor_id AND c.open_minor > 0 AND c.received_on <= %(as_of)s)"""

# What lies on one line: the credits and invoices of a customer and currency, first those that name each other.
_BY_REFERENCE = {"group": "customer_id, currency, btrim(reference)", "named": "AND btrim(reference) <> ''"}
_BY_DUE_DATE = {"group": "customer_id, currency", "named": ""}

# An invoice lies on the line with what was invoiced, and, after those of all, with what is left of the charges on it;
# those that were sold to a factor, who is to be paid for them, come last.
# Each side is numbered within its group and its amounts are summed up from the left (`ends`). The cuts of both sides,
# in order, part the line into pieces; how many cuts of a side lie to the left says whose piece it is.
_SPREAD = """
WITH credits AS (
  SELECT id, customer_id, ({group}) AS grp, open_minor,
         row_number() OVER w AS nr, sum(open_minor) OVER w AS ends
  FROM ledger_credit
  WHERE creditor_id = %(creditor)s AND customer_id IS NOT NULL AND open_minor > 0 AND received_on <= %(as_of)s {named}
  WINDOW w AS (PARTITION BY {group} ORDER BY received_on, id ROWS UNBOUNDED PRECEDING)
), parts AS (
  SELECT id, ({group}) AS grp, due_on, greatest(open_minor - charged_minor, 0) AS principal, open_minor,
         EXISTS (SELECT FROM ledger_sale s WHERE s.customer_id = i.customer_id AND s.since <= %(as_of)s
                 AND (s.until IS NULL OR s.until > %(as_of)s) AND (s.invoice_id IS NULL OR s.invoice_id = i.id)) AS sold
  FROM ledger_invoice i
  WHERE creditor_id = %(creditor)s AND open_minor > 0 AND issued_on <= %(as_of)s {named}
    AND customer_id IN (SELECT customer_id FROM credits)
), invoices AS (
  SELECT id, grp, row_number() OVER w AS nr, sum(part) OVER w AS ends
  FROM (SELECT id, grp, sold, due_on, 0 AS place, principal AS part FROM parts WHERE principal > 0
        UNION ALL SELECT id, grp, sold, due_on, 1, open_minor - principal FROM parts WHERE open_minor > principal) slots
  WINDOW w AS (PARTITION BY grp ORDER BY place, sold, due_on, id ROWS UNBOUNDED PRECEDING)
), cuts AS (
  SELECT grp, ends, sum(is_credit) AS of_credit, sum(1 - is_credit) AS of_invoice
  FROM (SELECT grp, ends, 1 AS is_credit FROM credits UNION ALL SELECT grp, ends, 0 FROM invoices) both_sides
  GROUP BY grp, ends
), pieces AS (
  SELECT grp, ends - coalesce(lag(ends) OVER line, 0) AS amount,
         1 + coalesce(sum(of_credit) OVER before, 0) AS credit_nr,
         1 + coalesce(sum(of_invoice) OVER before, 0) AS invoice_nr
  FROM cuts
  WINDOW line AS (PARTITION BY grp ORDER BY ends),
         before AS (PARTITION BY grp ORDER BY ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), made AS (
  INSERT INTO ledger_allocation (credit_id, invoice_id, amount_minor, effective_on, known_at, rule)
  SELECT c.id, i.id, sum(p.amount), %(as_of)s, %(now)s, %(rule)s
  FROM pieces p
  JOIN credits c ON c.grp = p.grp AND c.nr = p.credit_nr
  JOIN invoices i ON i.grp = p.grp AND i.nr = p.invoice_nr
  GROUP BY c.id, i.id ORDER BY c.id, i.id
  RETURNING credit_id
)
SELECT count(*), coalesce(array_agg(DISTINCT c.customer_id), '{{}}') FROM made m JOIN credits c ON c.id = m.credit_id
"""
