"""What it means when a provider's interface does not say yes: nothing left, or it was refused, or nobody knows.

In: anymail's error. Out: ours. Never: a message that may have been taken counted as one that may be sent again.
"""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import requests
import urllib3.exceptions as wire
from anymail.exceptions import (
    AnymailAPIError,
    AnymailError,
    AnymailRecipientsRefused,
)

from amiable.core.errors import AmiableError, Refused, Unavailable
from amiable.outreach.channel import AddressRefused, InDoubt, Unreachable
from amiable.outreach.esp.table import Provider

# The account, the address of the interface or the money is wrong: the next message would fare no better.
OURS = {401, 402, 403, 404, 405, 407}
LATER = {408, 425, 429, 503}  # said before anything was taken
NEVER_SENT = (
    requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader, requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError,
    wire.NewConnectionError, wire.ConnectTimeoutError, ssl.SSLCertVerificationError,
)  # fmt: skip
# Amazon's client says by name how far it came.
NEVER_SENT_NAMES = {
    "EndpointConnectionError", "ConnectTimeoutError", "NoCredentialsError", "PartialCredentialsError",
    "NoRegionError", "InvalidRegionError", "ProxyConnectionError", "UnknownServiceError",
}  # fmt: skip
CANNOT_BE_SAID = {"ParamValidationError"}  # its client finds the message itself impossible, and asks nobody


def meaning(error: AnymailError, provider: Provider) -> AmiableError:
    """Our error, with a sentence that names the provider and what it said."""
    return _kind(error, provider)(f"{provider.label}: {_said(error)}")


def _kind(error: AnymailError, provider: Provider) -> type[AmiableError]:
    if isinstance(error, AnymailRecipientsRefused):
        told = getattr(error.email_message, "anymail_status", None)
        return AddressRefused if told and told.recipients else InDoubt  # it spoke of nobody: nobody knows
    if not isinstance(error, AnymailAPIError):
        return Refused  # it was not even asked: something about the message cannot be said to it
    body = _body(error)
    if named := next((provider.meanings[code] for code in _codes(body) if code in provider.meanings), None):
        return named
    status = _status(error, body)
    if status in OURS:
        return Unreachable
    if status in LATER:
        return Unavailable
    if 400 <= status < 500:
        return Refused
    if not status and any(type(each).__name__ in CANNOT_BE_SAID for each in _chain(error)):
        return Refused
    if not status and any(_never_sent(each) for each in _chain(error)):
        return Unreachable
    return InDoubt  # asked, and no answer came, or one that nobody can read


def _never_sent(error: BaseException) -> bool:
    return isinstance(error, NEVER_SENT) or type(error).__name__ in NEVER_SENT_NAMES


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from: causes, and what the libraries wrap in their arguments."""
    while error is not None:
        yield error
        inner = getattr(error, "reason", None) or next(
            (arg for arg in error.args if isinstance(arg, BaseException)), None
        )
        error = inner if isinstance(inner, BaseException) else error.__cause__


def _body(error: AnymailError) -> Mapping[str, Any]:
    """What the provider answered, where that can be read."""
    response = error.response
    if isinstance(response, Mapping):
        return response
    try:
        body = response.json() if response is not None else {}
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _codes(body: Mapping[str, Any]) -> Iterator[str]:
    """The provider's own names for what is wrong: each has its place for it."""
    for place in (body, body.get("data"), body.get("Error")):
        if isinstance(place, Mapping):
            for name in ("name", "code", "Code", "status"):
                if isinstance(place.get(name), str):
                    yield place[name]


def _status(error: AnymailError, body: Mapping[str, Any]) -> int:
    if error.status_code is not None:
        return int(error.status_code)
    return int((body.get("ResponseMetadata") or {}).get("HTTPStatusCode", 0))


def _said(error: AnymailError) -> str:
    """One line, without what may hold keys or addresses of the interface."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:300]
