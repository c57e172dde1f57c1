"""Staged accounting entries to the ledger: the items of the customers' accounts, what letters them, what went to 413 and 416.

In: the temporary table `lines` (see interpret_fec.SCHEMA). Out: `told`, posted as any other movements.
Never: a debt counted twice because it was carried forward or transferred.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.core import tables
from amiable.intake import post, stage
from amiable.intake.models import FileKind, Import
from amiable.intake.post import Told
from amiable.intake.reading import Reading, UnableToImport

# The nature of an entry is in its other lines; the place of a line in its entry is its identity.
PARTS = """
CREATE TEMPORARY TABLE parts ON COMMIT DROP AS
SELECT *, count(*) FILTER (WHERE account = '411') OVER e > 0 AND count(*) FILTER (WHERE account <> '411') OVER e > 0
        AND sum(amount_minor) OVER e = 0 AS transfer
    , CASE WHEN letter IS NULL THEN '#' || line ELSE account || '|' || number || '|' || letter END AS node
FROM (
    SELECT line, journal, num, day, account, name, reference, piece_on, amount_minor, letter, lettered_on, bad, nth,
        bank, sale, loss,
        carried AND NOT result OR opening AS opening,
        coalesce(number, CASE WHEN one = other THEN one END, account) AS number
    FROM (
        SELECT *, row_number() OVER w AS nth, bool_or(account = '5') OVER w AS bank,
            bool_or(account = '7') OVER w AS sale,
            bool_or(account = '65') OVER w AS loss, bool_or(account IN ('6', '7', '65')) OVER w AS result,
            bool_or(account = '1') OVER w AND day = %(first_day)s AS carried,
            min(number) FILTER (WHERE account = '411') OVER w AS one, max(number)
                FILTER (WHERE account = '411') OVER w AS other
        FROM lines
        WINDOW w AS (PARTITION BY journal COLLATE "C",
            num COLLATE "C" ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ) l WHERE account IN ('411', '413', '416')
) p WINDOW e AS (PARTITION BY journal COLLATE "C", num COLLATE "C", number COLLATE "C")
"""

STAGED = """
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
SELECT number, min(name) AS name, NULL::text AS branch FROM parts WHERE NOT bad GROUP BY number
"""

# A transfer ties what settles the item in its new account to the item in its old one.
LINKS = """
SELECT min(node) OVER (PARTITION BY journal, num, number), node, max(account) OVER (PARTITION BY journal, num,
    number), day, line
FROM parts WHERE transfer AND NOT opening AND NOT bad ORDER BY day, line
"""

# A transfer that nobody lettered belongs to the item it names, else to the oldest of its amount.
LOOSE = """
SELECT t.node, (
    SELECT i.node FROM parts i
    WHERE i.number = t.number AND i.account = t.account AND i.amount_minor > 0 AND NOT i.transfer AND NOT i.bad
        AND i.day <= t.day
        AND (i.reference = t.reference OR (i.letter IS NULL AND i.amount_minor = -t.amount_minor))
    ORDER BY i.reference IS DISTINCT FROM t.reference, i.day, i.line LIMIT 1)
FROM parts t WHERE t.transfer AND NOT t.opening AND NOT t.bad AND t.letter IS NULL AND t.amount_minor < 0
"""

TELL = """
CREATE TEMPORARY TABLE told ON COMMIT DROP AS
SELECT p.line, p.opening,
    CASE WHEN p.amount_minor > 0 THEN CASE WHEN p.bank AND NOT p.sale THEN 'debit_note' ELSE 'invoice' END
        WHEN p.bank AND NOT p.opening THEN 'payment' WHEN p.sale THEN 'credit_note' ELSE 'other' END AS kind,
    left(%(siren)s || '/' || %(year)s || '/' || p.journal || '/' || p.num, 108) || '/' || p.nth AS external_id,
    coalesce(p.reference, left(p.num, 60)) AS reference, NULL::text AS order_reference,
    p.issued_on,
    %(currency)s AS currency, abs(p.amount_minor) AS amount_minor, NULL::text AS settles,
    coalesce(l.root, CASE WHEN p.letter IS NOT NULL THEN p.node END) AS lettered, p.lettered_on, NULL::text AS method,
    0::smallint AS reached, NULL::date AS reached_on, p.amount_minor > 0 AS debit,
    coalesce(c.merged_into_id, c.id) AS customer_id, c.branch_id,
    CASE WHEN p.amount_minor > 0 THEN CASE WHEN c.terms_end_of_month
        THEN (date_trunc('month', p.issued_on + coalesce(c.terms_days, %(terms)s)) + interval '1 month - 1 day')::date
        ELSE p.issued_on + coalesce(c.terms_days, %(terms)s) END END AS due_on, false AS is_term, 1 AS terms,
            NULL::bigint AS known_id, NULL::bigint AS row_id, 'new' AS fate,
    NULL::bigint AS known_minor, NULL::text AS known_currency,
    CASE coalesce(l.account, p.account) WHEN '413' THEN 'bill' WHEN '416'
        THEN 'doubtful' ELSE 'receivable' END AS account
FROM (
    SELECT *, CASE WHEN amount_minor > 0 AND piece_on BETWEEN day - 366 AND day
        THEN piece_on ELSE day END AS issued_on FROM parts
) p
JOIN ledger_customer c ON c.creditor_id = %(creditor)s AND c.number = p.number
LEFT JOIN ties l ON l.node = p.node
WHERE NOT p.bad AND p.amount_minor <> 0 AND (NOT p.transfer OR p.opening)
"""

# What another source told of the same customer, number and amount is the same invoice.
ELSEWHERE = """
UPDATE told t SET known_id = i.id FROM (
    SELECT customer_id, reference, amount_minor, max(id) AS id, max(issued_on) AS issued_on FROM ledger_invoice
    WHERE creditor_id = %(creditor)s AND source <> %(source)s GROUP BY customer_id, reference,
        amount_minor HAVING count(*) = 1
) i
WHERE t.debit AND t.fate = 'new' AND t.known_id IS NULL AND i.customer_id = t.customer_id
    AND i.reference = t.reference
    AND i.amount_minor = t.amount_minor AND abs(i.issued_on - t.issued_on) < 60
"""

# Carried forward: the same item as in the year before, found by its reference and amount, else by its amount.
CARRIED = """
UPDATE told t SET known_id = k.id, fate = 'known' FROM (
    SELECT t.line, i.id FROM (
        SELECT line, customer_id, {by_told} AS what, row_number() OVER (PARTITION BY customer_id,
            {by_told} ORDER BY line) AS nth
        FROM told WHERE opening AND fate = 'opening' AND {side}
    ) t JOIN (
        SELECT id, customer_id, {by_known} AS what, row_number() OVER (PARTITION BY customer_id,
            {by_known} ORDER BY {day}, id) AS nth
        FROM {table} i WHERE creditor_id = %(creditor)s AND open_minor > 0 AND {day} < %(first_day)s
            AND NOT EXISTS (SELECT FROM told o WHERE o.known_id = i.id AND {side_of_o})
    ) i USING (customer_id, what, nth)
) k WHERE t.line = k.line AND {side_of_t}
"""

# A balance carried forward as one sum: what is lettered with it settles the oldest open items it stands for.
SUMMED = """
SELECT DISTINCT ON (i.id) i.customer_id || '|' || t.lettered AS grp, i.id AS row_id, true AS debit, i.open_minor,
    i.due_on, i.issued_on,
    NULL::date AS acts_on
FROM told t JOIN ledger_invoice i ON i.customer_id = t.customer_id AND i.open_minor > 0
    AND i.issued_on < %(first_day)s
WHERE t.fate = 'opening' AND t.debit AND t.lettered IS NOT NULL
    AND NOT EXISTS (SELECT FROM told o WHERE o.debit AND o.known_id = i.id)
ORDER BY i.id, t.line
"""

LETTERED = f"""
SELECT t.customer_id || '|' || t.lettered AS grp, t.row_id, t.debit, coalesce(i.open_minor, c.open_minor,
    t.amount_minor) AS open_minor,
    coalesce(i.due_on, t.due_on) AS due_on, t.issued_on,
    coalesce(max(t.lettered_on) OVER g, max(t.issued_on) OVER g) AS acts_on
FROM told t
LEFT JOIN ledger_invoice i ON t.debit AND t.fate = 'known' AND i.id = t.known_id
LEFT JOIN ledger_credit c ON NOT t.debit AND t.fate = 'known' AND c.id = t.known_id
WHERE t.lettered IS NOT NULL AND t.fate IN ('new', 'known')
WINDOW g AS (PARTITION BY t.customer_id, t.lettered)
UNION ALL ({SUMMED})
"""

MOVED = """
UPDATE ledger_invoice i SET account = t.account FROM told t
WHERE t.debit AND t.fate = 'known' AND i.id = t.row_id AND NOT t.opening AND i.account <> t.account
"""

MOVED_CARRIED = """
UPDATE ledger_invoice i SET account = CASE l.account WHEN '413' THEN 'bill' WHEN '416'
    THEN 'doubtful' ELSE 'receivable' END
FROM told t JOIN parts p USING (line) JOIN ties l ON l.node = p.node
WHERE t.debit AND t.fate = 'known' AND t.opening AND i.id = t.row_id
"""

UNEVEN = """
SELECT count(*), min(lettered) FROM (
    SELECT lettered FROM told WHERE lettered IS NOT NULL AND fate <> 'other' GROUP BY customer_id, lettered
    HAVING count(*) FILTER (WHERE debit) > 0 AND count(*) FILTER (WHERE NOT debit) > 0
        AND sum(CASE WHEN debit THEN amount_minor ELSE -amount_minor END) <> 0
) g
"""


def post_fec(told: Told, reading: Reading, record: Import) -> tuple[dict[str, int], list[str]]:
    """Posts the staged lines; returns figures and sentences. Raises UnableToImport when whose books they are is unknown."""
    siren, closing, said = _whose(told, reading)
    year, last_closing = _year(told, record, closing)
    values = told.values() | {
        "keep_nil": False, "siren": siren, "year": str(year), "currency": told.creditor.currency,
        "first_day": last_closing + timedelta(days=1),
    }  # fmt: skip
    before = _years_loaded(told, record, closing)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE lines")
        cursor.execute(PARTS, values)
        cursor.execute("ANALYZE parts")
        cursor.execute(STAGED)
        figures = post.settle_who(values)
        transferred = _tie()
        cursor.execute(TELL, values)
        if before:
            cursor.execute("UPDATE told SET fate = 'opening' WHERE opening")
        _find_known(values, carried=before)
        figures |= post.enter(values, (("lettered", LETTERED),), news=False)
        cursor.execute(MOVED)
        cursor.execute(MOVED_CARRIED)
        cursor.execute("SELECT count(*) FROM told WHERE fate = 'opening'")
        unmatched = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM told WHERE opening AND fate = 'new'")
        opened = cursor.fetchone()[0]
        cursor.execute(UNEVEN)
        uneven, example = cursor.fetchone()
    if unmatched:
        said.append(
            _("%(count)d opening balances were not found among last year's items; they were not counted again.")
            % {"count": unmatched}
        )
    if uneven:
        said.append(
            ngettext(
                "%(count)d lettering does not balance (%(example)s); it was settled as far as it goes, oldest first.",
                "%(count)d letterings do not balance (such as %(example)s); they were settled as far as they go, oldest first.",
                uneven,
            )
            % {"count": uneven, "example": example.rpartition("|")[2]}
        )
    more = {"closing": _number(closing), "year": year, "openings": opened, "transfers": transferred, "uneven": uneven}
    return figures | more, said


def _whose(told: Told, reading: Reading) -> tuple[str, date, list[str]]:
    """SIREN and last day of the year: from the name of the file, else the creditor's number and the last entry."""
    own = told.creditor.siren[:9]
    siren = reading.siren or own
    if not siren:
        raise UnableToImport(
            _("Whose entries are these? Name the file <SIREN>FEC<YYYYMMDD>.txt or give the creditor its SIREN.")
        )
    if not own:
        told.creditor.siren = siren
        told.creditor.save(update_fields=["siren"])
    if own and siren != own:
        raise UnableToImport(
            _("These are the entries of %(siren)s, but the creditor is %(own)s.") % {"siren": siren, "own": own}
        )
    if reading.closing:
        try:
            return siren, date.fromisoformat(f"{reading.closing[:4]}-{reading.closing[4:6]}-{reading.closing[6:]}"), []
        except ValueError as error:
            raise UnableToImport(
                _("“%(day)s” is not the last day of a year (YYYYMMDD).") % {"day": reading.closing}
            ) from error
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(day) FROM lines")
        last = cursor.fetchone()[0]
    if last is None:
        raise UnableToImport(_("No line of this file has a date."))
    closing = date(last.year, 12, 31)
    return (
        siren,
        closing,
        [
            _("The name of the file tells no year; the one that ends on %(day)s was taken.")
            % {"day": closing.isoformat()}
        ],
    )


def _year_before(closing: date) -> date:
    return closing.replace(year=closing.year - 1, day=28 if (closing.month, closing.day) == (2, 29) else closing.day)


def _year(told: Told, record: Import, closing: date) -> tuple[int, date]:
    """By what the lines of a year are known, and the last day of the year before.

    That is the calendar year in which it closes. Of two that close in one, where a firm has moved its closing, the second
    goes by its first day: it begins after the other has ended, with balances carried forward. A part of a year that is
    told before the whole of it is the same year.
    """
    loads = _loads(told, record).filter(figures__closing__range=(closing.year * 10_000, _number(closing) - 1))
    known = list(loads.order_by("figures__closing").values_list("figures__closing", "figures__year"))
    starts = [year for _closing, year in known if year and year > closing.year]
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(day), min(day) FILTER (WHERE opening) FROM lines")
        begins, carried = cursor.fetchone()
    if record.figures:  # a row of a file that has been loaded: as then
        starts = [record.figures.get("year", 0)]
    elif known and begins and begins == carried and _number(begins) > known[-1][0]:
        starts.append(_number(begins))
    start = max((year for year in starts if begins and closing.year < year <= _number(begins)), default=None)
    if start is None:
        return closing.year, _year_before(closing)
    return start, datetime.strptime(str(start), "%Y%m%d").date() - timedelta(days=1)


def _number(day: date) -> int:
    return int(day.strftime("%Y%m%d"))


def _loads(told: Told, record: Import) -> QuerySet[Import]:
    loads = Import.objects.filter(creditor=told.creditor, source__kind=FileKind.FEC, ended_at__isnull=False)
    return loads.exclude(pk=record.pk)


def _years_loaded(told: Told, record: Import, closing: date) -> bool:
    """Whether an earlier year was loaded. Raises UnableToImport when a later one was, with its opening balances."""
    number, loads = _number(closing), _loads(told, record)
    later = loads.filter(figures__closing__gt=number, figures__openings__gt=0).order_by("figures__closing").first()
    if later is not None:
        raise UnableToImport(
            _(
                "A later year (“%(name)s”) was loaded with its opening balances: years must be loaded one after the other."
            )
            % {"name": later.name}
        )
    return loads.filter(figures__closing__lt=number).exists()


def _tie() -> int:
    """Ties the letterings that transfers lead from one account to another into one group each; returns how many transfers."""
    roots: dict[str, str] = {}

    def root(node: str) -> str:
        while (up := roots.setdefault(node, node)) != node:
            roots[node] = roots[up]
            node = up
        return node

    accounts: dict[str, str] = {}
    with connection.cursor() as cursor:
        cursor.execute(LINKS)
        links = cursor.fetchall()
        if links:
            cursor.execute(LOOSE)
            links = [(node, item, "", None, 0) for node, item in cursor.fetchall() if item] + links
    for one, other, _account, _day, _line in links:
        roots[root(other)] = root(one)
    for one, _other, account, _day, _line in links:
        if account:
            accounts[root(one)] = account  # the last transfer says where it stands now
    schema = {"node": pl.String, "root": pl.String, "account": pl.String}
    stage.create("ties", schema)
    rows = [(node, root(node), accounts.get(root(node))) for node in roots]
    if rows:
        tables.write(pl.DataFrame(rows, schema=schema, orient="row"), "ties", list(schema))
    return len({one for one, _other, account, _day, _line in links if account})


def _find_known(values: dict[str, Any], *, carried: bool) -> None:
    """The lines that were loaded before, here or from elsewhere, and the items that were carried forward."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE told")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM ledger_invoice WHERE creditor_id = %(creditor)s)"
            " OR EXISTS (SELECT FROM ledger_credit WHERE creditor_id = %(creditor)s)",
            values,
        )
        if not cursor.fetchone()[0]:
            return
        cursor.execute(post.KNOWN_INVOICES[0], values)
        cursor.execute(ELSEWHERE, values)
        cursor.execute(post.KNOWN_CREDITS[0], values)
        if carried:
            for by in (("reference || '/' || amount_minor", "reference || '/' || amount_minor"),
                       ("reference || '/' || amount_minor", "reference || '/' || open_minor"),
                       ("amount_minor::text", "open_minor::text")):  # fmt: skip
                for table, day, side in (
                    ("ledger_invoice", "issued_on", "debit"),
                    ("ledger_credit", "received_on", "NOT debit"),
                ):
                    ours = side.replace("debit", "{}.debit")
                    statement = CARRIED.format(
                        by_told=by[0],
                        by_known=by[1],
                        side=side,
                        day=day,
                        table=table,
                        side_of_o=ours.format("o"),
                        side_of_t=ours.format("t"),
                    )
                    cursor.execute(statement, values)
        cursor.execute(post.JUDGE_INVOICES.replace("WHERE t.debit", "WHERE NOT t.opening AND t.debit"), values)
        cursor.execute(post.JUDGE_CREDITS.replace("WHERE NOT t.debit", "WHERE NOT t.opening AND NOT t.debit"), values)
        cursor.execute("UPDATE told SET row_id = known_id WHERE opening AND known_id IS NOT NULL")
        cursor.execute("UPDATE told SET fate = 'known' WHERE opening AND known_id IS NOT NULL")


def places(lines: Sequence[int]) -> dict[int, dict[str, str]]:
    """Of each line: its place in its entry, and accounts that stand for the nature of the entry's other lines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT line, nth, bank, sale, loss, opening FROM parts WHERE line = ANY(%s)", [list(lines)])
        return {
            line: {
                "#place": str(nth),
                "#with": " ".join(
                    account
                    for account, there in (("512", bank), ("707", sale), ("654", loss), ("890", opening))
                    if there
                ),
            }
            for line, nth, bank, sale, loss, opening in cursor
        }
