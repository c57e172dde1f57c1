"""A colleague says what they know about a customer: one page behind a signed link, and one POST.

In: a link. Out: the page in their language, or the answer done. Never: a change by a GET (mail scanners open links), a
customer whom the colleague may not see any more, an answer that their role may not give.
"""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from amiable.casework import word as words
from amiable.casework.models import DisputeReason, Word
from amiable.core import links, money
from amiable.core.calendar import day_of, next_business_day
from amiable.core.errors import AmiableError
from amiable.outreach import colleague
from amiable.payments.models import Promise, PromiseState
from amiable.scenario.give_word import Said, give_word, most_days
from amiable.web.desk import scope
from amiable.web.desk.forms import plain
from amiable.web.portal.gate import spoken
from amiable.web.ui import clock

# What a role must allow for each answer (MAY of the desk).
NEEDS = {"promise": "talk", "dispute": "talk", "call": "talk", "hold": "hold", "words": "note"}
SHOWN = 20


class Answer(forms.Form):
    """Everything that any of the answers may carry; which of it is needed, the domain says."""

    answer = forms.ChoiceField(choices=[(each, each) for each in words.ANSWERS])
    day = forms.DateField(required=False)
    currency = forms.CharField(required=False, max_length=3)
    amount = forms.CharField(required=False, max_length=30)
    invoice = forms.IntegerField(required=False)
    reason = forms.ChoiceField(required=False, choices=DisputeReason.choices)
    words = forms.CharField(required=False, max_length=2_000, strip=True)

    def said(self, totals: dict[str, int]) -> Said:
        """Raises UnreadableAmount. Without an amount, all that is late in the currency is meant."""
        told = self.cleaned_data
        currency = told["currency"] if told["currency"] in totals else next(iter(totals), "")
        text = told["amount"].strip()
        decimal = "," if text.rfind(",") > text.rfind(".") else "."
        amount = money.minor(text, currency=currency, decimal=decimal) if text and currency else totals.get(currency)
        return Said(
            answer=told["answer"], day=told["day"], amount_minor=amount, currency=currency, invoice=told["invoice"],
            reason=told["reason"], words=told["words"],
        )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def word(request: HttpRequest, token: str) -> HttpResponse:
    now = clock.now()
    try:
        found = _read(token, now)
    except links.Expired:
        return _closed(request, "expired", 410)
    except (links.UnableToOpen, Word.DoesNotExist):
        return _closed(request, "invalid", 404)
    with translation.override(spoken(found.user.language)):
        if found.answered_at is not None:
            return _private(render(request, "word/thanks.html", {"word": found, "again": request.method == "POST"}))
        return _private(_answer(request, found) if request.method == "POST" else _page(request, found))


def _read(token: str, now: Any) -> Word:
    """Whose link it is; it opens nothing where they may not see the customer any more."""
    content = links.read(words.PURPOSE, token, now=now)
    rows = Word.objects.select_related("customer__creditor", "customer__merged_into", "user", "by", "creditor")
    found = rows.get(pk=content["w"], user__is_active=True)
    if not scope.customers_for(found.user).filter(pk=found.customer_id).exists():
        raise Word.DoesNotExist
    return found


def _answer(request: HttpRequest, found: Word) -> HttpResponse:
    form = Answer(request.POST)
    totals = colleague.totals(colleague.late(found.customer, as_of=_today(found)))
    if not form.is_valid() or form.cleaned_data["answer"] not in _allowed(found):
        return _page(request, found, _("Please choose one of the answers."))
    try:
        done = give_word(word=found, said=form.said(totals), now=clock.now())
    except money.UnreadableAmount:
        return _page(request, found, _("This is not an amount. Write for example 1 234.56."))
    except AmiableError as error:
        found.refresh_from_db()
        if found.answered_at is not None:
            return render(request, "word/thanks.html", {"word": found, "again": True})
        return _page(request, found, str(error))
    return render(request, "word/thanks.html", {"word": done, "again": False})


def _page(request: HttpRequest, found: Word, wrong: str = "") -> HttpResponse:
    today, customer = _today(found), found.customer
    rows = colleague.late(customer, as_of=today)
    totals = colleague.totals(rows)
    tomorrow = next_business_day(today + timedelta(days=1), customer.creditor.country)
    promise = Promise.objects.filter(customer=customer, state=PromiseState.OPEN).order_by("-taken_at").first()
    content: dict[str, Any] = {
        "word": found, "customer": customer, "rows": rows[:SHOWN], "left": max(len(rows) - SHOWN, 0),
        "totals": totals.items(), "amounts": [(code, plain(minor, code)) for code, minor in totals.items()],
        "days": (today - rows[0].due_on).days if rows else 0, "today": today, "tomorrow": tomorrow,
        "after": today + timedelta(days=1), "last": today + timedelta(days=most_days(found)),
        "allowed": _allowed(found), "reasons": DisputeReason.choices, "promise": promise, "wrong": wrong,
        "to": request.POST.get("answer") or request.GET.get("to", ""), "typed": request.POST,
    }  # fmt: skip
    return render(request, "word/word.html", content, status=422 if wrong else 200)


def _allowed(found: Word) -> set[str]:
    rights = scope.rights(found.user, found.customer)
    return {answer for answer, right in NEEDS.items() if right in rights}


def _today(found: Word) -> date:
    return day_of(clock.now(), found.creditor.time_zone)


def _closed(request: HttpRequest, reason: str, status: int) -> HttpResponse:
    return _private(render(request, "word/closed.html", {"reason": reason}, status=status))


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
