"""What a creditor chooses within the law: how often and when customers are written to, who they speak to, what is told.

In: a form of choices; an empty field leaves what is usual. Out: the policy, each change in the trail. Never: a choice
that widens what the law allows, which is shown beside each field.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core import validators
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods
from stdnum import bic, iban

from amiable.casework.survey import SHARE
from amiable.core import money
from amiable.core.conditions import UnableToRead
from amiable.core.models import Role, User
from amiable.law import hours
from amiable.law.packs import law
from amiable.law.rails import CALLS
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor, Medium, Sale
from amiable.outreach.speak import colour
from amiable.payments.arrange import GRACE_DAYS
from amiable.payments.chain import CHAIN_DAYS
from amiable.payments.plans.limits import limits_of
from amiable.payments.plans.terms import MOST_PARTS
from amiable.payments.standing import NOTICE_DAYS
from amiable.scenario.announce import NEWS, tells
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.hear import CLAIMED_DAYS
from amiable.scenario.react import REPLY_DAYS
from amiable.web.desk import labels, scope
from amiable.web.desk.segment_edit import administered
from amiable.web.portal.journey import PROMISE_DAYS
from amiable.web.ui import clock

MOST_DAYS = 365
COSTLY = tuple(Medium(each) for each in CHANNELS)
SPEAKING = (Medium.EMAIL, Medium.SMS, *(Medium(each) for each in CALLS))
LANGUAGES = {"fr": gettext_lazy("in French"), "en": gettext_lazy("in English")}
DAYS = {
    "weekdays": gettext_lazy("Monday to Friday"),
    "saturday": gettext_lazy("Saturday"),
    "sunday": gettext_lazy("Sunday"),
}


class Rules(forms.Form):
    """Some choices that belong together. `read` says what the policy holds, `choices` what it shall hold."""

    title: Any = ""
    lead: Any = ""

    def __init__(self, creditor: Creditor, today: date, data: Any = None) -> None:
        self.creditor, self.law = creditor, law(creditor.country, today)
        super().__init__(data, initial=self.read(creditor.policy))
        self.prepare()
        for name, field in self.fields.items():
            box = isinstance(field.widget, forms.CheckboxSelectMultiple)
            field.widget.attrs["class"] = "form-check-input" if box else "form-control"
            field.required = False
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def prepare(self) -> None:
        """Says beside each field what the law allows and what is usual."""

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        return {name: policy.get(name) for name in self.base_fields}

    def choices(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.fields}


class Amount(forms.CharField):
    """An amount as a person types it, in a currency that `of` names; its value is in minor units, None where empty."""

    currency = ""

    def __init__(self, **how: Any) -> None:
        super().__init__(max_length=20, **how)

    def of(self, currency: str) -> "Amount":
        self.currency = self.help_text = currency
        return self

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            decimal = "," if text.rfind(",") > text.rfind(".") else "."
            amount = money.minor(text, currency=self.currency, decimal=decimal)
        except money.UnreadableAmount as error:
            raise forms.ValidationError(_("This is not an amount. Write for example 1 234.56.")) from error
        if amount < 0:
            raise forms.ValidationError(_("The amount must not be less than zero."))
        return amount


class OpenHours(forms.CharField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            hours.read(text)
        except UnableToRead as error:
            raise forms.ValidationError(str(error)) from error
        return text


def _days(label: Any, usual: int | None = None, *, least: int = 0) -> forms.IntegerField:
    """A number of days; the usual one stands in the empty field."""
    field = forms.IntegerField(label=label, min_value=least, max_value=MOST_DAYS)
    if usual is not None:
        field.widget.attrs["placeholder"] = str(usual)
    return field


class Often(Rules):
    title = gettext_lazy("How often")
    lead = gettext_lazy("Reminders and calls, over all channels. You may be more careful than the law, never less.")
    days_between_contacts = _days(gettext_lazy("Days between two contacts, at least"))
    contacts_per_7_days = forms.IntegerField(label=gettext_lazy("Contacts in seven days, at most"), min_value=0)
    calls_per_7_days = forms.IntegerField(label=gettext_lazy("Of these, calls"), min_value=0)
    quiet_days_after_conversation = _days(gettext_lazy("Days of quiet after a conversation, at least"))
    calls_per_day = forms.IntegerField(label=gettext_lazy("Calls that your team can make a day"), min_value=0)

    def prepare(self) -> None:
        for name in ("days_between_contacts", "quiet_days_after_conversation"):
            self._bound(name, least=True)
        for name in ("contacts_per_7_days", "calls_per_7_days"):
            self._bound(name, least=False)

    def _bound(self, name: str, *, least: bool) -> None:
        value, field = self.law.value(name), self.fields[name]
        parameter = next(each for each in self.law.parameters if each.name == name)
        field.widget.attrs["placeholder"] = str(value)
        field.widget.attrs["min" if least else "max"] = value
        if least:
            field.validators.append(validators.MinValueValidator(value))
            said = _("At least %(value)s") % {"value": value}
        else:
            field.validators.append(validators.MaxValueValidator(value))
            said = _("At most %(value)s") % {"value": value}
        field.help_text = f"{said}. {_source(parameter.article, prudent=parameter.prudent)}"


def _source(article: str, *, prudent: bool) -> str:
    return _("Our caution: the law gives no number.") if prudent else article


class Hours(Rules):
    title = gettext_lazy("At what hours")
    lead = gettext_lazy(
        "Where the customer lives. For example 09:00-12:00 14:00-19:00; an empty field leaves the usual hours."
    )

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        own = policy.get("contact_hours") or {}
        return {f"{channel}_{day}": own.get(channel, {}).get(day, "") for channel in own for day in own[channel]}

    def prepare(self) -> None:
        usual = self.law.value("usual_hours")
        for channel, allowed in self.law.value("contact_hours").items():
            for day in allowed if channel in SPEAKING else ():
                label = _("%(channel)s, %(days)s") % {"channel": Medium(channel).label, "days": DAYS[day]}
                field = OpenHours(label=label, max_length=60)
                field.widget.attrs["placeholder"] = usual.get(channel, allowed).get(day, "")
                field.help_text = _("Within %(hours)s") % {"hours": allowed[day]}
                self.fields[f"{channel}_{day}"] = field

    def choices(self) -> dict[str, Any]:
        own: dict[str, dict[str, str]] = {}
        for name, text in self.cleaned_data.items():
            channel, _underscore, day = name.partition("_")
            if text.strip():
                own.setdefault(channel, {})[day] = text.strip()
        # Who names the hours of one day of a channel keeps the usual ones of its other days.
        usual = self.law.value("usual_hours")
        allowed = self.law.value("contact_hours")
        return {
            "contact_hours": {
                channel: {**usual.get(channel, allowed[channel]), **days} for channel, days in own.items()
            }
            or None
        }


class Terms(Rules):
    title = gettext_lazy("Terms and patience")
    terms_days = _days(gettext_lazy("Days to pay, where a file names no due date"), 30)
    small_balance = Amount(label=gettext_lazy("A rest written off by itself, up to"))
    promise_grace_days = _days(gettext_lazy("Days after which a promise is judged"), GRACE_DAYS, least=1)
    portal_promise_days = _days(
        gettext_lazy("Farthest day that a customer may promise by themselves"), PROMISE_DAYS, least=1
    )
    claimed_hold_days = _days(gettext_lazy("Days of rest for “I have paid already”"), CLAIMED_DAYS, least=1)
    reply_days = _days(gettext_lazy("Days of rest for an answer that nobody has read"), REPLY_DAYS, least=1)
    chain_days = _days(
        gettext_lazy("Days after which tries to pay that nobody goes on with are closed"), CHAIN_DAYS, least=1
    )
    debit_notice_days = _days(gettext_lazy("Days between an invoice and its debit by a standing order"), NOTICE_DAYS)
    vanished_days = _days(gettext_lazy("Days after which what left the open items counts as settled"))
    agency = forms.CharField(
        label=gettext_lazy("Agency to which a scenario hands over, where its step names none"), max_length=120
    )

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        return super().read(policy) | {"small_balance": _major(policy.get("small_balance_minor"), self.creditor)}

    def prepare(self) -> None:
        self.fields["small_balance"].of(self.creditor.currency)  # type: ignore[attr-defined]
        self.fields["vanished_days"].help_text = _("Empty: a person looks at each.")

    def choices(self) -> dict[str, Any]:
        said = super().choices()
        said["small_balance_minor"] = said.pop("small_balance")
        said["agency"] = " ".join(said["agency"].split()) or None
        return said


class Costs(Rules):
    title = gettext_lazy("What a contact costs")
    lead = gettext_lazy("For simulations and figures: one message, or one call with the time of whoever makes it.")

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        own = (policy.get("costs") or {}).get("channels") or {}
        return {medium: _major(own.get(medium), self.creditor) for medium in COSTLY}

    def prepare(self) -> None:
        for medium in COSTLY:
            self.fields[medium] = Amount(label=medium.label).of(self.creditor.currency)

    def choices(self) -> dict[str, Any]:
        said = {name: value for name, value in self.cleaned_data.items() if value is not None}
        other = {name: value for name, value in (self.creditor.policy.get("costs") or {}).items() if name != "channels"}
        return {"costs": other | ({"channels": said} if said else {}) or None}


class Person(Rules):
    title = gettext_lazy("Whom customers reach")
    lead = gettext_lazy("It stands in every message. Where it is empty, the creditor’s own telephone and e-mail do.")
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    phone = forms.CharField(label=gettext_lazy("Telephone"), max_length=32)
    email = forms.EmailField(label=gettext_lazy("E-mail"))
    colour = forms.CharField(label=gettext_lazy("Colour of messages"), max_length=7)
    sms_stop = forms.CharField(label=gettext_lazy("How to stop text messages"), max_length=60)
    mediator = forms.CharField(label=gettext_lazy("Consumers’ mediator: name and site"), max_length=160)

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        told = policy.get("person") or {}
        spoken = told.get("hours") or {}
        return {
            **{name: told.get(name) for name in ("name", "phone", "email")},
            **{f"hours_{key}": spoken.get(key) if isinstance(spoken, Mapping) else spoken for key in LANGUAGES},
            "colour": policy.get("colour"),
            "sms_stop": policy.get("sms_stop"),
            "mediator": policy.get("mediator"),
        }

    def prepare(self) -> None:
        for key, language in LANGUAGES.items():
            label = _("Hours, %(language)s") % {"language": language}
            self.fields[f"hours_{key}"] = forms.CharField(label=label, max_length=60)
        self.fields["colour"].widget.attrs["placeholder"] = colour(None)
        self.fields["sms_stop"].help_text = _("As your provider wants it said.")
        self.fields["mediator"].help_text = _(
            "Told to private customers whose dispute is answered with a no, as the law asks."
        )
        self.order_fields(["name", "phone", "email", *(f"hours_{key}" for key in LANGUAGES)])

    def clean_colour(self) -> str:
        text: str = self.cleaned_data["colour"].strip()
        if text and colour(text) != text:
            raise forms.ValidationError(_("A colour is written like #1f6feb, dark enough for white letters on it."))
        return text

    def choices(self) -> dict[str, Any]:
        said = self.cleaned_data
        spoken = {key: said[f"hours_{key}"] for key in LANGUAGES if said[f"hours_{key}"]}
        person = {name: said[name] for name in ("name", "phone", "email") if said[name]}
        person |= {"hours": spoken} if spoken else {}
        return {"person": person or None} | {name: said[name] or None for name in ("colour", "sms_stop", "mediator")}


class Told(Rules):
    title = gettext_lazy("What is told when it happens")
    lead = gettext_lazy("Short messages that answer an event. They ask for no money and count as no contact.")
    survey_share = forms.IntegerField(
        label=gettext_lazy("Of a hundred calls, payments, plans and disputes that end: asked how it went"),
        min_value=0, max_value=100,
    )  # fmt: skip
    announce = forms.MultipleChoiceField(label=gettext_lazy("Told"), widget=forms.CheckboxSelectMultiple)

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        told = [purpose for purpose in NEWS if tells(self.creditor, purpose)]
        return {"announce": told, "survey_share": policy.get("survey_share")}

    def prepare(self) -> None:
        self.fields["survey_share"].widget.attrs["placeholder"] = str(SHARE)
        self.fields["survey_share"].help_text = _("0 asks nobody. The same customer is never asked twice in 90 days.")
        self.fields["announce"].choices = [(purpose, labels.step(purpose)) for purpose in NEWS]  # type: ignore[attr-defined]

    def choices(self) -> dict[str, Any]:
        silent = {purpose: False for purpose in NEWS if purpose not in self.cleaned_data["announce"]}
        return {"announce": silent or None, "survey_share": self.cleaned_data["survey_share"]}


class Plans(Rules):
    """The limits of payment plans; the policy keeps them under one key (payments/plans/limits.py reads it)."""

    title = gettext_lazy("Payment plans")
    lead = gettext_lazy("How far customers and colleagues may go. Beyond it a plan waits for who approves.")
    amounts = {
        "customer_minor": gettext_lazy("A customer alone, up to"),
        "collector_minor": gettext_lazy("A collector alone, up to"),
        "smallest_minor": gettext_lazy("Smallest payment"),
        "guarantee_minor": gettext_lazy("A guarantee is asked from"),
    }
    numbers = {
        "customer_parts": (gettext_lazy("Payments, a customer alone"), 0, MOST_PARTS),
        "collector_parts": (gettext_lazy("Payments, a collector alone"), 0, MOST_PARTS),
        "most_parts": (gettext_lazy("Payments, at most"), 1, MOST_PARTS),
        "first_days": (gettext_lazy("Days to the first payment, at most"), 1, 366),
        "longest_days": (gettext_lazy("Days to the last payment, at most"), 1, 3_660),
        "deposit_percent": (gettext_lazy("Deposit of who does not wish to pay, in percent"), 0, 90),
        "discount_percent": (gettext_lazy("Discount of a settlement, at most, in percent"), 0, 100),
        "offer_days": (gettext_lazy("Days that an offer stands"), 1, 90),
        "grace_days": (gettext_lazy("Days until a payment counts as late"), 1, 60),
        "cure_days": (gettext_lazy("Days to put it right"), 1, 90),
        "notice_days": (gettext_lazy("Days of a notice for the whole rest"), 1, 90),
    }
    switches = {
        "portal": gettext_lazy("Customers may build a plan by themselves"),
        "freeze": gettext_lazy("Late interest rests while a plan is kept"),
        "accelerates": gettext_lazy("The whole rest may fall due after a notice"),
    }

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        own = policy.get("plans") or {}
        said = {True: "yes", False: "no"}
        return {
            **{f"plan_{name}": _major(own.get(name), self.creditor) for name in self.amounts},
            **{f"plan_{name}": own.get(name) for name in self.numbers},
            **{f"plan_{name}": said.get(bool(own[name]), "") for name in self.switches if name in own},
        }

    def prepare(self) -> None:
        usual = limits_of(Creditor(currency=self.creditor.currency), self.creditor.currency)
        known = {
            **vars(usual),
            **{f"{who}_minor": usual.levels[who].minor for who in ("customer", "collector")},
            **{f"{who}_parts": usual.levels[who].parts for who in ("customer", "collector")},
            "guarantee_minor": None,
        }
        for name, label in self.amounts.items():
            field = self.fields[f"plan_{name}"] = Amount(label=label).of(self.creditor.currency)
            field.widget.attrs["placeholder"] = _major(known[name], self.creditor)
        for name, (label, least, most) in self.numbers.items():
            number = self.fields[f"plan_{name}"] = forms.IntegerField(label=label, min_value=least, max_value=most)
            number.widget.attrs["placeholder"] = str(known.get(name, 0))
        for name, label in self.switches.items():
            usually = _("usual: yes") if known[name] else _("usual: no")
            choices = [("", usually), ("yes", _("yes")), ("no", _("no"))]
            self.fields[f"plan_{name}"] = forms.ChoiceField(label=label, choices=choices)

    def choices(self) -> dict[str, Any]:
        said = {
            name.removeprefix("plan_"): value for name, value in self.cleaned_data.items() if value not in (None, "")
        }
        kept = self.creditor.policy.get("plans") or {}
        shown = (*self.amounts, *self.numbers, *self.switches)
        said |= {name: value == "yes" for name, value in said.items() if name in self.switches}
        # What this page does not show, stays.
        return {"plans": {**{name: value for name, value in kept.items() if name not in shown}, **said} or None}


class Factor(Rules):
    """To whom sold invoices are paid; the policy keeps it under one key (ledger/factor.py reads it)."""

    title = gettext_lazy("Factor")
    lead = gettext_lazy(
        "To whom invoices are sold. Customers read this name and account wherever they learn how to pay."
    )
    factor_name = forms.CharField(label=gettext_lazy("Name"), max_length=70)
    factor_iban = forms.CharField(label=gettext_lazy("IBAN"), max_length=42)
    factor_bic = forms.CharField(label=gettext_lazy("BIC"), max_length=11)

    def read(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        own = policy.get("factor") or {}
        return {name: own.get(name.removeprefix("factor_")) for name in self.base_fields}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        account = said.get("factor_iban", "")
        if account and not iban.is_valid(account):
            self.add_error("factor_iban", _("This is not an IBAN: a figure is wrong, or missing."))
        if said.get("factor_bic") and not bic.is_valid(said["factor_bic"]):
            self.add_error("factor_bic", _("This is not a BIC."))
        if bool(account) != bool(said.get("factor_name")):
            self.add_error(None, _("A factor has a name and an IBAN."))
        elif not account and Sale.objects.filter(customer__creditor=self.creditor, until=None).exists():
            self.add_error(None, _("Invoices are sold to the factor: buy them back first."))
        return said

    def choices(self) -> dict[str, Any]:
        own = {name.removeprefix("factor_"): text.strip() for name, text in self.cleaned_data.items() if text.strip()}
        return {"factor": own or None}


class Doors(Rules):
    title = gettext_lazy("Log-in")
    lead = gettext_lazy("Whoever has one of these roles gets in with a second factor only: an app or a passkey.")
    second_factor = forms.MultipleChoiceField(
        label=gettext_lazy("A second factor is needed by"), choices=Role.choices, widget=forms.CheckboxSelectMultiple
    )


FORMS = (Often, Hours, Terms, Plans, Factor, Person, Told, Costs, Doors)


@require_http_methods(["GET", "POST"])
@scope.inside
def rules(request: scope.Asked) -> HttpResponse:
    """Every choice of one creditor on one page, kept together."""
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    asked = request.POST if request.method == "POST" else request.GET
    creditor = administered(creditors, asked.get("creditor", ""))
    today = clock.today()
    posted = request.POST if request.method == "POST" else None
    found = forms_of(creditor, today, posted)
    wrong = posted is not None and sum(not form.is_valid() for form in found) > 0  # each says what is wrong with it
    if posted is not None and not wrong:
        changed = kept(creditor, found, by=request.user)
        sentence = ngettext("%(count)s choice kept.", "%(count)s choices kept.", len(changed))
        messages.success(request, sentence % {"count": len(changed)} if changed else _("Nothing was changed."))
        return redirect(f"{reverse('desk:rules')}?creditor={creditor.pk}")
    content = {"creditors": creditors, "creditor": creditor, "forms": found, "wrong": wrong}
    return render(request, "desk/rules.html", content, status=422 if wrong else 200)


def forms_of(creditor: Creditor, today: date, posted: Any = None) -> list[Rules]:
    return [form(creditor, today, posted) for form in FORMS]


def kept(creditor: Creditor, found: list[Rules], *, by: User) -> list[str]:
    """What the forms say is the creditor's choice; returns what changed."""
    said = {key: value for form in found for key, value in form.choices().items()}
    # An empty field is no choice.
    choices = {key: None if value in ("", [], {}) else value for key, value in said.items()}
    return adopt(creditor=creditor, choices=choices, now=clock.now(), by=by)


def _major(value_minor: int | None, creditor: Creditor) -> str:
    return "" if value_minor is None else str(money.major(value_minor, creditor.currency))
