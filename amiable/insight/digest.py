"""The digests of a day: each colleague's daily list, and on the first business day of a week the summary of who leads.

In: a day. Out: e-mails ordered, one a person, digest and day. Never: one on a day on which nobody works, or an empty one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from amiable.casework.models import Notification, Way
from amiable.casework.wish import DIGESTS, who_wishes
from amiable.core.calendar import is_business_day
from amiable.core.models import Scope, User
from amiable.insight import report
from amiable.insight.daily import daily
from amiable.insight.weekly import LEADS, leads, weekly
from amiable.ledger.models import Creditor
from amiable.outreach import memo
from amiable.outreach.draft import Page, draft
from amiable.outreach.models import Memo


@dataclass
class Summary:
    daily: int = 0
    weekly: int = 0


def digest(*, as_of: date, now: datetime, users: QuerySet[User] | None = None) -> Summary:
    """Orders the digests of everybody (or of `users`) who works that day and wishes them."""
    summary = Summary()
    asked = User.objects.all() if users is None else users
    users = asked.filter(is_active=True, pk__in=Scope.objects.values("user")).exclude(email="")
    wished = who_wishes(DIGESTS, Way.AT_ONCE, users=users)
    countries = _countries()
    for user in users.order_by("pk"):
        country = countries[user.pk]
        if not is_business_day(as_of, country):
            continue
        if (user.pk, "daily") in wished:
            summary.daily += _daily(user, as_of, now)
        if (user.pk, "weekly") in wished and _begins_week(as_of, country) and _leads(user):
            summary.weekly += _weekly(user, as_of, now)
    report.forget(as_of=as_of)
    return summary


@transaction.atomic
def _weekly(user: User, as_of: date, now: datetime) -> bool:
    """The summary, with the page of direction of each creditor that goes along."""
    key = _key("weekly", user, as_of)
    page = None if _known(key) else weekly(user=user, as_of=as_of)
    if page is None:
        return False
    attached = report.papers(leads(user), language=user.language, as_of=as_of, now=now, most=memo.MOST_BYTES)
    if attached:
        with override(user.language):
            page = replace(page, lead=f"{page.lead} {_('The page of direction goes along with this e-mail.')}")
    return _order(page, key=key, user=user, now=now, attached=attached)


@transaction.atomic
def _daily(user: User, as_of: date, now: datetime) -> bool:
    key = _key("daily", user, as_of)
    if _known(key):
        return False
    page, news = daily(user=user, as_of=as_of, now=now)
    if page is None or not _order(page, key=key, user=user, now=now):
        return False
    Notification.objects.filter(pk__in=news).update(sent_at=now)
    return True


def _order(page: Page, *, key: str, user: User, now: datetime, attached: Sequence[Mapping[str, Any]] = ()) -> bool:
    written = draft(page, user=user, now=now)
    return memo.write(
        key=key, to=user, subject=written.subject, text=written.text, html=written.html,
        unsubscribe_url=written.unsubscribe_url, now=now, attached=attached,
    )  # fmt: skip


def _key(kind: str, user: User, as_of: date) -> str:
    return f"{kind}:{user.pk}:{as_of.isoformat()}"


def _known(key: str) -> bool:
    return Memo.objects.filter(key=key).exists()


def _leads(user: User) -> bool:
    return Scope.objects.filter(user=user, role__in=LEADS, branch_ref=None, own_customers_only=False).exists()


def _countries() -> dict[int, str]:
    """Where each colleague works: the country of their first creditor."""
    of, found = dict(Creditor.objects.values_list("pk", "country")), dict[int, str]()
    for user, creditor in Scope.objects.order_by("pk").values_list("user_id", "creditor_ref"):
        found.setdefault(user, of.get(creditor) or "FR")
    return found


def _begins_week(as_of: date, country: str) -> bool:
    """Whether no business day of the week came before this one."""
    monday = as_of - timedelta(days=as_of.weekday())
    earlier = (monday + timedelta(days=n) for n in range(as_of.weekday()))
    return not any(is_business_day(day, country) for day in earlier)
