"""Who must have a second factor, and has none yet, sets one up before anything else.

In: a request of a colleague. Out: the page, or the way to a factor. Never: another page of the desk or an operation of
the API by a new name that nobody thought of here: what stays open is listed, not what is closed.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext as _

OPEN = {"desk:login", "desk:logout", "desk:language", "desk:theme", "desk:account", "desk:session_end", "desk:invited"}
ALLAUTH = ("account_", "mfa_", "usersessions_")
FOR_EVERYBODY = {"portal", "hooks", "dev"}  # rooms that ask nobody who they are


class FactorFirst:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if _open(request.resolver_match) or not getattr(request.user, "owes_factor", False):
            return None
        there = reverse("mfa_index")
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": there})
        messages.warning(request, _("Your role needs a second factor: an app or a passkey. It takes a minute."))
        return redirect(there)


def _open(match: ResolverMatch | None) -> bool:
    if match is None or match.view_name in OPEN or FOR_EVERYBODY & set(match.namespaces):
        return True
    return not match.namespaces and (match.url_name or "").startswith(ALLAUTH)
