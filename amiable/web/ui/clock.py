"""The clock of the rooms: the only place where a page learns what time it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.utils import timezone

_source: Callable[[], datetime] = timezone.now


def now() -> datetime:
    return _source()


def today() -> date:
    """The date on the wall of this installation (TIME_ZONE)."""
    return timezone.localdate(now())


@contextmanager
def told_by(source: Callable[[], datetime]) -> Iterator[None]:
    """Within it the rooms of this process read another clock: that of a replay."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
