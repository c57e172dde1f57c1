"""What a colleague types about a customer: each form knows the open invoices and refuses what does not fit."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import DisputeReason
from amiable.core import money
from amiable.core.calendar import next_business_day
from amiable.core.models import User
from amiable.ledger.models import Customer, Invoice
from amiable.payments import arrange
from amiable.payments.models import Attempt
from amiable.web.desk.scope import colleagues
from amiable.web.templatetags.amiable_ui import language
from amiable.web.templatetags.amiable_ui import money as shown


def plain(amount_minor: int, currency: str) -> str:
    """An amount as it stands in a field to be changed: without spaces or sign of the currency."""
    return str(money.major(amount_minor, currency)).replace(".", "," if language() == "fr" else ".")


class Act(forms.Form):
    """A form about one customer. `token` names this one filling-in, so that a double click is one act."""

    token = forms.CharField(max_length=40, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        customer: Customer,
        invoices: Sequence[Invoice],
        today: date,
        by: User | None = None,
        ref: int = 0,
        **kwargs: Any,
    ) -> None:
        self.customer, self.today, self.by, self.ref = customer, today, by, ref
        self.open = {invoice.pk: invoice for invoice in invoices}
        super().__init__(*args, **kwargs)
        self.prepare()
        for name, each in self.fields.items():
            if isinstance(each.widget, forms.CheckboxSelectMultiple | forms.RadioSelect):
                style = "form-check-input"
            else:
                style = "form-select" if isinstance(each.widget, forms.Select) else "form-control"
            each.widget.attrs.setdefault("class", style)
            if each.help_text:
                each.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def prepare(self) -> None:
        """Sets the choices and first values that depend on the customer."""

    def tried(self) -> Attempt | None:
        """The try to pay that the act goes on with, where it is about one."""
        return Attempt.objects.filter(pk=self.ref, customer=self.customer).first() if self.ref else None

    def spoken(self) -> str:
        return language()

    def one(self, name: str = "invoice") -> Invoice | None:
        chosen = self.cleaned_data.get(name)
        return self.open[int(chosen)] if chosen else None

    def invoice_choices(self) -> list[tuple[str, str]]:
        return [(str(row.pk), f"{row.reference} · {shown(row.open_minor, row.currency)}") for row in self.open.values()]

    def minor(self, name: str, currency: str) -> int | None:
        """The amount typed, in minor units; None where the field is empty or wrong (and says so)."""
        text = (self.cleaned_data.get(name) or "").strip()
        if not text:
            return None
        decimal = "," if text.rfind(",") > text.rfind(".") else "."
        try:
            amount = money.minor(text, currency=currency, decimal=decimal)
        except money.UnreadableAmount:
            self.add_error(name, _("This is not an amount. Write for example 1 234.56."))
            return None
        if amount <= 0:
            self.add_error(name, _("The amount must be more than zero."))
        return amount


class Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class HoldForm(Act):
    invoice = forms.ChoiceField(label=gettext_lazy("On"), required=False)
    until = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=Day(),
        help_text=gettext_lazy("That day is free again. Empty: until somebody lifts it."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def prepare(self) -> None:
        self.fields["invoice"].choices = [("", _("The whole customer")), *self.invoice_choices()]  # type: ignore[attr-defined]
        self.fields["until"].initial = self.today + timedelta(days=14)

    def clean_until(self) -> date | None:
        until: date | None = self.cleaned_data["until"]
        if until and until <= self.today:
            raise forms.ValidationError(_("A hold ends tomorrow or later."))
        return until


class OutForm(Act):
    """A specific action: what is done, by whom, about which invoices, until when."""

    action = forms.CharField(
        label=gettext_lazy("What is done"),
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True}),
        help_text=gettext_lazy(
            "For example: credit note expected, visit of the salesperson, talk with the management."
        ),
    )
    invoices = forms.MultipleChoiceField(label=gettext_lazy("Which invoices"), widget=forms.CheckboxSelectMultiple)
    responsible = forms.ModelChoiceField(
        label=gettext_lazy("Responsible"), queryset=User.objects.none(), required=False,
        empty_label=gettext_lazy("me"), help_text=gettext_lazy("Gets a task."),
    )  # fmt: skip
    until = forms.DateField(
        label=gettext_lazy("Returns on"),
        widget=Day(),
        help_text=gettext_lazy("From that day on the steps apply again."),
    )

    def prepare(self) -> None:
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        self.fields["until"].initial = self.today + timedelta(days=14)
        self.fields["responsible"].queryset = colleagues(self.customer)  # type: ignore[attr-defined]

    def clean_until(self) -> date:
        until: date = self.cleaned_data["until"]
        if until <= self.today:
            raise forms.ValidationError(_("The day on which they return lies after today."))
        return until


class BackForm(Act):
    which = forms.ChoiceField(
        label=gettext_lazy("What returns"),
        choices=[
            ("all", gettext_lazy("All invoices that left together")),
            ("one", gettext_lazy("This invoice only")),
        ],
    )


class PromiseForm(Act):
    currency = forms.ChoiceField(label=gettext_lazy("Currency"))
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autofocus": True}),
    )
    promised_for = forms.DateField(label=gettext_lazy("To be paid by"), widget=Day())
    invoices = forms.MultipleChoiceField(
        label=gettext_lazy("For these invoices"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: all that is open."),
    )

    def prepare(self) -> None:
        currencies = sorted(
            {row.currency for row in self.open.values()}, key=lambda code: code != self.customer.creditor.currency
        )
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]
        if len(currencies) == 1:
            self.fields["currency"].widget = forms.HiddenInput()
        main = currencies[0] if currencies else self.customer.creditor.currency
        late = [row for row in self.open.values() if row.due_on < self.today and row.currency == main]
        about = late or [row for row in self.open.values() if row.currency == main]
        self.fields["currency"].initial = main
        self.fields["amount"].initial = plain(sum(row.open_minor for row in about), main)
        self.fields["promised_for"].initial = next_business_day(
            self.today + timedelta(days=7), self.customer.creditor.country
        )
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        self.fields["invoices"].initial = [str(row.pk) for row in about] if len(about) < len(self.open) else []

    def clean_promised_for(self) -> date:
        day: date = self.cleaned_data["promised_for"]
        if day < self.today:
            raise forms.ValidationError(_("The day of a promise lies today or later."))
        if day > self.today + arrange.WITHIN:
            raise forms.ValidationError(
                _("A promise lies at most a year ahead: look at the year, or agree on a payment plan.")
            )
        return day

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("currency"):
            found["amount_minor"] = self.minor("amount", found["currency"])
        return found


class PartForm(Act):
    """An amount of one open invoice, in its currency."""

    invoice = forms.ChoiceField(label=gettext_lazy("Invoice"))

    def prepare(self) -> None:
        self.fields["invoice"].choices = self.invoice_choices()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if invoice := self.one():
            found["amount_minor"] = self.minor("amount", invoice.currency)
        return found


class DisputeForm(PartForm):
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=DisputeReason.choices)
    amount = forms.CharField(
        label=gettext_lazy("Contested part"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("Empty: the whole invoice."),
    )
    words = forms.CharField(
        label=gettext_lazy("In the customer's words"),
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class PaidForm(Act):
    invoices = forms.MultipleChoiceField(
        label=gettext_lazy("Which invoices"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: all that is open."),
    )
    paid_on = forms.DateField(label=gettext_lazy("Paid on"), required=False, widget=Day())
    words = forms.CharField(
        label=gettext_lazy("How, and what else was said"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def prepare(self) -> None:
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]


class StatementForm(Act):
    currency = forms.ChoiceField(label=gettext_lazy("Currency"))

    def prepare(self) -> None:
        currencies = sorted({row.currency for row in self.open.values()} or {self.customer.creditor.currency})
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]


class WriteOffForm(PartForm):
    amount = forms.CharField(
        label=gettext_lazy("Amount"),
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=gettext_lazy("What is given up for good. It leaves what the customer owes."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class WaiveForm(Act):
    invoice = forms.ChoiceField(label=gettext_lazy("On"), required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("What"),
        required=False,
        choices=[
            ("", gettext_lazy("Interest and indemnity")),
            ("interest", gettext_lazy("Interest only")),
            ("indemnity", gettext_lazy("Indemnity only")),
        ],
    )
    reach = forms.ChoiceField(
        label=gettext_lazy("From when"),
        choices=[
            ("all", gettext_lazy("All of it: what has run, and what would")),
            ("from_now", gettext_lazy("From today on: what has run stays due")),
        ],
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)

    def prepare(self) -> None:
        self.fields["invoice"].choices = [("", _("The whole customer")), *self.invoice_choices()]  # type: ignore[attr-defined]


class ChargeForm(WriteOffForm):
    """Costs with their proof."""

    def prepare(self) -> None:
        super().prepare()
        self.fields["amount"].help_text = _("As on the proof.")
        self.fields["reason"].label = _("What for, and where the proof is")


class ResolveForm(Act):
    resolution = forms.ChoiceField(
        label=gettext_lazy("How it ended"),
        choices=[
            ("accepted", gettext_lazy("The customer is right")),
            ("refused", gettext_lazy("The invoice stands")),
            ("settled", gettext_lazy("Settled between both")),
            ("withdrawn", gettext_lazy("The customer withdrew it")),
        ],
    )
    answer = forms.CharField(
        label=gettext_lazy("What we tell the customer"),
        help_text=gettext_lazy("It stands in the message that answers the dispute."),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
        required=False,
    )


class LiftForm(Act):
    """Nothing to fill in: only the word."""
