"""The way into the desk: log-in, log-out, and for trying things out a signed link that works once.

The link exists only where DEV_ROOMS is on; used, expired or changed it opens nothing.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from amiable.core import audit, links
from amiable.core.models import AuditEntry, User
from amiable.web.desk.switches import speak
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
    login(request, user)
    return speak(redirect("desk:home"), user.language)


class Door(AuthenticationForm):
    """Name and password, in the look of the house."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for each in self.fields.values():
            each.widget.attrs["class"] = "form-control"


class LogIn(views.LoginView):
    """Django's own log-in; the desk then speaks the language of the user."""

    authentication_form = Door
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        user = form.get_user()
        assert isinstance(user, User)
        audit.record("user.entered", now=clock.now(), user=user, subject="user", subject_ref=user.pk)
        return speak(response, user.language)


def _first_use(user: User, nonce: str) -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"enter:{nonce}"])
        used = AuditEntry.objects.filter(subject="user", subject_ref=user.pk, act="user.entered", detail__link=nonce)
        if used.exists():
            return False
        audit.record("user.entered", now=clock.now(), user=user, subject="user", subject_ref=user.pk, link=nonce)
        return True


def _closed(request: HttpRequest) -> HttpResponse:
    message = _(
        "This link was used already or is no longer good. Log in with your name and password, or ask for a new link."
    )
    form = Door(request)
    return render(request, "registration/login.html", {"form": form, "message": message}, status=410)
