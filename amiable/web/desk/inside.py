"""Who looks after a customer in this house: whoever has the case, the salesperson, the branch director, the credit manager.

In: a customer that the colleague may see. Out: a fragment, asked for after the page is there.
"""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.casework import entrust
from amiable.casework.models import Case
from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.web.desk import scope
from amiable.web.desk.scenario_words import ROLES
from amiable.web.ui import clock

# Who is asked for beside those whom the customer and its case name.
INSIDE = ("branch_director", "credit_manager")


@require_GET
@scope.inside
def shown(request: scope.Asked, pk: int) -> HttpResponse:
    found = scope.customer_or_404(request.user, pk, related=("creditor", "branch", "salesperson"))
    content = {
        "customer": found,
        "inside": inside(found),
        "may_entrust": "plan" in scope.rights(request.user, found),
    }
    return render(request, "desk/_inside.html", content)


def inside(customer: Customer) -> list[tuple[str, User | None, bool]]:
    """The roles that look after a customer, and who that is; nobody where several could be meant. True: the case's own."""
    case = (
        Case.objects.filter(customer=customer, closed_on=None)
        .select_related("responsible")
        .order_by("opened_on")
        .first()
    )
    found = entrust.all_in_charge(customer=customer, roles=["collector", *INSIDE], as_of=clock.today())
    collector = case.responsible if case and case.responsible else found.get("collector")
    rows: list[tuple[str, User | None, bool]] = [(str(ROLES["collector"]), collector, bool(case))]
    if customer.salesperson:
        rows.append((str(ROLES["sales"]), customer.salesperson, False))
    rows += [(str(ROLES[role]), found.get(role), False) for role in INSIDE]
    return [row for row in rows if row[1] or row[2]]
