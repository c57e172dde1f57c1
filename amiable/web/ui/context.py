"""What every page needs besides its own content: theme, language, and the way around the desk."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from amiable.core.models import User
from amiable.web.desk import scope

THEMES = ("light", "dark")


def room(request: HttpRequest) -> dict[str, Any]:
    """Lazy: pages that ask for none of it pay nothing."""
    theme = request.COOKIES.get("theme", "")
    return {"theme": theme if theme in THEMES else "auto", "nav": lambda: _nav(request)}


def _nav(request: HttpRequest) -> list[dict[str, Any]]:
    """The places of the desk that this user may go to: files, runs and figures are of whole creditors."""
    if not isinstance(request.user, User):
        return []
    path = request.path
    whole = scope.sees_whole(request.user)
    places = [
        ("desk:home", _("To do"), "bolt", True),
        ("desk:customers", _("Customers"), "users", True),
        ("desk:segments", _("Segments"), "category", True),
        ("desk:scenarios", _("Scenarios"), "list", True),
        ("desk:campaigns", _("Campaigns"), "send", whole),
        ("desk:simulate", _("Simulation"), "chart-line", whole),
        ("desk:imports", _("Imports"), "upload", whole),
        ("desk:quarantine", _("Quarantine"), "alert-triangle", whole),
        ("desk:runs", _("Runs"), "history", whole),
        ("desk:figures", _("Figures"), "chart-bar", whole),
    ]
    shown = []
    for name, label, icon, open_to in places:
        if not open_to:
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        active = path == url if url == "/" else path.startswith(url)
        shown.append({"url": url, "label": label, "icon": icon, "active": active})
    return shown
