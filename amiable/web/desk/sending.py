"""What is about to leave, what waits for a person and what did not leave; and the big switches of a creditor's messages.

Of whole creditors only. A page costs the same however many messages there are: rows by key, counts up to a limit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor, Invoice, Medium
from amiable.outreach import release
from amiable.outreach.models import Message, MessageState, Release
from amiable.web.desk import labels, scope
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

SHOWN = 50  # rows of a page
COUNTED = 10_000  # more than this is told as "more than"
STATES = (
    MessageState.WAITING,
    MessageState.PLANNED,
    MessageState.IN_DOUBT,
    MessageState.FAILED,
    MessageState.WITHHELD,
)


@require_GET
@scope.inside
def sending(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user))
    creditor = pick(creditors, request.GET.get("creditor", ""))
    content: dict[str, Any] = {"creditors": creditors, "creditor": creditor}
    if creditor is not None:
        asked = _asked(request, creditor)
        content |= asked | _listed(creditor, asked, request.GET.get("after", ""))
        content |= {
            "may_release": scope.sees_whole_of(request.user, creditor.pk, act="release"),
            "by_hand": release.by_hand(creditor),
            "under_way": Release.objects.filter(creditor=creditor, done_at=None).select_related("by").order_by("-pk"),
            "states": [(state, state.label, _count(creditor, state)) for state in STATES],
            "media": Medium.choices,
            "purposes": [(key, labels.step(key)) for key in labels.STEPS],
        }
    return render(request, "desk/sending.html", content)


def _asked(request: scope.Asked, creditor: Creditor) -> dict[str, Any]:
    state, medium = request.GET.get("state", ""), request.GET.get("medium", "")
    default = MessageState.WAITING if release.by_hand(creditor) else MessageState.PLANNED
    return {
        "state": MessageState(state) if state in STATES else default,
        "medium": medium if medium in Medium.values else "",
        "purpose": request.GET.get("purpose", "")[:40],
    }


def _rows(creditor: Creditor, asked: dict[str, Any]) -> QuerySet[Message]:
    named = Q(medium=asked["medium"]) if asked["medium"] else Q()
    named &= Q(purpose=asked["purpose"]) if asked["purpose"] else Q()
    return Message.objects.filter(named, creditor=creditor, state=asked["state"])


def _listed(creditor: Creditor, asked: dict[str, Any], after: str) -> dict[str, Any]:
    rows = _rows(creditor, asked)
    # What is to leave is read from its beginning, what did not leave from its end.
    newest_first = asked["state"] not in (MessageState.WAITING, MessageState.PLANNED)
    page = rows.order_by("-pk" if newest_first else "pk").defer("text", "html").select_related("customer")
    if after.isdecimal() and len(after) < 19:
        page = page.filter(pk__lt=int(after)) if newest_first else page.filter(pk__gt=int(after))
    found = list(page[: SHOWN + 1])
    matching = _capped(rows)
    query = {name: str(asked[name]) for name in ("state", "medium", "purpose")} | {"creditor": str(creditor.pk)}
    return {
        "rows": _with_amounts(found[:SHOWN]),
        "next": urlencode(query | {"after": found[SHOWN - 1].pk}) if len(found) > SHOWN else "",
        "matching": min(matching, COUNTED),
        "many": matching > COUNTED,
    }


def _with_amounts(found: Sequence[Message]) -> list[dict[str, Any]]:
    """Each message with what is open now of the invoices that it is about."""
    wanted = {ref for each in found for ref in (*each.about, *each.also)}
    owed = dict(Invoice.objects.filter(pk__in=wanted).values_list("pk").annotate(open=Sum("open_minor")))
    return [
        {
            "row": each,
            "text": labels.step(each.purpose),
            "amount_minor": sum(owed.get(ref, 0) for ref in (*each.about, *each.also)),
        }
        for each in found
    ]


def _count(creditor: Creditor, state: MessageState) -> str:
    found = _capped(Message.objects.filter(creditor=creditor, state=state))
    return f"{COUNTED:n}+" if found > COUNTED else str(found)


def _capped(rows: QuerySet[Message]) -> int:
    return rows.order_by()[: COUNTED + 1].count()


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="release"), pk=pk)
    if name not in ACTS:
        raise Http404
    try:
        messages.success(request, ACTS[name](request, creditor, leave=name in LEAVE))
    except UnableTo as error:
        messages.warning(request, str(error))
    kept = {field: request.POST.get(field, "") for field in ("state", "medium", "purpose")}
    return redirect(f"{reverse('desk:sending')}?{urlencode(kept | {'creditor': creditor.pk})}")


def _stop(request: scope.Asked, creditor: Creditor, *, leave: bool) -> str:
    release.stop(creditor=creditor, why=request.POST.get("why", "").strip(), now=clock.now(), by=request.user)
    return _("Stopped. Nothing more leaves for %(creditor)s until somebody lets it go on.") % {
        "creditor": creditor.name
    }


def _resume(request: scope.Asked, creditor: Creditor, *, leave: bool) -> str:
    release.resume(creditor=creditor, now=clock.now(), by=request.user)
    return _("Messages leave again with the next sending. What has missed its moment is withheld.")


def _by_hand(request: scope.Asked, creditor: Creditor, *, leave: bool) -> str:
    hand = request.POST.get("hand") == "1"
    release.choose(creditor=creditor, hand=hand, now=clock.now(), by=request.user)
    if hand:
        return _("From now on reminders wait here until somebody releases them.")
    return _("From now on reminders leave by themselves.")


def _let_go(request: scope.Asked, creditor: Creditor, *, leave: bool) -> str:
    chosen = {int(ref) for ref in request.POST.getlist("message")[: 2 * SHOWN] if ref.isdecimal() and len(ref) < 19}
    count = release.let_go(creditor=creditor, messages=chosen, leave=leave, now=clock.now(), by=request.user)
    if leave:
        return ngettext("%(n)d message leaves.", "%(n)d messages leave.", count) % {"n": count}
    return ngettext("%(n)d message is held back.", "%(n)d messages are held back.", count) % {"n": count}


def _all(request: scope.Asked, creditor: Creditor, *, leave: bool) -> str:
    medium, purpose = request.POST.get("medium", ""), request.POST.get("purpose", "")
    release.let_all_go(
        creditor=creditor, medium=medium if medium in Medium.values else "", purpose=purpose[:40], leave=leave,
        now=clock.now(), by=request.user,
    )  # fmt: skip
    if leave:
        return _("All of them are released: they leave with the next sending.")
    return _("All of them are held back: the next sending writes it down.")


ACTS: Mapping[str, Callable[..., str]] = {
    "stop": _stop, "resume": _resume, "by_hand": _by_hand, "let_go": _let_go, "hold_back": _let_go, "all": _all,
    "none": _all,
}  # fmt: skip
LEAVE = ("let_go", "all")
