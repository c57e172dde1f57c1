"""Files that a colleague brings: kept aside until they are looked at and taken; those that nobody takes are removed.

In: an upload. Out: a signed token for the one who brought it. Never: a name of the visitor's own as a place on disk.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404

from amiable.core import links
from amiable.core.models import User
from amiable.web.ui import clock

KEPT_HOURS = 24  # how long a brought file waits


def keep(file: "UploadedFile[Any]", *, user: User, creditor: int) -> str:
    """Puts the file aside; the token opens it for this user."""
    key = secrets.token_hex(16)
    with (_folder() / key).open("xb") as kept:
        for chunk in file.chunks():
            kept.write(chunk)
    name = Path(str(file.name).replace("\\", "/")).name[:200]
    return links.sign(
        "upload",
        {"f": key, "n": name, "c": creditor, "u": user.pk},
        expires=clock.now() + timedelta(hours=KEPT_HOURS),
    )


def opened(token: str, *, user: User) -> tuple[Path, str, int]:
    """The file, its name and the creditor that it was brought for; a page that does not exist for everybody else."""
    try:
        content = links.read("upload", token, now=clock.now())
    except links.UnableToOpen as error:
        raise Http404 from error
    path = Path(settings.HOME) / "incoming" / content["f"]
    if content["u"] != user.pk or not path.exists():
        raise Http404
    return path, content["n"], content["c"]


def _folder() -> Path:
    """Where brought files wait."""
    folder = Path(settings.HOME) / "incoming"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = (clock.now() - timedelta(hours=KEPT_HOURS)).timestamp()
    for file in folder.iterdir():
        if file.stat().st_mtime < old:
            file.unlink(missing_ok=True)
    return folder
