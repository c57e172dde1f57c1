"""Tasks put off, handed on, or shown to colleagues: one or many at once, each with a way back.

In: the tasks chosen in a list. Out: a form, or one call of the domain and a message with Undo. Never: a task of a customer
about whom this colleague may not act, or given to somebody who may not see it.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from amiable.casework import move
from amiable.casework.models import Task
from amiable.core.errors import UnableTo
from amiable.core.models import Scope, User
from amiable.web.desk import deed, scope
from amiable.web.desk.dialog import dialog
from amiable.web.desk.move_forms import AssignForm, MoveForm, ShareForm, SnoozeForm
from amiable.web.desk.tasks import next_page
from amiable.web.templatetags.amiable_ui import day
from amiable.web.ui import clock

MOST = 200


@dataclass(frozen=True)
class Wish:
    """One click as it reaches the domain."""

    tasks: list[Task]
    form: Any
    batch: str
    as_of: date
    now: datetime
    by: User


@dataclass(frozen=True)
class Kind:
    title: Promise
    button: Promise
    explains: Promise
    form: type[MoveForm]
    do: Callable[[Wish], move.Moved]
    icon: str


def _snooze(wish: Wish) -> move.Moved:
    said = wish.form.cleaned_data
    return move.snooze(
        tasks=wish.tasks, until=said["until"], words=said["words"], batch=wish.batch, as_of=wish.as_of, now=wish.now,
        by=wish.by,
    )  # fmt: skip


def _assign(wish: Wish) -> move.Moved:
    to, words = wish.form.chosen(), wish.form.cleaned_data["words"]
    fit, refused = _among(wish.tasks, [to] if to else [])
    moved = move.assign(tasks=fit, to=to, words=words, batch=wish.batch, now=wish.now, by=wish.by)
    moved.refused += refused
    return moved


def _share(wish: Wish) -> move.Moved:
    to, words = wish.form.chosen(), wish.form.cleaned_data["words"]
    fit, refused = _among(wish.tasks, to)
    moved = move.share(tasks=fit, to=to, words=words, batch=wish.batch, now=wish.now, by=wish.by)
    moved.refused += refused
    return moved


KINDS: dict[str, Kind] = {
    "snooze": Kind(
        gettext_lazy("Put off"), gettext_lazy("Until that day"),
        gettext_lazy("Until then it is out of your way. Reminders do not go out while a task waits for a person."),
        SnoozeForm, _snooze, "clock",
    ),
    "assign": Kind(
        gettext_lazy("Hand on"), gettext_lazy("Hand on"), gettext_lazy("Who gets it is told."), AssignForm, _assign,
        "user",
    ),
    "share": Kind(
        gettext_lazy("Show to colleagues"), gettext_lazy("Show it"),
        gettext_lazy("They read your words, with a link to the task. Whose it is does not change."), ShareForm, _share,
        "users",
    ),
}  # fmt: skip


@require_http_methods(["GET", "POST"])
@scope.inside
def act(request: scope.Asked, name: str) -> HttpResponse:
    """The form for the tasks that are chosen, and the move."""
    kind = KINDS.get(name)
    given = request.POST if request.method == "POST" else request.GET
    chosen = [int(pk) for pk in given.getlist("task") if pk.isdecimal() and pk.isascii() and len(pk) < 18][:MOST]
    tasks = may_move(request.user, chosen)
    if kind is None or (chosen and not tasks):
        raise Http404
    if not chosen:
        messages.warning(request, _("Choose some tasks first: with x, or with the boxes before them."))
        return _home(request)
    today = clock.today()
    form = kind.form(
        request.POST if request.method == "POST" else None,
        today=today, country=tasks[0].creditor.country, colleagues=colleagues(tasks, but=request.user),
        initial={"batch": secrets.token_urlsafe(12)},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            moved = moved_by(kind, tasks, form, by=request.user)
        except UnableTo as error:
            form.add_error(None, str(error))
        else:
            _tell(request, name, moved, form)
            return redirect(next_page(request, request.POST.get("next", "")))
    content = {
        "kind": kind, "name": name, "form": form, "tasks": tasks, "shown": tasks[:6], "more": max(len(tasks) - 6, 0),
        "next": next_page(request, given.get("next") or request.headers.get("HX-Current-URL", "")),
    }  # fmt: skip
    return dialog(request, "move", content)


@require_POST
@scope.inside
def undo(request: scope.Asked) -> HttpResponse:
    """What one click moved is where it was."""
    try:
        moved = put_back(deed.taken_back(request)["batch"], by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        if moved.tasks:
            messages.success(request, told_back(moved))
        _refused(request, moved)
    return redirect(next_page(request, request.POST.get("next", "")))


def put_back(batch: str, *, by: User) -> move.Moved:
    """What one click moved is where it was, as far as this colleague may still act about its customers."""
    named = list(move.moved_by(batch=batch, by=by).values_list("task", flat=True))
    mine = may_move(by, named)
    if named and not mine:
        raise deed.UnableToUndo(_("You may not act about these customers any more."))
    return move.undo(batch=batch, among=mine, now=clock.now(), by=by)


def told_back(moved: move.Moved) -> str:
    told = ngettext("Undone: %(n)s task is as it was.", "Undone: %(n)s tasks are as they were.", len(moved.tasks))
    return told % {"n": len(moved.tasks)}


def moved_by(kind: Kind, tasks: list[Task], form: Any, *, by: User) -> move.Moved:
    """One move as it reaches the domain. Whose it was stands in its name: nobody else's batch is met, or undone, by it."""
    batch = f"{by.pk}:{form.cleaned_data['batch']}"[:40]
    return kind.do(Wish(tasks, form, batch, clock.today(), clock.now(), by))


def may_move(user: User, chosen: Iterable[int]) -> list[Task]:
    """Of the tasks named, those about whose customers this user may act."""
    rows = Task.objects.filter(scope.reach(user, path="customer__", creditor="creditor_id"), pk__in=set(chosen))
    rows = rows.select_related("customer", "creditor").order_by("rank", "-gain", "pk")
    return [task for task in rows if scope.may(user, "talk", task.customer)]


def colleagues(tasks: Iterable[Task], *, but: User) -> list[User]:
    """Whoever may act for one of the creditors; whether for a customer is looked at task by task."""
    creditors = {task.creditor_id for task in tasks}
    rows = Scope.objects.filter(role__in=scope.MAY["talk"], creditor_ref__in=creditors, user__is_active=True)
    found = {row.user for row in rows.select_related("user")} | {but}
    return sorted(found, key=lambda user: (user != but, str(user)))


def _among(tasks: Iterable[Task], users: Iterable[User]) -> tuple[list[Task], list[tuple[Task, str]]]:
    """The tasks whose customers all of these may act about; and the others, with who may not."""
    users = list(users)
    fit, refused = [], []
    for task in tasks:
        strangers = [user for user in users if not scope.may(user, "talk", task.customer)]
        if strangers:
            refused.append((task, _("%(who)s does not work for this customer") % {"who": strangers[0]}))
        else:
            fit.append(task)
    return fit, refused


def _tell(request: scope.Asked, name: str, moved: move.Moved, form: Any) -> None:
    number = len(moved.tasks)
    if number:
        if name == "snooze":
            told = ngettext("%(n)s task is put off until %(to)s.", "%(n)s tasks are put off until %(to)s.", number)
            to = day(form.cleaned_data["until"])
        elif name == "assign":
            told = ngettext("%(n)s task is handed to %(to)s.", "%(n)s tasks are handed to %(to)s.", number)
            to = str(form.chosen() or _("whoever comes first"))
        else:
            told = ngettext("%(n)s task is shown to %(to)s.", "%(n)s tasks are shown to %(to)s.", number)
            to = ", ".join(str(user) for user in form.chosen())
        deed.told(request, told % {"n": number, "to": to}, undo=(reverse("desk:moves_undo"), {"batch": moved.batch}))
    _refused(request, moved)


def _refused(request: scope.Asked, moved: move.Moved) -> None:
    """Each one that stayed is named with its reason."""
    if moved.refused:
        named = "; ".join(f"{task.customer.name} – {reason}" for task, reason in moved.refused[:10])
        rest = len(moved.refused) - 10
        named += ngettext("; and %(n)s more", "; and %(n)s more", rest) % {"n": rest} if rest > 0 else ""
        messages.warning(request, _("Left as they were: %(named)s.") % {"named": named})


def _home(request: scope.Asked) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return redirect("desk:home")
