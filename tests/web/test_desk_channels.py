"""Channels at the desk: settings entered once and never shown again, tried, put in use; who may, and what is told."""

import html
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Branch, Creditor
from amiable.outreach import route
from amiable.outreach.channel import channels
from amiable.scenario import gather
from tests.contracts import anymail_samples as samples
from tests.contracts.peer import Answer, Peer, peer
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
MAILGUN = samples.samples()["mailgun"].config


@pytest.fixture
def far() -> Iterator[Peer]:
    taken = samples.samples()["mailgun"].taken
    assert taken
    with peer(taken) as found:
        yield found


@pytest.fixture
def vera(ours: Creditor) -> Client:
    user = rows.colleague("vera", ours, Role.MANAGER)
    user.email = "vera@ours.example"
    user.save()
    return rows.desk(user)


def at(creditor: Creditor, key: str = "mailgun") -> str:
    return reverse("desk:channel", args=[creditor.pk, key])


def act(client: Client, creditor: Creditor, name: str, key: str = "mailgun") -> str:
    answer = client.post(reverse("desk:channel_act", args=[creditor.pk, key, name]), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_from_nothing_to_a_channel_in_use(vera: Client, ours: Creditor, far: Peer) -> None:
    page = vera.get(reverse("desk:channels")).content.decode()
    assert at(ours) in page
    assert vera.post(at(ours), {**MAILGUN, "api_url": far.url}).status_code == 302
    page = act(vera, ours, "test")
    assert "Handed over for vera@ours.example" in page
    assert len(far.asked) == 1
    assert b"vera%40ours.example" in far.asked[0].body
    assert "Mailgun" in act(vera, ours, "use")
    ours.refresh_from_db()
    assert route.in_use(ours, "email") == "mailgun"
    assert "in use" in vera.get(at(ours)).content.decode()
    acts = list(
        AuditEntry.objects.filter(act__startswith="channel.").order_by("pk").values_list("act", "user__username")
    )
    assert acts == [("channel.kept", "vera"), ("channel.tried", "vera"), ("channel.used", "vera")]


def test_a_secret_is_never_shown_again_and_stays_when_left_empty(vera: Client, ours: Creditor) -> None:
    vera.post(at(ours), MAILGUN)
    page = vera.get(at(ours)).content.decode()
    assert "key-1" not in page
    assert "mg-sign" not in page
    assert "empty keeps it" in page
    assert "facturation@lumen.example" in page
    assert (
        vera.post(at(ours), {"api_key": "", "webhook_signing_key": "", "mail_from": "compta@ours.example"}).status_code
        == 302
    )
    kept = route.known(ours, "mailgun")
    assert kept
    assert (kept["api_key"], kept["webhook_signing_key"], kept["mail_from"]) == (
        "key-1",
        "mg-sign",
        "compta@ours.example",
    )


def test_what_is_missing_is_said_and_nothing_is_kept(vera: Client, ours: Creditor) -> None:
    answer = vera.post(at(ours), {"mail_from": "no address"})
    assert answer.status_code == 422
    assert route.known(ours, "mailgun") is None
    assert "API key" in act(vera, ours, "use")
    ours.refresh_from_db()
    assert ours.policy.get("channels") is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(401, {"message": "Invalid private key"}), "Invalid private key"),
        (Answer(hangs_up=True), "no answer came"),
    ],
)
def test_a_test_that_fails_says_why(vera: Client, ours: Creditor, far: Peer, answer: Answer, sentence: str) -> None:
    vera.post(at(ours), {**MAILGUN, "api_url": far.url})
    far.answer = answer
    assert sentence in act(vera, ours, "test")
    assert AuditEntry.objects.get(act="channel.tried").detail["outcome"] in {"Unreachable", "InDoubt"}


def test_who_has_no_address_of_their_own_is_told_so(ours: Creditor, far: Peer) -> None:
    client = rows.desk(rows.colleague("max", ours, Role.ADMIN))
    client.post(at(ours), {**MAILGUN, "api_url": far.url})
    assert "no e-mail address" in act(client, ours, "test")
    assert not far.asked


def test_the_address_of_the_hook_is_there_to_be_copied(vera: Client, ours: Creditor) -> None:
    assert "once the settings are saved" in vera.get(at(ours, "postmark")).content.decode()
    vera.post(at(ours, "postmark"), samples.samples()["postmark"].config)
    password = (route.known(ours, "postmark") or {})["hook_password"]
    page = vera.get(at(ours, "postmark")).content.decode()
    assert f"http://amiable:{password}@127.0.0.1:8000/hooks/channel/{ours.pk}/postmark/" in page
    assert f"/hooks/channel/{ours.pk}/postmark/?answers" in page
    assert f"/hooks/channel/{ours.pk}/mailgun/" in vera.get(at(ours, "mailgun")).content.decode()


def test_scenarios_go_by_the_printer_of_the_house_once_somebody_prints(vera: Client, ours: Creditor) -> None:
    def post(name: str) -> str:
        where = reverse("desk:channel_act", args=[ours.pk, "letter", name])
        return vera.post(where, follow=True).content.decode()

    assert "letter" not in gather.carried([ours])[ours.pk]
    assert "Somebody prints" in vera.get(at(ours, "letter")).content.decode()
    assert "Nobody prints any more" in post("use")
    ours.refresh_from_db()
    assert "letter" in gather.carried([ours])[ours.pk]
    assert "Somebody prints" in post("forget")
    ours.refresh_from_db()
    assert route.in_use(ours, "letter") == "letter"  # what colleagues write is still laid into the tray
    assert "letter" not in gather.carried([ours])[ours.pk]


def test_taken_away_is_gone(vera: Client, ours: Creditor) -> None:
    vera.post(at(ours), MAILGUN)
    act(vera, ours, "use")
    act(vera, ours, "forget")
    ours.refresh_from_db()
    assert route.in_use(ours, "email") == "email"
    assert route.known(ours, "mailgun") is None


@pytest.mark.parametrize("key", sorted(channels()))
def test_every_channel_has_its_page_in_both_languages(vera: Client, ours: Creditor, key: str) -> None:
    for language in ("en", "fr"):
        vera.cookies["django_language"] = language
        page = vera.get(at(ours, key))
        assert page.status_code == 200
        assert str(channels()[key].label) in html.unescape(page.content.decode()) or language == "fr"
        assert "hook_password" not in page.content.decode()


def test_only_who_administers_the_whole_comes_here(ours: Creditor) -> None:
    branch = Branch.objects.create(creditor=ours, code="S", name="South")
    ask: list[tuple[str, Role, dict[str, Any]]] = [
        ("carl", Role.COLLECTOR, {}), ("anne", Role.ACCOUNTANT, {}), ("bob", Role.MANAGER, {"branch": branch}),
    ]  # fmt: skip
    for name, role, more in ask:
        user = rows.colleague(name, ours, role)
        if more:
            user.scopes.update(branch_ref=branch.pk)
        client = rows.desk(user)
        assert client.get(reverse("desk:channels")).status_code == 404, name
        assert client.get(at(ours)).status_code == 404
        assert client.post(at(ours), MAILGUN).status_code == 404
        assert 'href="/channels/"' not in client.get(reverse("desk:home")).content.decode()
    assert route.known(ours, "mailgun") is None
