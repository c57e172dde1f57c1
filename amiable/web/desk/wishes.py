"""How a person at the customer wishes to be reached, noted by a colleague: the form, the act, and the line that tells it."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.http import Http404
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from amiable.core.conditions import UnableToRead
from amiable.law.hours import DAYS, read
from amiable.ledger import prefer
from amiable.ledger.models import Contact, Medium, Preference
from amiable.outreach.address import closable, spoken
from amiable.scenario.check import sentence
from amiable.scenario.sayings import Prefers
from amiable.web.desk.forms import Act
from amiable.web.ui import clock
from amiable.web.ui.wishes import MOST_PER_WEEK

HOURS = gettext_lazy("Like 09:00-12:00 14:00-18:00. Empty beside other days: not at all; empty everywhere: any hour.")


class WishesForm(Act):
    reached = forms.MultipleChoiceField(
        label=gettext_lazy("May be reached by"), required=False, widget=forms.CheckboxSelectMultiple
    )
    medium = forms.ChoiceField(label=gettext_lazy("Likes best"), required=False)
    weekdays = forms.CharField(label=gettext_lazy("Hours on weekdays"), required=False, max_length=60, help_text=HOURS)
    saturday = forms.CharField(label=gettext_lazy("Hours on Saturday"), required=False, max_length=60)
    per_week = forms.IntegerField(
        label=gettext_lazy("Contacts a week, at most"), required=False, min_value=1, max_value=MOST_PER_WEEK,
        help_text=gettext_lazy("Empty: as the scenario and the law say."),
    )  # fmt: skip
    language = forms.ChoiceField(label=gettext_lazy("Language"))

    def prepare(self) -> None:
        contact = self.customer.contacts.filter(pk=self.ref).first()
        if contact is None:
            raise Http404
        self.contact: Contact = contact
        media = closable(self.customer, contact_id=contact.pk, now=clock.now())
        labels = [(medium, f"{Medium(medium).label} · {address}") for medium, (address, _open) in media.items()]
        self.fields["reached"].choices = labels  # type: ignore[attr-defined]
        self.fields["reached"].initial = [medium for medium, (_address, is_open) in media.items() if is_open]
        self.fields["medium"].choices = [  # type: ignore[attr-defined]
            ("", _("Any of them")), *((medium, str(Medium(medium).label)) for medium in media),
        ]  # fmt: skip
        self.fields["language"].choices = [(code, gettext(name)) for code, name in settings.LANGUAGES]  # type: ignore[attr-defined]
        self.fields["language"].initial = spoken(
            contact.language, self.customer.language, self.customer.creditor.language
        )
        said = prefer.preferred([contact.pk], now=clock.now()).get(contact.pk, prefer.NONE)
        self.fields["medium"].initial, self.fields["per_week"].initial = said.medium, said.per_week
        for day in DAYS[:2]:
            self.fields[day].initial = said.hours.get(day, "")

    def clean(self) -> dict[str, Any]:
        for day in DAYS[:2]:
            try:
                read(self.cleaned_data.get(day, ""))
            except UnableToRead as error:
                self.add_error(day, sentence(error))
        if self.cleaned_data.get("medium") and self.cleaned_data["medium"] not in self.cleaned_data.get("reached", ()):
            self.add_error("medium", _("This one is closed."))
        return self.cleaned_data

    def saying(self) -> Prefers:
        told = self.cleaned_data
        return Prefers(
            contact=self.contact.pk,
            wishes=prefer.Wishes(
                medium=told["medium"], hours={day: told[day] for day in DAYS[:2] if told[day]}, per_week=told["per_week"]
            ),
            language=told["language"],
            open=frozenset(told["reached"]),
        )  # fmt: skip


def newest() -> Subquery:
    """What a contact wished last, read in the query that reads the contact."""
    rows = Preference.objects.filter(contact=OuterRef("pk")).order_by("-at", "-id")
    return Subquery(rows.values(json=JSONObject(medium="medium", hours="hours", per_week="per_week"))[:1])


def told(contact: Contact) -> list[str]:
    """What a contact (with `newest` as `wished`) wishes, in short words for a list."""
    said = getattr(contact, "wished", None)
    if not said:
        return []
    days = {
        "weekdays": _("on weekdays %(hours)s"),
        "saturday": _("on Saturday %(hours)s"),
        "sunday": _("on Sunday %(hours)s"),
    }
    parts = [_("likes %(medium)s best") % {"medium": Medium(said["medium"]).label}] if said["medium"] else []
    parts += [days[day] % {"hours": said["hours"][day]} for day in DAYS if said["hours"].get(day)]
    if said["per_week"]:
        many = ngettext("%(count)d contact a week at most", "%(count)d contacts a week at most", said["per_week"])
        parts.append(many % {"count": said["per_week"]})
    return parts
