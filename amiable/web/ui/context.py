"""What every page needs besides its own content: theme, language, and the way around the desk."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from amiable.core.models import User
from amiable.web.desk import scope

THEMES = ("light", "dark")
# What stays in reach of the thumb on a phone, when there are more places than fit beside each other.
NEAR = {"desk:home", "desk:inbox", "desk:customers", "desk:figures"}
FIT = 5


def room(request: HttpRequest) -> dict[str, Any]:
    """Lazy: pages that ask for none of it pay nothing, and who asks twice pays once."""
    theme, nav = request.COOKIES.get("theme", ""), cache(lambda: _nav(request))
    return {"theme": theme if theme in THEMES else "auto", "nav": nav, "tabs": lambda: _tabs(nav())}


def _nav(request: HttpRequest) -> list[dict[str, Any]]:
    """The places of the desk that this user may go to, in groups; the daily ones stand first and always open.

    Files, runs and figures are of whole creditors.
    """
    if not isinstance(request.user, User):
        return []
    whole, administers = scope.sees_whole(request.user), scope.administers(request.user)
    house = scope.of_house(request.user)
    inside = house or not scope.agencies(request.user)
    groups: list[tuple[str, list[tuple[str, str, str, bool]]]] = [
        ("", [
            ("desk:home", _("To do"), "bolt", inside),
            ("desk:placements", _("With agencies"), "door-exit", not inside),  # an agency's own work
            ("desk:inbox", _("Answers"), "inbox", inside),
            ("desk:customers", _("Customers"), "users", inside),
            ("desk:portfolio", _("My portfolio"), "star", scope.sells(request.user)),
            ("desk:disputes", pgettext("page", "Disputes"), "scale", inside),
            ("desk:figures", _("Figures"), "chart-bar", whole),
        ]),
        (_("Cash"), [
            ("desk:money", _("Matching"), "cash", whole),
            ("desk:payments", _("Payments"), "credit-card", inside),
            ("desk:plans", _("Plans"), "calendar", inside),
            ("desk:statements", _("Bank"), "building-bank", whole),
            ("desk:placements", _("With agencies"), "door-exit", inside),
            ("desk:late_payment", _("Late payment"), "scale", administers),
        ]),
        (_("Reminders"), [
            ("desk:segments", _("Segments"), "category", house),
            ("desk:scenarios", _("Scenarios"), "list", house),
            ("desk:campaigns", _("Campaigns"), "send", whole),
            ("desk:simulate", _("Simulation"), "chart-line", whole),
            ("desk:texts", _("Texts"), "message", house),
            ("desk:sending", _("Sending"), "mail-forward", whole),
            ("desk:letters", _("Letters"), "printer", whole),
        ]),
        (_("The house"), [
            ("desk:imports", _("Imports"), "upload", whole),
            ("desk:quarantine", _("Quarantine"), "alert-triangle", whole),
            ("desk:channels", _("Channels"), "settings", administers),
            ("desk:responsibility", _("Responsibility"), "user", house),
            ("desk:escalations", _("Escalations"), "arrow-up", administers),
            ("desk:rules", _("House rules"), "shield-check", administers),
            ("desk:people", _("Colleagues"), "users", administers),
            ("desk:audit", _("Audit trail"), "eye", scope.audits(request.user)),
            ("desk:runs", _("Runs"), "history", whole),
        ]),
    ]  # fmt: skip
    shown = []
    for label, named in groups:
        places = [_place(request.path, name, *told) for name, *told, open_to in named if open_to]
        if places:
            here = any(place["active"] for place in places)
            shown.append({"label": label, "places": places, "open": not label or here})
    return shown


def _place(path: str, name: str, label: str, icon: str) -> dict[str, Any]:
    url = reverse(name)
    active = path == url if url == "/" else path.startswith(url)
    return {"url": url, "label": label, "icon": icon, "active": active, "near": name in NEAR}


def _tabs(nav: list[dict[str, Any]]) -> dict[str, Any]:
    """The places of a phone's lower edge: all of them where they fit, else the nearest, and the others behind "More"."""
    places = [place for group in nav for place in group["places"]]
    near = [place for place in places if place["near"] or len(places) <= FIT]
    further = [place for place in places if place not in near]
    return {"near": near, "further": further, "elsewhere": any(place["active"] for place in further)}
