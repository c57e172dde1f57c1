"""What can be taken back says so, for its own person, once, and for ten minutes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework.models import Notification, Task
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer
from amiable.web.desk import deed
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(ours: Creditor) -> Customer:
    return rows.customer(ours, "Anna")


@pytest.fixture
def client(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("camille", ours))


def button(client: Client, address: str, said: dict[str, str]) -> dict[str, str]:
    """The Undo that the page after this act offers."""
    response = client.post(address, said, follow=True)
    (told,) = response.context["messages"]
    return deed.button_of(told.extra_tags)


def said(client: Client, address: str, token: str) -> str:
    return client.post(address, {"undo": token}, follow=True).content.decode()


def done(client: Client, task: Task, outcome: str = "done") -> dict[str, str]:
    return button(client, reverse("desk:task_done", args=[task.pk]), {"outcome": outcome})


def test_a_task_done_by_mistake_lies_on_the_desk_again(client: Client, anna: Customer) -> None:
    task = rows.task(anna, "check")
    back = done(client, task)
    assert "Undone: Anna" in said(client, back["address"], back["token"])
    task.refresh_from_db()
    assert (task.done_at, task.done_by, task.outcome) == (None, None, "")
    # The same button a second time, after it was done anew, changes nothing.
    done(client, task)
    assert "has changed meanwhile" in said(client, back["address"], back["token"])
    task.refresh_from_db()
    assert task.done_at is not None


def test_a_call_that_led_to_something_is_not_undone_by_a_click(client: Client, anna: Customer) -> None:
    rows.invoice(anna, 10_000, late=40)
    assert done(client, rows.task(anna), "paid") == {}
    assert done(client, rows.task(anna), "voicemail") != {}


def test_too_late_tampered_or_of_somebody_else(client: Client, anna: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    task, other = rows.task(anna, "check"), rows.task(anna, "other")
    back = done(client, task)
    boris = rows.desk(rows.colleague("boris", anna.creditor))
    assert "Only who did it" in said(boris, back["address"], back["token"])
    assert "Only who did it" in said(client, reverse("desk:task_undone", args=[other.pk]), back["token"])
    assert "too late" in said(client, back["address"], back["token"] + "x")
    later = clock.now() + deed.UNDO_WITHIN + timedelta(seconds=2)
    with clock.told_by(lambda: later):
        assert "too late" in said(client, back["address"], back["token"])
    task.refresh_from_db()
    assert task.done_at is not None


def test_what_was_marked_as_read_is_news_again(client: Client, anna: Customer) -> None:
    camille = User.objects.get(username="camille")
    earlier, now = clock.now() - timedelta(days=1), clock.now()
    for key, read_at in (("old", earlier), ("new", None)):
        Notification.objects.create(user=camille, text=key, key=key, created_at=now, read_at=read_at)
    back = button(client, reverse("desk:news_read"), {})
    assert not Notification.objects.filter(read_at=None).exists()
    said(client, back["address"], back["token"])
    assert [row.key for row in Notification.objects.filter(read_at=None)] == ["new"]
