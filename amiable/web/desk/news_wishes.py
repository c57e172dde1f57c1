"""What reaches me and how: a choice per kind of line and per digest, at the desk or by one click from an e-mail (RFC 8058).

In: ticks, or a signed link. Out: wishes. Never: a wish changed by looking at a link; mail programs open links.
"""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from amiable.casework import wish
from amiable.casework.models import NotificationKind, Way
from amiable.core import links
from amiable.core.models import User
from amiable.outreach.memo import UNSUBSCRIBE
from amiable.web.desk import scope
from amiable.web.ui import clock


@require_http_methods(["GET", "POST"])
@scope.inside
def wishes(request: scope.Asked) -> HttpResponse:
    if request.method == "POST":
        _choose(request, clock.now())
        messages.success(request, _("Your wishes are kept."))
        return redirect("desk:news_wishes")
    chosen = wish.ways(request.user)
    content = {
        "kinds": [(kind, label, chosen[kind]) for kind, label in NotificationKind.choices],
        "digests": [(kind, label, chosen[kind] != Way.NEVER) for kind, label in wish.DIGESTS.items()],
        "ways": Way.choices,
    }
    return render(request, "desk/news_wishes.html", content)


def _choose(request: scope.Asked, now: datetime) -> None:
    for kind in NotificationKind.values:
        if (way := request.POST.get(kind, "")) in Way.values:
            wish.choose(user=request.user, kind=kind, way=way, now=now, origin="account")
    for kind in wish.DIGESTS:
        way = Way.AT_ONCE if request.POST.get(kind) else Way.NEVER
        wish.choose(user=request.user, kind=kind, way=way, now=now, origin="account")


@csrf_exempt  # a mail program has no cookie; the signed link is what allows the act
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ends one kind of e-mail: a page with a button for people, a bare POST for mail programs."""
    now = clock.now()
    try:
        told = links.read(UNSUBSCRIBE, token, now=now)
        user = User.objects.get(pk=told["u"])
        label = {**wish.DIGESTS, **dict(NotificationKind.choices)}[told["k"]]
    except (links.UnableToOpen, User.DoesNotExist, KeyError):
        return render(request, "desk/unsubscribe.html", {"label": ""}, status=404)
    if request.method == "POST":
        # Without the digest its lines stay at the desk; a kind that came at once does not move into the digest either.
        wish.choose(user=user, kind=told["k"], way=Way.NEVER, now=now, origin="one_click")
    with translation.override(user.language):
        content = {"label": label, "done": request.method == "POST"}
        response = render(request, "desk/unsubscribe.html", content)
    response.headers["Cache-Control"] = "no-store"
    return response
