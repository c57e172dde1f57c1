"""Bytes kept as files in the documents folder, found by their digest. Never: half a file."""

import hashlib
import os
import secrets
from pathlib import Path

from django.conf import settings


def place_of(sha256: str) -> Path:
    """Where the bytes of a document are."""
    return Path(settings.DOCUMENT_ROOT) / sha256[:2] / sha256


def keep(content: bytes) -> str:
    """Writes the bytes that are not there yet; returns their digest."""
    digest = hashlib.sha256(content).hexdigest()
    target = place_of(digest)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"{digest}.{secrets.token_hex(4)}")
        fresh.write_bytes(content)
        os.replace(fresh, target)
    return digest
