"""E-mails of the house to its own people: invitations, a new password, what changed in an account.

In: address, subject, text. Out: sent through the house's SMTP server once the answer is out of the door, so that how long
an answer takes tells nobody whether there was somebody to write to. Never: an answer that fails since the server does.
"""

import logging
import smtplib
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from amiable.core import smtp

log = logging.getLogger(__name__)
_tray: ContextVar[list[EmailMessage] | None] = ContextVar("tray", default=None)
TIMEOUT = 30  # seconds without an answer


def lay(*, to: str, subject: str, text: str) -> None:
    """Lays an e-mail in the tray of the request that is being answered; outside of one it leaves at once."""
    letter = EmailMessage(" ".join(subject.split()), text, settings.MAIL_FROM or "amiable@localhost", [to])
    tray = _tray.get()
    if tray is None:
        _carry([letter])
    else:
        tray.append(letter)


def can_send() -> bool:
    return bool(settings.SMTP_HOST)


class Post:
    """Empties the tray when the answer was given."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        tray: list[EmailMessage] = []
        before = _tray.set(tray)
        try:
            response = self.get_response(request)
        finally:
            _tray.reset(before)
        if tray:
            close = response.close

            def closed() -> None:
                close()
                _carry(tray)

            response.close = closed  # type: ignore[method-assign]
        return response


def _carry(letters: list[EmailMessage]) -> None:
    if not can_send():
        log.warning("No mail server is set (AMIABLE_SMTP_HOST): %s e-mails to colleagues were not sent.", len(letters))
        return
    server = _Server()
    try:
        server.send_messages(letters)
    except (smtplib.SMTPException, OSError) as error:
        log.error("%s e-mails to colleagues were not sent: %s", len(letters), error)


class _Server(EmailBackend):
    """The house's own mail server, reached as all its e-mails reach it."""

    def open(self) -> bool:
        if self.connection is not None:
            return False
        self.connection = smtp.connected(
            host=settings.SMTP_HOST, port=settings.SMTP_PORT, tls=settings.SMTP_TLS, user=settings.SMTP_USER,
            password=settings.SMTP_PASSWORD, timeout=TIMEOUT,
        )  # fmt: skip
        return True
