"""One customer after the other on the telephone: the next one that nobody has in hand, and at an hour for calls.

In: a click. Out: the task in hand, with all that is to be known for the call; its outcome brings the next. Never: two
colleagues with the same customer, a customer at an hour that the law forbids.
"""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from amiable.casework import take
from amiable.casework.models import Task, TaskKind
from amiable.core.calendar import end_of_day
from amiable.core.errors import AmiableError
from amiable.core.models import User
from amiable.web.desk import labels, ring, saved, scope, tasks, worklist
from amiable.web.ui import clock

SKIPPED = "calls_skipped"  # in the session: those that this colleague leaves for later in this round
MANY = 1000  # more than that are not counted
LOOKED_AT = 40  # how far down the list an hour for calls is looked for
NO_MORE = gettext_lazy("Nobody more to call now.")


@require_GET
@scope.inside
def calls(request: scope.Asked) -> HttpResponse:
    """How many calls wait, who is agreed with for when, and who is on the phone."""
    today, now, query = clock.today(), clock.now(), saved.normal(request.GET.urlencode())
    waiting = _waiting(request.user, query)
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    busy = Task.objects.filter(reach, take.in_hand(now=now), kind=TaskKind.CALL).exclude(taken_by=request.user)
    agreed = worklist.seen(request.user).filter(
        worklist.mine_to_do(request.user, today=today),
        not_before__gt=now + worklist.SOON,
        not_before__lt=end_of_day(today),
    )
    content = {
        "count": waiting.order_by()[:MANY].count(),
        "many": MANY,
        "first": list(worklist.ordered(waiting.select_related("customer", "creditor"))[:5]),
        "agreed": list(agreed.select_related("customer").order_by("not_before")[:20]),
        "busy": list(busy.select_related("customer", "taken_by").order_by("-taken_at")[:20]),
        "mine": Task.objects.filter(take.in_hand(now=now), taken_by=request.user, kind=TaskKind.CALL).first(),
        "saved": saved.bar(request.user, "todo", request.GET),
        "query": query,
    }
    return render(request, "desk/calls.html", content)


@require_POST
@scope.inside
def following(request: scope.Asked) -> HttpResponse:
    """The next customer, taken in hand. A new round brings back those that were left for later."""
    if request.POST.get("round") == "new":
        request.session.pop(SKIPPED, None)
    return _on(request)


@require_GET
@scope.inside
def call(request: scope.Asked, pk: int) -> HttpResponse:
    """One call: whom, when, what about, what was said before; and its outcomes."""
    found: Task = scope.row_or_404(Task.objects.filter(kind=TaskKind.CALL), request.user, pk, act="talk")
    return _show(request, found)


@require_POST
@scope.inside
def keep(request: scope.Asked, pk: int) -> HttpResponse:
    """An open page says that its customer is still in hand; or is told who has them."""
    found: Task = scope.row_or_404(Task.objects.all(), request.user, pk, act="talk")
    told = ""
    try:
        take.take(task=found, now=clock.now(), by=request.user)
    except take.UnableToTake as error:
        told = str(error)
    if request.headers.get("HX-Request"):
        return render(request, "desk/_in_hand.html", {"told": told})
    if told:
        messages.warning(request, told)
    return redirect("desk:call" if found.kind == TaskKind.CALL else "desk:task", found.pk)


@require_POST
@scope.inside
def skip(request: scope.Asked, pk: int) -> HttpResponse:
    """Not this one now: it stays in the list, and comes back in the next round."""
    found: Task = scope.row_or_404(Task.objects.filter(kind=TaskKind.CALL), request.user, pk, act="talk")
    request.session[SKIPPED] = [*request.session.get(SKIPPED, []), found.pk][-200:]
    return _on(request)


@require_POST
@scope.inside
def done(request: scope.Asked, pk: int) -> HttpResponse:
    """The outcome, in one key; it moves the case on and brings the next call."""
    found: Task = scope.row_or_404(Task.objects.filter(kind=TaskKind.CALL), request.user, pk, act="talk")
    try:
        # Who works for another's customer at this moment would undo what is being said.
        take.take(task=found, now=clock.now(), by=request.user)
        wrong = tasks.conclude(request, found, request.POST.get("outcome", ""))
    except AmiableError as error:
        messages.warning(request, str(error))
        return redirect("desk:call", pk) if not isinstance(error, take.UnableToTake) else redirect("desk:calls")
    return _show(request, found, wrong) if wrong else _on(request)


@require_POST
@scope.inside
def stop(request: scope.Asked) -> HttpResponse:
    """Enough for now: what was in hand is anybody's."""
    take.let_go(by=request.user)
    return redirect("desk:calls")


def _on(request: scope.Asked) -> HttpResponse:
    """Goes on to the next customer, or says why there is none."""
    query = saved.normal(request.POST.get("query", ""))
    found, why = next_of(request.user, query=query, skipped=request.session.get(SKIPPED, []))
    if found is not None:
        address = reverse("desk:call", args=[found.pk])
        return redirect(f"{address}?{query}" if query else address)
    (messages.success if why == str(NO_MORE) else messages.warning)(request, why)
    return redirect("desk:calls")


def next_of(user: User, *, query: str, skipped: Iterable[int]) -> tuple[Task | None, str]:
    """The next customer, taken in hand at an hour for calls; else why there is none, and when the first one opens."""
    now = clock.now()
    take.let_go(by=user)
    rows = _waiting(user, query).exclude(pk__in=list(skipped))
    rows = rows.filter(~take.with_others(now=now, by=user))
    closed = None
    for row in worklist.ordered(rows.select_related("customer__creditor"))[:LOOKED_AT]:
        if not scope.may(user, "talk", row.customer):
            continue
        hours = ring.hours(row.customer, now=now)
        # A time that the customer asked for is an hour for them, though it may not be a usual one of ours.
        if not hours.open_now and (row.not_before is None or hours.silent):
            closed = min(filter(None, (closed, hours.opens_at)))
            continue
        try:
            return take.take(task=row, now=now, by=user), ""
        except take.UnableToTake:
            continue
    if closed is None:
        return None, str(NO_MORE)
    told = _("It is no hour for calls at the customers who wait. The first can be rung at %(time)s.")
    return None, told % {"time": f"{closed:%H:%M}"}


def _waiting(user: User, query: str) -> Any:
    """The calls that this colleague may make now, narrowed as the list was."""
    asked = worklist.Asked.read(QueryDict(query))
    how: dict[str, Any] = {"today": clock.today(), "now": clock.now(), "meant": worklist.meant(user, asked)}
    rows = worklist.narrowed(user, asked, **how)
    return rows.filter(kind=TaskKind.CALL, done_at=None, due_on__lte=clock.today()).exclude(
        not_before__gt=clock.now() + worklist.SOON
    )


def _show(request: scope.Asked, found: Task, filled: dict[str, Any] | None = None) -> HttpResponse:
    now, person = clock.now(), found.customer
    told = tasks.content(request, found, filled)
    wishes = ring.wishes_of(told["contacts"], now=now)
    content = told | {
        "hours": ring.hours(person, now=now, wishes=wishes),
        "best": ring.told(ring.moment(person, now=now)),
        "words": [
            each | {"text": each.get("text") or labels.said(labels.OUTCOMES, each.get("outcome", ""))}
            for each in ring.last_words(person)
        ],
        "profiles": list(person.profiles.order_by("-overdue_minor")[:3]),
        "query": saved.normal(request.POST.get("query", "") if request.POST else request.GET.urlencode()),
    }
    return render(request, "desk/call.html", content)
