"""Each execution of a step of the day leaves a row: when, for which day, what it did, how it failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from amiable.core.models import Run


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
