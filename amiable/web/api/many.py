"""Many tasks at once: put off, handed on, shown, answered with yes or no; and what was done a moment ago taken back."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from amiable.casework.models import Task
from amiable.ledger.models import Customer
from amiable.scenario import approve
from amiable.web.api import deeds, room, tasks
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import Day, Done, Flag, Line, Ref, Refs, Said
from amiable.web.desk import approvals, deed, moves
from amiable.web.desk import tasks as desk
from amiable.web.desk.acts import ACTS, take_back
from amiable.web.ui import clock

router = Router(tags=["tasks"])
Tasks = Annotated[list[Ref], Field(min_length=1, max_length=moves.MOST)]


class Snoozes(Said):
    tasks: Tasks
    until: Day
    words: Line = Field(description="The reason.")


class Assigns(Said):
    tasks: Tasks
    to: Ref | None = Field(None, description="A colleague; empty: whoever comes first.")
    words: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", strict=True)] = ""


class ShowsTo(Said):
    tasks: Tasks
    to: Refs = Field(min_length=1)
    words: Line


class LeftAsIs(Schema):
    """What stayed as it was, and why."""

    row: str
    why: str


class MovedMany(Schema):
    done: list[str]
    left: list[LeftAsIs]


class Waits(Schema):
    """Something that waits for a yes or no; `print` says in which state it was shown."""

    row: str
    print: str
    customer: int
    title: str
    step: str
    amount_minor: int
    currency: str
    since: datetime


class SeenRow(Said):
    row: Annotated[str, Field(pattern=r"^(task|plan)-[0-9]{1,17}$", strict=True)]
    print: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$", strict=True)]


class AnswersMany(Said):
    rows: list[SeenRow] = Field(min_length=1, max_length=200)
    yes: Flag
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", strict=True)] = Field(
        "", description="Needed for a no."
    )


class Undoes(Said):
    undo: Annotated[str, Field(min_length=1, max_length=8_000, pattern=r"^[!-~]+$", strict=True)] = Field(
        description="The header Undo of the answer to what is taken back; it serves for ten minutes."
    )


def _forbidden() -> str:
    return _("Your role does not do that with this customer.")


def _mover(name: str, said: type[Said], summary: str) -> None:
    def moved(request: HttpRequest, said: said) -> Any:  # type: ignore[valid-type]
        user = room.asking(request).user
        told = deeds.plain(said.dict())  # type: ignore[attr-defined]
        named: list[int] = said.tasks  # type: ignore[attr-defined]
        chosen = moves.may_move(user, named)
        seen = set(room.mine(user, Task.objects.filter(pk__in=named)).values_list("pk", flat=True))
        if not chosen:
            raise Problem(403, _forbidden()) if seen else not_found()
        kind = moves.KINDS[name]
        form = kind.form(
            told | {"batch": room.asking(request).wish}, today=clock.today(), country=chosen[0].creditor.country,
            colleagues=moves.colleagues(chosen, but=user),
        )  # fmt: skip
        result = moves.moved_by(kind, chosen, deeds.valid(form), by=user)
        if result.tasks:
            room.asking(request).told["Undo"] = deed.sealed(user, reverse("desk:moves_undo"), {"batch": result.batch})
        left = {task.pk: str(why) for task, why in result.refused}
        left |= {
            pk: _forbidden() if pk in seen else not_found().detail for pk in set(named) - {row.pk for row in chosen}
        }
        done = [f"task-{task.pk}" for task in result.tasks]
        return {"done": done, "left": [{"row": f"task-{pk}", "why": why} for pk, why in sorted(left.items())]}

    moved.__doc__ = str(moves.KINDS[name].explains)
    how: dict[str, Any] = {"response": MovedMany, "name": f"{name}_tasks", "summary": summary}
    room.post(router, f"/task-moves/{name}", right="talk", undo=True, **how)(moved)


_mover("snooze", Snoozes, "Put tasks off")
_mover("assign", Assigns, "Hand tasks on")
_mover("share", ShowsTo, "Show tasks to colleagues")


@room.get(router, "/approvals", response=list[Waits], name="list_approvals", summary="What waits for a yes or no")
def waiting(request: HttpRequest) -> Any:
    """Steps, plans and messages sent by hand, who brings the most first; 100 of each kind at most."""
    rows = [row for group in approvals.waiting(room.asking(request).user).values() for row in group]
    prints, owed = approve.prints(rows), approve.owed(rows)
    told = [approvals.told_of(row, prints, owed) for row in rows]
    return [
        each | {"row": each["name"], "customer": each["customer"].pk, "amount_minor": each["minor"]} for each in told
    ]


@room.post(
    router, "/approvals/answer", right="talk", response=MovedMany, name="answer_approvals", undo=True,
    summary="Say yes or no",
)  # fmt: skip
def answer(request: HttpRequest, said: AnswersMany) -> Any:
    """To many at once; what changed since it was shown is left, with its reason."""
    user = room.asking(request).user
    if not said.yes and not said.reason.strip():
        needed = {
            "field": "body.reason",
            "message": _("Please say why: the reason is kept, and read by whoever asks later."),
        }
        raise Problem(422, _("Look at the fields that are named."), errors=[needed])
    chosen = approvals.named(user, [(each.row, each.print) for each in said.rows])
    if not chosen:
        raise not_found()
    result = approvals.answered(chosen, yes=said.yes, reason=said.reason.strip(), by=user)
    if (back := approvals.way_back(result, yes=said.yes)) is not None:
        room.asking(request).told["Undo"] = deed.sealed(user, *back)
    left = [{"row": approve.name_of(row), "why": str(why)} for row, why in result.left]
    known = {approve.name_of(row) for row, _print in chosen}
    left += [{"row": each.row, "why": not_found().detail} for each in said.rows if each.row not in known]
    return {"done": [approve.name_of(row) for row in result.done], "left": left}


@room.post(router, "/undo", right=room.READ, response=Done, name="undo", summary="Take back what was done")
def undo(request: HttpRequest, said: Undoes) -> Any:
    """By who did it, within ten minutes, as the button at the desk does; it needs the right that the act needed."""
    user = room.asking(request).user
    to, words = deed.opened(said.undo, by=user)
    try:
        where = resolve(to)
    except Resolver404 as error:
        raise not_found() from error
    take = _BACK.get(str(where.url_name))
    if take is None:  # what the desk alone takes back
        raise not_found()
    return {"said": take(request, words, **where.kwargs)}


def _act_back(request: HttpRequest, words: dict[str, Any], pk: int, name: str) -> str:
    room.granted(room.asking(request), ACTS[name].right)
    about: Customer = room.customer(request, pk, right=ACTS[name].right)
    take_back(name, about, words, by=room.asking(request).user)
    return _("Undone: %(act)s") % {"act": str(ACTS[name].title).lower()}


def _task_back(request: HttpRequest, words: dict[str, Any], pk: int) -> str:
    room.granted(room.asking(request), "talk")
    found = tasks.task(request, pk)
    desk.take_back(found, words, by=room.asking(request).user)
    return _("Undone: %(task)s lies on the desk again.") % {"task": found.customer.name}


def _move_back(request: HttpRequest, words: dict[str, Any]) -> str:
    room.granted(room.asking(request), "talk")
    return moves.told_back(moves.put_back(words["batch"], by=room.asking(request).user))


def _answer_back(request: HttpRequest, words: dict[str, Any]) -> str:
    room.granted(room.asking(request), "talk")
    return approvals.told_back(approvals.take_back(words, by=room.asking(request).user))


_BACK: dict[str, Callable[..., str]] = {
    "act_undone": _act_back,
    "task_undone": _task_back,
    "moves_undo": _move_back,
    "approvals_undo": _answer_back,
}
