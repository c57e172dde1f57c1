"""Every room at its address; the rooms for trying things out exist only where DEV_ROOMS is on."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from amiable.web.metrics import metrics
from amiable.web.ui.components import components

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", include("amiable.web.api.api")),
    path("metrics", metrics, name="metrics"),
    path("hooks/", include("amiable.web.hooks.urls")),
    path("voice/", include("amiable.web.voice.urls")),
    path("", include("amiable.web.portal.urls")),
    path("", include("amiable.web.word.urls")),
    path("", include("amiable.web.account_urls")),
    path("", include("amiable.web.desk.urls")),
]
if settings.DEV_ROOMS:
    urlpatterns[:0] = [path("dev/ui/", components), path("dev/", include("amiable.web.dev.urls"))]
