"""Who asks: a colleague, their scopes and whether they owe a second factor, read in one query for each request.

In: a session. Out: a user with `held_scopes` and `owes_factor`. Never: somebody whose account was closed meanwhile.
"""

import json
from datetime import date
from functools import cache
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.mfa.models import Authenticator
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import JSONObject

from amiable.casework.entrust import held_by
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Creditor
from amiable.web.ui import clock

COLUMNS = {field.attname: field.attname for field in Scope._meta.concrete_fields}
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
POLICY = "second_factor"  # the roles that a creditor lets in with a second factor only
NOBODY, NEVER = -1, date.min  # whose place the one who asks and the day take


def has_factor() -> Exists:
    """Whether the user of the outer query has an app or a passkey."""
    return Exists(Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS))


@cache
def _question() -> tuple[str, tuple[Any, ...]]:
    """The query as SQL and its values. Every request asks it, and to put it together takes longer than to answer it."""
    asked = Creditor.objects.filter(pk=OuterRef("creditor_ref")).values(f"policy__{POLICY}")
    held = held_by(OuterRef("pk"), as_of=NEVER).annotate(asked=Subquery(asked))
    rows = User.objects.annotate(
        held=ArraySubquery(held.values(row=JSONObject(asked="asked", **COLUMNS))),
        has_factor=has_factor(),
        asks_admins=Exists(Creditor.objects.filter(**{f"policy__{POLICY}__contains": [Role.ADMIN]})),
    )
    sql, values = rows.filter(pk=NOBODY).query.sql_with_params()
    return sql, values


class Colleagues(AuthenticationBackend):
    """Log-in by name or e-mail (allauth's), and who a session belongs to."""

    def get_user(self, user_id: Any) -> User | None:
        sql, values = _question()
        today = clock.today()
        said = [user_id if value == NOBODY else today if value == NEVER else value for value in values]
        user = next(iter(User.objects.raw(sql, said)), None)
        if user is None or not self.user_can_authenticate(user):
            return None
        known = vars(user)
        held = [json.loads(row) for row in known.pop("held")]
        asks = [row["role"] in (row.pop("asked") or ()) and row["user_id"] == user.pk for row in held]
        known["held_scopes"] = [Scope(**row) for row in held]
        known["asked_for_factor"] = any(asks) or (user.is_superuser and known["asks_admins"])
        known["owes_factor"] = known["asked_for_factor"] and not known["has_factor"]
        return user
