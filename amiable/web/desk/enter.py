"""The way into the desk: log-in, the link of an invitation, and for trying things out a signed link that works once.

The last exists only where DEV_ROOMS is on. A link that was used, has expired or was changed opens nothing.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from allauth.account.forms import LoginForm
from allauth.account.internal.flows.login import perform_login
from allauth.account.models import EmailAddress, Login
from allauth.account.views import LoginView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from amiable.core import audit, links, people
from amiable.core.models import AuditEntry, Invitation, User
from amiable.ledger.models import Creditor
from amiable.web.desk.people import grantable
from amiable.web.ui import clock

GOOD_FOR = timedelta(hours=12)


def link(*, user: User, now: datetime) -> str:
    """The path of a link that logs this user in once."""
    token = links.sign("enter", {"u": user.pk, "n": secrets.token_urlsafe(12)}, expires=now + GOOD_FOR)
    return reverse("desk:enter", args=[token])


@require_GET
@never_cache
def enter(request: HttpRequest, token: str) -> HttpResponse:
    if not settings.DEV_ROOMS:
        raise Http404
    if request.user.is_authenticated:
        return redirect("desk:home")
    try:
        content = links.read("enter", token, now=clock.now())
    except links.UnableToOpen:
        return _closed(request)
    user = User.objects.filter(pk=content["u"], is_active=True).first()
    if user is None or not _first_use(user, content["n"]):
        return _closed(request)
    return cast(HttpResponse, perform_login(request, Login(user=user)))


class Door(LoginForm):
    """Name or e-mail, and password, in the look of the house."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Name or e-mail")
        self.fields["login"].widget.attrs |= {"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}
        for each in self.fields.values():
            each.help_text = ""
            each.widget.attrs.pop("placeholder", None)


class LogIn(LoginView):
    form_class = Door


login = LogIn.as_view()


class Joining(forms.Form):
    """What somebody who was asked in says of themselves."""

    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=150)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=150)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=256,
        help_text=gettext_lazy("Twelve characters or more. Four words that have nothing in common are good."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any, *, invitation: Invitation) -> None:
        self.invitation = invitation
        super().__init__(data)

    def person(self) -> User:
        email, said = self.invitation.email.lower(), self.cleaned_data
        return User(
            username=email,
            email=email,
            first_name=said.get("first_name", ""),
            last_name=said.get("last_name", ""),
            language=self.invitation.language,
        )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.person())
        return password


def invitation_link(invitation: Invitation) -> str:
    """Its address, with the host: signed, good until the invitation expires, and once."""
    token = links.sign("invitation", {"i": invitation.pk}, expires=invitation.expires_at)
    return settings.BASE_URL + reverse("desk:invited", args=[token])


@require_http_methods(["GET", "POST"])
@never_cache
def invited(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody who was asked in says yes: with a new account, or with the one that they have."""
    invitation = _open_invitation(token)
    if invitation is None:
        return _closed(request)
    creditor = Creditor.objects.filter(pk=invitation.creditor_ref).first()
    content: dict[str, Any] = {"invitation": invitation, "creditor": creditor, "next": request.path}
    known = User.objects.filter(email__iexact=invitation.email).first()
    if known is not None:
        return _known(request, invitation, known, content)
    if request.user.is_authenticated:
        return render(request, "account/invited.html", content | {"somebody_else": True}, status=403)
    form = Joining(request.POST if request.method == "POST" else None, invitation=invitation)
    if request.method == "GET" or not form.is_valid():
        status = 200 if request.method == "GET" else 422
        return render(request, "account/invited.html", content | {"form": form}, status=status)
    user = form.person()
    user.set_password(form.cleaned_data["password"])
    try:
        with transaction.atomic():
            people.accept(invitation=invitation, user=user, now=clock.now())
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    except people.UnableToChangePeople:
        return _closed(request)
    return cast(HttpResponse, perform_login(request, Login(user=user)))


def _known(request: HttpRequest, invitation: Invitation, known: User, content: dict[str, Any]) -> HttpResponse:
    """Whoever has an account accepts when logged in to it, and nobody in their place."""
    if request.user.pk != known.pk:
        somebody_else = request.user.is_authenticated
        content |= {"log_in": not somebody_else, "somebody_else": somebody_else}
        return render(request, "account/invited.html", content, status=403 if somebody_else else 200)
    if request.method == "GET":
        return render(request, "account/invited.html", content | {"confirm": True})
    try:
        people.accept(invitation=invitation, user=known, now=clock.now())
    except people.UnableToChangePeople as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("You are in."))
    return redirect("desk:home")


def _open_invitation(token: str) -> Invitation | None:
    """The invitation of a link, while it may be accepted and the one who asked may still give what it gives."""
    try:
        content = links.read("invitation", token, now=clock.now())
    except links.UnableToOpen:
        return None
    rows = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gte=clock.now())
    found = rows.select_related("by").filter(pk=content["i"]).first()
    if found is None or not found.by.is_active or found.role not in grantable(found.by, found.creditor_ref):
        return None
    return found


def _first_use(user: User, nonce: str) -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"enter:{nonce}"])
        used = AuditEntry.objects.filter(subject="user", subject_ref=user.pk, act="user.link_used", detail__link=nonce)
        if used.exists():
            return False
        audit.record("user.link_used", now=clock.now(), user=user, subject="user", subject_ref=user.pk, link=nonce)
        return True


def _closed(request: HttpRequest) -> HttpResponse:
    message = _(
        "This link was used already or is no longer good. Log in with your name and password, or ask for a new link."
    )
    return render(request, "account/login.html", {"form": Door(request=request), "message": message}, status=410)
