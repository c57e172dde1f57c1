"""How a creditor's portfolio stood at the end of a day, as arrays that a simulation can walk on from.

Comes in: ledger, holds, contacts, facts, all as of that day. Goes out: a Portfolio; nothing is written. Days count
from that day, day 0. Amounts of other currencies are left out, never added.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from django.db import connection, transaction
from django.db.models import Max

from amiable.core import tables
from amiable.core.calendar import ZONE, end_of_day, is_business_day
from amiable.ledger.models import Creditor
from amiable.portfolio import facts, segments
from amiable.portfolio.models import Refreshed
from amiable.scenario import gather
from amiable.scenario.behaviour import Array
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.live import NEVER

MEMORY = 30  # days for which contacts are counted
# What is told before this hour counts for the day; what comes later, from the next day on.
LOOKED_AT = 9

# All the creditor's invoices in one currency of which something was open at the end of the day, or comes later.
_INVOICES = """
CREATE TEMP TABLE standing ON COMMIT DROP AS
WITH later AS (
  SELECT invoice_id AS id, sum(amount_minor) AS moved FROM ledger_entry
  WHERE invoice_id IS NOT NULL AND effective_on > %(as_of)s AND kind <> 'principal' GROUP BY 1
), told AS (
  SELECT r.id, max(r.level) AS level, max(m.as_of) AS on_day FROM outreach_message m
  CROSS JOIN LATERAL (SELECT unnest(m.about), m.level UNION ALL SELECT * FROM unnest(m.also, m.also_levels)) r(id, level)
  WHERE m.creditor_id = %(creditor)s AND m.level > 0 AND m.as_of <= %(as_of)s
    AND m.state IN ('planned', 'sending', 'sent', 'in_doubt') GROUP BY 1
), called AS (
  SELECT r.id, max(r.level) AS level, max(d.as_of) AS on_day FROM scenario_decision d
  CROSS JOIN LATERAL (SELECT unnest(d.about), d.level UNION ALL SELECT * FROM unnest(d.also, d.also_levels)) r(id, level)
  WHERE d.creditor_id = %(creditor)s AND d.action <> 'message' AND d.verdict = 'do' AND d.as_of <= %(as_of)s GROUP BY 1
), later_step AS (
  SELECT r.id, min(r.level) AS level, min(d.as_of) AS on_day FROM scenario_decision d
  CROSS JOIN LATERAL (SELECT unnest(d.about), d.level UNION ALL SELECT * FROM unnest(d.also, d.also_levels)) r(id, level)
  WHERE d.creditor_id = %(creditor)s AND d.verdict <> 'not' AND d.as_of > %(as_of)s GROUP BY 1
)
SELECT i.id, i.customer_id, i.currency, i.issued_on - %(as_of)s AS issued, i.due_on - %(as_of)s AS due,
       CASE WHEN i.issued_on <= %(as_of)s THEN (i.open_minor - coalesce(l.moved, 0))::bigint ELSE 0 END AS open_minor,
       greatest(CASE WHEN i.reached_on > %(as_of)s THEN 0 ELSE i.reached END, t.level, c.level, 0) AS reached,
       greatest(CASE WHEN i.reached_on <= %(as_of)s THEN i.reached_on END, t.on_day, c.on_day) - %(as_of)s AS step_on,
       n.level AS next_level, n.on_day - %(as_of)s AS next_on
FROM ledger_invoice i LEFT JOIN later l ON l.id = i.id LEFT JOIN told t ON t.id = i.id LEFT JOIN called c ON c.id = i.id
LEFT JOIN later_step n ON n.id = i.id
JOIN ledger_customer u ON u.id = i.customer_id AND u.merged_into_id IS NULL
WHERE i.creditor_id = %(creditor)s AND i.currency = %(currency)s AND i.issued_on <= %(until)s
  AND (i.open_minor - CASE WHEN i.issued_on <= %(as_of)s THEN coalesce(l.moved, 0) ELSE 0 END > 0
       OR i.settled_on >= %(as_of)s - 7)
"""
_INVOICE: dict[str, type[pl.DataType]] = {
    "id": pl.Int64, "customer_id": pl.Int64, "currency": pl.String, "issued": pl.Int64, "due": pl.Int64,
    "open_minor": pl.Int64, "reached": pl.Int64, "step_on": pl.Int64, "next_level": pl.Int64, "next_on": pl.Int64,
}  # fmt: skip
# What was posted, by the day for which it counted: when it took effect, or was known, whichever is later.
_MOVES = """
SELECT e.invoice_id, greatest(e.effective_on, ((e.known_at AT TIME ZONE %(zone)s) + %(shift)s * interval '1 hour')::date)
       - %(as_of)s AS day, sum(e.amount_minor)::bigint
FROM ledger_entry e JOIN standing s ON s.id = e.invoice_id GROUP BY 1, 2
"""
_HOLDS = """
SELECT h.customer_id, h.invoice_id, h.kind,
       greatest(h.since, ((h.created_at AT TIME ZONE %(zone)s) + %(shift)s * interval '1 hour')::date) - %(as_of)s,
       h.until - %(as_of)s
FROM ledger_hold h WHERE h.creditor_id = %(creditor)s AND (h.until IS NULL OR h.until > %(as_of)s) AND h.since <= %(until)s
"""
_HOLD: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "invoice_id": pl.Int64, "kind": pl.String, "since": pl.Int64, "until": pl.Int64,
}  # fmt: skip
_CONTACTS = """
SELECT customer_id, as_of - %(as_of)s, medium FROM outreach_message
WHERE creditor_id = %(creditor)s AND capped AND state IN ('sent', 'in_doubt') AND as_of <= %(as_of)s
  AND as_of > %(as_of)s - %(memory)s
UNION ALL
SELECT customer_id, (done_at AT TIME ZONE %(zone)s)::date - %(as_of)s, CASE kind WHEN 'call' THEN kind ELSE 'email' END
FROM casework_task
WHERE creditor_id = %(creditor)s AND kind IN ('call', 'manual') AND outcome NOT IN ('settled', 'declined') AND done_at < %(end)s
  AND (done_at AT TIME ZONE %(zone)s)::date > %(as_of)s - %(memory)s
"""
_STANDING = f"""
WITH point AS (
  SELECT t.customer_id, bool_or(p.medium = 'email') AS email, bool_or(p.medium = 'sms') AS sms,
         bool_or(p.medium = 'letter') AS letter, bool_or(p.medium IN ('sms', 'call', 'ivr')) AS phone
  FROM ledger_contactpoint p JOIN ledger_contact t ON t.id = p.contact_id
  WHERE (p.failed_at IS NULL OR p.failed_at >= %(end)s) AND t.customer_id IN (SELECT customer_id FROM standing) GROUP BY 1
), returned AS (
  SELECT DISTINCT t.customer_id, p.value FROM ledger_contactpoint p JOIN ledger_contact t ON t.id = p.contact_id
  WHERE p.medium = 'letter' AND p.failed_at < %(end)s AND t.customer_id IN (SELECT customer_id FROM standing)
), silent AS (
  SELECT customer_id, bool_or(medium = 'email') AS email, bool_or(medium = 'sms') AS sms,
         bool_or(medium = 'letter') AS letter, bool_or(medium = 'call') AS phone, bool_or(medium IN ('call', 'ivr')) AS ivr
  FROM outreach_optout WHERE since < %(end)s AND (until IS NULL OR until >= %(end)s) GROUP BY 1
), preferring AS (
{gather.PREFERRING.replace("FROM candidate", "FROM standing")}
), wish AS (
{gather.LIMITING.replace("FROM candidate", "FROM standing")}
), spoken AS (
  SELECT customer_id, max((done_at AT TIME ZONE %(zone)s)::date) AS on_day FROM casework_task
  WHERE kind = 'call' AND outcome = ANY(%(spoken)s) AND done_at < %(end)s GROUP BY 1
)
SELECT u.id, coalesce(o.email, false), coalesce(o.sms, false), coalesce(o.phone, false), coalesce(o.letter, false)
         OR (u.street <> '' AND u.postcode <> '' AND u.city <> '' AND r.customer_id IS NULL), coalesce(o.phone, false),
       coalesce(s.email, false), coalesce(s.sms, false), coalesce(s.phone, false), coalesce(s.letter, false),
       coalesce(s.ivr, false), k.on_day - %(as_of)s, w.medium, m.most
FROM ledger_customer u LEFT JOIN point o ON o.customer_id = u.id LEFT JOIN silent s ON s.customer_id = u.id
LEFT JOIN returned r ON r.customer_id = u.id
  AND r.value = concat_ws(chr(10), u.name, u.street, u.postcode || ' ' || u.city)
LEFT JOIN preferring w ON w.customer_id = u.id LEFT JOIN wish m ON m.customer_id = u.id
LEFT JOIN spoken k ON k.customer_id = u.id WHERE u.id IN (SELECT customer_id FROM standing)
"""
_STANDS: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, **{f"has_{medium}": pl.Boolean for medium in CHANNELS},
    **{f"out_{medium}": pl.Boolean for medium in CHANNELS}, "spoken_on": pl.Int64,
    "preferred": pl.String, "most_7d": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """Customers are told by their row, invoices by their place; both in order of id."""

    as_of: date
    currency: str
    country: str
    policy: Mapping[str, Any]
    segments: Any  # in force for the creditor
    measured: pl.DataFrame  # the columns of facts, by row
    declared: pl.DataFrame
    carried: Collection[str]  # the channels by which the creditor's steps can go out
    standing: pl.DataFrame  # has_ and out_ of each channel
    last_contact: Array  # day, or -NEVER
    spoken_on: Array
    contacts: Array  # [medium, day of memory, row]
    invoice_ids: Array
    customer: Array  # of each invoice: its row
    issued: Array
    due: Array
    open_minor: Array
    reached: Array
    step_on: Array  # day, or -NEVER
    next_level: Array  # the lowest level that was decided after day 0, or 0
    next_on: Array
    invoice_holds: pl.DataFrame  # invoice (place), kind, since, until; until NEVER: nobody has said
    customer_holds: pl.DataFrame  # row, kind, since, until
    moves: pl.DataFrame  # invoice (place), day, amount_minor: what was really posted after day 0

    @property
    def size(self) -> int:
        return self.measured.height

    def on(self, day: int) -> date:
        return self.as_of + timedelta(days=day)


@transaction.atomic
def stand(*, creditor: Creditor, currency: str, as_of: date, until: date | None = None) -> Portfolio:
    """The portfolio at the end of a day; with `until`, also what was posted and held until then."""
    values: dict[str, Any] = {
        "creditor": creditor.pk, "currency": currency, "as_of": as_of, "until": until or as_of, "zone": ZONE,
        "shift": 24 - LOOKED_AT, "memory": MEMORY, "end": end_of_day(as_of), "spoken": list(gather.SPOKEN),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_INVOICES, values)
        cursor.execute("ANALYZE standing")
        invoices = tables.read("SELECT * FROM standing ORDER BY id", schema=_INVOICE)
        moves = {"id": pl.Int64, "day": pl.Int64, "amount_minor": pl.Int64}
        posted = tables.read(_MOVES, values, schema=moves) if until else pl.DataFrame(schema=moves)
        holds = tables.read(_HOLDS, values, schema=_HOLD)
        told = tables.read(_CONTACTS, values, schema={"customer_id": pl.Int64, "day": pl.Int64, "medium": pl.String})
        stands = tables.read(_STANDING, values, schema=_STANDS)
        measured, declared = _known(creditor, currency, as_of)
        cursor.execute("DROP TABLE standing")
    people = (
        stands.select("customer_id")
        .sort("customer_id")
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )
    places = invoices.select(invoice_id="id").with_row_index("invoice").with_columns(pl.col("invoice").cast(pl.Int64))
    mine = invoices.join(people, on="customer_id", how="left", maintain_order="left")
    open_minor = invoices["open_minor"].to_numpy().copy()
    posted = posted.join(places, left_on="id", right_on="invoice_id")
    if until:
        open_minor[:] = 0
        before = posted.filter(pl.col("day") <= 0)
        np.add.at(open_minor, before["invoice"].to_numpy(), before["amount_minor"].to_numpy())
    held = holds.with_columns(pl.col("until").fill_null(NEVER))
    last, contacts = _told(told.join(people, on="customer_id"), people.height)
    stands = people.join(stands, on="customer_id", how="left", maintain_order="left")
    return Portfolio(
        as_of=as_of, currency=currency, country=creditor.country, policy=creditor.policy,
        segments=segments.active(creditor.pk),
        measured=people.join(measured, on="customer_id", how="left", maintain_order="left"),
        declared=people.select("customer_id").join(declared, on="customer_id", how="left", maintain_order="left"),
        carried=gather.carried([creditor])[creditor.pk], standing=stands, last_contact=last, contacts=contacts,
        spoken_on=stands["spoken_on"].fill_null(-NEVER).to_numpy().copy(),
        invoice_ids=invoices["id"].to_numpy(), customer=mine["row"].to_numpy(), issued=invoices["issued"].to_numpy(),
        due=invoices["due"].to_numpy(), open_minor=open_minor, reached=invoices["reached"].to_numpy(),
        step_on=invoices["step_on"].fill_null(-NEVER).to_numpy(),
        next_level=invoices["next_level"].fill_null(0).to_numpy(), next_on=invoices["next_on"].fill_null(NEVER).to_numpy(),
        invoice_holds=held.join(places, on="invoice_id").select("invoice", "kind", "since", "until"),
        customer_holds=held.filter(pl.col("invoice_id").is_null())
            .join(people, on="customer_id")
            .select("row", "kind", "since", "until"),
        moves=posted.filter(pl.col("day") > 0).select("invoice", "day", "amount_minor").sort("day"),
    )  # fmt: skip


def _known(creditor: Creditor, currency: str, as_of: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The facts of the customers at the end of the day: as refreshed where that was last done for that day, else computed."""
    fresh = Refreshed.objects.filter(creditor=creditor).aggregate(day=Max("as_of"))["day"] == as_of
    measured = facts.stored(as_of=as_of, among="standing") if fresh else facts.compute(as_of=as_of, among="standing")
    return measured.filter(pl.col("currency") == currency), facts.declared(among="standing")


def _told(told: pl.DataFrame, size: int) -> tuple[Array, Array]:
    """The last contact of each row, and the contacts of the days of memory."""
    last = np.full(size, -NEVER)
    contacts = np.zeros((len(CHANNELS), MEMORY, size), dtype=np.uint8)
    rows, days = told["row"].to_numpy(), told["day"].to_numpy()
    np.maximum.at(last, rows, days)
    for place, medium in enumerate(CHANNELS):
        its = (told["medium"] == medium).to_numpy()
        np.add.at(contacts, (place, days[its] % MEMORY, rows[its]), 1)
    return last, contacts


def narrowed(portfolio: Portfolio, theirs: Array) -> Portfolio:
    """The portfolio of these customers alone, numbered anew."""
    row_of = np.cumsum(theirs) - 1
    mine = theirs[portfolio.customer]
    place_of = np.cumsum(mine) - 1
    rows = np.flatnonzero(theirs)

    def renamed(table: pl.DataFrame, name: str, kept: Array, numbers: Array) -> pl.DataFrame:
        old = table[name].to_numpy()
        stay = kept[old]
        return table.filter(pl.Series(stay, dtype=pl.Boolean)).with_columns(pl.Series(name, numbers[old[stay]]))

    by_invoice = {
        name: getattr(portfolio, name)[mine]
        for name in ("invoice_ids", "issued", "due", "open_minor", "reached", "step_on", "next_level", "next_on")
    }
    return replace(
        portfolio,
        **by_invoice,
        customer=row_of[portfolio.customer[mine]],
        measured=portfolio.measured[rows].with_columns(pl.Series("row", np.arange(rows.size))),
        declared=portfolio.declared[rows],
        standing=portfolio.standing[rows].with_columns(pl.Series("row", np.arange(rows.size))),
        last_contact=portfolio.last_contact[theirs],
        spoken_on=portfolio.spoken_on[theirs],
        contacts=portfolio.contacts[:, :, theirs],
        invoice_holds=renamed(portfolio.invoice_holds, "invoice", mine, place_of),
        customer_holds=renamed(portfolio.customer_holds, "row", theirs, row_of),
        moves=renamed(portfolio.moves, "invoice", mine, place_of),
    )


def working(portfolio: Portfolio, day: int) -> bool:
    return is_business_day(portfolio.on(day), portfolio.country)


def next_working(portfolio: Portfolio, days: int) -> Array:
    """For each day up to so many: itself where it is worked on, else the next that is."""
    found = np.arange(days + 60)
    for day in range(days + 58, -1, -1):
        if not is_business_day(portfolio.as_of + timedelta(days=day), portfolio.country):
            found[day] = found[day + 1]
    return found
