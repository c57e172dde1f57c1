"""A payment that the customer types on their own telephone: the code that leads the call to it, and how far they are.

In: a try that a colleague has prepared. Out: a page that follows by itself, and the call taken back. Never: a digit of the
card but the last four; a button for who may not take payments.
"""

from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from amiable.core import audit
from amiable.core.errors import AmiableError
from amiable.ledger.models import Invoice
from amiable.outreach import route
from amiable.outreach.channels.ivr_twilio import IvrTwilio
from amiable.payments.attempt import LIVE
from amiable.payments.models import Attempt, AttemptState, Journey, KeypadCode
from amiable.payments.providers import WordKind, twilio_pay
from amiable.scenario import respond
from amiable.web.desk import scope
from amiable.web.ui import clock
from amiable.web.voice.turns import number_of
from amiable.web.voice.twiml import Voice

# The fields of a card in the order in which they are asked for.
FIELDS = {
    "payment-card-number": gettext_lazy("Number of the card"),
    "expiration-date": gettext_lazy("Date on which it ends"),
    "security-code": gettext_lazy("Security code"),
    "payment-processing": gettext_lazy("The bank’s answer"),
}


@dataclass(frozen=True)
class Step:
    """One field as a colleague may see it: `state` is waiting, now or done."""

    label: str | Promise
    state: str
    wrong: int = 0
    shown: str = ""


@require_GET
@scope.inside
def keypad(request: scope.Asked, token: str) -> HttpResponse:
    """The code until it is typed; then the fields, one after the other; then how it ended."""
    tried = _tried(request, token)
    channel, code = _line(tried), KeypadCode.objects.filter(attempt=tried).first()
    if code is None:  # it had lost its time, and made room for another
        messages.warning(request, _("This code is no longer good; begin again from the customer's page."))
        return redirect("desk:customer", tried.customer_id)
    content = {
        "attempt": tried,
        "customer": tried.customer,
        "code": code,
        "expired": code.used_at is None and (code.expires_at <= clock.now() or tried.state not in LIVE),
        "line": channel.config["sender"] if channel else "",
        "steps": steps(tried, used=code.used_at is not None),
        "may_take_back": code.used_at is not None and code.returned_at is None and tried.state in LIVE,
        "invoices": list(
            Invoice.objects.filter(id__in=tried.invoices).order_by("due_on").values_list("reference", flat=True)
        ),
    }
    return render(request, "desk/keypad.html", content)


@require_POST
@scope.inside
def back(request: scope.Asked, token: str) -> HttpResponse:
    """The call comes back to the colleague; what was being typed is broken off."""
    tried, now = _tried(request, token), clock.now()
    code, channel = KeypadCode.objects.filter(attempt=tried).first(), _line(tried)
    number = number_of(tried, channel.config["person"]) if channel else ""
    if code is None or code.used_at is None or code.returned_at is not None or tried.state not in LIVE:
        return redirect("desk:keypad", token)
    if channel is None or not number:
        messages.error(
            request,
            _("There is no number to bring the call back to: enter yours in your account, or a person’s at the line."),
        )
        return redirect("desk:keypad", token)
    try:
        with channel:
            words = Voice(tried.customer.language or tried.creditor.language)
            channel.turn(code.call, str(words.dial(number, shows=channel.config["sender"])))
        KeypadCode.objects.filter(pk=code.pk).update(returned_at=now)
        word = twilio_pay.broken_off(tried, now=now)
        respond.payment_arrived(provider=tried.provider, words=[word], now=now, creditor=tried.creditor)
        audit.record(
            "payment.taken_back", now=now, user=request.user, creditor_ref=tried.creditor_id, subject="customer",
            subject_ref=tried.customer_id, attempt=tried.pk,
        )  # fmt: skip
        messages.success(request, _("The call comes back to %(number)s.") % {"number": number})
    except AmiableError as error:
        messages.error(request, str(error))
    return redirect("desk:keypad", token)


def steps(tried: Attempt, *, used: bool) -> list[Step]:
    """How far the customer is, from what Twilio has told."""
    told = list(tried.provider_events.order_by("id").values_list("kind", "raw"))
    asked = [raw["For"] for _kind, raw in told if raw.get("For") in FIELDS]
    here = asked[-1] if asked else ""
    card = next((raw["last_four"] for _kind, raw in reversed(told) if raw.get("last_four")), "")
    over, order = tried.state == AttemptState.SUCCEEDED, list(FIELDS)
    found = [Step(gettext_lazy("The customer is on the payment line"), "done" if used else "waiting")]
    for place, (field, label) in enumerate(FIELDS.items()):
        passed = over or (here and place < order.index(here))
        wrong = sum(kind == WordKind.INPUT_ERROR and raw.get("For") == field for kind, raw in told)
        state = "done" if passed else "now" if field == here and tried.state in LIVE else "waiting"
        found.append(Step(label, state, wrong, f"•••• {card}" if card and not place and passed else ""))
    return found


def _line(tried: Attempt) -> IvrTwilio | None:
    """The creditor's payment line, where it is set up."""
    try:
        return cast(IvrTwilio, route.route(tried.creditor, IvrTwilio.key).channel())
    except AmiableError:
        return None


def _tried(request: scope.Asked, token: str) -> Attempt:
    rows = Attempt.objects.filter(scope.reach(request.user, path="customer__"), journey=Journey.IVR_AGENT)
    rows = rows.select_related("customer__creditor", "creditor", "credit", "by")
    tried = get_object_or_404(rows, token=token)
    scope.customer_or_404(request.user, tried.customer_id, act="take")
    return tried
