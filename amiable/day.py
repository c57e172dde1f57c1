"""The daily cycle as one readable list of steps, and every schedule.

Each step may be repeated, resumes after a crash, and leaves a Run row. Only this file, the rooms and the commands
read the clock.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app as queue
from procrastinate.exceptions import AlreadyEnqueued

from amiable.casework import close, place, survey
from amiable.core import forget, runs
from amiable.core.errors import UnableTo
from amiable.core.models import Scope, User
from amiable.insight import digest, jump, measure, prove
from amiable.insight.forecast import keep
from amiable.ledger import accrue, post
from amiable.ledger.models import Creditor
from amiable.outreach import colleague, memo, news, send
from amiable.payments import allocate, arrange, attempt, chain, credit_notes, reconcile, standing
from amiable.payments.plans import collect, judge
from amiable.portfolio import refresh, weigh
from amiable.scenario import announce, canvass, decide, dispatch, escalate, inquire, match_up, poll
from amiable.scenario.listen import listen

log = logging.getLogger(__name__)
Clock = Callable[[], datetime]
Figures = dict[str, Any]


class UnableToRun(UnableTo):
    """The day cannot be run now."""


@dataclass(frozen=True)
class Cycle:
    """One run of the cycle: of which day, at what time, and of one creditor, or of everyone."""

    as_of: date
    now: datetime
    clock: Clock
    creditor: Creditor | None


def _listen(one: Cycle) -> Figures:
    """What customers answered since the last look is heard before anything is decided."""
    return _plain(listen(now=one.now, creditor=one.creditor))


def _catch_up(one: Cycle) -> Figures:
    """Invoices climb by messages that left in a run which then stopped."""
    return dispatch.advance(as_of=one.as_of, creditor=one.creditor)


def _inquire(one: Cycle) -> Figures:
    """Providers are asked for what their hooks have not told."""
    return _plain(inquire.inquire(now=one.now, creditor=one.creditor))


def _abandon(one: Cycle) -> Figures:
    """Tries to pay that nobody went on with end as abandoned."""
    return {"abandoned": attempt.abandon_stale(now=one.now, creditor=one.creditor)}


def _reconcile(one: Cycle) -> Figures:
    """The same money told twice is counted once, on the word of the cash authority."""
    return _of_each(reconcile.reconcile, one)


def _match(one: Cycle) -> Figures:
    """Money that is nobody's yet finds its customer and invoices, where that is sure."""
    return _of_each(_matched, one)


def _matched(*, creditor: Creditor, as_of: date, now: datetime) -> Figures:
    done = match_up.match_money(creditor=creditor, as_of=as_of, now=now)
    return {name: value for name, value in vars(done).items() if name != "credits"}


def _credit_notes(one: Cycle) -> Figures:
    """A credit note that was promised for a dispute ends it."""
    return _of_each(credit_notes.match_credit_notes, one)


def _allocate(one: Cycle) -> Figures:
    """Money and credit notes that are still free go to open invoices, by the written order."""
    return _of_each(allocate.allocate_open, one)


def _accrue(one: Cycle) -> Figures:
    """Late interest and the indemnity are posted, where the creditor claims them."""
    return _of_each(accrue.accrue, one)


def _small(one: Cycle) -> Figures:
    """What is left of a paid invoice below the creditor's limit is written off."""
    return _of_each(lambda **asked: {"written_off": post.write_off_small(**asked)}, one)


def _promises(one: Cycle) -> Figures:
    """Promises whose day has passed are judged: kept, partly kept, broken."""
    return _plain(arrange.judge_promises(as_of=one.as_of, now=one.now, creditor=one.creditor))


def _plans(one: Cycle) -> Figures:
    """Plans are held to their days: late, cured, broken, done; offers that nobody accepted end."""
    return _plain(judge.judge_plans(as_of=one.as_of, now=one.now, creditor=one.creditor))


def _collect(one: Cycle) -> Figures:
    """Instalments that are due are collected by the way to pay that the customer saved, once each."""
    return _plain(collect.collect(as_of=one.as_of, now=one.now, creditor=one.creditor))


def _standing(one: Cycle) -> Figures:
    """What has fallen due is debited where the customer wishes it so."""
    return _plain(standing.collect(as_of=one.as_of, now=one.now, creditor=one.creditor))


def _close(one: Cycle) -> Figures:
    """Cases in which nothing is overdue any more are closed, and chains of tries to pay that are over."""
    closed = close.close_settled(as_of=one.as_of, creditor=one.creditor)
    over = chain.close_chains(now=one.now, creditor=one.creditor) + chain.rest_chains(
        now=one.now, creditor=one.creditor
    )
    return {"closed": closed, "chains": over}


def _placements(one: Cycle) -> Figures:
    """What has had its time with an agency, or is paid, lies there no longer."""
    return {"came_back": place.come_back(as_of=one.as_of, now=one.now, creditor=one.creditor)}


def _refresh(one: Cycle) -> Figures:
    """Every customer is looked at: facts and segment."""
    return refresh.refresh(as_of=one.as_of, creditor=one.creditor)


def _decide(one: Cycle) -> Figures:
    """Which step is due, for whom, and why; or why not."""
    return decide.decide(as_of=one.as_of, now=one.now, creditor=one.creditor)


def _campaigns(one: Cycle) -> Figures:
    """Who of the released lists is written to, where the scenario does not speak that day."""
    return canvass.canvass(as_of=one.as_of, now=one.now, creditor=one.creditor)


def _dispatch(one: Cycle) -> Figures:
    """Messages are ordered, calls laid on desks."""
    return dispatch.dispatch(as_of=one.as_of, now=one.now, creditor=one.creditor)


def _weigh(one: Cycle) -> Figures:
    """What waits for people is ordered by what it may bring."""
    return weigh.weigh(as_of=one.as_of, creditor=one.creditor)


def _announce(one: Cycle) -> Figures:
    """What happened is told: a payment received or failed, a promise noted, a dispute taken in or answered."""
    return announce.announce(now=one.now, creditor=one.creditor)


def _surveys(one: Cycle) -> Figures:
    """Of those with whom something has ended, a few are asked how it went."""
    return _of_each(poll.poll, one)


def _escalate(one: Cycle) -> Figures:
    """What is too much, too old, too silent or left lying is passed up, by the creditor's rules."""
    return _of_each(escalate.escalate, one)


def _words(one: Cycle) -> Figures:
    """Colleagues who are asked for a word get their e-mail."""
    return colleague.send_words(now=one.now, creditor=one.creditor)


def _send(one: Cycle) -> Figures:
    """Each message gets a last look and leaves once."""
    return _plain(send.send(as_of=one.as_of, now=one.now, clock=one.clock, creditor=one.creditor))


def _advance(one: Cycle) -> Figures:
    """Invoices climb by the messages that left."""
    return dispatch.advance(as_of=one.as_of, creditor=one.creditor)


def _measure(one: Cycle) -> Figures:
    """What it brought, and what of it would have come anyway; who leads is told when tries to pay meet more input errors."""
    total: Figures = {}
    for verb in (measure.catch_up, prove.prove, _jumps):
        total |= _of_each(verb, one, whole=True)
    return total


def _jumps(*, creditor: Creditor, as_of: date, now: datetime) -> Figures:
    return {"input_error_jumps": jump.tell(creditor=creditor, as_of=as_of, now=now)}


def _forecast(one: Cycle) -> Figures:
    """What is expected of the weeks ahead is kept, and earlier weeks are told what came."""
    return _of_each(keep.keep, one, whole=True)


def _digests(one: Cycle) -> Figures:
    """Colleagues get their daily list, who leads the week's summary, and what they wish to hear at once."""
    written = digest.digest(as_of=one.as_of, now=one.now, users=_readers(one))
    told = {"news": news.tell(now=one.now)} | _plain(memo.carry(now=one.now, clock=one.clock))
    return _plain(written) | told


def _readers(one: Cycle) -> QuerySet[User]:
    """Who may hear that the day is done. After a creditor's own day that is who works there, without those who also work
    for another one whose day is under way, or to come: they hear of all at the end of the last, or at noon.
    """
    if one.creditor is None:
        return User.objects.all()
    running = runs.locked(_LOCK)  # a run that left rows and no lock has failed, or was killed: nobody waits for it
    waited_for = {pk for pk, begun in _untold(one.as_of).items() if pk in running or not begun} - {one.creditor.pk}
    return _works_for([one.creditor.pk]).exclude(pk__in=_works_for(waited_for).values("pk"))


def _untold(as_of: date) -> dict[int, bool]:
    return runs.untold(as_of=as_of, first=next(iter(STEPS)), last="digests")


def _works_for(creditors: Collection[int]) -> QuerySet[User]:
    return User.objects.filter(pk__in=Scope.objects.filter(creditor_ref__in=creditors).values("user"))


def _forget(one: Cycle) -> Figures:
    """What is kept for a while only goes when its time is over: answers to keys, ended sessions, done jobs, words."""
    return forget.forget(now=one.now) | survey.forget(now=one.now) | memo.forget(now=one.now)


STEPS: Mapping[str, Callable[[Cycle], Figures]] = {
    "listen": _listen,
    "catch_up": _catch_up,
    "inquire": _inquire,
    "abandon": _abandon,
    "match": _match,
    "reconcile": _reconcile,
    "credit_notes": _credit_notes,
    "allocate": _allocate,
    "accrue": _accrue,
    "small_balances": _small,
    "promises": _promises,
    "plans": _plans,
    "collect": _collect,
    "standing": _standing,
    "close": _close,
    "placements": _placements,
    "refresh": _refresh,
    "decide": _decide,
    "campaigns": _campaigns,
    "dispatch": _dispatch,
    "weigh": _weigh,
    "announce": _announce,
    "surveys": _surveys,
    "escalate": _escalate,
    "words": _words,
    "send": _send,
    "advance": _advance,
    "measure": _measure,
    "forecast": _forecast,
    "digests": _digests,
    "forget": _forget,
}
# What reaches outside, or tells of what was done.
_NOT_REHEARSED = {
    "listen", "inquire", "collect", "standing", "words", "send", "advance", "measure", "forecast", "digests",
    "forget",
}  # fmt: skip
MORNING = 7  # o'clock: the first hour at which e-mails may leave
NOON = 12  # by then nobody waits any longer
# The lock that keeps two days from running at once: of everyone it is held alone, of one creditor it is shared, and
# a second one with the creditor's number is held alone.
_LOCK = 0x414D4941


def run_day(
    *,
    as_of: date,
    now: datetime,
    creditor: Creditor | None = None,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> dict[str, Figures]:
    """Runs the cycle for a business date, of everyone or of one creditor; returns the figures of each step.

    `clock` tells the time at which things end (a replay passes its own). With `dry_run` everything is computed and
    nothing is written: the whole stands in one transaction that is taken back before anything is sent.
    Raises UnableToRun when the day of the same creditor is being run on this database.
    """
    one = Cycle(as_of, now, clock or timezone.now, creditor)
    with _alone(creditor):
        return _rehearse(one) if dry_run else _run(one)


@contextmanager
def _alone(creditor: Creditor | None) -> Iterator[None]:
    wanted: list[tuple[str, list[int]]] = (
        [("", [_LOCK])] if creditor is None else [("_shared", [_LOCK]), ("", [_LOCK, creditor.pk])]
    )
    with ExitStack() as held, connection.cursor() as cursor:
        for shared, key in wanted:
            cursor.execute(f"SELECT pg_try_advisory_lock{shared}({', '.join(['%s'] * len(key))})", key)
            if not cursor.fetchone()[0]:
                raise UnableToRun("Another run of the day is under way on this database; try again when it has ended.")
            held.callback(_unlock, shared, key)
        yield


def _unlock(shared: str, key: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_unlock{shared}({', '.join(['%s'] * len(key))})", key)


def _run(one: Cycle) -> dict[str, Figures]:
    done: dict[str, Figures] = {}
    whose = one.creditor.pk if one.creditor else None
    for name, step in STEPS.items():
        with runs.recorded(name, as_of=one.as_of, now=one.now, clock=one.clock, creditor_ref=whose) as figures:
            figures.update(step(one))
        done[name] = dict(figures)
        log.info("day %s %s %s %s", one.as_of, one.creditor or "", name, figures)
    return done


def _rehearse(one: Cycle) -> dict[str, Figures]:
    """The steps up to the orders, taken back: what would be done today."""
    done: dict[str, Figures] = {}
    with transaction.atomic():
        for name, step in STEPS.items():
            if name in _NOT_REHEARSED:
                continue
            done[name] = step(one)
        transaction.set_rollback(True)
    return done


def _of_each(verb: Callable[..., Any], one: Cycle, *, whole: bool = False) -> Figures:
    """The sum over the creditors of a verb that does one at a time; with `whole` as of the last day that is over."""
    total: Figures = {}
    for creditor in [one.creditor] if one.creditor else Creditor.objects.order_by("pk"):
        as_of = _last_whole(creditor, one) if whole else one.as_of
        for name, value in _plain(verb(creditor=creditor, as_of=as_of, now=one.now)).items():
            total[name] = total.get(name, 0) + value
    return total


def _last_whole(creditor: Creditor, one: Cycle) -> date:
    """The last day that is over where the creditor is at home: a figure of half a day leans, and could not stay."""
    return min(one.as_of, attempt.local_day(creditor, one.now)) - timedelta(days=1)


def _plain(summary: Any) -> Figures:
    """A verb's summary, dataclass or dictionary, as the plain figures of a run."""
    return dict(summary) if isinstance(summary, Mapping) else dict(vars(summary))


@queue.periodic(cron="0 * * * *")
@queue.task(queueing_lock="day", pass_context=False)
def every_morning(timestamp: int) -> None:
    """The day's cycle at seven in the morning, and what it left at noon; the queue counts in UTC, so the hour is asked of
    the house's own clock.
    """
    now = timezone.now()
    if timezone.localtime(now).hour == MORNING:
        run_day(as_of=timezone.localdate(now), now=now)
    elif timezone.localtime(now).hour == NOON:
        sweep_up(as_of=timezone.localdate(now), now=now)


def sweep_up(*, as_of: date, now: datetime) -> Figures:
    """Who waited in vain for the day of a creditor, which failed, was killed or did not come, gets their list all the same."""
    left = _works_for(_untold(as_of))
    return _plain(digest.digest(as_of=as_of, now=now, users=left)) | _plain(memo.carry(now=now)) if left else {}


@queue.periodic(cron="*/10 * * * *")
@queue.task(queueing_lock="between", pass_context=False)
def every_ten_minutes(timestamp: int) -> None:
    """Between two mornings: providers are asked for what they owe us, stale tries to pay end; what happened, was
    confirmed or put off by a server leaves.
    """
    now = timezone.now()
    inquire.inquire(now=now)
    attempt.abandon_stale(now=now)
    announce.announce(now=now)
    send.send(as_of=timezone.localdate(now), now=now)
    colleague.send_words(now=now)
    dispatch.advance(as_of=timezone.localdate(now))


@queue.task(queueing_lock="soon", pass_context=False)
def soon() -> None:
    """What a colleague ordered while the customer is on the telephone leaves at once."""
    now = timezone.now()
    send.send(as_of=timezone.localdate(now), now=now)
    colleague.send_words(now=now)


@queue.task(queueing_lock="matching", pass_context=False)
def match_now() -> None:
    """What a bank file has just brought finds its invoices while whoever brought it looks on."""
    now = timezone.now()
    for creditor in Creditor.objects.order_by("pk"):
        match_up.match_money(creditor=creditor, as_of=timezone.localdate(now), now=now)


@queue.periodic(cron="* * * * *")
@queue.task(queueing_lock="news", pass_context=False)
def every_minute(timestamp: int) -> None:
    """What colleagues wish to hear at once reaches them while it is new."""
    now = timezone.now()
    news.tell(now=now)
    memo.carry(now=now)


def send_soon() -> None:
    """Asks the worker to send; where it has been asked already, once is enough."""
    _ask(soon)


def match_soon() -> None:
    """Asks the worker to match."""
    _ask(match_now)


def _ask(task: Any) -> None:
    with suppress(AlreadyEnqueued), transaction.atomic():
        task.defer()


@queue.periodic(cron="*/5 * * * *")
@queue.task(queueing_lock="mailboxes", pass_context=False)
def every_five_minutes(timestamp: int) -> None:
    """What customers write is heard while they still have it in mind."""
    listen(now=timezone.now())
