"""What a colleague fills in to look for a plan: which invoices, why it is late, what the customer can bear, from when on."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.calendar import next_business_day
from amiable.ledger.models import CustomerKind, Invoice
from amiable.payments.models import PlanReason
from amiable.payments.plans.judge import fragile
from amiable.payments.plans.limits import limits_of
from amiable.payments.plans.propose import Asked, Capacity, Offer, pay_day, propose
from amiable.payments.plans.terms import Every
from amiable.web.desk.forms import Act, Day

MEANS = ("monthly", "income", "charges", "cash")


def _figure(label: Any) -> forms.CharField:
    how = {"inputmode": "decimal", "autocomplete": "off"}
    return forms.CharField(label=label, required=False, max_length=20, widget=forms.TextInput(attrs=how))


class PlanForm(Act):
    """One look for a plan. `invoices`, given at the making, are those that a plan may cover, all in one currency."""

    invoices = forms.MultipleChoiceField(label=gettext_lazy("For these invoices"), widget=forms.CheckboxSelectMultiple)
    reason = forms.ChoiceField(label=gettext_lazy("Why it is late"), required=False)
    first_on = forms.DateField(label=gettext_lazy("First payment on"), widget=Day())
    every = forms.ChoiceField(
        label=gettext_lazy("Then"),
        choices=[
            (Every.MONTH.value, gettext_lazy("every month")),
            (Every.FORTNIGHT.value, gettext_lazy("every two weeks")),
            (Every.WEEK.value, gettext_lazy("every week")),
        ],
    )
    count = forms.IntegerField(
        label=gettext_lazy("Number of payments"),
        required=False,
        min_value=1,
        max_value=120,
        help_text=gettext_lazy("Empty: those that fit the reason and the means."),
    )
    monthly = _figure(gettext_lazy("Can pay a month"))
    income = _figure(gettext_lazy("Income a month"))
    charges = _figure(gettext_lazy("Fixed charges a month"))
    cash = _figure(gettext_lazy("Cash at hand"))
    discount_percent = forms.IntegerField(
        label=gettext_lazy("Discount if settled at once, in percent"), required=False, min_value=0, max_value=100
    )
    guarantee = forms.CharField(
        label=gettext_lazy("Guarantee"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Stands in the agreement. For example: a surety, a cheque."),
    )
    words = forms.CharField(
        label=gettext_lazy("In the customer's words"),
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def prepare(self) -> None:
        self.currency = next((row.currency for row in self.open.values()), self.customer.creditor.currency)
        self.limits = limits_of(self.customer.creditor, self.currency)
        self.person = self.customer.kind == CustomerKind.CONSUMER
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        self.fields["reason"].choices = [("", _("not known")), *PlanReason.choices]  # type: ignore[attr-defined]
        late = [str(row.pk) for row in self.open.values() if row.due_on < self.today]
        self.fields["invoices"].initial = late or [str(pk) for pk in self.open]
        first = pay_day(self.today, person=self.person, limits=self.limits)
        last = self.today + timedelta(days=self.limits.first_days)
        self.fields["first_on"].initial = min(next_business_day(first, self.customer.creditor.country), last)
        for name in ("cash",) if self.person else ("income", "charges"):
            del self.fields[name]
        if not any(level.discount_percent for level in self.limits.levels.values()):
            del self.fields["discount_percent"]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        for name in MEANS:
            if name in self.fields:
                found[f"{name}_minor"] = self.minor(name, self.currency)
        return found

    def chosen(self) -> list[Invoice]:
        return [self.open[int(pk)] for pk in self.cleaned_data["invoices"]]

    def capacity(self) -> Capacity:
        said = {f"{name}_minor": self.cleaned_data.get(f"{name}_minor") for name in MEANS}
        return Capacity(**said)

    def offers(self) -> list[Offer]:
        """What can be offered, the one that fits best first."""
        said = self.cleaned_data
        asked = Asked(
            total_minor=sum(row.open_minor for row in self.chosen()),
            currency=self.currency,
            as_of=self.today,
            limits=self.limits,
            reason=said["reason"],
            capacity=self.capacity(),
            person=self.person,
            fragile=fragile(self.customer, as_of=self.today),
            first_on=said["first_on"],
            every=Every(said["every"]),
        )
        counts = [said["count"]] if said["count"] else []
        return propose(asked, counts=counts, discount_percent=said.get("discount_percent") or 0)
