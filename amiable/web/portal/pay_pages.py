"""The pages on which a customer pays, or keeps a way to pay, in the provider's own fields; and what is kept of them.

In: a visit through the gate. Out: a page that lets the provider's fields in, and nothing else of the world. Never: a
field of ours for a number; a change by a GET.
"""

import logging

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from amiable.core.errors import AmiableError, UnableTo
from amiable.ledger.models import Invoice
from amiable.payments import acquire, authorise, providers, standing
from amiable.payments.attempt import LIVE, local_day, pay_page
from amiable.payments.models import Attempt, Mandate
from amiable.payments.providers import Fields, Link
from amiable.web.portal.gate import Visit, known
from amiable.web.security import opened

log = logging.getLogger(__name__)


@require_safe
@known
def fields(request: HttpRequest, visit: Visit, attempt: str) -> HttpResponseBase:
    """The provider's fields for a payment; one that has gone on meanwhile is looked at instead."""
    tried = get_object_or_404(Attempt.objects.select_related("creditor"), token=attempt, customer=visit.customer)
    back = reverse("portal:paid", args=[visit.token, tried.token])
    if tried.state not in LIVE:
        return redirect(back)
    try:
        answer = pay_page(attempt=tried, return_url=request.build_absolute_uri(back), now=visit.now)
    except AmiableError as error:
        messages.error(request, sorry(error))
        return redirect("portal:home", token=visit.token)
    if isinstance(answer, Link):
        return redirect(answer.url)
    names = Invoice.objects.filter(id__in=tried.invoices).order_by("due_on", "id").values_list("reference", flat=True)
    return show(request, visit, answer, tried.provider, attempt=tried, references=list(names))


@require_http_methods(["GET", "HEAD", "POST"])
@known
def methods(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """What is kept; with a POST, the page on which something is to be kept."""
    acquirer = acquire.ready(visit.creditor)
    can_save = acquirer is not None and acquirer.can("save")
    if request.method == "POST" and acquirer is not None and can_save:
        wish = authorise.ask_for(customer=visit.customer, provider=acquirer.key, now=visit.now)
        return redirect("portal:method", token=visit.token, mandate=wish.token)
    kept = list(authorise.usable(customer=visit.customer, as_of=local_day(visit.creditor, visit.now)))
    waited_for = Mandate.objects.filter(token=request.GET.get("kept", ""), customer=visit.customer, signed_on=None)
    page = {
        "visit": visit,
        "methods": kept,
        "standing": set(standing.of(visit.customer).values_list("mandate", flat=True)),
        "can_save": can_save,
        "waiting": waited_for.exists(),
    }
    return render(request, "portal/methods.html", page)


@require_safe
@known
def method(request: HttpRequest, visit: Visit, mandate: str) -> HttpResponseBase:
    """The provider's page, or its fields on ours, for what is to be kept."""
    wish = get_object_or_404(
        Mandate.objects.select_related("customer__creditor"), token=mandate, customer=visit.customer, signed_on=None
    )
    back = f"{reverse('portal:methods', args=[visit.token])}?kept={wish.token}"
    try:
        answer = authorise.enter_page(mandate=wish, return_url=request.build_absolute_uri(back), now=visit.now)
    except AmiableError as error:
        messages.error(request, sorry(error))
        return redirect("portal:methods", token=visit.token)
    if isinstance(answer, Link):
        return redirect(answer.url)
    return show(request, visit, answer, wish.provider)


@require_POST
@known
def method_end(request: HttpRequest, visit: Visit, mandate: int) -> HttpResponseBase:
    """The customer takes it back."""
    row = get_object_or_404(Mandate, pk=mandate, customer=visit.customer)
    authorise.end(mandate=row, as_of=local_day(visit.creditor, visit.now), now=visit.now, origin="portal")
    messages.success(request, _("Taken back. It is not used any more."))
    return redirect("portal:methods", token=visit.token)


def sorry(error: AmiableError) -> str:
    """What a customer is told: our own sentences; a provider's are for colleagues, and stand in the log."""
    if isinstance(error, UnableTo):
        return str(error)
    log.warning("Nobody could pay: %s", error)
    return _("Online payment does not work just now. Please try again later, or pay by bank transfer.")


def show(request: HttpRequest, visit: Visit, answer: Fields, key: str, **more: object) -> HttpResponseBase:
    """The page with the fields: the only one that lets the provider's scripts and frames in."""
    told = {"visit": visit, "fields": answer, "ours": f"providers/{key}.js", "label": providers.kind(key).label}
    response = render(request, "portal/fields.html", told | more)
    response.headers["Content-Security-Policy"] = opened(answer.policy)
    return response


@require_POST
@known
def standing_order(request: HttpRequest, visit: Visit, mandate: int) -> HttpResponseBase:
    """From now on what falls due is debited by this; or no more."""
    kept = get_object_or_404(Mandate.objects.select_related("customer__creditor"), pk=mandate, customer=visit.customer)
    currency, as_of = visit.creditor.currency, local_day(visit.creditor, visit.now)
    try:
        if request.POST.get("act") == "end":
            for order in standing.of(visit.customer).filter(mandate=kept):
                standing.end(order=order, now=visit.now, origin="portal")
            messages.success(request, _("Your next invoices are paid by hand again."))
        else:
            standing.give(mandate=kept, currency=currency, as_of=as_of, now=visit.now, origin="portal")
            messages.success(request, _("Noted: each invoice is debited on its due date. You need do nothing more."))
    except AmiableError as error:
        messages.error(request, str(error))
    return redirect("portal:methods", token=visit.token)
