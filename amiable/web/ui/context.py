"""What every page needs besides its own content: theme, language, and the way around the desk."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from amiable.core.models import User
from amiable.web.desk import scope

THEMES = ("light", "dark")
# What stays in reach of the thumb on a phone, when there are more places than fit beside each other.
NEAR = {"desk:home", "desk:inbox", "desk:customers", "desk:figures"}
FIT = 5


def room(request: HttpRequest) -> dict[str, Any]:
    """Lazy: pages that ask for none of it pay nothing."""
    theme = request.COOKIES.get("theme", "")
    return {"theme": theme if theme in THEMES else "auto", "nav": lambda: _nav(request), "tabs": lambda: _tabs(request)}


def _nav(request: HttpRequest) -> list[dict[str, Any]]:
    """The places of the desk that this user may go to: files, runs and figures are of whole creditors."""
    if not isinstance(request.user, User):
        return []
    path = request.path
    whole = scope.sees_whole(request.user)
    places = [
        ("desk:home", _("To do"), "bolt", True),
        ("desk:inbox", _("Answers"), "inbox", True),
        ("desk:money", _("Matching"), "cash", whole),
        ("desk:customers", _("Customers"), "users", True),
        ("desk:plans", _("Plans"), "calendar", True),
        ("desk:segments", _("Segments"), "category", True),
        ("desk:scenarios", _("Scenarios"), "list", True),
        ("desk:campaigns", _("Campaigns"), "send", whole),
        ("desk:sending", _("Sending"), "mail-forward", whole),
        ("desk:letters", _("Letters"), "printer", whole),
        ("desk:texts", _("Texts"), "message", True),
        ("desk:simulate", _("Simulation"), "chart-line", whole),
        ("desk:payments", _("Payments"), "credit-card", True),
        ("desk:statements", _("Bank"), "building-bank", whole),
        ("desk:imports", _("Imports"), "upload", whole),
        ("desk:quarantine", _("Quarantine"), "alert-triangle", whole),
        ("desk:late_payment", _("Late payment"), "scale", scope.administers(request.user)),
        ("desk:channels", _("Channels"), "settings", scope.administers(request.user)),
        ("desk:rules", _("House rules"), "shield-check", scope.administers(request.user)),
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
        shown.append({"url": url, "label": label, "icon": icon, "active": active, "near": name in NEAR})
    return shown


def _tabs(request: HttpRequest) -> dict[str, Any]:
    """The places of a phone's lower edge: all of them where they fit, else the nearest, and the others behind "More"."""
    places = _nav(request)
    near = [place for place in places if place["near"] or len(places) <= FIT]
    further = [place for place in places if place not in near]
    return {"near": near, "further": further, "elsewhere": any(place["active"] for place in further)}
