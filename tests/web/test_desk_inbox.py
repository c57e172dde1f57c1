"""The inbox and the mailboxes of the desk: what is shown to whom, what one word does, and what is never shown."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from amiable.core.models import AuditEntry, Credential, Role
from amiable.ledger.keep import keep
from amiable.ledger.models import Creditor
from amiable.outreach import mailbox
from amiable.outreach.models import Reply
from amiable.payments.models import Promise
from amiable.web.desk.inbox import FOLLOWS, KEYS
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
SETTINGS = {"host": "127.0.0.1", "port": 1, "tls": "none", "user": "relance", "password": "s3cret!",
 "folder": "INBOX", "certificate": ""}  # fmt: skip


def test_every_intent_has_a_key_a_label_and_a_sentence() -> None:
    from amiable.outreach.intents import INTENTS
    from amiable.scenario import confirm
    from amiable.web.desk.labels import INTENTS as LABELS

    assert set(INTENTS) == set(KEYS) == set(FOLLOWS) == set(LABELS) == set(confirm.FOLLOWS)
    assert len(set(KEYS.values())) == len(KEYS)
    assert not set(KEYS.values()) & {"j", "k", "g", "/", "?"}


def test_the_urgent_come_first_then_the_newest_and_machines_not_at_all(ours: Creditor) -> None:
    who = rows.customer(ours, "Anna")
    rows.reply(who, "first", intent="promise")
    rows.reply(who, "second", intent="insolvency", confidence=0.9)
    rows.reply(who, "third", intent="other")
    rows.reply(who, "machine", automatic=True)
    page = rows.desk(rows.colleague("vera", ours)).get("/inbox/").content.decode()
    assert "3 answers to read" in page
    assert page.index("second") < page.index("third") < page.index("first")
    assert "machine" not in page
    assert "machine" in rows.desk(rows.colleague("vic", ours)).get("/inbox/?show=automatic").content.decode()


def test_a_promise_is_confirmed_with_what_was_understood(ours: Creditor) -> None:
    who = rows.customer(ours, "Anna")
    bill = rows.invoice(who, 35_000, late=10)
    day = clock.today().isoformat()
    told = {"ahead": day, "amount_minor": 12_000, "currency": "EUR", "invoices": [bill.pk]}
    found = rows.reply(who, "Je paie 120 €", intent="promise", confidence=0.9, understood=told)
    vera = rows.colleague("vera", ours)
    client = rows.desk(vera)
    page = client.get("/inbox/").content.decode()
    assert 'value="120.00"' in page
    assert f'value="{day}"' in page
    given = {
        "intent": "promise",
        "token": "t",
        "currency": "EUR",
        "amount": "120.00",
        "promised_for": day,
        "invoices": [bill.pk],
    }
    assert client.post(f"/inbox/{found.pk}/", given | {"amount": "x"}).status_code == 200
    assert Promise.objects.count() == 0
    assert client.post(f"/inbox/{found.pk}/", given).status_code == 302
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.taken_by, promise.origin) == (12_000, vera, "reply")
    again = client.post(f"/inbox/{found.pk}/", given, follow=True).content.decode()
    assert "has been read already" in again
    assert Promise.objects.count() == 1


def test_an_auditor_reads_and_confirms_nothing(ours: Creditor) -> None:
    found = rows.reply(rows.customer(ours, "Anna"), "Bonjour")
    client = rows.desk(rows.colleague("audrey", ours, Role.AUDITOR))
    page = client.get("/inbox/").content.decode()
    assert "Bonjour" in page
    assert "Confirm:" not in page
    assert client.post(f"/inbox/{found.pk}/", {"intent": "other"}).status_code == 404
    nobodys = rows.reply(None, "Qui ?", creditor=ours)
    assert client.post(f"/inbox/{nobodys.pk}/", {"intent": "other"}).status_code == 404


def test_nobodys_answers_are_for_those_who_see_the_whole_creditor(ours: Creditor) -> None:
    rows.reply(None, "Qui est-ce ?", creditor=ours)
    rows.reply(None, "De nulle part", creditor=None)
    seller = rows.desk(rows.colleague("karim", ours, Role.SALES, own=True)).get("/inbox/").content.decode()
    assert "Qui est-ce" not in seller
    manager = rows.desk(rows.colleague("vera", ours)).get("/inbox/").content.decode()
    assert "Qui est-ce" in manager
    assert "De nulle part" not in manager


def test_an_answer_is_never_given_to_a_customer_of_somebody_else(ours: Creditor) -> None:
    stranger = rows.customer(rows.creditor("theirs"), "Zoe")
    found = rows.reply(None, "Qui est-ce ?", creditor=ours)
    client = rows.desk(rows.colleague("vera", ours))
    assert "<strong>Zoe" not in client.get(f"/inbox/{found.pk}/?who=Zoe").content.decode()
    assert client.post(f"/inbox/{found.pk}/customer/", {"customer": stranger.pk}).status_code == 404
    assert client.post(f"/inbox/{found.pk}/customer/", {"customer": "x"}).status_code == 404
    who = rows.customer(ours, "Anna")
    assert client.post(f"/inbox/{found.pk}/customer/", {"customer": who.pk}).status_code == 302
    assert Reply.objects.get().customer == who


def test_words_are_words_and_files_are_saved_not_opened(ours: Creditor, settings: Any, tmp_path: Path) -> None:
    settings.DOCUMENT_ROOT = tmp_path
    file = {"name": "<b>.html", "media_type": "text/html", "size": 8, "sha256": keep(b"<script>")}
    found = rows.reply(
        rows.customer(ours, "Anna"), "<script>alert(1)</script>", files=[file, {"name": "big", "size": 9}]
    )
    client = rows.desk(rows.colleague("vera", ours))
    assert "<script>alert" not in client.get("/inbox/").content.decode()
    response = client.get(reverse("desk:answer_file", args=[found.pk, 0]))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert b"".join(response.streaming_content) == b"<script>"
    for place in (1, 2):
        assert client.get(reverse("desk:answer_file", args=[found.pk, place])).status_code == 404


def test_mailbox_settings_are_sealed_and_the_password_is_never_shown(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    address = reverse("desk:mailbox", args=[ours.pk])
    assert client.post(address, SETTINGS | {"act": "keep"}).status_code == 302
    assert b"s3cret" not in bytes(Credential.objects.get().sealed)
    assert "s3cret" not in client.get(address).content.decode() + client.get("/mailboxes/").content.decode()
    assert "s3cret" not in str(AuditEntry.objects.filter(act="mailbox.kept").values_list("detail", flat=True))
    client.post(address, SETTINGS | {"password": "", "folder": "Reponses", "act": "keep"})
    kept = mailbox.settings_of(ours)
    assert kept is not None
    assert (kept["password"], kept["folder"]) == ("s3cret!", "Reponses")


def test_a_test_says_what_is_wrong_and_keeps_nothing(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("vera", ours))
    page = client.post(reverse("desk:mailbox", args=[ours.pk]), SETTINGS | {"act": "test"}).content.decode()
    assert "cannot be read" in page
    assert Credential.objects.count() == 0


def test_mailboxes_are_for_those_who_administer(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("carl", ours, Role.COLLECTOR))
    assert client.get(reverse("desk:mailbox", args=[ours.pk])).status_code == 404
    assert ours.name not in client.get("/mailboxes/").content.decode()
