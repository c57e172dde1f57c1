"""Language and appearance: small choices of a person, kept in a cookie and, for the language, with the user."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from amiable.core.models import User
from amiable.web.ui.context import THEMES

YEAR = 365 * 24 * 3600


def speak(response: HttpResponse, language: str) -> HttpResponse:
    """Sets the language of the pages that follow."""
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax", secure=settings.PRODUCTION
        )
    return response


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("language", "")
    if isinstance(request.user, User) and wanted in dict(settings.LANGUAGES):
        User.objects.filter(pk=request.user.pk).update(language=wanted)
    return speak(_back(request), wanted)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    response = _back(request)
    wanted = request.POST.get("theme", "")
    # The one that is on, chosen again: back to what the machine prefers.
    if wanted in THEMES and wanted != request.COOKIES.get("theme"):
        response.set_cookie("theme", wanted, max_age=YEAR, samesite="Lax", secure=settings.PRODUCTION)
    else:
        response.delete_cookie("theme")
    return response


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        target = "/"
    return redirect(target)
