"""One task at hand: what it is about, whom to ring, and the outcomes, each of them one click or one key."""

import secrets
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from amiable.casework import survey
from amiable.casework import task as tasks
from amiable.casework.models import Task, TaskKind
from amiable.core.calendar import next_business_day
from amiable.core.errors import AmiableError, UnableTo
from amiable.core.models import User
from amiable.ledger.models import Medium
from amiable.scenario import dispatch
from amiable.scenario.approve import ALONE_DAYS
from amiable.scenario.respond import customer_said
from amiable.scenario.sayings import CallOutcome, Disputes, Promises
from amiable.web.desk import deed, forms, labels, scope
from amiable.web.desk.dialog import dialog
from amiable.web.desk.letters import BOX
from amiable.web.desk.move_forms import CallBackForm
from amiable.web.desk.ring import zone_of
from amiable.web.desk.scenario_words import ROLES
from amiable.web.ui import clock

# In the order of their keys 1 … 7.
OUTCOMES = ("promise", "paid", "dispute", "call_back", "voicemail", "wrong_number", "refused")
AT_ONCE = ("paid", "voicemail", "wrong_number", "refused")
SENT = (TaskKind.MANUAL, TaskKind.CONFIRM)  # what a message stands behind
MOVES = {
    "snooze": ("clock", "z", gettext_lazy("Put off")),
    "assign": ("user", "a", gettext_lazy("Hand on")),
    "share": ("users", "m", gettext_lazy("Show to colleagues")),
}


@require_GET
@scope.inside
def task(request: scope.Asked, pk: int) -> HttpResponse:
    found: Task = scope.row_or_404(Task.objects.all(), request.user, pk, act="talk")
    return _show(request, found)


@require_POST
@scope.inside
def done(request: scope.Asked, pk: int) -> HttpResponse:
    """The outcome of a task: one click, one call of the domain."""
    found: Task = scope.row_or_404(Task.objects.all(), request.user, pk, act="talk")
    try:
        if wrong := conclude(request, found, request.POST.get("outcome", "")):
            return _show(request, found, wrong)
    except AmiableError as error:
        messages.warning(request, str(error))
    return _back(request)


def conclude(request: scope.Asked, found: Task, outcome: str) -> dict[str, Any]:
    """Carries out the outcome of a task and says so. Returns the form that is not well filled in, if there is one."""
    filled = _filled(request, found, outcome) if found.kind == TaskKind.CALL else {}
    if any(not form.is_valid() for form in filled.values()):
        return filled
    carry_out(found, outcome, filled, words=request.POST.get("words", "")[:2_000], by=request.user)
    _tell(request, found, outcome)
    return {}


def carry_out(found: Task, outcome: str, filled: dict[str, Any], *, words: str, by: User) -> None:
    """One outcome as it reaches the domain; `filled`: the form that it needed, well filled in."""
    now, today = clock.now(), clock.today()
    if found.kind == TaskKind.CONFIRM and not scope.confirms(by, found):
        raise UnableTo(_("Who hands over to an agency is a credit manager or an administrator: leave it to them."))
    if found.kind == TaskKind.CALL:
        saying = _saying(found, outcome, filled, words)
        customer_said(customer=found.customer, saying=saying, now=now, by=by, origin="call")
    elif found.kind == TaskKind.CONFIRM and outcome == "confirmed":
        dispatch.confirm(task=found, as_of=today, now=now, by=by)
    elif found.kind == TaskKind.CONFIRM:
        dispatch.decline(task=found, days=ALONE_DAYS, reason=words.strip(), as_of=today, now=now, by=by)
    else:
        declined = found.kind == TaskKind.MANUAL and outcome == "declined"
        tasks.finish(task=found, outcome="declined" if declined else "done", now=now, by=by)


def _tell(request: scope.Asked, found: Task, outcome: str) -> None:
    """What came of it; with the way back where nothing else followed from it."""
    told = _("Done: %(task)s – %(outcome)s")
    words = told % {"task": found.customer.name, "outcome": labels.said(labels.OUTCOMES, outcome)}
    deed.told(request, words, undo=way_back(found))


def way_back(found: Task) -> tuple[str, dict[str, Any]] | None:
    """What takes the end of a task back, where nothing else followed from it."""
    found.refresh_from_db(fields=["done_at", "outcome", "due_on"])
    alone = found.kind not in {TaskKind.CALL, TaskKind.CONFIRM} or found.outcome in {"voicemail", "refused", "declined"}
    if not alone or not found.done_at:
        return None
    return reverse("desk:task_undone", args=[found.pk]), {"done_at": found.done_at.isoformat()}


@require_POST
@scope.inside
def undone(request: scope.Asked, pk: int) -> HttpResponse:
    """A task done by one click lies on the desk again, as it was."""
    found: Task = scope.row_or_404(Task.objects.all(), request.user, pk, act="talk")
    try:
        take_back(found, deed.taken_back(request), by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("Undone: %(task)s lies on the desk again.") % {"task": found.customer.name})
    return _back(request)


def take_back(found: Task, words: dict[str, Any], *, by: User) -> None:
    """The task lies on the desk again, as it was. Raises UnableToUndo where it has changed since."""
    if words["done_at"] != (found.done_at.isoformat() if found.done_at else ""):
        raise deed.UnableToUndo(_("This task has changed meanwhile; it stays as it is."))
    if found.kind == TaskKind.CONFIRM:
        dispatch.undo_decline(task=found, as_of=clock.today(), now=clock.now(), by=by)
    else:
        tasks.reopen(task=found, now=clock.now(), by=by)


def _saying(found: Task, outcome: str, filled: dict[str, Any], words: str) -> CallOutcome:
    if outcome == "promise":
        said = filled["promise"].cleaned_data
        about = [int(pk) for pk in said["invoices"]]
        return CallOutcome(
            found.pk,
            outcome,
            words,
            promise=Promises(said["amount_minor"], said["currency"], said["promised_for"], about),
        )
    if outcome == "dispute":
        said = filled["dispute"].cleaned_data
        return CallOutcome(
            found.pk,
            outcome,
            words,
            dispute=Disputes(int(said["invoice"]), said["reason"], said["words"], said["amount_minor"]),
        )
    if outcome in filled:
        back = filled[outcome]
        return CallOutcome(found.pk, outcome, words, call_back_on=back.cleaned_data["on"], call_back_at=back.moment)
    return CallOutcome(found.pk, outcome, words)


def _filled(request: scope.Asked, found: Task, outcome: str) -> dict[str, Any]:
    """The form that the outcome needs, filled in; most need none, and a call back only where a time is agreed."""
    if outcome == "call_back" and request.POST.get("on"):
        return {outcome: CallBackForm(request.POST, now=clock.now(), zone=zone_of(found.customer), auto_id="b_%s")}
    kinds = {"promise": forms.PromiseForm, "dispute": forms.DisputeForm}
    return {outcome: kinds[outcome](request.POST, **_about(found))} if outcome in kinds else {}


def _show(request: scope.Asked, found: Task, filled: dict[str, Any] | None = None) -> HttpResponse:
    return dialog(request, "task", content(request, found, filled))


def content(request: scope.Asked, found: Task, filled: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the page of a task says; of a call with its script and its forms."""
    about, filled = _about(found), filled or {}
    first = {"token": secrets.token_urlsafe(8)}
    tomorrow = next_business_day(about["today"] + timedelta(days=1), found.customer.creditor.country)
    busy = found.taken_until is not None and found.taken_until > clock.now() and found.taken_by_id != request.user.pk
    contacts = list(found.customer.contacts.prefetch_related("points"))
    told: dict[str, Any] = {
        "task": found,
        "said": survey.words_of([found]).get(found.pk) or found.context.get("words", ""),
        "contacts": contacts,
        "taken_by": found.taken_by if busy else None,
        "moves_at_hand": [(name, icon, key, label) for name, (icon, key, label) in MOVES.items()],
        "moves": list(found.moves.filter(undone_at=None).select_related("by").order_by("-pk")[:3]),
        "call_back": filled.get("call_back")
        or CallBackForm(initial={"on": tomorrow}, now=clock.now(), zone=zone_of(found.customer), auto_id="b_%s"),
        "today": about["today"],
        "promise": filled.get("promise") or forms.PromiseForm(initial=first, **about),
        "dispute": filled.get("dispute") or forms.DisputeForm(initial=first, auto_id="d_%s", **about),
        "open_now": next(iter(filled), ""),
        "at_once": [(str(OUTCOMES.index(key) + 1), key, labels.said(labels.OUTCOMES, key)) for key in AT_ONCE],
        "next": next_page(
            request, request.GET.get("next") or request.POST.get("next") or request.headers.get("HX-Current-URL", "")
        ),
        "invoices": about["invoices"],
        "in_doubt": _in_doubt(found),
        "step": labels.step(str(found.context.get("step", ""))) if found.context.get("step") else "",
        "points": [
            point
            for contact in contacts
            for point in contact.points.all()
            if point.medium in _media(found) and not point.failed_at
        ],
        "roles": ROLES if found.context.get("responsible") else None,
    }
    if found.kind in SENT and not found.done_at:
        try:
            told["currency"] = found.context.get("currency") or found.creditor.currency
            told["handed"] = dispatch.hands_over(task=found, as_of=clock.today())
            if not told["handed"]:
                told["prepared"] = dispatch.prepare(task=found, as_of=clock.today(), now=clock.now())
        except UnableTo as error:
            told["unprepared"] = str(error)
    return told


@require_GET
@scope.inside
def script(request: scope.Asked, pk: int) -> HttpResponse:
    """What the colleague says in this call: read after the page, since it is made of all that a message would be."""
    found: Task = scope.row_or_404(Task.objects.filter(kind=TaskKind.CALL), request.user, pk, act="talk")
    told: dict[str, Any] = {"task": found}
    try:
        told["script"] = dispatch.script(task=found, as_of=clock.today(), now=clock.now(), by=request.user)
    except UnableTo as error:
        told["unprepared"] = str(error)
    name = "desk/_script.html" if request.headers.get("HX-Request") else "desk/script.html"
    return render(request, name, told)


@require_GET
@xframe_options_sameorigin
@scope.inside
def prepared(request: scope.Asked, pk: int) -> HttpResponse:
    """The message that waits for a colleague's word, or that they send by hand, in its box."""
    found: Task = scope.row_or_404(Task.objects.filter(kind__in=SENT), request.user, pk, act="talk")
    try:
        page = dispatch.prepare(task=found, as_of=clock.today(), now=clock.now()).html
    except UnableTo as error:
        raise Http404 from error
    return HttpResponse(page, headers={"Content-Security-Policy": BOX})


def _media(found: Task) -> tuple[str, ...]:
    """By what the customer can be reached for this task."""
    phones = (Medium.CALL, Medium.SMS, Medium.IVR, Medium.WHATSAPP)
    return (Medium.EMAIL, *phones) if found.kind == TaskKind.MANUAL else phones


def _in_doubt(found: Task) -> str:
    """Where the message is read whose leaving is in doubt, when this is what the task asks."""
    message = found.context.get("message")
    return reverse("desk:message", args=[message]) if message and found.key.startswith("in_doubt:") else ""


def _about(found: Task) -> dict[str, Any]:
    """The open invoices that the task names first, else all of the customer."""
    rows = list(found.customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:200])
    named = set(found.context.get("invoices", ()))
    rows.sort(key=lambda row: row.pk not in named)
    return {"customer": found.customer, "invoices": rows, "today": clock.today()}


def next_page(request: scope.Asked, wanted: str) -> str:
    """Where to go on afterwards: a page of this house, else the home page."""
    good = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if wanted and good and "/tasks/" not in wanted else "/"


def _back(request: scope.Asked) -> HttpResponse:
    return redirect(next_page(request, request.POST.get("next", "")))
