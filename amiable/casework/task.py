"""Things for a person to do: asked for once, done once. Never: the same wish as two tasks."""

from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from amiable.casework import entrust
from amiable.casework.models import Case, Task
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer


class UnableToFinish(UnableTo):
    """The task has been done already."""


def ask(
    *,
    kind: str,
    key: str,
    customer: Customer,
    title: str,
    due_on: date,
    now: datetime,
    context: dict[str, Any] | None = None,
    assignee: User | None = None,
    currency: str | None = None,
    not_before: datetime | None = None,
) -> Task:
    """The task of this key: made, or, where it was done before, opened again with the new words. `not_before`: the time
    that was agreed with the customer.
    """
    case = open_case(customer=customer, currency=currency)
    task, _made = Task.objects.update_or_create(
        key=key,
        defaults={
            "kind": kind,
            "title": title[:200],
            "context": context or {},
            "due_on": due_on,
            "not_before": not_before,
            "done_at": None,
            "done_by": None,
            "outcome": "",
        },
        create_defaults={
            "creditor_id": customer.creditor_id,
            "customer": customer,
            "case": case,
            "kind": kind,
            "title": title[:200],
            "context": context or {},
            "due_on": due_on,
            "not_before": not_before,
            "assignee": assignee
            or entrust.responsible(
                customer=customer, case=case, as_of=due_on, invoices=(context or {}).get("invoices", ())
            ),
            "created_at": now,
        },
    )
    return task


def finish(*, task: Task, outcome: str, now: datetime, by: User | None = None) -> Task:
    """Marks a task done, with what came of it. Raises UnableToFinish where somebody was faster."""
    done = Task.objects.filter(pk=task.pk, done_at=None).update(done_at=now, done_by=by, outcome=outcome)
    if not done:
        raise UnableToFinish(_("This task has been done already."))
    task.refresh_from_db()
    _told("task.done", task, now=now, by=by)
    return task


def reopen(*, task: Task, now: datetime, by: User) -> Task:
    """A task that this colleague finished, and from which nothing followed, lies on the desk again. Raises UnableToFinish."""
    fresh = {"done_at": None, "done_by": None, "outcome": ""}
    if not Task.objects.filter(pk=task.pk, done_by=by, done_at=task.done_at).exclude(done_at=None).update(**fresh):
        raise UnableToFinish(_("This task has changed meanwhile; it stays as it is."))
    _told("task.reopened", task, now=now, by=by)
    task.refresh_from_db()
    return task


def _told(act: str, task: Task, *, now: datetime, by: User | None) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=task.creditor_id, subject="customer", subject_ref=task.customer_id,
        task=task.pk, outcome=task.outcome,
    )  # fmt: skip


def open_case(*, customer: Customer, currency: str | None = None) -> Case | None:
    """The case of the customer that is open, in that currency where one is named."""
    cases = Case.objects.filter(customer=customer, closed_on=None).select_related("responsible")
    return (cases.filter(currency=currency) if currency else cases).order_by("id").first()
