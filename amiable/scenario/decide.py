"""The decide step of the day: who gets which step today and why, or why not, written as Decision rows.

Comes in: profiles, open invoices, scenarios in force, law. Goes out: decisions and opened cases. Nothing is sent here.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import polars as pl
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from amiable.casework.models import Case
from amiable.core import tables
from amiable.core.conditions import parse
from amiable.law.packs import law
from amiable.law.rails import SENTENCES
from amiable.ledger.models import Creditor, Customer
from amiable.scenario import assign, gather, leave, shelf
from amiable.scenario.engine.decide import decide as engine
from amiable.scenario.engine.decide import ended
from amiable.scenario.engine.foresee import Foreseen, foresee
from amiable.scenario.engine.journey import Journey
from amiable.scenario.models import Experiment, Scenario, ScenarioState

_DECIDED = [
    "creditor_id", "customer_id", "case_id", "currency", "scenario_id", "step", "level", "action", "channel", "verdict", "rail",
    "reason", "about", "also", "also_levels", "facts", "arm", "propensity",
]  # fmt: skip
_LISTED = [name for name in _DECIDED if name != "case_id"]
# A case opens when someone who is overdue is treated; a courtesy before the due date opens none.
_APPEND = f"""
WITH opened AS (
  INSERT INTO casework_case (creditor_id, customer_id, currency, scenario_ref, opened_on, opened_overdue_minor, closed_because)
  SELECT creditor_id, customer_id, currency, scenario_id, %(as_of)s, overdue_minor, '' FROM decided
  WHERE case_id IS NULL AND verdict IN ('do', 'ask') AND overdue_minor > 0
  ON CONFLICT DO NOTHING RETURNING id, customer_id, currency
), appended AS (
  INSERT INTO scenario_decision (case_id, as_of, {", ".join(_LISTED)})
  SELECT coalesce(n.case_id, k.id), %(as_of)s, {", ".join(f"n.{name}" for name in _LISTED)}
  FROM decided n LEFT JOIN opened k ON k.customer_id = n.customer_id AND k.currency = n.currency
  WHERE n.verdict <> 'not' OR NOT EXISTS (
    SELECT FROM (SELECT step, rail, verdict FROM scenario_decision o WHERE o.customer_id = n.customer_id
                 AND o.currency = n.currency AND o.as_of < %(as_of)s ORDER BY o.as_of DESC LIMIT 1) last
    WHERE last.verdict = 'not' AND last.step = n.step AND last.rail = n.rail)
  ON CONFLICT (customer_id, currency, as_of) DO UPDATE SET case_id = excluded.case_id,
    {", ".join(f"{name} = excluded.{name}" for name in _LISTED if name not in ("customer_id", "currency"))}
  WHERE scenario_decision.verdict = 'not' RETURNING 1
)
SELECT (SELECT count(*) FROM appended), (SELECT count(*) FROM opened)
"""


@transaction.atomic
def decide(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> dict[str, int]:
    """Decides for everyone (of one creditor) with something open. Safe to repeat.

    A day's done decisions stand, refusals may change. Returns how many decisions say do, ask and not, for how many
    invoices the journey ended, how many decisions were written and how many cases opened.
    """
    shelf.stock(now=now)
    decisions, over = _said(as_of=as_of, creditor=creditor, only=None, drawn_at=now)
    counts = {row["verdict"]: row["len"] for row in decisions.group_by("verdict").len().to_dicts()}
    figures = {verdict: counts.get(verdict, 0) for verdict in ("do", "ask", "not")}
    figures["ended"] = leave.stop(over, as_of=as_of, now=now)
    if decisions.is_empty():
        return {**figures, "written": 0, "cases": 0}
    return {**figures, **_write(decisions, as_of=as_of)}


def decisions_of(*, as_of: date, creditor: Creditor | None = None, only: list[int] | None = None) -> pl.DataFrame:
    """The engine's word for everyone (of one creditor, of those named) on a day; nothing is written. Stands in a transaction."""
    return _said(as_of=as_of, creditor=creditor, only=only, drawn_at=None)[0]


def _said(
    *, as_of: date, creditor: Creditor | None, only: list[int] | None, drawn_at: datetime | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The decisions, and the invoices for which what the customer did ended the journey.

    Nothing is written but, with `drawn_at`, who was drawn into which arm of an experiment.
    """
    decisions, over = [], []
    journeys = used()
    with gather.candidates(as_of=as_of, moments=_moments(journeys), creditor=creditor, only=only) as invoices:
        customers = gather.customers(as_of=as_of, steps=[step for journey in journeys for step in journey.steps])
    open_invoices = invoices.join(
        customers.select("row", "customer_id", "currency"), on=["customer_id", "currency"], how="inner"
    )
    for each in Creditor.objects.filter(pk__in=customers["creditor_id"].unique().to_list()).order_by("pk"):
        rows, theirs = with_scenarios(each, customers.filter(pl.col("creditor_id") == each.pk), as_of=as_of)
        if drawn_at:
            assign.keep(rows, as_of=as_of, now=drawn_at)
        decisions += _of_creditor(each, rows, open_invoices, theirs, as_of=as_of)
        over.append(ended(rows, open_invoices, theirs))
    said = pl.concat(decisions, how="diagonal_relaxed") if decisions else pl.DataFrame(schema={"verdict": pl.String})
    return said, pl.concat(over) if over else pl.DataFrame(schema={"invoice": pl.Int64, "event": pl.String})


def used() -> list[Journey]:
    """Every scenario version that is in force, that an experiment tries, or to which an open case is pinned."""
    pinned = Case.objects.filter(closed_on=None).order_by().values_list("scenario_ref", flat=True).distinct()
    tried = Experiment.objects.filter(stopped_on=None, challenger__isnull=False).values("challenger")
    found = Scenario.objects.filter(Q(state=ScenarioState.ACTIVE) | Q(pk__in=pinned) | Q(pk__in=tried))
    return list(shelf.journeys(list(found)).values())


def _moments(journeys: Iterable[Journey]) -> dict[int, gather.Moment]:
    """For each level: when an invoice that has reached it may go on at the earliest, in any of these scenarios.

    The last step of the longest scenario is followed by none.
    """
    steps = [step for journey in journeys for step in journey.steps]
    levels = {0, *(step.level for step in steps)}
    return {level: gather.Moment.of(step for step in steps if step.level > level) for level in levels}


def _of_creditor(
    creditor: Creditor, rows: pl.DataFrame, invoices: pl.DataFrame, journeys: Mapping[int, Journey], *, as_of: date
) -> list[pl.DataFrame]:
    found = []
    for (country,), part in rows.group_by("country"):
        rules = law(str(country) or creditor.country, as_of)
        said = engine(part, invoices, journeys, facts=shelf.facts(), law=rules, policy=creditor.policy)
        found.append(said.with_columns(pl.lit(creditor.pk).alias("creditor_id")))
    return found


def with_scenarios(
    creditor: Creditor, rows: pl.DataFrame, *, as_of: date
) -> tuple[pl.DataFrame, Mapping[int, Journey]]:
    """The customers with the scenario of each, and the arm of an experiment that it comes from (see assign.NO_ARM).

    The version their open case is pinned to, else that of their arm, else the first in force that applies.
    """
    current, experiments = shelf.in_force(creditor.pk), assign.running(creditor_id=creditor.pk, as_of=as_of)
    tried = {pk for each in experiments for pk in (each.champion_id, each.challenger_id) if pk}
    others = tried | set(rows["pinned"].drop_nulls().unique().to_list())
    journeys = shelf.journeys([*current, *Scenario.objects.filter(pk__in=others - {each.pk for each in current})])
    applying = [
        pl.when(parse(journeys[scenario.pk].applies, shelf.facts())).then(pl.lit(scenario.pk, dtype=pl.Int64))
        for scenario in current
    ]
    first = pl.coalesce(*applying, pl.lit(None, dtype=pl.Int64))
    rows = assign.with_arms(
        rows.with_columns(first.alias("scenario")), assign.trials(experiments, current, journeys), as_of=as_of
    )
    return rows.with_columns(pl.coalesce("pinned", "scenario").alias("scenario")).drop_nulls("scenario"), journeys


def _write(decisions: pl.DataFrame, *, as_of: date) -> dict[str, int]:
    """Opens the cases that today's steps need and appends the decisions.

    A refusal that already stands unchanged is not written again every day; what was done today stands.
    """
    reasons = {**SENTENCES, "": gettext_noop("The step is due.")}
    rail = pl.col("rail").fill_null("")
    table = decisions.with_columns(
        pl.col("case_id"),
        pl.col("scenario").alias("scenario_id"),
        rail.alias("rail"),
        rail.replace_strict(reasons, return_dtype=pl.String).alias("reason"),
        tables.array("about"),
        tables.array("also"),
        tables.array("also_levels"),
        pl.struct("segment", "oldest_days_late", "amount_minor", "overdue_minor", "credit_minor", "contacts_7d")
        .struct.json_encode()
        .alias("facts"),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE decided (creditor_id bigint, customer_id bigint, case_id bigint, currency text,"
            " scenario_id bigint, step text, level smallint, action text, channel text, verdict text, rail text, reason text,"
            " about bigint[], also bigint[], also_levels smallint[], facts jsonb, arm text, propensity float8,"
            " overdue_minor bigint) ON COMMIT DROP"
        )
        tables.write(table, "decided", [*_DECIDED, "overdue_minor"])
        # Empty text travels as null.
        cursor.execute(
            "UPDATE decided SET rail = coalesce(rail, ''), channel = coalesce(channel, '') WHERE rail IS NULL OR channel IS NULL"
        )
        cursor.execute("ANALYZE decided")
        # On the first day the planner sees an empty table of decisions and would scan, once per row, what grows under it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(_APPEND, {"as_of": as_of})
        written, opened = cursor.fetchone()
        cursor.execute("SET LOCAL enable_seqscan = on")
        cursor.execute("DROP TABLE decided")
    return {"written": written, "cases": opened}


def preview(*, customer: Customer, as_of: date, now: datetime, days: int = 60, steps: int = 3) -> list[Foreseen]:
    """The next steps of a customer, if nothing changes, in each currency: the engine's rule, day by day.

    A step that a rail holds back is told with the rail and the first day on which it spoke.
    """
    del now
    with (
        transaction.atomic(),
        gather.candidates(as_of=as_of, moments=gather.ALWAYS, only=[customer.pk]) as invoices,
    ):
        customers = gather.customers(as_of=as_of, steps=[step for journey in used() for step in journey.steps])
    if customers.is_empty():
        return []
    creditor = Creditor.objects.get(pk=customer.creditor_id)
    return ahead(creditor, customers, invoices, as_of=as_of, days=days, steps=steps)


def ahead(
    creditor: Creditor, customers: pl.DataFrame, invoices: pl.DataFrame, *, as_of: date, days: int, steps: int
) -> list[Foreseen]:
    """The steps to come of a customer's rows, one per currency, with their invoices."""
    rows, journeys = with_scenarios(creditor, customers, as_of=as_of)
    found: list[Foreseen] = []
    for row in rows.iter_slices(1):
        rules = law(row["country"][0] or creditor.country, as_of)
        found += foresee(
            row, invoices.filter(pl.col("currency") == row["currency"][0]), journeys[row["scenario"][0]],
            facts=shelf.facts(), law=rules, policy=creditor.policy, as_of=as_of, days=days, steps=steps,
        )  # fmt: skip
    return sorted(found, key=lambda item: item.on)
