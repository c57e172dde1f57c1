"""A line for colleagues: once a person and key, of a kind that is known, never for who has left."""

import pytest

from amiable.casework.models import Notification, NotificationKind
from amiable.casework.notify import notify
from amiable.core.models import User
from tests.world import DAY, World, at

pytestmark = pytest.mark.django_db


def test_each_colleague_is_told_once(world: World) -> None:
    anna, max_ = (User.objects.create(username=name) for name in ("anna", "max"))
    gone = User.objects.create(username="gone", is_active=False)
    for text in ("first", "again"):
        notify(
            users=[anna, max_, anna, gone], text=text, key="task:1", kind="task", customer=world.boris, url="/tasks/1/",
            now=at(DAY),
        )  # fmt: skip
    told = Notification.objects.order_by("user_id")
    assert [(line.user, line.text, line.kind, line.url) for line in told] == [
        (user, "first", NotificationKind.TASK, "/tasks/1/") for user in (anna, max_)
    ]


def test_long_words_are_cut_and_an_unknown_kind_is_refused(world: World) -> None:
    anna = User.objects.create(username="anna")
    notify(users=[anna], text="x" * 400, key="k" * 200, kind="other", now=at(DAY))
    told = Notification.objects.get()
    assert (len(told.text), len(told.key)) == (300, 120)
    with pytest.raises(ValueError, match="gossip"):
        notify(users=[anna], text="said", key="1", kind="gossip", now=at(DAY))
