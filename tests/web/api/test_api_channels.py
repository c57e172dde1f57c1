"""Channels, providers and the mailbox by API and at the desk: settings are kept sealed, tried, used and forgotten; what was
kept for one place is never shown to another, and a try that failed stays in the trail.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import translation

from amiable.core.models import ApiAnswer, AuditEntry, Credential
from amiable.core.seal import UnableToSeal
from amiable.ledger.models import Creditor
from amiable.outreach import route
from amiable.payments import acquire
from amiable.web.api import problem
from amiable.web.ui import clock
from tests import imap as servers
from tests.contracts import anymail_samples as samples
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer, peer
from tests.web import desk_rows as rows
from tests.web.api_rows import House

pytestmark = pytest.mark.django_db
SAMPLE = samples.samples()["mailgun"]
NOWHERE = "https://mail.elsewhere.example/"


@pytest.fixture
def far() -> Iterator[Peer]:
    assert SAMPLE.taken
    with peer(SAMPLE.taken) as found:
        yield found


def post(client: Client, path: str, body: Any = None, *, status: int = 200, key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    answer = client.post(f"/api{path}", json.dumps(body or {}), content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer


def refused(answer: Any) -> set[str]:
    return {each["field"] for each in answer.json()["errors"]}


def test_a_channel_from_nothing_to_its_use_and_away_again(ours: House, client: Client, far: Peer) -> None:
    path = f"/creditors/{ours.creditor.pk}/channels/mailgun"
    values = SAMPLE.config | {"api_url": far.url}
    assert "body.values.api_key" in refused(
        post(client, f"{path}/settings", {"values": {"api_url": far.url}}, status=422)
    )
    assert Credential.objects.filter(port="channel").count() == 0
    kept = post(client, f"{path}/settings", {"values": values})
    told = {each["name"]: each for each in kept.json()["settings"]}
    assert kept.json()["kept"]
    assert (told["api_key"]["kept"], told["api_key"]["value"], told["api_url"]["value"]) == (True, None, far.url)
    secret = str(SAMPLE.config["api_key"]).encode()
    assert secret not in kept.content + client.get(f"/api{path}").content
    assert secret not in bytes(Credential.objects.get(port="channel").sealed)
    assert "Handed over for manager@ours.example" in post(client, f"{path}/test").json()["said"]
    post(client, f"{path}/use")
    assert {each["key"]: each["in_use"] for each in client.get(f"/api{path.rpartition('/')[0]}").json()}["mailgun"]
    assert not post(client, f"{path}/forget").json()["kept"]
    assert route.known(ours.creditor, "mailgun") is None
    acts = AuditEntry.objects.filter(act__startswith="channel.").order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["channel.kept", "channel.tried", "channel.used", "channel.forgotten"]
    post(client, f"/creditors/{ours.creditor.pk}/channels/nothing/use", status=404)


def test_a_provider_from_nothing_to_its_use_and_away_again(
    ours: House, client: Client, far: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "STRIPE_API", far.url.rstrip("/"))
    path = f"/creditors/{ours.creditor.pk}/providers/stripe"
    kept = post(client, f"{path}/settings", {"values": says.CONFIG})
    assert says.CONFIG["secret_key"].encode() not in kept.content + bytes(Credential.objects.get(port="psp").sealed)
    far.answer = Answer(401, {"error": {"message": "Invalid API Key provided"}})
    assert "Invalid API Key" in post(client, f"{path}/test", status=409).json()["detail"]
    far.answer = Answer(200, {"object": "list", "data": [], "has_more": False})
    assert post(client, f"{path}/test").json()["said"]
    post(client, f"{path}/use")
    assert acquire.in_use(Creditor.objects.get(pk=ours.creditor.pk)) == "stripe"
    assert not post(client, f"{path}/forget").json()["kept"]
    tried = AuditEntry.objects.filter(act="psp.tried").order_by("pk")
    assert [each.detail["outcome"] == "answered" for each in tried] == [False, True], "a failed try is in the trail"


@pytest.mark.parametrize("key", ["", "k1"])
def test_a_try_that_fails_stays_in_the_trail(ours: House, client: Client, far: Peer, key: str) -> None:
    path = f"/creditors/{ours.creditor.pk}/channels/mailgun"
    post(client, f"{path}/settings", {"values": SAMPLE.config | {"api_url": far.url}})
    far.answer = Answer(401, {"message": "Invalid private key"})
    assert "Invalid private key" in post(client, f"{path}/test", status=409, key=key).json()["detail"]
    assert AuditEntry.objects.get(act="channel.tried").detail["outcome"] == "Unreachable"


def test_a_secret_is_typed_again_where_the_settings_lead_elsewhere(ours: House, client: Client, far: Peer) -> None:
    path = f"/creditors/{ours.creditor.pk}/channels/mailgun/settings"
    post(client, path, {"values": SAMPLE.config | {"api_url": far.url}})
    before = route.known(ours.creditor, "mailgun")
    assert before
    fields = refused(post(client, path, {"values": {"api_url": NOWHERE}}, status=422))
    assert fields == {"body.values.api_key", "body.values.webhook_signing_key"}
    desk = rows.desk(ours.manager)
    page = reverse("desk:channel", args=[ours.creditor.pk, "mailgun"])
    with translation.override("en"):
        answer = desk.post(page, {"mail_from": SAMPLE.config["mail_from"], "api_url": NOWHERE})
    assert (answer.status_code, "type this again" in answer.content.decode()) == (422, True)
    with pytest.raises(UnableToSeal):  # whoever calls the verb itself
        route.keep(
            creditor=ours.creditor, key="mailgun", values={**before, "api_key": "", "api_url": NOWHERE}, now=clock.now(),
            by=ours.manager,
        )  # fmt: skip
    assert route.known(ours.creditor, "mailgun") == before
    post(client, path, {"values": {"mail_from": "compta@ours.example"}})
    post(client, path, {"values": SAMPLE.config | {"api_url": NOWHERE}})
    assert (route.known(ours.creditor, "mailgun") or {})["api_url"] == NOWHERE


@pytest.mark.skipif(not servers.DOVECOT, reason="No IMAP server here: Dovecot (dovecot-imapd) is not installed.")
def test_a_mailbox_is_kept_tried_and_never_shown_elsewhere(ours: House, client: Client) -> None:
    path = f"/creditors/{ours.creditor.pk}/mailbox"
    with servers.serve() as imap:
        values = imap.settings()
        kept = post(client, f"{path}/settings", {"values": values})
        assert values["password"].encode() not in kept.content
        assert kept.json()["kept"]
        assert "It works" in post(client, f"{path}/test", {"values": {}}).json()["said"]
        with peer(Answer()) as other:
            port = int(other.url.rsplit(":", 1)[1].strip("/"))
            for elsewhere in ({"port": port}, {"tls": "none"}, {"user": "root"}, {"certificate": ""}):
                fields = refused(post(client, f"{path}/test", {"values": elsewhere}, status=422))
                assert fields == {"body.values.password"}, elsewhere
            desk = rows.desk(ours.manager)
            about = {name: value for name, value in values.items() if name != "password"}
            page = desk.post(reverse("desk:mailbox", args=[ours.creditor.pk]), about | {"port": port, "act": "test"})
            assert (page.status_code, b"type this again" in page.content) == (422, True)
            assert not other.asked
        assert post(client, f"{path}/settings", {"values": {"folder": "INBOX"}}).json()["kept"], (
            "it stays, led as before"
        )


def test_what_is_kept_to_be_repeated_is_sealed(ours: House, client: Client) -> None:
    body = ours.bodies["invite"] | {"email": "new@house.example"}
    first = post(client, "/invitations", body, status=201, key="k1")
    link = first.json()["link"]
    placed = post(client, "/holds", ours.bodies["place_hold"], status=201, key="k2")
    lying = " ".join(str(value) for row in ApiAnswer.objects.values() for value in row.values())
    assert ApiAnswer.objects.count() == 2
    assert link not in lying
    assert link.rstrip("/").rpartition("/")[2] not in lying
    assert placed["Undo"] not in lying
    assert post(client, "/invitations", body, status=201, key="k1").json() == first.json()
    assert post(client, "/holds", ours.bodies["place_hold"], status=201, key="k2")["Undo"] == placed["Undo"]


@pytest.mark.parametrize("key", ["", "k1"])
def test_a_body_that_cannot_be_read_is_a_problem_with_a_sentence(
    ours: House, client: Client, key: str, settings: Any
) -> None:
    headers = {"idempotency-key": key} if key else {}
    broken = client.post(
        "/api/note-uploads", b"--x\r\nnonsense", content_type="multipart/form-data; boundary=", headers=headers
    )
    assert (broken.status_code, broken["Content-Type"]) == (400, problem.MEDIA_TYPE)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    about = {"customer": ours.customer.pk, "text": "much too long for that"}
    for sent in (
        client.post("/api/note-uploads", about, headers=headers),
        client.post("/api/notes", json.dumps(about), content_type="application/json", headers=headers),
    ):
        assert (sent.status_code, sent["Content-Type"]) == (413, problem.MEDIA_TYPE), sent.content


def test_two_changes_that_meet_are_a_conflict_and_no_fault() -> None:
    found = problem.of(IntegrityError("duplicate key value violates unique constraint"))
    assert found is not None
    assert (found.status, "constraint" in found.detail) == (409, False)
