"""People and addresses, put right by a colleague: whom to reach, where, in which language, and who looks after them here."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _

from amiable.casework.assign import assign
from amiable.casework.models import Case
from amiable.core.models import User
from amiable.ledger.models import Contact, ContactPoint, ContactRole, Medium
from amiable.outreach import correct
from amiable.scenario.respond import customer_said
from amiable.web.desk import wishes
from amiable.web.desk.deed import About, Act, Done, Group, Undoing
from amiable.web.desk.forms import Act as Form
from amiable.web.desk.scope import colleagues


def _languages(first: str) -> list[tuple[str, str]]:
    return [("", first), *((code, gettext(name)) for code, name in settings.LANGUAGES)]


class PersonForm(Form):
    """A contact with everything by which it is reached: `ref` names one that is there, 0 makes a new one."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=ContactRole.choices)
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    email = forms.CharField(label=gettext_lazy("New e-mail address"), max_length=320, required=False)
    phone = forms.CharField(label=gettext_lazy("New phone number"), max_length=40, required=False)

    def prepare(self) -> None:
        self.contact: Contact | None = None
        self.points: dict[int, ContactPoint] = {}
        self.fields["language"].choices = _languages(_("as the customer"))  # type: ignore[attr-defined]
        self.fields["email"].widget.input_type = "email"
        self.fields["phone"].widget.input_type = "tel"
        if not self.ref:
            self.fields["email"].label, self.fields["phone"].label = _("E-mail address"), _("Phone number")
            return
        self.contact = self.customer.contacts.filter(pk=self.ref).first()
        if self.contact is None:
            raise Http404
        self.initial.update({name: getattr(self.contact, name) for name in ("name", "role", "language")})
        for point in self.contact.points.order_by("pk"):
            self.points[point.pk] = point
            self._ask(point)

    def _ask(self, point: ContactPoint) -> None:
        letter = point.medium == Medium.LETTER
        widget = forms.Textarea(attrs={"rows": 3}) if letter else forms.TextInput(attrs={"autocomplete": "off"})
        self.fields[f"point_{point.pk}"] = forms.CharField(
            label=Medium(point.medium).label, max_length=320, widget=widget, initial=point.value,
            help_text=_("Does not work: %(why)s") % {"why": point.failure or "–"} if point.failed_at else "",
        )  # fmt: skip
        if point.failed_at:
            self.fields[f"works_{point.pk}"] = forms.MultipleChoiceField(
                label=Medium(point.medium).label, required=False, widget=forms.CheckboxSelectMultiple,
                choices=[("yes", _("It works again"))],
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        reached = [name for name in found if name in {"email", "phone"} or name.startswith("point_")]
        if not self.errors and not any(found[name] for name in ["name", *reached]):
            raise forms.ValidationError(_("Give a name, an e-mail address or a phone number."))
        return found


def _keep_person(act: Done) -> None:
    assert isinstance(act.form, PersonForm)
    said, form = act.said, act.form
    change = correct.keep_contact(
        customer=act.customer,
        contact=form.contact,
        person=correct.Person(said["name"], said["role"], said["language"]),
        addresses={pk: said[f"point_{pk}"] for pk in form.points},
        works_again=[pk for pk in form.points if said.get(f"works_{pk}")],
        more=[(Medium.EMAIL, said["email"]), (Medium.CALL, said["phone"])],
        now=act.now,
        by=act.by,
    )
    act.made.append(act.customer.contacts.get(pk=change.contact))
    act.back["change"] = asdict(change) | {"points": [[pk, list(was)] for pk, was in change.points.items()]}


def _person_undone(undoing: Undoing) -> None:
    told = undoing.words["change"]
    points = {pk: tuple(was) for pk, was in told["points"]}
    change = correct.Change(told["contact"], told["person"], points, tuple(told["made"]), told["new"])
    correct.put_back(customer=undoing.customer, change=change, now=undoing.now, by=undoing.by)


class PlaceForm(Form):
    """Where the customer lives, as letters need it, and the language of those who have none of their own."""

    street = forms.CharField(
        label=gettext_lazy("Street"), max_length=160, required=False, widget=forms.TextInput(attrs={"autofocus": True})
    )
    postcode = forms.CharField(label=gettext_lazy("Postcode"), max_length=12, required=False)
    city = forms.CharField(label=gettext_lazy("Town"), max_length=80, required=False)
    country = forms.RegexField(
        r"^[A-Za-z]{2}$",
        label=gettext_lazy("Country"),
        max_length=2,
        help_text=gettext_lazy("Two letters, like FR or GB: its law and its hours apply."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)

    def prepare(self) -> None:
        self.fields["language"].choices = _languages(_("as the creditor"))  # type: ignore[attr-defined]
        self.initial.update({name: getattr(self.customer, name) for name in correct.PLACE})

    def clean_country(self) -> str:
        return str(self.cleaned_data["country"]).upper()


def _move(act: Done) -> None:
    to = {name: act.said[name] for name in correct.PLACE}
    act.back.update(
        {"place": was} if (was := correct.move(customer=act.customer, to=to, now=act.now, by=act.by)) else {}
    )


def _move_undone(undoing: Undoing) -> None:
    correct.move(customer=undoing.customer, to=undoing.words["place"], now=undoing.now, by=undoing.by)


class EntrustForm(Form):
    """Who looks after the customer from now on."""

    responsible = forms.ModelChoiceField(
        label=gettext_lazy("In charge"), queryset=User.objects.none(), required=False, empty_label=gettext_lazy("nobody"),
        help_text=gettext_lazy("Takes over the open case, and the tasks that lay with the one before."),
    )  # fmt: skip

    def prepare(self) -> None:
        self.fields["responsible"].queryset = colleagues(self.customer)  # type: ignore[attr-defined]
        case = Case.objects.filter(customer=self.customer, closed_on=None).order_by("opened_on").first()
        self.initial.setdefault("responsible", case.responsible_id if case else None)


def _entrust(act: Done) -> None:
    before = assign(customer=act.customer, to=act.said["responsible"], now=act.now, by=act.by)
    if len(set(before.values())) == 1:
        act.back["responsible"] = next(iter(before.values()))


def _entrust_undone(undoing: Undoing) -> None:
    ref = undoing.words["responsible"]
    to = colleagues(undoing.customer).filter(pk=ref).first() if ref else None
    assign(customer=undoing.customer, to=to, now=undoing.now, by=undoing.by)


def _in_hand(about: About) -> bool:
    return about.case


def _wishes(act: Done) -> None:
    assert isinstance(act.form, wishes.WishesForm)
    customer_said(customer=act.customer, saying=act.form.saying(), now=act.now, by=act.by, origin="desk")


ACTS: dict[str, Act] = {
    "person": Act(
        gettext_lazy("Add or correct a contact"),
        gettext_lazy("Keep it"),
        gettext_lazy("Kept: it counts from the next message on."),
        "talk",
        PersonForm,
        _keep_person,
        "user",
        "a",
        gettext_lazy("A corrected address is used again at once. The old one stays in what happened, with your name."),
        group=Group.PEOPLE,
        undo=_person_undone,
    ),
    "place": Act(
        gettext_lazy("Postal address and language"),
        gettext_lazy("Keep it"),
        gettext_lazy("Kept: it counts from the next letter on."),
        "talk",
        PlaceForm,
        _move,
        "home",
        "m",
        gettext_lazy("The old address stays in what happened, with your name."),
        group=Group.PEOPLE,
        undo=_move_undone,
    ),
    "entrust": Act(
        gettext_lazy("Change who is in charge"),
        gettext_lazy("Give it"),
        gettext_lazy("The customer is in other hands."),
        "plan",
        EntrustForm,
        _entrust,
        "users",
        "i",
        group=Group.PEOPLE,
        needs=_in_hand,
        undo=_entrust_undone,
    ),
    "wishes": Act(
        gettext_lazy("How to reach this person"),
        gettext_lazy("Keep these wishes"),
        gettext_lazy("Noted: it counts from the next message on."),
        "talk",
        wishes.WishesForm,
        _wishes,
        "clock",
        explains=gettext_lazy(
            "What the person wishes narrows what the scenario and the law allow; it never widens it."
        ),
    ),
}
