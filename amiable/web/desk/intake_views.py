"""Files come in: brought, looked at and corrected, loaded; what could not be taken is mended; what vanished is answered.

Every page is of whole creditors; bringing and mending need the right to load.
"""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable.core.errors import AmiableError
from amiable.intake.load import load
from amiable.intake.models import FileKind, Import, QuarantinedRow
from amiable.intake.preview import preview
from amiable.intake.retry import drop, retry
from amiable.intake.vanish import confirm_vanished, reject_vanished, vanished
from amiable.ledger.models import Creditor
from amiable.web.desk import intake_labels, scope
from amiable.web.desk.brought import keep, opened
from amiable.web.ui import clock

PAGE = 25


@require_GET
@scope.inside
def imports(request: scope.Asked) -> HttpResponse:
    """What came, newest first, and the door for a new file."""
    seen = _seen(request)
    rows = Import.objects.filter(creditor__in=seen, ended_at__isnull=False).select_related("creditor", "source", "by")
    page = Paginator(rows.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
    waiting = _waiting(seen).values_list("loaded_by_id", flat=True)
    counts: dict[int, int] = {}
    for pk in waiting:
        counts[pk] = counts.get(pk, 0) + 1
    content = {
        "page": page,
        "rows": [(row, intake_labels.figures(row.figures), counts.get(row.pk, 0)) for row in page],
        "creditors": list(scope.whole_creditors(request.user, act="load")),
        "several": len(seen) > 1,
        "missing": sum(len(vanished(creditor=creditor)) for creditor in seen),
    }
    return render(request, "desk/intake_imports.html", content)


@require_POST
@scope.inside
def bring(request: scope.Asked) -> HttpResponse:
    """Keeps a brought file aside and goes on to the look at it."""
    creditor = _loadable(request, request.POST.get("creditor", ""))
    brought = request.FILES.get("file")
    if brought is None or isinstance(brought, list):
        messages.warning(request, _("Choose a file first."))
        return redirect("desk:imports")
    token = keep(brought, user=request.user, creditor=creditor.pk)
    return redirect("desk:import_look", token=token)


@require_http_methods(["GET", "POST"])
@scope.inside
def look(request: scope.Asked, token: str) -> HttpResponse:
    """What was found in the file, to be corrected and looked at again; a POST loads it as shown."""
    path, name, creditor = _brought(request, token)
    asked = request.POST if request.method == "POST" else request.GET
    kind, mapping = asked.get("kind") or None, _mapping(asked)
    try:
        if request.method == "POST":
            summary = load(
                path=path,
                name=name,
                creditor=creditor,
                kind=kind,
                mapping=mapping,
                as_of=clock.today(),
                now=clock.now(),
                by=request.user,
            )
            path.unlink(missing_ok=True)
            for sentence in summary.said:
                messages.warning(request, sentence)
            if summary.already:
                messages.success(request, _("This very file had been loaded before: nothing changed."))
            else:
                messages.success(request, _("“%(name)s” is loaded.") % {"name": name})
            return redirect("desk:import", pk=summary.import_id)
        found = preview(path=path, name=name, creditor=creditor, kind=kind, mapping=mapping, now=clock.now())
    except AmiableError as error:
        messages.error(request, str(error))
        return redirect("desk:imports")
    content = {"token": token, "name": name, "creditor": creditor, "found": found, **intake_labels.shown(found)}
    return render(request, "desk/intake_look.html", content)


@require_GET
@scope.inside
def one(request: scope.Asked, pk: int) -> HttpResponse:
    """One load: what it did and said, and its rows in quarantine."""
    record = get_object_or_404(
        Import.objects.filter(creditor__in=_seen(request)).select_related("creditor", "source", "by"), pk=pk
    )
    rows = _waiting(_seen(request)).filter(loaded_by=record)
    content = {
        "record": record,
        "figures": intake_labels.figures(record.figures),
        "kind": FileKind(record.source.kind).label,
        "said": record.figures.get("said", []),
        "rows": [(row, intake_labels.cells(row)) for row in rows[:100]],
        "more": max(rows.count() - 100, 0),
        "may_load": _may_load(request, record.creditor_id),
    }
    return render(request, "desk/intake_import.html", content)


@require_GET
@scope.inside
def quarantine(request: scope.Asked) -> HttpResponse:
    """Every row that waits for a person, the newest file first."""
    rows = _waiting(_seen(request)).order_by("-loaded_by_id", "line")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    loadable = set(scope.whole_creditors(request.user, act="load").values_list("pk", flat=True))
    content = {
        "page": page,
        "rows": [(row, intake_labels.cells(row), row.loaded_by.creditor_id in loadable) for row in page],
    }
    return render(request, "desk/intake_quarantine.html", content)


@require_POST
@scope.inside
def mend(request: scope.Asked, pk: int) -> HttpResponse:
    """Tries a mended row again, or gives it up."""
    loadable = scope.whole_creditors(request.user, act="load")
    row = get_object_or_404(QuarantinedRow.objects.filter(loaded_by__creditor__in=loadable), pk=pk)
    headings = list(row.raw) + [
        heading for heading in row.loaded_by.figures.get("headings", []) if heading not in row.raw
    ]
    values = {
        heading: request.POST[f"cell-{place}"]
        for place, heading in enumerate(headings)
        if f"cell-{place}" in request.POST
    }
    try:
        if "drop" in request.POST:
            drop(row=row, now=clock.now(), by=request.user)
            messages.success(request, _("Row %(line)d is given up.") % {"line": row.line})
        elif retry(row=row, values=values, now=clock.now(), by=request.user):
            messages.success(request, _("Row %(line)d is taken.") % {"line": row.line})
        else:
            row.refresh_from_db()
            messages.warning(
                request, _("Row %(line)d still cannot be taken: %(reason)s") % {"line": row.line, "reason": row.reason}
            )
    except AmiableError as error:
        messages.warning(request, str(error))
    if request.POST.get("back") == "import":
        return redirect("desk:import", pk=row.loaded_by_id)
    return redirect("desk:quarantine")


@require_http_methods(["GET", "POST"])
@scope.inside
def missing(request: scope.Asked) -> HttpResponse:
    """Invoices that left the open items: settled, or still owed? A person says which."""
    seen = _seen(request)
    loadable = set(scope.whole_creditors(request.user, act="load").values_list("pk", flat=True))
    if request.method == "POST":
        asked = {int(pk) for pk in request.POST.getlist("invoice") if pk.isdigit()}
        held = {hold.invoice_id for creditor in seen if creditor.pk in loadable for hold in vanished(creditor=creditor)}
        chosen = sorted(pk for pk in held if pk in asked)
        answer = confirm_vanished if "confirm" in request.POST else reject_vanished
        try:
            count = answer(invoices=chosen, as_of=clock.today(), now=clock.now(), by=request.user)
            messages.success(request, _("Answered for %(count)d invoices.") % {"count": count})
        except AmiableError as error:
            messages.warning(request, str(error))
        return redirect("desk:imports_missing")
    holds = [hold for creditor in seen for hold in vanished(creditor=creditor)]
    page = Paginator(holds, 100).get_page(request.GET.get("page"))
    return render(request, "desk/intake_missing.html", {"page": page, "may_answer": bool(loadable)})


def _seen(request: scope.Asked) -> list[Creditor]:
    if not scope.sees_whole(request.user):
        raise Http404
    return list(scope.whole_creditors(request.user))


def _may_load(request: scope.Asked, creditor: int) -> bool:
    return scope.sees_whole_of(request.user, creditor, act="load")


def _loadable(request: scope.Asked, pk: str) -> Creditor:
    """The creditor for whom this user may load; their only one where none is named."""
    creditors = scope.whole_creditors(request.user, act="load")
    if pk.isdigit():
        return get_object_or_404(creditors, pk=int(pk))
    found = list(creditors[:2])
    if len(found) != 1:
        raise Http404
    return found[0]


def _waiting(creditors: list[Creditor]) -> Any:
    rows = QuarantinedRow.objects.filter(loaded_by__creditor__in=creditors, mended_at=None, dropped_at=None)
    return rows.select_related("loaded_by__creditor", "loaded_by__source").order_by("line")


def _brought(request: scope.Asked, token: str) -> tuple[Path, str, Creditor]:
    path, name, creditor = opened(token, user=request.user)
    return path, name, _loadable(request, str(creditor))


def _mapping(asked: Any) -> dict[str, Any]:
    """What the form corrects; empty on the first look, so that what is remembered holds."""
    if "corrected" not in asked:
        return {}
    plain = {name: asked[name] for name in ("decimal", "date_order", "encoding", "siren", "closing") if asked.get(name)}
    columns = {key.removeprefix("column-"): asked[key] for key in asked if key.startswith("column-")}
    return plain | ({"columns": columns} if columns else {})
