"""Letters on their way to the post: what waits, batches to print, to post, and what came back.

Of whole creditors only, since a batch holds all their letters; who may write prints and posts.
"""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import tray
from amiable.outreach.bundle import printed
from amiable.outreach.models import Letter, LetterBatch
from amiable.web.desk import scope
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

BATCHES = 30
SHOWN = 200  # letters of a batch on its page


def seen(user: User, *, act: str | None = None) -> QuerySet[LetterBatch]:
    """The batches of the creditors whom this user sees as a whole (and may `act` on)."""
    rows = LetterBatch.objects.filter(creditor__in=scope.whole_creditors(user, act=act))
    return rows.select_related("creditor", "made_by", "posted_by")


@require_GET
@scope.inside
def letters(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    own = [chosen] if chosen else []
    back = Count("items", filter=Q(items__returned_at__isnull=False))
    gone = Letter.objects.filter(message__creditor__in=own, returned_at__isnull=False)
    content: dict[str, Any] = {
        "creditors": creditors,
        "creditor": chosen,
        "waiting": tray.tally(own),
        "batches": seen(request.user).filter(creditor__in=own).annotate(back=back).order_by("-pk")[:BATCHES],
        "returned": gone.select_related("message__customer").order_by("-returned_at")[:10],
        "may_change": chosen is not None and _may(request.user, chosen),
    }
    return render(request, "desk/letters.html", content)


@require_POST
@scope.inside
def make(request: scope.Asked) -> HttpResponse:
    """All that waits for a creditor becomes one batch."""
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="write"), pk=_number(request, "creditor"))
    try:
        made = tray.make(creditor=creditor, as_of=clock.today(), now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
        return redirect(_list(creditor))
    if made is None:
        messages.warning(request, _("Nothing that the letters are about is due any more: none is printed."))
        return redirect(_list(creditor))
    told = ngettext("%(n)s letter is in batch %(number)s.", "%(n)s letters are in batch %(number)s.", made.letters)
    messages.success(request, told % {"n": made.letters, "number": made.pk})
    return redirect("desk:letter_batch", made.pk)


@require_POST
@scope.inside
def returned(request: scope.Asked) -> HttpResponse:
    """Letters that came back, by the codes scanned or typed, one a line."""
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="write"), pk=_number(request, "creditor"))
    for code in request.POST.get("codes", "").split()[:500]:
        try:
            letter = tray.returned(code=code, creditors=[creditor], now=clock.now(), by=request.user)
        except UnableTo as error:
            messages.warning(request, str(error))
        else:
            told = _("%(customer)s: the address is not used any more, a better one is asked for.")
            messages.success(request, told % {"customer": letter.message.customer.name})
    return redirect(_list(creditor))


@require_GET
@scope.inside
def batch(request: scope.Asked, pk: int) -> HttpResponse:
    found = get_object_or_404(seen(request.user), pk=pk)
    items = found.items.select_related("message__customer").order_by("place")
    content = {
        "batch": found,
        "items": items[:SHOWN],
        "left": max(found.letters - SHOWN, 0),
        "back": found.items.filter(returned_at__isnull=False).count(),
        "may_change": _may(request.user, found.creditor),
    }
    return render(request, "desk/letter_batch.html", content)


@require_POST
@scope.inside
def take(request: scope.Asked, pk: int) -> HttpResponseBase:
    """The file for the printer, written as it is typeset; each time counts, and the second says so itself."""
    found = get_object_or_404(seen(request.user, act="write"), pk=pk)
    try:
        time = tray.take(batch=found, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
        return redirect("desk:letter_batch", pk)
    return paper(found, time)


def paper(found: LetterBatch, time: int) -> StreamingHttpResponse:
    """The file for the printer, taken for the so many-th time."""
    name = f"{found.creditor.key}-{found.pk}{f'-{time}' if time > 1 else ''}.pdf"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(printed(found), content_type="application/pdf", headers=headers)


@require_POST
@scope.inside
def post(request: scope.Asked, pk: int) -> HttpResponse:
    found = get_object_or_404(seen(request.user, act="write"), pk=pk)
    try:
        tray.post(batch=found, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("Noted: the batch is on its way."))
    return redirect("desk:letter_batch", pk)


def _may(user: User, creditor: Creditor) -> bool:
    return scope.sees_whole_of(user, creditor.pk, act="write")


def _number(request: scope.Asked, name: str) -> int:
    value = request.POST.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0


def _list(creditor: Creditor) -> str:
    return f"{reverse('desk:letters')}?creditor={creditor.pk}"
