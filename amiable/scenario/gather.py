"""What the engine asks, read from the database as whole tables: customers with their facts, and open invoices."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import polars as pl
from django.db import connection

from amiable.core import tables
from amiable.core.calendar import ZONE, end_of_day
from amiable.ledger.models import Creditor
from amiable.outreach import route
from amiable.portfolio import facts
from amiable.scenario import happen
from amiable.scenario.engine.channel import BEST, CHANNELS, NAMED
from amiable.scenario.engine.channel import SPOKEN as SPOKEN_CHANNELS
from amiable.scenario.engine.journey import Step
from amiable.scenario.engine.moment import EVENTS, events_of

_STANDING: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "currency": pl.String, "segment": pl.String, "case_id": pl.Int64, "pinned": pl.Int64,
    "released": pl.Boolean, "customer_hold": pl.String, "waiting": pl.Boolean, "spoken_on": pl.String,
    "has_email": pl.Boolean, "has_sms": pl.Boolean, "has_letter": pl.Boolean, "has_call": pl.Boolean,
    "out_email": pl.Boolean, "out_sms": pl.Boolean, "out_letter": pl.Boolean, "out_call": pl.Boolean, "most_7d": pl.Int64,
    "has_ivr": pl.Boolean, "out_ivr": pl.Boolean,
}  # fmt: skip
NEVER = 1 << 15  # days past due, and a level, that no invoice reaches
WAITS = ("call", "confirm", "reply", "manual")  # kinds of tasks for whose person everyone else waits
SPOKEN = ("promise", "paid", "dispute", "refused", "call_back")  # outcomes of a call in which someone was spoken to

# How many contacts a week the people of a customer wish at most, as they had said by then: the least of them counts.
LIMITING = """
SELECT customer_id, min(per_week) AS most FROM (
  SELECT DISTINCT ON (w.contact_id) t.customer_id, w.per_week
  FROM ledger_preference w JOIN ledger_contact t ON t.id = w.contact_id
  WHERE w.at < %(end)s AND t.customer_id IN (SELECT customer_id FROM candidate) ORDER BY w.contact_id, w.at DESC, w.id DESC
) newest GROUP BY 1
"""
_STANDING_QUERY = f"""
WITH held AS (
  SELECT customer_id, coalesce(min(kind) FILTER (WHERE kind <> 'holdout'), min(kind)) AS kind FROM ledger_hold
  WHERE invoice_id IS NULL AND since <= %(as_of)s AND (until IS NULL OR until > %(as_of)s) GROUP BY 1
), point AS (
  SELECT t.customer_id, bool_or(p.medium = 'email') AS email, bool_or(p.medium = 'sms') AS sms,
         bool_or(p.medium = 'letter') AS letter, bool_or(p.medium IN ('sms', 'call', 'ivr')) AS phone
  FROM ledger_contactpoint p JOIN ledger_contact t ON t.id = p.contact_id
  WHERE p.failed_at IS NULL AND t.customer_id IN (SELECT customer_id FROM candidate) GROUP BY 1
), returned AS (
  SELECT DISTINCT t.customer_id, p.value FROM ledger_contactpoint p JOIN ledger_contact t ON t.id = p.contact_id
  WHERE p.medium = 'letter' AND p.failed_at IS NOT NULL AND t.customer_id IN (SELECT customer_id FROM candidate)
), silent AS (
  SELECT customer_id, bool_or(medium = 'email') AS email, bool_or(medium = 'sms') AS sms,
         bool_or(medium = 'letter') AS letter, bool_or(medium = 'call') AS phone, bool_or(medium IN ('call', 'ivr')) AS ivr
  FROM outreach_optout WHERE since < %(end)s AND (until IS NULL OR until >= %(end)s) GROUP BY 1
), wish AS (
{LIMITING}
), task AS (
  SELECT customer_id, bool_or(done_at IS NULL AND kind = ANY(%(waits)s)) AS waiting,
         max(done_at) FILTER (WHERE kind = 'call' AND outcome = ANY(%(spoken)s) AND done_at < %(end)s) AS spoken_at
  FROM casework_task WHERE created_at < %(end)s GROUP BY 1
)
SELECT p.customer_id, p.currency, p.segment, k.id, k.scenario_ref, d.released_at IS NOT NULL, h.kind,
       coalesce(t.waiting, false), (t.spoken_at AT TIME ZONE %(zone)s)::date,
       coalesce(o.email, false), coalesce(o.sms, false), coalesce(o.letter, false)
         OR (u.street <> '' AND u.postcode <> '' AND u.city <> '' AND r.customer_id IS NULL), coalesce(o.phone, false),
       coalesce(s.email, false), coalesce(s.sms, false), coalesce(s.letter, false), coalesce(s.phone, false), w.most,
       coalesce(o.phone, false), coalesce(s.ivr, false)
FROM portfolio_profile p
JOIN ledger_customer u ON u.id = p.customer_id AND u.merged_into_id IS NULL
JOIN ledger_creditor d ON d.id = p.creditor_id
LEFT JOIN casework_case k ON k.customer_id = p.customer_id AND k.currency = p.currency AND k.closed_on IS NULL
LEFT JOIN held h ON h.customer_id = p.customer_id LEFT JOIN point o ON o.customer_id = p.customer_id
LEFT JOIN returned r ON r.customer_id = u.id
  AND r.value = concat_ws(chr(10), u.name, u.street, u.postcode || ' ' || u.city)
LEFT JOIN silent s ON s.customer_id = p.customer_id LEFT JOIN task t ON t.customer_id = p.customer_id
LEFT JOIN wish w ON w.customer_id = p.customer_id
WHERE EXISTS (SELECT FROM candidate i WHERE i.customer_id = p.customer_id AND i.currency = p.currency)
"""

# The channel that a contact prefers, the main one's before another's: in their own words, else in those of a file.
PREFERRING = """
SELECT DISTINCT ON (t.customer_id) t.customer_id, coalesce(w.medium, t.preferences ->> 'channel') AS medium
FROM ledger_contact t LEFT JOIN LATERAL (
  SELECT medium FROM ledger_preference WHERE contact_id = t.id AND at < %(end)s ORDER BY at DESC, id DESC LIMIT 1
) w ON true
WHERE coalesce(w.medium, t.preferences ->> 'channel', '') <> '' AND t.customer_id IN (SELECT customer_id FROM candidate)
ORDER BY t.customer_id, t.role <> 'main', t.id
"""

# Open invoices for which a step may be due: where the moment of a step above their level has come. One whose message is
# still on its way stands where that message will take it: nothing is decided about it twice.
_CANDIDATES = """
CREATE TEMP TABLE candidate ON COMMIT DROP AS
WITH way AS (
  SELECT r.id, max(r.level) AS level, max(m.as_of) AS on_day FROM outreach_message m
  CROSS JOIN LATERAL (SELECT unnest(m.about), m.level UNION ALL SELECT * FROM unnest(m.also, m.also_levels)) r(id, level)
  WHERE m.state IN ('planned', 'sending') AND m.level > 0 GROUP BY 1
)
SELECT i.id, i.customer_id, i.currency, %(as_of)s - i.due_on AS late, %(as_of)s - i.issued_on AS issued, i.open_minor,
       greatest(i.reached, w.level) AS reached,
       %(as_of)s - CASE WHEN w.level > i.reached THEN w.on_day ELSE i.reached_on END AS since,
       %(as_of)s - h.returned_on AS returned, coalesce(h.held, false) AS held
FROM ledger_invoice i
LEFT JOIN (SELECT invoice_id AS id, bool_or(until IS NULL OR until > %(as_of)s) AS held,
                  max(until) FILTER (WHERE kind = 'out' AND until <= %(as_of)s) AS returned_on
           FROM ledger_hold
           WHERE invoice_id IS NOT NULL AND since <= %(as_of)s AND (until IS NULL OR until > %(as_of)s OR kind = 'out')
           GROUP BY 1) h ON h.id = i.id
LEFT JOIN way w ON w.id = i.id
WHERE i.open_minor > i.charged_minor AND ({moment}) {scope}
"""
INVOICE: dict[str, type[pl.DataType]] = {
    "invoice": pl.Int64, "customer_id": pl.Int64, "currency": pl.String, "days_late": pl.Int64, "days_issued": pl.Int64,
    "open_minor": pl.Int64, "reached": pl.Int64, "days_since_step": pl.Int64, "days_since_return": pl.Int64,
    "held": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """When an invoice may go on at the earliest: days from its due date, its issue or its last step; NEVER: not by that.

    `events`: what its customer may have done for it to go on at any time.
    """

    due: int = NEVER
    issue: int = NEVER
    step: int = NEVER
    events: frozenset[str] = frozenset()

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "Moment":
        """The earliest of all these steps."""
        least = dict.fromkeys(("due", "issue", "step"), NEVER)
        events = set()
        for step in steps:
            if step.start in EVENTS:
                events.add(step.start)
            else:
                least[step.start] = min(least[step.start], step.days)
        return cls(**least, events=frozenset(events))

    def condition(self) -> str:
        """The same as a condition on an invoice i."""
        said = [
            f"%(as_of)s - i.{column} >= {int(days)}"
            for column, days in (("due_on", self.due), ("issued_on", self.issue), ("reached_on", self.step))
            if days < NEVER
        ]
        if self.events:
            said.append(f"i.customer_id IN ({happen.who_did(self.events)})")
        return " OR ".join(said) or "false"


ALWAYS = {0: Moment(due=-NEVER)}


@contextmanager
def candidates(
    *, as_of: date, moments: Mapping[int, Moment], creditor: Creditor | None = None, only: list[int] | None = None
) -> Iterator[pl.DataFrame]:
    """The open invoices (of one creditor, of these customers) for which a step may be due (INVOICE).

    `moments`: for each level, when an invoice that has reached it may go on at the earliest. While the block runs,
    `customers` is narrowed to theirs. Must stand in a transaction.
    """
    levels = sorted(moments)
    cases = " ".join(
        f"WHEN i.reached < {int(above)} THEN {moments[level].condition()}"
        for level, above in pairwise([*levels, NEVER])
    )
    scope = "AND i.creditor_id = %(creditor)s" if creditor is not None else ""
    scope += " AND i.customer_id = ANY(%(only)s)" if only is not None else ""
    values = {
        "as_of": as_of,
        "creditor": creditor.pk if creditor else None,
        "only": only,
        "end": end_of_day(as_of),
        "zone": ZONE,
    }
    with connection.cursor() as cursor:
        moment = f"CASE {cases} END" if cases else "false"
        cursor.execute(_CANDIDATES.format(moment=moment, scope=scope), values)
        cursor.execute("ANALYZE candidate")
        yield tables.read("SELECT * FROM candidate", schema=INVOICE)
        cursor.execute("DROP TABLE candidate")


def _with_carriers(table: pl.DataFrame) -> pl.DataFrame:
    """Which channels something carries for each creditor."""
    found = carried(Creditor.objects.filter(pk__in=table["creditor_id"].unique().to_list()))
    return table.with_columns(
        pl.col("creditor_id").is_in([pk for pk, media in found.items() if medium in media]).alias(f"carried_{medium}")
        for medium in CHANNELS
    )


def carried(creditors: Iterable[Creditor]) -> dict[int, set[str]]:
    """The channels by which a step of each creditor can go out: a call is a task for a person."""
    found: dict[int, set[str]] = defaultdict(lambda: set(SPOKEN_CHANNELS))
    for (pk, medium), way in route.routes(creditors).items():
        if way.goes:
            found[pk].add(medium)
    return found


def customers(*, as_of: date, steps: Iterable[Step]) -> pl.DataFrame:
    """One row per customer and currency of the candidates: facts under their public names, what the rails ask, and what
    these steps ask besides: what the customer did, and which channel is preferred."""
    values: dict[str, Any] = {
        "as_of": as_of, "end": end_of_day(as_of), "zone": ZONE, "spoken": list(SPOKEN), "waits": list(WAITS),
    }  # fmt: skip
    measured = facts.stored(as_of=as_of, among="candidate")
    standing = tables.read(_STANDING_QUERY, values, schema=_STANDING)
    table = facts.for_conditions(measured, facts.declared(among="candidate")).join(
        standing, on=["customer_id", "currency"], how="inner"
    )
    used = list(steps)
    if any(step.channel == BEST for step in used):
        preferred = tables.read(PREFERRING, values, schema={"customer_id": pl.Int64, "preferred": pl.String})
        table = table.join(preferred, on="customer_id", how="left")
    if any(len(step.channels) > 1 or not set(NAMED).isdisjoint(step.channels) for step in used):
        table = _with_carriers(table)
    table = happen.days_since(table, as_of=as_of, events=events_of(used), among="candidate")
    spoken = (pl.lit(as_of) - pl.col("spoken_on").str.to_date()).dt.total_days()
    return table.with_columns(
        day=pl.lit(as_of),
        days_since_contact=pl.col("last_contact_days").cast(pl.Int64),
        days_since_conversation=spoken,
        scale=facts.per_major(table, "currency"),
        segment=pl.col("segment").fill_null(""),
        row=pl.int_range(pl.len(), dtype=pl.Int64),
    )
