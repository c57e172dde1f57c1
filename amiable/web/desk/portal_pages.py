"""The portal as a customer finds it, for a colleague who has them on the telephone: to be read, and nothing more.

In: a customer whom the colleague sees. Out: the first page of their portal in a frame, in their language. Never: a link that
leads anywhere, a form that is sent, a try to pay opened, or an opening counted that no customer made.
"""

import re

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from amiable.core import audit
from amiable.web.desk import scope
from amiable.web.portal import gate, views
from amiable.web.ui import clock

NOBODY = "-"  # instead of the signed link: it opens nothing
# Where the page would lead: with such a link nowhere, and so it is taken out.
_LEADS = re.compile(r' (?:href|(?:form)?action)="[^"]*/p/-/[^"]*"')
# No script runs in it; of our own origin it is for its fonts alone.
BOX = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'none'; "
    "sandbox allow-same-origin; frame-ancestors 'self'"
)


@require_GET
@scope.inside
def portal(request: scope.Asked, pk: int) -> HttpResponse:
    """The page around it, which says in whose eyes one sees it."""
    found = scope.customer_or_404(request.user, pk)
    if found.merged_into_id:
        return redirect("desk:portal", found.merged_into_id)
    spoken = gate.spoken(found.language, found.creditor.language)
    audit.viewed(
        user=request.user, act="portal.viewed", subject="customer", subject_ref=found.pk, creditor_ref=found.creditor_id,
        now=clock.now(),
    )  # fmt: skip
    return render(request, "desk/portal.html", {"customer": found, "spoken": spoken})


@require_GET
@xframe_options_sameorigin
@scope.inside
def body(request: scope.Asked, pk: int) -> HttpResponse:
    """What the customer reads after the question at the door, in the box, where it can run and send nothing."""
    found = scope.customer_or_404(request.user, pk)
    if found.merged_into_id:
        return redirect("desk:portal_body", found.merged_into_id)
    visit = gate.Visit(token=NOBODY, customer=found, message_ref=0, now=clock.now())
    spoken = gate.spoken(visit.customer.language, visit.creditor.language)
    with translation.override(spoken):
        page, _acquirer = views.shown(request, visit)
        # Without the request: what is to be said to the colleague is not said in the frame, and no token is made.
        html = render_to_string("portal/home.html", page | {"LANGUAGE_CODE": spoken})
    return HttpResponse(_LEADS.sub("", html), headers={"Content-Security-Policy": BOX})
