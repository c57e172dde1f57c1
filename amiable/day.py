"""The daily cycle as one readable list of steps, and every schedule.

Each step may be repeated, resumes after a crash, and leaves a Run row. Only this file, the rooms and the commands
read the clock.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as queue

from amiable.casework import close
from amiable.core import runs
from amiable.core.errors import UnableTo
from amiable.insight import measure
from amiable.ledger import post
from amiable.ledger.models import Creditor
from amiable.outreach import send
from amiable.payments import allocate, arrange, attempt, reconcile
from amiable.portfolio import refresh
from amiable.scenario import decide, dispatch

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]
Figures = dict[str, Any]


class UnableToRun(UnableTo):
    """The day cannot be run now."""


def _catch_up(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Invoices climb by messages that left in a run which then stopped."""
    return dispatch.advance(as_of=as_of)


def _abandon(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Tries to pay that nobody went on with end as abandoned."""
    return {"abandoned": attempt.abandon_stale(now=now)}


def _reconcile(as_of: date, now: datetime, clock: Clock) -> Figures:
    """The same money told twice is counted once, on the word of the cash authority."""
    return _of_all(reconcile.reconcile, as_of, now)


def _allocate(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Money and credit notes that are still free go to open invoices, by the written order."""
    return _of_all(allocate.allocate_open, as_of, now)


def _small(as_of: date, now: datetime, clock: Clock) -> Figures:
    """What is left of a paid invoice below the creditor's limit is written off."""
    return {
        "written_off": sum(
            post.write_off_small(creditor=c, as_of=as_of, now=now) for c in Creditor.objects.order_by("pk")
        )
    }


def _promises(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Promises whose day has passed are judged: kept, partly kept, broken."""
    return _plain(arrange.judge_promises(as_of=as_of, now=now))


def _close(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Cases in which nothing is overdue any more are closed."""
    return {"closed": close.close_settled(customers=None, as_of=as_of)}


def _refresh(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Every customer is looked at: facts and segment."""
    return refresh.refresh(as_of=as_of)


def _decide(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Which step is due, for whom, and why; or why not."""
    return decide.decide(as_of=as_of, now=now)


def _dispatch(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Messages are ordered, calls laid on desks."""
    return dispatch.dispatch(as_of=as_of, now=now)


def _send(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Each message gets a last look and leaves once."""
    return _plain(send.send(as_of=as_of, now=now, clock=clock))


def _advance(as_of: date, now: datetime, clock: Clock) -> Figures:
    """Invoices climb by the messages that left."""
    return dispatch.advance(as_of=as_of)


def _measure(as_of: date, now: datetime, clock: Clock) -> Figures:
    """What it brought."""
    return _plain(measure.measure(as_of=as_of, now=now))


STEPS: Mapping[str, Callable[[date, datetime, Clock], Figures]] = {
    "catch_up": _catch_up,
    "abandon": _abandon,
    "reconcile": _reconcile,
    "allocate": _allocate,
    "small_balances": _small,
    "promises": _promises,
    "close": _close,
    "refresh": _refresh,
    "decide": _decide,
    "dispatch": _dispatch,
    "send": _send,
    "advance": _advance,
    "measure": _measure,
}
MORNING = 6  # o'clock
# The lock that keeps two days from running at once on one database.
_LOCK = 0x414D4941


def run_day(*, as_of: date, now: datetime, clock: Clock | None = None, dry_run: bool = False) -> dict[str, Figures]:
    """Runs the cycle for a business date; returns the figures of each step.

    `clock` tells the time at which things end (a replay passes its own). With `dry_run` everything is computed and
    nothing is written: the whole stands in one transaction that is taken back before anything is sent.
    Raises UnableToRun when another day is being run on this database.
    """
    tick = clock or timezone.now
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise UnableToRun("Another run of the day is under way on this database; try again when it has ended.")
    try:
        return _rehearse(as_of, now, tick) if dry_run else _run(as_of, now, tick)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _run(as_of: date, now: datetime, clock: Clock) -> dict[str, Figures]:
    done: dict[str, Figures] = {}
    for name, step in STEPS.items():
        with runs.recorded(name, as_of=as_of, now=now, clock=clock) as figures:
            figures.update(step(as_of, now, clock))
        done[name] = dict(figures)
        log.info("day %s %s %s", as_of, name, figures)
    return done


def _rehearse(as_of: date, now: datetime, clock: Clock) -> dict[str, Figures]:
    """The steps up to the orders, taken back: what would be done today."""
    done: dict[str, Figures] = {}
    with transaction.atomic():
        for name, step in STEPS.items():
            if name in {"send", "advance", "measure"}:
                continue
            done[name] = step(as_of, now, clock)
        transaction.set_rollback(True)
    return done


def _of_all(verb: Callable[..., Any], as_of: date, now: datetime) -> Figures:
    total: Figures = {}
    for creditor in Creditor.objects.order_by("pk"):
        for name, value in _plain(verb(creditor=creditor, as_of=as_of, now=now)).items():
            total[name] = total.get(name, 0) + value
    return total


def _plain(summary: Any) -> Figures:
    """A verb's summary, dataclass or dictionary, as the plain figures of a run."""
    return dict(summary) if isinstance(summary, Mapping) else dict(vars(summary))


@queue.periodic(cron="0 * * * *")
@queue.task(queueing_lock="day", pass_context=False)
def every_morning(timestamp: int) -> None:
    """The day's cycle at six in the morning; the queue counts in UTC, so the hour is asked of the house's own clock."""
    now = timezone.now()
    if timezone.localtime(now).hour == MORNING:
        run_day(as_of=timezone.localdate(now), now=now)


@queue.periodic(cron="*/10 * * * *")
@queue.task(queueing_lock="between", pass_context=False)
def every_ten_minutes(timestamp: int) -> None:
    """Between two mornings: stale tries to pay end, and what a person confirmed or a server put off leaves."""
    now = timezone.now()
    attempt.abandon_stale(now=now)
    send.send(as_of=timezone.localdate(now), now=now)
    dispatch.advance(as_of=timezone.localdate(now))
