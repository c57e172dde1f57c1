"""Signatures of the form `t=<seconds>,v1=<hex>`: HMAC-SHA256 over the moment, a point and the body as it came.

In: a body, its header, the secret. Out: nothing, or Refused with a sentence. Never: a call that is older than five minutes.
"""

import hashlib
import hmac
from datetime import datetime

from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from amiable.core.errors import Refused

TOLERANCE_SECONDS = 300


def signature(body: bytes, *, secret: bytes, now: datetime) -> str:
    """The header that proves a body."""
    moment = str(int(now.timestamp()))
    return f"t={moment},v1={_digest(moment, body, secret)}"


def verify(body: bytes, header: str, *, secret: bytes, now: datetime) -> None:
    """Raises Refused where the header does not prove the body. While a secret is being changed, a header brings two."""
    parts = [part.split("=", 1) for part in header.split(",") if "=" in part]
    moment = next((value for name, value in parts if name == "t"), "")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 13):
        raise Refused(_("The signature of this call does not hold."))
    expected = _digest(moment, body, secret)
    if not any(constant_time_compare(value, expected) for name, value in parts if name == "v1"):
        raise Refused(_("The signature of this call does not hold."))
    if abs(now.timestamp() - int(moment)) > TOLERANCE_SECONDS:
        raise Refused(_("The signature of this call is too old, or the clocks differ by more than five minutes."))


def _digest(moment: str, body: bytes, secret: bytes) -> str:
    return hmac.new(secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
