"""What the machine did: every run of a day with its figures and, in full, what went wrong."""

from datetime import date

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.core.models import Run
from amiable.web.desk import labels, scope
from amiable.web.ui import clock


@require_GET
@scope.inside
def runs(request: scope.Asked) -> HttpResponse:
    if not scope.sees_whole(request.user):
        raise Http404
    today = clock.today()
    reach, whole = scope.runs(request.user), {each.pk: each.name for each in scope.whole_creditors(request.user)}
    days = list(
        reach.filter(as_of__lte=today)
        .values("as_of")
        .annotate(n=Count("pk"), failed=Count("pk", filter=~Q(error="")))
        .order_by("-as_of")[:14]
    )
    chosen = _day(request.GET.get("day", "")) or (days[0]["as_of"] if days else today)
    rows = list(reach.filter(as_of=chosen).order_by("started_at", "pk")[:300])
    content = {
        "days": days,
        "day": chosen,
        "runs": [
            (run, labels.said(labels.RUNS, run.step), whole.get(run.creditor_ref or 0), _seconds(run)) for run in rows
        ],
        "today": today,
    }
    return render(request, "desk/runs.html", content)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _seconds(run: Run) -> float | None:
    return (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
