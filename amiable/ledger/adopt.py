"""What a creditor chooses within the law (its policy) is changed here, so that each change is known with who and when.

In: choices by key; None takes one back to what is usual. Out: what changed. Never: a change that nobody can be asked about.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from amiable.core import audit
from amiable.core.models import User
from amiable.ledger.models import Creditor


@transaction.atomic
def adopt(
    *,
    creditor: Creditor,
    choices: Mapping[str, Any],
    now: datetime,
    by: User | None,
    act: str = "policy.chosen",
    **told: Any,
) -> list[str]:
    """Keeps the choices and returns the keys that changed; the trail has each with its value before and after, under the
    name of the `act` and with what else is `told`.
    """
    row = Creditor.objects.select_for_update().get(pk=creditor.pk)
    changed = {key: value for key, value in choices.items() if row.policy.get(key) != value}
    if not changed:
        return []
    before = {key: row.policy.get(key) for key in changed}
    merged = {**row.policy, **changed}
    row.policy = {key: value for key, value in merged.items() if value is not None}
    row.save(update_fields=["policy"])
    creditor.policy = row.policy
    audit.record(
        act, now=now, user=by, actor="" if by else "command", creditor_ref=row.pk, subject="creditor",
        subject_ref=row.pk, before=before, after=changed, **told,
    )  # fmt: skip
    return sorted(changed)
