"""Tokens of the API: made once and shown once, kept as a digest; narrower than their person, with an end.

In: a person's wish, or the text of a token. Out: the row and its text, or the row alone. Never: the text in the database.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from amiable.core import audit
from amiable.core.models import ApiToken, Role, Scope, User
from amiable.web.colleague import Colleagues

SHOWN = 11  # characters of a token by which its person knows it


def make(
    *, user: User, name: str, creditor: int | None, acts: Iterable[str] | None, expires_at: datetime, now: datetime
) -> tuple[ApiToken, str]:
    """The row and the text, which is never told again."""
    text = f"am_{secrets.token_urlsafe(32)}"
    made = ApiToken.objects.create(
        user=user, name=name, prefix=text[:SHOWN], digest=_digest(text), creditor_ref=creditor,
        acts=None if acts is None else sorted(acts), made_at=now, expires_at=expires_at,
    )  # fmt: skip
    audit.record(
        "token.made", now=now, user=user, creditor_ref=creditor, subject="token", subject_ref=made.pk, name=name
    )
    return made, text


def revoke(*, token: ApiToken, now: datetime, by: User) -> None:
    if token.revoked_at is None:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        audit.record("token.revoked", now=now, user=by, subject="token", subject_ref=token.pk, name=token.name)


def admitted(text: str, *, now: datetime) -> ApiToken | None:
    """The token, when it is known, not revoked, not over, and its person still works here; its user sees no more than it may."""
    found = ApiToken.objects.filter(digest=_digest(text), revoked_at=None, expires_at__gt=now).first()
    user = Colleagues().get_user(found.user_id) if found else None
    if found is None or user is None:
        return None
    _narrow(user, found)
    found.user = user
    return found


def counted(token: ApiToken, *, window: int, now: datetime) -> int:
    """How many requests came with this token in this window, this one included: counted by the database, for all processes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_apitoken SET used = CASE WHEN used_window = %s THEN used + 1 ELSE 1 END, used_window = %s,"
            " last_used_at = %s WHERE id = %s RETURNING used",
            [window, window, now, token.pk],
        )
        return int(cursor.fetchone()[0])


def _narrow(user: User, token: ApiToken) -> None:
    """For this request alone: the scopes of one creditor, the acts that the token names (web/desk/scope.py asks for both)."""
    if token.creditor_ref is not None:
        held: list[Scope] = vars(user)["held_scopes"]  # what web/desk/scope.py reads
        kept = [scope for scope in held if scope.creditor_ref == token.creditor_ref]
        if user.is_superuser:
            kept = [Scope(user=user, role=Role.ADMIN, creditor_ref=token.creditor_ref)]
        user.is_superuser = False
        vars(user)["held_scopes"] = kept
    if token.acts is not None:
        user.__dict__["_desk_acts"] = frozenset(token.acts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
