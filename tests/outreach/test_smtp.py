"""What the SMTP channel says to a server that takes several commands at once (RFC 2920), and how it hears each answer."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from amiable.core.errors import Refused, Unavailable
from amiable.outreach.channel import AddressRefused
from amiable.outreach.channels.email_smtp import EmailSmtp
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
