"""A message as the customer read it, in a box that can run and load nothing; and the word on one that is in doubt."""

import io

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from amiable.core.errors import UnableTo
from amiable.core.typeset import UnableToTypeset
from amiable.outreach import record
from amiable.outreach.models import Letter, Message, MessageState
from amiable.outreach.press import letter_page, letter_pdf
from amiable.web.desk import labels, scope
from amiable.web.desk.dialog import dialog
from amiable.web.ui import clock

# The HTML of an e-mail brings its own styles; nothing in it may run, load or leave its box.
BOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data: 'self'; sandbox; frame-ancestors 'self'"


class UnableToShow(UnableTo):
    """What a letter looked like is not kept."""


@require_GET
@scope.inside
def message(request: scope.Asked, pk: int) -> HttpResponse:
    found: Message = scope.row_or_404(Message.objects.all(), request.user, pk)
    content = {"message": found, "title": labels.step(found.purpose), "events": found.events.order_by("at")}
    content["letter"] = Letter.objects.filter(message=found).select_related("batch").first()
    content["asks"] = found.state == MessageState.IN_DOUBT and scope.may(request.user, "write", found.customer)
    return dialog(request, "message", content)


@require_GET
@xframe_options_sameorigin
@scope.inside
def body(request: scope.Asked, pk: int) -> HttpResponse:
    found: Message = scope.row_or_404(Message.objects.all(), request.user, pk)
    letter = Letter.objects.filter(message=found).first()
    try:
        page = letter_page(letter.data) if letter else found.html
    except UnableToTypeset:
        page = render_to_string("desk/letter_lost.html", {"message": found})
    return HttpResponse(page, headers={"Content-Security-Policy": BOX})


@require_GET
@scope.inside
def paper(request: scope.Asked, pk: int) -> HttpResponseBase:
    """One letter as the customer gets it, to be read or kept."""
    try:
        return printed(request, pk)
    except UnableToShow as error:
        messages.warning(request, str(error))
        return redirect("desk:message", pk)


def printed(request: scope.Asked, pk: int) -> HttpResponseBase:
    """The letter as a file. Raises UnableToShow."""
    found: Message = scope.row_or_404(Message.objects.filter(letter__isnull=False), request.user, pk)
    try:
        content = letter_pdf(found.letter.data, made_at=found.letter.laid_at)
    except UnableToTypeset as error:
        raise UnableToShow(_("Nothing is kept of how this letter looked; its words stand with the message.")) from error
    name = f"{found.customer.number}-{found.letter}.pdf"
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type="application/pdf")


@require_POST
@scope.inside
def settle(request: scope.Asked, pk: int) -> HttpResponse:
    """A colleague found out whether a message in doubt had left; the task that asked it is done with it."""
    found: Message = scope.row_or_404(Message.objects.all(), request.user, pk, act="write")
    now, left = clock.now(), request.POST.get("left") == "1"
    try:
        record.settle(message=found, left=left, now=now, by=request.user)
    except UnableTo as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("Noted. It is not sent again either way."))
    return redirect("desk:customer", found.customer_id)
