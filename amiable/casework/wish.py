"""How each colleague wishes to hear of what concerns them, beside the desk: by e-mail at once, in the daily list, not.

In: a person and a kind of line, or a digest. Out: the way, as they chose it or as usual.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.casework.models import NotificationKind, NotificationWish, Way
from amiable.core import audit
from amiable.core.models import User

DIGESTS: dict[str, Promise] = {"daily": _("My daily list"), "weekly": _("The weekly summary of my team")}
# As usual: what cannot wait until tomorrow goes out at once.
USUAL: dict[str, Way] = dict.fromkeys(NotificationKind.values, Way.DIGEST) | dict.fromkeys(
    (NotificationKind.MENTION, NotificationKind.ESCALATION, NotificationKind.WORD, *DIGESTS), Way.AT_ONCE
)


def ways(user: User) -> dict[str, Way]:
    """The way of every kind for this person."""
    return USUAL | {wish.kind: Way(wish.way) for wish in user.notification_wishes.all() if wish.kind in USUAL}


def who_wishes(kinds: Collection[str], way: Way, *, users: QuerySet[User]) -> set[tuple[int, str]]:
    """Of these people, with each kind, those who wish it that way; in one query."""
    told = {(wish.user_id, wish.kind): wish.way for wish in NotificationWish.objects.filter(user__in=users)}
    return {
        (pk, kind) for pk in users.values_list("pk", flat=True) for kind in kinds
        if told.get((pk, kind), USUAL[kind]) == way
    }  # fmt: skip


def choose(*, user: User, kind: str, way: str, now: datetime, origin: str) -> None:
    """From now on this kind reaches this person that way. Raises KeyError or ValueError for what is unknown."""
    usual, chosen = USUAL[kind], Way(way)
    before = NotificationWish.objects.filter(user=user, kind=kind).values_list("way", flat=True).first()
    if (before or usual) == chosen:
        return
    NotificationWish.objects.update_or_create(
        user=user, kind=kind, defaults={"way": chosen, "since": now, "origin": origin}
    )
    audit.record(
        "notification.wished",
        now=now,
        user=user,
        subject="user",
        subject_ref=user.pk,
        kind=kind,
        way=chosen,
        origin=origin,
    )
