"""The way to a mail server: connected, encrypted, logged in.

In: where it is and how it is spoken to. Out: a connection that is ready to take e-mails. Never: a word in the clear where
encryption was asked for, a server believed whose certificate this machine does not trust.
"""

import base64
import smtplib
import ssl
from functools import cache

STARTTLS, IMPLICIT, PLAIN = "starttls", "implicit", "none"


def connected(*, host: str, port: int, tls: str, user: str, password: str, timeout: float) -> smtplib.SMTP:
    """An open connection; `tls` is starttls, implicit or none, `timeout` the seconds without an answer.

    Raises smtplib.SMTPAuthenticationError, another smtplib.SMTPException or OSError; nothing is left open then.
    """
    if tls == IMPLICIT:
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=trust())
    else:
        server = smtplib.SMTP(host, port, timeout=timeout)
    try:
        server.ehlo()
        if tls == STARTTLS:
            server.starttls(context=trust())
            server.ehlo()
        if user:
            _log_in(server, user, password)
    except BaseException:
        server.close()
        raise
    return server


@cache
def trust() -> ssl.SSLContext:
    """Which certificates are believed: those of the system, read once, since that takes longer than a short e-mail."""
    return ssl.create_default_context()


def _log_in(server: smtplib.SMTP, user: str, password: str) -> None:
    if (user + password).isascii():
        server.login(user, password)
        return
    # The library speaks ASCII alone, and a password may have accents: UTF-8 by RFC 4616.
    if "PLAIN" not in server.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("it takes no password with accents (AUTH PLAIN is not offered)")
    answer = server.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
    if answer[0] != 235:
        raise smtplib.SMTPAuthenticationError(*answer)
