"""Plans are held to their days: what came in fills the oldest instalments; late, cured, broken, done.

In: the plans that run, a day. Out: their instalments and states, holds that end, a task where somebody is missing.
Never: a plan broken before its grace and its time to put things right are over, or, of somebody fragile, by a machine.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy

from amiable.casework.models import NotificationKind, Task, TaskKind
from amiable.casework.notify import notify
from amiable.casework.task import ask
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger import hold, post
from amiable.ledger.models import Creditor, Customer, HoldKind, Invoice
from amiable.payments.chain import UNDER_WAY
from amiable.payments.models import Attempt, Instalment, Plan, PlanState
from amiable.payments.plans.limits import limits_of
from amiable.payments.plans.measure import paid
from amiable.payments.plans.state import end, locked, source_ref, trail
from amiable.payments.plans.terms import fill


@dataclass
class Summary:
    """How many plans came to be what they are now."""

    late: int = 0
    cured: int = 0
    broken: int = 0
    done: int = 0
    expired: int = 0


@dataclass(frozen=True)
class Standing:
    """How a plan stands on a day. `missing_minor`: of the instalments whose grace is over."""

    paid_minor: int
    missing_minor: int
    oldest_on: date | None
    settled: bool


@transaction.atomic
def judge_plans(
    *, as_of: date, now: datetime, creditor: Creditor | None = None, customers: Collection[int] | None = None
) -> Summary:
    """Judges the plans that run (of one creditor, of these customers) and ends the offers whose day is over. Repeatable."""
    whose = Q() if creditor is None else Q(customer__creditor=creditor)
    if customers is not None:
        whose &= Q(customer__in=list(customers))
    rows = list(
        locked(Plan.objects.filter(whose, state__in=PlanState.alive()))
        .select_related("customer__creditor", "offered_by")
        .prefetch_related("instalments")
        .order_by("id")
    )
    running = [row for row in rows if row.state in PlanState.running()]
    amounts, open_ones, asked, told = paid(running), _open(running), _at_the_bank(running), Summary()
    for row in rows:
        if row.pk in amounts:
            _fill(row, amounts[row.pk], as_of=as_of)
            stands = _stands(row, amounts[row.pk], open_minor=open_ones[row.pk], asked=asked, as_of=as_of)
            _move(row, stands, told, as_of=as_of, now=now)
        elif row.answer_by is not None and row.answer_by < as_of:
            end(row, PlanState.EXPIRED, as_of=as_of)
            trail(row, "plan.expired", now=now, actor="day")
            told.expired += 1
    return told


def fragile(customer: Customer, *, as_of: date) -> bool:
    """Somebody known to be vulnerable, or who asked for a person: what hurts is decided by one."""
    held = hold.active(as_of=as_of).filter(customer=customer, kind=HoldKind.VULNERABLE)
    return customer.assistance == "person" or held.exists()


def standing(plan: Plan, *, as_of: date) -> Standing:
    """How a plan stands, with nothing written."""
    amount, open_minor, asked = paid([plan])[plan.pk], _open([plan])[plan.pk], _at_the_bank([plan])
    return _stands(plan, amount, open_minor=open_minor, asked=asked, as_of=as_of)


def _open(plans: Sequence[Plan]) -> dict[int, int]:
    """What is open on the invoices of each plan."""
    wanted = {invoice for plan in plans for invoice in plan.invoices}
    left = dict(Invoice.objects.filter(pk__in=wanted).values_list("pk", "open_minor"))
    return {plan.pk: sum(left.get(invoice, 0) for invoice in plan.invoices) for plan in plans}


def _fill(row: Plan, amount: int, *, as_of: date) -> None:
    """Writes what is paid of each instalment, the oldest first."""
    parts = _parts(row)
    changed = []
    for part, filled in zip(parts, fill([part.amount_minor for part in parts], amount), strict=True):
        settled_on = (part.settled_on or as_of) if filled == part.amount_minor else None
        if (part.paid_minor, part.settled_on) != (filled, settled_on):
            part.paid_minor, part.settled_on = filled, settled_on
            changed.append(part)
    Instalment.objects.bulk_update(changed, ["paid_minor", "settled_on"])


def _parts(row: Plan) -> list[Instalment]:
    return sorted(row.instalments.all(), key=lambda part: (part.due_on, part.pk))


def _stands(row: Plan, amount: int, *, open_minor: int, asked: Collection[int], as_of: date) -> Standing:
    parts, grace = _parts(row), timedelta(days=limits_of(row.customer.creditor, row.currency).grace_days)
    filled = fill([part.amount_minor for part in parts], amount)
    late = [
        (part.due_on, part.amount_minor - taken)
        for part, taken in zip(parts, filled, strict=True)
        if taken < part.amount_minor and part.due_on + grace <= as_of and part.pk not in asked
    ]
    return Standing(
        paid_minor=sum(filled),
        missing_minor=sum(left for _day, left in late),
        oldest_on=late[0][0] if late else None,
        settled=amount >= row.total_minor or open_minor == 0,
    )


def _at_the_bank(plans: Sequence[Plan]) -> set[int]:
    """Which instalments of these plans are being collected: the bank has not said yet whether it pays."""
    asked = [part.pk for plan in plans for part in plan.instalments.all() if part.tried_at and not part.settled_on]
    tries = Attempt.objects.filter(plan_ref__in=asked, state__in=UNDER_WAY) if asked else Attempt.objects.none()
    return {part for part in tries.values_list("plan_ref", flat=True) if part is not None}


def _move(row: Plan, stands: Standing, told: Summary, *, as_of: date, now: datetime) -> None:
    """The one step that a plan takes on a day, if any."""
    limits = limits_of(row.customer.creditor, row.currency)
    if stands.settled:
        given_up = _give_up_discount(row, as_of=as_of, now=now)
        end(row, PlanState.DONE, as_of=as_of)
        trail(row, "plan.done", now=now, actor="day", paid_minor=stands.paid_minor, given_up=given_up)
        told.done += 1
    elif stands.oldest_on is None:
        if row.state == PlanState.LATE:
            row.state, row.cured_on, row.accelerates_on, row.answer_by = PlanState.CURED, as_of, None, None
            row.save(update_fields=["state", "cured_on", "accelerates_on", "answer_by"])
            trail(row, "plan.cured", now=now, actor="day")
            told.cured += 1
    elif row.state != PlanState.LATE:
        row.state, row.late_since = PlanState.LATE, as_of
        row.answer_by = as_of + timedelta(days=limits.cure_days)
        row.save(update_fields=["state", "late_since", "answer_by"])
        trail(row, "plan.late", now=now, actor="day", missing_minor=stands.missing_minor)
        _notify(row, stands, "late", now=now)
        told.late += 1
    elif row.answer_by is not None and row.answer_by < as_of:
        _break(row, stands, told, as_of=as_of, now=now)


def _break(row: Plan, stands: Standing, told: Summary, *, as_of: date, now: datetime) -> None:
    """The time to put things right has passed. Of somebody fragile a person decides, who is asked once."""
    key, missing = f"{source_ref(row)}:{row.late_since}", shown(stands.missing_minor, row.currency)
    if fragile(row.customer, as_of=as_of):
        if Task.objects.filter(key=key).exists():
            return
        title = gettext_lazy("Plan late by %(missing)s: look for a way together")
    else:
        end(row, PlanState.BROKEN, as_of=as_of)
        trail(row, "plan.broken", now=now, actor="day", missing_minor=stands.missing_minor)
        _notify(row, stands, "broken", now=now)
        told.broken += 1
        title = gettext_lazy("Plan broken: %(missing)s missing")
    ask(
        kind=TaskKind.CALL,
        key=key,
        customer=row.customer,
        title=in_house(title, missing=missing),
        due_on=as_of,
        context={"plan": row.pk, "invoices": row.invoices},
        assignee=row.offered_by,
        currency=row.currency,
        now=now,
    )


def _give_up_discount(row: Plan, *, as_of: date, now: datetime) -> list[int]:
    """What was promised to be given up is, now that the rest has been paid: no more than that, the newest invoice first."""
    left, entries = row.discount_minor, []
    for invoice in Invoice.objects.filter(pk__in=row.invoices, open_minor__gt=0).order_by("-due_on", "-id"):
        part = min(left, invoice.open_minor)
        if part > 0:
            reason = in_house(gettext_lazy("Discount of the settlement"))
            entry = post.write_off(
                invoice=invoice,
                amount_minor=part,
                reason=reason,
                as_of=as_of,
                now=now,
                by=row.approved_by or row.offered_by,
            )
            entries.append(entry.pk)
            left -= part
    return entries


def _notify(row: Plan, stands: Standing, what: str, *, now: datetime) -> None:
    """Whoever made the plan hears of it."""
    if row.offered_by is None:
        return
    missing = shown(stands.missing_minor, row.currency)
    said = (
        gettext_lazy("plan late, %(missing)s missing")
        if what == "late"
        else gettext_lazy("plan broken, %(missing)s missing")
    )
    notify(
        users=[row.offered_by],
        text=f"{row.customer}: {in_house(said, missing=missing)}",
        key=f"{source_ref(row)}:{what}:{row.late_since}",
        kind=NotificationKind.PLAN,
        customer=row.customer,
        now=now,
    )
