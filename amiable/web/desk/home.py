"""What to do now: the tasks of the day by urgency and amount, what needs a person's eye, and the day at a glance."""

from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from amiable.casework.entrust import ROLES
from amiable.casework.models import Notification, Task, TaskKind
from amiable.core.calendar import end_of_day, start_of_day
from amiable.core.errors import UnableTo
from amiable.intake.models import QuarantinedRow
from amiable.ledger.models import Credit, CreditKind
from amiable.outreach import release as verbs
from amiable.outreach.models import Message, MessageState
from amiable.payments.models import Promise, PromiseState
from amiable.portfolio.models import Profile
from amiable.web.desk import deed, inbox, match_pages, scope
from amiable.web.ui import clock

TASKS = 30
# Who waits for an answer comes before a claim to check and a dispute, those before a step to confirm and a call.
URGENCY = [TaskKind.REPLY, TaskKind.CHECK, TaskKind.OTHER, TaskKind.CONFIRM, TaskKind.MANUAL, TaskKind.CALL]


@require_GET
@scope.inside
def home(request: scope.Asked) -> HttpResponse:
    today = clock.today()
    wanted = request.GET.get("kind", "")
    kind = wanted if wanted in TaskKind.values else ""
    mine = request.GET.get("mine") == "1"
    due = _due(request, today, mine=mine)
    counts = dict(due.order_by().values_list("kind").annotate(n=Count("pk")))
    tasks = list(_ordered(due.filter(kind=kind) if kind else due, today)[: TASKS + 1])
    content: dict[str, Any] = {
        "tasks": tasks[:TASKS],
        "further": len(tasks) > TASKS,
        "kind": kind,
        "mine": mine,
        "today": today,
        "kinds": [(key, TaskKind(key).label, counts[key]) for key in URGENCY if counts.get(key)],
        "all_count": sum(counts.values()),
    }
    content |= _needs_an_eye(request, today) | _glance(request, today)
    return render(request, "desk/home.html", content)


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


def _due(request: scope.Asked, today: date, *, mine: bool) -> QuerySet[Task]:
    due = Task.objects.filter(
        scope.reach(request.user, path="customer__", creditor="creditor_id"), done_at=None, due_on__lte=today
    )
    if mine:
        return due.filter(assignee__in=scope.stands_for(request.user))
    # What waits for a role is shown to those who have it, and to everyone once it is late.
    roles = {role for role, held in ROLES.items() if any(each.role == held for each in scope.scopes(request.user))}
    open_to_me = Q(context__responsible__isnull=True) | Q(context__responsible__in=roles)
    free = Q(assignee=None) if request.user.is_superuser else Q(assignee=None) & open_to_me
    return due.filter(Q(assignee__in=scope.stands_for(request.user)) | free | Q(due_on__lt=today))


def _ordered(due: QuerySet[Task], today: date) -> QuerySet[Task]:
    """Who waits first, then the most money: what is overdue in the creditor's own currency."""
    owed = Profile.objects.filter(customer=OuterRef("customer"), currency=OuterRef("creditor__currency")).values(
        "overdue_minor"
    )[:1]
    rank = Case(
        *(When(kind=kind, then=Value(place)) for place, kind in enumerate(URGENCY)),
        default=Value(9),
        output_field=IntegerField(),
    )
    return (
        due.annotate(owed=Coalesce(Subquery(owed, output_field=BigIntegerField()), Value(0)), rank=rank)
        .select_related("customer", "creditor", "assignee")
        .order_by("rank", F("owed").desc(), "due_on", "pk")
    )


def _needs_an_eye(request: scope.Asked, today: date) -> dict[str, Any]:
    """What nobody asked a task for, and somebody must see."""
    reach = scope.reach(request.user, path="customer__")
    broken = Promise.objects.filter(reach, state=PromiseState.BROKEN, judged_on__gt=today - timedelta(days=14))
    whole = scope.whole_creditors(request.user)
    creditors = list(scope.whole_creditors(request.user, act="release"))
    waiting = QuarantinedRow.objects.filter(loaded_by__creditor__in=whole, mended_at=None, dropped_at=None)
    nobodys = inbox.answers(request.user).filter(customer=None, confirmed_at=None, automatic=False)
    return {
        "broken": list(broken.select_related("customer").order_by("-judged_on", "-amount_minor")[:8]),
        "in_doubt": list(
            Message.objects.filter(reach, state=MessageState.IN_DOUBT)
            .select_related("customer")
            .order_by("created_at")[:8]
        ),
        **_counted(quarantined=waiting, nobodys=nobodys),
        "news": list(_news(request)),
        "stopped": [each for each in creditors if each.stopped_at],
        "dry": [each for each in creditors if not each.released_at],
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
    seen = Q(customer=None) | scope.reach(request.user, path="customer__")
    mine = Notification.objects.filter(seen, user=request.user, read_at=None)
    return mine.select_related("customer").order_by("-created_at")[:8]


def _glance(request: scope.Asked, today: date) -> dict[str, Any]:
    """The day in figures, each per currency, of the customers whom this user sees."""
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    since, until = start_of_day(today), end_of_day(today)
    owed = Profile.objects.filter(reach).values("currency").annotate(minor=Sum("overdue_minor"), open=Sum("open_minor"))
    money = Credit.objects.filter(
        reach, kind=CreditKind.PAYMENT, received_on__gt=today - timedelta(days=30), received_on__lte=today
    )
    received = money.filter(confirmed_by=None).values("currency").annotate(minor=Sum("amount_minor"))
    return {
        "owed": list(owed.order_by("-minor")),
        "suspense": match_pages.totals(request.user),
        "received": list(received.order_by("-minor")),
        "sent": Message.objects.filter(reach, state=MessageState.SENT, sent_at__gte=since, sent_at__lt=until).count(),
        "runs": list(scope.runs(request.user).filter(as_of=today).order_by("-started_at")[:8]),
    }
