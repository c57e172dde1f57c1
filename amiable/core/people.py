"""Who works here: asked in by e-mail, given roles and scopes, let go; each change in the trail.

In: what one colleague does about another. Out: rows. Never: a creditor whom nobody administers any more, an invitation
that works twice. Whether the one who acts may do so is asked in the rooms (web/desk/people.py).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import Invitation, Role, Scope, User

KEEPERS = frozenset({Role.MANAGER, Role.ADMIN})  # of whom a creditor needs one, for the whole of it
GOOD_FOR = timedelta(days=7)


class UnableToChangePeople(UnableTo):
    """What was asked would leave a creditor, or the house, alone; or it is so already."""


def invite(*, email: str, language: str, scope: Mapping[str, Any], by: User, now: datetime) -> Invitation:
    """Asks somebody in; an older invitation of theirs to the same creditor is over. `scope`: role, creditor_ref ..."""
    with transaction.atomic():
        older = Invitation.objects.filter(email__iexact=email, creditor_ref=scope["creditor_ref"])
        older.filter(accepted_at=None, withdrawn_at=None).update(withdrawn_at=now)
        row = Invitation.objects.create(
            email=email, language=language, by=by, at=now, expires_at=now + GOOD_FOR, **scope
        )
        _record("user.invited", row, by=by, now=now, email=email)
    return row


def withdraw(*, invitation: Invitation, by: User, now: datetime) -> None:
    open_ones = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
    if open_ones.update(withdrawn_at=now):
        _record("user.invitation_withdrawn", invitation, by=by, now=now, email=invitation.email)


def accept(*, invitation: Invitation, user: User, now: datetime) -> Scope:
    """The invited one is in, with a new account or their old one. Raises UnableToChangePeople the second time."""
    with transaction.atomic():
        row = Invitation.objects.select_for_update().get(pk=invitation.pk)
        if row.accepted_at or row.withdrawn_at or row.expires_at < now:
            raise UnableToChangePeople(_("This invitation was used or withdrawn, or is too old. Ask for a new one."))
        if user.pk is None:
            user.save()
        row.accepted_at, row.accepted_by = now, user
        row.save(update_fields=["accepted_at", "accepted_by"])
        held, new = Scope.objects.get_or_create(
            user=user, role=row.role, creditor_ref=row.creditor_ref, branch_ref=row.branch_ref, agency=row.agency,
            defaults={"own_customers_only": row.own_customers_only},
        )  # fmt: skip
        _record("user.joined", row, by=user, now=now, user_ref=user.pk, invited_by=row.by_id, new=new)
    return held


def give(*, user: User, scope: Mapping[str, Any], by: User, now: datetime) -> Scope:
    """One more scope. Raises UnableToChangePeople where they have it."""
    try:
        with transaction.atomic():
            held = Scope.objects.create(user=user, **scope)
            _record("scope.given", held, by=by, now=now, user_ref=user.pk)
    except IntegrityError as error:
        raise UnableToChangePeople(_("They have this role there already.")) from error
    return held


def take(*, scope: Scope, by: User, now: datetime) -> None:
    """A scope less. Raises UnableToChangePeople where nobody would administer the creditor any more."""
    with transaction.atomic():
        _someone_stays(scope.creditor_ref, but=[scope.pk])
        if Scope.objects.filter(pk=scope.pk).delete()[0]:
            _record("scope.taken", scope, by=by, now=now, user_ref=scope.user_id)


def close(*, user: User, by: User, now: datetime) -> None:
    """They work here no more: every session ends at once; what they did stays told."""
    with transaction.atomic():
        for held in user.scopes.order_by("creditor_ref"):
            _someone_stays(held.creditor_ref, but=user.scopes.values_list("pk", flat=True))
        others = User.objects.select_for_update().filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
        if user.is_superuser and not others:
            raise UnableToChangePeople(_("Nobody else sees everything: make another administrator first."))
        _change(user, "user.closed", by=by, now=now, is_active=False, sessions_from=now)


def reopen(*, user: User, by: User, now: datetime) -> None:
    _change(user, "user.reopened", by=by, now=now, is_active=True)


def send_out(*, user: User, by: User, now: datetime) -> None:
    """Every session of theirs is over; they may log in again."""
    _change(user, "user.sent_out", by=by, now=now, sessions_from=now)


def _change(user: User, act: str, *, by: User, now: datetime, **fields: Any) -> None:
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(**fields)
        for name, value in fields.items():
            setattr(user, name, value)
        # Told to each creditor whom they work for, and to nobody else.
        refs: set[int | None] = {*user.scopes.values_list("creditor_ref", flat=True)} or {None}
        for ref in sorted(refs, key=str):
            audit.record(act, now=now, user=by, creditor_ref=ref, subject="user", subject_ref=user.pk)


def _someone_stays(creditor_ref: int, *, but: Any) -> None:
    """Holds the keepers of a creditor until the transaction ends: two who let each other go at once do not both succeed."""
    whole = Scope.whole(*KEEPERS).filter(creditor_ref=creditor_ref)
    list(whole.select_for_update().order_by("pk"))
    # Read after the wait, or an account that was closed meanwhile would still count.
    held = set(whole.filter(user__is_active=True).values_list("pk", flat=True))
    if held and not held - set(but):
        raise UnableToChangePeople(_("Nobody else administers this creditor: give somebody else the role first."))


def _record(act: str, row: Scope | Invitation, *, by: User, now: datetime, **more: Any) -> None:
    ref = more.pop("user_ref", None)
    told = {"branch": row.branch_ref, "own_customers_only": row.own_customers_only, "agency": row.agency, **more}
    audit.record(
        act, now=now, user=by, creditor_ref=row.creditor_ref, subject="user", subject_ref=ref, role=row.role,
        **{key: value for key, value in told.items() if value},
    )  # fmt: skip
