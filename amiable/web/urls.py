"""Every room at its address; the rooms for trying things out exist only where DEV_ROOMS is on."""

from importlib.util import find_spec

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("hooks/", include("amiable.web.hooks.urls")),
    path("", include("amiable.web.portal.urls")),
    path("", include("amiable.web.desk.urls")),
]
if settings.DEV_ROOMS and find_spec("amiable.web.dev.urls"):
    urlpatterns.insert(0, path("dev/", include("amiable.web.dev.urls")))
