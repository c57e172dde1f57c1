"""The whole rest falls due: a person says so, only where the agreement does, only of a late plan, and after a notice."""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.core.models import User
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.limits import limits_of
from amiable.payments.plans.state import lock, trail
from amiable.payments.plans.terms import UnableToPlan


@transaction.atomic
def accelerate(*, plan: Plan, as_of: date, now: datetime, by: User) -> Plan:
    """Gives notice: late still when its days are over, it ends and its invoices are due as before; paid meanwhile, it goes on."""
    row = lock(plan)
    if not row.terms.get("accelerates"):
        raise UnableToPlan(_("This agreement does not say that the rest falls due."))
    if row.state != PlanState.LATE:
        raise UnableToPlan(_("Only the rest of a plan that is late can fall due."))
    days = limits_of(row.customer.creditor, row.currency).notice_days
    row.accelerates_on = as_of + timedelta(days=days)
    row.answer_by = min(row.answer_by or row.accelerates_on, row.accelerates_on)
    row.save(update_fields=["accelerates_on", "answer_by"])
    trail(row, "plan.notice_given", now=now, by=by, accelerates_on=row.accelerates_on.isoformat())
    return row
