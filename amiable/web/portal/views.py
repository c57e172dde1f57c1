"""The rooms of the portal: what I owe, pay, "I have paid", "I contest this", copies and statement.

In: a visit through the gate. Out: a page, or one domain call and a page. Never: a change by a GET, but 'opened'.
"""

import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from amiable.casework.models import DisputeReason
from amiable.core.errors import AmiableError
from amiable.core.money import UnreadableAmount, exponent
from amiable.ledger import balance, hold
from amiable.ledger.keep import place_of
from amiable.ledger.models import Document, Invoice
from amiable.outreach.receipt import receipt, settled
from amiable.outreach.statement import statement_pdf
from amiable.payments import acquire, chain
from amiable.payments.attempt import LIVE, UnableToOpenAttempt, local_day, open_again, open_attempt, pay_page
from amiable.payments.models import Attempt, AttemptState
from amiable.payments.plans.limits import limits_of
from amiable.payments.providers import PSP, Link
from amiable.payments.refund import held_by
from amiable.scenario import respond
from amiable.web.portal import gate, journey, plans, surveys
from amiable.web.portal.amounts import Line, asked_for, lines, read_amount
from amiable.web.portal.gate import Visit, arrives, known
from amiable.web.portal.pay_pages import sorry
from amiable.web.security import opened
from amiable.web.templatetags.amiable_ui import day as told_day
from amiable.web.templatetags.amiable_ui import money

MOST_KEPT = 200  # ticks that an address has room for


@require_safe
@arrives
def home(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """What I owe; before the question is answered, only to whom and how much."""
    if request.method == "GET" and visit.message_ref:
        respond.link_opened(message_ref=visit.message_ref, customer=visit.customer, now=visit.now)
    to = _wanted(request.GET.get("to", ""))
    if not gate.is_known(request, visit):
        statement, _rows = _owed(request, visit)
        page = {"visit": visit, "statement": statement, "to": to, "tries": gate.tries_left(visit)}
        return render(request, "portal/gate.html", page)
    if to == "preferences":
        return redirect("portal:preferences", token=visit.token)
    if to == "survey":
        return redirect("portal:rate", token=visit.token)
    page, acquirer = shown(request, visit)
    typed = {name: request.GET.get(name, "")[:20] for name in ("amount", "promised_for")}
    response = render(request, "portal/home.html", page | {"to": to, "typed": typed})
    response.headers["Content-Security-Policy"] = opened({"form-action": acquirer.origins() if acquirer else ()})
    return response


def shown(request: HttpRequest, visit: Visit) -> tuple[dict[str, Any], PSP | None]:
    """What the first page says to who has answered, and who would take the money. It reads, and changes nothing."""
    statement, rows = _owed(request, visit)
    ticked = sum(line.to_pay_minor for line in rows if line.ticked)
    part = min(journey.wish(visit).amount_minor, ticked)
    acquirer = acquire.ready(visit.creditor)
    page = {
        "visit": visit,
        "statement": statement,
        "lines": rows,
        "shown_minor": sum(statement.besides.values()),
        "ticked_minor": ticked,
        "part_minor": part if 0 < part < ticked else 0,
        "unfinished": chain.to_continue(customer=visit.customer, currency=statement.currency),
        "exponent": exponent(statement.currency),
        "currencies": balance.currencies(customer=visit.customer),
        "can_pay": acquirer is not None,
        "methods": acquirer is not None and acquirer.can("save"),
        "last_day": journey.last_day_to_promise(visit.creditor, statement.as_of),
        "contacted": journey.contacted(visit),
        "transfers": journey.transfers(visit, statement),
        "plan": plans.current(visit, statement.currency),
        "may_plan": limits_of(visit.creditor, statement.currency).portal,
    }
    return page, acquirer


@require_POST
@arrives
def identify(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    if not gate.identify(request, visit, request.POST.get("answer", "")) and gate.tries_left(visit):
        messages.error(request, _("That is not the number or the postcode we know. Please try again."))
    wanted = _wanted(request.POST.get("to", ""))
    query = f"?to={wanted}" if wanted else ""
    return redirect(reverse("portal:home", args=[visit.token]) + query)


def _wanted(to: str) -> str:
    """What the link in the message was about: paid, talk, a part, how we may write, how it went; empty for anything else."""
    return to if to in {"paid", "talk", "part", "preferences", "survey"} else ""


@require_POST
@arrives
def language(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    gate.choose_language(request, request.POST.get("language", ""))
    return redirect("portal:home", token=visit.token)


@require_POST
@known
def pay(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Opens an attempt for what is ticked, or a part of it, and leads to the provider's page."""
    statement, chosen = _chosen(request, visit)
    owed = sum(line.to_pay_minor for line in chosen)
    try:
        if not chosen:
            raise UnableToOpenAttempt(_("Please tick at least one invoice."))
        amount = _amount(request, statement.currency, owed)
        if amount > owed:
            told = {"amount": money(owed, statement.currency)}
            raise UnableToOpenAttempt(_("That is more than the ticked invoices: %(amount)s at most.") % told)
        attempt = open_attempt(
            customer=visit.customer,
            amount_minor=amount,
            currency=statement.currency,
            invoices=[line.id for line in chosen],
            provider=acquire.in_use(visit.creditor),
            now=visit.now,
            **journey.origin(visit),
        )
        return to_pay_page(request, visit, attempt)
    except UnreadableAmount:
        messages.error(request, _("Please write the amount in figures, for example 120.50."))
    except AmiableError as error:
        messages.error(request, sorry(error))
    text = request.POST.get("amount", "")
    return _back(visit, statement, chosen, to="part" if text or "typed" in request.POST else "", amount=text)


@require_POST
@known
def again(request: HttpRequest, visit: Visit, attempt: str) -> HttpResponseBase:
    """One click goes on with a try that came to nothing: the same invoices and amount, as far as they are still open."""
    origin = journey.origin(visit)
    try:
        key = acquire.in_use(visit.creditor)
        return to_pay_page(
            request, visit, open_again(attempt=_attempt(visit, attempt), provider=key, now=visit.now, **origin)
        )
    except AmiableError as error:
        messages.error(request, str(error))
    return redirect("portal:home", token=visit.token)


def to_pay_page(request: HttpRequest, visit: Visit, attempt: Attempt) -> HttpResponseBase:
    """On to where the customer pays. Raises Refused, Unavailable or UnableToOpenAttempt."""
    back = reverse("portal:paid", args=[visit.token, attempt.token])
    answer = pay_page(attempt=attempt, return_url=request.build_absolute_uri(back), now=visit.now)
    return redirect(
        answer.url if isinstance(answer, Link) else reverse("portal:fields", args=[visit.token, attempt.token])
    )


def _amount(request: HttpRequest, currency: str, owed: int) -> int:
    """What is to be paid of that which is ticked: the amount typed, the part that the link asked for, or all of it."""
    text = request.POST.get("amount", "").strip()
    if text or "typed" in request.POST:
        return read_amount(text, currency)
    part = request.POST.get("part", "")
    return min(int(part), owed) if part.isdecimal() and len(part) < 16 else owed


@require_safe
@known
def paid(request: HttpRequest, visit: Visit, attempt: str) -> HttpResponseBase:
    """Where the provider leads back to: waiting, paid or declined, whatever has been told by now."""
    tried = _attempt(visit, attempt)
    statement, rows = _owed(request, visit, currency=tried.currency)
    page = {
        "visit": visit,
        "attempt": tried,
        "state": _shown_state(tried),
        # What the money really went to: an invoice may have been paid by somebody else a moment before.
        "settled": settled(tried.credit) if tried.credit else [],
        "kept_minor": (tried.credit.confirmed_by or tried.credit).open_minor if tried.credit else 0,
        "left_minor": sum(line.to_pay_minor for line in rows if line.days_late >= 0),
        "currency": statement.currency,
        "survey": surveys.offered(visit, f"payment:{tried.credit.pk}" if tried.credit else ""),
    }
    response = render(request, "portal/paid.html", page)
    acquirer = acquire.ready(visit.creditor)
    response.headers["Content-Security-Policy"] = opened({"form-action": acquirer.origins() if acquirer else ()})
    return response


@require_safe
@known
def receipt_of(request: HttpRequest, visit: Visit, attempt: str) -> HttpResponseBase:
    """The receipt of what a try to pay brought."""
    tried = _attempt(visit, attempt)
    if tried.credit is None:
        raise Http404
    spoken = get_language() or settings.LANGUAGE_CODE
    paper = receipt(credit=tried.credit, language=spoken, as_of=local_day(visit.creditor, visit.now), now=visit.now)
    return FileResponse(
        io.BytesIO(paper.content), filename=paper.name, content_type=paper.media_type, as_attachment=True
    )


@require_safe
@known
def paid_state(request: HttpRequest, visit: Visit, attempt: str) -> HttpResponseBase:
    return JsonResponse({"state": _shown_state(_attempt(visit, attempt))})


@require_POST
@known
def claim(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    statement, chosen = _chosen(request, visit)
    if not chosen:
        messages.error(request, _("Please tick at least one invoice."))
        return _back(visit, statement, chosen)
    said = respond.AlreadyPaid(invoices=[line.id for line in chosen])
    _say(request, visit, said, _("Thank you. We are checking, and send no reminder for it meanwhile."))
    return _back(visit, statement)


@require_POST
@known
def promise(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    statement, chosen = _chosen(request, visit)
    text = request.POST.get("promised_for", "")
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    last = journey.last_day_to_promise(visit.creditor, statement.as_of)
    if day is None or not statement.as_of <= day <= last:
        messages.error(request, _("Please choose a day up to %(day)s.") % {"day": told_day(last)})
        return _back(visit, statement, chosen, to="talk", promised_for=text)
    if not chosen:
        messages.error(request, _("Please tick at least one invoice."))
        return _back(visit, statement, chosen, to="talk", promised_for=text)
    said = respond.Promises(
        amount_minor=sum(line.to_pay_minor for line in chosen),
        currency=statement.currency,
        promised_for=day,
        invoices=[line.id for line in chosen],
    )
    _say(request, visit, said, _("Noted, thank you. We send no reminder for it until then."))
    return _back(visit, statement)


def dispute(request: HttpRequest, token: str, invoice: int) -> HttpResponseBase:
    view = _dispute_said if request.method == "POST" else _dispute_form
    return view(request, token, invoice=invoice)


@require_safe
@known
def _dispute_form(request: HttpRequest, visit: Visit, invoice: int) -> HttpResponseBase:
    return _dispute_page(request, visit, _invoice(visit, invoice))


def _dispute_page(request: HttpRequest, visit: Visit, row: Invoice) -> HttpResponse:
    """The form, with what was typed where it could not be taken."""
    page = {"visit": visit, "invoice": row, "reasons": DisputeReason.choices, "typed": request.POST}
    return render(request, "portal/dispute.html", page)


@require_POST
@known
def _dispute_said(request: HttpRequest, visit: Visit, invoice: int) -> HttpResponseBase:
    row = _invoice(visit, invoice)
    text = request.POST.get("amount", "").strip()
    try:
        part = read_amount(text, row.currency) if text else None
    except UnreadableAmount:
        messages.error(request, _("Please write the amount in figures, for example 120.50."))
        return _dispute_page(request, visit, row)
    said = respond.Disputes(
        invoice=row.pk,
        reason=request.POST.get("reason", ""),
        words=request.POST.get("words", "")[:2000],
        amount_minor=part,
    )
    thanks = _("Thank you. We look into it, and send no reminder for it meanwhile.")
    if not _say(request, visit, said, thanks):
        return _dispute_page(request, visit, row)
    return redirect("portal:home", token=visit.token)


@require_safe
@known
def copy(request: HttpRequest, visit: Visit, invoice: int) -> HttpResponseBase:
    """The invoice as it was issued."""
    document = Document.objects.filter(invoice=_invoice(visit, invoice)).order_by("-id").first()
    path = place_of(document.sha256) if document else None
    if document is None or path is None or not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), filename=document.name, content_type="application/pdf", as_attachment=True)


@require_safe
@known
def statement_copy(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    statement, _rows = _owed(request, visit)
    spoken = get_language() or settings.LANGUAGE_CODE
    pdf = statement_pdf(
        statement=statement, creditor=visit.creditor, customer=visit.customer, language=spoken, now=visit.now
    )
    name = _("statement-of-account") + f"-{statement.as_of}.pdf"
    return HttpResponse(
        pdf, content_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _owed(request: HttpRequest, visit: Visit, *, currency: str | None = None) -> tuple[balance.Statement, list[Line]]:
    as_of = local_day(visit.creditor, visit.now)
    wish = journey.wish(visit)
    wanted: str | None = currency or request.POST.get("currency") or request.GET.get("currency") or wish.currency
    if wanted not in balance.currencies(customer=visit.customer):
        wanted = currency
    statement = balance.statement(customer=visit.customer, as_of=as_of, currency=wanted)
    holds = list(hold.active(as_of=as_of).filter(customer=visit.customer))
    copies = set(Document.objects.filter(invoice__customer=visit.customer).values_list("invoice_id", flat=True))
    about = [int(each) for each in request.GET.get("about", "").split(",") if each.isdecimal() and len(each) < 18]
    return statement, asked_for(lines(statement, holds=holds, copies=copies), about or wish.invoices)


def _chosen(request: HttpRequest, visit: Visit) -> tuple[balance.Statement, list[Line]]:
    """The lines ticked in the form, in the order shown."""
    statement, rows = _owed(request, visit)
    ticked = set(request.POST.getlist("invoice"))
    return statement, [line for line in rows if str(line.id) in ticked and line.payable]


def _say(request: HttpRequest, visit: Visit, saying: respond.Saying, thanks: str) -> bool:
    """Says it for the customer, and tells them what came of it. Whether it was taken."""
    try:
        respond.customer_said(customer=visit.customer, saying=saying, now=visit.now, origin="portal")
    except AmiableError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, thanks)
    return True


def _back(
    visit: Visit, statement: balance.Statement, ticked: Sequence[Line] = (), **typed: str
) -> HttpResponseRedirect:
    """To the first page, in the same currency, with what was ticked and typed where it is to be put right."""
    short = {name: text[:20] for name, text in typed.items()}
    about = ticked if len(ticked) <= MOST_KEPT else ()
    kept = {"currency": statement.currency, "about": ",".join(str(line.id) for line in about), **short}
    query = urlencode({name: text for name, text in kept.items() if text})
    return redirect(reverse("portal:home", args=[visit.token]) + "?" + query)


def _invoice(visit: Visit, pk: int) -> Invoice:
    return get_object_or_404(Invoice, pk=pk, customer=visit.customer)


def _attempt(visit: Visit, token: str) -> Attempt:
    tries = Attempt.objects.select_related("credit__confirmed_by", "credit__creditor", "credit__customer", "customer")
    found: Attempt = get_object_or_404(tries, token=token, customer=visit.customer)
    return found


def _shown_state(attempt: Attempt) -> str:
    """What has been told by now; money that has wholly gone back to whoever paid it is no payment any more."""
    if attempt.state == AttemptState.SUCCEEDED and attempt.credit:
        return attempt.state if held_by(attempt.credit.confirmed_by or attempt.credit) else "taken_back"
    return "waiting" if attempt.state in LIVE else attempt.state
