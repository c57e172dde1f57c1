"""A payment taken on the phone: the colleague hears the card and types it into the provider's own fields, masked.

In: an attempt that a colleague opened for a customer. Out: the fields, then how it went. Never: a number of a card in our
process; what comes back from the page is the name of the provider's token.
"""

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from amiable.core import audit
from amiable.core.errors import AmiableError
from amiable.ledger.models import Invoice
from amiable.payments import providers
from amiable.payments.attempt import LIVE, confirm, pay_page
from amiable.payments.models import Attempt, AttemptState, Journey
from amiable.payments.providers import Fields
from amiable.scenario import inquire
from amiable.web.desk import scope
from amiable.web.security import opened
from amiable.web.ui import clock


@require_GET
@scope.inside
def phone(request: scope.Asked, token: str) -> HttpResponse:
    """The fields while the payment is under way; then what came of it."""
    tried = _tried(request, token)
    content = {"attempt": tried, "customer": tried.customer, "invoices": _references(tried)}
    fields: Fields | None = None
    # A card that was refused may be typed again, or another one: the try goes on until it is paid or left.
    looks = tried.state in LIVE and "look" in request.GET
    if tried.state in (*LIVE, AttemptState.FAILED) and not looks:
        try:
            answer = pay_page(attempt=tried, return_url=_here(request, tried), now=clock.now())
        except AmiableError as error:
            content["problem"] = str(error)
        else:
            if isinstance(answer, Fields):
                fields = answer
                content |= {"fields": answer, "ours": f"providers/{tried.provider}.js"}
            else:
                content["page"] = answer.url
            content["label"] = providers.kind(tried.provider).label
    response = render(request, "desk/phone.html", content | {"waiting": looks})
    if fields is not None:
        response.headers["Content-Security-Policy"] = opened(fields.policy)
    return response


@require_POST
@scope.inside
def pay(request: scope.Asked, token: str) -> HttpResponse:
    """The provider has taken the fields and calls them by this name; it is told to take the money."""
    tried = _tried(request, token)
    now = clock.now()
    try:
        confirm(attempt=tried, token=request.POST.get("token", ""), return_url=_here(request, tried), now=now)
        audit.record(
            "payment.taken", now=now, user=request.user, creditor_ref=tried.creditor_id, subject="customer",
            subject_ref=tried.customer_id, attempt=tried.pk, amount_minor=tried.amount_minor, currency=tried.currency,
        )  # fmt: skip
        inquire.ask(attempt=tried, now=now)
    except AmiableError as error:
        messages.error(request, str(error))
        return redirect("desk:phone", token)
    return redirect(f"{reverse('desk:phone', args=[token])}?look")


@require_GET
@scope.inside
def state(request: scope.Asked, token: str) -> HttpResponse:
    tried = _tried(request, token)
    return JsonResponse({"state": "waiting" if tried.state in LIVE else tried.state})


def _tried(request: scope.Asked, token: str) -> Attempt:
    rows = Attempt.objects.filter(scope.reach(request.user, path="customer__"), journey=Journey.AGENT)
    tried = get_object_or_404(rows.select_related("customer__creditor", "creditor", "credit", "by"), token=token)
    scope.customer_or_404(request.user, tried.customer_id, act="take")
    return tried


def _references(tried: Attempt) -> list[str]:
    rows = Invoice.objects.filter(id__in=tried.invoices).order_by("due_on", "pk")
    return list(rows.values_list("reference", flat=True))


def _here(request: scope.Asked, tried: Attempt) -> str:
    return request.build_absolute_uri(f"{reverse('desk:phone', args=[tried.token])}?look")
