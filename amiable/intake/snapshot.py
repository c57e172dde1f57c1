"""The open items of a day against the ledger: what is new, what shrank, what grew, what vanished.

In: `staged` with a balance per item. Out: invoices, payments told by the accounts, holds and tasks for what vanished.
Never: a vanished invoice settled without a rule or a person, a balance raised by a file.
"""

from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from amiable.casework.models import Task, TaskKind
from amiable.intake import post
from amiable.intake.models import Import
from amiable.intake.post import KNOWN_AT, Told
from amiable.intake.vanish import close_answered, confirm_vanished
from amiable.ledger.models import Hold, Invoice

MOST_BY_RULE = 0.5  # when more than this share vanishes at once, even a rule asks a person

# A new item is entered with its first amount where the file tells it; what was paid of it before follows as a credit.
RAISE = """
UPDATE told SET residual = amount_minor,
    amount_minor = CASE WHEN fate = 'new' AND debit THEN greatest(whole_minor, amount_minor) ELSE amount_minor END,
    fate = CASE WHEN fate = 'new' AND amount_minor = 0 THEN 'nil' ELSE fate END
"""

BEFORE = f"""
INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
    amount_minor, open_minor,
    method, provisional, known_at)
SELECT %(creditor)s, customer_id, %(source)s, 'before/' || row_id, 'other', reference, greatest(issued_on, %(as_of)s),
    currency, amount_minor - residual, amount_minor - residual, '', false,
    {KNOWN_AT.format(day="greatest(issued_on, %(as_of)s)")}
FROM told WHERE debit AND fate = 'new' AND amount_minor > residual
"""

BEFORE_ITEMS = """
SELECT t.row_id::text AS grp, t.row_id, true AS debit, t.amount_minor - t.residual AS open_minor, t.due_on,
    t.issued_on,
    NULL::date AS acts_on
FROM told t WHERE t.debit AND t.fate = 'new' AND t.amount_minor > t.residual
UNION ALL
SELECT t.row_id::text, c.id, false, c.open_minor, NULL, c.received_on, c.received_on
FROM told t JOIN ledger_credit c ON c.creditor_id = %(creditor)s AND c.source = %(source)s
    AND c.external_id = 'before/' || t.row_id
WHERE t.debit AND t.fate = 'new' AND c.open_minor > 0
"""

# Money that the ledger heard of from elsewhere may not have reached the accounts yet: their balance is then still higher.
GREW = """
UPDATE told t SET fate = 'grew', known_minor = i.open_minor, known_currency = i.currency
FROM ledger_invoice i
WHERE t.debit AND t.fate = 'known' AND i.id = t.row_id AND t.residual > i.open_minor + coalesce((
    SELECT sum(a.amount_minor) FROM ledger_allocation a JOIN ledger_credit c ON c.id = a.credit_id
    WHERE a.invoice_id = i.id AND c.source <> %(source)s), 0)
"""

GREW_CREDITS = """
UPDATE told t SET fate = 'grew', known_minor = c.open_minor, known_currency = c.currency
FROM ledger_credit c WHERE NOT t.debit AND t.fate = 'known' AND c.id = t.row_id AND t.residual > c.amount_minor
"""

SIGHT = """
INSERT INTO intake_sighting (source_id, invoice_id, seen_in_id)
SELECT DISTINCT %(source_id)s, row_id, %(import_id)s FROM told WHERE debit AND fate IN ('new', 'known', 'grew',
    'other') AND residual > 0
ON CONFLICT (source_id, invoice_id) DO UPDATE SET seen_in_id = excluded.seen_in_id
"""

FORGET = """
DELETE FROM intake_sighting s USING ledger_invoice i
WHERE i.id = s.invoice_id AND i.open_minor = 0 AND s.source_id = %(source_id)s AND s.seen_in_id <> %(import_id)s
"""

SHRUNK = """
CREATE TEMPORARY TABLE shrunk ON COMMIT DROP AS
SELECT i.id, true AS debit, i.customer_id, i.currency, i.open_minor - t.residual AS gone, i.due_on, i.issued_on,
    false AS vanished
FROM told t JOIN ledger_invoice i ON i.id = t.row_id
WHERE t.debit AND t.fate = 'known' AND t.residual < i.open_minor
UNION ALL
SELECT c.id, false, c.customer_id, c.currency, c.open_minor - t.residual, NULL, c.received_on, false
FROM told t JOIN ledger_credit c ON c.id = t.row_id
WHERE NOT t.debit AND t.fate = 'known' AND t.residual < c.open_minor
"""

# What is missing is judged against the snapshot before; a row that could not be read is not missing.
MISSING = """
SELECT i.id, true, i.customer_id, i.currency, i.open_minor, i.due_on, i.issued_on, true
FROM intake_sighting s JOIN ledger_invoice i ON i.id = s.invoice_id
WHERE s.source_id = %(source_id)s AND s.seen_in_id <> %(import_id)s AND i.open_minor > 0
    AND NOT EXISTS (SELECT FROM told t WHERE t.debit AND t.row_id = i.id)
    AND NOT EXISTS (SELECT FROM unread u WHERE u.reference = i.reference)
UNION ALL
SELECT c.id, false, c.customer_id, c.currency, c.open_minor, NULL, c.received_on, true
FROM ledger_credit c
WHERE c.creditor_id = %(creditor)s AND c.source = %(source)s AND c.open_minor > 0 AND c.kind <> 'other'
    AND NOT EXISTS (SELECT FROM told t WHERE NOT t.debit AND t.row_id = c.id)
    AND NOT EXISTS (SELECT FROM unread u WHERE u.reference = c.reference)
"""

# Credits that went are what settled invoices that went: first those that shrank, then those that vanished.
CONSUMED = """
SELECT s.customer_id || '|' || s.currency AS grp, s.id AS row_id, s.debit, s.gone AS open_minor,
    s.due_on + CASE WHEN s.vanished THEN 100000 ELSE 0 END AS due_on, s.issued_on, %(as_of)s::date AS acts_on
FROM shrunk s
WHERE EXISTS (SELECT FROM shrunk o WHERE o.customer_id = s.customer_id AND o.currency = s.currency
    AND o.debit <> s.debit)
"""

LEFT = """
UPDATE shrunk s SET gone = s.gone - a.amount FROM (
    SELECT a.invoice_id, sum(a.amount_minor) AS amount FROM ledger_allocation a
    WHERE a.rule = 'snapshot' AND a.id > %(last_allocation)s GROUP BY a.invoice_id
) a WHERE s.debit AND s.id = a.invoice_id
"""

PAID = f"""
INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
    amount_minor, open_minor,
    method, provisional, known_at)
SELECT %(creditor)s, s.customer_id, %(source)s, 'shrunk/' || s.id || '/' || %(import_id)s, 'payment', i.reference,
    %(as_of)s, s.currency,
    s.gone, s.gone, '', %(provisional)s, {KNOWN_AT.format(day="%(as_of)s::date")}
FROM shrunk s JOIN ledger_invoice i ON i.id = s.id WHERE s.debit AND NOT s.vanished AND s.gone > 0
"""

PAID_ITEMS = """
SELECT s.id::text AS grp, s.id AS row_id, true AS debit, s.gone AS open_minor, s.due_on, s.issued_on,
    NULL::date AS acts_on
FROM shrunk s WHERE s.debit AND NOT s.vanished AND s.gone > 0
UNION ALL
SELECT s.id::text, c.id, false, c.open_minor, NULL, c.received_on, c.received_on
FROM shrunk s JOIN ledger_credit c ON c.creditor_id = %(creditor)s AND c.source = %(source)s
    AND c.external_id = 'shrunk/' || s.id || '/' || %(import_id)s
WHERE s.debit AND NOT s.vanished AND c.open_minor > 0
"""

HOLD = """
INSERT INTO ledger_hold (creditor_id, customer_id, invoice_id, kind, source_ref, reason, since, created_at)
SELECT %(creditor)s, s.customer_id, s.id, 'vanished', %(hold)s, %(why)s, %(as_of)s, %(now)s
FROM shrunk s WHERE s.debit AND s.vanished AND s.gone > 0
ON CONFLICT (source_ref, customer_id, invoice_id) DO UPDATE SET since = excluded.since, until = NULL,
    reason = excluded.reason
    WHERE ledger_hold.until IS NOT NULL
RETURNING customer_id, invoice_id
"""

BACK = """
UPDATE ledger_hold h SET until = greatest(h.since, %(as_of)s) FROM told t
WHERE h.source_ref = %(hold)s AND h.until IS NULL AND h.invoice_id = t.row_id AND t.debit AND t.residual > 0
RETURNING h.invoice_id
"""


def post_snapshot(told: Told, record: Import, *, whole: bool = True) -> tuple[dict[str, int], list[str]]:
    """Posts the staged open items; returns figures and sentences. Of a part of a snapshot nothing can be missing."""
    values = told.values() | {
        "keep_nil": True,
        "source_id": told.source.pk,
        "import_id": record.pk,
        "hold": hold_ref(told.source.pk),
        "why": _("Missing from the open items of %(day)s.") % {"day": told.as_of.isoformat()},
    }
    with connection.cursor() as cursor:
        figures = post.settle_who(values)
        cursor.execute(post.TELL, values)
        cursor.execute(
            "ALTER TABLE told ADD COLUMN account text NOT NULL DEFAULT 'receivable', ADD COLUMN residual bigint"
        )
        cursor.execute(post.APART)
        post.find_known(values)
        cursor.execute(RAISE)
        figures |= post.enter(values, ())
        cursor.execute(BEFORE, values)
        figures["credits"] += cursor.rowcount
        figures["allocations"] += post.spread("snapshot", BEFORE_ITEMS, values)
        cursor.execute(GREW, values)
        cursor.execute(GREW_CREDITS, values)
        cursor.execute(SIGHT, values)
        cursor.execute(FORGET, values)
    figures |= _shrink(values, figures, whole)
    figures["entries"] = figures["invoices"] + figures["credits"] + figures["allocations"]
    figures["unchanged"] -= figures["shrunk"]
    if not whole:
        return figures, []
    vanished, said = _vanish(told, values, record)
    return figures | vanished, said


def _shrink(values: dict[str, Any], figures: dict[str, int], whole: bool) -> dict[str, int]:
    """What was settled since the last snapshot: by credits that went as well, else by payments the accounts tell of."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO unread SELECT reference FROM told WHERE fate = 'twice'")
        cursor.execute(SHRUNK + (f"UNION ALL\n{MISSING}" if whole else ""), values)
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_allocation")
        values["last_allocation"] = cursor.fetchone()[0]
        allocations = post.spread("snapshot", CONSUMED, values)
        cursor.execute("SELECT count(*) FROM shrunk WHERE debit AND NOT vanished")
        shrunk = cursor.fetchone()[0]
        cursor.execute(LEFT, values)
        cursor.execute(PAID, values)
        paid = cursor.rowcount
        allocations += post.spread("snapshot", PAID_ITEMS, values)
    return {"shrunk": shrunk, "credits": figures["credits"] + paid, "allocations": figures["allocations"] + allocations}


def _vanish(told: Told, values: dict[str, Any], record: Import) -> tuple[dict[str, int], list[str]]:
    """Holds and tasks for what vanished; lifts those of what came back; settles where the source's rule says so."""
    with connection.cursor() as cursor:
        cursor.execute(BACK, values)
        if cursor.rowcount:
            close_answered(sources=[told.source.pk], now=told.now, by=None, outcome="back")
        cursor.execute(HOLD, values)
        gone: dict[int, list[int]] = {}
        for customer, invoice in cursor:
            gone.setdefault(customer, []).append(invoice)
        cursor.execute("SELECT count(*) FROM intake_sighting WHERE source_id = %(source_id)s", values)
        sighted = cursor.fetchone()[0]
    count = sum(map(len, gone.values()))
    _ask(told, record, gone)
    said = []
    if count > MOST_BY_RULE * sighted and count > 1:
        said.append(
            _("%(count)d of %(all)d open items are missing from this file: is it complete?")
            % {"count": count, "all": sighted}
        )
    elif told.source.vanished_rule == "settle":
        ripe = [hold.invoice_id for hold in _ripe(told) if hold.invoice_id]
        confirm_vanished(invoices=ripe, as_of=told.as_of, now=told.now, by=None)
        return {"vanished": count, "settled_by_rule": len(ripe)}, said
    return {"vanished": count}, said


def _ripe(told: Told) -> list[Hold]:
    """The holds of vanished items that have been missing for as many days as the creditor's rule says."""
    days = int(told.creditor.policy.get("vanished_days", 0))
    holds = Hold.objects.filter(source_ref=hold_ref(told.source.pk), until=None)
    return [hold for hold in holds if (told.as_of - hold.since).days >= days]


def _ask(told: Told, record: Import, gone: dict[int, list[int]]) -> None:
    """One task per customer with what is missing."""
    invoices = {row.pk: row for row in Invoice.objects.filter(pk__in=[pk for listed in gone.values() for pk in listed])}
    tasks = []
    for customer, listed in sorted(gone.items()):
        references = ", ".join(invoices[pk].reference for pk in listed[:5]) + ("…" if len(listed) > 5 else "")
        tasks.append(
            Task(
                creditor=told.creditor,
                customer_id=customer,
                kind=TaskKind.CHECK,
                key=f"vanished:{told.source.pk}:{customer}:{record.pk}",
                title=(_("Paid? No longer among the open items: %(references)s") % {"references": references})[:200],
                context={"vanished": sorted(listed), "source": told.source.pk},
                due_on=told.as_of,
                created_at=told.now,
            )
        )
    Task.objects.bulk_create(tasks, ignore_conflicts=True, batch_size=2000)


def hold_ref(source_id: int) -> str:
    return f"vanished:{source_id}"
