"""The API: every family of resources under one address, one document, one way to say no.

In: requests under /api/. Out: JSON. Never: an operation without the door (door.py).
"""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.http import require_GET
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.security import APIKeyCookie, HttpBearer

from amiable.web.api import (
    agencies,
    bank,
    chain,
    channels,
    contacts,
    creditors,
    customers,
    disputes,
    document,
    figures,
    files,
    foresee,
    groups,
    kpis,
    late,
    many,
    money,
    own,
    papers,
    pay,
    people,
    plans,
    policy,
    round,
    talk,
    tasks,
    texts,
    trials,
    words,
)
from amiable.web.api.door import door
from amiable.web.api.problem import handle


class Token(HttpBearer):
    """Told in the document; the door has looked at it."""

    def __call__(self, request: HttpRequest) -> Any:
        return request.user.is_authenticated

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return request.user.is_authenticated


class Session(APIKeyCookie):
    param_name = "sessionid"

    def __call__(self, request: HttpRequest) -> Any:
        return request.user.is_authenticated

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        return request.user.is_authenticated


api = NinjaAPI(
    title="Amiable",
    version="1",
    description=document.ABOUT,
    urls_namespace="api",
    auth=[Token(), Session()],
    openapi_url="",
    docs_url="",
)
FAMILIES = (
    creditors.router, customers.router, contacts.router, money.router, pay.router, talk.router, disputes.router, tasks.router,
    many.router, round.router, plans.router, agencies.router, words.router, papers.router, files.router, bank.router,
    groups.router, policy.router, trials.router, figures.router, kpis.router, foresee.router, chain.router, late.router,
    texts.router, channels.router, people.router, own.router,
)  # fmt: skip
for family in FAMILIES:
    api.add_router("", family)
for kind in (Exception, Http404, HttpError, ValidationError):
    api.add_exception_handler(kind, handle)  # type: ignore[arg-type]


@require_GET
def openapi(_request: HttpRequest) -> JsonResponse:
    return JsonResponse(document.written(api), json_dumps_params={"ensure_ascii": False})


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """The document as a page of ours: no script, nothing from elsewhere."""
    return render(request, "api/docs.html", document.told(api))


def _rooms() -> list[URLPattern | URLResolver]:
    rooms, _app, _namespace = api.urls
    for each in rooms:
        if isinstance(each, URLPattern) and each.name != "api-root":
            each.callback = door(each.callback)
    return [each for each in rooms if getattr(each, "name", "") != "api-root"]


app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("openapi.json", openapi, name="openapi"),
    path("docs/", docs, name="docs"),
    *_rooms(),
]
