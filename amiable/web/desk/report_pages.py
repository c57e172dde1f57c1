"""The reports that were sent by e-mail: which, to whom, and each again exactly as it was sent.

In: a colleague who sees whole creditors. Out: a page, a file. Never: a report of another creditor.
"""

from collections import defaultdict
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from amiable.core import audit
from amiable.core.models import User
from amiable.insight import board, report
from amiable.insight.models import Report
from amiable.ledger.keep import place_of
from amiable.outreach.models import Memo
from amiable.web.desk import scope
from amiable.web.ui import clock

SHOWN = 100


def seen(user: User) -> QuerySet[Report]:
    return report.kept().filter(creditor__in=scope.whole_creditors(user).values("pk")).select_related("creditor")


@require_GET
@scope.inside
def reports(request: scope.Asked) -> HttpResponse:
    rows = list(seen(request.user).order_by("-as_of", "creditor__name", "pk")[:SHOWN])
    sent = _sent(rows)
    titles = {key: str(plan.title) for key, plan in board.plans().items()}
    content = {
        "rows": [(row, titles.get(row.content["board"], ""), sent[row.content["sha256"]]) for row in rows],
        "years": report.KEPT.days // 365,
    }
    return render(request, "desk/reports.html", content)


def _sent(rows: list[Report]) -> dict[str, list[dict[str, Any]]]:
    """Who was sent each of them, and what became of the e-mail."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if rows:
        # Of the e-mails of the whole installation those alone with which one of these went along, without their words.
        along = reduce(or_, (Q(attached__contains=[{"sha256": row.content["sha256"]}]) for row in rows))
        memos = Memo.objects.filter(along, created_at__gte=min(row.made_at for row in rows))
        for memo in memos.only("name", "address", "sent_at", "state", "attached").order_by("name", "pk"):
            for each in memo.attached:
                told = {"name": memo.name or memo.address, "sent_at": memo.sent_at, "state": memo.get_state_display()}
                found[each["sha256"]].append(told)
    return found


@require_GET
@scope.inside
def paper(request: scope.Asked, pk: int) -> HttpResponseBase:
    found = get_object_or_404(seen(request.user), pk=pk)
    path, name = place_of(found.content["sha256"]), found.content["name"]
    if not path.is_file():
        raise Http404
    audit.record(
        "report.exported", now=clock.now(), user=request.user, creditor_ref=found.creditor_id, subject="report",
        subject_ref=found.pk, name=name,
    )  # fmt: skip
    return FileResponse(path.open("rb"), as_attachment=True, filename=name, content_type="application/pdf")
