"""A colleague's whole portfolio is another's for a time, or for good; and who is responsible by the creditor's own rows.

In: who, to whom, from when until when. Out: a row; nothing is moved, so taking it back leaves no trace in the work.
Never: a hand-over in a circle, or to somebody who does not work for the creditor.
"""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from amiable.casework import entrust
from amiable.casework.models import HandOver, Responsibility
from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Creditor


class UnableToHandOver(UnableTo):
    """The portfolio cannot be handed to this colleague for that time."""


class UnableToEntrust(UnableTo):
    """Nobody can be made responsible in this way."""


@transaction.atomic
def hand_over(
    *,
    creditor: Creditor,
    absent: User,
    stand_in: User,
    since: date,
    until: date | None,
    why: str = "",
    now: datetime,
    by: User,
) -> HandOver:
    """From `since` on, and before `until`, whatever `absent` is responsible for is the stand-in's."""
    Creditor.objects.select_for_update(no_key=True).get(pk=creditor.pk)  # two hand-overs at once queue
    if absent == stand_in:
        raise UnableToHandOver(_("Please choose another colleague."))
    if until is not None and until <= since:
        raise UnableToHandOver(_("The last day lies before the first one."))
    theirs = set(
        Scope.objects.filter(creditor_ref=creditor.pk, user__is_active=True)
        .exclude(role=Role.AGENCY)
        .values_list("user", flat=True)
    )
    if stand_in.pk not in theirs:
        raise UnableToHandOver(_("%(name)s does not work for this creditor.") % {"name": stand_in})
    during = HandOver.objects.filter(Q(until=None) | Q(until__gt=since), creditor=creditor, taken_back_at=None)
    if until is not None:
        during = during.filter(since__lt=until)
    if during.filter(absent=absent).exists():
        raise UnableToHandOver(_("%(name)s has handed over in that time already.") % {"name": absent})
    if during.filter(absent=stand_in).exists():
        raise UnableToHandOver(_("%(name)s is away in that time.") % {"name": stand_in})
    row = HandOver.objects.create(
        creditor=creditor, absent=absent, stand_in=stand_in, since=since, until=until, why=why.strip()[:200], by=by,
        created_at=now,
    )  # fmt: skip
    _audit("portfolio.handed_over", row, now=now, by=by)
    return row


@transaction.atomic
def take_back(*, row: HandOver, now: datetime, by: User) -> bool:
    """As if it had not been; False where it was taken back before."""
    if not HandOver.objects.filter(pk=row.pk, taken_back_at=None).update(taken_back_at=now):
        return False
    _audit("portfolio.taken_back", row, now=now, by=by)
    return True


@transaction.atomic
def entrust_to(
    *, creditor: Creditor, role: str, user: User, since: date, now: datetime, by: User, **narrow: Any
) -> Responsibility:
    """This colleague is the `role` of every customer and invoice that `narrow` (columns of Responsibility) fits."""
    if role not in entrust.ROLES:
        raise UnableToEntrust(_("Please say in which role."))
    if not Scope.objects.filter(user=user, creditor_ref=creditor.pk).exclude(role=Role.AGENCY).exists():
        raise UnableToEntrust(_("%(name)s does not work for this creditor.") % {"name": user})
    branch = narrow.get("branch")
    if branch is not None and branch.creditor_id != creditor.pk:
        raise UnableToEntrust(_("This branch is not the creditor’s."))
    lower, upper = narrow.get("from_minor"), narrow.get("below_minor")
    if lower is not None and upper is not None and upper <= lower:
        raise UnableToEntrust(_("The band of amounts ends before it begins."))
    row, new = Responsibility.objects.get_or_create(
        creditor=creditor, role=role, user=user, until=None, **narrow, defaults={"since": since, "by": by, "created_at": now}
    )  # fmt: skip
    if new:
        _told("responsibility.given", row, now=now, by=by)
    return row


@transaction.atomic
def relieve(*, row: Responsibility, as_of: date, now: datetime, by: User) -> bool:
    """From `as_of` on the row says nothing any more; False where it had ended."""
    ended = Responsibility.objects.filter(pk=row.pk, until=None).update(until=max(as_of, row.since))
    if ended:
        _told("responsibility.ended", row, now=now, by=by)
    return bool(ended)


@transaction.atomic
def reinstate(*, row: Responsibility, now: datetime, by: User) -> bool:
    """A row that was ended acts again."""
    again = Responsibility.objects.filter(pk=row.pk).exclude(until=None).update(until=None)
    if again:
        _told("responsibility.given", row, now=now, by=by)
    return bool(again)


def _audit(act: str, row: HandOver, *, now: datetime, by: User) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=row.creditor_id, subject="user", subject_ref=row.absent_id,
        stand_in=row.stand_in_id, since=row.since.isoformat(), until=row.until.isoformat() if row.until else None,
    )  # fmt: skip


def _told(act: str, row: Responsibility, *, now: datetime, by: User) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=row.creditor_id, subject="user", subject_ref=row.user_id, role=row.role,
        branch=row.branch_id, customer_kind=row.customer_kind, invoice_kind=row.invoice_kind, account=row.account,
        from_minor=row.from_minor, below_minor=row.below_minor,
    )  # fmt: skip
