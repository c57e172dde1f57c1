"""A colleague gives the customer a link to pay: by e-mail, by SMS, or shown as a QR code and copied.

In: chosen invoices, perhaps a part of them. Out: a message through the same last look as any other, or a page with the
link. Never: a link that pays anybody else's invoices; who gave it stands in the trail.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable import day
from amiable.core import links, money
from amiable.core.qr import outlined
from amiable.ledger.models import Customer, Invoice, Medium
from amiable.outreach.address import serving
from amiable.outreach.guard import PAYMENT_LINK
from amiable.outreach.models import Tone
from amiable.outreach.order import Order, order
from amiable.payments import chain
from amiable.web.desk import forms as forms_of_acts
from amiable.web.desk import scope
from amiable.web.desk.deed import Act, Done, Group, with_open
from amiable.web.desk.forms import plain
from amiable.web.ui import clock

SHOW = "show"
MEDIA = (Medium.SMS, Medium.EMAIL)
MOST = 40  # invoices that a QR code can name and still be read by a telephone


class LinkForm(forms_of_acts.Act):
    """Which invoices, how much of them, and by what the link goes."""

    how = forms.ChoiceField(label=gettext_lazy("How it goes"), widget=forms.RadioSelect)
    currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    invoices = forms.MultipleChoiceField(label=gettext_lazy("Which invoices"), widget=forms.CheckboxSelectMultiple)
    amount = forms.CharField(
        label=gettext_lazy("Only a part"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("Empty: all of what is chosen."),
    )

    def prepare(self) -> None:
        currencies = sorted(
            {row.currency for row in self.open.values()}, key=lambda code: code != self.customer.creditor.currency
        )
        tried = self.tried()
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]
        if len(currencies) == 1:
            self.fields["currency"].widget = forms.HiddenInput()
        main = tried.currency if tried else currencies[0] if currencies else self.customer.creditor.currency
        self.fields["currency"].initial = main
        mine = [row for row in self.open.values() if row.currency == main]
        wanted = [row for row in mine if tried and row.pk in tried.invoices]
        about = wanted or [row for row in mine if row.due_on < self.today] or mine
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        self.fields["invoices"].initial = [str(row.pk) for row in about]
        if tried and tried.amount_minor < sum(row.open_minor for row in about):
            self.fields["amount"].initial = plain(tried.amount_minor, main)
        ways = self._ways()
        self.fields["how"].choices = ways  # type: ignore[attr-defined]
        self.fields["how"].initial = ways[0][0]

    def _ways(self) -> list[tuple[str, str]]:
        """The media on which the customer can be reached, with the address, and showing it here."""
        rows = serving(self.customer, media=MEDIA, now=clock.now())
        found = [(medium, f"{Medium(medium).label} · {row.value}") for medium, row in rows.items()]
        return [*found, (SHOW, _("Show a QR code, or copy the link"))]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        currency, chosen = found.get("currency"), [self.open[int(pk)] for pk in found.get("invoices") or ()]
        if not currency or not chosen:
            return found
        if any(row.currency != currency for row in chosen):
            self.add_error("invoices", _("These invoices are in another currency than the payment."))
        if found.get("how") == SHOW and len(chosen) > MOST and len(chosen) < len(self.open):
            self.add_error("invoices", _("A QR code has room for %(n)s invoices: choose fewer, or all.") % {"n": MOST})
        part, owed = self.minor("amount", currency), sum(row.open_minor for row in chosen)
        if part is not None and part > owed:
            most = money.shown(owed, currency, self.spoken())
            self.add_error(
                "amount", _("That is more than what is open: at most %(amount)s can be paid.") % {"amount": most}
            )
        found["part_minor"] = part if part is not None and part < owed else 0
        return found


def give(*, customer: Customer, said: Mapping[str, Any], by: str, now: datetime) -> None:
    """Orders the message that carries the link; one that is shown is only noted. The open chain lives on from now."""
    chain.take_up(customer=customer, currency=said["currency"], now=now)
    if said["how"] == SHOW:
        return
    about = [int(pk) for pk in said["invoices"]]
    wish = Order(
        key=f"desk:{said['token']}",
        creditor_id=customer.creditor_id,
        customer_id=customer.pk,
        currency=said["currency"],
        purpose=PAYMENT_LINK,
        medium=said["how"],
        tone=Tone.WARM,
        as_of=clock.today(),
        about=about,
        capped=False,
        context={"pay": _asked(said), "by": by},
    )
    order([wish], now=now)


def _asked(said: Mapping[str, Any]) -> dict[str, Any]:
    """What the link asks for, as the portal reads it (web/portal/journey.py)."""
    return {
        "invoices": [int(pk) for pk in said["invoices"]],
        "amount_minor": said["part_minor"],
        "currency": said["currency"],
    }


def _do(act: Done) -> None:
    give(customer=act.customer, said=act.said, by=str(act.by), now=act.now)
    if page := shown_at(act.customer, act.said):
        act.leads_to.append(page)
    else:
        transaction.on_commit(day.send_soon)  # the customer is on the telephone


ACT = Act(
    gettext_lazy("Link to pay"),
    gettext_lazy("Give the link"),
    gettext_lazy("The link to pay is given."),
    "talk",
    LinkForm,
    _do,
    "mail-forward",
    "l",
    gettext_lazy("The customer's page opens with these invoices chosen. It is no reminder and is not counted as one."),
    group=Group.TALK,
    needs=with_open,
    goes_on=True,
)


def shown_at(customer: Customer, said: Mapping[str, Any]) -> str:
    """The page that shows the link; empty for one that was sent."""
    if said["how"] != SHOW:
        return ""
    asked = {"currency": said["currency"], "part": said["part_minor"] or "", "invoice": said["invoices"]}
    return reverse("desk:pay_link", args=[customer.pk]) + "?" + urlencode(asked, doseq=True)


@require_GET
@scope.inside
def show(request: scope.Asked, pk: int) -> HttpResponse:
    """The link as a QR code, to be photographed, and as words, to be copied."""
    customer = scope.customer_or_404(request.user, pk, act="talk")
    now = clock.now()
    asked = {number for number in request.GET.getlist("invoice") if number.isdecimal() and len(number) < 18}
    open_ones = customer.invoices.filter(open_minor__gt=0, currency=request.GET.get("currency", ""))
    rows = list(open_ones.filter(pk__in=asked).order_by("due_on", "pk"))
    if not rows:
        return redirect("desk:customer", pk)
    owed, part = sum(row.open_minor for row in rows), request.GET.get("part", "")
    amount = min(int(part), owed) if part.isdecimal() and len(part) < 16 else owed
    url = _url(customer, rows, amount if amount < owed else 0, whole=len(rows) == open_ones.count(), now=now)
    content = {
        "customer": customer,
        "url": url,
        "code": f"data:image/svg+xml,{quote(outlined(url, error='l'))}",
        "rows": rows,
        "amount_minor": amount,
        "part": amount < owed,
        "currency": rows[0].currency,
        "until": now + timedelta(days=settings.LINK_DAYS),
    }
    return render(request, "desk/pay_link.html", content)


def _url(customer: Customer, rows: list[Invoice], part_minor: int, *, whole: bool, now: datetime) -> str:
    asked = {"currency": rows[0].currency, "invoices": [] if whole else [row.pk for row in rows]}
    content = {"c": customer.pk, "m": 0, "pay": asked | ({"amount_minor": part_minor} if part_minor else {})}
    # The end falls on a whole hour: shown again within the hour it is the same link.
    expires = (now + timedelta(days=settings.LINK_DAYS)).replace(minute=0, second=0, microsecond=0)
    return f"{settings.BASE_URL}/p/{links.sign('portal', content, expires=expires)}/"
