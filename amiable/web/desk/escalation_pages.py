"""The creditor's rules of escalation on one page: when, to whom, and what happens; with how many each would concern today.

In: rows of a form; an empty row is no rule. Out: the policy, each change in the trail. Never: a rule that fires again for
what it has spoken of, because somebody changed another one.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from amiable.casework.entrust import ROLES as HOUSE_ROLES
from amiable.core.models import User
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor
from amiable.scenario.escalate import DOES, MOST, POLICY, WHENS, Rule, concerned, rules_of
from amiable.web.desk import scope
from amiable.web.desk.forms import plain
from amiable.web.desk.rule_pages import Amount
from amiable.web.desk.scenario_words import ROLES
from amiable.web.desk.segment_edit import administered
from amiable.web.ui import clock

MOST_RULES = 20
EMPTY_ROWS = 2


class RuleForm(forms.Form):
    """One rule. Without a condition the row is empty."""

    key = forms.SlugField(required=False, max_length=40, widget=forms.HiddenInput)
    when = forms.ChoiceField(label=gettext_lazy("When"), choices=[("", "–"), *WHENS.items()], required=False)
    amount_minor = Amount(label=gettext_lazy("Overdue, at least"), required=False)
    days = forms.IntegerField(label=gettext_lazy("Days, at least"), min_value=0, max_value=3650, required=False)
    role = forms.ChoiceField(label=gettext_lazy("To whom"), choices=[(key, ROLES[key]) for key in HOUSE_ROLES])
    does = forms.ChoiceField(label=gettext_lazy("Gets"), choices=list(DOES.items()))
    remove = forms.BooleanField(label=gettext_lazy("Remove"), required=False)

    def __init__(self, creditor: Creditor, data: Any = None, **how: Any) -> None:
        super().__init__(data, **how)
        self.fields["amount_minor"].of(creditor.currency)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            box = isinstance(field.widget, forms.CheckboxInput)
            style = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
            field.widget.attrs["class"] = "form-check-input" if box else style
            if field.help_text and not box:
                field.widget.attrs["aria-describedby"] = f"{self[name].id_for_label}_helptext"

    def rule(self) -> Rule | None:
        said = self.cleaned_data
        if not said["when"] or said["remove"]:
            return None
        return Rule(
            key=said["key"] or secrets.token_hex(6), when=said["when"], days=said["days"] or 0,
            amount_minor=said["amount_minor"] or 0, role=said["role"], does=said["does"],
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("when") and not found.get("remove") and not found.get("days") and not found.get("amount_minor"):
            self.add_error("days", _("Please say from how many days, or from which amount."))
        return found


@require_http_methods(["GET", "POST"])
@scope.inside
def escalations(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    asked = request.POST if request.method == "POST" else request.GET
    creditor = administered(creditors, asked.get("creditor", ""))
    rows = _forms(creditor, request.POST if request.method == "POST" else None)
    wrong = request.method == "POST" and sum(not form.is_valid() for form in rows) > 0
    if request.method == "POST" and not wrong:
        changed = kept(creditor, rows, by=request.user)
        told = _("The rules are kept; they count from the next run on.") if changed else _("Nothing was changed.")
        messages.success(request, told)
        return redirect(f"{reverse('desk:escalations')}?creditor={creditor.pk}")
    counts = {rule.key: _count(rule, creditor) for rule in rules_of(creditor)}
    content: dict[str, Any] = {
        "creditors": creditors, "creditor": creditor, "wrong": wrong, "most": MOST,
        "forms": [(form, counts.get(form["key"].value() or "")) for form in rows],
    }  # fmt: skip
    return render(request, "desk/escalations.html", content, status=422 if wrong else 200)


def _forms(creditor: Creditor, posted: Mapping[str, Any] | None) -> list[RuleForm]:
    """A form for each rule, and empty ones; of what was posted as many as came."""
    if posted is not None:
        count = str(posted.get("rows", "0"))
        most = min(int(count) if count.isdecimal() and len(count) < 4 else 0, MOST_RULES + EMPTY_ROWS)
        return [RuleForm(creditor, posted, prefix=f"r{n}") for n in range(most)]
    kept = [
        {**rule.data(), "amount_minor": plain(rule.amount_minor, creditor.currency) if rule.amount_minor else "",
         "days": rule.days or ""}
        for rule in rules_of(creditor)
    ]  # fmt: skip
    empty: list[dict[str, Any]] = [{"role": "credit_manager"}] * EMPTY_ROWS
    return [RuleForm(creditor, prefix=f"r{n}", initial=first) for n, first in enumerate([*kept, *empty])]


def kept(creditor: Creditor, rows: list[RuleForm], *, by: User) -> list[str]:
    """The rules that the rows tell are the creditor's; returns what changed."""
    # By key, so that a form made by hand keeps no two rules of one name.
    rules = {rule.key: rule for form in rows if (rule := form.rule()) is not None}.values()
    choices = {POLICY: [rule.data() for rule in rules][:MOST_RULES] or None}
    return adopt(creditor=creditor, choices=choices, now=clock.now(), by=by, act="escalations.chosen")


def _count(rule: Rule, creditor: Creditor) -> int:
    return len(concerned(rule, creditor=creditor, as_of=clock.today(), limit=MOST + 1))
