"""The clock of the rooms: the only place where a page learns what time it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

_source: Callable[[], datetime] = timezone.now


def now() -> datetime:
    return _source()


def today() -> date:
    """The date on the wall of this installation (TIME_ZONE)."""
    return timezone.localdate(now())


def whole_day(time_zone: str) -> date:
    """The last day that is over where that time is told: figures end with it, since half a day would stand beside whole ones."""
    return timezone.localdate(now(), ZoneInfo(time_zone)) - timedelta(days=1)


@contextmanager
def told_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Within it the rooms of this process read another clock: that of a replay."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
