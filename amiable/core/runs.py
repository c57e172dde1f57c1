"""Each execution of a step of the day leaves a row: when, for which day, what it did, how it failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max, Q

from amiable.core.models import Run

LATELY = timedelta(days=7)  # a creditor whose day was run by itself so lately is expected to be again


@contextmanager
def recorded(
    step: str, *, as_of: date, now: datetime, clock: Any, creditor_ref: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yields the dictionary of figures to fill; the row is closed with them, or with the error, which goes on."""
    run = Run.objects.create(step=step, creditor_ref=creditor_ref, as_of=as_of, started_at=now)
    figures: dict[str, Any] = {}
    try:
        yield figures
    except Exception as error:
        run.error = f"{type(error).__name__}: {error}"[:2000]
        raise
    finally:
        run.ended_at = max(clock(), now)
        run.figures = figures
        run.save(update_fields=["ended_at", "figures", "error"])


def untold(*, as_of: date, first: str, last: str) -> dict[int, bool]:
    """The creditors run by themselves, lately or that day, whose newest run of the day has not ended its step `last`; and
    whether any step of the day was run at all. `first`: the step by which a run begins. Nobody, where everyone's day has.
    """
    done = Q(as_of=as_of, step=last, error="", ended_at__isnull=False)
    if Run.objects.filter(done, creditor_ref=None).exists():
        return {}
    own = Run.objects.filter(creditor_ref__isnull=False, as_of__gt=as_of - LATELY, as_of__lte=as_of).order_by()
    rows = own.values("creditor_ref").annotate(
        told=Max("pk", filter=done),
        began=Max("pk", filter=Q(as_of=as_of, step=first)),
        ran=Max("pk", filter=Q(as_of=as_of)),
    )
    newest = rows.values_list("creditor_ref", "told", "began", "ran")
    return {
        creditor: ran is not None
        for creditor, told, began, ran in newest
        if creditor is not None and (told is None or told < (began or 0))
    }


def locked(lock: int) -> set[int]:
    """The creditors whose advisory lock of this name some session holds just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [lock],
        )
        return {creditor for (creditor,) in cursor.fetchall()}
