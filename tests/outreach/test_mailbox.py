"""Mailboxes read from a real IMAP server: everything heard once, nothing changed there, whatever lies in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import translation

from amiable.casework.models import Task
from amiable.core.seal import UnableToUnseal
from amiable.ledger.keep import place_of
from amiable.ledger.models import Hold
from amiable.outreach import mailbox
from amiable.outreach.models import Delivery, Event, Mailbox, Message, Reply
from amiable.scenario.listen import _LISTENERS, Summary, listen
from tests import imap as servers
from tests import world as worlds

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not servers.DOVECOT, reason="No IMAP server here: Dovecot (dovecot-imapd) is not installed."),
]
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[servers.Imap]:
    with servers.serve() as server:
        yield server


@pytest.fixture
def imap(dovecot: servers.Imap, world: worlds.World) -> servers.Imap:
    dovecot.renew()
    mailbox.keep_settings(dovecot.settings(), creditor=world.house, now=NOW)
    return dovecot


def sent(world: worlds.World, key: str = "m1") -> Message:
    bill = worlds.invoice(world.anna, 12_000, reference=f"FA-{key}")
    words = {"key": key, "creditor": world.house, "customer": world.anna, "currency": "EUR", "purpose": "reminder_1"}
    words |= {"medium": "email", "address": "anna@example.org", "language": "fr", "tone": "warm", "as_of": NOW.date()}
    message = Message.objects.create(**words, created_at=NOW, state="sent", about=[bill.pk])
    Delivery.objects.create(message=message, channel="email", external_id=f"<{key}@helia.example>", started_at=NOW)
    return message


def letter(text: str, *, number: int = 1, sender: str = "anna@example.org", **headers: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Message-ID"] = sender, "relance@helia.example", f"<a{number}@example.org>"
    made["Subject"] = headers.pop("subject", "Re: Votre facture")
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


def heard(world: worlds.World, **more: Any) -> Summary:
    return listen(now=datetime.now(UTC), creditor=world.house, **more)


def test_an_answer_is_heard_once_and_leaves_no_trace_in_the_mailbox(imap: servers.Imap, world: worlds.World) -> None:
    message = sent(world)
    imap.deliver(letter("Je vous paie vendredi.\n\n> Votre facture", In_Reply_To="<m1@helia.example>"))
    assert heard(world).answers == 1
    assert heard(world) == Summary()
    reply = Reply.objects.get()
    assert (reply.customer, reply.message, reply.creditor) == (world.anna, message, world.house)
    assert (reply.words, reply.intent) == ("Je vous paie vendredi.", "promise")
    assert reply.understood["by"] == "thread"
    assert Task.objects.get().kind == "reply"
    assert not any(b"Seen" in flags or b"Deleted" in flags for flags in imap.flags())


@pytest.mark.parametrize("way", ["implicit", "starttls", "none"])
def test_by_tls_starttls_or_in_the_clear(imap: servers.Imap, world: worlds.World, way: str) -> None:
    port = imap.tls_port if way == "implicit" else imap.port
    with mailbox.opened(imap.settings(tls=way, port=port)) as box:
        assert box.count == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"password": "no"}, "user and password"), ({"folder": "Réponses"}, "no folder"), ({"certificate": ""}, "certificate"),
     ({"port": 1}, "refused"), ({"host": "nowhere.invalid"}, "cannot be read"), ({"certificate": "x"}, "cannot be read")],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence_and_stops_no_other_mailbox(
    imap: servers.Imap, world: worlds.World, wrong: dict[str, Any], sentence: str
) -> None:
    mailbox.keep_settings(imap.settings(**wrong), creditor=world.house, now=NOW)
    mailbox.keep_settings(imap.settings(), creditor=world.neighbour, now=NOW)
    imap.deliver(letter("Bonjour"))
    with translation.override("en"):
        assert listen(now=NOW) == Summary(answers=1, unread=1)
    assert sentence in Mailbox.objects.get(creditor=world.house).trouble
    assert Mailbox.objects.get(creditor=world.neighbour).trouble == ""


def test_folders_with_accents_are_found(imap: servers.Imap, world: worlds.World) -> None:
    with imap.mailbox() as server:
        server.create(mailbox._quoted("Réponses & relances"))
    with mailbox.opened(imap.settings(folder="Réponses & relances")) as box:
        assert box.count == 0


def test_what_came_before_the_first_look_is_left_alone(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(letter("Ancien"), at=NOW - timedelta(days=40))
    imap.deliver(letter("Nouveau", number=2))
    assert heard(world).answers == 1
    assert Reply.objects.get().text.strip() == "Nouveau"


def test_a_server_that_counts_anew_has_nothing_heard_again(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(letter("Bonjour"), letter("Re-bonjour", number=2))
    heard(world)
    Mailbox.objects.update(uid_validity=7)
    assert heard(world) == Summary(known=2)
    assert Reply.objects.count() == 2
    assert Mailbox.objects.get().last_uid > 0


def test_a_crash_in_the_middle_goes_on_where_it_was(
    imap: servers.Imap, world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    imap.deliver(*(letter(f"Bonjour {n}", number=n) for n in range(5)))
    fetched = mailbox.Letter.content

    def breaks(one: mailbox.Letter) -> bytes:
        if Reply.objects.count() == 3:
            raise mailbox.UnableToReadMailbox("the line is cut")
        return fetched(one)

    with monkeypatch.context() as patch:
        patch.setattr(mailbox.Letter, "content", breaks)
        assert heard(world).unread == 1
    assert Reply.objects.count() == 3
    assert heard(world) == Summary(answers=2)
    assert Reply.objects.count() == 5


def test_two_processes_at_once_hear_each_once(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(letter("Bonjour"))
    with psycopg.connect(**_own_connection(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [_LISTENERS, world.house.pk])
        assert heard(world) == Summary(busy=1)
        other.execute("SELECT pg_advisory_unlock_all()")
    assert heard(world) == Summary(answers=1)


def _own_connection() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("host", "port", "dbname", "user", "password") if name in known}


def test_only_so_many_are_read_at_one_look(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(*(letter(f"Bonjour {n}", number=n) for n in range(3)))
    assert heard(world, most=2).answers == 2
    assert heard(world, most=2).answers == 1


def test_an_e_mail_without_message_id_is_heard_once_too(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(b"From: anna@example.org\nSubject: x\n\nBonjour\n")
    heard(world)
    Mailbox.objects.update(last_uid=0)
    assert heard(world).known == 1
    assert Reply.objects.get().external_id.startswith("sha256:")


def test_an_e_mail_of_fifty_megabytes_is_not_fetched_whole(imap: servers.Imap, world: worlds.World) -> None:
    sent(world)
    head = letter(
        "Voici les photos du chantier, la livraison était incomplète.", In_Reply_To="<m1@helia.example>"
    ).decode()
    mixed = head.replace("MIME-Version: 1.0\n", 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n', 1)
    fields, _blank, words = mixed.partition("\n\n")
    fields = "\n".join(
        line for line in fields.splitlines() if not line.startswith(("Content-Transfer", "Content-Type: text"))
    )
    text = f"--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{words}\n--b\n"
    big = "Content-Type: image/jpeg\nContent-Disposition: attachment; filename=chantier.jpg\n"
    big += "Content-Transfer-Encoding: base64\n\n"
    body = (fields + "\n\n" + text + big).encode() + (b"QUJD" * 18 + b"\n") * 720_000 + b"\n--b--\n"
    assert len(body) > 50_000_000
    imap.deliver(body)
    fetched: list[int] = []
    whole = mailbox.Letter.content

    def counted(one: mailbox.Letter) -> bytes:
        content = whole(one)
        fetched.append(len(content))
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mailbox.Letter, "content", counted)
        assert heard(world).answers == 1
    assert max(fetched) <= mailbox.BEGINNING
    reply = Reply.objects.get()
    assert "livraison était incomplète" in reply.words
    assert "very large" in reply.trouble or "volumineux" in reply.trouble
    assert reply.files[0]["name"] == "chantier.jpg"
    assert "sha256" not in reply.files[0]
    assert Task.objects.get().context["reply"] == reply.pk


def test_attachments_are_kept_as_they_came_and_never_opened(
    imap: servers.Imap, world: worlds.World, settings: Any, tmp_path: Path
) -> None:
    settings.DOCUMENT_ROOT = tmp_path
    bomb = b"PK\x03\x04" + b"\0" * 2_000_000
    made = EmailMessage()
    made["From"], made["Message-ID"], made["Subject"] = "anna@example.org", "<z@example.org>", "Preuve"
    made.set_content("Ci-joint la preuve du virement du 3.")
    made.add_attachment(bomb, maintype="application", subtype="zip", filename="../../preuve\x01.zip")
    imap.deliver(made.as_bytes())
    heard(world)
    [file] = Reply.objects.get().files
    assert place_of(file["sha256"]).read_bytes() == bomb
    assert file["size"] == len(bomb)
    assert sum(1 for each in tmp_path.rglob("*") if each.is_file()) == 1


def bounce(status: str, diagnosis: str, *, action: str = "failed") -> bytes:
    return f"""From: MAILER-DAEMON@mx.example
To: relance@helia.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <b-{status}-{action}@mx.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; anna@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnosis}

--b
Content-Type: text/rfc822-headers

From: relance@helia.example
Message-ID: <m1@helia.example>

--b--
""".encode()


@pytest.mark.parametrize(
    ("status", "diagnosis", "gone"),
    [("5.1.1", "550 5.1.1 User unknown", True), ("5.2.2", "552 5.2.2 Mailbox full", False), ("4.4.1", "451 timed out", False),
     ("5.7.1", "550 5.7.1 blocked for spam", False), ("5.7.1", "550 5.7.1 no such user here", True)],
)  # fmt: skip
def test_a_bounce_closes_an_address_only_where_nobody_is(
    imap: servers.Imap, world: worlds.World, status: str, diagnosis: str, gone: bool
) -> None:
    message = sent(world)
    imap.deliver(bounce(status, diagnosis))
    assert heard(world) == Summary(events=1)
    assert heard(world) == Summary()
    event = Event.objects.get()
    assert (event.kind, event.message) == ("bounced", message)
    point = world.anna.contacts.get().points.get(medium="email")
    assert (point.failed_at is not None) == gone
    assert Reply.objects.count() == 0
    assert Hold.objects.filter(customer=world.anna).count() == 0


def test_a_delay_is_no_bounce_and_a_complaint_is_an_opt_out(imap: servers.Imap, world: worlds.World) -> None:
    sent(world)
    complaint = bounce("5.1.1", "x").replace(b"delivery-status", b"feedback-report").replace(b"<b-", b"<c-")
    imap.deliver(bounce("4.4.1", "try later", action="delayed"), complaint)
    assert heard(world) == Summary(events=2)
    assert set(Event.objects.values_list("kind", flat=True)) == {"queued", "complained"}
    assert world.anna.opt_outs.get().address == "anna@example.org"


def test_an_absence_keeps_its_day_and_pushes_nothing(imap: servers.Imap, world: worlds.World) -> None:
    sent(world)
    back = (NOW + timedelta(days=9)).date()
    said = f"Bonjour, je suis en congés jusqu'au {back:%d/%m/%Y}."
    headers = {"subject": "Absence du bureau", "Auto_Submitted": "auto-replied", "In_Reply_To": "<m1@helia.example>"}
    imap.deliver(letter(said, **headers))
    assert heard(world).answers == 1
    reply = Reply.objects.get()
    assert (reply.intent, reply.automatic, reply.customer) == ("out_of_office", True, world.anna)
    assert date.fromisoformat(reply.understood["ahead"]) == back
    assert Task.objects.count() == Hold.objects.filter(customer=world.anna).count() == Event.objects.count() == 0


def test_what_makes_us_stumble_is_left_for_a_person_and_nothing_waits_behind_it(
    imap: servers.Imap, world: worlds.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amiable.scenario import listen as verb

    def stumbles(**told: Any) -> Reply:
        if told["external_id"] == "<a1@example.org>":
            raise ZeroDivisionError
        return whole(**told)

    whole = verb.reply_heard
    monkeypatch.setattr(verb, "reply_heard", stumbles)
    imap.deliver(letter("Un", number=1), letter("Deux", number=2))
    assert heard(world).answers == 2
    assert Reply.objects.exclude(trouble="").get().external_id == "<a1@example.org>"


def test_another_key_is_a_sentence(imap: servers.Imap, world: worlds.World, settings: Any) -> None:
    settings.CREDENTIAL_KEY = "another"
    with pytest.raises(UnableToUnseal):
        mailbox.settings_of(world.house)
    assert heard(world).unread == 1
    assert "AMIABLE_CREDENTIAL_KEY" in Mailbox.objects.get().trouble


def test_the_command_reads_and_says_what_is_wrong(
    imap: servers.Imap, world: worlds.World, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    from amiable.cli_mail import fetch

    imap.deliver(letter("Bonjour"))
    fetch(creditor="helia", json=True)
    assert '"answers": 1' in capsys.readouterr().out
    mailbox.keep_settings(imap.settings(password="no"), creditor=world.house, now=NOW)
    with pytest.raises(typer.Exit):
        fetch(creditor="", json=False)
    assert "Hélia: " in capsys.readouterr().err


def test_what_we_wrote_ourselves_is_no_answer(imap: servers.Imap, world: worlds.World) -> None:
    sent(world)
    copy = letter("Votre facture").replace(b"<a1@example.org>", b"<m1@helia.example>")
    imap.deliver(copy, letter("Pour information", number=2, sender=f"Relances <{world.house.email.upper()}>"))
    assert heard(world) == Summary(known=2)
    assert Reply.objects.count() == 0


def test_another_mailbox_is_read_from_its_beginning(imap: servers.Imap, world: worlds.World) -> None:
    imap.deliver(letter("Bonjour"))
    heard(world)
    mailbox.keep_settings(imap.settings(), creditor=world.house, now=NOW)
    imap.deliver(letter("Re-bonjour", number=2))
    assert heard(world) == Summary(answers=1, known=1)
