"""When the money of a customer is expected, invoice by invoice, from when to when and why: asked for after the page is there.

In: a customer. Out: a table, or a sentence that says why nothing can be told. Never: a bare guess; a customer of others.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.insight.forecast.of_customer import Awaited, of_customer
from amiable.web.desk import scope
from amiable.web.ui import clock

SHOWN = 12


@require_GET
@scope.inside
def shown(request: scope.Asked, pk: int) -> HttpResponse:
    """Each reason once, above the invoices that it is about; the oldest due first."""
    found = scope.customer_or_404(request.user, pk)
    foretold = of_customer(customer=found, as_of=clock.today())
    lines = foretold.lines if "all" in request.GET else foretold.lines[:SHOWN]
    references = dict(found.invoices.filter(pk__in=[line.invoice for line in lines]).values_list("pk", "reference"))
    told: dict[str, list[tuple[Awaited, str]]] = {}
    for line in lines:
        told.setdefault(line.reason, []).append((line, references.get(line.invoice, "")))
    content = {
        "customer": found, "told": list(told.items()), "left": len(foretold.lines) - len(lines), "silence": foretold.silence,
        "anything_open": found.invoices.filter(open_minor__gt=0).exists(),
    }  # fmt: skip
    return render(request, "desk/_awaited.html", content)
