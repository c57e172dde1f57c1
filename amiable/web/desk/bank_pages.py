"""The bank on the desk: statements brought, looked at and booked; gaps, what is in question, and what the bank took back.

Every page is of whole creditors; bringing and deciding need the right to load.
"""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable import day
from amiable.core.errors import AmiableError
from amiable.ledger.models import Credit, Creditor
from amiable.payments import trace
from amiable.payments.book import drop
from amiable.payments.count import unconfirmed
from amiable.payments.gaps import gaps_of
from amiable.payments.models import Statement, StatementLine, StatementState
from amiable.payments.statements import formats
from amiable.scenario.bank import Told, bank_told, return_found, statement_accepted
from amiable.web.desk import scope
from amiable.web.desk.brought import keep, opened
from amiable.web.ui import clock

PAGE, LINES, FIRST = 25, 100, 20
ACTS = ("accept", "drop")


@require_GET
@scope.inside
def statements(request: scope.Asked) -> HttpResponse:
    """The accounts with what is missing in them, what waits for a person, and every statement, newest first."""
    seen = _seen(request)
    rows = Statement.objects.filter(creditor__in=seen).select_related("creditor")
    page = Paginator(rows.order_by("-closed_on", "-pk"), PAGE).get_page(request.GET.get("page"))
    loadable = list(scope.whole_creditors(request.user, act="load"))
    content = {
        "page": page,
        "rows": _summed(page.object_list),
        "accounts": _accounts(seen),
        "question": rows.filter(state=StatementState.QUESTION).order_by("closed_on", "pk"),
        "returns": [(line, trace.alike(line)[:5]) for line in trace.waiting(seen)[:20]],
        "creditors": loadable,
        "loadable": {each.pk for each in loadable},
        "several": len(seen) > 1,
        "formats": [form.label for form in formats().values()],
    }
    return render(request, "desk/bank_statements.html", content)


@require_POST
@scope.inside
def bring(request: scope.Asked) -> HttpResponse:
    """Keeps a brought file aside and goes on to the look at it."""
    brought = request.FILES.get("file")
    if not _loadable(request):
        raise Http404
    if brought is None or isinstance(brought, list):
        messages.warning(request, _("Choose a file first."))
        return redirect("desk:statements")
    # The account in the file says whose it is, where this user may load for several creditors.
    asked = request.POST.get("creditor", "")
    creditor = int(asked) if asked.isdigit() and int(asked) in _loadable(request) else 0
    return redirect("desk:statement_look", token=keep(brought, user=request.user, creditor=creditor))


@require_http_methods(["GET", "POST"])
@scope.inside
def look(request: scope.Asked, token: str) -> HttpResponse:
    """What the file tells and what would come of it; a POST books it as shown."""
    path, name, wanted = opened(token, user=request.user)
    creditors = [each for each in scope.whole_creditors(request.user, act="load") if wanted in (0, each.pk)]
    asked: dict[str, Any] = {"path": path, "name": name, "creditors": creditors, "now": clock.now(), "by": request.user}
    try:
        if request.method == "POST":
            told = bank_told(**asked)
            path.unlink(missing_ok=True)
            day.match_soon()
            _say(request, told, name)
            fresh = [each.statement for each in told.booked.outcomes]
            return redirect("desk:statement", pk=fresh[0].pk) if len(fresh) == 1 else redirect("desk:statements")
        with transaction.atomic():
            told = bank_told(**asked)
            shown = [(each, _first(each.statement)) for each in told.booked.outcomes[:FIRST]]
            transaction.set_rollback(True)
    except AmiableError as error:
        messages.error(request, str(error))
        return redirect("desk:statements")
    content = {
        "name": name,
        "told": told,
        "shown": shown,
        "more": max(len(told.booked.outcomes) - FIRST, 0),
        "format": formats()[told.booked.format].label,
        "nothing": all(outcome.already for outcome in told.booked.outcomes),
    }
    return render(request, "desk/bank_look.html", content)


@require_GET
@scope.inside
def statement(request: scope.Asked, pk: int) -> HttpResponse:
    """One statement with its lines, each with what became of its money."""
    row = get_object_or_404(
        Statement.objects.filter(creditor__in=_seen(request)).select_related("creditor", "by", "decided_by"), pk=pk
    )
    lines = row.lines.select_related("credit__customer", "same_as__statement", "same_as__credit__customer").order_by(
        "pk"
    )
    page = Paginator(lines, LINES).get_page(request.GET.get("page"))
    content = {
        "row": _summed([row])[0],
        "page": page,
        "format": formats()[row.format].label if row.format in formats() else row.format,
        "gaps": [gap for gap in gaps_of(row.creditor, row.iban) if row in (gap.before, gap.after)],
        "as_of": clock.today(),
        "may_decide": row.state == StatementState.QUESTION and row.creditor_id in _loadable(request),
    }
    return render(request, "desk/bank_statement.html", content)


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """A person's word on a statement in question."""
    row = get_object_or_404(Statement.objects.filter(creditor__in=_loadable(request)), pk=pk)
    if name not in ACTS:
        raise Http404
    try:
        if name == "accept":
            statement_accepted(statement=row, now=clock.now(), by=request.user)
            day.match_soon()
            messages.success(request, _("The statement counts from now on."))
        else:
            drop(statement=row, now=clock.now(), by=request.user)
            messages.success(request, _("The statement is dropped; its lines stay to be looked at."))
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:statement", pk=pk)


@require_POST
@scope.inside
def returned(request: scope.Asked, pk: int) -> HttpResponse:
    """A person says which money a return of the bank takes back."""
    line = get_object_or_404(
        StatementLine.objects.filter(statement__creditor__in=_loadable(request)).select_related("statement__creditor"),
        pk=pk,
    )
    asked = request.POST.get("credit", "")
    credit = get_object_or_404(
        Credit.objects.filter(creditor=line.statement.creditor), pk=int(asked) if asked.isdigit() else 0
    )
    try:
        return_found(line=line, credit=credit, now=clock.now(), by=request.user)
        messages.success(request, _("The money is taken back; what it had paid is open again."))
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:statements")


def _seen(request: scope.Asked) -> list[Creditor]:
    if not scope.sees_whole(request.user):
        raise Http404
    return list(scope.whole_creditors(request.user))


def _loadable(request: scope.Asked) -> set[int]:
    return set(scope.whole_creditors(request.user, act="load").values_list("pk", flat=True))


def _say(request: scope.Asked, told: Told, name: str) -> None:
    figures = told.figures()
    for sentence in figures["said"]:
        messages.warning(request, sentence)
    if told.taken_back:
        messages.warning(request, _("Payments that the bank took back: %(count)d.") % {"count": told.taken_back})
    if not figures["statements"]:
        messages.success(request, _("All of it had been booked before: nothing changed."))
    else:
        messages.success(request, _("“%(name)s” is booked.") % {"name": name})


def _accounts(seen: list[Creditor]) -> list[dict[str, Any]]:
    """Each account with its latest statement, its gaps, and what was announced and never booked."""
    counted = Statement.objects.filter(creditor__in=seen, state=StatementState.COUNTED).select_related("creditor")
    found = []
    for latest in counted.order_by("creditor_id", "iban", "currency", "-closed_on", "-pk").distinct(
        "creditor_id", "iban", "currency"
    ):
        found.append(
            {
                "latest": latest,
                "gaps": [gap for gap in gaps_of(latest.creditor, latest.iban) if gap.after.currency == latest.currency],
                "announced": unconfirmed(latest.creditor, latest.iban).filter(currency=latest.currency).count(),
            }
        )
    return found


def _summed(rows: Any) -> list[Statement]:
    """These statements with number and sums of their lines."""
    own: QuerySet[Statement] = Statement.objects.filter(pk__in=[row.pk for row in rows]).select_related(
        "creditor", "by", "decided_by"
    )
    counted = own.annotate(
        told=Count("lines"),
        came=Sum("lines__amount_minor", filter=Q(lines__amount_minor__gt=0), default=0),
        went=Sum("lines__amount_minor", filter=Q(lines__amount_minor__lt=0), default=0),
        again=Count("lines", filter=Q(lines__same_as__isnull=False)),
    )
    return list(counted.order_by("-closed_on", "-pk"))


def _first(row: Statement) -> list[StatementLine]:
    return list(row.lines.order_by("pk")[:FIRST])
