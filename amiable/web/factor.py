"""Who must have a second factor, and has none yet, sets one up before anything else."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

OPEN = ("/account/", "/login/", "/logout/", "/language/", "/theme/", "/static/")


class FactorFirst:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(OPEN) or not getattr(request.user, "owes_factor", False):
            return self.get_response(request)
        there = reverse("mfa_index")
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": there})
        messages.warning(request, _("Your role needs a second factor: an app or a passkey. It takes a minute."))
        return redirect(there)
