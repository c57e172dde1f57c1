"""A real SMTP server of our own on loopback, for the demo and the tests: takes every e-mail, delivers none.

In: SMTP. Out: one .eml file each in the outbox folder, and one line of an index. Never: anything on the network
beyond this machine.
"""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from amiable.core.home import home

INDEX = "index.jsonl"


@dataclass(frozen=True)
class Mail:
    """One line of the outbox."""

    id: str
    at: float
    sender: str
    recipient: str
    subject: str
    size: int


def outbox() -> Path:
    """Where this installation keeps what its own SMTP server took."""
    return home() / "outbox"


class Outbox:
    """Keeps what comes in; addresses named in `refused` do not exist, those in `busy` ask to come back later."""

    def __init__(
        self, folder: Path, *, refused: frozenset[str] = frozenset(), busy: frozenset[str] = frozenset()
    ) -> None:
        self.folder, self.refused, self.busy = folder, refused, busy
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = itertools.count()
        self._parser = BytesHeaderParser()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 No such mailbox here"
        if address in self.busy:
            return "451 4.2.1 Mailbox busy, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        at = time.time()
        mail_id = f"{int(at * 1000):013d}-{next(self._numbers):06d}"
        (self.folder / f"{mail_id}.eml").write_bytes(content)
        head = content[:8192].partition(b"\r\n\r\n")[0]
        subject = self._parser.parsebytes(head).get("Subject", "")
        mail = Mail(
            id=mail_id,
            at=at,
            sender=envelope.mail_from or "",
            recipient=", ".join(envelope.rcpt_tos),
            subject=str(make_header(decode_header(str(subject)))),
            size=len(content),
        )
        with (self.folder / INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(asdict(mail), ensure_ascii=False) + "\n")
        return f"250 2.0.0 Taken as {mail_id}"


def serve(*, port: int, folder: Path | None = None, **answers: Any) -> Controller:
    """Starts the server in a thread of this process; `stop()` ends it. Port 0 takes a free one."""
    controller = Controller(
        Outbox(folder or outbox(), **answers), hostname="127.0.0.1", port=port or _free_port(), data_size_limit=0,
        enable_SMTPUTF8=True,
    )  # fmt: skip
    controller.start()
    return controller


def mails(folder: Path | None = None) -> Iterator[Mail]:
    """Everything that the outbox holds, newest first."""
    index = (folder or outbox()) / INDEX
    if not index.exists():
        return
    for line in reversed(index.read_text(encoding="utf-8").splitlines()):
        yield Mail(**json.loads(line))


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
