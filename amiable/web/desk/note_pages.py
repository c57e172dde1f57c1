"""What goes with notes: the files, to be saved and never opened here; and whom one can name in them."""

from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from amiable.casework.entrust import who_may_see
from amiable.casework.models import NoteFile
from amiable.ledger.keep import place_of
from amiable.web import seen
from amiable.web.desk import agency, scope
from amiable.web.ui import clock

OFFERED = 8


@require_GET
@scope.inside
def file(request: scope.Asked, pk: int) -> HttpResponseBase:
    """A file of a note about a customer whom the user may see."""
    rows = NoteFile.objects.filter(note__in=agency.notes(request.user).values("pk"))
    found = get_object_or_404(rows.select_related("note__customer"), pk=pk)
    seen.customer(found.note.customer)
    path = place_of(found.sha256)
    if not path.is_file():
        raise Http404
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=found.name or "file", content_type="application/octet-stream",
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"},
    )  # fmt: skip


@require_GET
@scope.inside
def colleagues(request: scope.Asked, pk: int) -> HttpResponse:
    """Whom a note about this customer may name, by a part of their name."""
    customer = scope.customer_or_404(request.user, pk, act="note")
    words = request.GET.get("q", "").strip()[:60]
    rows = who_may_see(customer=customer, as_of=clock.today()).exclude(pk=request.user.pk)
    if words:
        rows = rows.annotate(full=Concat("first_name", Value(" "), "last_name")).filter(
            Q(username__istartswith=words) | Q(full__icontains=words)
        )
    return JsonResponse({"people": [{"name": str(each), "key": each.username} for each in rows[:OFFERED]]})
