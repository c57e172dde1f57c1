"""What every channel promises, asked of each that the registry finds; its far side is a real one where there is one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django import forms
from django.http import HttpRequest
from pytest_django.fixtures import Settings

from amiable.core.errors import Refused, Unavailable
from amiable.ledger.models import Medium
from amiable.outreach.channel import (
    AddressRefused,
    Channel,
    NotConfigured,
    Parcel,
    Receipt,
    Unreachable,
    Word,
    channels,
)
from amiable.web.dev.smtp import mails, serve

PARCEL = Parcel(
    key="step:1", recipient="anna@martin.example", recipient_name="Anna Martin", sender_name="Lumen Énergie",
    reply_to="comptabilite@lumen.example", language="fr", subject="Votre facture", text=".Bonjour\n..\n", html="<p>Bonjour</p>\n",
    unsubscribe_url="https://lumen.example/u/1/", at=datetime(2025, 11, 20, tzinfo=UTC),
)  # fmt: skip
FAR_SIDE = {"email"}  # channels whose far side is a server that can refuse

each = pytest.mark.parametrize("key", sorted(channels()))
each_with_far_side = pytest.mark.parametrize("key", sorted(FAR_SIDE))


@pytest.fixture
def outbox(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    far = serve(
        port=0, folder=tmp_path, refused=frozenset({"nobody@martin.example"}), busy=frozenset({"busy@martin.example"})
    )
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", far.port, "none"
    settings.SMTP_USER = settings.SMTP_PASSWORD = ""
    settings.MAIL_FROM = "facturation@lumen.example"
    yield tmp_path
    far.stop()


def made(key: str) -> Channel:
    kind = channels()[key]
    return kind(kind.settings())


@each
def test_it_says_what_it_is(key: str, outbox: Path) -> None:
    kind = channels()[key]
    assert kind.key == key
    assert str(kind.label)
    assert kind.medium in Medium.values
    assert issubclass(kind.Config, forms.Form)
    assert set(kind.settings()) <= set(kind.Config.base_fields)


@each
def test_it_gives_a_receipt_with_the_id_that_was_known_before(key: str, outbox: Path) -> None:
    with made(key) as channel:
        receipt = channel.send(PARCEL)
    assert receipt == Receipt(channel.message_id(PARCEL.key), receipt.detail)
    assert channel.message_id("a") == channel.message_id("a") != channel.message_id("b")


@each
def test_one_opening_serves_many(key: str, outbox: Path) -> None:
    with made(key) as channel:
        ids = {channel.send(replace(PARCEL, key=f"step:{number}")).external_id for number in range(5)}
    assert len(ids) == 5


@each
def test_it_tells_events_as_words(key: str, outbox: Path) -> None:
    assert all(isinstance(word, Word) for word in made(key).events(HttpRequest()))


@each_with_far_side
def test_no_such_mailbox_is_told_apart_from_come_back_later(key: str, outbox: Path) -> None:
    with made(key) as channel:
        with pytest.raises(AddressRefused):
            channel.send(replace(PARCEL, recipient="nobody@martin.example"))
        with pytest.raises(Unavailable) as busy:
            channel.send(replace(PARCEL, recipient="busy@martin.example"))
        assert not isinstance(busy.value, Unreachable)
        channel.send(PARCEL)  # the connection still serves
    assert [mail.recipient for mail in mails(outbox)] == ["anna@martin.example"]


@each_with_far_side
def test_what_is_no_address_is_refused(key: str, outbox: Path) -> None:
    with made(key) as channel, pytest.raises(Refused):
        channel.send(replace(PARCEL, recipient="no address"))


@each_with_far_side
def test_a_far_side_that_is_not_there_is_out_of_reach(key: str, outbox: Path, settings: Settings) -> None:
    settings.SMTP_PORT = 1
    with made(key) as channel, pytest.raises(Unreachable):
        channel.send(PARCEL)


@each_with_far_side
def test_a_missing_setting_is_named(key: str, settings: Settings) -> None:
    settings.SMTP_HOST = ""
    with pytest.raises(NotConfigured, match="Serveur|Server"):
        made(key)


@each_with_far_side
def test_a_connection_that_was_closed_in_between_is_opened_again(key: str, outbox: Path, settings: Settings) -> None:
    with made(key) as channel:
        channel.send(PARCEL)
        channel._server.sock.shutdown(2)  # type: ignore[attr-defined]
        channel.send(replace(PARCEL, key="step:2"))
    assert len(list(mails(outbox))) == 2


@each_with_far_side
def test_lines_that_begin_with_a_dot_arrive_whole(key: str, outbox: Path) -> None:
    with made(key) as channel:
        channel.send(PARCEL)
    [mail] = mails(outbox)
    assert (
        b"\r\n.Bonjour" in (outbox / f"{mail.id}.eml").read_bytes()
        or b"\r\n=2EBonjour" in (outbox / f"{mail.id}.eml").read_bytes()
    )
