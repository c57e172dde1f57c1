"""The digests of a day: each colleague's daily list, and on the first business day of a week the summary of who leads.

In: a day. Out: e-mails ordered, one a person, digest and day. Never: one on a day on which nobody works, or an empty one; one
that is not written because another one could not be.
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
from amiable.core.apart import Apart
from amiable.core.calendar import is_business_day
from amiable.core.models import Scope, User
from amiable.insight import report
from amiable.insight.daily import daily
from amiable.insight.report import Boards, Papers
from amiable.insight.weekly import leads, weekly
from amiable.ledger.models import Creditor
from amiable.outreach import memo, news
from amiable.outreach.draft import Page, Row, Section, address, draft
from amiable.outreach.models import Memo


@dataclass
class Summary:
    daily: int = 0
    weekly: int = 0


def digest(*, as_of: date, now: datetime, users: QuerySet[User] | None = None) -> Summary:
    """Orders the digests of everybody (or of `users`) who works that day and wishes them.

    Raises SomeFailed at the end, when everybody else's is ordered and on its way.
    """
    summary, apart, boards = Summary(), Apart(), Boards(as_of)
    asked = User.objects.all() if users is None else users
    users = asked.filter(is_active=True, pk__in=Scope.objects.values("user")).exclude(email="")
    wished = who_wishes(DIGESTS, Way.AT_ONCE, users=users)
    countries = _countries()
    for user in users.order_by("pk"):
        country = countries[user.pk]
        if not is_business_day(as_of, country):
            continue
        if (user.pk, "daily") in wished:
            with apart.each(f"the daily list of colleague {user.pk}"):
                summary.daily += _daily(user, as_of, now)
        if (user.pk, "weekly") in wished and _begins_week(as_of, country):
            with apart.each(f"the week's summary of colleague {user.pk}"):
                summary.weekly += _weekly(user, boards, apart, now)
    report.forget(as_of=as_of)
    if apart.failed:  # the day stops here, and what it has written leaves all the same
        news.tell(now=now)
        memo.carry(now=now)
        apart.tell()
    return summary


@transaction.atomic
def _weekly(user: User, boards: Boards, apart: Apart, now: datetime) -> bool:
    """The summary, with the page of direction of each creditor that goes along, and the names of those whose does not."""
    key, own = _key("weekly", user, boards.as_of), leads(user)
    if not own or _known(key):
        return False
    page = weekly(user=user, as_of=boards.as_of, boards=boards, apart=apart)
    if page is None:
        return False
    papers = report.papers(own, boards=boards, apart=apart, language=user.language, now=now, most=memo.MOST_BYTES)
    with override(user.language):
        page = _enclosing(page, papers)
    return _order(page, key=key, user=user, now=now, attached=papers.along)


def _enclosing(page: Page, papers: Papers) -> Page:
    """The page with what it says of the papers that go along and of those that do not."""
    if papers.along:
        page = replace(page, lead=f"{page.lead} {_('The page of direction goes along with this e-mail.')}")
    rows = [_left_out(each, _("larger than mail servers take: it stands on the board")) for each in papers.large]
    rows += [_left_out(each, _("could not be made")) for each in papers.failed]
    if rows:
        page = replace(page, sections=[*page.sections, Section(_("Pages of direction that do not go along"), rows)])
    return page


def _left_out(creditor: Creditor, why: str) -> Row:
    return Row(creditor.name, url=f"{address('board', report.SENT)}?creditor={creditor.pk}", small=why, bad=True)


@transaction.atomic
def _daily(user: User, as_of: date, now: datetime) -> bool:
    key = _key("daily", user, as_of)
    if _known(key):
        return False
    page, told = daily(user=user, as_of=as_of, now=now)
    if page is None or not _order(page, key=key, user=user, now=now):
        return False
    Notification.objects.filter(pk__in=told).update(sent_at=now)
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
