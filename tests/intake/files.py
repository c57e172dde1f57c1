"""Small files and one creditor for the tests of intake."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from amiable.intake.load import Summary, load
from amiable.ledger.models import Creditor, Invoice

NOW = datetime(2024, 6, 3, 6, 0, tzinfo=UTC)
TODAY = date(2024, 6, 3)


def make_creditor(key: str = "acme", **fields: Any) -> Creditor:
    return Creditor.objects.create(
        **{"key": key, "name": key.title(), "created_at": NOW, "siren": "732829320"} | fields
    )


def put(folder: Path, text: str | bytes, name: str = "file.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def take(creditor: Creditor, path: Path, **others: Any) -> Summary:
    return load(path=path, creditor=creditor, **{"as_of": TODAY, "now": NOW} | others)


def invoice(reference: str) -> Invoice:
    return Invoice.objects.get(reference=reference)
