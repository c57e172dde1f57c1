"""A plan that was kept to its end runs on where money that had paid it leaves again; what was given up for it is owed again.

In: invoices that money has left. Out: plans with their holds, to be judged like any other. Never: two plans on one invoice.
"""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from amiable.core.models import AuditEntry
from amiable.core.words import in_house
from amiable.ledger import hold, post, waive
from amiable.ledger.models import Entry, HoldKind, Invoice
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.measure import paid
from amiable.payments.plans.state import locked, planned, source_ref, trail


@transaction.atomic
def resume(*, invoices: Collection[int], as_of: date, now: datetime) -> int:
    """Takes up the plans that these invoices had ended well and do not any more; returns how many."""
    done = Plan.objects.filter(state=PlanState.DONE, invoices__overlap=list(invoices))
    resumed = 0
    for row in locked(done).order_by("-id"):  # of two about one invoice, the newest
        short = paid([row])[row.pk] < row.total_minor + row.discount_minor
        is_open = Invoice.objects.filter(pk__in=row.invoices, open_minor__gt=0).exists()
        if short and is_open and not set(row.invoices).intersection(planned(customer=row.customer)):
            _resume(row, as_of=as_of, now=now)
            resumed += 1
    return resumed


def _resume(row: Plan, *, as_of: date, now: datetime) -> None:
    for entry in Entry.objects.filter(pk__in=_given_up(row)).order_by("id"):
        post.restore(
            entry=entry, reason=in_house(gettext_lazy("The plan runs on: money had left again")), as_of=as_of, now=now
        )  # fmt: skip
    row.state, row.ended_on, row.late_since = PlanState.AGREED, None, None
    row.save(update_fields=["state", "ended_on", "late_since"])
    hold.place_on(
        Invoice.objects.filter(pk__in=row.invoices), kind=HoldKind.PLAN, source_ref=source_ref(row),
        customer=row.customer, since=as_of, now=now,
    )  # fmt: skip
    waive.go_on(source_ref=source_ref(row))
    trail(row, "plan.runs_on", now=now, actor="payments")


def _given_up(row: Plan) -> list[int]:
    """The postings of its discount, as its end told them."""
    told = AuditEntry.objects.filter(act="plan.done", creditor_ref=row.customer.creditor_id, detail__plan=row.pk)
    end = told.order_by("-at", "-id").first()
    return list(end.detail.get("given_up", [])) if end else []
