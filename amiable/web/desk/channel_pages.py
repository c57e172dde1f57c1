"""The channels of a creditor: what carries each medium, settings sealed, a try at one's own address, the hook's address.

Never: a secret shown again, or a page for who does not administer the whole creditor.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable.core.seal import UnableToUnseal
from amiable.ledger.models import Creditor, Medium
from amiable.outreach import route
from amiable.outreach.channel import Channel, Hook, channels
from amiable.outreach.esp.overhear import USER
from amiable.outreach.express import talk_url
from amiable.outreach.try_out import UnableToTry, try_out
from amiable.web.desk import psp_pages, scope, sealed
from amiable.web.desk.segment_edit import administered
from amiable.web.ui import clock

ICONS = {
    Medium.EMAIL: "mail", Medium.SMS: "device-mobile", Medium.LETTER: "file-invoice", Medium.CALL: "phone",
    Medium.IVR: "keyboard", Medium.WHATSAPP: "message",
}  # fmt: skip


@require_GET
@scope.inside
def overview(request: scope.Asked) -> HttpResponse:
    """Every medium of one creditor, with what carries it and what else could."""
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    chosen = administered(creditors, request.GET.get("creditor", ""))
    ways = route.routes([chosen])
    waiting = {each.medium: each.count for each in route.stuck(ways)}
    kept = route.kept_keys(chosen)
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "acquirers": psp_pages.offered(chosen),
        "media": [_medium(ways[chosen.pk, medium], waiting.get(medium, 0), kept) for medium in Medium.values],
    }
    return render(request, "desk/channels.html", content)


@require_http_methods(["GET", "POST"])
@scope.inside
def channel(request: scope.Asked, pk: int, key: str) -> HttpResponse:
    """One channel: its settings, whether it is in use, where it calls us."""
    creditor, kind = _asked(request, pk, key)
    known, unread = _known(creditor, key)
    form = sealed.form(kind.Config, known, request.POST if request.method == "POST" else None, but=route.PASSWORD)
    if request.method == "POST" and form.is_valid():
        route.keep(creditor=creditor, key=key, values=sealed.plain(form.cleaned_data), now=clock.now(), by=request.user)
        messages.success(request, _("Kept, sealed. Send a test, then let it carry."))
        return redirect("desk:channel", pk, key)
    used = route.in_use(creditor, kind.medium)
    content = {
        "creditor": creditor,
        "key": key,
        "label": kind.label,
        "proof": kind.hook,
        "medium": Medium(kind.medium).label,
        "icon": ICONS.get(Medium(kind.medium), "send"),
        "form": form,
        "kept": known is not None,
        "unread": unread,
        "in_use": used == key,
        "by_people": kind.by_people,
        "chosen": route.chosen(creditor, kind.medium) == key,
        "instead_of": channels()[used].label if used in channels() and used != key else "",
        "missing": route.route(creditor, key).missing,
        "hook": _hook(creditor, kind, known or {}),
    }
    return render(request, "desk/channel.html", content, status=422 if form.errors else 200)


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, key: str, name: str) -> HttpResponse:
    """Test it, let it carry, or take its settings away."""
    creditor, kind = _asked(request, pk, key)
    if name not in ACTS:
        raise Http404
    told = {"channel": kind.label, "medium": Medium(kind.medium).label}
    how: dict[str, Any] = {"creditor": creditor, "key": key, "now": clock.now()}
    try:
        if name == "test":
            messages.success(request, try_out(user=request.user, **how))
        elif name == "use":
            route.use(by=request.user, **how)
            messages.success(request, _("From now on “%(channel)s” carries: %(medium)s.") % told)
        else:
            route.forget(by=request.user, **how)
            gone = (
                _("Scenarios go by “%(channel)s” no more.")
                if kind.by_people
                else _("The settings of “%(channel)s” are gone.")
            )
            messages.success(request, gone % told)
    except (UnableToTry, route.UnableToRoute) as error:
        messages.error(request, str(error))
    return redirect("desk:channel", pk, key)


ACTS = {"test", "use", "forget"}


def _asked(request: scope.Asked, pk: int, key: str) -> tuple[Creditor, type[Channel]]:
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="administer"), pk=pk)
    kind = channels().get(key)
    if kind is None or not kind.offered():
        raise Http404
    return creditor, kind


def _medium(way: route.Route, waiting: int, kept: set[str]) -> dict[str, Any]:
    """A medium with its channel in use first, then those that are set up, then what else could carry it."""
    offered = [kind for kind in channels().values() if kind.medium == way.medium and kind.offered()]
    rows = [
        {
            "key": kind.key,
            "label": kind.label,
            "in_use": kind.key == way.key,
            "kept": kind.key in kept,
            "own": kind.key == way.medium,
        }
        for kind in sorted(offered, key=lambda kind: str(kind.label).lower())
    ]
    near = [row for row in rows if row["in_use"] or row["kept"] or row["own"]]
    return {
        "key": way.medium,
        "label": Medium(way.medium).label,
        "icon": ICONS.get(Medium(way.medium), "send"),
        "way": way,
        "waiting": waiting,
        "near": sorted(near, key=lambda row: not row["in_use"]),
        "further": [row for row in rows if row not in near],
    }


def _known(creditor: Creditor, key: str) -> tuple[dict[str, Any] | None, str]:
    try:
        return route.known(creditor, key), ""
    except UnableToUnseal as error:
        return None, str(error)


def _hook(creditor: Creditor, kind: type[Channel], known: dict[str, Any]) -> dict[str, str]:
    """The addresses to enter at the provider; none before its password was made."""
    password = known.get(route.PASSWORD, "")
    if kind.hook == Hook.NONE or (kind.hook == Hook.PASSWORD and not password):
        return {}
    parts = urlsplit(settings.BASE_URL)
    host = f"{USER}:{password}@{parts.netloc}" if kind.hook == Hook.PASSWORD else parts.netloc
    path = reverse("hooks:channel", args=[creditor.pk, kind.key])
    address = urlunsplit((parts.scheme, host, parts.path + path, "", ""))
    answers = f"{address}?{kind.answers}" if kind.answers else ""
    return {"words": address, "answers": answers, "talk": talk_url(creditor) if kind.medium == Medium.IVR else ""}
