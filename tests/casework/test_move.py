"""Tasks put off, handed on and shown: each leaves a trail, many go at once, and the way back never runs over newer work."""

from datetime import timedelta

import pytest

from amiable.casework import move
from amiable.casework.models import Notification, Task, TaskMove
from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Creditor, Customer
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def ours() -> Creditor:
    return rows.creditor("ours")


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    return rows.customer(ours, "Anna")


@pytest.fixture
def camille(ours: Creditor) -> User:
    return rows.colleague("camille", ours)


def snooze(tasks: list[Task], by: User, *, days: int = 3, batch: str = "b") -> move.Moved:
    today = clock.today()
    until = today + timedelta(days=days)
    return move.snooze(tasks=tasks, until=until, words="on holiday", batch=batch, as_of=today, now=clock.now(), by=by)


def test_a_task_put_off_comes_back_on_its_day_and_says_why(anna: Customer, camille: User) -> None:
    task, done = rows.task(anna), rows.task(anna, done_at=clock.now())
    agreed = rows.task(anna, not_before=clock.now())
    moved = snooze([task, done, agreed], camille)
    task.refresh_from_db()
    assert task.due_on == clock.today() + timedelta(days=3)
    assert [each.pk for each in moved.tasks] == [task.pk]
    assert {each.pk: why for each, why in moved.refused} == {
        done.pk: "it has been done already",
        agreed.pk: "a time was agreed with the customer",
    }
    kept = TaskMove.objects.get()
    assert (kept.act, kept.words, kept.by) == ("snooze", "on holiday", camille)
    assert AuditEntry.objects.get(act="task.snooze").detail["words"] == "on holiday"
    with pytest.raises(move.UnableToMove, match="tomorrow or later"):
        snooze([task], camille, days=0, batch="c")


def test_a_double_click_is_one_move(anna: Customer, camille: User) -> None:
    task = rows.task(anna)
    snooze([task], camille)
    assert snooze([task], camille, days=9).tasks == []
    assert TaskMove.objects.count() == 1


def test_what_one_click_moved_one_click_puts_back_but_nothing_newer(
    ours: Creditor, anna: Customer, camille: User
) -> None:
    first, second, third = (rows.task(anna) for _n in range(3))
    snooze([first, second, third], camille)
    Task.objects.filter(pk=third.pk).update(done_at=clock.now())
    snooze([Task.objects.get(pk=second.pk)], camille, days=20, batch="newer")
    undone = move.undo(batch="b", now=clock.now(), by=camille)
    assert [task.pk for task in undone.tasks] == [first.pk]
    assert {task.pk for task, _why in undone.refused} == {second.pk, third.pk}
    due = dict(Task.objects.values_list("pk", "due_on"))
    assert due[first.pk] == clock.today()
    assert due[second.pk] == clock.today() + timedelta(days=20)
    # Again, or by somebody else: nothing.
    assert move.undo(batch="b", now=clock.now(), by=camille).tasks == []
    assert move.undo(batch="newer", now=clock.now(), by=rows.colleague("boris", ours)).tasks == []


def test_who_gets_a_task_is_told_once_and_not_after_the_undo(ours: Creditor, anna: Customer, camille: User) -> None:
    task, boris = rows.task(anna, title="Call Anna"), rows.colleague("boris", ours)
    now = clock.now()
    move.assign(tasks=[task], to=boris, words="you know them", batch="b", now=now, by=camille)
    task.refresh_from_db()
    assert task.assignee == boris
    line = Notification.objects.get(user=boris)
    assert (line.text, line.url) == ("camille hands you: Call Anna – you know them", f"/tasks/{task.pk}/")
    again = move.assign(tasks=[task], to=boris, words="", batch="c", now=now, by=camille)
    assert [why for _task, why in again.refused] == ["it is theirs already"]
    move.undo(batch="b", now=now, by=camille)
    task.refresh_from_db()
    assert task.assignee is None
    assert not Notification.objects.exists()


def test_a_task_shared_stays_whose_it_is(ours: Creditor, anna: Customer, camille: User) -> None:
    task, boris = rows.task(anna, assignee=camille), rows.colleague("boris", ours)
    move.share(tasks=[task], to=[boris], words="what do you think?", batch="b", now=clock.now(), by=camille)
    task.refresh_from_db()
    assert task.assignee == camille
    assert "what do you think?" in Notification.objects.get(user=boris).text
    with pytest.raises(move.UnableToMove, match="with whom"):
        move.share(tasks=[task], to=[], words="", batch="c", now=clock.now(), by=camille)
