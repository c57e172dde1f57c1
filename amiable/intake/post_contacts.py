"""Staged contacts to customers, people and addresses, set by set. What a row does not tell is left as it is.

In: the temporary table `staged` (see interpret_contacts.SCHEMA). Out: customers, branches, contacts, contact points.
"""

from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from amiable.intake.post import BRANCHES, Told
from amiable.intake.quarantine import Contradiction

NEWEST = """
CREATE TEMPORARY TABLE newest ON COMMIT DROP AS
SELECT number, max(line) AS line,
    {fields}
FROM staged GROUP BY number
"""
# Several rows of one customer are its several people: of each field the last that tells something counts.
FIELDS = (
    "name", "customer_kind", "siren", "street", "postcode", "city", "country", "language", "sector", "method", "terms_days",
    "turnover_minor", "credit_limit_minor", "potential", "key_account", "assistance", "external_score", "customer_since",
    "parent",
    "payer", "branch", "salesperson",
)  # fmt: skip
LAST = "(array_agg({field} ORDER BY line DESC) FILTER (WHERE {field} IS NOT NULL))[1] AS {field}"

# A row without a name cannot make a customer.
NAMELESS = """
DELETE FROM staged s WHERE NOT EXISTS (SELECT FROM ledger_customer c WHERE c.creditor_id = %(creditor)s
    AND c.number = s.number)
    AND NOT EXISTS (SELECT FROM staged o WHERE o.number = s.number AND coalesce(o.name, o.person) IS NOT NULL)
RETURNING line
"""

NOBODY = """
DELETE FROM staged s WHERE s.salesperson IS NOT NULL AND (
    SELECT count(*) FROM core_user u WHERE u.username = s.salesperson OR lower(u.email) = lower(s.salesperson)
        OR lower(u.first_name || ' ' || u.last_name) = lower(s.salesperson)) <> 1
RETURNING line, salesperson
"""

PARENTLESS = """
DELETE FROM staged s WHERE (s.parent IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger_customer c WHERE c.creditor_id = %(creditor)s AND c.number = s.parent)
    AND NOT EXISTS (SELECT FROM staged o WHERE o.number = s.parent))
RETURNING line, parent
"""

CREATE = """
INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country,
    postcode, city,
    street, terms_end_of_month, sector, payment_method, potential, key_account, assistance, created_at)
SELECT %(creditor)s, %(source)s, s.number, s.number,
    coalesce((array_agg(s.name ORDER BY line DESC) FILTER (WHERE s.name IS NOT NULL))[1], max(s.person)),
    'business', '', '', %(country)s, '', '', '', false, '', '', '', false, '', %(now)s
FROM staged s
WHERE NOT EXISTS (SELECT FROM ledger_customer c WHERE c.creditor_id = %(creditor)s AND c.number = s.number)
GROUP BY s.number
"""

UPDATE = """
UPDATE ledger_customer c SET
    name = coalesce(n.name, c.name), kind = coalesce(n.customer_kind, c.kind), siren = coalesce(n.siren, c.siren),
    street = coalesce(n.street, c.street), postcode = coalesce(n.postcode, c.postcode), city = coalesce(n.city,
        c.city),
    country = coalesce(n.country, c.country), language = coalesce(n.language, c.language),
        sector = coalesce(n.sector, c.sector),
    payment_method = coalesce(n.method, c.payment_method), terms_days = coalesce(n.terms_days, c.terms_days),
    terms_end_of_month = CASE WHEN n.terms_days IS NULL THEN c.terms_end_of_month ELSE n.terms_end_of_month END,
    turnover_minor = coalesce(n.turnover_minor, c.turnover_minor),
    credit_limit_minor = coalesce(n.credit_limit_minor, c.credit_limit_minor), potential = coalesce(n.potential,
        c.potential),
    key_account = coalesce(n.key_account, c.key_account), assistance = coalesce(n.assistance, c.assistance),
    external_score = coalesce(n.external_score, c.external_score), customer_since = coalesce(n.customer_since,
        c.customer_since),
    branch_id = coalesce((SELECT min(b.id) FROM ledger_branch b WHERE b.creditor_id = c.creditor_id
        AND (b.code = n.branch OR lower(b.name) = lower(n.branch))), c.branch_id),
    salesperson_id = coalesce((SELECT min(u.id) FROM core_user u WHERE u.username = n.salesperson
        OR lower(u.email) = lower(n.salesperson)
            OR lower(u.first_name || ' ' || u.last_name) = lower(n.salesperson)), c.salesperson_id),
    parent_id = coalesce((SELECT p.id FROM ledger_customer p WHERE p.creditor_id = c.creditor_id
        AND p.number = n.parent), c.parent_id),
    payer_id = coalesce((SELECT p.id FROM ledger_customer p WHERE p.creditor_id = c.creditor_id
        AND p.number = n.payer), c.payer_id)
FROM newest n WHERE c.creditor_id = %(creditor)s AND c.number = n.number
"""

# A person is known by name at the customer, or by the e-mail address; a row with neither speaks of the main contact.
PEOPLE = """
CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT s.line, c.id AS customer_id, s.person, coalesce(s.role, 'main') AS role, s.role AS told_role, s.language,
    s.email, s.phone,
    s.mobile, s.preferences::jsonb AS preferences,
    coalesce(lower(s.person), s.email, '') AS who,
    CASE WHEN c.street <> '' AND c.postcode <> '' THEN concat_ws(E'\\n', c.name, c.street,
        c.postcode || ' ' || c.city) END AS letter,
    NULL::bigint AS contact_id
FROM staged s JOIN ledger_customer c ON c.creditor_id = %(creditor)s AND c.number = s.number
WHERE coalesce(s.person, s.email, s.phone, s.mobile, s.preferences, s.street) IS NOT NULL
"""

KNOW = """
UPDATE people p SET contact_id = k.id FROM ledger_contact k
WHERE k.customer_id = p.customer_id AND p.contact_id IS NULL AND CASE
    WHEN p.person IS NOT NULL THEN lower(k.name) = lower(p.person)
    WHEN p.email IS NOT NULL THEN EXISTS (SELECT FROM ledger_contactpoint a WHERE a.contact_id = k.id
        AND a.value = p.email)
    ELSE k.id = (SELECT o.id FROM ledger_contact o WHERE o.customer_id = p.customer_id ORDER BY o.role <> 'main',
        o.id LIMIT 1) END
"""

MEET = """
INSERT INTO ledger_contact (customer_id, name, role, language, preferences, created_at)
SELECT customer_id, coalesce(max(person), ''), max(role), coalesce(max(language), ''), '{}', %(now)s
FROM people WHERE contact_id IS NULL GROUP BY customer_id, who
"""

KNOW_NEW = """
UPDATE people p SET contact_id = k.id FROM ledger_contact k
WHERE p.contact_id IS NULL AND k.customer_id = p.customer_id AND lower(k.name) = coalesce(lower(p.person), '')
    AND k.created_at = %(now)s
    AND (p.person IS NOT NULL OR NOT EXISTS (SELECT FROM ledger_contactpoint a WHERE a.contact_id = k.id))
"""

RENEW = """
UPDATE ledger_contact k SET role = coalesce(p.told_role, k.role), language = coalesce(p.language, k.language),
    preferences = k.preferences || coalesce(p.preferences, '{}')
FROM (SELECT DISTINCT ON (contact_id) * FROM people WHERE contact_id IS NOT NULL ORDER BY contact_id, line DESC) p
    WHERE k.id = p.contact_id
"""

POINTS = """
INSERT INTO ledger_contactpoint (contact_id, medium, value, failure)
SELECT DISTINCT contact_id, medium, value, '' FROM people CROSS JOIN LATERAL (VALUES
    ('email', email), ('call', ltrim(phone, 'm')), ('call', ltrim(mobile, 'm')),
    ('sms', CASE WHEN phone LIKE 'm%%' THEN ltrim(phone, 'm') END), ('sms', CASE WHEN mobile LIKE 'm%%'
        THEN ltrim(mobile, 'm') END),
    ('letter', letter)
) AS told (medium, value)
WHERE value IS NOT NULL AND contact_id IS NOT NULL
ON CONFLICT (contact_id, medium, value) DO NOTHING
"""


def post_contacts(told: Told, columns: dict[str, str]) -> tuple[dict[str, int], list[Contradiction]]:
    """Posts what is staged; returns the figures and the rows that name nobody known."""
    values = told.values()
    fields = (
        ",\n    ".join(LAST.format(field=field) for field in FIELDS)
        + ",\n    bool_or(terms_end_of_month) AS terms_end_of_month"
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE staged")
        found = _unknown(values, columns)
        cursor.execute(BRANCHES, values)
        cursor.execute(CREATE, values)
        created = cursor.rowcount
        cursor.execute(NEWEST.format(fields=fields))
        cursor.execute("CREATE TEMPORARY TABLE before ON COMMIT DROP AS"
                       " SELECT c.* FROM ledger_customer c JOIN newest n ON n.number = c.number"
                       " WHERE c.creditor_id = %(creditor)s", values)  # fmt: skip
        cursor.execute(UPDATE, values)
        cursor.execute(
            "SELECT count(*) FROM before b JOIN ledger_customer c ON c.id = b.id WHERE to_jsonb(b.*) <> to_jsonb(c.*)"
        )
        changed = cursor.fetchone()[0]
        cursor.execute(PEOPLE, values)
        cursor.execute(KNOW)
        cursor.execute(MEET, values)
        contacts = cursor.rowcount
        cursor.execute(KNOW_NEW, values)
        cursor.execute(RENEW)
        cursor.execute(POINTS)
        points = cursor.rowcount
        cursor.execute("SELECT count(*) FROM staged")
        rows = cursor.fetchone()[0]
    news = {"customers": created, "updated": max(changed - created, 0), "contacts": contacts, "addresses": points}
    return news | {"unchanged": 0 if any(news.values()) else rows}, found


def _unknown(values: dict[str, Any], columns: dict[str, str]) -> list[Contradiction]:
    """Takes out of the staged rows those that name a colleague or a parent nobody knows, or a customer without a name."""
    found: list[Contradiction] = []
    with connection.cursor() as cursor:
        cursor.execute(NOBODY)
        for line, name in cursor.fetchall():
            found.append(
                (line, columns.get("salesperson", ""), _("No colleague is named “%(name)s”.") % {"name": name[:60]})
            )
        cursor.execute(PARENTLESS, values)
        for line, number in cursor.fetchall():
            found.append(
                (
                    line,
                    columns.get("parent", ""),
                    _("No customer has the number “%(number)s”.") % {"number": number[:60]},
                )
            )
        cursor.execute(NAMELESS, values)
        for (line,) in cursor.fetchall():
            found.append((line, columns.get("name", ""), _("A new customer needs a name.")))
    return found
