"""Carries out the day's decisions: messages are ordered, tasks laid on desks, holds placed, and climbs recorded.

Every order has a key, so that a second run orders nothing twice. An invoice climbs when its message has left the
house (or may have: in doubt), when what a person is to do lies on a desk, or when the house has acted.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import Task, TaskKind
from amiable.casework.task import reopen
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.money import exponent
from amiable.core.words import in_house
from amiable.law.rails import CALLS
from amiable.ledger import hold
from amiable.ledger.models import Creditor, HoldKind, Medium
from amiable.outreach.address import spoken, wanted
from amiable.outreach.compose import Block
from amiable.outreach.models import Message, Tone
from amiable.outreach.order import Order, order
from amiable.outreach.render import Rendered, render
from amiable.outreach.script import script as spell
from amiable.scenario import place
from amiable.scenario.engine.channel import BEST
from amiable.scenario.engine.journey import MESSAGE, PLACE
from amiable.scenario.lay import lay
from amiable.scenario.leave import rest
from amiable.scenario.models import Decision, Scenario, Verdict


class UnableToConfirm(UnableTo):
    """The task does not wait for a confirmation."""


MISSING = {
    "email": gettext_lazy("Find an e-mail address"),
    **dict.fromkeys(CALLS, gettext_lazy("Find a phone number")),
    "letter": gettext_lazy("Find a postal address"),
}
ELSE = gettext_lazy("Find a way to reach the customer")


@transaction.atomic
def dispatch(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> dict[str, int]:
    """Orders what the day's decisions (of one creditor) say. Safe to repeat."""
    whose = Q() if creditor is None else Q(creditor=creditor)
    today = Decision.objects.filter(whose, as_of=as_of)
    decisions = list(today.exclude(verdict=Verdict.NOT).select_related("customer").order_by("pk"))
    steps = _steps(decisions)
    messages = [d for d in decisions if d.verdict == Verdict.DO and d.action == MESSAGE]
    ordered = order([_order(d, steps[d.scenario_id, d.step], as_of) for d in messages], now=now)
    tasks = lay(decisions, steps, as_of=as_of, now=now)
    held = rest(decisions, steps, as_of=as_of, now=now)
    _climb_by_hand(as_of, creditor)
    placed = place.carry_out(decisions, steps, as_of=as_of, now=now)
    addresses = _look_for_addresses(today, as_of=as_of, now=now)
    return {"ordered": ordered, "tasks": tasks, "held": held, "placed": placed, "addresses": addresses}


@transaction.atomic
def advance(*, as_of: date, creditor: Creditor | None = None) -> dict[str, int]:
    """Records the climb of every invoice (of one creditor) whose message left the house (or may have). Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (UPDATE outreach_message SET advanced_on = as_of WHERE advanced_on IS NULL"
            "   AND state IN ('sent', 'in_doubt') AND level > 0"
            "   AND (%(creditor)s::bigint IS NULL OR creditor_id = %(creditor)s)"
            "   RETURNING about, also, also_levels, level, as_of),"
            " climbed AS (SELECT unnest(about) AS id, level, as_of FROM gone"
            "   UNION ALL SELECT r.id, r.level, gone.as_of FROM gone, unnest(also, also_levels) AS r(id, level)),"
            " highest AS (SELECT id, max(level) AS level, max(as_of) AS as_of FROM climbed GROUP BY id)"
            " UPDATE ledger_invoice i SET reached = h.level, reached_on = h.as_of FROM highest h"
            " WHERE i.id = h.id AND i.reached < h.level",
            {"creditor": creditor.pk if creditor else None},
        )
        return {"climbed": cursor.rowcount}


@transaction.atomic
def confirm(*, task: Task, as_of: date, now: datetime, by: User) -> int:
    """A person says yes to a step that waited: its message is ordered, or its invoices go to the agency.

    Returns 1, or 0 when that was done before. Raises UnableToPlace where nothing may be handed over any more.
    """
    if task.kind != TaskKind.CONFIRM:
        raise UnableToConfirm("This task does not wait for a confirmation.")
    decision = Decision.objects.select_related("customer").get(pk=task.context["decision"])
    if decision.action == PLACE:
        place.lock([decision])
    task = Task.objects.select_for_update().get(pk=task.pk)
    if task.done_at:
        return 0
    step = _steps([decision])[decision.scenario_id, decision.step]
    if decision.action == PLACE:
        done = int(place.hand_over(decision, step, as_of=as_of, now=now, by=by) is not None)
    else:
        done = order([_order(decision, step, as_of, confirmed=True)], now=now)
    Task.objects.filter(pk=task.pk).update(done_at=now, done_by=by, outcome="confirmed")
    audit.record(
        "step.confirmed", now=now, user=by, creditor_ref=decision.creditor_id, subject="customer",
        subject_ref=decision.customer_id, step=decision.step,
    )  # fmt: skip
    return done


def hands_over(*, task: Task, as_of: date) -> place.HandedOver | None:
    """What a step that waits would hand to an agency now; None where it does something else. Raises UnableToPlace."""
    decision = Decision.objects.select_related("customer").filter(pk=task.context.get("decision")).first()
    if decision is None or decision.action != PLACE:
        return None
    return place.looked_at(decision, _steps([decision])[decision.scenario_id, decision.step], as_of=as_of)


def prepare(*, task: Task, as_of: date, now: datetime) -> Rendered:
    """The message of a step that a person confirms, or sends by hand, as it would be written now; nothing is kept or sent.

    Raises UnableToCompose, or UnableToConfirm where nothing of it is open any more, or nothing is written.
    """
    decision = Decision.objects.select_related("customer__creditor").filter(pk=task.context.get("decision")).first()
    if decision is None:
        raise UnableToConfirm(_("No message stands behind this task."))
    if decision.action == PLACE:
        raise UnableToConfirm(_("Nothing is written: this step hands invoices to an agency."))
    step = _steps([decision])[decision.scenario_id, decision.step]
    customer = decision.customer
    message = Message(
        creditor_id=decision.creditor_id, customer=customer, currency=decision.currency, medium=decision.channel,
        purpose=step.get("template", decision.step), tone=step.get("tone", "neutral"), step=decision.step, as_of=as_of,
        language=customer.language or customer.creditor.language, about=decision.about, also=decision.also, context={},
    )  # fmt: skip
    if not customer.invoices.filter(
        pk__in=[*decision.about, *decision.also], open_minor__gt=F("charged_minor")
    ).exists():
        raise UnableToConfirm(_("Nothing of what this message is about is open any more."))
    return render(message, as_of=as_of, now=now)


def script(*, task: Task, as_of: date, now: datetime, by: User) -> list[Block]:
    """What the colleague says in this call, about what is open now; nothing is kept. Raises UnableToCompose."""
    context, customer = task.context, task.customer
    decision = Decision.objects.filter(pk=context.get("decision")).first()
    step = _steps([decision])[decision.scenario_id, decision.step] if decision else {}
    open_now = customer.invoices.filter(open_minor__gt=0)
    about = list(open_now.filter(pk__in=context.get("invoices", ())).values_list("pk", flat=True))
    currency = context.get("currency") or open_now.values_list("currency", flat=True).order_by("due_on").first()
    overdue = open_now.filter(due_on__lt=as_of, currency=currency).values_list("pk", flat=True)
    message = Message(
        creditor_id=task.creditor_id, customer=customer, currency=currency or customer.creditor.currency,
        medium=Medium.CALL, purpose=step.get("template", context.get("step", "")), tone=step.get("tone", Tone.NEUTRAL),
        as_of=as_of, language=spoken(customer.language, customer.creditor.language), about=about or list(overdue),
        context={"colleague": str(by)},
    )  # fmt: skip
    return spell(message, as_of=as_of, now=now)


def _steps(decisions: Iterable[Decision]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """The settings of each step that is named, by scenario version and key."""
    scenarios = Scenario.objects.filter(pk__in={decision.scenario_id for decision in decisions})
    return {(scenario.pk, step["key"]): step for scenario in scenarios for step in scenario.data["steps"]}


def _order(decision: Decision, step: Mapping[str, Any], as_of: date, *, confirmed: bool = False) -> Order:
    minimum = Decimal(str(step.get("minimum", 0))).scaleb(exponent(decision.currency))
    return Order(
        key=f"step:{decision.pk}", creditor_id=decision.creditor_id, customer_id=decision.customer_id,
        currency=decision.currency, purpose=step.get("template", decision.step), medium=decision.channel,
        tone=step.get("tone", "neutral"), as_of=as_of, about=decision.about, also=decision.also, level=decision.level,
        also_levels=decision.also_levels, decision_ref=decision.pk, step=decision.step, fallback=_left(decision, step),
        context={"minimum_minor": int(minimum), "confirmed": confirmed},
    )  # fmt: skip


def _left(decision: Decision, step: Mapping[str, Any]) -> list[str]:
    """The channels of the step that come after the one decided, should that one fail."""
    listed = [step.get("channel", ""), *step.get("fallback", ())]
    tried = listed[: listed.index(decision.channel) + 1] if decision.channel in listed else [BEST]
    return [name for name in listed if name not in {*tried, BEST, decision.channel}]


def _look_for_addresses(today: QuerySet[Decision], *, as_of: date, now: datetime) -> int:
    """Where a step failed for want of an address, somebody is asked to find one; once for each customer and channel."""
    rows = today.filter(verdict=Verdict.NOT, rail="no_address")
    wanting = {wanted(decision.customer_id, decision.channel): decision for decision in rows}
    known = set(Task.objects.filter(key__in=wanting).values_list("key", flat=True))
    tasks = [
        Task(
            creditor_id=decision.creditor_id, customer_id=decision.customer_id, case_id=decision.case_id,
            kind=TaskKind.OTHER, key=key,
            title=in_house(MISSING.get(decision.channel, ELSE)), due_on=as_of, created_at=now,
            context={"currency": decision.currency, "amount_minor": decision.facts.get("amount_minor", 0)},
        )
        for key, decision in wanting.items()
        if key not in known
    ]  # fmt: skip
    Task.objects.bulk_create(tasks, ignore_conflicts=True)
    return len(tasks)


def _climb_by_hand(as_of: date, creditor: Creditor | None) -> None:
    """The climb by what is done without a message: it counts as done once it lies on a desk, or the house has acted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH done AS (SELECT about, level, also, also_levels FROM scenario_decision"
            "   WHERE as_of = %(as_of)s AND verdict = 'do' AND action NOT IN ('message', 'place')"
            "     AND (%(creditor)s::bigint IS NULL OR creditor_id = %(creditor)s)),"
            " climbed AS (SELECT unnest(about) AS id, level FROM done"
            "   UNION ALL SELECT r.id, r.level FROM done, unnest(also, also_levels) AS r(id, level))"
            " UPDATE ledger_invoice i SET reached = h.level, reached_on = %(as_of)s"
            " FROM (SELECT id, max(level) AS level FROM climbed GROUP BY id) h WHERE i.id = h.id AND i.reached < h.level",
            {"as_of": as_of, "creditor": creditor.pk if creditor else None},
        )


@transaction.atomic
def decline(*, task: Task, days: int, reason: str, as_of: date, now: datetime, by: User) -> bool:
    """A person says no to a step that waited: the customer is left alone for some days. False when done before."""
    task = Task.objects.select_for_update().select_related("customer").get(pk=task.pk)
    if task.kind != TaskKind.CONFIRM:
        raise UnableToConfirm("This task does not wait for a confirmation.")
    if task.done_at:
        return False
    hold.place(
        kind=HoldKind.PERSON, source_ref=f"task:{task.pk}", customer=task.customer, since=as_of, now=now,
        until=as_of + timedelta(days=max(days, 1)), reason=reason[:200], by=by,
    )  # fmt: skip
    Task.objects.filter(pk=task.pk).update(done_at=now, done_by=by, outcome="declined")
    audit.record(
        "step.declined", now=now, user=by, creditor_ref=task.creditor_id, subject="customer", subject_ref=task.customer_id,
        reason=reason,
    )  # fmt: skip
    return True


@transaction.atomic
def undo_decline(*, task: Task, as_of: date, now: datetime, by: User) -> None:
    """The no to a step is taken back by who said it: its hold ends, and the step waits for a word again."""
    if task.kind != TaskKind.CONFIRM or task.outcome != "declined":
        raise UnableToConfirm("This task was not declined.")
    reopen(task=task, now=now, by=by)
    hold.lift(source_ref=f"task:{task.pk}", on=as_of)
