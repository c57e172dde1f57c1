"""E-mails to colleagues: each once, whatever happens on the way."""

from datetime import timedelta
from typing import Any

import pytest

from amiable.core.models import User
from amiable.outreach import memo
from amiable.outreach.models import Memo, MessageState
from tests import world as worlds
from tests.conftest import Post
from tests.world import DAY, at

pytestmark = pytest.mark.django_db(transaction=True)
NOW = at(DAY)


def vera(**more: Any) -> User:
    return User.objects.create(username="vera", email="vera@helia.example", language="en", **more)


def order(to: User | str, key: str = "daily:1:2026-03-02", **more: Any) -> bool:
    words = {"subject": "Today", "text": "Three things.", "html": "<p>Three things.</p>", "now": NOW}
    return memo.write(key=key, to=to, **words | more)


def test_one_key_is_one_e_mail_with_a_way_out(post: Post) -> None:
    user = vera()
    url = "https://desk.example/unsubscribe/x/"
    assert order(user, unsubscribe_url=url)
    assert not order(user, subject="Again")
    assert vars(memo.carry(now=NOW)) == vars(memo.Summary(sent=1))
    assert vars(memo.carry(now=NOW)) == vars(memo.Summary())
    (letter,) = post.to("vera@helia.example")
    assert (letter["Subject"], letter["List-Unsubscribe"].strip()) == ("Today", f"<{url}>")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (Memo.objects.get().state, Memo.objects.get().sent_at) == (MessageState.SENT, NOW)


def test_without_a_sender_of_its_own_the_installation_writes_as_the_house(post: Post, settings: Any) -> None:
    worlds.creditor(email="accounts@helia.example")
    settings.MAIL_FROM = ""
    order(vera())
    assert memo.carry(now=NOW).sent == 1
    assert "accounts@helia.example" in post.letters()[0]["From"]


def test_who_left_or_has_no_address_is_not_written_to(post: Post) -> None:
    assert not order(User.objects.create(username="mute"))
    user = vera()
    order(user)
    User.objects.update(is_active=False)
    memo.carry(now=NOW)
    assert (post.letters(), Memo.objects.get().state) == ([], MessageState.WITHHELD)
    assert order("new@helia.example", key="invitation:1", language="fr")
    memo.carry(now=NOW)
    assert post.recipients() == ["new@helia.example"]


def test_what_a_crash_left_claimed_is_in_doubt_and_never_sent_again(post: Post) -> None:
    order(vera())
    assert memo._claim(NOW) is not None
    assert memo.carry(now=NOW + timedelta(minutes=30)).in_doubt == 0
    assert memo.carry(now=NOW + timedelta(hours=2)).in_doubt == 1
    memo.carry(now=NOW + timedelta(hours=3))
    assert (post.letters(), Memo.objects.get().state) == ([], MessageState.IN_DOUBT)


def test_without_a_mail_server_it_waits_and_is_given_up_in_the_end(settings: Any) -> None:
    order(vera())
    settings.SMTP_HOST = ""
    assert memo.carry(now=NOW).without_channel == 1
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", 9, "none"
    settings.MAIL_FROM = "desk@helia.example"
    assert memo.carry(now=NOW).later == 1
    assert Memo.objects.get().state == MessageState.PLANNED
    memo.carry(now=NOW + timedelta(days=4))
    assert Memo.objects.get().state == MessageState.WITHHELD
