"""The door of the API: who asks (a token, or a colleague's session), how often, and each POST with a key once only.

In: a request. Out: the answer of the room behind, or a problem. Never: a token kept as it is, or a refused request that
left something behind.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from amiable.core import seal
from amiable.core.forget import ANSWERS
from amiable.core.models import ApiAnswer, User
from amiable.web.api.problem import Problem, answer, handle
from amiable.web.api.token import admitted, counted
from amiable.web.ui import clock

SAFE = {"GET", "HEAD", "OPTIONS"}
LONGEST = 200  # of a key
KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Undo")
WINDOW = 60  # seconds in which requests are counted


class Asked(HttpRequest):
    """A request of somebody who was let in."""

    user: User
    narrowed: frozenset[str] | None  # the acts that the token may do; None: whatever its person may
    token_ref: int | None  # the token that it came with; None: a session
    told: dict[str, str]  # headers that the room wishes to send with its answer
    tried: bool  # a try that changes nothing, and whose line in the trail stays though it failed
    wish: str  # names this one wish in what is done for it


def door(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def let_in(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        headers: dict[str, str] = {}
        cast(Any, request).told, cast(Any, request).wish, cast(Any, request).tried = (
            {},
            secrets.token_urlsafe(12),
            False,
        )
        try:
            headers = _enter(request)
            response = _once(cast(Asked, request), lambda: view(request, *args, **kwargs))
        except Exception as error:
            response = handle(request, error)
        if response.status_code == 405:
            response = answer(
                Problem(405, _("See the document at /api/openapi.json."), headers={"Allow": response.get("Allow", "")})
            )
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        add_never_cache_headers(response)
        return response

    let_in.csrf_exempt = True  # type: ignore[attr-defined]  # asked of sessions below; a token comes from no browser
    return let_in


def _enter(request: HttpRequest) -> dict[str, str]:
    """Lets in who may; and says how many requests are left."""
    told = request.headers.get("Authorization", "")
    if told:
        kind, _space, text = told.partition(" ")
        token = admitted(text.strip(), now=clock.now()) if kind.lower() == "bearer" else None
        if token is None:
            raise _stranger(_("This token is not known, has expired or was revoked."))
        left = counted(token, window=int(time.time()) // WINDOW, now=clock.now())
        limit = settings.API_PER_MINUTE
        wait = WINDOW - int(time.time()) % WINDOW
        headers = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(limit - left, 0)),
            "RateLimit-Reset": str(wait),
        }
        if left > limit:
            raise Problem(
                429,
                _("At most %(limit)s requests a minute; go on in %(wait)s seconds.") % {"limit": limit, "wait": wait},
                headers=headers | {"Retry-After": str(wait)},
            )
        if getattr(token.user, "owes_factor", False):
            raise Problem(
                403, _("Your role needs a second factor: set one up at the desk, then your tokens work again.")
            )
        request.user, cast(Any, request).token_ref = token.user, token.pk
        cast(Any, request).narrowed = None if token.acts is None else frozenset(token.acts)
        return headers
    if not request.user.is_authenticated:
        raise _stranger(_("Send a token: “Authorization: Bearer …”, or log in."))
    if request.method not in SAFE and _forged(request):
        raise Problem(403, _("The X-CSRFToken header is missing or wrong."))
    cast(Any, request).narrowed = cast(Any, request).token_ref = None
    return {}


def _stranger(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="amiable"'})


def _forged(request: HttpRequest) -> bool:
    check = CsrfViewMiddleware(lambda _request: HttpResponse())
    check.process_request(request)
    return check.process_view(request, HttpResponse, (), {}) is not None


def _once(request: Asked, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Reads go through; a change is whole or nothing, and one with a key is done once and its answer repeated."""
    if request.method in SAFE:
        return act()
    if request.method != "POST" or not (key := request.headers.get("Idempotency-Key", "")):
        return _whole(request, act)
    if len(key) > LONGEST or not key.isprintable():
        raise Problem(400, _("An Idempotency-Key has at most %(n)s printable characters.") % {"n": LONGEST})
    asked = _digest(request)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"api:{request.user.pk}:{key}"])
        kept = ApiAnswer.objects.filter(user=request.user, key=key).first()
        if kept is not None and kept.made_at < clock.now() - ANSWERS:
            kept.delete()
            kept = None
        if kept is not None:
            if kept.request_hash != asked:
                raise Problem(409, _("This Idempotency-Key was used for another request."))
            return _repeated(kept)
        response = _whole(request, act)
        if response.status_code < 500 and isinstance(response, HttpResponse):
            told = {name: response[name] for name in KEPT_HEADERS if name in response}
            ApiAnswer.objects.create(
                user=request.user, key=key, request_hash=asked, status=response.status_code, made_at=clock.now(),
                sealed=seal.close(json.dumps({"headers": told, "body": response.content.decode()})),
            )  # fmt: skip
    return response


def _repeated(kept: ApiAnswer) -> HttpResponse:
    """The same answer again. It was kept sealed: what lets somebody in stands in some."""
    told = json.loads(seal.open_(kept.sealed))
    return HttpResponse(told["body"], status=kept.status, headers={"Idempotency-Replayed": "true", **told["headers"]})


def _whole(request: Asked, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """What is refused leaves nothing behind, but the line of a try that failed."""
    with transaction.atomic():
        response = act()
        if response.status_code >= 400:
            transaction.set_rollback(not request.tried)
        else:
            for name, value in request.told.items():
                response.headers[name] = value
    return response


def _digest(request: Asked) -> str:
    """The request without what is not of its meaning: a multipart body has another border each time. The token counts: what
    one of them was answered is not told to a narrower one.
    """
    found = hashlib.sha256(f"{request.method} {request.get_full_path()} {request.token_ref}\n".encode())
    if request.content_type == "multipart/form-data":
        for name in sorted(request.POST):
            found.update(f"{name}={request.POST.getlist(name)}\n".encode())
        for name in sorted(request.FILES):
            for file in request.FILES.getlist(name):
                found.update(f"{name}={file.name}\n".encode())
                for chunk in file.chunks():
                    found.update(chunk)
                file.seek(0)
    else:
        found.update(request.body)
    return found.hexdigest()
