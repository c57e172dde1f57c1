"""What a colleague types to take money on the phone, to give it back, or to sell what is owed: never a number of a card or an
account.
"""

from datetime import date
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import money
from amiable.ledger.models import Customer, Sale
from amiable.payments.models import Attempt, AttemptState
from amiable.web.desk.forms import Act, Day
from amiable.web.templatetags.amiable_ui import day, language
from amiable.web.templatetags.amiable_ui import money as shown

FARTHEST = 366  # days between today and the day of a sale


class TakeForm(Act):
    """Which invoices the customer pays now, and how much of them."""

    invoices = forms.MultipleChoiceField(label=gettext_lazy("For these invoices"), widget=forms.CheckboxSelectMultiple)
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("Empty: all of what is ticked."),
    )

    def prepare(self) -> None:
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        tried = self.tried()
        late = [str(pk) for pk in tried.invoices if pk in self.open] if tried else []
        late = late or [str(pk) for pk, row in self.open.items() if row.due_on < self.today]
        self.fields["invoices"].initial = late or [str(pk) for pk in self.open]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        rows = [self.open[int(pk)] for pk in found.get("invoices", ())]
        if len({row.currency for row in rows}) > 1:
            self.add_error("invoices", _("These invoices are in several currencies; take one at a time."))
        elif rows:
            found["currency"] = rows[0].currency
            typed = self.minor("amount", rows[0].currency)
            found["amount_minor"] = typed if typed is not None else sum(row.open_minor for row in rows)
        return found


class RefundForm(Act):
    """Which payment is given back, and how much of it."""

    payment = forms.ChoiceField(label=gettext_lazy("Payment"))
    amount = forms.CharField(
        label=gettext_lazy("Amount"), max_length=30, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )

    def prepare(self) -> None:
        self.paid = {str(row.pk): row for row in refundable(self.customer)[:50]}
        self.fields["payment"].choices = [(pk, _label(row)) for pk, row in self.paid.items()]  # type: ignore[attr-defined]
        first = next(iter(self.paid.values()), None)
        if first is not None:
            text = str(money.major(first.amount_minor, first.currency))
            self.fields["amount"].initial = text.replace(".", "," if language() == "fr" else ".")

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if row := self.paid.get(found.get("payment", "")):
            found["attempt"] = row
            found["amount_minor"] = self.minor("amount", row.currency)
        return found


class SellForm(Act):
    """Which invoices the factor has from a day on: those ticked, or all of the customer's."""

    invoices = forms.MultipleChoiceField(
        label=gettext_lazy("These invoices"), required=False, widget=forms.CheckboxSelectMultiple
    )
    everything = forms.BooleanField(
        label=gettext_lazy("All of this customer’s invoices, those to come too"), required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )  # fmt: skip
    since = forms.DateField(
        label=gettext_lazy("Sold from"), widget=Day(),
        help_text=gettext_lazy("From that day on the factor’s account stands where the customer learns how to pay."),
    )  # fmt: skip

    def prepare(self) -> None:
        sold = set(Sale.objects.filter(customer=self.customer, until=None).values_list("invoice_id", flat=True))
        _chosen(self, [choice for choice in self.invoice_choices() if int(choice[0]) not in sold])
        self.fields["since"].initial = self.today

    def clean_since(self) -> date:
        since: date = self.cleaned_data["since"]
        if abs(since - self.today).days > FARTHEST:
            raise forms.ValidationError(_("The day lies within a year of today."))
        return since

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if bool(found.get("invoices")) == bool(found.get("everything")) and "invoices" not in self.errors:
            raise forms.ValidationError(_("Tick the invoices that are sold, or all of them."))
        return found


class BuyBackForm(Act):
    """Which of the invoices that the factor has come back: those ticked, or all."""

    invoices = forms.MultipleChoiceField(
        label=gettext_lazy("These invoices"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: all that is sold."),
    )  # fmt: skip

    def prepare(self) -> None:
        sold = set(Sale.objects.filter(customer=self.customer, until=None).values_list("invoice_id", flat=True))
        _chosen(self, [choice for choice in self.invoice_choices() if int(choice[0]) in sold and None not in sold])


def _chosen(form: Act, choices: list[tuple[str, str]]) -> None:
    """The invoices among which is chosen; where there are none, nothing is asked."""
    form.fields["invoices"].choices = choices  # type: ignore[attr-defined]
    if not choices:
        form.fields["invoices"].widget = forms.MultipleHiddenInput()


def refundable(customer: Customer) -> QuerySet[Attempt]:
    """The customer's payments that a provider told, the newest first."""
    paid = told_by_provider().filter(customer=customer)
    return paid.select_related("credit__confirmed_by", "creditor").order_by("-ended_at", "-pk")


def told_by_provider() -> QuerySet[Attempt]:
    return Attempt.objects.filter(state=AttemptState.SUCCEEDED, credit__isnull=False)


def _label(row: Attempt) -> str:
    return f"{day(row.ended_at)} · {shown(row.amount_minor, row.currency)}"
