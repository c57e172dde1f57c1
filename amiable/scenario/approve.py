"""What waits for a person's word, many at once: steps to confirm, plans to approve, messages that a person sends.

Comes in: rows as a colleague saw them, their yes or no. Goes out: what was done, and each that was left as it was with
its reason. Never: a yes to something that has changed since it was looked at, half of one answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.casework.models import Task, TaskKind
from amiable.casework.task import finish, reopen
from amiable.core.errors import AmiableError, UnableTo
from amiable.core.models import User
from amiable.ledger.models import Invoice
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.offer import approve, withdraw
from amiable.scenario import dispatch

ALONE_DAYS = 14  # how long a no to a step leaves the customer alone
Waiting = Task | Plan


class UnableToAnswer(UnableTo):
    """The row is not as it was when it was looked at."""


@dataclass
class Answered:
    """The rows answered, and those left as they were, each with the reason."""

    done: list[Waiting] = field(default_factory=list)
    left: list[tuple[Waiting, str]] = field(default_factory=list)


def prints(rows: Sequence[Waiting]) -> dict[str, str]:
    """What each row says at this moment, in twelve letters: another amount or state, another print. One query for all."""
    about = {name_of(row): _invoices(row) for row in rows}
    wanted = {pk for each in about.values() for pk in each}
    open_now = dict(Invoice.objects.filter(pk__in=wanted).values_list("pk", "open_minor"))
    found = {}
    for row in rows:
        told: list[Any] = [(pk, open_now.get(pk)) for pk in sorted(about[name_of(row)])]
        if isinstance(row, Task):
            told += [row.kind, row.done_at, row.context.get("decision")]
        else:
            told += [row.state, row.total_minor, row.discount_minor, row.terms, row.needs]
        found[name_of(row)] = sha256(repr(told).encode()).hexdigest()[:12]
    return found


def name_of(row: Waiting) -> str:
    return f"{'task' if isinstance(row, Task) else 'plan'}-{row.pk}"


def _invoices(row: Waiting) -> list[int]:
    return list(row.context.get("invoices", ())) if isinstance(row, Task) else list(row.invoices)


def owed(rows: Sequence[Waiting]) -> dict[str, int]:
    """What is open of the invoices that each row is about; of a plan, what it spreads."""
    tasks = {name_of(row): _invoices(row) for row in rows if isinstance(row, Task)}
    wanted = {pk for each in tasks.values() for pk in each}
    open_now = dict(Invoice.objects.filter(pk__in=wanted).values_list("pk", "open_minor"))
    found = {name: sum(open_now.get(pk, 0) for pk in each) for name, each in tasks.items()}
    return found | {name_of(row): row.total_minor for row in rows if isinstance(row, Plan)}


def answer(
    rows: Iterable[tuple[Waiting, str]], *, yes: bool, reason: str, levels: dict[int, str], as_of: date, now: datetime,
    by: User,
) -> Answered:  # fmt: skip
    """Carries out one word on many rows, each by itself. `rows`: with the print that was looked at; `levels`: how far this
    colleague may go with plans, by customer.
    """
    given, result = list(rows), Answered()
    fresh = prints([row for row, _seen in given])
    for row, seen in given:
        try:
            with transaction.atomic():
                if fresh[name_of(row)] != seen:
                    raise UnableToAnswer(_("it has changed since you looked at it"))
                _one(row, yes=yes, reason=reason, level=levels.get(row.customer_id, ""), as_of=as_of, now=now, by=by)
        except AmiableError as error:
            result.left.append((row, str(error)))
        else:
            result.done.append(row)
    return result


def _one(row: Waiting, *, yes: bool, reason: str, level: str, as_of: date, now: datetime, by: User) -> None:
    if isinstance(row, Plan):
        if row.state != PlanState.PROPOSED or not level:
            raise UnableToAnswer(_("it does not wait for your approval"))
        if yes:
            approve(plan=row, level=level, as_of=as_of, now=now, by=by)
        else:
            withdraw(plan=row, why=reason, as_of=as_of, now=now, by=by)
    elif row.kind == TaskKind.CONFIRM:
        if yes:
            dispatch.confirm(task=row, as_of=as_of, now=now, by=by)
        else:
            dispatch.decline(task=row, days=ALONE_DAYS, reason=reason, as_of=as_of, now=now, by=by)
    elif row.kind == TaskKind.MANUAL:
        finish(task=row, outcome="done" if yes else "declined", now=now, by=by)
    else:
        raise UnableToAnswer(_("it does not wait for a yes or no"))


@transaction.atomic
def take_back(tasks: Iterable[Task], *, as_of: date, now: datetime, by: User) -> Answered:
    """Tasks that this colleague answered with no, or as sent, wait again; what has changed since is left."""
    result = Answered()
    for task in tasks:
        try:
            with transaction.atomic():
                if task.kind == TaskKind.CONFIRM:
                    dispatch.undo_decline(task=task, as_of=as_of, now=now, by=by)
                else:
                    reopen(task=task, now=now, by=by)
        except AmiableError as error:
            result.left.append((task, str(error)))
        else:
            result.done.append(task)
    return result
