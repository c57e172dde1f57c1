"""One call records who did what to which row; the database keeps it for good."""

from datetime import datetime
from typing import Any

from amiable.core.models import AuditEntry, User


def record(
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
    """Writes one line of the trail. `act` reads noun.verb-in-past: `hold.placed`; `detail` must be JSON-able."""
    return AuditEntry.objects.create(
        at=now,
        user=user,
        actor=actor,
        act=act,
        creditor_ref=creditor_ref,
        subject=subject,
        subject_ref=subject_ref,
        detail=detail,
    )
