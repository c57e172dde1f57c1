"""E-mail by SMTP: one connection for everything that is sent together, answers told apart by what they mean.

Never: a message handed over twice. When the connection breaks after the words went out and before the server
answered, nobody knows: that is InDoubt, and a person looks.
"""

import contextlib
import hashlib
import re
import smtplib
from types import TracebackType
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from amiable.core import smtp
from amiable.core.errors import Refused, Unavailable
from amiable.outreach.channel import AddressRefused, Channel, InDoubt, Parcel, Receipt, Settings, Unreachable
from amiable.outreach.mime import mime

TIMEOUT = 30  # seconds without an answer
# Replies to RCPT that speak of the mailbox, not of us or of the weather (RFC 5321 §4.2.3, RFC 3463 X.1.x).
NO_SUCH_MAILBOX = {550, 551, 553, 556}
ABOUT_THE_SENDER = re.compile(r"\b5\.7\.\d+\b")  # policy, authentication: the mailbox may be as good as ever


class Hung(Unavailable):
    """The server ended the connection before it took any words."""


class EmailSmtp(Channel):
    key = "email"
    label = _("E-mail (SMTP)")
    medium = "email"

    class Config(Settings):
        host = forms.CharField(label=_("Server"))
        port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535)
        tls = forms.ChoiceField(
            label=_("Encryption"),
            choices=[(smtp.STARTTLS, "STARTTLS"), (smtp.IMPLICIT, "TLS"), (smtp.PLAIN, _("None"))],
        )
        user = forms.CharField(label=_("User"), required=False)
        password = forms.CharField(label=_("Password"), required=False, strip=False, widget=forms.PasswordInput)
        mail_from = forms.EmailField(label=_("Sender's address"), required=False)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._server: smtplib.SMTP | None = None

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return {
            "host": settings.SMTP_HOST,
            "port": settings.SMTP_PORT,
            "tls": settings.SMTP_TLS,
            "user": settings.SMTP_USER,
            "password": settings.SMTP_PASSWORD,
            "mail_from": settings.MAIL_FROM,
            "per_second": settings.SMTP_PER_SECOND,
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def message_id(self, parcel_key: str) -> str:
        domain = self.config["mail_from"].rpartition("@")[2] or self.config["host"]
        return f"<{hashlib.sha256(parcel_key.encode()).hexdigest()[:32]}@{domain}>"

    def send(self, parcel: Parcel) -> Receipt:
        recipient = carried(parcel.recipient)
        sender = carried(self.config["mail_from"] or parcel.reply_to)
        message_id = self.message_id(parcel.key)

        def announced() -> tuple[smtplib.SMTP, bytes]:
            server = self._connected()
            plain = server.has_extn("8bitmime")
            content = mime(parcel, sender=sender, recipient=recipient, message_id=message_id, eight_bit=plain)
            options = [f"SIZE={len(content)}"] if server.has_extn("size") else []
            self._announce(server, sender, recipient, [*options, "BODY=8BITMIME"] if plain else options)
            return server, content

        again = self._server is not None
        try:
            server, content = announced()
        except Hung:
            if not again:
                raise
            # A connection that served others may have been closed by their server; nothing was handed over yet.
            server, content = announced()
        return Receipt(external_id=message_id, detail=self._hand_over(server, content))

    def _announce(self, server: smtplib.SMTP, sender: str, recipient: str, options: list[str]) -> None:
        """Everything up to the words: from here the server waits for them."""
        lines = [
            " ".join([f"MAIL FROM:{smtplib.quoteaddr(sender)}", *options]),
            f"RCPT TO:{smtplib.quoteaddr(recipient)}",
            "DATA",
        ]
        try:
            mail, rcpt, data = _asked(server, lines)
            if data[0] == 354 and not (_good(mail) and _good(rcpt)):
                server.docmd(".")  # RFC 2920 §3.1: such a server waits for words that nobody will get
            _expect(mail, who="")
            _expect(rcpt, who=recipient)
            _expect(data, who="", good=354)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._hang_up()
            raise Hung(f"The mail server closed the connection ({error}).") from error
        except Hung:
            self._hang_up()
            raise
        except (Refused, Unavailable):
            self._begin_again(server)
            raise

    def _hand_over(self, server: smtplib.SMTP, content: bytes) -> str:
        """The point of no return: from the final dot on, no answer means that nobody knows."""
        try:
            server.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
            answer = server.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self._hang_up()
            raise InDoubt(f"The mail server did not say whether it took the message ({error}).") from error
        _expect(answer, who="")
        return _said(answer)[:300]

    def _connected(self) -> smtplib.SMTP:
        """The open connection, or a new one; a server that hung up while we were busy is called again."""
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        host, port, tls = self.config["host"], self.config["port"], self.config["tls"]
        try:
            return smtp.connected(
                host=host,
                port=port,
                tls=tls,
                user=self.config["user"],
                password=self.config["password"],
                timeout=TIMEOUT,
            )
        except smtplib.SMTPAuthenticationError as error:
            raise Unreachable(f"The mail server {host} does not accept our user name and password.") from error
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(f"The mail server {host}:{port} cannot be reached ({error}).") from error

    def _begin_again(self, server: smtplib.SMTP) -> None:
        try:
            server.rset()
        except (smtplib.SMTPException, OSError):
            self._hang_up()  # the next message opens a new connection

    def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):  # saying goodbye is a courtesy
                server.quit()


def carried(address: str) -> str:
    """The address as SMTP carries it: the domain in ASCII. Raises AddressRefused for what is no address."""
    local, _at, domain = address.strip().rpartition("@")
    try:
        ascii_address = f"{local}@{domain.encode('idna').decode()}"
        ascii_address.encode("ascii")
        validate_email(ascii_address)
    except (UnicodeError, ValidationError) as error:
        raise AddressRefused(f"“{address}” is not an e-mail address.") from error
    return ascii_address


Answer = tuple[int, bytes]


def _asked(server: smtplib.SMTP, lines: list[str]) -> list[Answer]:
    """The answer to each line: all in one go where the server allows it (RFC 2920), else up to the first bad one."""
    if server.has_extn("pipelining"):
        server.send("".join(f"{line}\r\n" for line in lines))
        return [server.getreply() for _line in lines]
    answers: list[Answer] = []
    for line in lines:
        unasked = answers and not _good(answers[-1])
        answers.append(answers[-1] if unasked else server.docmd(line))
    return answers


def _good(answer: Answer) -> bool:
    return answer[0] in (250, 251, 252)


def _expect(answer: Answer, *, who: str, good: int = 250) -> None:
    """Turns a reply of the server into what it means for us. `who`: the mailbox asked about, if any."""
    code = answer[0]
    if code == good or (good == 250 and _good(answer)):
        return
    said = _said(answer)
    if code == 421:
        raise Hung(f"The mail server asks to come back later: {said}")
    if 400 <= code < 500:
        raise Unavailable(f"The mail server cannot take the message now: {said}")
    if who and code in NO_SUCH_MAILBOX and not ABOUT_THE_SENDER.search(said):
        raise AddressRefused(f"The mail server says that {who} does not exist: {said}")
    raise Refused(f"The mail server refused the message: {said}")


def _said(answer: Answer) -> str:
    return f"{answer[0]} {answer[1].decode(errors='replace')}".replace("\n", " ").strip()
