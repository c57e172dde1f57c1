"""A plan is put to the other side: checked, written down, approved where it must be, taken back where it may be.

In: invoices and terms. Out: the plan with its instalments and a hold while it is looked at. Never: two plans on one
invoice, a sum of instalments that is not what is planned, a figure of somebody's capacity in the trail.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.entrust import all_of
from amiable.casework.models import TaskKind
from amiable.casework.task import ask
from amiable.core import seal
from amiable.core.calendar import next_business_day
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Customer, Hold, HoldKind, Invoice
from amiable.payments.models import Instalment, Plan, PlanReason, PlanState
from amiable.payments.plans.agree import agree
from amiable.payments.plans.limits import allows, check, limits_of
from amiable.payments.plans.measure import settled_minor
from amiable.payments.plans.propose import Capacity
from amiable.payments.plans.state import answered, end, lock, planned, source_ref, take_back_offers, trail
from amiable.payments.plans.terms import Terms, UnableToPlan


@transaction.atomic
def offer(
    *,
    customer: Customer,
    currency: str,
    invoices: Sequence[int],
    terms: Terms,
    level: str,
    origin: str,
    as_of: date,
    now: datetime,
    reason: str = "",
    words: str = "",
    capacity: Capacity | None = None,
    replaces: Plan | None = None,
    by: User | None = None,
) -> Plan:
    """Writes the plan down: offered where `level` may agree to it, else proposed, and waiting for who may."""
    rows = plannable(customer=customer, currency=currency, invoices=invoices, replaces=replaces, as_of=as_of)
    covered = sum(row.open_minor for row in rows)
    if terms.total_minor + terms.discount_minor != covered:
        raise UnableToPlan(_("The amounts have changed meanwhile. Please look at them again."))
    if reason and reason not in PlanReason.values:
        raise UnableToPlan(_("This is none of the reasons that a plan knows."))
    limits = limits_of(customer.creditor, currency)
    needs = check(terms, limits, currency=currency, as_of=as_of)
    take_back_offers(customer=customer, invoices=[row.pk for row in rows], as_of=as_of, now=now, by=by)
    plan = Plan.objects.create(
        customer=customer,
        currency=currency,
        total_minor=terms.total_minor,
        discount_minor=terms.discount_minor,
        settled_before_minor=settled_minor([row.pk for row in rows]),
        reason=reason,
        words=words.strip()[:2_000],
        sealed_capacity=seal.close(packed) if (packed := (capacity or Capacity()).packed()) else "",
        terms={name: getattr(terms, name) for name in ("freeze", "accelerates", "guarantee", "deposit")},
        invoices=[row.pk for row in rows],
        needs=needs,
        state=PlanState.OFFERED if allows(level, needs) else PlanState.PROPOSED,
        origin=origin,
        offered_at=now,
        offered_by=by,
        answer_by=min(as_of + timedelta(days=limits.offer_days), terms.parts[0].due_on),
        replaces=replaces,
    )
    Instalment.objects.bulk_create(
        Instalment(plan=plan, due_on=part.due_on, amount_minor=part.amount_minor) for part in terms.parts
    )
    _rest(plan, rows, as_of=as_of, now=now, by=by)
    if plan.state == PlanState.PROPOSED:
        _ask_for_approval(plan, as_of=as_of, now=now)
    trail(plan, f"plan.{plan.state}", now=now, by=by, instalments=len(terms.parts))
    return plan


def plannable(
    *, customer: Customer, currency: str, invoices: Sequence[int], as_of: date, replaces: Plan | None = None
) -> list[Invoice]:
    """The invoices named, locked; each open, theirs, and free for a plan."""
    theirs = Invoice.objects.select_for_update(no_key=True).filter(
        customer=customer, currency=currency, open_minor__gt=0
    )
    found = {row.pk: row for row in theirs.filter(id__in=set(invoices)).order_by("id")}
    if not found or len(found) < len(set(invoices)):
        raise UnableToPlan(_("One of these invoices is no longer open. Please look at the amounts again."))
    if set(planned(customer=customer, but=replaces)) & set(found):
        raise UnableToPlan(_("One of these invoices is in a plan already."))
    if contested(customer=customer, as_of=as_of) & set(found):
        raise UnableToPlan(_("One of these invoices is contested: that is settled first."))
    return sorted(found.values(), key=lambda row: (row.due_on, row.pk))


def free_for_plan(*, customer: Customer, currency: str, as_of: date, replaces: Plan | None = None) -> QuerySet[Invoice]:
    """The open invoices that a plan may cover: in none that runs, and not contested."""
    taken = set(planned(customer=customer, but=replaces)) | contested(customer=customer, as_of=as_of)
    return Invoice.objects.filter(customer=customer, currency=currency, open_minor__gt=0).exclude(pk__in=taken)


def contested(*, customer: Customer, as_of: date) -> set[int]:
    """The invoices that are contested, or a part of them."""
    holds = hold.active(as_of=as_of).filter(customer=customer, kind=HoldKind.DISPUTE, invoice__isnull=False)
    return {invoice for invoice in holds.values_list("invoice_id", flat=True) if invoice is not None}


@transaction.atomic
def approve(*, plan: Plan, level: str, as_of: date, now: datetime, by: User) -> Plan:
    """A person with the right says yes: the offer stands, and where the customer has accepted it already, it is agreed."""
    row = lock(plan)
    if row.state != PlanState.PROPOSED:
        raise UnableToPlan(_("This plan does not wait for approval any more."))
    if not allows(level, row.needs):
        raise UnableToPlan(_("This plan is for somebody else to approve."))
    first = row.instalments.order_by("due_on")[0].due_on
    if first < as_of:
        raise UnableToPlan(_("Its first payment was to come before today. Please offer another plan."))
    limits = limits_of(row.customer.creditor, row.currency)
    row.state, row.approved_at, row.approved_by, row.offered_at = PlanState.OFFERED, now, by, now
    row.answer_by = min(as_of + timedelta(days=limits.offer_days), first)
    row.save(update_fields=["state", "approved_at", "approved_by", "offered_at", "answer_by"])
    _rest(row, Invoice.objects.filter(pk__in=row.invoices), as_of=as_of, now=now, by=by)
    answered(row, "confirmed", now=now, by=by)
    trail(row, "plan.approved", now=now, by=by)
    if row.accepted_at is not None:
        return agree(
            plan=row, name=row.accepted_name, ip=row.accepted_from, accepted_at=row.accepted_at, mandate=row.mandate,
            origin=row.origin, as_of=as_of, now=now,
        )  # fmt: skip
    return row


@transaction.atomic
def withdraw(*, plan: Plan, why: str, as_of: date, now: datetime, by: User | None = None, origin: str = "") -> Plan:
    """Ends a plan that is not over: refused before it was offered, taken back, given up by either side."""
    row = lock(plan)
    if row.state not in PlanState.alive():
        raise UnableToPlan(_("This plan is over already."))
    state = PlanState.REFUSED if row.state == PlanState.PROPOSED and by is not None else PlanState.WITHDRAWN
    end(row, state, as_of=as_of)
    answered(row, "declined", now=now, by=by)
    trail(row, f"plan.{state}", now=now, by=by, actor=origin, why=why[:200])
    return row


def _rest(plan: Plan, rows: Iterable[Invoice], *, as_of: date, now: datetime, by: User | None) -> list[Hold]:
    """Nobody is chased for what an offer is about, until the day by which it is answered is over."""
    assert plan.answer_by is not None
    return hold.place_on(
        rows, kind=HoldKind.PLAN, source_ref=source_ref(plan), customer=plan.customer, since=as_of,
        until=plan.answer_by + timedelta(days=1), by=by, now=now,
    )  # fmt: skip


def _ask_for_approval(plan: Plan, *, as_of: date, now: datetime) -> None:
    approvers = all_of(role="credit_manager", customer=plan.customer, as_of=as_of)
    ask(
        kind=TaskKind.CHECK,
        key=f"{source_ref(plan)}:approve",
        customer=plan.customer,
        title=in_house(gettext_lazy("A payment plan waits for approval")),
        due_on=next_business_day(as_of, plan.customer.creditor.country),
        context={"plan": plan.pk, "invoices": plan.invoices, "responsible": "credit_manager"},
        assignee=approvers[0] if len(approvers) == 1 else None,
        currency=plan.currency,
        now=now,
    )
