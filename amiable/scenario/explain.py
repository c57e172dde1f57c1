"""Why a customer was, or was not, contacted on a day: facts, segment, scenario, steps reached, verdict, what comes next.

Comes in: a customer and a day. Goes out: an Explanation. Nothing is written, and a past day is told as it then stood.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
from django.db import connection, transaction

from amiable.core import tables
from amiable.core.calendar import ZONE, end_of_day, start_of_day
from amiable.core.conditions import parse
from amiable.law.packs import law
from amiable.law.rails import SENTENCES
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, Hold, Invoice
from amiable.portfolio import facts, segments
from amiable.portfolio.models import Profile
from amiable.portfolio.refresh import refresh
from amiable.scenario import decide, gather, happen, shelf
from amiable.scenario.engine.decide import decide as engine
from amiable.scenario.engine.decide import ended
from amiable.scenario.engine.foresee import Foreseen
from amiable.scenario.engine.journey import Journey
from amiable.scenario.engine.moment import events_of
from amiable.scenario.models import Arm, Decision, Experiment, Recipient, Scenario

DAYS, STEPS = 90, 20
DUE = "The step is due."
NOTHING = "No step is due on this day."
IN_ARM = {
    Arm.CHAMPION: "In the experiment “%(name)s” since %(since)s: gets the champion, the scenario in force.",
    Arm.CHALLENGER: "In the experiment “%(name)s” since %(since)s: gets the challenger.",
    Arm.HOLDOUT: "In the hold-out of the experiment “%(name)s” since %(since)s: left alone to measure against.",
}
# Facts that are told even where no condition names them.
ALWAYS = ("open", "overdue", "dpd", "credit", "contacts_7d", "late_share")

# The invoices as they stood, and were known, at the end of the day: what was posted or learnt later is taken back, steps
# taken later are not counted.
_STANDING = """
CREATE TEMP TABLE candidate ON COMMIT DROP AS
WITH later AS (
  SELECT e.invoice_id AS id, sum(e.amount_minor) AS moved,
         coalesce(sum(e.amount_minor) FILTER (WHERE e.kind IN ('interest', 'indemnity', 'fee')), 0) AS charged
  FROM ledger_entry e JOIN ledger_invoice i ON i.id = e.invoice_id
  WHERE i.customer_id = %(customer)s AND (e.effective_on > %(as_of)s OR e.known_at >= %(end)s) AND e.kind <> 'principal'
  GROUP BY 1
), climbed AS (
  SELECT r.id, max(r.level) AS level, max(d.as_of) AS on_day FROM scenario_decision d
  LEFT JOIN outreach_message m ON m.decision_ref = d.id
  CROSS JOIN LATERAL (SELECT unnest(d.about), d.level UNION ALL SELECT * FROM unnest(d.also, d.also_levels)) r(id, level)
  WHERE d.customer_id = %(customer)s AND d.as_of < %(as_of)s
    AND ((d.action NOT IN ('message', 'place') AND d.verdict = 'do')
         OR EXISTS (SELECT FROM casework_placement p WHERE p.decision_ref = d.id AND p.placed_at < %(start)s)
         OR (m.as_of < %(as_of)s AND m.state IN ('planned', 'sending', 'sent', 'in_doubt')))
  GROUP BY 1
)
SELECT i.id, i.customer_id, i.currency, %(as_of)s - i.due_on AS late, %(as_of)s - i.issued_on AS issued,
       (i.open_minor - coalesce(l.moved, 0))::bigint AS open_minor,
       CASE WHEN i.reached_on >= %(as_of)s THEN coalesce(c.level, 0) ELSE i.reached END AS reached,
       %(as_of)s - CASE WHEN i.reached_on >= %(as_of)s THEN c.on_day ELSE i.reached_on END AS since,
       %(as_of)s - (SELECT max(h.until) FROM ledger_hold h WHERE h.invoice_id = i.id AND h.kind = 'out'
                    AND h.until <= %(as_of)s) AS returned,
       EXISTS (SELECT FROM ledger_hold h WHERE h.invoice_id = i.id AND h.since <= %(as_of)s
               AND (h.until IS NULL OR h.until > %(as_of)s)) AS held
FROM ledger_invoice i LEFT JOIN later l ON l.id = i.id LEFT JOIN climbed c ON c.id = i.id
WHERE i.customer_id = %(customer)s AND i.issued_on <= %(as_of)s AND i.known_at < %(end)s
  AND i.open_minor - coalesce(l.moved, 0) > i.charged_minor - coalesce(l.charged, 0)
"""
# Contacts and waiting tasks as they were in the morning, when the day decided: before its own messages and calls.
_MORNING = """
SELECT %(customer)s::bigint, %(as_of)s - max(day), count(*) FILTER (WHERE day > %(as_of)s - 7),
       count(*) FILTER (WHERE day > %(as_of)s - 7 AND is_call),
       EXISTS (SELECT FROM casework_task WHERE customer_id = %(customer)s AND kind = ANY(%(waits)s)
               AND created_at < %(start)s AND (done_at IS NULL OR done_at >= %(start)s))
FROM (
  SELECT as_of AS day, medium = 'ivr' AS is_call FROM outreach_message
    WHERE customer_id = %(customer)s AND capped AND state IN ('sent', 'in_doubt') AND as_of < %(as_of)s
  UNION ALL
  SELECT (done_at AT TIME ZONE %(zone)s)::date, kind = 'call' FROM casework_task
    WHERE customer_id = %(customer)s AND kind IN ('call', 'manual') AND done_at < %(start)s
      AND outcome NOT IN ('settled', 'declined')
) told
"""
_TOLD: dict[str, type[pl.DataType]] = {
    "customer_id": pl.Int64, "days_since_contact": pl.Int64, "contacts_7d": pl.Int64, "calls_7d": pl.Int64,
    "waiting": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True)
class Explanation:
    """Everything that is told, as plain values; money of facts in major units, of invoices in minor ones."""

    customer: Mapping[str, Any]
    as_of: date
    facts: Sequence[Mapping[str, Any]]
    segment: Sequence[Mapping[str, Any]]
    scenario: Sequence[Mapping[str, Any]]
    experiment: Sequence[Mapping[str, Any]]
    invoices: Sequence[Mapping[str, Any]]
    verdict: Sequence[Mapping[str, Any]]
    decided: Sequence[Mapping[str, Any]]
    campaigns: Sequence[Mapping[str, Any]]
    ahead: Sequence[Foreseen]


def why(*, customer: Customer, as_of: date) -> Explanation:
    """What the house knew of a customer at the end of a day, what the engine says to it, and what was done."""
    creditor = Creditor.objects.get(pk=customer.creditor_id)
    with transaction.atomic(), connection.cursor() as cursor:
        if not Profile.objects.filter(customer=customer).exists():
            refresh(as_of=as_of, customers=[customer.pk])  # never looked at yet: for this answer only, see below
        values: dict[str, Any] = {
            "customer": customer.pk,
            "as_of": as_of,
            "start": start_of_day(as_of),
            "end": end_of_day(as_of),
        }
        cursor.execute(_STANDING, values)
        invoices = tables.read("SELECT * FROM candidate", schema=gather.INVOICE)
        known = _facts_of(as_of)
        rows = _in_the_morning(_customers(known, as_of), customer, as_of)
        transaction.set_rollback(True)
    placed, journeys = decide.with_scenarios(creditor, rows, as_of=as_of) if rows.height else (rows, {})
    return Explanation(
        customer={
            "number": customer.number, "name": customer.name, "kind": customer.kind, "creditor": creditor.name,
        },
        as_of=as_of,
        facts=_facts_told(known, creditor, journeys, placed),
        segment=_segments_told(known, creditor),
        scenario=_scenarios_told(placed, journeys),
        experiment=_arms_told(placed),
        invoices=_invoices_told(invoices, placed, journeys, as_of=as_of),
        verdict=_verdicts(creditor, placed, invoices, journeys, as_of=as_of),
        decided=_decided(customer, as_of),
        campaigns=_campaigns_told(customer, as_of),
        ahead=decide.ahead(creditor, placed.drop("scenario"), invoices, as_of=as_of, days=DAYS, steps=STEPS)
        if placed.height
        else [],
    )  # fmt: skip


def _facts_of(as_of: date) -> pl.DataFrame:
    """The facts of the candidates' customers, computed for that day rather than read as last refreshed."""
    return facts.for_conditions(
        facts.compute(as_of=as_of, among="candidate", known_at=end_of_day(as_of)), facts.declared(among="candidate")
    )


def _customers(known: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The customer's rows as the engine takes them, with the facts of that day in place of the stored ones."""
    steps = [step for journey in decide.used() for step in journey.steps]
    rows = gather.customers(as_of=as_of, steps=steps)
    keys = ["customer_id", "currency"]
    fresh = [name for name in known.columns if name not in keys]
    rows = rows.drop([name for name in fresh if name in rows.columns]).join(known.select(*keys, *fresh), on=keys)
    rows = happen.from_facts(rows, events=events_of(steps))
    segment = [
        part.select(*keys).with_columns(segments.assign(part, segments.active(int(str(creditor)))))
        for (creditor,), part in rows.drop("segment").group_by("creditor_id", maintain_order=True)
    ]
    assigned = pl.concat(segment) if segment else pl.DataFrame(schema={"customer_id": pl.Int64, "currency": pl.String})
    return rows.drop("segment").join(assigned, on=keys)


def _in_the_morning(rows: pl.DataFrame, customer: Customer, as_of: date) -> pl.DataFrame:
    values = {
        "customer": customer.pk, "as_of": as_of, "start": start_of_day(as_of), "zone": ZONE, "waits": list(gather.WAITS),
    }  # fmt: skip
    told = tables.read(_MORNING, values, schema=_TOLD)
    return rows.drop("days_since_contact", "contacts_7d", "calls_7d", "waiting").join(
        told, on="customer_id", how="left"
    )


def _facts_told(
    known: pl.DataFrame, creditor: Creditor, journeys: Mapping[int, Journey], placed: pl.DataFrame
) -> list[dict[str, Any]]:
    """The facts that matter: those that its segments and the conditions and branches of its scenario name, and a few
    always."""
    texts = [segment.get("when", "") for segment in segments.active(creditor.pk)]
    branches: set[str] = set()
    for number in placed["scenario"].to_list() if placed.height else []:
        texts += [journeys[number].applies, *(step.condition for step in journeys[number].steps)]
        branches |= {
            f"{happen.FACTS[event]}_days" for event in events_of(journeys[number].steps) if event in happen.FACTS
        }
    schema = shelf.facts()
    named = {name for text in texts for name in parse(text, schema).meta.root_names()} | set(ALWAYS) | branches
    told = [fact.name for fact in facts.FACTS if fact.name in named and fact.name in known.columns]
    return known.select("currency", *told).to_dicts()


def _segments_told(known: pl.DataFrame, creditor: Creditor) -> list[dict[str, Any]]:
    rules = {rule["key"]: rule for rule in segments.active(creditor.pk)}
    keys = segments.assign(known, segments.active(creditor.pk)).to_list() if known.height else []
    return [
        {
            "currency": currency, "key": key, "label": rules.get(key, {}).get("label", {}),
            "condition": rules.get(key, {}).get("when", ""),
        }
        for currency, key in zip(known["currency"].to_list(), keys, strict=True)
    ]  # fmt: skip


def _scenarios_told(placed: pl.DataFrame, journeys: Mapping[int, Journey]) -> list[dict[str, Any]]:
    found = []
    for row in placed.iter_rows(named=True) if placed.height else ():
        scenario = Scenario.objects.get(pk=row["scenario"])
        found.append(
            {
                "currency": row["currency"], "key": scenario.key, "version": scenario.version, "state": scenario.state,
                "pinned": row["pinned"] == scenario.pk, "condition": journeys[scenario.pk].applies,
            }
        )  # fmt: skip
    return found


def _arms_told(placed: pl.DataFrame) -> list[dict[str, Any]]:
    """The arm of each running experiment that the customer is in, and what that means."""
    drawn = placed.filter(pl.col("experiment").is_not_null()) if placed.height else placed
    found = []
    for row in drawn.iter_rows(named=True):
        experiment = Experiment.objects.get(pk=row["experiment"])
        words = {"name": str(experiment), "since": row["assigned_on"]}
        sentence = IN_ARM[Arm(row["arm"])]
        found.append(
            {
                "currency": row["currency"], "key": experiment.key, "name": str(experiment), "arm": row["arm"],
                "propensity": row["propensity"], "since": row["assigned_on"], "until": experiment.until,
                "sentence": sentence % words,
            }
        )  # fmt: skip
    return found


def _invoices_told(
    invoices: pl.DataFrame, placed: pl.DataFrame, journeys: Mapping[int, Journey], *, as_of: date
) -> list[dict[str, Any]]:
    """Each open invoice with the step that it has reached, and what holds it."""
    references = dict(Invoice.objects.filter(pk__in=invoices["invoice"].to_list()).values_list("pk", "reference"))
    scenario = dict(placed.select("currency", "scenario").iter_rows()) if placed.height else {}
    holds = hold.active(as_of=as_of).filter(invoice__in=references).order_by("pk")
    held = {row.invoice_id: _hold_told(row) for row in holds}
    over: dict[int, str] = {}
    if placed.height:
        mine = invoices.join(
            placed.select("row", "customer_id", "currency"), on=["customer_id", "currency"], how="inner"
        )
        over = dict(ended(placed, mine, journeys).iter_rows())
    found = []
    for row in invoices.sort("days_late", "invoice", descending=[True, False]).iter_rows(named=True):
        journey = journeys.get(scenario.get(row["currency"], 0))
        reached = [step.key for step in journey.steps if step.level <= row["reached"]] if journey else []
        found.append(
            {
                "reference": references[row["invoice"]], "currency": row["currency"], "open_minor": row["open_minor"],
                "days_late": row["days_late"], "level": row["reached"], "step": reached[-1] if reached else "",
                "days_since_step": row["days_since_step"], "held": row["held"], "hold": held.get(row["invoice"], ""),
                "ended_by": over.get(row["invoice"], ""),
            }
        )  # fmt: skip
    return found


def _hold_told(row: Hold) -> str:
    """A hold in one line: its kind, why, until when, by whom."""
    parts = [row.kind, row.reason, f"→ {row.until}" if row.until else "", str(row.by or "")]
    return ", ".join(part for part in parts if part)


def _verdicts(
    creditor: Creditor, placed: pl.DataFrame, invoices: pl.DataFrame, journeys: Mapping[int, Journey], *, as_of: date
) -> list[dict[str, Any]]:
    """What the engine says for that day: the step that is due, whether it may be done, and why or why not."""
    if placed.is_empty():
        return []
    mine = invoices.join(placed.select("row", "customer_id", "currency"), on=["customer_id", "currency"], how="inner")
    rules = law(placed["country"][0] or creditor.country, as_of)
    said = engine(placed, mine, journeys, facts=shelf.facts(), law=rules, policy=creditor.policy)
    told = {row["currency"]: row for row in said.iter_rows(named=True)}
    found = []
    for currency in placed["currency"].to_list():
        row = told.get(currency)
        if row is None:
            found.append({"currency": currency, "step": "", "verdict": "", "rail": "", "sentence": NOTHING})
            continue
        rail = row["rail"] or ""
        found.append(
            {
                "currency": currency, "step": row["step"], "verdict": row["verdict"], "rail": rail,
                "sentence": SENTENCES.get(rail, DUE), "action": row["action"], "channel": row["channel"],
                "amount_minor": row["amount_minor"],
                "invoices": len(row["about"]) + len(row["also"]),
            }
        )  # fmt: skip
    return found


def _decided(customer: Customer, as_of: date) -> list[dict[str, Any]]:
    """What was decided and recorded last, that day included: the newest first."""
    rows = Decision.objects.filter(customer=customer, as_of__lte=as_of).select_related("scenario")
    return [
        {
            "on": row.as_of, "currency": row.currency, "step": row.step, "verdict": row.verdict, "rail": row.rail,
            "sentence": row.reason, "scenario": row.scenario.key, "version": row.scenario.version, "facts": row.facts,
        }
        for row in rows.order_by("-as_of", "currency")[:5]
    ]  # fmt: skip


def _campaigns_told(customer: Customer, as_of: date) -> list[dict[str, Any]]:
    """The lists of campaigns on which the customer stood, with what was last decided about it and why."""
    rows = Recipient.objects.filter(customer=customer, decided_on__lte=as_of).select_related("campaign")
    return [
        {
            "on": row.decided_on, "name": row.campaign.name, "verdict": row.verdict, "rail": row.rail,
            "sentence": row.reason, "filter": row.campaign.filter, "frozen_at": row.campaign.frozen_at,
            "facts": row.facts,
        }
        for row in rows.order_by("-decided_on", "-pk")[:5]
    ]  # fmt: skip
