"""A task in hand: for some minutes it is one colleague's, and nobody else is led to the same customer.

Comes in: a task, who takes it, now. Goes out: the task with its lease, which ends by itself. Never: two colleagues with
tasks of one customer in hand at once.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from amiable.casework.models import Task
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer

LEASE = timedelta(minutes=5)  # an open page renews it; a closed one lets go by saying nothing


class UnableToTake(UnableTo):
    """A colleague has the customer in hand, or the task is done."""


def in_hand(*, now: datetime) -> Q:
    """The condition that somebody has the task in hand."""
    return Q(taken_until__gt=now, done_at=None)


def with_others(*, now: datetime, by: User) -> Exists:
    """Whether a colleague has a task of the same customer in hand."""
    theirs = Task.objects.filter(in_hand(now=now), customer=OuterRef("customer")).exclude(taken_by=by)
    return Exists(theirs)


def take(*, task: Task, now: datetime, by: User) -> Task:
    """The task is this colleague's for five minutes more. Raises UnableToTake."""
    with transaction.atomic():
        # The customer is locked, so that two colleagues cannot take two tasks of one customer at once.
        Customer.objects.select_for_update(no_key=True).get(pk=task.customer_id)
        task.refresh_from_db()
        if task.done_at:
            raise UnableToTake(_("This task has been done already."))
        other = Task.objects.filter(in_hand(now=now), customer=task.customer_id).exclude(taken_by=by)
        theirs = other.select_related("taken_by").first()
        if theirs is not None:
            raise UnableToTake(_("%(who)s is busy with this customer just now.") % {"who": theirs.taken_by})
        mine = task.taken_by_id == by.pk and task.taken_until is not None and task.taken_until > now
        task.taken_at = task.taken_at if mine else now
        task.taken_by, task.taken_until = by, now + LEASE
        task.save(update_fields=["taken_by", "taken_at", "taken_until"])
        return task


def take_first(*, tasks: QuerySet[Task], now: datetime, by: User) -> Task | None:
    """The first of these that nobody has in hand, taken; None where there is none."""
    for task in tasks.filter(~with_others(now=now, by=by))[:20]:
        try:
            return take(task=task, now=now, by=by)
        except UnableToTake:
            continue
    return None


def let_go(*, by: User) -> None:
    """What this colleague has in hand is anybody's again."""
    mine = Task.objects.filter(taken_by=by, done_at=None).exclude(taken_until=None)
    mine.update(taken_by=None, taken_at=None, taken_until=None)
