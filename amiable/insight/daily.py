"""A person's daily list: what waits for them today and what they asked to hear in the morning, each with its link.

In: a colleague, a day. Out: a Page in their language; None when there is nothing to say.
Never: a customer whom they may not see; what is done, read or told already.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from amiable.casework.entrust import still_sees
from amiable.casework.models import Notification, Task, TaskKind, Way
from amiable.casework.wish import ways
from amiable.core.models import Role, Scope, User
from amiable.outreach.draft import Page, Row, Section, address
from amiable.outreach.news import line_rows
from amiable.outreach.speak import amount, day, short_day
from amiable.payments.models import Promise, PromiseState
from amiable.portfolio.models import Profile

MOST = 12  # rows of one section; the rest is at the desk
NEWS = timedelta(days=7)  # older news waits at the desk
# Who waits for an answer comes first, as at the desk.
ORDER = (TaskKind.REPLY, TaskKind.CHECK, TaskKind.OTHER, TaskKind.CONFIRM, TaskKind.MANUAL, TaskKind.CALL)


def titles() -> dict[str, str]:
    return {
        TaskKind.REPLY: _("Answers to give"),
        TaskKind.CHECK: _("To check"),
        TaskKind.OTHER: _("To do"),
        TaskKind.CONFIRM: _("Waiting for your word"),
        TaskKind.MANUAL: _("To send by hand"),
        TaskKind.CALL: _("Calls and call-backs"),
    }


def daily(*, user: User, as_of: date, now: datetime) -> tuple[Page | None, list[int]]:
    """The page, and the news that it tells."""
    with override(user.language):
        tasks, promises, news = list(_tasks(user, as_of)), list(_promises(user, as_of)), list(_news(user, now))
        about = [*(task.customer for task in tasks), *(promise.customer for promise in promises)]
        about += [line.customer for line in news if line.customer]
        seen = still_sees(user, about, as_of=as_of) if about else set()
        tasks = [task for task in tasks if task.customer_id in seen]
        promises = [promise for promise in promises if promise.customer_id in seen]
        news = [line for line in news if line.customer_id is None or line.customer_id in seen]
        sections = [
            *_task_sections(user, tasks, as_of),
            *_promise_section(user, promises),
            *_free_section(user, as_of),
        ]
        if news:
            sections.append(
                Section(_("News"), line_rows(news[:MOST]), more=_further(len(news) - MOST), url=address("news"))
            )
        if not sections:
            return None, []
        count = ngettext("%(n)d thing waits for you", "%(n)d things wait for you", len(tasks)) % {"n": len(tasks)}
        title = count if tasks else _("Your day")
        return Page(
            subject=f"{title} – {day(as_of, user.language)}",
            title=title,
            lead=_("%(day)s. Who waits for an answer comes first.") % {"day": day(as_of, user.language).capitalize()},
            sections=sections,
            kind="daily",
            button=_("Open my list"),
            url=address("home") + "?mine=1",
        ), [line.pk for line in news]


def _tasks(user: User, as_of: date) -> QuerySet[Task]:
    rows = Task.objects.filter(assignee=user, done_at=None, due_on__lte=as_of).select_related("customer", "creditor")
    return rows.annotate(owed=_owed()).order_by("due_on", "pk")


def _free_section(user: User, as_of: date) -> list[Section]:
    """What nobody has taken yet, where this colleague collects: the most money first."""
    mine = Q(pk__in=[])
    for scope in Scope.objects.filter(user=user, role=Role.COLLECTOR):
        part = Q(creditor_id=scope.creditor_ref)
        if scope.branch_ref is not None:
            part &= Q(customer__branch_id=scope.branch_ref)
        if scope.own_customers_only:
            part &= Q(customer__salesperson_id=user.pk)
        mine |= part
    free = Task.objects.filter(mine, assignee=None, done_at=None, due_on__lte=as_of, context__responsible__isnull=True)
    count = free.count()
    if not count:
        return []
    rows = free.annotate(owed=_owed()).select_related("customer", "creditor")
    first = rows.order_by(F("owed").desc(nulls_last=True), "due_on", "pk")[:MOST]
    told = [_task_row(user, task, as_of) for task in first]
    return [Section(_("Free to take"), told, more=_further(count - MOST), url=address("home"))]


def _owed() -> Subquery:
    """What is overdue with the customer of a task, in the creditor's own currency."""
    rows = Profile.objects.filter(customer=OuterRef("customer"), currency=OuterRef("creditor__currency"))
    return Subquery(rows.values("overdue_minor")[:1])


def _task_sections(user: User, tasks: Sequence[Task], as_of: date) -> list[Section]:
    sections = []
    for kind in ORDER:
        rows = sorted(
            (task for task in tasks if task.kind == kind), key=lambda task: (-(getattr(task, "owed", 0) or 0), task.pk)
        )
        if rows:
            told = [_task_row(user, task, as_of) for task in rows[:MOST]]
            sections.append(Section(titles()[kind], told, more=_further(len(rows) - MOST), url=address("home")))
    return sections


def _task_row(user: User, task: Task, as_of: date) -> Row:
    owed, late = getattr(task, "owed", 0) or 0, task.due_on < as_of
    since = _("since %(day)s") % {"day": short_day(task.due_on, user.language)} if late else ""
    return Row(
        text=task.customer.name,
        url=address("customer", task.customer_id),
        small=" · ".join(part for part in (task.title, since) if part),
        value=amount(owed, task.creditor.currency, user.language) if owed else "",
        bad=late,
    )


def _promises(user: User, as_of: date) -> QuerySet[Promise]:
    rows = Promise.objects.filter(taken_by=user, state=PromiseState.OPEN, promised_for=as_of)
    return rows.select_related("customer").order_by("-amount_minor", "pk")


def _promise_section(user: User, promises: Sequence[Promise]) -> list[Section]:
    if not promises:
        return []
    rows = [
        Row(
            text=row.customer.name, url=address("customer", row.customer_id), small=_("promised for today"),
            value=amount(row.amount_minor, row.currency, user.language),
        )
        for row in promises[:MOST]
    ]  # fmt: skip
    return [Section(_("Promises due today"), rows, more=_further(len(promises) - MOST), url=address("home"))]


def _news(user: User, now: datetime) -> QuerySet[Notification]:
    kinds = [kind for kind, way in ways(user).items() if way == Way.DIGEST]
    fresh = Notification.objects.filter(user=user, kind__in=kinds, read_at=None, sent_at=None)
    return fresh.filter(created_at__gt=now - NEWS).select_related("customer").order_by("-created_at", "-pk")


def _further(count: int) -> str:
    return ngettext("%(n)d more", "%(n)d more", count) % {"n": count} if count > 0 else ""
