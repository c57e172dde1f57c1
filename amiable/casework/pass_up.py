"""Work asked of a role: a task for whoever is in charge of the customer in that role, and a line for who takes it over.

Comes in: wishes with a key each, from the steps of a scenario or the creditor's rules. Never: a key as two tasks.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.conf import settings

from amiable.casework.entrust import all_of, by_rule, in_charge
from amiable.casework.models import NotificationKind, Task
from amiable.casework.notify import notify
from amiable.core.models import User
from amiable.ledger.models import Customer


@dataclass(frozen=True)
class Wish:
    """One piece of work. `role` empty: whoever collects. `tells`: whoever takes it over hears of it; `title` speaks a language.

    Without a `kind` nothing is to be done: it is only told.
    """

    key: str
    customer: Customer
    kind: str
    title: Callable[[str], str]
    role: str = ""
    case_id: int | None = None
    invoices: tuple[int, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    tells: bool = False


def pass_up(wishes: Iterable[Wish], *, as_of: date, now: datetime) -> int:
    """Makes the tasks that are not there yet and tells who is to be told; returns how many wishes were new."""
    wanted = {each.key: each for each in wishes}
    known = set(Task.objects.filter(key__in=wanted).values_list("key", flat=True))
    fresh = [each for key, each in wanted.items() if key not in known]
    charged = _charged(fresh, as_of=as_of)
    Task.objects.bulk_create(
        [_task(each, charged.get(each.key), as_of=as_of, now=now) for each in fresh if each.kind], ignore_conflicts=True
    )
    for each in fresh:
        if each.tells:
            _tell(each, charged.get(each.key), as_of=as_of, now=now)
    return len(fresh)


def _charged(wishes: Iterable[Wish], *, as_of: date) -> dict[str, User]:
    """The person of each wish, where there is one; where no role is named, whom a rule makes the collector."""
    by_role: dict[str, list[Wish]] = defaultdict(list)
    for each in wishes:
        by_role[each.role].append(each)
    found: dict[str, User] = {}
    for role, theirs in by_role.items():
        customers = {each.customer.pk: each.customer for each in theirs}
        about: dict[int, list[int]] = defaultdict(list)
        for each in theirs:
            about[each.customer.pk] += each.invoices
        told: dict[str, Any] = {"customers": list(customers.values()), "as_of": as_of, "about": about}
        users = in_charge(role=role, **told) if role else by_rule(role="collector", **told)
        found |= {each.key: users[each.customer.pk] for each in theirs if each.customer.pk in users}
    return found


def _task(wish: Wish, assignee: User | None, *, as_of: date, now: datetime) -> Task:
    context = {**wish.context, "invoices": list(wish.invoices)} | ({"responsible": wish.role} if wish.role else {})
    return Task(
        creditor_id=wish.customer.creditor_id, customer=wish.customer, case_id=wish.case_id, kind=wish.kind, key=wish.key,
        title=wish.title(settings.LANGUAGE_CODE)[:200], due_on=as_of, created_at=now, assignee=assignee, context=context,
    )  # fmt: skip


def _tell(wish: Wish, assignee: User | None, *, as_of: date, now: datetime) -> None:
    """A line for whoever takes it over; for everyone of that role where nobody alone does."""
    users = [assignee] if assignee else all_of(role=wish.role, customer=wish.customer, as_of=as_of) if wish.role else []
    for user in users:
        notify(
            users=[user], text=f"{wish.customer.name}: {wish.title(user.language)}", key=wish.key, customer=wish.customer,
            kind=NotificationKind.ESCALATION, now=now,
        )  # fmt: skip
