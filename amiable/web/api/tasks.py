"""What is to be done about customers, and what came of it: one outcome, which moves the case on; put off, handed on, answered
in bulk; and what was done a moment ago taken back.
"""

from typing import Annotated, Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework import take
from amiable.casework.models import Task, TaskKind
from amiable.scenario import dispatch
from amiable.web import seen
from amiable.web.api import deeds, room
from amiable.web.api.problem import Problem, not_found
from amiable.web.api.shape import AnyDay, Day, Id, Ref, Said, Words
from amiable.web.api.talk import Contests, PromisesToPay
from amiable.web.api.told import told
from amiable.web.desk import deed, forms
from amiable.web.desk import tasks as desk
from amiable.web.desk.move_forms import CallBackForm
from amiable.web.desk.ring import zone_of
from amiable.web.ui import clock

router = Router(tags=["tasks"])

TaskOut = told(
    Task, "creditor", "customer", "case", "kind", "title", "due_on", "assignee", "done_at", "done_by", "outcome", "created_at",
    "context", name="Task",
)  # fmt: skip
# What each kind of task may end with.
ENDS: dict[str, tuple[str, ...]] = {
    TaskKind.CALL: desk.OUTCOMES,
    TaskKind.CONFIRM: ("confirmed", "declined"),
    TaskKind.MANUAL: ("done", "declined"),
}


class Tasks(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    kind: TaskKind | None = None
    assignee: Id | None = None
    due_before: Annotated[AnyDay | None, FilterLookup("due_on__lt")] = None
    open: bool | None = None

    def filter_open(self, value: bool | None) -> Q:
        return Q() if value is None else Q(done_at__isnull=value)


class Promised(PromisesToPay):
    customer: None = None  # type: ignore[assignment]  # the task's


class Contested(Contests):
    customer: None = None  # type: ignore[assignment]


class CallBack(Said):
    """On the customer's own clock."""

    on: Day
    at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", strict=True)] | None = None


class Outcome(Said):
    """`promise` and `dispute` say what was promised or contested, `call_back` when to ring again; call tasks alone know them."""

    outcome: Literal[
        "promise",
        "paid",
        "dispute",
        "call_back",
        "voicemail",
        "wrong_number",
        "refused",
        "confirmed",
        "declined",
        "done",
    ]
    words: Words = ""
    promise: Promised | None = None
    dispute: Contested | None = Field(None)
    call_back: CallBack | None = None


class Rings(Said):
    customer: Ref


class Spoken(Schema):
    """A part of what is said: plain words, and words to be said with weight (`bold`)."""

    kind: str
    runs: list[dict[str, Any]]


class Prepared(Schema):
    """A message as it would leave now."""

    subject: str
    text: str


room.shelf(
    router, "/tasks", name="task", many="tasks", schema=TaskOut, filters=Tasks,
    rows=lambda user: room.mine(user, Task.objects.all(), own="creditor_id"),
)  # fmt: skip


def task(request: HttpRequest, pk: int) -> Task:
    rows = Task.objects.select_related("customer__creditor")
    found: Task = room.row(room.mine(room.asking(request).user, rows, own="creditor_id"), pk)
    room.allowed(request, "talk", found.customer)
    seen.customer(found.customer)
    return found


@room.post(
    router, "/tasks/{pk}/outcome", right="talk", response=TaskOut, name="finish_task", undo=True,
    summary="Say what came of a task",
)  # fmt: skip
def finish(request: HttpRequest, pk: Id, said: Outcome) -> Any:
    """A call may end with a promise, a dispute and so on; a step that waits is confirmed or declined; the rest is done."""
    found = task(request, pk)
    if said.outcome not in ENDS.get(found.kind, ("done",)):
        raise Problem(
            422,
            _("This task cannot end so."),
            errors=[{"field": "body.outcome", "message": _("Not for this kind of task.")}],
        )
    by = room.asking(request).user
    if found.kind == TaskKind.CALL:  # who works for another's customer at this moment would undo what is being said
        take.take(task=found, now=clock.now(), by=by)
    desk.carry_out(found, said.outcome, _filled(found, said), words=said.words, by=by)
    if (back := desk.way_back(found)) is not None:
        room.asking(request).told["Undo"] = deed.sealed(by, *back)
    found.refresh_from_db()
    return found


def _filled(found: Task, said: Outcome) -> dict[str, Any]:
    """The same forms as on the desk look at what was promised or contested, and when to ring again."""
    kinds = {"promise": forms.PromiseForm, "dispute": forms.DisputeForm}
    if said.outcome in kinds:
        about = getattr(said, said.outcome)
        if about is None:
            raise Problem(
                422,
                _("Look at the fields that are named."),
                errors=[{"field": f"body.{said.outcome}", "message": _("Say what it is.")}],
            )
        words = {**deeds.told_by(about), "token": "api"}
        under = f"body.{said.outcome}"
        return {said.outcome: deeds.filled(kinds[said.outcome], found.customer, words, under=under)}
    if said.outcome == "call_back" and said.call_back is not None:
        form = CallBackForm(deeds.plain(said.call_back.dict()), now=clock.now(), zone=zone_of(found.customer))
        return {"call_back": deeds.valid(form, under="body.call_back")}
    return {}


@room.post(router, "/calls", right="talk", response={201: TaskOut}, name="start_call", summary="Start a call")
def ring(request: HttpRequest, said: Rings) -> Any:
    """The call as a task, with its script and outcomes; one that lies there for today is taken up."""
    deeds.perform(request, said.customer, "call", {})
    calls = Task.objects.filter(customer=said.customer, kind=TaskKind.CALL, done_at=None, due_on__lte=clock.today())
    return calls.order_by("due_on", "pk").first()


@room.get(
    router,
    "/tasks/{pk}/script",
    right="talk",
    response=list[Spoken],
    name="get_script",
    summary="What is said in a call",
)
def script(request: HttpRequest, pk: Id) -> Any:
    """About what is open now; nothing is kept."""
    found = task(request, pk)
    if found.kind != TaskKind.CALL:
        raise not_found()
    return dispatch.script(task=found, as_of=clock.today(), now=clock.now(), by=room.asking(request).user)


@room.get(
    router,
    "/tasks/{pk}/message",
    right="talk",
    response=Prepared,
    name="get_prepared_message",
    summary="What would leave",
)
def prepared(request: HttpRequest, pk: Id) -> Any:
    """The message that waits for a word, or is sent by hand, as it would be written now."""
    return dispatch.prepare(task=task(request, pk), as_of=clock.today(), now=clock.now())
