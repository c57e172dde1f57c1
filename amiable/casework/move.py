"""Tasks put off, handed on, or shown to colleagues, many at once; each with its trail, and the way back.

Comes in: tasks that the caller may act on, who, why. Goes out: a batch, and those left as they were with the reason.
Never: a task moved that was done meanwhile, a move undone over a newer one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from amiable.casework.models import Notification, NotificationKind, Task, TaskMove
from amiable.casework.notify import notify
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import AuditEntry, User


class UnableToMove(UnableTo):
    """The task cannot be moved in this way."""


@dataclass
class Moved:
    """What a click brought: the tasks moved, and those that stayed, each with the reason."""

    batch: str
    tasks: list[Task] = field(default_factory=list)
    refused: list[tuple[Task, str]] = field(default_factory=list)


def snooze(
    *, tasks: Iterable[Task], until: date, words: str, batch: str, as_of: date, now: datetime, by: User
) -> Moved:
    """Puts tasks off until a later day."""
    if until <= as_of:
        raise UnableToMove(_("A task is put off until tomorrow or later."))

    def change(task: Task) -> dict[str, Any]:
        if task.not_before and task.not_before.date() < until:
            raise UnableToMove(_("a time was agreed with the customer"))
        return {"due_on": until.isoformat()}

    return _move("snooze", tasks, change, words=words, batch=batch, now=now, by=by)


def assign(*, tasks: Iterable[Task], to: User | None, words: str, batch: str, now: datetime, by: User) -> Moved:
    """Hands tasks to a colleague, who is told; to nobody: whoever comes first."""

    def change(task: Task) -> dict[str, Any]:
        if task.assignee_id == (to.pk if to else None):
            raise UnableToMove(_("it is theirs already"))
        return {"assignee": to.pk if to else None}

    moved = _move("assign", tasks, change, words=words, batch=batch, now=now, by=by)
    if to is not None and to != by:
        _tell([to], moved, _("%(who)s hands you: %(task)s"), words, now=now, by=by)
    return moved


def share(*, tasks: Iterable[Task], to: Sequence[User], words: str, batch: str, now: datetime, by: User) -> Moved:
    """Shows tasks to colleagues, with words; whose they are does not change."""
    if not to:
        raise UnableToMove(_("Please choose with whom."))
    shown = {"shared": [user.pk for user in to]}
    moved = _move("share", tasks, lambda task: shown, words=words, batch=batch, now=now, by=by)
    _tell(to, moved, _("%(who)s shows you: %(task)s"), words, now=now, by=by)
    return moved


@transaction.atomic
def undo(*, batch: str, now: datetime, by: User, among: Iterable[Task] | None = None) -> Moved:
    """Puts back what one click of this colleague moved (`among` these tasks alone); what has changed since stays."""
    result, undone = Moved(batch), []
    moves = moved_by(batch=batch, by=by).select_related("task__customer", "task__creditor")
    if among is not None:
        moves = moves.filter(task__in=list(among))
    for row in moves.select_for_update(of=("self",)).order_by("pk"):
        task = row.task
        columns = {name: value for name, value in row.after.items() if name != "shared"}
        if task.done_at or any(value != _plain(task, name) for name, value in columns.items()):
            result.refused.append((task, _("it has changed meanwhile")))
            continue
        for name, value in row.before.items():
            _put(task, name, value)
        row.undone_at = now
        undone.append(row)
        result.tasks.append(task)
    Task.objects.bulk_update(result.tasks, ["due_on", "assignee"])
    TaskMove.objects.bulk_update(undone, ["undone_at"])
    Notification.objects.filter(key__in=[_key(batch, task) for task in result.tasks], read_at=None).delete()
    audit.record_all([_line("task.move_undone", row, now=now, by=by) for row in undone])
    return result


def moved_by(*, batch: str, by: User) -> QuerySet[TaskMove]:
    """What one click of this colleague moved, and is not undone."""
    return TaskMove.objects.filter(batch=batch, by=by, undone_at=None)


@transaction.atomic
def _move(
    act: str,
    tasks: Iterable[Task],
    change: Callable[[Task], dict[str, Any]],
    *,
    words: str,
    batch: str,
    now: datetime,
    by: User,
) -> Moved:
    moved = Moved(batch)
    wanted = {task.pk: task for task in tasks}
    known = set(TaskMove.objects.filter(batch=batch).values_list("task_id", flat=True))  # the same click twice
    fresh = {row.pk: row for row in Task.objects.select_for_update(of=("self",)).filter(pk__in=wanted).order_by("pk")}
    rows = []
    for pk, task in wanted.items():
        if pk in known or pk not in fresh:
            continue
        task.done_at, task.due_on, task.assignee_id = fresh[pk].done_at, fresh[pk].due_on, fresh[pk].assignee_id
        try:
            if task.done_at:
                raise UnableToMove(_("it has been done already"))
            after = change(task)
        except UnableToMove as error:
            moved.refused.append((task, str(error)))
            continue
        before = {name: _plain(task, name) for name in after if name != "shared"}
        for name in before:
            _put(task, name, after[name])
        row = TaskMove(
            task=task, act=act, before=before, after=after, words=words.strip()[:300], by=by, at=now, batch=batch
        )
        rows.append(row)
        moved.tasks.append(task)
    Task.objects.bulk_update(moved.tasks, ["due_on", "assignee"])
    TaskMove.objects.bulk_create(rows)
    audit.record_all([_line(f"task.{act}", row, now=now, by=by) for row in rows])
    return moved


def _plain(task: Task, name: str) -> Any:
    value = getattr(task, "assignee_id" if name == "assignee" else name)
    return value.isoformat() if isinstance(value, date) else value


def _put(task: Task, name: str, value: Any) -> None:
    if name == "assignee":
        task.assignee_id = value
    else:
        setattr(task, name, date.fromisoformat(value))


def _tell(to: Iterable[User], moved: Moved, line: str, words: str, *, now: datetime, by: User) -> None:
    for task in moved.tasks:
        text = line % {"who": by, "task": task.title} + (f" – {words.strip()}" if words.strip() else "")
        notify(
            users=[user for user in to if user != by], text=text, key=_key(moved.batch, task), kind=NotificationKind.TASK,
            now=now, customer=task.customer, url=f"/tasks/{task.pk}/",
        )  # fmt: skip


def _key(batch: str, task: Task) -> str:
    return f"move:{batch}:{task.pk}"


def _line(act: str, row: TaskMove, *, now: datetime, by: User) -> AuditEntry:
    return audit.line(
        act,
        now=now,
        user=by,
        creditor_ref=row.task.creditor_id,
        subject="customer",
        subject_ref=row.task.customer_id,
        task=row.task_id,
        before=row.before,
        after=row.after,
        words=row.words,
    )
