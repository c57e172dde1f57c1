"""What the SMTP channel says to a server that takes several commands at once (RFC 2920), and how it hears each answer;
how it gets in where words are encrypted and a password is asked for.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from amiable.core import smtp
from amiable.core.errors import Refused, Unavailable
from amiable.outreach.channel import AddressRefused, Unreachable
from amiable.outreach.channels.email_smtp import EmailSmtp
from tests import encrypted
from tests.outreach.test_mime import parcel


@contextmanager
def server(answers: Mapping[str, str]) -> Iterator[tuple[EmailSmtp, list[bytes]]]:
    """A server that announces PIPELINING and 8BITMIME and answers each verb as told; what it heard, packet by packet."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        peer, _address = listener.accept()
        with peer:
            peer.sendall(b"220 here\r\n")
            words = False
            while packet := peer.recv(1 << 16):
                heard.append(packet)
                for line in packet.split(b"\r\n")[:-1]:
                    if words:
                        if line != b".":
                            continue
                        words, answer = False, answers.get(".", "250 taken")
                    else:
                        verb = line[:4].decode().upper()
                        answer = answers.get(verb, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 fine"))
                        if verb == "EHLO":
                            answer = "250-here\r\n250-PIPELINING\r\n250 8BITMIME"
                        words = answer.startswith("354")
                    peer.sendall(answer.encode() + b"\r\n")

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    config = {"host": "127.0.0.1", "port": listener.getsockname()[1], "tls": "none", "mail_from": "c@d.example"}
    with listener, EmailSmtp(config) as channel:
        yield channel, heard
    thread.join(5)


def test_the_envelope_goes_in_one_packet_and_the_words_as_they_are() -> None:
    with server({}) as (channel, heard):
        channel.send(parcel(text="Réglé, merci.\n"))
    envelope = b"MAIL FROM:<c@d.example> BODY=8BITMIME\r\nRCPT TO:<a@b.example>\r\nDATA\r\n"
    assert envelope in heard
    assert "Réglé, merci.".encode() in b"".join(heard)


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"RCPT": "550 5.1.1 nobody here", "DATA": "554 no valid recipients"}, AddressRefused),
        # RFC 2920 §3.1: some servers ask for the words although nobody will get them.
        ({"RCPT": "550 5.1.1 nobody here", ".": "554 no valid recipients"}, AddressRefused),
        ({"RCPT": "451 try later", ".": "554 no valid recipients"}, Unavailable),
        ({"MAIL": "550 5.7.1 not you", "RCPT": "503 first MAIL", "DATA": "503 first MAIL"}, Refused),
    ],
)
def test_each_answer_is_heard_although_all_were_asked_at_once(answers: dict[str, str], error: type[Exception]) -> None:
    with server(answers) as (channel, heard):
        with pytest.raises(error):
            channel.send(parcel(text="Nobody may read this.\n"))
        assert b"Nobody may read this." not in b"".join(heard)


USER, PASSWORD = "relance", "pâsse mot"


class Kept:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.words: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.words.append(envelope.original_content or b"")
        return "250 kept"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of the server and its key."""
    folder = tmp_path_factory.mktemp("papers")
    encrypted.certificate(folder)
    return folder


@contextmanager
def locked(papers: Path, way: str) -> Iterator[tuple[Kept, dict[str, Any]]]:
    """A real mail server that takes nothing in the clear and knows one user, and the settings for it."""

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, told: LoginPassword) -> AuthResult:
        return AuthResult(success=told == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    ways: dict[str, Any] = {
        # This kind of server does not know that a connection encrypted from its first byte is encrypted.
        smtp.IMPLICIT: {"ssl_context": encrypted.served(papers), "auth_require_tls": False},
        smtp.STARTTLS: {"tls_context": encrypted.served(papers), "require_starttls": True, "auth_required": True},
    }
    kept = Kept()
    running = Controller(kept, "127.0.0.1", port, authenticator=known, **ways[way])
    running.start()
    try:
        where = {"host": "127.0.0.1", "port": port, "tls": way}
        yield kept, where | {"user": USER, "password": PASSWORD, "mail_from": "c@d.example"}
    finally:
        running.stop()


@pytest.mark.parametrize("way", [smtp.STARTTLS, smtp.IMPLICIT])
def test_an_encrypted_server_takes_the_words_of_who_logs_in(papers: Path, way: str) -> None:
    with encrypted.vouched(papers), locked(papers, way) as (kept, config):
        with EmailSmtp(config) as channel:
            channel.send(parcel(text="Réglé, merci.\n"))
        assert "Réglé, merci.".encode() in kept.words[0]
        for password in ("passe mot", "pâsse"):
            with (
                pytest.raises(Unreachable, match="user name and password"),
                EmailSmtp(config | {"password": password}) as channel,
            ):
                channel.send(parcel())
        assert len(kept.words) == 1


@pytest.mark.parametrize("way", [smtp.STARTTLS, smtp.IMPLICIT])
def test_a_server_that_nobody_vouches_for_gets_no_word_and_no_password(papers: Path, way: str) -> None:
    with locked(papers, way) as (kept, config):
        with pytest.raises(Unreachable, match="certificate verify failed"), EmailSmtp(config) as channel:
            channel.send(parcel())
        assert kept.words == []


def test_nothing_is_said_in_the_clear_to_who_cannot_encrypt() -> None:
    with server({}) as (channel, heard):
        channel.config["tls"] = smtp.STARTTLS
        with pytest.raises(Unreachable, match="STARTTLS"):
            channel.send(parcel(text="Nobody may read this.\n"))
        assert b"Nobody may read this." not in b"".join(heard)
