"""What the samples of all e-mail service providers share: our id, the times, the answer that a customer wrote."""

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.contracts.samples import Call

PARCEL_KEY = "step:1"
MARK = f"{hashlib.sha256(PARCEL_KEY.encode()).hexdigest()[:32]}@lumen.example"
TO = "anna@martin.example"
FROM = {"mail_from": "facturation@lumen.example"}
TIME = 1_763_629_200  # 2025-11-20 09:00 UTC
ISO = "2025-11-20T09:00:00Z"
DELIVERED, OPENED, CLICKED = (("delivered", False),), (("opened", False),), (("clicked", False),)
GONE, FULL, COMPLAINED = (("bounced", True),), (("bounced", False),), (("complained", False),)
ANSWER = "Je paierai vendredi."
MIME = (
    "From: Anna Martin <anna@martin.example>\r\nTo: reponse@lumen.example\r\nSubject: Re: Votre facture\r\n"
    "Message-ID: <abc@martin.example>\r\nIn-Reply-To: <first@lumen.example>\r\nReferences: <zero@lumen.example>\r\n"
    "Date: Thu, 20 Nov 2025 10:00:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    f"{ANSWER}\r\n"
)


def told(body: Any, *says: tuple[str, bool], **more: Any) -> Call:
    return Call(json.dumps(body).encode(), says, **more)


def wrote(body: Any, **more: Any) -> Call:
    return Call(json.dumps(body).encode(), heard=(ANSWER,), **more)


def mac(key: str, content: bytes, how: Any = hashlib.sha256) -> "hmac.HMAC":
    return hmac.new(key.encode(), content, how)


def password(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    pair = base64.b64encode(b"amiable:hook-password").decode()
    return call.body, {**call.headers, "Authorization": f"Basic {pair}"}


def hexed(header: str, key: str, answers: str) -> Any:
    """HMAC-SHA256 of the body as hexadecimal, by another key for answers."""
    return lambda call, url: (
        call.body,
        {header: mac(answers if "answers" in url else key, call.body).hexdigest()},
    )
