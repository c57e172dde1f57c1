"""What a provider tells by its hook: deliveries and bounces as Words, and what customers write back as Heard.

In: a call that anymail, or we, have found to be the provider's own. Out: Words and Heard in our words.
Never: a call believed without a signature or a password; the same word under two names.
"""

import base64
import binascii
import hashlib
import hmac
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailError,
    AnymailInvalidAddress,
    AnymailNotSupportedWarning,
)
from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, EventType, RejectReason
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.html import strip_tags
from requests import RequestException

from amiable.core.errors import Refused, Unavailable
from amiable.outreach.channel import Attachment, Heard, Hook, Unsigned, Word
from amiable.outreach.esp.table import Provider
from amiable.outreach.models import EventKind

USER = "amiable"  # before the password in the hook's address
ANSWERS = "answers"  # in the query of the address for what people write
KINDS = {
    EventType.QUEUED: EventKind.QUEUED,
    EventType.DEFERRED: EventKind.QUEUED,  # a later word says how it ended
    EventType.SENT: EventKind.SENT,
    EventType.DELIVERED: EventKind.DELIVERED,
    EventType.OPENED: EventKind.OPENED,
    EventType.CLICKED: EventKind.CLICKED,
    EventType.BOUNCED: EventKind.BOUNCED,
    EventType.COMPLAINED: EventKind.COMPLAINED,
    EventType.UNSUBSCRIBED: EventKind.COMPLAINED,  # the same wish: no more of it
    EventType.REJECTED: EventKind.FAILED,
    EventType.FAILED: EventKind.FAILED,
}
# What the provider did not even try, since it had learnt so much before.
LEARNT = {
    RejectReason.BOUNCED: EventKind.BOUNCED,
    RejectReason.INVALID: EventKind.BOUNCED,
    RejectReason.SPAM: EventKind.COMPLAINED,
    RejectReason.UNSUBSCRIBED: EventKind.COMPLAINED,
}
SENSELESS = (KeyError, IndexError, ValueError, TypeError, AttributeError, AssertionError, AnymailConfigurationError)


def overhear(request: HttpRequest, *, provider: Provider, config: Mapping[str, Any]) -> Iterator[Word | Heard]:
    """The words of one call. Raises Refused, Unsigned, or Unavailable where an answer's parts cannot be fetched."""
    answers = ANSWERS in request.GET
    if answers and not provider.hears:
        raise Refused(f"{provider.label} brings no answers.")
    view = _view(request, provider, config, answers=answers)
    try:
        for event in view.parse_events(request):
            if isinstance(event, AnymailInboundEvent) and event.message is not None:
                yield _heard(event)
            elif isinstance(event, AnymailTrackingEvent) and (word := _word(event, provider)):
                yield word
    except (RequestException, BotoCoreError, ClientError) as error:
        raise Unavailable(f"What {provider.label} announced could not be fetched from it.") from error
    except (*SENSELESS, AnymailError) as error:
        raise Refused(f"{provider.label}’s call cannot be read: {error}.") from error


def _view(request: HttpRequest, provider: Provider, config: Mapping[str, Any], *, answers: bool) -> Any:
    """Anymail's reader of such calls, after the call was found to be the provider's own."""
    names = {"api_url", *provider.fields} - set(provider.signs)
    own = dict(provider.settings({name: config[name] for name in names if config.get(name)}))
    own["webhook_url"] = settings.BASE_URL + request.get_full_path()  # as the provider knows it: some sign it too
    kinds = provider.views()
    kind = getattr(kinds, f"{provider.name}{'Inbound' if answers else 'Tracking'}WebhookView", None) or getattr(
        kinds, f"{provider.name}CombinedWebhookView"
    )
    if provider.hook == Hook.PASSWORD:
        own["webhook_secret"] = _password(request, provider, config)
    else:
        sign = config.get(provider.signs[answers])
        if not sign:
            raise Refused(f"Nothing signs the calls of {provider.label}: enter its key in the settings.")
        # Where answers are signed by a key of their own, anymail may still know one name only.
        own[provider.signs[answers and hasattr(kind, provider.signs[1])]] = sign
        if provider.key == "resend":
            _check_svix(request, sign)
            del own[provider.signs[0]]
            return kind(**own, webhook_secret="checked:above")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AnymailNotSupportedWarning)  # said once, in docs/operations/mail.md
        view = kind(**own)
    try:
        view.run_validators(request)
    except SENSELESS as error:
        raise Refused(f"The signature of {provider.label}’s call cannot be read.") from error
    except AnymailError as error:
        raise Refused(f"The call is not signed as {provider.label} signs.") from error
    return view


def _password(request: HttpRequest, provider: Provider, config: Mapping[str, Any]) -> str:
    password = config.get("hook_password")
    if not password:
        raise Refused(f"The hook of {provider.label} has no password yet: save its settings once.")
    if "Authorization" not in request.headers:
        raise Unsigned(f"{provider.label} must call with the password that stands in the address.")
    return f"{USER}:{password}"


def _check_svix(request: HttpRequest, secret: str) -> None:
    """The signature of Resend (the “standard webhooks” scheme): over id, time and body, with any of several keys' marks."""
    told = [request.headers.get(f"svix-{name}", "") for name in ("id", "timestamp", "signature")]
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except binascii.Error as error:
        raise Refused("The key that signs Resend’s calls is not one: it begins with whsec_.") from error
    content = f"{told[0]}.{told[1]}.".encode() + request.body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    marks = [mark.partition(",")[2] for mark in told[2].split() if mark.startswith("v1,")]
    if not any(constant_time_compare(mark, expected) for mark in marks):
        raise Refused("The call is not signed as Resend signs.")


def _word(event: AnymailTrackingEvent, provider: Provider) -> Word | None:
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    kind = LEARNT.get(event.reject_reason) if event.event_type == EventType.REJECTED else None
    kind = kind or KINDS.get(event.event_type)
    if kind is None:
        return None  # a subscription, an automatic answer: nothing about the fate of a message
    mark = str((event.metadata or {}).get("amiable") or "") or provider.mark(raw)
    about = f"<{mark}>" if mark else str(event.message_id or "")
    gone = event.event_type == EventType.REJECTED or event.reject_reason == RejectReason.INVALID or provider.gone(raw)
    reason = next((str(each) for each in (event.mta_response, event.description, event.reject_reason) if each), "")
    return Word(
        external_id=_identity(event, about, gone),
        message_external_id=about,
        kind=kind,
        at=event.timestamp,
        permanent=kind == EventKind.BOUNCED and gone,
        reason=reason,
        raw=dict(raw),
    )


def _identity(event: AnymailTrackingEvent, about: str, gone: bool) -> str:
    """The same for the same word however often it is told: some providers sign, and so number, each telling anew."""
    when = event.timestamp.isoformat() if event.timestamp else event.event_id
    told = (event.event_type, about, event.recipient, when, event.click_url, event.reject_reason, gone)
    return hashlib.sha256("|".join(str(each) for each in told).encode()).hexdigest()[:40]


def _heard(event: AnymailInboundEvent) -> Heard:
    message: AnymailInboundMessage = event.message
    sender = message.envelope_sender or ""
    try:
        sender = message.from_email.addr_spec if message.from_email else sender
    except AnymailInvalidAddress:
        sender = sender or str(message["From"])
    text = message.text or strip_tags(message.html or "")
    own_id = str(message["Message-ID"] or "").strip() or str(event.event_id or "")
    said = hashlib.sha256(f"{sender}|{message['Date']}|{message['Subject']}|{text}".encode()).hexdigest()[:40]
    return Heard(
        external_id=(_plain(own_id) or said)[:200],
        sender=_plain(sender)[:320],
        recipient=_plain(str(message.envelope_recipient or message["To"] or ""))[:320],
        text=_plain(text),
        at=_when(message) or event.timestamp,
        subject=_plain(str(message.subject or "")),
        answers=tuple(f"{message['In-Reply-To'] or ''} {message['References'] or ''}".split()),
        attachments=tuple(_attachments(message)),
        automatic=_automatic(message),
        raw={"headers": [[name, str(value)] for name, value in message.items()]},
    )


def _plain(text: str) -> str:
    """Without the one character that no database keeps."""
    return text.replace("\0", "")


def _when(message: AnymailInboundMessage) -> datetime | None:
    try:
        at = parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _attachments(message: AnymailInboundMessage) -> Iterator[Attachment]:
    for part in message.attachments:
        yield Attachment(part.get_filename() or "", part.get_content_type(), part.get_content_bytes() or b"")


def _automatic(message: AnymailInboundMessage) -> bool:
    """RFC 3834, and what the older ones write."""
    said = str(message["Auto-Submitted"] or "no").lower()
    bulk = str(message["Precedence"] or "").lower() in {"bulk", "auto_reply", "junk"}
    return said != "no" or bulk or any(name in message for name in ("X-Autoreply", "X-Autorespond"))
