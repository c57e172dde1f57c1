"""The e-mail service providers that django-anymail carries, one row each: adding one is adding a row and its samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import AmiableError, Refused, Unavailable
from amiable.outreach.channel import Hook, InDoubt, Unreachable

TIMEOUT = 30  # seconds without an answer
ONE_CLICK = ("List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted")
Raw = Mapping[str, Any]


# They travel in headers: what is no plain character there would stop each message, not only one.
_PLAIN = RegexValidator(r"^[ -~]*$", _("Only letters, digits and signs of plain ASCII."))


def _text(label: Any, *, initial: str = "", required: bool = True, help_text: Any = "") -> forms.Field:
    return forms.CharField(label=label, required=required, initial=initial, help_text=help_text, validators=[_PLAIN])


def _secret(label: Any, *, required: bool = True, help_text: Any = "") -> forms.Field:
    return forms.CharField(
        label=label, required=required, widget=forms.PasswordInput, help_text=help_text, validators=[_PLAIN]
    )


_API_KEY = _("API key")
_SIGNS = _("Key that signs the events")
_SIGNS_ANSWERS = _("Key that signs the answers")
_NEEDED = _("Without it, what the provider tells is not believed.")


@dataclass(frozen=True)
class Provider:
    """One provider. `name` is anymail's, in its classes; the names of `fields` are those of anymail's settings."""

    key: str
    label: str
    name: str
    fields: Mapping[str, forms.Field]
    hook: str = Hook.PASSWORD
    hears: bool = True  # anymail reads answers that come in by it
    signs: tuple[str, str] = ("", "")  # the fields with the keys that sign events, and answers
    marked_by: str = "metadata"  # what carries our own id there and back: metadata or tags
    headers: tuple[str, ...] = ONE_CLICK  # those of ours that it lets through
    once: str = ""  # the header, or setting of the call, by which it knows a repetition
    meanings: Mapping[str, type[AmiableError]] = field(default_factory=dict)  # of its own codes of error
    gone: Callable[[Raw], bool] = lambda raw: False  # whether a bounce says that nobody is there, for good
    mark: Callable[[Raw], str] = lambda raw: ""  # our own id, where anymail does not give it
    settings: Callable[[Raw], Raw] = lambda own: own  # the fields as anymail wants them

    def backend(self) -> Any:
        return import_module(f"anymail.backends.{self.key}").EmailBackend

    def views(self) -> ModuleType:
        return import_module(f"anymail.webhooks.{self.key}")


def _event(raw: Raw, *path: str) -> Any:
    """What stands at a place of a call, or nothing."""
    place: Any = raw
    for step in path:
        place = place.get(step) if isinstance(place, Mapping) else None
    return place


def _spark(raw: Raw) -> Raw:
    return next(iter((raw.get("msys") or {"": {}}).values()), {})


def _for_amazon(own: Raw) -> dict[str, Any]:
    """Amazon's client takes its settings in two parcels; it must not try again by itself."""
    client = {"config": {"retries": {"total_max_attempts": 1}, "connect_timeout": TIMEOUT, "read_timeout": TIMEOUT}}
    if own.get("api_url"):
        client["endpoint_url"] = own["api_url"]
    return {
        "session_params": {
            "aws_access_key_id": own["access_key_id"],
            "aws_secret_access_key": own["secret_access_key"],
            "region_name": own["region"],
        },
        "client_params": client,
        "message_tag_name": "amiable",
        **({"configuration_set_name": name} if (name := own.get("configuration_set_name")) else {}),
    }


PROVIDERS = (
    Provider(
        "amazon_ses", "Amazon SES", "AmazonSES",
        {
            "access_key_id": _text(_("Access key ID")),
            "secret_access_key": _secret(_("Secret access key")),
            "region": _text(_("Region"), initial="eu-west-3"),
            "configuration_set_name": _text(_("Configuration set"), required=False, help_text=_("Publishes the events.")),
        },
        marked_by="tags",
        meanings={
            **dict.fromkeys(
                ("TooManyRequestsException", "Throttling", "ThrottlingException", "LimitExceededException"), Unavailable
            ),
            **dict.fromkeys(("MessageRejected", "BadRequestException", "InvalidParameterValue"), Refused),
            **dict.fromkeys(
                (
                    "SendingPausedException", "AccountSuspendedException", "MailFromDomainNotVerifiedException",
                    "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch",
                    "AccessDeniedException", "ExpiredTokenException", "NotFoundException",
                ),
                Unreachable,
            ),
        },
        gone=lambda raw: _event(raw, "bounce", "bounceType") == "Permanent",
        mark=lambda raw: ((_event(raw, "mail", "tags", "amiable") or [""])[0]),
        settings=_for_amazon,
    ),
    Provider(
        "brevo", "Brevo", "Brevo", {"api_key": _secret(_API_KEY)}, once="header:idempotencyKey",
        gone=lambda raw: raw.get("event") in {"hard_bounce", "invalid_email"},
    ),
    Provider(
        "mailersend", "MailerSend", "MailerSend",
        {
            "api_token": _secret(_("API token")),
            "signing_secret": _secret(_SIGNS, required=False, help_text=_NEEDED),
            "inbound_secret": _secret(_SIGNS_ANSWERS, required=False, help_text=_NEEDED),
            "own_headers": forms.BooleanField(
                label=_("Our plan allows own headers"), required=False,
                help_text=_("Needed for one-click unsubscription; MailerSend’s smaller plans refuse such messages."),
            ),
        },
        hook=Hook.SIGNED, signs=("signing_secret", "inbound_secret"), marked_by="tags",
        gone=lambda raw: _event(raw, "data", "type") == "hard_bounced",
        mark=lambda raw: ((_event(raw, "data", "email", "tags") or [""])[0]),
    ),
    Provider(
        "mailgun", "Mailgun", "Mailgun",
        {
            "api_key": _secret(_API_KEY),
            "sender_domain": _text(_("Domain"), required=False, help_text=_("Empty: that of the sender’s address.")),
            "webhook_signing_key": _secret(_SIGNS, required=False, help_text=_NEEDED),
        },
        hook=Hook.SIGNED, signs=("webhook_signing_key", "webhook_signing_key"), headers=("Message-ID", *ONE_CLICK),
        gone=lambda raw: _event(raw, "event-data", "reason") in {"bounce", "suppress-bounce"},
    ),
    Provider(
        "mailjet", "Mailjet", "Mailjet", {"api_key": _secret(_API_KEY), "secret_key": _secret(_("Secret key"))},
        gone=lambda raw: raw.get("hard_bounce") is True,
    ),
    Provider(
        "mailtrap", "Mailtrap", "Mailtrap",
        {
            "api_token": _secret(_("API token")),
            "sandbox_id": _text(_("Sandbox"), required=False, help_text=_("Its number: nothing leaves then.")),
            "tracking_secret": _secret(_SIGNS, required=False, help_text=_NEEDED),
            "inbound_secret": _secret(_SIGNS_ANSWERS, required=False, help_text=_NEEDED),
        },
        hook=Hook.SIGNED, signs=("tracking_secret", "inbound_secret"), gone=lambda raw: raw.get("event") == "bounce",
    ),
    Provider(
        "mandrill", "Mailchimp Transactional (Mandrill)", "Mandrill",
        {
            "api_key": _secret(_API_KEY),
            "webhook_key": _secret(_SIGNS, required=False, help_text=_NEEDED),
            "inbound_webhook_key": _secret(_SIGNS_ANSWERS, required=False, help_text=_NEEDED),
        },
        hook=Hook.SIGNED, signs=("webhook_key", "inbound_webhook_key"), headers=("Message-ID", *ONE_CLICK),
        # It answers 500 to everything that it does not do, and says why in the body.
        meanings={
            **dict.fromkeys(("Invalid_Key", "PaymentRequired", "Unknown_Subaccount"), Unreachable),
            **dict.fromkeys(("ValidationError", "Invalid_Template", "Unknown_Template"), Refused),
            "GeneralError": InDoubt,
        },
        gone=lambda raw: raw.get("event") == "hard_bounce",
    ),
    Provider(
        "postal", "Postal", "Postal",
        {
            "api_url": forms.URLField(label=_("Address of your Postal server"), assume_scheme="https"),
            "api_key": _secret(_API_KEY),
            "webhook_key": forms.CharField(
                label=_SIGNS, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=_NEEDED
            ),
        },
        hook=Hook.SIGNED, signs=("webhook_key", "webhook_key"), marked_by="tags", headers=("Message-ID", *ONE_CLICK),
        # It answers 200 to everything, and says in the body what came of it.
        meanings={
            **dict.fromkeys(("InvalidServerAPIKey", "AccessDenied", "ServerSuspended"), Unreachable),
            **dict.fromkeys(
                (
                    "ValidationError", "parameter-error", "NoContent", "NoRecipients", "FromAddressMissing",
                    "UnauthenticatedFromAddress",
                ),
                Refused,
            ),
        },
        mark=lambda raw: str(
            _event(raw, "payload", "message", "tag") or _event(raw, "payload", "original_message", "tag") or ""
        ),
    ),
    Provider(
        "postmark", "Postmark", "Postmark",
        {"server_token": _secret(_("Server token")), "message_stream": _text(_("Message stream"), required=False)},
        gone=lambda raw: raw.get("Type") in {"HardBounce", "BadEmailAddress"},
    ),
    Provider(
        "resend", "Resend", "Resend",
        {
            "api_key": _secret(_API_KEY),
            "signing_secret": _secret(_SIGNS, required=False, help_text=_NEEDED),
            "inbound_secret": _secret(_SIGNS_ANSWERS, required=False, help_text=_NEEDED),
        },
        hook=Hook.SIGNED, signs=("signing_secret", "inbound_secret"), once="call:Idempotency-Key",
        meanings={"invalid_idempotent_request": InDoubt, "concurrent_idempotent_requests": InDoubt},
        gone=lambda raw: _event(raw, "data", "bounce", "type") == "Permanent",
    ),
    Provider(
        "scaleway", "Scaleway", "Scaleway",
        {
            "secret_key": _secret(_("Secret key")),
            "project_id": _text(_("Project")),
            "region": _text(_("Region"), initial="fr-par"),
        },
        hook=Hook.NONE, hears=False,
    ),
    Provider(
        "sendgrid", "SendGrid", "SendGrid",
        {
            "api_key": _secret(_API_KEY),
            "tracking_webhook_verification_key": forms.CharField(
                label=_SIGNS, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=_NEEDED
            ),
        },
        hook=Hook.SIGNED, signs=("tracking_webhook_verification_key", ""), hears=False,
        headers=("Message-ID", *ONE_CLICK),
        gone=lambda raw: raw.get("event") == "bounce" and raw.get("type") != "blocked",
    ),
    Provider(
        "sparkpost", "SparkPost", "SparkPost",
        {"api_key": _secret(_API_KEY), "subaccount": _text(_("Subaccount"), required=False)},
        gone=lambda raw: str(_spark(raw).get("bounce_class")) in {"10", "30"},
    ),
    Provider(
        "unisender_go", "Unisender Go", "UnisenderGo",
        {
            "api_url": forms.URLField(
                label=_("Address of the interface"), assume_scheme="https",
                help_text=_("It depends on where the account was opened."),
            ),
            "api_key": _secret(_API_KEY),
        },
        hook=Hook.SIGNED, signs=("api_key", ""), hears=False, headers=("List-Unsubscribe", "List-Unsubscribe-Post"),
        once="data:idempotence_key",
        gone=lambda raw: _event(raw, "delivery_info", "delivery_status")
        in {"err_user_unknown", "err_user_inactive", "err_domain_inactive"},
    ),
)  # fmt: skip
