"""What waits for a yes or no, many at once: looked at, chosen, confirmed, or declined with a reason.

In: the rows chosen, each with what it said when it was shown. Out: one call of the domain, and every row left named with
its reason. Never: a row of a customer about whom this colleague may not act, or one that changed unseen.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from amiable.casework.models import Task, TaskKind
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.payments.models import Plan, PlanState
from amiable.payments.plans.limits import allows
from amiable.scenario import approve, dispatch
from amiable.scenario.approve import Waiting, name_of
from amiable.web.desk import deed, labels, plan_pages, scope, worklist
from amiable.web.ui import clock

ROWS = 50
KINDS = (TaskKind.CONFIRM, TaskKind.MANUAL)
TITLES = {
    "steps": (
        gettext_lazy("Steps that wait for your word"),
        gettext_lazy(
            "Yes: the message leaves with the next sending, or the agency gets the invoices."
            " No: the customer is left alone for 14 days."
        ),
    ),
    "plans": (
        gettext_lazy("Plans to approve"),
        gettext_lazy("Yes: the plan is offered, or runs where the customer has accepted it. No: it ends."),
    ),
    "by_hand": (
        gettext_lazy("Messages that you send yourself"),
        gettext_lazy("Yes: you have sent it. No: it is not sent."),
    ),
}


@require_GET
@scope.inside
def approvals(request: scope.Asked) -> HttpResponse:
    groups = waiting(request.user)
    rows = [row for group in groups.values() for row in group[:ROWS]]
    seen, owed = approve.prints(rows), approve.owed(rows)
    content = {
        "groups": [
            (*TITLES[name], [told_of(row, seen, owed) for row in group[:ROWS]], max(len(group) - ROWS, 0))
            for name, group in groups.items()
            if group
        ],
        "count": sum(map(len, groups.values())),
        "first": name_of(rows[0]) if rows else "",
    }
    return render(request, "desk/approvals.html", content)


@require_GET
@scope.inside
def look(request: scope.Asked, name: str) -> HttpResponse:
    """One row as it is decided about: the message as it would leave, or the schedule of the plan."""
    row = _named(request.user, name)
    content: dict[str, Any] = {"row": row, "is_task": isinstance(row, Task), "customer": row.customer}
    if isinstance(row, Task):
        content["step"] = labels.step(str(row.context.get("step", "")))
        content["currency"] = row.context.get("currency") or row.creditor.currency
        try:
            content["handed"] = dispatch.hands_over(task=row, as_of=clock.today())
            if not content["handed"]:
                content["prepared"] = dispatch.prepare(task=row, as_of=clock.today(), now=clock.now())
        except UnableTo as error:
            content["unprepared"] = str(error)
    else:
        content["parts"] = list(row.instalments.order_by("due_on", "id"))
    return render(request, "desk/_look.html" if request.headers.get("HX-Request") else "desk/look.html", content)


@require_POST
@scope.inside
def answer(request: scope.Asked, word: str) -> HttpResponse:
    """Yes or no to the rows that are chosen."""
    if word not in {"yes", "no"}:
        raise Http404
    reason = request.POST.get("reason", "").strip()[:200]
    chosen = named(request.user, [each.split(":", 1) for each in request.POST.getlist("row") if ":" in each])
    if not chosen:
        messages.warning(request, _("Choose some rows first: with x, or with the boxes before them."))
    elif word == "no" and not reason:
        messages.warning(request, _("Please say why: the reason is kept, and read by whoever asks later."))
    else:
        result = answered(chosen, yes=word == "yes", reason=reason, by=request.user)
        _tell(request, result, yes=word == "yes")
    return redirect("desk:approvals")


@require_POST
@scope.inside
def undo(request: scope.Asked) -> HttpResponse:
    """A no that was said too quickly is taken back, where nothing has happened since."""
    try:
        kept = deed.taken_back(request)
    except UnableTo as error:
        messages.warning(request, str(error))
        return redirect("desk:approvals")
    result = take_back(kept, by=request.user)
    if result.done:
        messages.success(request, told_back(result))
    if len(result.done) < len(kept["tasks"]):
        messages.warning(request, _("What has changed meanwhile stays as it is."))
    return redirect("desk:approvals")


def answered(chosen: list[tuple[Waiting, str]], *, yes: bool, reason: str, by: User) -> approve.Answered:
    """Yes or no as it reaches the domain."""
    levels = _levels(by, [row for row, _seen in chosen])
    now = clock.now()
    return approve.answer(chosen, yes=yes, reason=reason, levels=levels, as_of=clock.today(), now=now, by=by)


def way_back(result: approve.Answered, *, yes: bool) -> tuple[str, dict[str, Any]] | None:
    """What takes an answer back, where nothing has left the house by it."""
    back = [row.pk for row in result.done if isinstance(row, Task) and not (yes and row.kind == TaskKind.CONFIRM)]
    done = Task.objects.filter(pk__in=back).order_by("pk").values_list("pk", "done_at")
    times = {pk: at for pk, at in done if at is not None}
    if not times or len(times) < len(result.done) or len(set(times.values())) > 1:
        return None
    return reverse("desk:approvals_undo"), {"tasks": list(times), "at": min(times.values()).isoformat()}


def take_back(kept: dict[str, Any], *, by: User) -> approve.Answered:
    """Those that are still as the answer left them wait again, where this colleague may still act about their customers;
    `kept`: which, and when they were done.
    """
    rows = Task.objects.filter(
        scope.reach(by, path="customer__"), pk__in=kept["tasks"], done_at=datetime.fromisoformat(kept["at"])
    )
    same = [row for row in rows.select_related("customer__creditor") if scope.confirms(by, row)]
    return approve.take_back(same, as_of=clock.today(), now=clock.now(), by=by)


def told_back(result: approve.Answered) -> str:
    told = ngettext("Undone: %(n)s row waits again.", "Undone: %(n)s rows wait again.", len(result.done))
    return told % {"n": len(result.done)}


def waiting(user: User) -> dict[str, list[Waiting]]:
    """Everything that waits for this colleague's word, who brings the most first."""
    proposed = plan_pages.seen(user).filter(state=PlanState.PROPOSED).order_by("-total_minor", "pk")
    return {
        "steps": _tasks(user, TaskKind.CONFIRM),
        "plans": [row for row in proposed[: 2 * ROWS] if _may_approve(user, row)],
        "by_hand": _tasks(user, TaskKind.MANUAL),
    }


def _tasks(user: User, kind: str) -> list[Waiting]:
    rows = worklist.at_hand(user, today=clock.today(), now=clock.now()).filter(kind=kind)
    found = worklist.ordered(rows.select_related("customer", "creditor"))[: 2 * ROWS]
    return [row for row in found if scope.confirms(user, row)]


def _may_approve(user: User, row: Plan) -> bool:
    return scope.may(user, "plan", row.customer) and allows(
        plan_pages.level(user, row.customer), row.needs or "manager"
    )


def _named(user: User, name: str) -> Waiting:
    """The row of a name like task-12, where it waits for this colleague; else it does not exist."""
    kind, _dash, pk = name.partition("-")
    if kind == "task" and pk.isdecimal() and len(pk) < 18:
        task: Task = scope.row_or_404(Task.objects.filter(kind__in=KINDS), user, int(pk), act="talk")
        return task
    if kind == "plan" and pk.isdecimal() and len(pk) < 18:
        plan: Plan = scope.row_or_404(Plan.objects.all(), user, int(pk), act="plan")
        return plan
    raise Http404


def named(user: User, pairs: list[Any]) -> list[tuple[Waiting, str]]:
    """The rows named, with the print that was seen; those that this colleague may not answer do not exist."""
    prints: dict[str, str] = dict(pairs[: 4 * ROWS])
    reach = scope.reach(user, path="customer__")
    found: list[Waiting] = []
    numbers = {kind: [int(each[5:]) for each in prints if each[:5] == f"{kind}-" and each[5:].isdecimal() and len(each) < 23]
               for kind in ("task", "plan")}  # fmt: skip
    tasks = Task.objects.filter(reach, pk__in=numbers["task"]).select_related("customer", "creditor")
    found += [row for row in tasks.order_by("pk") if scope.confirms(user, row)]
    plans = plan_pages.seen(user).filter(pk__in=numbers["plan"]).order_by("pk")
    found += [row for row in plans if scope.may(user, "plan", row.customer)]
    return [(row, prints[name_of(row)]) for row in found]


def _levels(user: User, rows: Iterable[Waiting]) -> dict[int, str]:
    return {row.customer_id: plan_pages.level(user, row.customer) for row in rows if isinstance(row, Plan)}


def told_of(row: Waiting, seen: dict[str, str], owed: dict[str, int]) -> dict[str, Any]:
    name = name_of(row)
    task = isinstance(row, Task)
    currency = (row.context.get("currency") or row.creditor.currency) if isinstance(row, Task) else row.currency
    return {
        "name": name,
        "print": seen[name],
        "customer": row.customer,
        "title": row.title if isinstance(row, Task) else _("Payment plan"),
        "step": labels.step(str(row.context.get("step", ""))) if isinstance(row, Task) else "",
        "words": row.words if isinstance(row, Plan) else "",
        "since": row.created_at if isinstance(row, Task) else row.offered_at,
        "minor": owed[name],
        "currency": currency,
        "is_task": task,
    }


def _tell(request: scope.Asked, result: approve.Answered, *, yes: bool) -> None:
    number = len(result.done)
    if number:
        told = (
            ngettext("%(n)s row is confirmed.", "%(n)s rows are confirmed.", number)
            if yes
            else ngettext("%(n)s row is declined.", "%(n)s rows are declined.", number)
        )
        deed.told(request, told % {"n": number}, undo=way_back(result, yes=yes))
    if result.left:
        named = "; ".join(f"{row.customer.name} – {reason}" for row, reason in result.left[:20])
        messages.warning(request, _("Left as they were: %(named)s.") % {"named": named})
