"""What is to be done about customers, and what came of it: one outcome, which moves the case on."""

from typing import Annotated, Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework import task as tasks
from amiable.casework.models import Task, TaskKind
from amiable.scenario import dispatch
from amiable.scenario.respond import customer_said
from amiable.scenario.sayings import CallOutcome, Disputes, Promises
from amiable.web.api import deeds, room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import AnyDay, Id, Said, Words
from amiable.web.api.talk import Contests, PromisesToPay
from amiable.web.api.told import told
from amiable.web.desk import forms
from amiable.web.ui import clock

router = Router(tags=["tasks"])
PAUSE_DAYS = 14  # that a customer rests after a step was declined, as on the desk

TaskOut = told(
    Task, "creditor", "customer", "case", "kind", "title", "due_on", "assignee", "done_at", "done_by", "outcome", "created_at",
    "context", name="Task",
)  # fmt: skip
# What each kind of task may end with.
ENDS: dict[str, tuple[str, ...]] = {
    TaskKind.CALL: ("promise", "paid", "dispute", "call_back", "voicemail", "wrong_number", "refused"),
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


class Outcome(Said):
    """`promise` and `dispute` say what was promised or contested; call tasks alone know them."""

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


room.shelf(
    router, "/tasks", name="task", many="tasks", schema=TaskOut, filters=Tasks,
    rows=lambda user: room.mine(user, Task.objects.all(), own="creditor_id"),
)  # fmt: skip


@room.post(
    router, "/tasks/{pk}/outcome", right="talk", response=TaskOut, name="finish_task", summary="Say what came of a task"
)
def finish(request: HttpRequest, pk: Id, said: Outcome) -> Any:
    """A call may end with a promise, a dispute and so on; a step that waits is confirmed or declined; the rest is done."""
    user = room.asking(request).user
    found = room.row(room.mine(user, Task.objects.select_related("customer__creditor"), own="creditor_id"), pk)
    room.allowed(request, "talk", found.customer)
    if said.outcome not in ENDS.get(found.kind, ("done",)):
        raise Problem(
            422,
            _("This task cannot end so."),
            errors=[{"field": "body.outcome", "message": _("Not for this kind of task.")}],
        )
    now, today = clock.now(), clock.today()
    if found.kind == TaskKind.CALL:
        saying = _saying(found, said)
        customer_said(customer=found.customer, saying=saying, now=now, by=user, origin="call")
    elif said.outcome == "confirmed":
        dispatch.confirm(task=found, as_of=today, now=now, by=user)
    elif found.kind == TaskKind.CONFIRM:
        dispatch.decline(task=found, days=PAUSE_DAYS, reason=said.words.strip(), as_of=today, now=now, by=user)
    else:
        tasks.finish(task=found, outcome=said.outcome, now=now, by=user)
    found.refresh_from_db()
    return found


def _saying(found: Task, said: Outcome) -> CallOutcome:
    """The same forms as on the desk look at what was promised or contested."""
    if said.outcome == "promise":
        told = _needed(said.promise, "promise")
        words = told.dict(exclude={"customer", "amount_minor"}) | {
            "amount": deeds.typed(told.amount_minor, told.currency),
            "token": "api",
        }
        form = deeds.filled(forms.PromiseForm, found.customer, words).cleaned_data
        about = [int(pk) for pk in form["invoices"]]
        promise = Promises(form["amount_minor"], form["currency"], form["promised_for"], about)
        return CallOutcome(found.pk, said.outcome, said.words, promise=promise)
    if said.outcome == "dispute":
        told = _needed(said.dispute, "dispute")
        currency = deeds.currency_of(found.customer, told.invoice)
        words = told.dict(exclude={"customer", "amount_minor"}) | {
            "amount": deeds.typed(told.amount_minor, currency),
            "token": "api",
        }
        form = deeds.filled(forms.DisputeForm, found.customer, words).cleaned_data
        contested = Disputes(int(form["invoice"]), form["reason"], form["words"], form["amount_minor"])
        return CallOutcome(found.pk, said.outcome, said.words, dispute=contested)
    return CallOutcome(found.pk, said.outcome, said.words)


def _needed(told: Any, name: str) -> Any:
    if told is None:
        raise Problem(
            422,
            _("Look at the fields that are named."),
            errors=[{"field": f"body.{name}", "message": _("Say what it is.")}],
        )
    return told
