"""The payment page of the dummy provider, for trying out every end that a payment can have.

In: its own signed link. Out: signed webhooks, then the way back. Never: a field for a card number; this page on an
installation where money is real.
"""

import threading
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.http import require_http_methods

from amiable.core import links
from amiable.core.errors import AmiableError
from amiable.payments.providers import WordKind, dummy
from amiable.web.ui import clock

LATE_SECONDS = 8  # what "late" means on this page
ENDS = {
    "pay": [(WordKind.SUCCEEDED, "")],
    "confirm": [(WordKind.SUCCEEDED, "")],
    "refuse": [(WordKind.FAILED, "authentication_failed")],
    "decline": [(WordKind.FAILED, "insufficient_funds")],
    "abandon": [(WordKind.ABANDONED, "")],
}


@require_http_methods(["GET", "HEAD", "POST"])
def psp(request: HttpRequest, token: str) -> HttpResponseBase:
    """The page, its 3-D Secure question and its ends."""
    if not settings.DEV_ROOMS:
        raise Http404
    now = clock.now()
    try:
        order = links.read(dummy.PAGE, token, now=now)
    except links.UnableToOpen as error:
        return HttpResponse(str(error), status=410, content_type="text/plain; charset=utf-8")
    act = request.POST.get("act", "") if request.method == "POST" else ""
    if act in ENDS:
        words = [(WordKind.STARTED, ""), *ENDS[act]]
        problem = _tell(order, words, now=now, late=request.POST.get("late") == "on")
        return _page(request, order, problem=problem) if problem else redirect(order["return"])
    if act == "mistype":
        problem = _tell(order, [(WordKind.STARTED, ""), (WordKind.INPUT_ERROR, "invalid_number")], now=now)
        return _page(request, order, problem=problem, mistyped=True)
    if act == "challenge":
        return _page(request, order, problem=_tell(order, [(WordKind.STARTED, "")], now=now), challenge=True)
    return _page(request, order)


def _page(request: HttpRequest, order: dict[str, Any], **shown: Any) -> HttpResponse:
    with translation.override(order["language"] or None):
        response = render(request, "dev/psp.html", {"order": order} | shown)
    response.headers["Cache-Control"] = "no-store"
    return response


def _tell(order: dict[str, Any], words: list[tuple[WordKind, str]], *, now: datetime, late: bool = False) -> str:
    """Sends the webhooks; returns what went wrong in a sentence. Late ones go out when the customer is back already."""
    events = [_event(order, kind, detail, now) for kind, detail in words]
    if late:
        timer = threading.Timer(LATE_SECONDS, _tell_late, [events])
        timer.daemon = True
        timer.start()
        return ""
    try:
        dummy.tell(events, now=now)
    except AmiableError as error:
        return str(error)
    return ""


def _tell_late(events: list[dict[str, Any]]) -> None:
    dummy.tell(events, now=clock.now())


def _event(order: dict[str, Any], kind: WordKind, detail: str, now: datetime) -> dict[str, Any]:
    token = order["attempt"]
    # A mistake may be made again and again, each is its own event; everything else happens once, however often pressed.
    again = f"_{int(now.timestamp() * 1_000_000)}" if kind == WordKind.INPUT_ERROR else ""
    event = {
        "id": f"evt_{token}_{kind}{again}",
        "kind": kind,
        "attempt": token,
        "at": now.isoformat(),
        "detail": detail,
    }
    if kind == WordKind.SUCCEEDED:
        event |= {
            "payment": dummy.payment_of(token),
            "amount_minor": order["amount"],
            "currency": order["currency"],
        }
    return event
