"""How it went: the page behind the link of one question, and the same question in the portal, each face a button.

In: a signed link, or a visit through the gate. Out: a page, or one domain call and the page that thanks. Never: an answer by
a GET (mail scanners open links), a second row for a second tap, a word about what is owed.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from amiable.casework import survey as surveys
from amiable.casework.models import SurveyAfter, SurveyAnswer, SurveyAsk
from amiable.core import links
from amiable.core.errors import AmiableError
from amiable.ledger.models import Customer, Medium
from amiable.outreach.models import Message
from amiable.payments.attempt import local_day
from amiable.scenario import respond
from amiable.web.portal import gate
from amiable.web.portal.gate import Visit, known
from amiable.web.ui import clock

PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "same-origin"}
OCCASIONS = {
    SurveyAfter.CALL: gettext_lazy("After our call"),
    SurveyAfter.MAIL: gettext_lazy("After our exchange"),
    SurveyAfter.PAYMENT: gettext_lazy("After your payment"),
    SurveyAfter.PLAN: gettext_lazy("After your payment plan"),
    SurveyAfter.DISPUTE: gettext_lazy("After your dispute"),
}


@csrf_exempt  # the signed link is what allows the act: a mail program's window may have no cookie, and no other site knows it
@require_http_methods(["GET", "HEAD", "POST"])
def survey(request: HttpRequest, token: str) -> HttpResponse:
    """The question of one ask; once answered, the second one and room for words."""
    now = clock.now()
    try:
        ask = _read(token, now)
    except links.Expired:
        return gate.closed(request, reason="expired", status=410)
    except (links.UnableToOpen, SurveyAsk.DoesNotExist):
        return gate.closed(request, reason="invalid", status=404)
    with translation.override(_language(ask)):
        wrong = _rated(ask, request, now) if request.method == "POST" else ""
        response = render(
            request, "portal/survey.html", _page(request, ask) | {"wrong": wrong}, status=422 if wrong else 200
        )
    for name, value in PRIVATE.items():
        response.headers[name] = value
    return response


def _read(token: str, now: datetime) -> SurveyAsk:
    content = links.read(surveys.PURPOSE, token, now=now)
    rows = SurveyAsk.objects.select_related("customer__creditor", "customer__merged_into__creditor")
    return rows.get(pk=content["a"])


def _rated(ask: SurveyAsk, request: HttpRequest, now: datetime) -> str:
    """Notes what was tapped; a sentence where it cannot be taken."""
    told = request.POST
    saying = respond.Rates(
        ask=ask.pk, score=_number(told.get("score", "")), recommend=_number(told.get("recommend", "")), words=told.get("words")
    )  # fmt: skip
    try:
        respond.customer_said(customer=_customer(ask), saying=saying, now=now, origin="survey")
    except AmiableError as error:
        return str(error)
    return ""


def _number(text: str) -> int | None:
    """What a button says; what none of them says is refused with the rest."""
    return (int(text) if text.isdecimal() and len(text) < 3 else -1) if text else None


def _page(request: HttpRequest, ask: SurveyAsk) -> dict[str, Any]:
    answer = SurveyAnswer.objects.filter(ask=ask).first()
    wished = _number(request.GET.get("score", ""))
    chosen = answer.score if answer else wished if wished in surveys.FACES else None
    return {
        "creditor": _customer(ask).creditor,
        "occasion": OCCASIONS.get(SurveyAfter(ask.after), ""),
        "answer": answer,
        "chosen": chosen,
        "chosen_words": surveys.FACES.get(chosen, "") if chosen is not None else "",
        "faces": surveys.FACES.items(),
        "scale": range(11),
        "sorry": answer is not None and answer.score <= surveys.LOW,
        "most_words": surveys.MOST_WORDS,
    }


def _customer(ask: SurveyAsk) -> Customer:
    return ask.customer.merged_into or ask.customer


def _language(ask: SurveyAsk) -> str:
    """That of the message that asked, else the customer's."""
    customer = _customer(ask)
    asked = Message.objects.filter(key=f"{surveys.PURPOSE}:{ask.pk}").values_list("language", flat=True).first()
    return gate.spoken(asked or "", customer.language, customer.creditor.language)


def offered(visit: Visit, about: str) -> dict[str, Any]:
    """What the line of a thank-you page needs; nothing where this customer is not to be asked now."""
    if not about or not surveys.may_be_offered(customer=visit.customer, address=_came_by(visit), now=visit.now):
        return {}
    return {"about": about, "faces": surveys.FACES.items()}


def _came_by(visit: Visit) -> str:
    """The address of the message whose link they hold; empty where none led here, or one on paper did."""
    theirs = Q(customer=visit.customer) | Q(customer__merged_into=visit.customer)
    sent = Message.objects.filter(theirs, pk=visit.message_ref, medium__in=[Medium.EMAIL, Medium.SMS])
    return sent.values_list("address", flat=True).first() or ""


def rate(request: HttpRequest, token: str) -> HttpResponseBase:
    return (_said if request.method == "POST" else _asked)(request, token)


@require_http_methods(["GET", "HEAD"])
@known
def _asked(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """The question, for whoever comes to it by a link of the portal."""
    ask = surveys.asked_lately(customer=visit.customer, as_of=local_day(visit.creditor, visit.now))
    if ask is not None:
        return _on(request, visit, ask)
    offer = offered(visit, str(SurveyAfter.VISIT))
    if not offer:
        messages.info(request, _("Thank you. There is nothing to answer at the moment."))
        return redirect("portal:home", token=visit.token)
    return render(request, "portal/rate.html", {"visit": visit, "survey": offer})


@require_http_methods(["POST"])
@known
def _said(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    saying = respond.Rates(
        about=request.POST.get("about", ""), score=_number(request.POST.get("score", "")), address=_came_by(visit)
    )
    try:
        respond.customer_said(customer=visit.customer, saying=saying, now=visit.now, origin="portal")
    except AmiableError as error:
        messages.error(request, str(error))
        return redirect("portal:home", token=visit.token)
    ask = surveys.asked_lately(customer=visit.customer, as_of=local_day(visit.creditor, visit.now))
    assert ask is not None  # it was answered just now
    return _on(request, visit, ask)


def _on(request: HttpRequest, visit: Visit, ask: SurveyAsk) -> HttpResponseBase:
    """On to the page of the ask, where an answer goes on and may be changed; after some weeks it is over."""
    if not surveys.is_open(ask, now=visit.now):
        messages.info(request, _("You have told us lately what you think. Thank you!"))
        return redirect("portal:home", token=visit.token)
    return redirect("portal:survey", token=surveys.token(ask=ask.pk, asked_at=ask.asked_at))
