"""Which channel carries for whom: own settings, the house's, none; what has none waits; what has a limit keeps to it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from amiable.core.models import AuditEntry, Credential, User
from amiable.ledger.models import ContactPoint, Creditor
from amiable.outreach import pace, route
from amiable.outreach.diagnose import diagnose
from amiable.outreach.models import Delivery, Message, MessageState, Pace
from amiable.outreach.send import send
from tests.contracts import anymail_samples as samples
from tests.contracts.peer import Answer, Peer, peer
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db(transaction=True)
MAILGUN = samples.samples()["mailgun"].config


@pytest.fixture
def by() -> User:
    return User.objects.create(username="vera")


@pytest.fixture
def far() -> Iterator[Peer]:
    taken = samples.samples()["mailgun"].taken
    assert taken
    with peer(taken) as found:
        yield found


def planned(creditor: Creditor, count: int = 1, **changes: object) -> list[Message]:
    found = []
    for n in range(count):
        customer = a_customer(creditor, f"{creditor.key}{n}", email=f"anna{n}@{creditor.key}.example")
        found.append(
            a_message(customer, "reminder_1", [an_invoice(customer, f"F-{creditor.key}-{n}", 9_900, days_late=9)])
        )
    Message.objects.filter(pk__in=[each.pk for each in found]).update(**changes)
    return found


def over_mailgun(creditor: Creditor, by: User, url: str, **more: object) -> None:
    route.keep(creditor=creditor, key="mailgun", values={**MAILGUN, "api_url": url, **more}, now=NOW, by=by)
    route.use(creditor=creditor, key="mailgun", now=NOW, by=by)


def test_each_creditor_goes_its_own_way(by: User, far: Peer, post_office: PostOffice) -> None:
    one, other = a_creditor(), a_creditor(key="rivage", name="Rivage")
    over_mailgun(one, by, far.url)
    planned(one, 3)
    planned(other, 2)
    assert send(as_of=TODAY, now=NOW).sent == 5
    assert len(far.asked) == 3
    assert {letter["To"] for letter in post_office.letters()} == {
        "Anna Martin <anna0@rivage.example>", "Anna Martin <anna1@rivage.example>",
    }  # fmt: skip
    assert [finding.ok for finding in diagnose(now=NOW)] == [True]
    assert set(Delivery.objects.values_list("message__creditor__key", "channel")) == {
        ("lumen", "mailgun"),
        ("rivage", "email"),
    }


def test_a_medium_that_nothing_carries_is_not_claimed_and_loses_nothing(by: User, post_office: PostOffice) -> None:
    creditor = a_creditor()
    sms, _email = planned(creditor, 2)
    Message.objects.filter(pk=sms.pk).update(medium="sms")
    summary = send(as_of=TODAY, now=NOW)
    assert (summary.sent, summary.without_channel) == (1, 1)
    sms.refresh_from_db()
    assert (sms.state, sms.verdict) == (MessageState.PLANNED, "")
    [waiting] = route.stuck(route.routes([creditor]))
    assert (waiting.creditor, waiting.medium, waiting.count) == (creditor, "sms", 1)
    [finding] = diagnose(now=NOW)
    assert (finding.ok, finding.area) == (False, "channels")
    assert waiting.why in finding.sentence


def test_a_dry_run_needs_no_channel(settings: Settings) -> None:
    settings.SMTP_HOST = ""
    [message] = planned(a_creditor(released_at=None))
    assert send(as_of=TODAY, now=NOW).withheld == 1
    message.refresh_from_db()
    assert "F-lumen-0" in message.text
    assert route.stuck(route.routes(Creditor.objects.all())) == []


def test_a_carrier_out_of_reach_keeps_no_other_from_going(by: User, post_office: PostOffice) -> None:
    one, other = a_creditor(), a_creditor(key="rivage", name="Rivage")
    over_mailgun(one, by, "http://127.0.0.1:1/")
    lost = planned(one, 45)  # more than a batch
    planned(other, 45)
    summary = send(as_of=TODAY, now=NOW)
    assert summary.sent == 45
    assert set(Message.objects.filter(pk__in=[m.pk for m in lost]).values_list("state", flat=True)) == {"planned"}
    assert not Delivery.objects.filter(channel="mailgun").exists()


def test_a_carrier_that_never_answers_is_left_alone_after_a_few(by: User, far: Peer) -> None:
    creditor = a_creditor()
    over_mailgun(creditor, by, far.url)
    far.answer = Answer(hangs_up=True)
    planned(creditor, 60)
    summary = send(as_of=TODAY, now=NOW)
    assert 3 <= summary.in_doubt <= 6  # what the other lanes had handed over already
    assert len(far.asked) == summary.in_doubt
    assert Message.objects.filter(state="planned").count() == 60 - summary.in_doubt


def test_a_limit_is_kept_by_one_worker(by: User, far: Peer) -> None:
    creditor = a_creditor()
    over_mailgun(creditor, by, far.url, per_second=10)
    planned(creditor, 12)
    started = time.monotonic()
    assert send(as_of=TODAY, now=NOW).sent == 12
    assert time.monotonic() - started >= 1.1  # the first at once, each further one a tenth later


def test_a_limit_holds_nobody_else_up(by: User, far: Peer, post_office: PostOffice) -> None:
    slow, fast = a_creditor(), a_creditor(key="rivage", name="Rivage")
    over_mailgun(slow, by, far.url, per_second=2)
    planned(slow, 3)
    planned(fast, 80)
    said: list[tuple[int, float]] = []
    started = time.monotonic()
    send(as_of=TODAY, now=NOW, progress=lambda summary: said.append((summary.sent, time.monotonic() - started)))
    assert said[-1][0] == 83
    assert said[-1][1] >= 1.0
    assert (
        next(seconds for sent, seconds in said if sent >= 81) < said[-1][1] - 0.3
    )  # the fast ones were gone long before


def test_a_limit_is_kept_by_several_workers_together() -> None:
    """Nobody is served before the turn of whoever came first, and what is given back is free again."""
    assert [pace.book("1:mailgun", per_second=20, most=40) for _again in range(3)] == [2, 0, 0]
    assert 0 < pace.seconds_until_free("1:mailgun") <= 0.1
    assert pace.book("2:mailgun", per_second=20, most=40) == 2  # another account has its own turn
    pace.give_back("1:mailgun", per_second=20, count=2)
    assert pace.book("1:mailgun", per_second=20, most=1) == 1

    granted: list[float] = []

    def worker() -> None:
        try:
            until = time.monotonic() + 0.8
            while time.monotonic() < until:
                granted.extend([time.monotonic()] * pace.book("3:mailgun", per_second=30, most=40))
                time.sleep(0.005)
        finally:
            connection.close()

    with ExitStack() as running:
        for _n in range(3):
            thread = threading.Thread(target=worker)
            thread.start()
            running.callback(thread.join)
    assert 12 <= len(granted) <= 30  # 0.8 s at 30 a second, and the turn at the beginning
    assert Pace.objects.count() == 3


def test_the_settings_are_sealed_and_a_secret_left_empty_stays(by: User) -> None:
    creditor = a_creditor()
    over_mailgun(creditor, by, "https://api.eu.mailgun.net/v3/")
    assert b"key-1" not in bytes(Credential.objects.get().sealed)
    route.keep(
        creditor=creditor,
        key="mailgun",
        values={**MAILGUN, "api_key": "", "api_url": "https://api.eu.mailgun.net/v3/", "sender_domain": "l.example"},
        now=NOW,
        by=by,
    )
    kept = route.known(creditor, "mailgun")
    assert kept
    assert (kept["api_key"], kept["sender_domain"]) == ("key-1", "l.example")
    trail = list(AuditEntry.objects.order_by("pk").values_list("act", "detail__changed"))
    assert [act for act, _changed in trail] == ["channel.kept", "channel.used", "channel.kept"]
    assert trail[2][1] == ["sender_domain"]
    assert "key-1" not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_the_password_of_a_hook_is_ours_and_stays(by: User) -> None:
    creditor = a_creditor()
    for name in ("facturation@lumen.example", "compta@lumen.example"):
        values = {**samples.samples()["postmark"].config, "mail_from": name}
        route.keep(creditor=creditor, key="postmark", values=values, now=NOW + timedelta(1), by=by)
        kept = route.known(creditor, "postmark")
        assert kept
        if name.startswith("facturation"):
            first = kept["hook_password"]
    assert len(first) >= 24
    assert kept["hook_password"] == first


def test_what_is_not_set_up_cannot_be_used_and_what_is_forgotten_is_gone(by: User, post_office: PostOffice) -> None:
    creditor = a_creditor()
    with pytest.raises(route.UnableToRoute):
        route.use(creditor=creditor, key="brevo", now=NOW, by=by)
    over_mailgun(creditor, by, "https://api.mailgun.net/v3/")
    creditor.refresh_from_db()
    assert route.in_use(creditor, "email") == "mailgun"
    route.forget(creditor=creditor, key="mailgun", now=NOW, by=by)
    creditor.refresh_from_db()
    assert route.in_use(creditor, "email") == "email"
    assert not Credential.objects.exists()


def test_settings_sealed_with_another_key_stop_that_medium_only(by: User, far: Peer, settings: Settings) -> None:
    creditor = a_creditor()
    over_mailgun(creditor, by, far.url)
    planned(creditor)
    settings.CREDENTIAL_KEY = "another key, which opens nothing that was sealed before it"
    summary = send(as_of=TODAY, now=NOW)
    assert (summary.sent, summary.without_channel) == (0, 1)
    assert not far.asked


def test_the_terminal_carries_every_medium_where_one_may_try(
    by: User, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    creditor = a_creditor()
    [message] = planned(creditor)
    assert send(as_of=TODAY, now=NOW, carriers={"email": "console"}).sent == 1
    assert message.key
    assert "F-lumen-0" in capsys.readouterr().out
    settings.DEV_ROOMS = False
    assert route.route(creditor, "console").missing
    assert ContactPoint.objects.count() == 1
