"""Samples of the e-mail service providers that call with a password, and of the one that never calls."""

import base64
import json
from typing import Any

from tests.contracts.anymail_common import (
    ANSWER,
    CLICKED,
    COMPLAINED,
    DELIVERED,
    FROM,
    FULL,
    GONE,
    ISO,
    MARK,
    MIME,
    OPENED,
    TIME,
    TO,
    password,
    told,
    wrote,
)
from tests.contracts.peer import Answer
from tests.contracts.samples import Call, Sample

# -- Amazon SES: notifications of SNS --------------------


def _sns(kind: str, **event: Any) -> dict[str, Any]:
    mail = {
        "timestamp": ISO, "messageId": "010201-ses", "source": "facturation@lumen.example", "destination": [TO],
        "tags": {"ses:configuration-set": ["amiable"], "amiable": [MARK]},
    }  # fmt: skip
    message = {"eventType": kind, "mail": mail, **event}
    return {
        "Type": "Notification", "MessageId": f"sns-{kind}", "TopicArn": "arn:aws:sns:eu-west-3:123456789012:amiable",
        "Message": json.dumps(message), "Timestamp": "2025-11-20T09:00:00.000Z", "SignatureVersion": "1",
    }  # fmt: skip


def _sns_headers(kind: str) -> dict[str, str]:
    return {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": f"sns-{kind}"}


def _ses(kind: str, *says: tuple[str, bool], **event: Any) -> Call:
    return told(_sns(kind, **event), *says, content_type="text/plain; charset=UTF-8", headers=_sns_headers(kind))


def _bounce(kind: str) -> dict[str, Any]:
    return {
        "bounceType": kind, "bounceSubType": "General", "timestamp": ISO, "feedbackId": "f-1",
        "bouncedRecipients": [{"emailAddress": TO, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}],
    }  # fmt: skip


_RECEIVED = {
    "notificationType": "Received",
    "mail": {"timestamp": ISO, "source": TO, "messageId": "in-1", "destination": ["reponse@lumen.example"]},
    "receipt": {
        "timestamp": ISO, "recipients": ["reponse@lumen.example"], "spamVerdict": {"status": "PASS"},
        "action": {"type": "SNS", "topicArn": "arn:aws:sns:eu-west-3:123456789012:in", "encoding": "BASE64"},
    },
    "content": base64.b64encode(MIME.encode()).decode(),
}  # fmt: skip
AMAZON = Sample(
    {**FROM, "access_key_id": "AKIAEXAMPLE", "secret_access_key": "s3cret", "region": "eu-west-3",
     "configuration_set_name": "amiable"},
    taken=Answer(200, {"MessageId": "010201-ses"}),
    refused=(Answer(400, {"message": "Email address is not verified."}, {"x-amzn-ErrorType": "MessageRejected"}),),
    later=(Answer(429, {"message": "Maximum sending rate exceeded."}, {"x-amzn-ErrorType": "TooManyRequestsException"}),),
    ours=(
        Answer(403, {"message": "The security token is invalid."}, {"x-amzn-ErrorType": "UnrecognizedClientException"}),
        Answer(400, {"message": "Sending is paused."}, {"x-amzn-ErrorType": "SendingPausedException"}),
    ),
    calls=(
        _ses("Delivery", *DELIVERED, delivery={"timestamp": ISO, "recipients": [TO], "smtpResponse": "250 OK"}),
        _ses("Bounce", *GONE, bounce=_bounce("Permanent")),
        _ses("Bounce", *FULL, bounce=_bounce("Transient")),
        _ses("Complaint", *COMPLAINED, complaint={"complainedRecipients": [{"emailAddress": TO}], "timestamp": ISO}),
        _ses("Open", *OPENED, open={"timestamp": ISO, "userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1"}),
        wrote(
            {**_sns("Received"), "Message": json.dumps(_RECEIVED)}, content_type="text/plain; charset=UTF-8",
            headers=_sns_headers("Received"),
        ),
    ),
    sign=password,
)  # fmt: skip


# -- Brevo --------------------


def _brevo(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event, "email": TO, "id": 26224, "date": "2025-11-20 10:00:00", "ts": TIME, "ts_event": TIME,
        "ts_epoch": TIME * 1000, "message-id": "<202511200900.1@smtp-relay.mailin.fr>", "subject": "Votre facture",
        "X-Mailin-custom": json.dumps({"amiable": MARK}), "sending_ip": "192.0.2.9", "tags": [], **more,
    }  # fmt: skip


BREVO = Sample(
    {**FROM, "api_key": "xkeysib-1"},
    taken=Answer(201, {"messageId": "<202511200900.1@smtp-relay.mailin.fr>"}),
    refused=(Answer(400, {"code": "invalid_parameter", "message": "subject is missing"}),),
    ours=(
        Answer(401, {"code": "unauthorized", "message": "Key not found"}),
        Answer(402, {"code": "not_enough_credits", "message": "You do not have enough credits"}),
    ),
    calls=(
        told(_brevo("delivered"), *DELIVERED),
        told(_brevo("hard_bounce", reason="550 5.1.1 no such user"), *GONE),
        told(_brevo("soft_bounce", reason="452 full"), *FULL),
        told(_brevo("unique_opened"), *OPENED),
        told(_brevo("click", link="https://lumen.example/p/1"), *CLICKED),
        told(_brevo("spam"), *COMPLAINED),
        told(_brevo("unsubscribe"), *COMPLAINED),
        told(_brevo("list_addition")),
        wrote(
            {
                "items": [
                    {
                        "Uuid": ["a1"], "MessageId": "<abc@martin.example>", "InReplyTo": "<first@lumen.example>",
                        "From": {"Name": "Anna Martin", "Address": TO}, "To": [{"Address": "reponse@lumen.example"}],
                        "Subject": "Re: Votre facture", "RawTextBody": ANSWER, "RawHtmlBody": None, "Attachments": [],
                        "Headers": {
                            "From": "Anna Martin <anna@martin.example>", "Message-ID": "<abc@martin.example>",
                            "In-Reply-To": "<first@lumen.example>", "References": "<zero@lumen.example>",
                            "Date": "Thu, 20 Nov 2025 10:00:00 +0100", "Subject": "Re: Votre facture",
                            "To": "reponse@lumen.example",
                        },
                    }
                ]
            }
        ),
    ),
    sign=password,
)  # fmt: skip


# -- Mailjet --------------------


def _mailjet(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event, "time": TIME, "MessageID": 19421777835146490, "Message_GUID": "g-1", "email": TO,
        "mj_campaign_id": 7, "mj_contact_id": 4, "customcampaign": "", "CustomID": "",
        "Payload": json.dumps({"amiable": MARK}), **more,
    }  # fmt: skip


_MJ_HEADERS = {
    "From": ["Anna Martin <anna@martin.example>"], "To": ["reponse@lumen.example"], "Subject": ["Re: Votre facture"],
    "Message-ID": ["<abc@martin.example>"], "In-Reply-To": ["<first@lumen.example>"], "References": ["<zero@lumen.example>"],
    "Date": ["Thu, 20 Nov 2025 10:00:00 +0100"],
}  # fmt: skip
MAILJET = Sample(
    {**FROM, "api_key": "mj-1", "secret_key": "mj-2"},
    taken=Answer(200, {"Messages": [{"Status": "success",
 "To": [{"Email": TO, "MessageUUID": "u", "MessageID": 19421777835146490}]}]}),
    refused=(
        Answer(400, {"Messages": [{"Status": "error", "Errors": [{"ErrorCode": "mj-0013",
"StatusCode": 400, "ErrorMessage": "invalid"}]}]}),
    ),
    ours=(Answer(401, {"ErrorIdentifier": "i", "ErrorCode": "mj-0002", "StatusCode": 401, "ErrorMessage": "API key"}),),
    calls=(
        told([_mailjet("sent", smtp_reply="250 OK")], *DELIVERED),
        told([_mailjet("bounce", hard_bounce=True, error="user unknown"), _mailjet("open")], *GONE, *OPENED),
        told(_mailjet("bounce", hard_bounce=False, error="quota exceeded"), *FULL),
        told(_mailjet("click", url="https://lumen.example/p/1"), *CLICKED),
        told(_mailjet("spam", source="jmrpp"), *COMPLAINED),
        wrote(
            {
                "Sender": TO, "Recipient": "reponse@lumen.example", "Date": "20251120T090000",
"From": "Anna Martin <anna@martin.example>",
                "Subject": "Re: Votre facture", "Headers": _MJ_HEADERS, "Text-part": ANSWER, "Html-part": "", "Parts": [],
                "SpamAssassinScore": "0.5",
            }
        ),
    ),
    sign=password,
)  # fmt: skip


# -- Postmark --------------------


def _postmark(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "RecordType": kind, "MessageID": "pm-1", "MessageStream": "outbound", "ServerID": 23, "Recipient": TO, "Tag": "",
        "Metadata": {"amiable": MARK}, **more,
    }  # fmt: skip


POSTMARK = Sample(
    {**FROM, "server_token": "pm-token"},
    taken=Answer(200, {"To": TO, "SubmittedAt": ISO, "MessageID": "pm-1", "ErrorCode": 0, "Message": "OK"}),
    refused=(Answer(422, {"ErrorCode": 400, "Message": "The sender signature was not found."}),),
    gone=(
        Answer(
            422,
            {
                "ErrorCode": 406,
                "Message": "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses:"
                f" {TO}. Inactive recipients are ones that have generated a hard bounce or a spam complaint.",
            },
        ),
    ),
    ours=(Answer(401, {"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied"}),),
    calls=(
        told(_postmark("Delivery", DeliveredAt=ISO, Details="250 OK"), *DELIVERED),
        told(_postmark("Bounce", ID=42, Type="HardBounce", TypeCode=1, Email=TO, BouncedAt=ISO, Details="550 5.1.1"), *GONE),
        told(_postmark("Bounce", ID=43, Type="SoftBounce", TypeCode=4096, Email=TO, BouncedAt=ISO), *FULL),
        told(_postmark("Bounce", ID=44, Type="AutoResponder", TypeCode=256, Email=TO, BouncedAt=ISO)),
        told(_postmark("Open", ReceivedAt=ISO, UserAgent="Mozilla/5.0"), *OPENED),
        told(_postmark("Click", ReceivedAt=ISO, OriginalLink="https://lumen.example/p/1"), *CLICKED),
        told(_postmark("SpamComplaint", ID=45, Type="SpamComplaint", Email=TO, BouncedAt=ISO), *COMPLAINED),
        wrote(
            {
                "FromFull": {"Email": TO, "Name": "Anna Martin", "MailboxHash": ""}, "From": TO, "Subject": "Re: Votre facture",
                "ToFull": [{"Email": "reponse@lumen.example", "Name": ""}], "OriginalRecipient": "reponse@lumen.example",
                "MessageID": "pm-in-1", "Date": "Thu, 20 Nov 2025 10:00:00 +0100", "TextBody": ANSWER, "HtmlBody": "",
                "StrippedTextReply": "", "Attachments": [],
                "Headers": [
                    {"Name": "Message-ID", "Value": "<abc@martin.example>"},
                    {"Name": "In-Reply-To", "Value": "<first@lumen.example>"},
                    {"Name": "References", "Value": "<zero@lumen.example>"},
                ],
            }
        ),
    ),
    sign=password,
)  # fmt: skip


# -- Scaleway: its events do not come by a hook that anymail reads --------------------

SCALEWAY = Sample(
    {**FROM, "secret_key": "scw-1", "project_id": "p-1", "region": "fr-par"},
    taken=Answer(200, {"emails": [{"id": "scw-mail", "message_id": "x", "mail_rcpt": TO, "status": "new"}]}),
    refused=(Answer(400, {"type": "invalid_arguments", "message": "invalid argument(s)"}),),
    ours=(Answer(403, {"type": "permissions_denied", "message": "insufficient permissions"}),),
)


# -- SparkPost --------------------


def _sparkpost(kind: str, event_class: str = "message_event", **more: Any) -> list[dict[str, Any]]:
    event = {
        "type": kind, "event_id": f"sp-{kind}", "timestamp": str(TIME), "transmission_id": "sp-1", "rcpt_to": TO,
        "raw_rcpt_to": TO, "rcpt_meta": {"amiable": MARK}, **more,
    }  # fmt: skip
    return [{"msys": {event_class: event}}]


SPARKPOST = Sample(
    {**FROM, "api_key": "sp-key"},
    taken=Answer(200, {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "sp-1"}}),
    refused=(Answer(400, {"errors": [{"message": "Unconfigured Sending Domain <lumen.example>", "code": "7001"}]}),),
    gone=(Answer(200, {"results": {"total_rejected_recipients": 1, "total_accepted_recipients": 0, "id": "sp-2"}}),),
    calls=(
        told(_sparkpost("injection"), ("queued", False)),
        told(_sparkpost("delivery"), *DELIVERED),
        told(_sparkpost("bounce", bounce_class="10", raw_reason="550 5.1.1"), *GONE),
        told(_sparkpost("bounce", bounce_class="22", raw_reason="452 full"), *FULL),
        told(_sparkpost("open", "track_event", user_agent="Mozilla/5.0"), *OPENED),
        told(_sparkpost("click", "track_event", target_link_url="https://lumen.example/p/1"), *CLICKED),
        told(_sparkpost("spam_complaint"), *COMPLAINED),
        told([{"msys": {}}]),  # what it sends to try the hook
        wrote(
            [
                {
                    "msys": {
                        "relay_message": {
                            "content": {"email_rfc822": MIME, "email_rfc822_is_base64": False}, "protocol": "smtp",
                            "msg_from": TO, "rcpt_to": "reponse@lumen.example", "webhook_id": "w",
                        }
                    }
                }
            ]
        ),
    ),
    sign=password,
)  # fmt: skip
