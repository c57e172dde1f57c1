"""The web application for an ASGI server. Its threads share the connections of one pool to the database."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "amiable.settings")
application = get_asgi_application()

from amiable.core import pool  # noqa: E402  (it needs the settings)

pool.share()
