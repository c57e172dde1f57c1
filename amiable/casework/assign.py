"""Another colleague takes a customer's open cases, and the tasks that lay with the one before.

In: a customer, a colleague. Out: cases and tasks that are theirs. Never: somebody who could not see the customer.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.casework.models import Case, Task
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer


class UnableToAssign(UnableTo):
    """There is no open case to be taken."""


@transaction.atomic
def assign(*, customer: Customer, to: User | None, now: datetime, by: User) -> dict[int, int | None]:
    """The open cases of the customer are in this colleague's hands (None: nobody's); returns whose each was before."""
    cases = list(Case.objects.select_for_update(of=("self",)).filter(customer=customer, closed_on=None))
    if not cases:
        raise UnableToAssign(_("No case is open: it is given to somebody when the first step is due."))
    before = {case.pk: case.responsible_id for case in cases}
    names = {pk: str(user) for pk, user in User.objects.in_bulk({pk for pk in before.values() if pk}).items()}
    Case.objects.filter(pk__in=before).update(responsible=to)
    theirs = {pk for pk in before.values() if pk}
    Task.objects.filter(customer=customer, done_at=None, assignee__in=theirs).update(assignee=to)
    audit.record(
        "customer.entrusted", now=now, user=by, creditor_ref=customer.creditor_id, subject="customer",
        subject_ref=customer.pk, before=", ".join(sorted(names.values())), after=str(to) if to else "",
    )  # fmt: skip
    return before
