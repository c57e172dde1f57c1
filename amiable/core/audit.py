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


def viewed(
    *,
    user: User,
    act: str,
    subject: str,
    subject_ref: int | None,
    now: datetime,
    creditor_ref: int | None = None,
    **detail: Any,
) -> None:
    """Writes that a colleague looked at a row: one line per person, subject and hour, however often they look."""
    views_once(
        [line(act, now=now, user=user, creditor_ref=creditor_ref, subject=subject, subject_ref=subject_ref, **detail)]
    )


def views_once(lines: Iterable[AuditEntry]) -> None:
    """Writes lines whose act ends in `.viewed`; the database drops those that it has for this hour."""
    AuditEntry.objects.bulk_create(lines, ignore_conflicts=True)
