"""A message as the customer read it: kept words, shown in a box that can run and load nothing."""

from django.http import HttpResponse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from amiable.outreach.models import Message
from amiable.web.desk import labels, scope
from amiable.web.desk.dialog import dialog

# The HTML of an e-mail brings its own styles; nothing in it may run, load or leave its box.
BOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self'; sandbox; frame-ancestors 'self'"


@require_GET
@scope.inside
def message(request: scope.Asked, pk: int) -> HttpResponse:
    found: Message = scope.row_or_404(Message.objects.all(), request.user, pk)
    content = {"message": found, "title": labels.step(found.purpose), "events": found.events.order_by("at")}
    return dialog(request, "message", content)


@require_GET
@xframe_options_sameorigin
@scope.inside
def body(request: scope.Asked, pk: int) -> HttpResponse:
    found: Message = scope.row_or_404(Message.objects.all(), request.user, pk)
    return HttpResponse(found.html, headers={"Content-Security-Policy": BOX})
