"""Copies of invoices to their invoices: by the invoice number in the file name; the bytes go where their digest says.

In: the temporary table `copies`. Out: Document rows and files. Never: a copy given to one of two invoices by chance.
"""

import hashlib
import re
from pathlib import Path

import polars as pl
from django.db import connection
from django.utils.translation import gettext as _

from amiable.intake import stage
from amiable.intake.formats import LINE, WRONG
from amiable.intake.formats.copies import LARGEST, opened
from amiable.intake.post import Told
from amiable.intake.quarantine import Contradiction
from amiable.ledger.keep import keep, place_of

SCHEMA = {"line": pl.Int64, "name": pl.String, "reference": pl.String, "sha256": pl.String, "size": pl.Int64}
CANDIDATES = {"line": pl.Int64, "candidate": pl.String}
SHORTEST = 3  # letters and digits of a number that may be recognised inside a name
MOST_PARTS = 8

# The longest number that a name holds is the one meant; the terms of one invoice share its copy.
MATCH = """
CREATE TEMPORARY TABLE matched ON COMMIT DROP AS
WITH numbers AS (
    SELECT id, customer_id, reference, upper(regexp_replace(reference, '[^[:alnum:]]', '', 'g')) AS plain
    FROM ledger_invoice WHERE creditor_id = %(creditor)s
), found AS (
    SELECT c.line, n.id, n.customer_id, n.plain, max(length(n.plain)) OVER (PARTITION BY c.line) AS longest
    FROM candidates c JOIN numbers n ON n.plain = c.candidate
)
SELECT f.line, f.id AS invoice_id, count(*) OVER (PARTITION BY f.line) AS hits,
    (SELECT count(DISTINCT o.customer_id) FROM found o WHERE o.line = f.line
        AND length(o.plain) = o.longest) AS customers,
    (SELECT count(DISTINCT o.plain) FROM found o WHERE o.line = f.line AND length(o.plain) = o.longest) AS numbers
FROM found f WHERE length(f.plain) = f.longest
"""

KEEP = """
INSERT INTO ledger_document (creditor_id, invoice_id, name, sha256, size, known_at)
SELECT DISTINCT ON (m.invoice_id, c.sha256) %(creditor)s, m.invoice_id, c.name, c.sha256, c.size, %(now)s
FROM copies c JOIN matched m USING (line) WHERE m.customers = 1 AND m.numbers = 1
ON CONFLICT (creditor_id, sha256, invoice_id) DO NOTHING
"""

# A copy whose invoice is not found is kept all the same, for the person who names it.
KEEP_LOST = """
INSERT INTO ledger_document (creditor_id, invoice_id, name, sha256, size, known_at)
SELECT DISTINCT ON (c.sha256) %(creditor)s, NULL::bigint, c.name, c.sha256, c.size, %(now)s
FROM copies c
WHERE NOT EXISTS (SELECT FROM matched m WHERE m.line = c.line AND m.customers = 1 AND m.numbers = 1)
    AND NOT EXISTS (SELECT FROM ledger_document d WHERE d.creditor_id = %(creditor)s AND d.sha256 = c.sha256)
"""

FOUND = """
DELETE FROM ledger_document d USING copies c JOIN matched m USING (line)
WHERE d.creditor_id = %(creditor)s AND d.sha256 = c.sha256 AND d.invoice_id IS NULL AND m.customers = 1
    AND m.numbers = 1
"""

LOST = """
SELECT c.line, c.name, coalesce(max(m.hits), 0) FROM copies c LEFT JOIN matched m USING (line)
WHERE (m.line IS NULL OR m.customers <> 1 OR m.numbers <> 1)
    AND NOT EXISTS (SELECT FROM ledger_document d WHERE d.creditor_id = %(creditor)s AND d.sha256 = c.sha256
        AND d.invoice_id IS NOT NULL)
GROUP BY c.line, c.name ORDER BY c.line
"""


def stage_copies(batch: pl.DataFrame) -> pl.DataFrame:
    """Stages the PDFs of a batch with the numbers that their names may hold; returns the rows that are none."""
    good = batch.filter(pl.col(WRONG).is_null())
    rows = good.select(
        pl.col(LINE).alias("line"), pl.col("file").alias("name"),
        pl.col("invoice").replace("", None).alias("reference"), "sha256", pl.col("size").cast(pl.Int64),
    )  # fmt: skip
    stage.add("copies", SCHEMA, rows)
    pairs = [
        (line, candidate)
        for line, name, reference in rows.select("line", "name", "reference").iter_rows()
        for candidate in ({plain(reference)} if reference else candidates(name))
    ]
    stage.add("candidates", CANDIDATES, pl.DataFrame(pairs, schema=CANDIDATES, orient="row"))
    bad = batch.filter(pl.col(WRONG).is_not_null())
    return bad.select(pl.col(LINE).alias("line"), pl.lit("file").alias("column"), pl.col(WRONG).alias("reason"))


def plain(text: str) -> str:
    """A number without signs, as it is compared: `FA-2024/001` → `FA2024001`."""
    return "".join(sign for sign in text if sign.isalnum()).upper()


def candidates(name: str) -> set[str]:
    """The numbers that a file name may hold: its parts, and parts that follow one another, joined."""
    stem = re.sub(r"\.pdf$", "", name, flags=re.IGNORECASE)
    stem = re.sub(r"(?i)(facture|invoice|copie|duplicata)[ _-]*(?:n[°o]?[ _.-]*)?(?=[\dA-Z])", " ", stem)
    parts = [part for part in re.split(r"[^0-9A-Za-zÀ-ÿ]+", stem) if part][:20]
    joined = {
        plain("".join(parts[start:end]))
        for start in range(len(parts))
        for end in range(start + 1, min(start + MOST_PARTS, len(parts)) + 1)
    }
    return {text for text in joined if len(text) >= SHORTEST or (len(parts) == 1 and text)}


def post_copies(told: Told, *, path: Path | None) -> tuple[dict[str, int], list[Contradiction]]:
    """Gives each staged copy to its invoice; `path` is where the bytes are read from, none when they must not be kept."""
    values = told.values()
    with connection.cursor() as cursor:
        cursor.execute(MATCH, values)
        cursor.execute(KEEP, values)
        kept = cursor.rowcount
        cursor.execute(FOUND, values)
        cursor.execute("SELECT count(DISTINCT line) FROM matched WHERE customers = 1 AND numbers = 1")
        matched = cursor.fetchone()[0]
        cursor.execute(LOST, values)
        lost = [
            (
                line,
                "invoice",
                (
                    _("“%(name)s” may be the copy of several invoices: name the one.")
                    if hits
                    else _("No invoice number is in “%(name)s”.")
                )
                % {"name": name},
            )
            for line, name, hits in cursor.fetchall()
        ]
        cursor.execute(KEEP_LOST, values)
        cursor.execute("SELECT DISTINCT sha256 FROM copies")
        wanted = {row[0] for row in cursor.fetchall()}
    if path is not None:
        _store(path, wanted)
    return {"documents": kept, "unchanged": max(matched - kept, 0)}, lost


def _store(path: Path, wanted: set[str]) -> None:
    """Writes the bytes that are not there yet, each file whole or not at all."""
    missing = {digest for digest in wanted if not place_of(digest).exists()}
    if not missing:
        return
    for _name, _size, file in opened(path):
        content = file.read(LARGEST)  # a larger one was refused before
        if hashlib.sha256(content).hexdigest() in missing:
            missing.discard(keep(content))
