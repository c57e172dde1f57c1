"""News that colleagues wish to have by e-mail at once: one e-mail a person and kind, with what they have not read yet.

In: the notifications that nobody has carried on. Out: orders (memo.py). Never: a line that travels twice.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from amiable.casework.entrust import still_sees
from amiable.casework.models import Notification, NotificationKind, Way
from amiable.casework.wish import who_wishes
from amiable.core.calendar import day_of
from amiable.core.models import User
from amiable.outreach import memo
from amiable.outreach.draft import Page, Row, Section, address, draft

FRESH = timedelta(days=2)  # what is older waits at the desk
MOST = 20  # lines of one e-mail


@transaction.atomic
def tell(*, now: datetime) -> int:
    """Orders the e-mails; returns how many."""
    fresh = Notification.objects.filter(sent_at=None, read_at=None, created_at__gt=now - FRESH, created_at__lte=now)
    rows = list(
        fresh.filter(user__is_active=True).exclude(user__email="").select_related("user", "customer").order_by("pk")
        .select_for_update(skip_locked=True, of=("self",))
    )  # fmt: skip
    users = User.objects.filter(pk__in={row.user_id for row in rows})
    wished = who_wishes(NotificationKind.values, Way.AT_ONCE, users=users) if rows else set()
    together: dict[tuple[int, str], list[Notification]] = defaultdict(list)
    for row in rows:
        if (row.user_id, row.kind) in wished:
            together[row.user_id, row.kind].append(row)
    return sum(_order(theirs, now=now) for theirs in together.values())


def _order(rows: list[Notification], *, now: datetime) -> bool:
    user = rows[0].user
    seen = still_sees(user, [row.customer for row in rows if row.customer], as_of=day_of(now))
    told = [row for row in rows if row.customer_id is None or row.customer_id in seen]
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(sent_at=now)
    if not told:
        return False
    written = draft(_page(user, told), user=user, now=now)
    return memo.write(
        key=f"news:{user.pk}:{rows[-1].pk}", to=user, subject=written.subject, text=written.text, html=written.html,
        unsubscribe_url=written.unsubscribe_url, now=now,
    )  # fmt: skip


def _page(user: User, rows: list[Notification]) -> Page:
    """One line is its own subject."""
    with override(user.language):
        lines = line_rows(rows[:MOST])
        several = ngettext("%(n)d piece of news for you", "%(n)d pieces of news for you", len(rows)) % {"n": len(rows)}
        return Page(
            subject=rows[0].text if len(rows) == 1 else several,
            title=several,
            lead=_("It concerns you, and you have not read it at the desk yet."),
            sections=[Section(_("News"), lines, more=_("All news"), url=address("news"))],
            kind=rows[0].kind,
        )


def line_rows(rows: list[Notification]) -> list[Row]:
    """Each line with the page that it is about, in the language that is spoken now."""
    return [
        Row(
            text=row.text,
            url=settings.BASE_URL + row.url if row.url.startswith("/")
            else address("customer", row.customer_id) if row.customer_id else address("news"),
            small=str(row.get_kind_display()),
        )
        for row in rows
    ]  # fmt: skip
