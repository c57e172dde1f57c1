"""The filters of a list kept under a name, for oneself or shared, and the one with which a list opens.

In: a person, the name of a list and the words of its address. Out: View rows. Never: more of them than anybody reads.
"""

from datetime import datetime

from django.utils.translation import gettext as _

from amiable.casework.models import FirstView, View
from amiable.core.errors import UnableTo
from amiable.core.models import User

MOST = 30  # of one person, in one list


class UnableToKeep(UnableTo):
    """The view has no name, no words, or there are too many."""


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
    return view


def drop_view(*, view: View) -> dict[str, object]:
    """What is needed to keep it again (`put_back`)."""
    View.objects.filter(pk=view.pk).delete()
    return {"name": view.name, "query": view.query, "shared": view.shared}


def put_back(*, owner: User, room: str, name: str, query: str, shared: bool, now: datetime) -> None:
    """A view dropped by mistake is there again; one that took its name meanwhile stays."""
    kept = {"query": query, "shared": shared, "made_at": now}
    View.objects.get_or_create(owner=owner, room=room, name=name, defaults=kept)


def share_view(*, view: View) -> View:
    """Colleagues see it, or no longer."""
    view.shared = not view.shared
    view.save(update_fields=["shared"])
    return view


def open_with(*, user: User, view: View) -> bool:
    """The person's list opens with this view; False where it did already, and opens with everything again."""
    chosen = FirstView.objects.filter(user=user, room=view.room)
    if chosen.filter(view=view).delete()[0]:
        return False
    chosen.delete()
    FirstView.objects.create(user=user, room=view.room, view=view)
    return True
