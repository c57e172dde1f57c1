"""The pages of the dummy provider, for trying out every turn that a payment can take, from the first click to the
charge-back; and its dashboard, where what happened is found again.

In: its own signed links. Out: signed webhooks, then the way back. Never: a field for a card number; these pages on an
installation where money is real.
"""

import threading
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.http import require_http_methods, require_safe

from amiable.core import links
from amiable.core.errors import AmiableError
from amiable.payments.models import Attempt, AttemptState
from amiable.payments.providers import WordKind, dummy
from amiable.web.ui import clock

LATE_SECONDS = 8  # what "late" means on this page
SHOWN = 60  # attempts on the dashboard
ENDS = {
    "pay": [(WordKind.SUCCEEDED, "")],
    "confirm": [(WordKind.SUCCEEDED, "")],
    "refuse": [(WordKind.FAILED, "authentication_failed")],
    "decline": [(WordKind.FAILED, "insufficient_funds")],
    "abandon": [(WordKind.ABANDONED, "")],
    "debit": [(WordKind.PENDING, "")],
    "settle": [(WordKind.SUCCEEDED, "")],
    "bounce": [(WordKind.FAILED, "insufficient_funds")],
    "charge_back": [(WordKind.CHARGED_BACK, "fraudulent")],
}
AFTERWARDS = {"settle", "bounce", "charge_back"}  # done by banks, days later
SAVING = {"pay", "confirm"}


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """What came to the dummy, newest first, each with the page on which its banks can be played."""
    _only_in_dev()
    now = clock.now()
    rows = Attempt.objects.filter(provider=dummy.Dummy.key).select_related("creditor", "customer", "credit")
    return_url = request.build_absolute_uri()
    shown = [(row, dummy.page(row, return_url=return_url, now=now)) for row in rows.order_by("-pk")[:SHOWN]]
    return _private(render(request, "dev/psp_dashboard.html", {"rows": shown}))


@require_http_methods(["GET", "HEAD", "POST"])
def psp(request: HttpRequest, token: str) -> HttpResponseBase:
    """The page, its 3-D Secure question and its ends."""
    _only_in_dev()
    now = clock.now()
    try:
        order = links.read(dummy.PAGE, token, now=now)
    except links.UnableToOpen as error:
        return HttpResponse(str(error), status=410, content_type="text/plain; charset=utf-8")
    act = request.POST.get("act", "") if request.method == "POST" else ""
    if "save" in order:
        return _save(request, order, act, now)
    if act in ENDS:
        how = {name: request.POST.get(name) == "on" for name in ("late", "lost")}
        problem = _tell(_events(order, act, now), now=now, **how)
        return _page(request, order, problem=problem) if problem else redirect(order["return"])
    if act == "mistype":
        mistake = [(WordKind.STARTED, ""), (WordKind.INPUT_ERROR, "invalid_number")]
        problem = _tell([_event(order, *each, now) for each in mistake], now=now)
        return _page(request, order, problem=problem, mistyped=True)
    if act == "challenge":
        return _page(request, order, problem=_tell([_event(order, WordKind.STARTED, "", now)], now=now), challenge=True)
    return _page(request, order)


def _save(request: HttpRequest, order: dict[str, Any], act: str, now: datetime) -> HttpResponseBase:
    """A way to pay is entered without paying."""
    if act in dummy.KEPT:
        problem = _tell([dummy.keeping(order["save"], act, now=now)], now=now)
        return _page(request, order, problem=problem) if problem else redirect(order["return"])
    return _page(request, order)


def _page(request: HttpRequest, order: dict[str, Any], **shown: Any) -> HttpResponse:
    tried = Attempt.objects.filter(token=order.get("attempt", "")).first()
    state = tried.state if tried else AttemptState.OPENED
    with translation.override(order["language"] or None):
        told = {"order": order, "state": state, "kept": dummy.KEPT} | shown
        return _private(render(request, "dev/psp.html", told))


def _events(order: dict[str, Any], act: str, now: datetime) -> list[dict[str, Any]]:
    words = [*([] if act in AFTERWARDS else [(WordKind.STARTED, "")]), *ENDS[act]]
    events = [_event(order, kind, detail, now) for kind, detail in words]
    if order.get("keep") and act in SAVING:
        events.append(dummy.keeping(order["attempt"], "good", now=now))
    return events


def _event(order: dict[str, Any], kind: WordKind, detail: str, now: datetime) -> dict[str, Any]:
    # A mistake may be made again and again, each is its own event; everything else happens once, however often pressed.
    again = str(int(now.timestamp() * 1_000_000)) if kind == WordKind.INPUT_ERROR else ""
    money = (order["amount"], order["currency"])
    return dummy.event(order["attempt"], kind, detail, now=now, money=money, again=again)


def _tell(events: list[dict[str, Any]], *, now: datetime, late: bool = False, lost: bool = False) -> str:
    """Sends the webhooks; returns what went wrong in a sentence. Late ones go out when the customer is back already, lost
    ones never: the provider has to be asked.
    """
    if lost:
        dummy.lose(events)
        return ""
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


def _only_in_dev() -> None:
    if not settings.DEV_ROOMS:
        raise Http404


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    return response
