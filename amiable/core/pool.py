"""Connections to the database that the threads of a server process share; commands and workers keep one each."""

from django.conf import settings
from django.db import connections

WAIT = 20  # seconds for a free connection, after which a page says that it is too busy


def share() -> None:
    """From now on this process takes its connections from a pool and gives each back after the request."""
    known = connections.settings["default"]
    # Each request has a thread of its own: a connection that the thread kept would be lost with it.
    known["CONN_MAX_AGE"] = 0
    known["OPTIONS"]["pool"] = {"min_size": 2, "max_size": settings.POOL_SIZE, "timeout": WAIT}
