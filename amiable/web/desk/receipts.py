"""The receipt of a payment, from the timeline, in the customer's language."""

import io

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from amiable.ledger.models import Credit, CreditKind
from amiable.outreach.address import spoken
from amiable.outreach.receipt import receipt
from amiable.web import seen
from amiable.web.desk import scope
from amiable.web.ui import clock


@require_GET
@scope.inside
def paper(request: scope.Asked, pk: int) -> HttpResponseBase:
    rows = Credit.objects.filter(scope.reach(request.user, path="customer__", creditor="creditor_id"))
    found = get_object_or_404(rows.select_related("creditor", "customer", "confirmed_by"), pk=pk)
    if found.kind != CreditKind.PAYMENT or found.customer is None:
        raise Http404
    seen.customer(found.customer)
    language = spoken(found.customer.language, found.creditor.language)
    made = receipt(credit=found, language=language, as_of=clock.today(), now=clock.now())
    return FileResponse(io.BytesIO(made.content), as_attachment=True, filename=made.name, content_type=made.media_type)
