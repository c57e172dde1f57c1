"""Whether tries to pay meet more input errors than they used to: by journey, the last week beside the four weeks before.

In: a creditor, a day. Out: jumps with their numbers, alarms for boards, one line per jump for who leads the creditor.
Never: a jump made of a handful of tries, or of tries whose provider keeps its typing errors to itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from amiable.casework.models import Notification, NotificationKind
from amiable.casework.notify import notify
from amiable.core.models import Scope, User
from amiable.insight import names, say
from amiable.insight.board import Alarm, Asked, Link
from amiable.insight.grains.payment import ATTEMPTS
from amiable.insight.kpi import Unit
from amiable.insight.sum_up import Ask, Shelf, shelf, sum_up
from amiable.insight.weekly import LEADS
from amiable.ledger.models import Creditor

RECENT, BASE = 7, 28  # days
LEAST = 30  # tries in each of the two: fewer say nothing
LEAST_ERRORS = 5
SURE = 2.576  # standard errors: by chance alone in one week of two hundred
Days = dict[date, tuple[int, int]]  # errors and tries of a journey, by day


@dataclass(frozen=True, kw_only=True)
class Jump:
    """`since`: the first day on which this jump could be seen."""

    journey: str
    since: date
    errors: int
    tries: int
    errors_before: int
    tries_before: int


def jumps(*, creditor: Creditor, as_of: date, held: Shelf | None = None) -> list[Jump]:
    """The journeys whose input errors jumped, as of the last measured day by `as_of`; the steepest first.

    `held`: what is kept of the creditor, where that is known already.
    """
    held = held or shelf(creditor=creditor)
    newest = held.reach[1]
    day = min(as_of, newest) if newest else as_of
    ask = Ask(
        grain=ATTEMPTS, since=day - timedelta(days=RECENT + 2 * BASE - 1), until=day, by=("journey", "day"),
        sums=("measured", "input_error"),
    )  # fmt: skip
    days: dict[str, Days] = {}
    for journey, on, tries, errors in sum_up(held, ask)[0].drop_nulls("journey").iter_rows():
        days.setdefault(journey, {})[on] = (errors, tries)
    found = [jump for journey, told in days.items() if (jump := _jump(journey, told, day, as_of))]
    return sorted(found, key=lambda each: (-each.errors / each.tries, each.journey))


def _jump(journey: str, told: Days, day: date, as_of: date) -> Jump | None:
    """The jump that is seen on the day, with the first day of its row of days."""
    seen = _seen(told, day)
    if seen is None or day <= as_of - timedelta(days=RECENT):
        return None
    since = day
    while since > day - timedelta(days=BASE) and _seen(told, since - timedelta(days=1)):
        since -= timedelta(days=1)
    errors, tries, errors_before, tries_before = seen
    return Jump(
        journey=journey, since=since, errors=errors, tries=tries, errors_before=errors_before, tries_before=tries_before
    )  # fmt: skip


def _seen(told: Days, day: date) -> tuple[int, int, int, int] | None:
    """The two sums where the share of the last week is higher than chance explains (two proportions, one side)."""
    edge = day - timedelta(days=RECENT)
    errors, tries = _sums(told, edge + timedelta(days=1), day)
    errors_before, tries_before = _sums(told, edge - timedelta(days=BASE - 1), edge)
    if min(tries, tries_before) < LEAST or errors < LEAST_ERRORS:
        return None
    pooled = (errors + errors_before) / (tries + tries_before)
    error = sqrt(pooled * (1 - pooled) * (1 / tries + 1 / tries_before))
    jumped = error > 0 and errors / tries - errors_before / tries_before >= SURE * error
    return (errors, tries, errors_before, tries_before) if jumped else None


def _sums(told: Days, since: date, until: date) -> tuple[int, int]:
    own = [both for day, both in told.items() if since <= day <= until]
    return sum(errors for errors, _tries in own), sum(tries for _errors, tries in own)


def alarms(asked: Asked) -> list[Alarm]:
    """The jumps as what a board says first."""
    found = jumps(creditor=asked.creditor, as_of=asked.as_of, held=asked.shelf)
    return said(found, creditor=asked.creditor)


def said(found: Sequence[Jump], *, creditor: Creditor) -> list[Alarm]:
    """Each jump in the reader's language, with the way to the tries behind it."""
    named = names.named(creditor=creditor, dimension="journey", values=[each.journey for each in found])
    return [Alarm(text=_sentence(each, named[each.journey]), to=_link(each, creditor)) for each in found]


def tell(*, creditor: Creditor, as_of: date, now: datetime) -> int:
    """Each jump is told once to who leads the creditor; returns how many are new."""
    found = jumps(creditor=creditor, as_of=as_of)
    if not found:
        return 0
    held = Scope.whole(*LEADS).filter(creditor_ref=creditor.pk)
    users = list(User.objects.filter(pk__in=held.values("user"), is_active=True).order_by("pk"))
    fresh = [each for each in found if users and not _known(each, creditor, users)]
    for user in users:
        with override(user.language):
            told = said(fresh, creditor=creditor)
        for jump, alarm in zip(fresh, told, strict=True):
            assert alarm.to is not None
            url = f"{reverse(f'desk:{alarm.to.place}')}?{urlencode(alarm.to.asks)}"
            notify(
                users=[user], text=f"{creditor.name}: {alarm.text}", key=_key(jump, creditor, jump.since), url=url, now=now,
                kind=NotificationKind.OTHER,
            )  # fmt: skip
    return len(fresh)


def _known(jump: Jump, creditor: Creditor, users: list[User]) -> bool:
    """Whether it was told: what is learnt of a day later may move a jump's first day a little."""
    keys = [_key(jump, creditor, jump.since + timedelta(days=n)) for n in range(-RECENT, RECENT + 1)]
    return Notification.objects.filter(user__in=users, key__in=keys).exists()


def _key(jump: Jump, creditor: Creditor, day: date) -> str:
    return f"input_errors:{creditor.pk}:{jump.journey}:{day.isoformat()}"


def _link(jump: Jump, creditor: Creditor) -> Link:
    asks = {"creditor": str(creditor.pk), "days": "30", "by": "journey", "key": jump.journey, "show": "input_error"}
    return Link(place="payments", asks=asks)


def _sentence(jump: Jump, journey: str) -> str:
    def share(part: int, whole: int) -> str:
        return say.said(part / whole, Unit.PERCENT, "")

    return _(
        "Input errors have jumped on “%(journey)s”: %(errors)d of %(tries)d tries in the last 7 days (%(share)s), against "
        "%(errors_before)d of %(tries_before)d in the 4 weeks before (%(share_before)s)."
    ) % {
        "journey": journey, "errors": jump.errors, "tries": jump.tries, "errors_before": jump.errors_before,
        "tries_before": jump.tries_before, "share": share(jump.errors, jump.tries),
        "share_before": share(jump.errors_before, jump.tries_before),
    }  # fmt: skip
