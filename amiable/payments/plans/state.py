"""The row of a plan: locked, ended, told in the trail. A plan that is over forgets what was said about means."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db.models import QuerySet

from amiable.casework.models import Task
from amiable.casework.task import finish
from amiable.core import audit, seal
from amiable.core.models import User
from amiable.ledger import hold, waive
from amiable.ledger.models import Customer, Invoice
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.propose import Capacity


def end(row: Plan, state: PlanState, *, as_of: date) -> None:
    """The plan is over: its invoices are free again, and what was said in private about means is forgotten."""
    row.state, row.ended_on, row.sealed_capacity = state, as_of, ""
    row.save(update_fields=["state", "ended_on", "sealed_capacity", "late_since", "cured_on", "accelerates_on"])
    hold.lift(source_ref=source_ref(row), on=as_of)
    waive.end(source_ref=source_ref(row), on=as_of)


def lock(plan: Plan) -> Plan:
    """The plan as it is now, and nobody else's until the transaction ends."""
    return locked(Plan.objects.filter(pk=plan.pk)).select_related("customer__creditor", "replaces", "mandate").get()


def locked(plans: QuerySet[Plan]) -> QuerySet[Plan]:
    """These plans, locked after their invoices, as money does that comes in: who meets here queues."""
    touched = plans.values_list("invoices", "replaces__invoices")
    wanted = {invoice for lists in touched for each in lists for invoice in each or ()}
    list(Invoice.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("id").values_list("id"))
    return plans.select_for_update(of=("self",))


def capacity(plan: Plan) -> Capacity:
    """What was said in private about means. Raises UnableToUnseal where the key is another one."""
    return Capacity(**json.loads(seal.open_(plan.sealed_capacity))) if plan.sealed_capacity else Capacity()


def source_ref(plan: Plan) -> str:
    return f"plan:{plan.pk}"


def trail(plan: Plan, act: str, *, now: datetime, by: User | None = None, actor: str = "", **told: object) -> None:
    audit.record(
        act, now=now, user=by, actor="" if by else actor or plan.origin, creditor_ref=plan.customer.creditor_id,
        subject="customer", subject_ref=plan.customer_id, plan=plan.pk, total_minor=plan.total_minor, **told,
    )  # fmt: skip


def planned(*, customer: Customer, but: Plan | None = None) -> Iterable[int]:
    """The invoices of the customer's plans that run."""
    running = Plan.objects.filter(customer=customer, state__in=PlanState.running())
    if but is not None:
        running = running.exclude(pk=but.pk)
    return [invoice for invoices in running.values_list("invoices", flat=True) for invoice in invoices]


def take_back_offers(
    *, customer: Customer, invoices: Sequence[int], as_of: date, now: datetime, by: User | None = None
) -> None:
    """Newer words take the place of offers about the same invoices that nobody has accepted yet."""
    waiting = [PlanState.PROPOSED, PlanState.OFFERED]
    rows = Plan.objects.select_for_update(of=("self",)).filter(
        customer=customer, state__in=waiting, invoices__overlap=list(invoices)
    )
    for row in rows.order_by("id"):
        end(row, PlanState.WITHDRAWN, as_of=as_of)
        answered(row, "withdrawn", now=now, by=by)
        trail(row, "plan.withdrawn", now=now, by=by)


def answered(plan: Plan, outcome: str, *, now: datetime, by: User | None) -> None:
    waiting = Task.objects.filter(key=f"{source_ref(plan)}:approve", done_at=None).first()
    if waiting is not None:
        finish(task=waiting, outcome=outcome, now=now, by=by)
