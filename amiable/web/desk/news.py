"""The bell: lines for this colleague, read and unread, each leading to what it is about.

Every line shown is this person's own, and about a customer whom they may still see.
"""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from amiable.casework.models import Notification, NotificationKind
from amiable.core.models import User
from amiable.web.desk import scope
from amiable.web.ui import clock

PAGE, MENU = 40, 8
ICONS = {
    "mention": "message", "task": "clipboard-check", "escalation": "arrow-up", "word": "users", "reply": "inbox",
    "dispute": "alert-triangle", "promise": "calendar", "plan": "calendar", "returned": "arrow-back-up", "other": "bell",
}  # fmt: skip


def lines(user: User) -> QuerySet[Notification]:
    seen = Q(customer=None) | scope.reach(user, path="customer__", outside=True)
    return Notification.objects.filter(seen, user=user)


def unread(user: User) -> int:
    return lines(user).filter(read_at=None).count()


@require_GET
@scope.inside
def news(request: scope.Asked) -> HttpResponse:
    rows = lines(request.user).select_related("customer").order_by("-created_at", "-pk")
    asked = request.GET.get("show", "")
    if asked == "unread":
        rows = rows.filter(read_at=None)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    content: dict[str, Any] = {"page": page, "lines": _told(page), "show": asked, "unread": unread(request.user)}
    return render(request, "desk/news.html", content)


@require_GET
@scope.inside
def menu(request: scope.Asked) -> HttpResponse:
    """The newest lines, for the bell at the head of each page."""
    rows = lines(request.user).select_related("customer").order_by("-created_at", "-pk")[:MENU]
    return render(request, "desk/_news_menu.html", {"lines": _told(rows), "unread": unread(request.user)})


@require_POST
@scope.inside
def follow(request: scope.Asked, pk: int) -> HttpResponse:
    """Read, and on to what the line is about."""
    line = get_object_or_404(lines(request.user), pk=pk)
    Notification.objects.filter(pk=line.pk, read_at=None).update(read_at=clock.now())
    return redirect(_place(line))


@require_POST
@scope.inside
def mark(request: scope.Asked) -> HttpResponse:
    """All are read; or one is, or is not, as it is told."""
    asked = request.POST.get("line", "")
    rows = lines(request.user)
    if asked:
        rows = rows.filter(pk=int(asked) if asked.isdecimal() and len(asked) < 16 else 0)
    Notification.objects.filter(pk__in=rows.values("pk")).update(
        read_at=None if request.POST.get("unread") else clock.now()
    )
    return redirect("desk:news")


def _told(rows: Any) -> list[tuple[Notification, str]]:
    return [(row, ICONS.get(row.kind, ICONS[NotificationKind.OTHER])) for row in rows]


def _place(line: Notification) -> str:
    """The page that a line is about; never one of another house."""
    if line.url and url_has_allowed_host_and_scheme(line.url, allowed_hosts=None):
        return line.url
    return reverse("desk:customer", args=[line.customer_id]) if line.customer_id else reverse("desk:news")
