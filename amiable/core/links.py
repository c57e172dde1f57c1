"""Signed, expiring links: what is in them can be read, not changed, and ends on a day."""

from datetime import datetime
from typing import Any

from django.core import signing

from amiable.core.errors import UnableTo


class UnableToOpen(UnableTo):
    """The link is no longer good, or never was."""


class Expired(UnableToOpen):
    """The link was good once."""


def sign(purpose: str, content: dict[str, Any], *, expires: datetime, short: bool = False) -> str:
    """A URL-safe token for `purpose` that `read` accepts until `expires`; `short`: compressed, where much stands in it."""
    return _signer(purpose).sign_object({**content, "e": int(expires.timestamp())}, compress=short)


def read(purpose: str, token: str, *, now: datetime) -> dict[str, Any]:
    """The content of a token made by `sign` for the same purpose. Raises Expired or UnableToOpen."""
    try:
        content: dict[str, Any] = _signer(purpose).unsign_object(token)
    except signing.BadSignature as error:
        raise UnableToOpen("This link is not valid.") from error
    if now.timestamp() > content.pop("e"):
        raise Expired("This link has expired.")
    return content


def _signer(purpose: str) -> signing.Signer:
    return signing.Signer(salt=f"amiable.{purpose}")
