"""What is the asker's own: who they are, what they heard, the views they keep; and the trail, for who reads it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Query, Router, Schema
from pydantic import Field

from amiable.casework import save, wish
from amiable.casework.models import Notification, NotificationKind, View, Way
from amiable.core.models import User
from amiable.web.api import room
from amiable.web.api.people import ScopeOut, UserOut
from amiable.web.api.problem import Problem
from amiable.web.api.shape import AnyDay, Done, Flag, Id, Key, Line, Page, Said
from amiable.web.api.told import told
from amiable.web.desk import audit_pages, news, saved, scope
from amiable.web.ui import clock

router = Router(tags=["people"])

NotificationOut = told(Notification, "customer", "kind", "text", "url", "created_at", "read_at", name="Notification")
ViewOut = told(
    View, "owner", "room", "name", "query", "shared", "made_at", name="View",
    doc="The filters of a list of the desk under a name; `query` as it stands in the address.",
)  # fmt: skip


class Me(Schema):
    user: UserOut  # type: ignore[valid-type]
    scopes: list[ScopeOut]  # type: ignore[valid-type]
    acts: list[str] | None = Field(description="What the token may do; empty: whatever its person may.")


class Notifications(FilterSchema):
    unread: bool | None = None

    def filter_unread(self, value: bool | None) -> Q:
        return Q() if value is None else Q(read_at__isnull=value)


class Views(FilterSchema):
    room: Key | None = None


class KeepsView(Said):
    room: Literal[tuple(saved.ROOMS)]  # type: ignore[valid-type]
    name: Annotated[Line, Field(max_length=60)]
    query: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$", strict=True)] = Field(
        description="The filters, as they stand in the address: `segment=late&overdue=1`."
    )
    shared: Flag = False


class SharesView(Said):
    shared: Flag = True


class OpensWith(Said):
    opens: Flag = True


class News(Schema):
    """Of one kind of line, or a digest: how it reaches me beside the desk."""

    kind: str
    way: Way


class WishesNews(Said):
    kind: Literal[(*NotificationKind.values, *wish.DIGESTS)]  # type: ignore[valid-type]
    way: Way


class Trail(Schema):
    cursor: str = Field("", max_length=80, description="The `next` of the page before; empty for the first page.")
    creditor: Id | None = None
    user: Id | None = None
    act: Key = ""
    subject: Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$")] = ""
    subject_ref: Id | None = None
    since: AnyDay | None = None
    until: AnyDay | None = None
    words: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""


class TrailEntry(Schema):
    """Who did or saw what, when."""

    id: int
    at: datetime
    user: int | None = Field(validation_alias="user_id")
    actor: str
    act: str
    creditor_ref: int | None
    subject: str
    subject_ref: int | None
    detail: dict[str, Any]


def _views(user: User) -> QuerySet[View]:
    found = View.objects.none()
    for each in saved.ROOMS:
        found |= saved.visible(user, each)
    return found.distinct()


room.shelf(
    router, "/notifications", name="notification", many="notifications", schema=NotificationOut, filters=Notifications,
    rows=news.lines,
)  # fmt: skip
room.shelf(router, "/views", name="view", many="views", schema=ViewOut, filters=Views, rows=_views)


@room.get(router, "/me", response=Me, name="get_me", summary="Who asks")
def me(request: HttpRequest) -> Any:
    asked = room.asking(request)
    return {
        "user": asked.user,
        "scopes": [each for each in scope.scopes(asked.user) if each.pk],
        "acts": None if asked.narrowed is None else sorted(asked.narrowed),
    }


def _marked(path: str, at: Any, *, name: str, summary: str) -> None:
    def mark(request: HttpRequest, pk: Id) -> Any:
        found = room.row(news.lines(room.asking(request).user), pk)
        found.read_at = at(found)
        found.save(update_fields=["read_at"])
        return found

    room.post(
        router, f"/notifications/{{pk}}/{path}", right=room.READ, response=NotificationOut, name=name, summary=summary
    )(mark)  # fmt: skip


_marked("read", lambda row: row.read_at or clock.now(), name="read_notification", summary="Mark as read")
_marked("unread", lambda _row: None, name="unread_notification", summary="Mark as unread")


@room.get(router, "/news-wishes", response=list[News], name="list_news_wishes", summary="How I hear of what")
def wishes(request: HttpRequest) -> Any:
    return _ways(request)


def _ways(request: HttpRequest) -> list[dict[str, Any]]:
    return [{"kind": kind, "way": way} for kind, way in wish.ways(room.asking(request).user).items()]


@room.post(
    router,
    "/news-wishes",
    right=room.READ,
    response=list[News],
    name="wish_news",
    summary="Choose how I hear of something",
)
def wish_news(request: HttpRequest, said: WishesNews) -> Any:
    wish.choose(user=room.asking(request).user, kind=said.kind, way=said.way, now=clock.now(), origin="api")
    return _ways(request)


@room.post(router, "/views", right=room.READ, response={201: ViewOut}, name="keep_view", summary="Keep a view")
def keep_view(request: HttpRequest, said: KeepsView) -> Any:
    """The filters of a list of the desk under a name; the same name again holds the new ones."""
    query = saved.normal(said.query)
    by = room.asking(request).user
    return save.keep_view(owner=by, room=said.room, name=said.name, query=query, shared=said.shared, now=clock.now())


@room.post(router, "/views/{pk}/drop", right=room.READ, response=Done, name="drop_view", summary="Drop a view")
def drop_view(request: HttpRequest, pk: Id) -> Any:
    found = _own_view(request, pk)
    save.drop_view(view=found, by=room.asking(request).user, now=clock.now())
    return {"said": _("The view “%(name)s” is dropped.") % {"name": found.name}}


@room.post(
    router,
    "/views/{pk}/share",
    right=room.READ,
    response=ViewOut,
    name="share_view",
    summary="Share a view, or not any more",
)
def share_view(request: HttpRequest, pk: Id, said: SharesView) -> Any:
    by = room.asking(request).user
    return save.share_view(view=_own_view(request, pk), shared=said.shared, by=by, now=clock.now())


@room.post(
    router, "/views/{pk}/open-with", right=room.READ, response=Done, name="open_with_view",
    summary="Open my list with a view, or with everything again",
)  # fmt: skip
def open_with(request: HttpRequest, pk: Id, said: OpensWith) -> Any:
    found = room.row(_views(room.asking(request).user), pk)
    save.open_with(user=room.asking(request).user, view=found, opens=said.opens)
    if not said.opens:
        return {"said": _("Your list opens with everything again.")}
    return {"said": _("Your list opens with “%(name)s” from now on.") % {"name": found.name}}


def _own_view(request: HttpRequest, pk: int) -> View:
    by = room.asking(request).user
    return room.row(_views(by).filter(owner=by), pk)


@room.get(router, "/audit-entries", right="audit", response=Page[TrailEntry], name="list_audit_entries",
    summary="Search the trail",
)  # fmt: skip
def trail(request: HttpRequest, asked: Query[Trail]) -> Any:
    """Who did and saw what at the creditors whose trail you read, newest first, 50 a page."""
    by = room.asking(request).user
    houses = list(scope.whole_creditors(by, act="audit"))
    if not houses:
        raise Problem(403, _("Your role does not do that."))
    before = audit_pages.place(asked.cursor)
    if asked.cursor and before is None:
        return {"items": [], "next": None}
    wanted = audit_pages.Asked(
        person=asked.user or 0, act=asked.act, subject=asked.subject, ref=asked.subject_ref or 0,
        creditor=asked.creditor or 0, since=asked.since, until=asked.until, words=asked.words.strip(), before=before,
    )  # fmt: skip
    lines, following = audit_pages.lines_of(by, houses, wanted)
    return {"items": lines, "next": following or None}
