"""A salesperson's or a branch's late payments: who is late, what is being done about it, and what they are asked.

In: a colleague's scope, and that of whom they stand in for. Out: one page. Never: a customer outside of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.casework import word as words
from amiable.casework.models import Dispute, Task, Word
from amiable.core.models import Role
from amiable.ledger import hold
from amiable.ledger.models import Hold, HoldKind
from amiable.outreach.models import Message, MessageState
from amiable.payments.models import Promise, PromiseState
from amiable.portfolio.models import Profile
from amiable.web.desk import scope
from amiable.web.ui import clock

ROWS = 60
# A dispute and a promise are told in words of their own.
TOLD_APART = {HoldKind.DISPUTE, HoldKind.PROMISE}


@dataclass
class Row:
    """One customer in one currency, with what goes on."""

    profile: Profile
    days: int
    promise: Promise | None = None
    task: Task | None = None
    message: Message | None = None
    holds: list[Hold] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)


@require_GET
@scope.inside
def portfolio(request: scope.Asked) -> HttpResponse:
    if not scope.sells(request.user):
        raise Http404
    today = clock.today()
    late = _late(request)
    totals = list(
        late.order_by()
        .values("currency")
        .annotate(customers=Count("pk"), minor=Sum("overdue_minor"))
        .order_by("-minor")
    )
    found = list(late.select_related("customer").order_by("-overdue_minor", "pk")[: ROWS + 1])
    rows = [Row(each, each.days_past_due(today)) for each in found[:ROWS]]
    _tell(rows, today)
    asked = Word.objects.filter(user=request.user, answered_at=None, expires_at__gt=clock.now()).filter(
        scope.reach(request.user, path="customer__")
    )
    content: dict[str, Any] = {
        "rows": rows, "further": len(found) > ROWS, "totals": totals, "today": today, "all": _all(request),
        "narrow": _sells_only(request),
        "asked": [
            (each, f"{settings.BASE_URL}/w/{words.token(each)}/")
            for each in asked.select_related("customer", "by").order_by("expires_at")[:20]
        ],
    }  # fmt: skip
    return render(request, "desk/portfolio.html", content)


def _late(request: scope.Asked) -> QuerySet[Profile]:
    seen = scope.reach(request.user, path="customer__", creditor="creditor_id")
    late = Profile.objects.filter(seen, overdue_minor__gt=0)
    if _sells_only(request) and not _all(request):
        late = late.filter(customer__salesperson__in=scope.stands_for(request.user))
    return late


def _sells_only(request: scope.Asked) -> bool:
    """Whether the page begins with one's own customers: of a salesperson who sees those of others too."""
    held = scope.scopes(request.user)
    return not request.user.is_superuser and any(
        each.role == Role.SALES and not each.own_customers_only for each in held
    )


def _all(request: scope.Asked) -> bool:
    return request.GET.get("all") == "1"


def _tell(rows: list[Row], today: Any) -> None:
    """What is being done, in one query of each kind for all rows."""
    ids = {row.profile.customer_id for row in rows}
    promises = _first(Promise.objects.filter(customer__in=ids, state=PromiseState.OPEN).order_by("promised_for"))
    tasks = _first(
        Task.objects.filter(customer__in=ids, done_at=None).select_related("assignee").order_by("due_on", "pk")
    )
    sent = Message.objects.filter(customer__in=ids, state=MessageState.SENT).order_by("customer", "-sent_at")
    messages = _first(sent.distinct("customer").defer("html", "text", "context"))
    holds = list(hold.active(as_of=today).filter(customer__in=ids).exclude(kind__in=TOLD_APART).order_by("since"))
    disputes = list(
        Dispute.objects.filter(customer__in=ids, resolved_at=None).select_related("invoice").order_by("due_on")
    )
    for row in rows:
        customer = row.profile.customer_id
        row.promise, row.task, row.message = promises.get(customer), tasks.get(customer), messages.get(customer)
        kinds = {each.kind: each for each in holds if each.customer_id == customer}
        row.holds = list(kinds.values())
        row.disputes = [each for each in disputes if each.customer_id == customer][:2]


def _first(found: Iterable[Any]) -> dict[int, Any]:
    """The first row of each customer."""
    kept: dict[int, Any] = {}
    for each in found:
        kept.setdefault(each.customer_id, each)
    return kept
