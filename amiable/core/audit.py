"""One call records who did what to which row; the database keeps it for good."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from amiable.core.models import AuditEntry, User


def record(act: str, **told: Any) -> AuditEntry:
    """Writes one line of the trail, with the names that `line` takes."""
    entry = line(act, **told)
    entry.save(force_insert=True)
    return entry


def record_all(lines: Iterable[AuditEntry]) -> None:
    """Writes many lines at once."""
    AuditEntry.objects.bulk_create(lines)


def line(
    act: str,
    *,
    now: datetime,
    user: User | None = None,
    actor: str = "",
    creditor_ref: int | None = None,
    subject: str = "",
    subject_ref: int | None = None,
    **detail: Any,
) -> AuditEntry:
    """A line that is not yet written. `act` reads noun.verb-in-past: `hold.placed`; `detail` must be JSON-able."""
    return AuditEntry(
        at=now,
        user=user,
        actor=actor,
        act=act,
        creditor_ref=creditor_ref,
        subject=subject,
        subject_ref=subject_ref,
        detail=detail,
    )
