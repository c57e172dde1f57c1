"""Who lets words leave: the end of a dry run, everything stopped and taken up again, a day's messages let go by a person.

In: a colleague's word. Out: rows that the senders read at each batch. Never: a message that leaves while its creditor is
stopped, or before a person let it go where the creditor wishes that.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor
from amiable.outreach.guard import STALE_DAYS
from amiable.outreach.models import Message, MessageState, Release

BY_HAND = "by_hand"  # of the policy's `release`: each day's reminders wait until a person lets them go
CHUNK = 2_000  # so many at once, so that nobody waits long for a row


class UnableToRelease(UnableTo):
    """There is nothing to release, or somebody was faster."""


def by_hand(creditor: Creditor) -> bool:
    return bool(creditor.policy.get("release") == BY_HAND)


@transaction.atomic
def go_live(*, creditor: Creditor, now: datetime, by: User | None, origin: str = "") -> None:
    """Ends the dry run: from now on messages leave. Raises UnableToRelease where it had ended before."""
    if not Creditor.objects.filter(pk=creditor.pk, released_at=None).update(released_at=now):
        raise UnableToRelease("This creditor has been released before.")
    _note("creditor.released", creditor, now, by, actor=origin)


@transaction.atomic
def stop(*, creditor: Creditor, why: str, now: datetime, by: User) -> None:
    """Nothing more leaves for this creditor; what is on its way (a batch at most) still arrives."""
    stopped = Creditor.objects.filter(pk=creditor.pk, stopped_at=None)
    if not stopped.update(stopped_at=now, stopped_by=by, stopped_why=why[:200]):
        raise UnableToRelease("Everything is stopped already.")
    _note("creditor.stopped", creditor, now, by, why=why[:200])


@transaction.atomic
def resume(*, creditor: Creditor, now: datetime, by: User) -> None:
    """Messages leave again; those whose moment has passed meanwhile are withheld by the last look."""
    if (
        not Creditor.objects.exclude(stopped_at=None)
        .filter(pk=creditor.pk)
        .update(stopped_at=None, stopped_by=None, stopped_why="")
    ):
        raise UnableToRelease("Nothing is stopped.")
    _note("creditor.resumed", creditor, now, by)


def choose(*, creditor: Creditor, hand: bool, now: datetime, by: User) -> None:
    """Whether the reminders ordered from now on wait for a person."""
    adopt(
        creditor=creditor, choices={"release": BY_HAND if hand else None}, now=now, by=by, act="creditor.release_chosen"
    )


@transaction.atomic
def let_go(*, creditor: Creditor, messages: Collection[int], leave: bool, now: datetime, by: User) -> int:
    """These waiting messages leave with the next sending, or are withheld; returns how many waited."""
    rows = Message.objects.filter(pk__in=messages, creditor=creditor, state=MessageState.WAITING)
    count = _decided(rows, leave=leave)
    if not count:
        raise UnableToRelease("None of these messages waits any more.")
    _note("messages.released" if leave else "messages.withheld", creditor, now, by, messages=sorted(messages))
    return count


@transaction.atomic
def let_all_go(*, creditor: Creditor, medium: str, purpose: str, leave: bool, now: datetime, by: User) -> Release:
    """The same for all that wait now (on a medium, of a purpose): written down at once, carried out by the next sender."""
    newest = waiting(creditor, medium, purpose).order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        raise UnableToRelease("No message waits.")
    row = Release.objects.create(
        creditor=creditor, medium=medium, purpose=purpose, leave=leave, through=newest, at=now, by=by
    )
    _note("messages.released" if leave else "messages.withheld", creditor, now, by, release=row.pk)
    return row


def waiting(creditor: Creditor, medium: str = "", purpose: str = "") -> QuerySet[Message]:
    """What waits for a person and has not been decided about."""
    return _named(Message.objects.filter(creditor=creditor, state=MessageState.WAITING), medium, purpose)


def carry_out(creditors: Collection[int], *, as_of: date, now: datetime) -> int:
    """What people decided about many messages at once is done, piece by piece; what waited too long is withheld."""
    done = 0
    for row in Release.objects.filter(creditor__in=creditors, done_at=None).order_by("pk"):
        rows = Message.objects.filter(creditor=row.creditor_id, state=MessageState.WAITING, pk__lte=row.through)
        done += _pieces(_named(rows, row.medium, row.purpose), leave=row.leave)
        Release.objects.filter(pk=row.pk).update(done_at=now)
    stale = Message.objects.filter(
        creditor__in=creditors, state=MessageState.WAITING, as_of__lt=as_of - timedelta(days=STALE_DAYS)
    )
    _pieces(stale, leave=False, verdict=in_house(_("Nobody released it in time.")))
    return done


def _pieces(rows: QuerySet[Message], *, leave: bool, verdict: str = "") -> int:
    done = 0
    while piece := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        done += _decided(rows.filter(pk__in=piece), leave=leave, verdict=verdict)
    return done


def _decided(rows: QuerySet[Message], *, leave: bool, verdict: str = "") -> int:
    if leave:
        return rows.update(state=MessageState.PLANNED)
    return rows.update(state=MessageState.WITHHELD, verdict=verdict or in_house(_("A colleague held it back.")))


def _named(rows: QuerySet[Message], medium: str, purpose: str) -> QuerySet[Message]:
    return rows.filter(Q(medium=medium) if medium else Q(), Q(purpose=purpose) if purpose else Q())


def _note(act: str, creditor: Creditor, now: datetime, by: User | None, **detail: object) -> None:
    audit.record(act, now=now, user=by, creditor_ref=creditor.pk, subject="creditor", subject_ref=creditor.pk, **detail)
