"""A creditor's mailbox by IMAP: what came since the last look, each e-mail by its header first.

In: sealed settings. Out: letters in their order. Never: an e-mail changed, marked or deleted; a large one fetched whole.
"""

import base64
import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import audit, seal
from amiable.core.errors import UnableTo
from amiable.core.models import Credential, User
from amiable.ledger.models import Creditor
from amiable.outreach.models import Mailbox

PORT, KEY = "mailbox", "imap"
TIMEOUT = 30  # seconds without an answer
WHOLE = 25_000_000  # bytes up to which an e-mail is fetched as it is; of a larger one the beginning says enough
BEGINNING = 400_000
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_ARRIVED = re.compile(rb'INTERNALDATE "[^"]+"')


class UnableToReadMailbox(UnableTo):
    """The mailbox cannot be read; the message says why."""


class Config(forms.Form):
    """What must be known of a mailbox."""

    host = forms.CharField(label=gettext_lazy("Server"), max_length=200)
    port = forms.IntegerField(label=gettext_lazy("Port"), min_value=1, max_value=65535, initial=993)
    tls = forms.ChoiceField(
        label=gettext_lazy("Encryption"),
        choices=[("implicit", "TLS"), ("starttls", "STARTTLS"), ("none", gettext_lazy("None"))],
    )
    user = forms.CharField(label=gettext_lazy("User"), max_length=200)
    password = forms.CharField(
        label=gettext_lazy("Password"), required=False, strip=False, widget=forms.PasswordInput, max_length=500
    )
    folder = forms.CharField(label=gettext_lazy("Folder"), max_length=200, initial="INBOX")
    certificate = forms.CharField(
        label=gettext_lazy("Certificate of your own"), required=False, max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("PEM. Only where the server's is not signed by a public authority."),
    )  # fmt: skip


def settings_of(creditor: Creditor) -> dict[str, Any] | None:
    """What is kept of the creditor's mailbox; None where it has none."""
    return seal.kept(creditor_ref=creditor.pk, port=PORT, key=KEY)


def owners() -> QuerySet[Creditor]:
    """The creditors that have a mailbox."""
    kept = Credential.objects.filter(port=PORT, key=KEY).values("creditor_ref")
    return Creditor.objects.filter(pk__in=kept).order_by("pk")


@transaction.atomic
def keep_settings(values: Mapping[str, Any], *, creditor: Creditor, now: datetime, by: User | None = None) -> None:
    """Seals the settings. In whatever mailbox they lead to now, one stands at the beginning: what was heard is known."""
    seal.keep(values, creditor_ref=creditor.pk, port=PORT, key=KEY, now=now)
    Mailbox.objects.filter(creditor=creditor).update(uid_validity=None, last_uid=0, trouble="")
    audit.record(
        "mailbox.kept", now=now, user=by, actor="" if by else "command", creditor_ref=creditor.pk, subject="creditor",
        subject_ref=creditor.pk, host=values["host"], user_name=values["user"], folder=values["folder"],
    )  # fmt: skip


class Letter:
    """One e-mail in the mailbox: its header is here, its words are fetched when they are wanted."""

    def __init__(self, server: imaplib.IMAP4, uid: int, head: bytes, size: int, received: datetime) -> None:
        self._server, self.uid, self.head, self.size, self.received = server, uid, head, size, received

    def content(self) -> bytes:
        """All of it; of a very large one the beginning."""
        most = self.size if self.size <= WHOLE else BEGINNING
        answer = _ask(self._server, "FETCH", str(self.uid), f"(BODY.PEEK[]<0.{most}>)")
        return next((part[1] for part in answer if isinstance(part, tuple)), b"")


class Box:
    """An open mailbox, looked into without leaving a trace."""

    def __init__(self, server: imaplib.IMAP4, validity: int, count: int) -> None:
        self._server, self.validity, self.count = server, validity, count

    def after(self, uid: int, *, since: date) -> list[int]:
        """The numbers of what came after that one, not before the day `since`, oldest first."""
        day = f"{since.day}-{imaplib.Months[since.month]}-{since.year}"  # type: ignore[attr-defined]
        answer = _ask(self._server, "SEARCH", None, f"UID {uid + 1}:* SINCE {day}")
        found = (int(number) for part in answer if isinstance(part, bytes) for number in part.split())
        return sorted(number for number in found if number > uid)  # `n:*` names the last one even where it is older

    def letter(self, uid: int) -> Letter | None:
        """That e-mail; None where it is gone by now."""
        answer = _ask(self._server, "FETCH", str(uid), "(RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER]<0.100000>)")
        part = next((each for each in answer if isinstance(each, tuple)), None)
        if part is None:
            return None
        told = part[0] + b" " + b" ".join(each for each in answer if isinstance(each, bytes))
        size, arrived = _SIZE.search(told), _ARRIVED.search(told)
        at = imaplib.Internaldate2tuple(arrived[0]) if arrived else None
        received = datetime(*at[:6]).astimezone(UTC) if at else datetime.fromtimestamp(0, UTC)
        return Letter(self._server, uid, part[1], int(size[1]) if size else len(part[1]), received)


@contextmanager
def opened(values: Mapping[str, Any]) -> Iterator[Box]:
    """Connects, logs in and opens the folder to read only. Raises UnableToReadMailbox."""
    server: imaplib.IMAP4 | None = None
    try:
        with _telling():
            server = _connect(values)
            _log_in(server, values)
            status, told = server.select(_quoted(str(values["folder"])), readonly=True)
            if status != "OK":
                raise UnableToReadMailbox(
                    _("There is no folder “%(name)s” in the mailbox.") % {"name": values["folder"]}
                )
            validity = server.response("UIDVALIDITY")[1]
            box = Box(server, int(validity[0] or 0) if validity else 0, int(told[0] or 0))
        yield box
    finally:
        if server is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):  # saying goodbye is a courtesy
                server.logout()


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ValueError) as error:
        raise UnableToReadMailbox(_("The mailbox cannot be read: %(error)s.") % {"error": str(error)[:200]}) from error


def _connect(values: Mapping[str, Any]) -> imaplib.IMAP4:
    host, port = str(values["host"]), int(values["port"])
    trust = ssl.create_default_context()
    if values.get("certificate"):
        trust.load_verify_locations(cadata=str(values["certificate"]))
    if values["tls"] == "implicit":
        return imaplib.IMAP4_SSL(host, port, ssl_context=trust, timeout=TIMEOUT)
    server = imaplib.IMAP4(host, port, timeout=TIMEOUT)
    if values["tls"] == "starttls":
        server.starttls(ssl_context=trust)
    return server


def _log_in(server: imaplib.IMAP4, values: Mapping[str, Any]) -> None:
    """By SASL where the server offers it: it takes every character in a password."""
    user, password = str(values["user"]), str(values.get("password") or "")
    try:
        if "AUTH=PLAIN" in server.capabilities:
            server.authenticate("PLAIN", lambda _challenge: f"\0{user}\0{password}".encode())
        else:
            server.login(user, password)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise UnableToReadMailbox(_("The mailbox does not accept this user and password.")) from error


def _ask(server: imaplib.IMAP4, command: str, *said: str | None) -> list[Any]:
    with _telling():
        status, answer = server.uid(command, *said)  # type: ignore[arg-type]
        if status != "OK":
            raise imaplib.IMAP4.error(f"{command}: {answer!r}"[:200])
        return list(answer)


def _quoted(folder: str) -> str:
    """The folder's name as IMAP writes it: other signs than ASCII in modified UTF-7 (RFC 3501 §5.1.3)."""

    def shifted(match: re.Match[str]) -> str:
        packed = base64.b64encode(match[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{packed}-"

    name = re.sub(r"[^\x20-\x7e]+", shifted, folder.replace("&", "&-"))
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
