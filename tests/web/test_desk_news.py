"""The bell, and what reaches whom: each sees their own lines, a link in an e-mail ends one kind, and looking changes nothing."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework import wish
from amiable.casework.models import Notification, NotificationWish, Way
from amiable.casework.notify import notify
from amiable.core import links
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Customer
from amiable.outreach.memo import UNSUBSCRIBE
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    return rows.customer(rows.creditor("helia"), "Anna")


@pytest.fixture
def vera(anna: Customer) -> User:
    return rows.colleague("vera", anna.creditor, Role.COLLECTOR)


def tell(user: User, text: str, *, customer: Customer | None = None, url: str = "") -> Notification:
    notify(users=[user], text=text, key=text, kind="task", customer=customer, url=url, now=clock.now())
    return Notification.objects.get(user=user, key=text)


def test_lines_are_shown_to_their_person_read_and_followed(anna: Customer, vera: User) -> None:
    max_ = rows.colleague("max", anna.creditor)
    zoe = rows.customer(rows.creditor("other"), "Zoe")
    mine = tell(vera, "For Vera", customer=anna)
    bare = tell(vera, "To a page", url="/inbox/")
    false = tell(vera, "Elsewhere", url="https://evil.example/")
    gone = tell(vera, "About Zoe", customer=zoe)
    theirs = tell(max_, "For Max", customer=anna)
    client = rows.desk(vera)
    for address in (reverse("desk:news"), reverse("desk:news_menu")):
        page = client.get(address).content.decode()
        assert "For Vera" in page
        assert "For Max" not in page
        assert "About Zoe" not in page
    assert client.post(reverse("desk:news_follow", args=[mine.pk]))["location"] == f"/customers/{anna.pk}/"
    assert client.post(reverse("desk:news_follow", args=[bare.pk]))["location"] == "/inbox/"
    assert client.post(reverse("desk:news_follow", args=[false.pk]))["location"] == "/notifications/"
    for foreign in (gone, theirs):
        assert client.post(reverse("desk:news_follow", args=[foreign.pk])).status_code == 404
    assert client.get(reverse("desk:news_follow", args=[mine.pk])).status_code == 405
    assert {line.text for line in Notification.objects.filter(read_at=None)} == {"About Zoe", "For Max"}
    client.post(reverse("desk:news_mark"), {"line": mine.pk, "unread": "1"})
    assert "For Vera" in client.get(reverse("desk:news"), {"show": "unread"}).content.decode()
    client.post(reverse("desk:news_mark"), {"line": theirs.pk})
    client.post(reverse("desk:news_mark"), {"line": "x"})
    client.post(reverse("desk:news_mark"))
    assert {line.text for line in Notification.objects.filter(read_at=None)} == {"About Zoe", "For Max"}
    assert Client().get(reverse("desk:news")).status_code == 302


def test_wishes_are_kept_per_kind_and_leave_a_trail(vera: User) -> None:
    client = rows.desk(vera)
    address = reverse("desk:news_wishes")
    assert client.get(address).status_code == 200
    client.post(address, {"mention": "never", "promise": "at_once", "task": "shouted", "weekly": "1"})
    ways = wish.ways(User.objects.get(pk=vera.pk))
    assert (ways["mention"], ways["promise"], ways["task"]) == (Way.NEVER, Way.AT_ONCE, Way.DIGEST)
    assert (ways["daily"], ways["weekly"]) == (Way.NEVER, Way.AT_ONCE)
    assert AuditEntry.objects.filter(act="notification.wished").count() == 3
    client.post(address, {"mention": "never", "promise": "at_once", "weekly": "1"})
    assert AuditEntry.objects.filter(act="notification.wished").count() == 3


def test_one_click_ends_one_kind_and_a_look_ends_nothing(vera: User) -> None:
    now = clock.now()
    token = links.sign(UNSUBSCRIBE, {"u": vera.pk, "k": "daily"}, expires=now + timedelta(days=1))
    address = reverse("desk:news_unsubscribe", args=[token])
    client = Client(enforce_csrf_checks=True)
    assert b"My daily list" in client.get(address).content
    assert NotificationWish.objects.count() == 0
    for _again in range(2):
        assert client.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    kept = NotificationWish.objects.get()
    assert (kept.user, kept.kind, kept.way, kept.origin) == (vera, "daily", Way.NEVER, "one_click")
    old = links.sign(UNSUBSCRIBE, {"u": vera.pk, "k": "weekly"}, expires=now - timedelta(days=1))
    other = links.sign("enter", {"u": vera.pk, "k": "weekly"}, expires=now + timedelta(days=1))
    odd = links.sign(UNSUBSCRIBE, {"u": vera.pk, "k": "salary"}, expires=now + timedelta(days=1))
    for bad in (old, other, odd, token + "x"):
        assert client.post(reverse("desk:news_unsubscribe", args=[bad])).status_code == 404
    assert NotificationWish.objects.count() == 1
