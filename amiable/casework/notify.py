"""A line for colleagues about what happened: the one way in which a Notification is made.

In: whom it concerns, the words, a key and a kind (NotificationKind). Out: one row a person and key, however often it
is told. Never: a line for somebody who no longer works here.
"""

from collections.abc import Iterable
from datetime import datetime

from amiable.casework.models import Notification, NotificationKind
from amiable.core.models import User
from amiable.ledger.models import Customer


def notify(
    *,
    users: Iterable[User],
    text: str,
    key: str,
    kind: str,
    now: datetime,
    customer: Customer | None = None,
    url: str = "",
) -> None:
    """Tells each of these colleagues once. `url`: the page that it is about, where it is not the customer's."""
    told = NotificationKind(kind)
    Notification.objects.bulk_create(
        [
            Notification(
                user=user, customer=customer, kind=told, text=text[:300], key=key[:120], url=url, created_at=now
            )
            for user in {user.pk: user for user in users if user.is_active}.values()
        ],
        ignore_conflicts=True,
    )
