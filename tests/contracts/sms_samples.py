"""What the channels of telephones bring to the contract suite: far sides that keep state, and calls of their hooks."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.contracts.samples import Call, Sample
from tests.outreach.peers import Ovh, Twilio

FORM = "application/x-www-form-urlencoded"
ACCOUNT = {"account_sid": Twilio.sid, "auth_token": Twilio.token, "sender": Twilio.senders[0]}


def samples() -> dict[str, Sample]:
    return {
        "sms_ovh": Sample(config=_ovh_settings(), stands=_ovh),
        "sms_twilio": Sample(config=ACCOUNT, stands=_twilio, calls=_calls(), sign=_sign),
        "ivr_twilio": Sample(config=ACCOUNT, stands=_twilio, calls=_rings(), sign=_sign),
    }


def _ovh_settings() -> dict[str, Any]:
    return {
        "application_key": "app-key", "application_secret": "app-secret", "consumer_key": "consumer-key",
        "service": "sms-ab12345-1", "sender": "Lumen",
    }  # fmt: skip


@contextmanager
def _ovh() -> Iterator[dict[str, Any]]:
    with Ovh() as far:
        yield far.config()


@contextmanager
def _twilio() -> Iterator[dict[str, Any]]:
    with Twilio() as far:
        yield far.config()


def _calls() -> tuple[Call, ...]:
    states = [
        ("sent", "", "sent", False),
        ("delivered", "", "delivered", False),
        ("undelivered", "30003", "bounced", False),
        ("failed", "30005", "bounced", True),
        ("undelivered", "30007", "failed", False),
    ]
    answer = _said(SmsStatus="received", From="+33612345678", To="+33700000001", Body="STOP", NumMedia="0")
    return (
        *(
            Call(_said(MessageStatus=state, ErrorCode=code), ((kind, permanent),), content_type=FORM)
            for state, code, kind, permanent in states
        ),
        Call(answer, heard=("STOP",), content_type=FORM),
    )


def _rings() -> tuple[Call, ...]:
    ends = [
        ({"CallStatus": "ringing"}, "sent"),
        ({"CallStatus": "completed", "AnsweredBy": "human"}, "delivered"),
        ({"CallStatus": "completed", "AnsweredBy": "machine_start"}, "failed"),
        ({"CallStatus": "busy"}, "failed"),
        ({"CallStatus": "no-answer"}, "failed"),
        ({"CallStatus": "failed"}, "failed"),
    ]
    return tuple(
        Call(
            urlencode({"CallSid": f"CA{n:032x}", "AccountSid": Twilio.sid, **said}).encode(),
            ((kind, False),),
            content_type=FORM,
        )
        for n, (said, kind) in enumerate(ends)
    )


def _said(**values: str) -> bytes:
    told = {name: value for name, value in values.items() if value}
    sid = f"SM{hashlib.md5(repr(sorted(told.items())).encode()).hexdigest()}"
    return urlencode({"MessageSid": sid, "AccountSid": Twilio.sid, **told}).encode()


def _sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    values = dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    return call.body, Twilio.signed(Twilio.token, url, values)
