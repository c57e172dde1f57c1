"""When the money of a customer is expected, invoice by invoice, from when to when and why: asked for after the page is there.

In: a customer. Out: a table, or a sentence that says why nothing can be told. Never: a bare guess; of another creditor's customer.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.insight.forecast.of_customer import of_customer
from amiable.web.desk import scope
from amiable.web.ui import clock

SHOWN = 12


@require_GET
@scope.inside
def shown(request: scope.Asked, pk: int) -> HttpResponse:
    found = scope.customer_or_404(request.user, pk)
    told = of_customer(customer=found, as_of=clock.today())
    lines = told.lines if "all" in request.GET else told.lines[:SHOWN]
    references = dict(found.invoices.filter(pk__in=[line.invoice for line in lines]).values_list("pk", "reference"))
    content = {
        "customer": found, "lines": [(line, references.get(line.invoice, "")) for line in lines],
        "left": len(told.lines) - len(lines), "silence": told.silence,
        "anything_open": found.invoices.filter(open_minor__gt=0).exists(),
    }  # fmt: skip
    return render(request, "desk/_awaited.html", content)
