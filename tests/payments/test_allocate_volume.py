"""A hundred thousand credits are spread in seconds, one huge customer included."""

import time

import pytest
from django.db import connection

from amiable.ledger.models import Credit, Invoice
from amiable.payments.allocate import allocate_open
from tests.payments.rows import NOW, TODAY, creditor, customer

pytestmark = [pytest.mark.django_db, pytest.mark.long]

CUSTOMERS = """
INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country, postcode,
  city, street, sector, terms_end_of_month, payment_method, potential, key_account, assistance, created_at)
SELECT %(creditor)s, 't', n, n, n, 'business', '', 'fr', 'FR', '', '', '', '', false, '', '', false, '', %(now)s
FROM generate_series(1, 20000) n
"""
INVOICES = """
INSERT INTO ledger_invoice (creditor_id, customer_id, source, external_id, reference, kind, account, order_reference,
  issued_on, due_on, currency, amount_minor, open_minor, known_at)
SELECT %(creditor)s, id, 't', id || '-' || k, 'F' || id || k, 'invoice', 'receivable', '', '2026-01-01',
  date '2026-01-01' + k, 'EUR', 10000, 10000, %(now)s
FROM ledger_customer, generate_series(1, CASE WHEN id = %(huge)s THEN 20000 ELSE 4 END) k WHERE creditor_id = %(creditor)s
"""
CREDITS = """
INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
  amount_minor, open_minor, method, known_at)
SELECT %(creditor)s, id, 't', id || '-' || k, 'payment', CASE WHEN k %% 3 = 0 THEN 'F' || id || k ELSE '' END,
  '2026-02-01', 'EUR', 8000, 8000, '', %(now)s
FROM ledger_customer, generate_series(1, CASE WHEN id = %(huge)s THEN 20000 ELSE 4 END) k WHERE creditor_id = %(creditor)s
"""


def test_a_hundred_thousand_credits() -> None:
    owner = creditor()
    values = {"creditor": owner.pk, "now": NOW, "huge": customer(owner).pk}
    with connection.cursor() as cursor:
        for statement in (CUSTOMERS, INVOICES, CREDITS, "ANALYZE"):
            cursor.execute(statement, values)
    began = time.perf_counter()
    done = allocate_open(creditor=owner, as_of=TODAY, now=NOW)
    took = time.perf_counter() - began
    print(f"{Credit.objects.count()} credits, {done.allocations} allocations: {took:.1f} s")  # noqa: T201
    assert not Credit.objects.filter(open_minor__gt=0).exists()
    assert sum(Invoice.objects.values_list("open_minor", flat=True)) == 2_000 * (20_000 * 4 + 20_000)
    assert took < 60
