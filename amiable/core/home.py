"""The folder where this installation keeps what is its own: database, secrets, documents. Free of Django."""

import os
import sys
from pathlib import Path


def home() -> Path:
    """The folder that AMIABLE_HOME names, else the platform's usual place for application data."""
    named = os.environ.get("AMIABLE_HOME")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "amiable"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "amiable"
