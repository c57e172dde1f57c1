"""No more e-mails, by one click: a page with a button for people, a bare POST for mail programs (RFC 8058)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from amiable.core import links
from amiable.outreach.models import Message
from amiable.scenario import respond
from amiable.web.portal import gate
from amiable.web.ui import clock


@csrf_exempt  # a mail program has no cookie; the signed link is what allows the act
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    now = clock.now()
    try:
        content = links.read("unsubscribe", token, now=now)
        message = Message.objects.select_related("customer__creditor").get(pk=content["m"])
    except (links.UnableToOpen, Message.DoesNotExist):
        return gate.closed(request, reason="invalid", status=404)
    if request.method == "POST":
        origin = "one_click" if "List-Unsubscribe" in request.POST else "portal"
        respond.no_more_of(message=message, now=now, origin=origin)
    with translation.override(gate.spoken(message.language, message.customer.language)):
        page = {"message": message, "creditor": message.customer.creditor, "done": request.method == "POST"}
        response = render(request, "portal/unsubscribe.html", page)
    response.headers["Cache-Control"] = "no-store"
    return response
