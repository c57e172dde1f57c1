"""The filters of a list kept under a name: chips above the list, one's own and those that colleagues share.

In: the name of a list (room) and the words of its address. Out: chips; each act is a POST. Never: a view of somebody who
works for none of the same creditors; and a view shows to each only what they may see.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from amiable.casework import save
from amiable.casework.models import FirstView, View
from amiable.core.errors import UnableTo
from amiable.core.models import Role, Scope, User
from amiable.web.desk import deed, scope
from amiable.web.ui import clock

ROOMS = {"todo": "desk:home", "customers": "desk:customers"}
NOT_KEPT = {"page", "every"}


def visible(user: User, room: str) -> QuerySet[View]:
    """One's own views of a list, and the shared ones of those who work in the same houses; an agency works in none."""
    if user.is_superuser:
        return View.objects.filter(Q(owner=user) | Q(shared=True), room=room)
    houses = {each.creditor_ref for each in scope.scopes(user) if each.role != Role.AGENCY}
    works_there = Scope.objects.filter(creditor_ref__in=houses).exclude(role=Role.AGENCY)
    near = User.objects.filter(pk__in=works_there.values("user"), is_active=True)
    return View.objects.filter(Q(owner=user) | Q(shared=True, owner__in=near), room=room)


def bar(user: User, room: str, query: QueryDict) -> dict[str, Any]:
    """What the chips above a list need: the views, which one is open, and what could be kept; and the words of the view with
    which this person's list opens, empty without one. One query."""
    here = normal(query.urlencode())
    chosen = FirstView.objects.filter(user=user, room=room, view=OuterRef("pk"))
    rows = visible(user, room).select_related("owner").annotate(opens=Exists(chosen)).order_by("-opens", "name", "pk")
    views = list(rows[: 2 * save.MOST])
    now_open = next((view for view in views if here and view.query == here), None)
    first = views[0].query if views and vars(views[0])["opens"] else ""
    return {"views": views, "open": now_open, "room": room, "list": reverse(ROOMS[room]), "query": here, "first": first}


def normal(query: str) -> str:
    """The words of an address in one order, without what is no filter."""
    words = [(name, value) for name, value in parse_qsl(query) if name not in NOT_KEPT]
    return urlencode(sorted(words))[:1000]


@require_POST
@scope.inside
def keep(request: scope.Asked, room: str) -> HttpResponse:
    """Keeps the filters under a name; the same name again holds the new ones."""
    if room not in ROOMS:
        raise Http404
    name, query = request.POST.get("name", "").strip()[:60], normal(request.POST.get("query", ""))
    shared = request.POST.get("shared") == "1"
    try:
        save.keep_view(owner=request.user, room=room, name=name, query=query, shared=shared, now=clock.now())
    except save.UnableToKeep as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("The view “%(name)s” is kept.") % {"name": name})
    return redirect(f"{reverse(ROOMS[room])}?{query}")


@require_POST
@scope.inside
def change(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """Drops or shares a view of one's own; opens one's list with any that one sees."""
    act = ACTS.get(name)
    view = View.objects.filter(pk=pk).first()
    if act is None or view is None:
        raise Http404
    view = get_object_or_404(visible(request.user, view.room), pk=pk)
    if name in OF_THE_OWNER and view.owner_id != request.user.pk:
        raise Http404
    room, query = view.room, view.query
    act(request, view)
    return redirect(f"{reverse(ROOMS[room])}?{query}")


@require_POST
@scope.inside
def back(request: scope.Asked, room: str) -> HttpResponse:
    """A view dropped by mistake is kept again."""
    if room not in ROOMS:
        raise Http404
    query = ""
    try:
        words = deed.taken_back(request)
        query = words["query"]
        save.put_back(owner=request.user, room=room, now=clock.now(), **words)
    except UnableTo as error:
        messages.warning(request, str(error))
    return redirect(f"{reverse(ROOMS[room])}?{query}")


def _drop(request: scope.Asked, view: View) -> None:
    words = save.drop_view(view=view, by=request.user, now=clock.now())
    told = _("The view “%(name)s” is dropped.") % {"name": view.name}
    deed.told(request, told, undo=(reverse("desk:view_back", args=[view.room]), words))


def _share(request: scope.Asked, view: View) -> None:
    save.share_view(view=view, shared=True, by=request.user, now=clock.now())
    messages.success(request, _("Your colleagues see the view “%(name)s”.") % {"name": view.name})


def _alone(request: scope.Asked, view: View) -> None:
    save.share_view(view=view, shared=False, by=request.user, now=clock.now())
    messages.success(request, _("Only you see the view “%(name)s”.") % {"name": view.name})


def _first(request: scope.Asked, view: View) -> None:
    save.open_with(user=request.user, view=view, opens=True)
    messages.success(request, _("Your list opens with “%(name)s” from now on.") % {"name": view.name})


def _every(request: scope.Asked, view: View) -> None:
    save.open_with(user=request.user, view=view, opens=False)
    messages.success(request, _("Your list opens with everything again."))


# Each says how it is to be: what is posted twice is so once.
ACTS: dict[str, Callable[[scope.Asked, View], None]] = {
    "drop": _drop, "share": _share, "alone": _alone, "first": _first, "every": _every,
}  # fmt: skip
OF_THE_OWNER = {"drop", "share", "alone"}
