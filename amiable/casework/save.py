"""The filters of a list kept under a name, for oneself or shared, and the one with which a list opens.

In: a person, the name of a list and the words of its address. Out: View rows. Never: more of them than anybody
reads; what is kept, shared and dropped is in the trail.
"""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.casework.models import FirstView, View
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User

MOST = 30  # of one person, in one list


class UnableToKeep(UnableTo):
    """The view has no name, no words, or there are too many."""


@transaction.atomic
def keep_view(*, owner: User, room: str, name: str, query: str, shared: bool, now: datetime) -> View:
    """Keeps the filters under a name; the same name again holds the new ones."""
    if not name or not query:
        raise UnableToKeep(_("A view needs a name, and at least one filter."))
    if View.objects.filter(owner=owner, room=room).exclude(name=name).count() >= MOST:
        raise UnableToKeep(_("There are many views already. Please drop one first."))
    words = {"query": query, "shared": shared}
    view, _new = View.objects.update_or_create(
        owner=owner, room=room, name=name, defaults=words, create_defaults=words | {"made_at": now}
    )
    _record("view.kept", view, by=owner, now=now)
    return view


@transaction.atomic
def drop_view(*, view: View, by: User, now: datetime) -> dict[str, object]:
    """What is needed to keep it again (`put_back`)."""
    if View.objects.filter(pk=view.pk).delete()[0]:
        _record("view.dropped", view, by=by, now=now)
    return {"name": view.name, "query": view.query, "shared": view.shared}


@transaction.atomic
def put_back(*, owner: User, room: str, name: str, query: str, shared: bool, now: datetime) -> None:
    """A view dropped by mistake is there again; one that took its name meanwhile stays."""
    kept = {"query": query, "shared": shared, "made_at": now}
    view, new = View.objects.get_or_create(owner=owner, room=room, name=name, defaults=kept)
    if new:
        _record("view.kept", view, by=owner, now=now)


@transaction.atomic
def share_view(*, view: View, shared: bool, by: User, now: datetime) -> View:
    """Colleagues see it, or only its owner; said twice, it is so once."""
    if View.objects.filter(pk=view.pk).exclude(shared=shared).update(shared=shared):
        _record("view.shared" if shared else "view.withdrawn", view, by=by, now=now)
    view.shared = shared
    return view


def open_with(*, user: User, view: View, opens: bool) -> None:
    """The person's list opens with this view, or with everything again where it opened with this one."""
    if opens:
        FirstView.objects.update_or_create(user=user, room=view.room, defaults={"view": view})
    else:
        FirstView.objects.filter(user=user, view=view).delete()


def _record(act: str, view: View, *, by: User, now: datetime) -> None:
    told = {"room": view.room, "name": view.name, "query": view.query}
    audit.record(act, now=now, user=by, subject="view", subject_ref=view.pk, **told)
