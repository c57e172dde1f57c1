"""What a colleague adds to an answer that they confirm: the forms that some intents need, filled in with what was understood."""

import secrets
from datetime import date
from typing import Any

from django import forms as django_forms
from django.utils.translation import gettext_lazy

from amiable.core.money import major
from amiable.outreach.models import Reply
from amiable.web.desk import forms
from amiable.web.templatetags.amiable_ui import language
from amiable.web.ui import clock


class CopyForm(forms.Act):
    invoices = django_forms.MultipleChoiceField(
        label=gettext_lazy("Which invoices"), required=False, widget=django_forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: those of the message answered, else what is overdue."),
    )  # fmt: skip

    def prepare(self) -> None:
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]


class ContestForm(forms.Act):
    invoices = django_forms.MultipleChoiceField(
        label=gettext_lazy("Which invoices"), widget=django_forms.CheckboxSelectMultiple
    )
    reason = django_forms.ChoiceField(label=gettext_lazy("Reason"))

    def prepare(self) -> None:
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        self.fields["reason"].choices = forms.DisputeReason.choices  # type: ignore[attr-defined]


class ClaimForm(forms.PaidForm):
    def prepare(self) -> None:
        super().prepare()
        del self.fields["words"]  # the answer's own words are kept


FORMS: dict[str, type[forms.Act]] = {
    "promise": forms.PromiseForm,
    "already_paid": ClaimForm,
    "dispute": ContestForm,
    "copy": CopyForm,
}


def answer_form(found: Reply, intent: str, given: Any) -> forms.Act | None:
    """The form that an intent needs, filled in with what was understood; most need none."""
    if intent not in FORMS or found.customer is None:
        return None
    rows = list(found.customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:200])
    first = _first(found, intent, [row.pk for row in rows])
    form = FORMS[intent](given, customer=found.customer, invoices=rows, today=clock.today(), initial=first)
    for field in form.fields.values():
        field.widget.attrs.pop("autofocus", None)  # the keys are for the answer, not for a field
    return form


def _first(found: Reply, intent: str, still_open: list[int]) -> dict[str, Any]:
    told = found.understood
    first: dict[str, Any] = {"token": secrets.token_urlsafe(8), "reason": told.get("reason") or "other"}
    named = [str(pk) for pk in told.get("invoices", ())]
    if named or intent == "copy":
        first["invoices"] = named
    elif intent == "dispute":
        about = found.message.about if found.message else []
        first["invoices"] = [str(pk) for pk in (about if len(still_open) > 1 else still_open)]
    if told.get("ahead") and date.fromisoformat(told["ahead"]) >= clock.today():
        first["promised_for"] = date.fromisoformat(told["ahead"])
    if told.get("past"):
        first["paid_on"] = date.fromisoformat(told["past"])
    if told.get("amount_minor"):
        text = str(major(told["amount_minor"], told["currency"]))
        first |= {"amount": text.replace(".", ",") if language() == "fr" else text, "currency": told["currency"]}
    return first
