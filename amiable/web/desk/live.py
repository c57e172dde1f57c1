"""What happens while somebody looks: one stream a page of server-sent events, and the words for each of them.

In: what a page shows (a customer, the list of what is to do, the inbox). Out: what happened to it, for whoever may see it.
Never: a word about a customer whom this person may not see, or to somebody who has logged out.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils.timezone import now as real_now
from django.views.decorators.http import require_GET

from amiable.core.live import END, Happening, listener, say
from amiable.core.models import User
from amiable.web.desk import live_words, news, scope
from amiable.web.timed import FOLLOWING

T = TypeVar("T")
RETRY = 3_000  # milliseconds until a page that lost its stream asks again
ALIVE = 20.0  # seconds between two signs of life
STANDING = 60.0  # seconds for which what a person may see is taken as read
ABSENT = 2.5 * ALIVE  # seconds without a sign of life, after which somebody is no longer on a page
# What the pages show: which happenings are of interest to whom.
OF = {"home": {"task"}, "inbox": {"reply"}}
session = import_module(settings.SESSION_ENGINE).SessionStore


@dataclass
class Standing:
    """Who follows, and what they may see; known for a minute, or until something about people changes."""

    user: User
    whole: set[int]
    parts: set[int]
    unread: int
    read_at: float
    customers: dict[int, bool] = field(default_factory=dict)


@require_GET
async def live(request: HttpRequest) -> HttpResponseBase:
    """The stream. Who is not logged in, and who asks a server that cannot keep one, is told to ask no more (204)."""
    if not isinstance(request, ASGIRequest):
        return HttpResponse(status=204)
    key = request.session.session_key or ""
    at, asked = request.GET.get("at", ""), request.GET.get("customer", "")
    customer = int(asked) if asked.isdecimal() and len(asked) < 16 else None
    standing = await _apart(_standing, key)
    if standing is None or (customer is not None and not await _sees(standing, customer)):
        return HttpResponse(status=204)
    told = _stream(
        key, standing, at=at, customer=customer, since=_moment(request.GET.get("since", "")),
        last=request.headers.get("Last-Event-ID", "")[:40],
    )  # fmt: skip
    return StreamingHttpResponse(
        told, content_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


@require_GET
@scope.inside
def told(request: scope.Asked, what: str, pk: int) -> HttpResponse:
    """What happened to a row, in words: a notice for the page, and what its row in a list is marked with."""
    return JsonResponse(live_words.told(request, what, pk))


async def _stream(
    key: str, standing: Standing, *, at: str, customer: int | None, since: float | None, last: str
) -> AsyncIterator[str]:
    # The middleware may have taken a connection from the pool, which nobody needs while the stream lasts.
    await sync_to_async(connections.close_all)()
    present: dict[int, tuple[str, float]] = {}
    with listener.follow(since=since, last=last) as queue, FOLLOWING.track_inprogress():
        yield f"retry: {RETRY}\n\n" + _event("", "bell", {"unread": standing.unread})
        await _appear(standing, customer, "here")
        try:
            while True:
                try:
                    async with asyncio.timeout(ALIVE):
                        told = await queue.get()
                except TimeoutError:
                    yield ": still here\n\n"
                    await _appear(standing, customer, "here")
                    told = None
                happening = told.happening if told else None
                if happening is END:
                    return
                fresh = await _again(key, standing, happening)
                if fresh is None:
                    yield _event("", "out", {})
                    return
                standing = fresh
                if told and happening:
                    yield await _said(told.id, happening, standing, at=at, customer=customer, present=present)
        finally:
            await asyncio.shield(_appear(standing, customer, "gone"))


async def _again(key: str, standing: Standing, happening: Happening | None) -> Standing | None:
    """What the person may see, read again where it has changed, or a minute has gone by. None: they are out."""
    changed = happening is not None and happening.what == "people"
    if changed or time.monotonic() - standing.read_at > STANDING:
        return await _apart(_standing, key)
    return standing


async def _said(
    id: str, happening: Happening, standing: Standing, *, at: str, customer: int | None, present: dict[int, tuple[str, float]]
) -> str:  # fmt: skip
    """The event for this page; empty where it is not concerned."""
    match happening.what:
        case "bell":
            if happening.user not in {None, standing.user.pk}:
                return ""
            standing.unread = await _apart(news.unread, standing.user)
            return _event(id, "bell", {"unread": standing.unread})
        case "here" | "gone":
            if customer is None or happening.customer != customer or happening.user == standing.user.pk:
                return ""
            if happening.what == "here" and happening.user not in present:
                await _appear(standing, customer, "here")  # whoever comes in learns at once who is there
            return _presence(id, happening, present)
        case "again":
            return _event(id, "again", {})
        case "much":
            seen = happening.creditor in standing.whole | standing.parts
            return _event(id, "again", {"calm": True}) if seen and (customer or at in OF) else ""
    concerned = happening.customer == customer if customer is not None else happening.what in OF.get(at, ())
    if not concerned or not await _may(standing, happening):
        return ""
    return _event(
        id, "happened", {
            "what": happening.what, "new": happening.new, "customer": happening.customer, "row": happening.row,
            "words": happening.what in live_words.TELLERS,
        },
    )  # fmt: skip


def _presence(id: str, happening: Happening, present: dict[int, tuple[str, float]]) -> str:
    """Who else looks at this customer now: told where it changes."""
    assert happening.user is not None
    before, now = set(present), time.monotonic()
    present.pop(happening.user, None)
    if happening.what == "here":
        present[happening.user] = (happening.name, now)
    for user in [user for user, (_name, at) in present.items() if now - at > ABSENT]:
        del present[user]
    if set(present) == before:
        return ""
    return _event(id, "present", {"names": sorted(name for name, _at in present.values())})


async def _appear(standing: Standing, customer: int | None, what: str) -> None:
    if customer is not None:
        await _apart(say, Happening(what, customer=customer, user=standing.user.pk, name=str(standing.user)))


async def _may(standing: Standing, happening: Happening) -> bool:
    """Whether this person may see whom it is about. Of whole creditors no row need be read."""
    if happening.creditor in standing.whole:
        return True
    if happening.customer is None or happening.creditor not in standing.parts:
        return False
    return await _sees(standing, happening.customer)


async def _sees(standing: Standing, customer: int) -> bool:
    if customer not in standing.customers:
        standing.customers[customer] = await _apart(_reached, standing.user, customer)
    return standing.customers[customer]


def _reached(user: User, customer: int) -> bool:
    return scope.customers_for(user).filter(pk=customer).exists()


def _standing(key: str) -> Standing | None:
    """From the session itself, so that a log-out, a new password or a closed account counts at once."""
    asked = HttpRequest()
    asked.session = session(key)
    user = get_user(asked)
    if not isinstance(user, User) or not user.is_active:
        return None
    whole = set(scope.whole_creditors(user).values_list("pk", flat=True))
    parts = {row.creditor_ref for row in scope.reaching(user)}  # a stand-in follows what they stand in for
    return Standing(user, whole, parts, news.unread(user), time.monotonic())


async def _apart(verb: Callable[..., T], *arguments: Any) -> T:
    """Runs a verb that asks the database in a thread, and gives its connection back at once."""

    def run() -> T:
        try:
            return verb(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


def _event(id: str, name: str, data: dict[str, Any]) -> str:
    return (f"id: {id}\n" if id else "") + f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _moment(text: str) -> float | None:
    """When the page was made, as base.html tells; what is no number, or long ago, is no moment."""
    try:
        moment = float(text)
    except ValueError:
        return None
    return moment if 0 <= real_now().timestamp() - moment < STANDING else None
