"""Samples of the e-mail service providers that sign their calls by a key."""

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.contracts.anymail_common import (
    ANSWER,
    CLICKED,
    COMPLAINED,
    DELIVERED,
    FROM,
    FULL,
    GONE,
    MARK,
    MIME,
    OPENED,
    TIME,
    TO,
    hexed,
    mac,
    told,
    wrote,
)
from tests.contracts.peer import Answer
from tests.contracts.samples import Call, Sample

# -- MailerSend --------------------


def _mailersend(kind: str, morph: Any = None) -> dict[str, Any]:
    return {
        "type": f"activity.{kind}", "created_at": "2025-11-20T09:00:00.000000Z", "webhook_id": "wh1",
        "data": {
            "object": "activity", "id": f"act-{kind}", "type": kind, "created_at": "2025-11-20T09:00:00.000000Z",
            "email": {
                "object": "email", "id": "e1", "from": "facturation@lumen.example", "subject": "Votre facture",
                "tags": [MARK], "message": {"object": "message", "id": "ms-1"},
                "recipient": {"object": "recipient", "id": "r1", "email": TO},
            },
            "morph": morph,
        },
    }  # fmt: skip


MAILERSEND = Sample(
    {**FROM, "api_token": "mlsn.1", "signing_secret": "sign-1", "inbound_secret": "sign-2", "own_headers": True},
    taken=Answer(202, b"", {"X-Message-Id": "ms-1", "Content-Type": "text/html"}),
    refused=(Answer(422, {"message": "The from.email must be verified.", "errors": {"from.email": ["verify"]}}),),
    gone=(
        Answer(
            202,
            {"warnings": [{"type": "ALL_SUPPRESSED", "warning": "suppressed",
"recipients": [{"email": TO, "reasons": ["hard_bounced"]}]}]},
            {"X-Message-Id": "ms-2"},
        ),
    ),
    calls=(
        told(_mailersend("delivered"), *DELIVERED),
        told(_mailersend("hard_bounced", {"object": "recipient_bounce", "reason": "550 5.1.1"}), *GONE),
        told(_mailersend("soft_bounced", {"object": "recipient_bounce", "reason": "452 full"}), *FULL),
        told(_mailersend("clicked", {"object": "click", "url": "https://lumen.example/p/1"}), *CLICKED),
        told(_mailersend("spam_complaint", {"object": "spam_complaint", "reason": None}), *COMPLAINED),
        wrote(
            {
                "type": "inbound.message",
                "data": {
                    "object": "message", "id": "in-1", "created_at": "2025-11-20T09:00:00.000000Z", "raw": MIME,
                    "recipients": {"rcptTo": [{"email": "reponse@lumen.example"}]}, "sender": {"email": TO},
                },
            }
        ),
    ),
    sign=hexed("Signature", "sign-1", "sign-2"),
)  # fmt: skip


# -- Mailgun: the signature stands in the body --------------------


def _mailgun(event: str, **more: Any) -> dict[str, Any]:
    return {
        "signature": {},
        "event-data": {
            "event": event, "id": f"ev-{event}", "timestamp": TIME + 0.25, "recipient": TO, "tags": [],
            "message": {"headers": {"message-id": MARK, "to": TO, "from": "facturation@lumen.example"}},
            "user-variables": {"amiable": MARK}, "delivery-status": {"code": 250, "message": "OK"}, **more,
        },
    }  # fmt: skip


def _mailgun_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    token = hashlib.sha256(call.body).hexdigest()[:50]
    mark = mac("mg-sign", f"{TIME}{token}".encode()).hexdigest()
    signature = {"timestamp": str(TIME), "token": token, "signature": mark}
    if call.content_type == "application/json":
        return json.dumps({**json.loads(call.body), "signature": signature}).encode(), {}
    return call.body + b"&" + urlencode(signature).encode(), {}


MAILGUN = Sample(
    {**FROM, "api_key": "key-1", "webhook_signing_key": "mg-sign"},
    taken=Answer(200, {"id": f"<{MARK}>", "message": "Queued. Thank you."}),
    refused=(Answer(400, {"message": "to parameter is not a valid address. please check documentation"}),),
    ours=(Answer(401, b"Forbidden", {"Content-Type": "text/plain"}), Answer(404, {"message": "Domain not found: lumen.example"})),
    calls=(
        told(_mailgun("delivered"), *DELIVERED),
        told(_mailgun("failed", severity="permanent", reason="bounce"), *GONE),
        told(_mailgun("failed", severity="permanent", reason="generic"), *FULL),
        told(_mailgun("failed", severity="temporary", reason="generic"), ("queued", False)),
        told(_mailgun("opened", **{"client-info": {"user-agent": "Mozilla/5.0"}}), *OPENED),
        told(_mailgun("clicked", url="https://lumen.example/p/1"), *CLICKED),
        told(_mailgun("complained"), *COMPLAINED),
        Call(
            urlencode({"recipient": "reponse@lumen.example",
 "sender": TO, "subject": "Re: Votre facture", "body-mime": MIME}).encode(),
            heard=(ANSWER,), content_type="application/x-www-form-urlencoded",
        ),
    ),
    sign=_mailgun_sign,
)  # fmt: skip


# -- Mailtrap --------------------


def _mailtrap(event: str, **more: Any) -> dict[str, Any]:
    return {
        "events": [
            {
                "event": event, "message_id": "mt-1", "sending_stream": "transactional", "email": TO, "timestamp": TIME,
                "event_id": f"ev-{event}", "custom_variables": {"amiable": MARK}, **more,
            }
        ]
    }  # fmt: skip


MAILTRAP = Sample(
    {**FROM, "api_token": "mt-token", "tracking_secret": "mt-sign", "inbound_secret": "mt-in"},
    taken=Answer(200, {"success": True, "message_ids": ["mt-1"]}),
    refused=(Answer(400, {"success": False, "errors": ["'subject' is required"]}),),
    calls=(
        told(_mailtrap("delivery"), *DELIVERED),
        told(_mailtrap("bounce", response="550 5.1.1", response_code=550, bounce_category="badmailbox"), *GONE),
        told(_mailtrap("soft bounce", response="452 full"), ("queued", False)),
        told(_mailtrap("open", user_agent="Mozilla/5.0"), *OPENED),
        told(_mailtrap("click", url="https://lumen.example/p/1"), *CLICKED),
        told(_mailtrap("spam"), *COMPLAINED),
        told(_mailtrap("reject", reason="recipient suppressed"), ("failed", False)),
    ),
    sign=hexed("Mailtrap-Signature", "mt-sign", "mt-in"),
)


# -- Mandrill: a form, signed with the address --------------------


def _mandrill(events: list[dict[str, Any]], *says: tuple[str, bool], heard: tuple[str, ...] = ()) -> Call:
    body = urlencode({"mandrill_events": json.dumps(events)}).encode()
    return Call(body, says, heard, content_type="application/x-www-form-urlencoded")


def _md(event: str, **more: Any) -> dict[str, Any]:
    message = {
        "_id": "md-1",
        "ts": TIME,
        "email": TO,
        "sender": "facturation@lumen.example",
        "metadata": {"amiable": MARK},
        "tags": [],
    }
    return {"event": event, "_id": "md-1", "ts": TIME, "msg": {**message, **more}}


def _mandrill_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    from django.http import QueryDict

    fields = QueryDict(call.body.decode()).dict()
    content = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    key = "md-in" if "answers" in url else "md-sign"
    return call.body, {
        "X-Mandrill-Signature": base64.b64encode(mac(key, content.encode(), hashlib.sha1).digest()).decode()
    }


MANDRILL = Sample(
    {**FROM, "api_key": "md-key", "webhook_key": "md-sign", "inbound_webhook_key": "md-in"},
    taken=Answer(200, [{"email": TO, "status": "sent", "_id": "md-1", "reject_reason": None}]),
    refused=(Answer(500, {"status": "error", "code": -2, "name": "ValidationError", "message": "message is required"}),),
    gone=(
        Answer(200, [{"email": TO, "status": "rejected", "_id": "md-2", "reject_reason": "hard-bounce"}]),
        Answer(200, [{"email": TO, "status": "invalid", "_id": "md-3"}]),
    ),
    ours=(Answer(500, {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}),),
    calls=(
        _mandrill([_md("send")], ("sent", False)),
        _mandrill([_md("hard_bounce", diag="smtp;550 5.1.1"), _md("open")], *GONE, *OPENED),
        _mandrill([_md("soft_bounce", diag="smtp;452 full")], *FULL),
        _mandrill([{**_md("click"), "url": "https://lumen.example/p/1"}], *CLICKED),
        _mandrill([_md("spam")], *COMPLAINED),
        _mandrill([{"event": "inbound", "ts": TIME, "msg": {"raw_msg": MIME,
"email": "reponse@lumen.example", "from_email": TO}}], heard=(ANSWER,)),
    ),
    sign=_mandrill_sign,
)  # fmt: skip


# -- Postal: signed by a private key of the installation --------------------


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _bare(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    lines = key.public_bytes(serialization.Encoding.PEM, form).decode().splitlines()
    return "".join(lines[1:-1])


def _postal_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    mark = _rsa().sign(call.body, padding.PKCS1v15(), hashes.SHA1())
    return call.body, {"X-Postal-Signature": base64.b64encode(mark).decode()}


def _postal(event: str, **payload: Any) -> dict[str, Any]:
    return {"event": event, "timestamp": float(TIME), "payload": payload, "uuid": f"u-{event}"}


_POSTAL_MESSAGE = {
    "id": 12345, "token": "t", "direction": "outgoing", "message_id": MARK, "to": TO,
    "from": "facturation@lumen.example", "subject": "Votre facture", "timestamp": float(TIME), "tag": MARK,
}  # fmt: skip


@cache
def postal() -> Sample:
    return Sample(
        {**FROM, "api_url": "https://postal.lumen.example/", "api_key": "pk", "webhook_key": _bare(_rsa().public_key())},
        taken=Answer(200, {"status": "success", "data": {"message_id": MARK, "messages": {TO: {"id": 12345, "token": "t"}}}}),
        refused=(
            Answer(200, {"status": "error", "data": {"code": "UnauthenticatedFromAddress", "message": "The from address"}}),
            Answer(200, {"status": "parameter-error", "data": {"message": "to is required"}}),
        ),
        ours=(Answer(200, {"status": "error", "data": {"code": "InvalidServerAPIKey", "message": "The API token"}}),),
        calls=(
            told(_postal("MessageSent", status="Sent", details="ok", output="250", message=_POSTAL_MESSAGE), *DELIVERED),
            told(_postal("MessageDelayed", status="SoftFail", message=_POSTAL_MESSAGE), ("queued", False)),
            told(_postal("MessageDeliveryFailed", status="HardFail", output="550", message=_POSTAL_MESSAGE), ("failed", False)),
            told(_postal("MessageBounced", original_message=_POSTAL_MESSAGE, bounce={"id": 2, "direction": "incoming"}), *FULL),
            told(_postal("MessageLinkClicked", url="https://lumen.example/p/1", message=_POSTAL_MESSAGE), *CLICKED),
            wrote(
                {
                    "id": 7, "rcpt_to": "reponse@lumen.example", "mail_from": TO, "base64": True, "size": len(MIME),
                    "message": base64.b64encode(MIME.encode()).decode(),
                }
            ),
        ),
        sign=_postal_sign,
    )  # fmt: skip


# -- Resend: the scheme of “standard webhooks” --------------------

_SVIX = "whsec_" + base64.b64encode(b"a secret of some bytes").decode()


def _resend_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    content = f"msg_{hashlib.sha256(call.body).hexdigest()[:20]}", str(TIME)
    mark = hmac.new(b"a secret of some bytes", ".".join(content).encode() + b"." + call.body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(b'an older one').decode()} v1,{base64.b64encode(mark).decode()}"
    return call.body, {"svix-id": content[0], "svix-timestamp": content[1], "svix-signature": signature}


def _resend(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": f"email.{kind}", "created_at": "2025-11-20T09:00:00.000Z",
        "data": {
            "email_id": "re-1", "created_at": "2025-11-20T08:59:58.000Z", "from": "facturation@lumen.example", "to": [TO],
            "subject": "Votre facture", "headers": [{"name": "X-Metadata", "value": json.dumps({"amiable": MARK})}], **more,
        },
    }  # fmt: skip


RESEND = Sample(
    {**FROM, "api_key": "re_1", "signing_secret": _SVIX, "inbound_secret": _SVIX},
    taken=Answer(200, {"id": "re-1"}),
    refused=(Answer(422, {"statusCode": 422, "name": "validation_error", "message": "Missing `subject` field"}),),
    later=(Answer(429, {"statusCode": 429, "name": "rate_limit_exceeded", "message": "Too many"}, {"Retry-After": "1"}),),
    calls=(
        told(_resend("delivered"), *DELIVERED),
        told(_resend("bounced", bounce={"type": "Permanent", "subType": "General", "message": "550 5.1.1"}), *GONE),
        told(_resend("bounced", bounce={"type": "Transient", "subType": "MailboxFull", "message": "452 full"}), *FULL),
        told(_resend("delivery_delayed"), ("queued", False)),
        told(_resend("opened"), *OPENED),
        told(_resend("clicked", click={"link": "https://lumen.example/p/1", "userAgent": "Mozilla/5.0"}), *CLICKED),
        told(_resend("complained"), *COMPLAINED),
    ),
    sign=_resend_sign,
)  # fmt: skip


# -- SendGrid: signed by a private key of theirs --------------------


@cache
def _ec() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _sendgrid_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    mark = _ec().sign(str(TIME).encode() + call.body, ec.ECDSA(hashes.SHA256()))
    return call.body, {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(mark).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(TIME),
    }


def _sendgrid(event: str, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "email": TO, "timestamp": TIME, "smtp-id": f"<{MARK}>", "event": event, "sg_event_id": f"sg-{event}",
            "sg_message_id": "sg-1.filter", "amiable": MARK, **more,
        }
    ]  # fmt: skip


@cache
def sendgrid() -> Sample:
    return Sample(
        {**FROM, "api_key": "SG.1", "tracking_webhook_verification_key": _bare(_ec().public_key())},
        taken=Answer(202, b"", {"X-Message-Id": "sg-1"}),
        refused=(Answer(400, {"errors": [{"message": "Invalid type.", "field": "personalizations"}]}),),
        ours=(Answer(403, {"errors": [{"message": "The from address does not match a verified Sender Identity."}]}),),
        calls=(
            told(_sendgrid("processed"), ("queued", False)),
            told(_sendgrid("delivered", response="250 OK"), *DELIVERED),
            told(_sendgrid("bounce", type="bounce", reason="550 5.1.1", status="5.1.1"), *GONE),
            told(_sendgrid("bounce", type="blocked", reason="550 5.7.1 spam", status="5.7.1"), *FULL),
            told(_sendgrid("dropped", reason="Bounced Address"), *GONE),
            told(_sendgrid("open", useragent="Mozilla/5.0"), *OPENED),
            told(_sendgrid("click", url="https://lumen.example/p/1"), *CLICKED),
            told(_sendgrid("spamreport"), *COMPLAINED),
        ),
        sign=_sendgrid_sign,
    )


# -- Unisender Go: the body is hashed with the key in the place of the hash --------------------


def _unisender_sign(call: Call, url: str) -> tuple[bytes, dict[str, str]]:
    mark = hashlib.md5(call.body.replace(b"@auth@", b"uni-key")).hexdigest()
    return call.body.replace(b"@auth@", mark.encode()), {}


def _unisender(status: str, delivery: str = "ok", **more: Any) -> dict[str, Any]:
    event = {
        "job_id": "uni-1", "metadata": {"amiable": MARK}, "email": TO, "status": status, "event_time": "2025-11-20 09:00:00",
        "delivery_info": {"delivery_status": delivery, "destination_response": "250"}, **more,
    }  # fmt: skip
    events = [{"event_name": "transactional_email_status", "event_data": event}]
    return {"auth": "@auth@", "events_by_user": [{"user_id": 1, "project_id": "p", "events": events}]}


UNISENDER = Sample(
    {**FROM, "api_url": "https://go1.unisender.example/", "api_key": "uni-key"},
    taken=Answer(200, {"status": "success", "job_id": "uni-1", "emails": [TO]}),
    refused=(Answer(400, {"status": "error", "code": 204, "message": "Error ID:204. Subject is missing"}),),
    gone=(
        Answer(
            200, {"status": "success", "job_id": "uni-2", "emails": [], "failed_emails": {TO: "permanent_unavailable"}}
        ),
    ),
    calls=(
        told(_unisender("delivered"), *DELIVERED),
        told(_unisender("hard_bounced", "err_user_unknown"), *GONE),
        told(_unisender("hard_bounced", "err_mailbox_full"), *FULL),
        told(_unisender("opened"), *OPENED),
        told(_unisender("clicked", url="https://lumen.example/p/1"), *CLICKED),
        told(_unisender("spam"), *COMPLAINED),
    ),
    sign=_unisender_sign,
)
