"""What to do now: who waits first, then what brings the most per minute; what needs a person's eye; the day at a glance."""

from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum, Value
from django.db.models.expressions import RawSQL
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from amiable.casework import survey
from amiable.casework.models import Notification, Task, TaskKind
from amiable.casework.pace import paces
from amiable.core.calendar import end_of_day, next_business_day, start_of_day
from amiable.core.errors import UnableTo
from amiable.core.models import Scope, User
from amiable.intake.models import QuarantinedRow
from amiable.ledger.models import Branch, Credit, CreditKind
from amiable.outreach import release as verbs
from amiable.outreach import tray
from amiable.outreach.models import Message, MessageState
from amiable.payments.models import Promise, PromiseState
from amiable.web.desk import customers, deed, inbox, labels, match_pages, saved, scope, tasks, why, worklist
from amiable.web.ui import clock

TASKS = 30
MANY = 1000  # more of a kind than that are not counted
AGES = {
    1: gettext_lazy("Late"), 31: gettext_lazy("Over 30 days late"), 61: gettext_lazy("Over 60 days late"),
    91: gettext_lazy("Over 90 days late"),
}  # fmt: skip
DUES = {
    "late": gettext_lazy("Left over from earlier days"), "today": gettext_lazy("Of today"),
    "week": gettext_lazy("In the next seven days"), "later": gettext_lazy("Put off, or agreed for later"),
}  # fmt: skip


@require_GET
@scope.inside
def home(request: scope.Asked) -> HttpResponse:
    if scope.agencies(request.user) and not scope.of_house(request.user):
        return redirect("desk:placements")  # an agency's work is what lies with it
    views = saved.bar(request.user, "todo", request.GET)
    if not request.GET and (first := views["first"]):
        return redirect(f"{reverse('desk:home')}?{first}")
    today, now = clock.today(), clock.now()
    asked = worklist.Asked.read(request.GET)
    how: dict[str, Any] = {"today": today, "now": now, "meant": worklist.meant(request.user, asked)}
    found = worklist.narrowed(request.user, asked, **how)
    start = (asked.page - 1) * TASKS
    related = found.select_related("customer", "creditor", "assignee", "taken_by")
    found_now = list(worklist.ordered(related, asked.due)[start : start + TASKS + 1])
    counts = _counts(request.user, asked, **how)
    content: dict[str, Any] = {
        "asked": asked,
        "rows": _rows(request, found_now[:TASKS], today=today, now=now),
        "further": asked.address(page=asked.page + 1) if len(found_now) > TASKS else "",
        "before": asked.address(page=asked.page - 1) if asked.page > 1 else "",
        "today": today,
        "kinds": [(key, TaskKind(key).label, counts[key]) for key in worklist.KINDS if counts.get(key)],
        "all_count": sum(counts.values()),
        "many": MANY,
        "saved": views,
        "done": _done(request.user, today),
        "moves_at_hand": [(name, icon, key, label) for name, (icon, key, label) in tasks.MOVES.items()],
        **_needs_an_eye(request, now),
    }
    if not found_now:
        content |= _to_come(request, today)
    return render(request, "desk/home.html", content)


def _rows(request: scope.Asked, rows: list[Task], *, today: date, now: datetime) -> list[dict[str, Any]]:
    known = worklist.told(rows, paces=paces(), today=today, now=now, user=request.user) if rows else []
    words = survey.words_of(rows)
    return [
        {
            "row": row, "urgency": why.urgency(row), "reasons": why.reasons(row),
            "said": words.get(row.task.pk) or row.task.context.get("words", ""),
        }
        for row in known
    ]  # fmt: skip


def _counts(user: User, asked: worklist.Asked, **how: Any) -> dict[str, int]:
    """How many tasks of each kind fit the other words of the address; a thousand stands for all beyond. One query."""
    rows = worklist.narrowed(user, asked.without_kind(), **how).order_by().filter(kind=RawSQL("kinds.kind", []))
    try:
        sql, values = rows.values("pk")[:MANY].query.sql_with_params()
    except EmptyResultSet:  # who has no scope sees no task
        return {}
    with connection.cursor() as cursor:
        counted = f"SELECT kind, (SELECT count(*) FROM ({sql}) each_one) FROM unnest(%s::text[]) kinds(kind)"
        cursor.execute(counted, [*values, worklist.KINDS])
        return {kind: n for kind, n in cursor.fetchall() if n}


def _done(user: User, today: date) -> dict[str, Any]:
    """What this person has done today: tasks, and the money that was promised to them."""
    since = start_of_day(today)
    promised = Promise.objects.filter(taken_by=user, taken_at__gte=since).exclude(state=PromiseState.WITHDRAWN)
    tasks = (
        Task.objects.filter(done_by=user, done_at__gte=since).order_by().values(what=Value("")).annotate(n=Count("pk"))
    )
    sums = promised.order_by().values("currency").annotate(n=Sum("amount_minor")).values_list("currency", "n")
    told = dict(tasks.values_list("what", "n").union(sums, all=True))
    return {"tasks": told.pop("", 0), "promised": sorted(told.items(), key=lambda each: -each[1])}


def _to_come(request: scope.Asked, today: date) -> dict[str, Any]:
    """What an empty list tells of: the next day of work, and how much waits for it."""
    creditor = scope.visible_creditors(request.user).first()
    tomorrow = next_business_day(today + timedelta(days=1), creditor.country if creditor else "FR")
    mine = worklist.mine_to_do(request.user, today=today)
    return {
        "next_day": tomorrow,
        "to_come": worklist.seen(request.user).filter(mine, due_on__gt=today, due_on__lte=tomorrow).count(),
    }


@require_GET
@scope.inside
def filters(request: scope.Asked) -> HttpResponse:
    """The fields that narrow the list, read when somebody opens them."""
    content = {"asked": worklist.Asked.read(request.GET), **_choices(request)}
    name = "desk/_home_filters.html" if request.headers.get("HX-Request") else "desk/home_filters.html"
    return render(request, name, content)


def _choices(request: scope.Asked) -> dict[str, Any]:
    """What the filters offer; colleagues and branches only of the creditors whom this user sees."""
    creditors = worklist.creditors_of(request.user)
    near = {creditor.pk for creditor in creditors}
    working = Scope.objects.filter(creditor_ref__in=near, role__in=scope.MAY["talk"], user__is_active=True)
    colleagues = {each.user for each in working.select_related("user")} - {request.user}
    return {
        "creditors": creditors,
        "branches": list(Branch.objects.filter(creditor__in=near).order_by("name")[:200]),
        "colleagues": sorted(colleagues, key=str)[:200],
        "labels": labels.segment_labels(scope.visible_creditors(request.user)),
        "ages": AGES.items(),
        "dues": DUES.items(),
    }


@require_GET
@scope.inside
def glance(request: scope.Asked) -> HttpResponse:
    """The day in figures, and what happened beside the tasks: read after the list, which nobody waits for then."""
    today = clock.today()
    name = "desk/_glance.html" if request.headers.get("HX-Request") else "desk/glance.html"
    return render(request, name, _glance(request, today) | _beside(request, today))


@require_POST
@scope.inside
def read(request: scope.Asked) -> HttpResponse:
    """What a colleague has read is out of the way."""
    now = clock.now()
    if Notification.objects.filter(user=request.user, read_at=None).update(read_at=now):
        deed.told(request, _("Read."), undo=(reverse("desk:news_unread"), {"read_at": now.isoformat()}))
    return redirect("desk:home")


@require_POST
@scope.inside
def unread(request: scope.Asked) -> HttpResponse:
    """What was marked as read by one click is news again."""
    try:
        when = deed.taken_back(request)["read_at"]
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        Notification.objects.filter(user=request.user, read_at=datetime.fromisoformat(when)).update(read_at=None)
    return redirect("desk:home")


@require_POST
@scope.inside
def release(request: scope.Asked, pk: int) -> HttpResponse:
    """Ends the dry run of a creditor: from now on messages leave the house."""
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="release"), pk=pk)
    try:
        verbs.go_live(creditor=creditor, now=clock.now(), by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        told = _("%(creditor)s is released: from the next run on, messages leave the house.")
        messages.success(request, told % {"creditor": creditor.name})
    return redirect("desk:home")


def _needs_an_eye(request: scope.Asked, now: datetime) -> dict[str, Any]:
    """What nobody asked a task for, and somebody must see before anything else."""
    creditors = list(scope.whole_creditors(request.user, act="release"))
    whole = scope.whole_creditors(request.user)
    prints = scope.whole_creditors(request.user, act="write")
    waiting = QuarantinedRow.objects.filter(loaded_by__creditor__in=whole, mended_at=None, dropped_at=None)
    nobodys = inbox.answers(request.user).filter(customer=None, confirmed_at=None, automatic=False)
    return {
        **_counted(quarantined=waiting, nobodys=nobodys),
        "stopped": [each for each in creditors if each.stopped_at],
        "dry": [each for each in creditors if not each.released_at],
        "lying": tray.lying(prints, now=now),
    }


def _counted(**rows: QuerySet[Any]) -> dict[str, int]:
    """How many rows each of these holds, in one query."""
    first, *rest = (
        each.order_by().values(what=Value(name)).annotate(n=Count("pk")).values_list("what", "n")
        for name, each in rows.items()
    )
    return dict.fromkeys(rows, 0) | dict(first.union(*rest, all=True))


def _news(request: scope.Asked) -> QuerySet[Notification]:
    """Lines for this colleague that they have not read, about customers they may still see."""
    about = Q(customer=None) | scope.reach(request.user, path="customer__")
    mine = Notification.objects.filter(about, user=request.user, read_at=None)
    return mine.select_related("customer").order_by("-created_at")[:8]


def _beside(request: scope.Asked, today: date) -> dict[str, Any]:
    reach = scope.reach(request.user, path="customer__")
    broken = Promise.objects.filter(reach, state=PromiseState.BROKEN, judged_on__gt=today - timedelta(days=14))
    in_doubt = Message.objects.filter(reach, state=MessageState.IN_DOUBT)
    return {
        "news": list(_news(request)),
        "broken": list(broken.select_related("customer").order_by("-judged_on", "-amount_minor")[:8]),
        "in_doubt": list(in_doubt.select_related("customer").order_by("created_at")[:8]),
        "runs": list(scope.runs(request.user).filter(as_of=today).order_by("-started_at")[:8]),
    }


def _glance(request: scope.Asked, today: date) -> dict[str, Any]:
    """The day in figures, each per currency, of the customers whom this user sees."""
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    since, until = start_of_day(today), end_of_day(today)
    money = Credit.objects.filter(
        reach, kind=CreditKind.PAYMENT, received_on__gt=today - timedelta(days=30), received_on__lte=today
    )
    received = money.filter(confirmed_by=None).values("currency").annotate(minor=Sum("amount_minor"))
    return {
        "owed": customers.totals(request.user),
        "suspense": match_pages.totals(request.user),
        "received": list(received.order_by("-minor")),
        "sent": Message.objects.filter(reach, state=MessageState.SENT, sent_at__gte=since, sent_at__lt=until).count(),
    }
