"""A real SMTP server for each test that needs one, in this process, on a free port of loopback."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from pytest_django.fixtures import Settings

from amiable.web.dev.smtp import Outbox, mails, serve


@dataclass
class PostOffice:
    """What the server took, read back with the standard parser."""

    controller: Controller
    folder: Path

    @property
    def handler(self) -> Outbox:
        return self.controller.handler

    def letters(self) -> list[EmailMessage]:
        return [
            message_from_bytes(
                (self.folder / f"{mail.id}.eml").read_bytes(), _class=EmailMessage, policy=policy.default
            )
            for mail in reversed(list(mails(self.folder)))
        ]


@pytest.fixture
def post_office(tmp_path: Path, settings: Settings) -> Iterator[PostOffice]:
    controller = serve(port=0, folder=tmp_path / "outbox")
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", controller.port, "none"
    settings.SMTP_USER = settings.SMTP_PASSWORD = ""
    settings.MAIL_FROM = "facturation@lumen.example"
    yield PostOffice(controller, tmp_path / "outbox")
    controller.stop()
