"""E-mail by the interface of a service provider, through django-anymail: one channel for each row of esp/table.py.

Never: a message handed over twice. A provider that was asked and did not answer leaves us in doubt, for a person.
"""

import hashlib
import uuid
import warnings
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar

from anymail.exceptions import AnymailError, AnymailNotSupportedWarning
from django import forms
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import Refused
from amiable.ledger.models import Medium
from amiable.outreach.channel import Channel, Heard, Hook, InDoubt, Parcel, Receipt, Settings, Unreachable, Word
from amiable.outreach.channels.email_smtp import carried
from amiable.outreach.esp.blame import meaning
from amiable.outreach.esp.overhear import ANSWERS, overhear
from amiable.outreach.esp.table import PROVIDERS, TIMEOUT, Provider


class _Common(Settings):
    """What each of them is told beside its own."""

    mail_from = forms.EmailField(
        label=_("Sender's address"), help_text=_("Of a domain that the provider has verified.")
    )
    api_url = forms.URLField(
        label=_("Address of the interface"), required=False, assume_scheme="https",
        help_text=_("Only where the provider names another than its usual one, for example for Europe."),
    )  # fmt: skip
    hook_password = forms.CharField(required=False, widget=forms.HiddenInput)


class EmailAnymail(Channel):
    """What is common to all of them; each row of the table makes a class of its own."""

    medium = Medium.EMAIL
    provider: ClassVar[Provider]

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._backend: Any = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()

    def message_id(self, parcel_key: str) -> str:
        domain = carried(self.config["mail_from"]).rpartition("@")[2]
        return f"<{hashlib.sha256(parcel_key.encode()).hexdigest()[:32]}@{domain}>"

    def send(self, parcel: Parcel) -> Receipt:
        message = self._message(parcel)
        backend = self._connected()
        if self.provider.once.startswith("call:"):
            backend.session.headers[self.provider.once.removeprefix("call:")] = self.message_id(parcel.key)
        try:
            backend.send_messages([message])
        except AnymailError as error:
            raise meaning(error, self.provider) from error
        except UnicodeError as error:
            raise Refused(f"{self.label}: the message holds a character that its interface cannot carry.") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InDoubt(f"{self.label} answered in a form that cannot be read ({error!r}).") from error
        status = message.anymail_status  # type: ignore[attr-defined]
        if not (status.status & {"queued", "sent"} or (status.message_id and status.status != {"failed"})):
            # A yes that names nothing is no answer; one that names whom it did not take is a no.
            named = not status.esp_response.ok or "failed_emails" in status.esp_response.text
            raise (Refused if named else InDoubt)(f"{self.label} did not take the message: {_answer(status)}")
        return Receipt(
            external_id=self.message_id(parcel.key), detail=f"{_word(status)} {status.message_id or ''}"[:300]
        )

    def events(self, request: HttpRequest) -> Iterable[Word | Heard]:
        return overhear(request, provider=self.provider, config=self.config) if self.hook else ()

    def _message(self, parcel: Parcel) -> EmailMultiAlternatives:
        own_id = self.message_id(parcel.key)
        wanted = {
            "Message-ID": own_id,
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{parcel.unsubscribe_url}>" if parcel.unsubscribe_url else "",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if parcel.unsubscribe_url else "",
        }
        let_through = self.provider.headers if self.config.get("own_headers", True) else ()
        message = EmailMultiAlternatives(
            subject=" ".join(parcel.subject.split()),
            body=parcel.text,
            from_email=_mailbox(parcel.sender_name, carried(self.config["mail_from"])),
            to=[_mailbox(parcel.recipient_name, carried(parcel.recipient))],
            reply_to=[_mailbox(parcel.sender_name, parcel.reply_to)] if parcel.reply_to else None,
            headers={name: wanted[name] for name in let_through if wanted[name]},
            attachments=[(each.name, each.content, each.media_type) for each in parcel.attachments],
        )
        if parcel.html:
            message.attach_alternative(parcel.html, "text/html")
        mark = own_id.strip("<>")  # comes back with each word of the provider, and is known before it is called
        if self.provider.marked_by == "tags":
            message.tags = [mark]  # type: ignore[attr-defined]
        else:
            message.metadata = {"amiable": mark}  # type: ignore[attr-defined]
        return _once(message, self.provider, mark)

    def _connected(self) -> Any:
        if self._backend is None:
            own = {name: self.config[name] for name in ("api_url", *self.provider.fields) if self.config.get(name)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AnymailNotSupportedWarning)  # said once, in docs/operations/mail.md
                backend = self.provider.backend()(**self.provider.settings(own), timeout=TIMEOUT)
            try:
                backend.open()
            except Exception as error:
                raise Unreachable(f"{self.label} cannot be set up: {error}.") from error
            self._backend = backend
        return self._backend


def _once(message: EmailMultiAlternatives, provider: Provider, mark: str) -> EmailMultiAlternatives:
    """Says to the provider by which key it knows a repetition."""
    where, _colon, name = provider.once.partition(":")
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, mark))
    if where == "header":
        message.extra_headers[name] = key
    elif where == "data":
        message.esp_extra = {name: key}  # type: ignore[attr-defined]
    return message


def _mailbox(name: str, address: str) -> str:
    """A name that may hold anything, quoted, before its address."""
    bare = " ".join(name.split()).replace("\\", "").replace('"', "'")
    return f'"{bare}" <{address}>' if bare else address


def _word(status: Any) -> str:
    return " ".join(sorted(str(each) for each in status.status or ()))


def _answer(status: Any) -> str:
    text = getattr(status.esp_response, "text", "") or ""
    return " ".join(str(text).split())[:200]


def _channel(provider: Provider) -> type[EmailAnymail]:
    # The provider's own fields come first; those that it has of the common ones are its own.
    fields = {**provider.fields, **({"hook_password": None} if provider.hook != Hook.PASSWORD else {})}
    order = [*provider.fields, "mail_from", "api_url"]
    config = type("Config", (_Common,), {**fields, "field_order": order, "__module__": __name__})
    return type(
        f"Email{provider.name}",
        (EmailAnymail,),
        {
            "key": provider.key, "label": provider.label, "hook": provider.hook, "provider": provider, "Config": config,
            "answers": ANSWERS if provider.hears else "", "__module__": __name__,
        },
    )  # fmt: skip


# The registry takes what stands in the module under a name of its own.
globals().update({f"Email{each.name}": _channel(each) for each in PROVIDERS})
