"""What allauth asks the house: who may sign up (nobody), how an e-mail leaves, what is recorded, how a secret is kept."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, filter_users_by_username
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from amiable.core import audit, seal
from amiable.core.models import User
from amiable.web import post
from amiable.web.colleague import FACTORS
from amiable.web.desk.switches import speak
from amiable.web.ui import clock


class Accounts(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The name or the password is not right."),
        "email_password_mismatch": _("The name or the password is not right."),
        "too_many_login_attempts": _("Too many failures: wait ten minutes, then try again."),
    }
    ways = {
        "reauthenticate": _("With the password"),
        "mfa_reauthenticate": _("With the app or a recovery code"),
        "mfa_reauthenticate:webauthn": _("With a passkey"),
    }

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        found = super().get_reauthentication_methods(user)
        return [each | {"description": self.ways.get(each["id"], each["description"])} for each in found]

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        user = context.get("user")
        with translation.override(user.language if isinstance(user, User) else translation.get_language()):
            told = {"request": self.request, "email": email} | context
            subject = render_to_string(f"{template_prefix}_subject.txt", told)
            text = render_to_string(f"{template_prefix}_message.txt", told)
        post.lay(to=email, subject=subject, text=text.strip() + "\n")

    def send_notification_mail(
        self, template_prefix: str, user: Any, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tells the owner what changed in their account, and the trail too."""
        what = template_prefix.rpartition("/")[2]
        audit.record(
            f"user.{what}", now=clock.now(), user=user, subject="user", subject_ref=user.pk, address=self._from()
        )
        super().send_notification_mail(template_prefix, user, (context or {}) | {"user": user}, email)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Recorded for a name that there is and for one that there is not, so that both take as long. Never what was
        typed: people type their password into the wrong field."""
        user = next(iter(filter_users_by_username(credentials.get("username") or "")), None) or next(
            iter(filter_users_by_email(credentials.get("email") or "")), None
        )
        audit.record(
            "user.refused",
            now=clock.now(),
            actor="login",
            subject="user",
            subject_ref=user and user.pk,
            address=self._from(),
        )

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        response = super().post_login(request, user, **how)
        audit.record(
            "user.entered", now=clock.now(), user=user, subject="user", subject_ref=user.pk, address=self._from()
        )
        _know_address(user)
        return speak(response, user.language)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return "/account/"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """At the address of this installation, whatever host the request named."""
        return _here(super().get_reset_password_from_key_url(key))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _here(super().get_email_confirmation_url(request, emailconfirmation))

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return "/account/"

    def _from(self) -> str:
        return str(self.get_client_ip(context.request))


class Factors(DefaultMFAAdapter):
    def get_totp_issuer(self) -> str:
        return "Amiable"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Amiable"}

    def encrypt(self, text: str) -> str:
        return seal.close(text)

    def decrypt(self, encrypted_text: str) -> str:
        return seal.open_(encrypted_text)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """The last factor of somebody who must have one stays."""
        asking = context.request.user
        if not getattr(asking, "asked_for_factor", False) or authenticator.type not in FACTORS:
            return True
        others = type(authenticator).objects.filter(user=authenticator.user, type__in=FACTORS)
        return bool(others.exclude(pk=authenticator.pk).exists())


def _know_address(user: User) -> None:
    """The address that an account was made with is taken as its owner's: allauth keeps those in rows of its own."""
    rows = EmailAddress.objects
    if user.email and not rows.filter(Q(user=user) | Q(email__iexact=user.email, verified=True)).exists():
        rows.create(user=user, email=user.email.lower(), primary=True, verified=True)


def _here(url: str) -> str:
    return f"{settings.BASE_URL}{urlsplit(url).path}"
