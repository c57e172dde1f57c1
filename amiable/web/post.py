"""E-mails of the house to its own people: invitations, a new password, what changed in an account.

In: address, subject, text. Out: sent through the house's SMTP server once the answer is out of the door, so that how long
an answer takes tells nobody whether there was somebody to write to. Never: an answer that fails since the server does.
"""

import logging
import smtplib
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

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
    server = get_connection(
        "django.core.mail.backends.smtp.EmailBackend",
        host=settings.SMTP_HOST,
        port=settings.SMTP_PORT,
        username=settings.SMTP_USER,
        password=settings.SMTP_PASSWORD,
        use_tls=settings.SMTP_TLS == "starttls",
        use_ssl=settings.SMTP_TLS == "implicit",
        timeout=TIMEOUT,
    )
    try:
        server.send_messages(letters)
    except (smtplib.SMTPException, OSError) as error:
        log.error("%s e-mails to colleagues were not sent: %s", len(letters), error)
