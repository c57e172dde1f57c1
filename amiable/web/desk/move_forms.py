"""What a colleague types to put tasks off, hand them on or show them to others."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.calendar import next_business_day
from amiable.core.models import User
from amiable.web.desk.forms import Day


class MoveForm(forms.Form):
    """`batch` names this one filling-in, so that a double click is one move."""

    batch = forms.CharField(max_length=30, widget=forms.HiddenInput)

    def __init__(self, *args: Any, today: date, country: str, colleagues: Sequence[User], **kwargs: Any) -> None:
        self.today, self.country, self.colleagues = today, country, {user.pk: user for user in colleagues}
        super().__init__(*args, **kwargs)
        self.prepare()
        for name, each in self.fields.items():
            boxes = isinstance(each.widget, forms.CheckboxSelectMultiple)
            select = isinstance(each.widget, forms.Select) and not boxes
            each.widget.attrs.setdefault(
                "class", "form-check-input" if boxes else "form-select" if select else "form-control"
            )
            if each.help_text:
                each.widget.attrs["aria-describedby"] = f"id_{name}_helptext"

    def prepare(self) -> None:
        """Sets the choices and first values that depend on who and when."""

    def days(self) -> list[tuple[date, str]]:
        """Days that one click chooses."""
        return []


class SnoozeForm(MoveForm):
    words = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, widget=forms.TextInput(attrs={"autofocus": True})
    )
    until = forms.DateField(label=gettext_lazy("Until another day"), widget=Day())

    def prepare(self) -> None:
        self.fields["until"].widget.attrs["min"] = str(self.today + timedelta(days=1))
        self.fields["until"].initial = next_business_day(self.today + timedelta(days=14), self.country)

    def days(self) -> list[tuple[date, str]]:
        monday = self.today + timedelta(days=7 - self.today.weekday())
        wanted = [
            (self.today + timedelta(days=1), _("Next working day")),
            (self.today + timedelta(days=3), _("In three days")),
            (monday, _("Next week")),
            (monday + timedelta(days=7), _("The week after")),
        ]
        near: dict[date, str] = {}
        for day, label in wanted:
            near.setdefault(next_business_day(day, self.country), label)
        return sorted(near.items())[:4]

    def clean_until(self) -> date:
        until: date = self.cleaned_data["until"]
        if until <= self.today:
            raise forms.ValidationError(_("A task is put off until tomorrow or later."))
        if until > self.today + timedelta(days=366):
            raise forms.ValidationError(_("A task is put off for a year at most."))
        return until


class AssignForm(MoveForm):
    to = forms.TypedChoiceField(label=gettext_lazy("To"), coerce=int, empty_value=None, required=False)
    words = forms.CharField(label=gettext_lazy("A word with it (optional)"), max_length=200, required=False)

    def prepare(self) -> None:
        people = [(user.pk, str(user)) for user in self.colleagues.values()]
        self.fields["to"].choices = [("", _("Nobody: whoever comes first")), *people]  # type: ignore[attr-defined]

    def chosen(self) -> User | None:
        return self.colleagues.get(self.cleaned_data["to"])


class ShareForm(MoveForm):
    to = forms.TypedMultipleChoiceField(label=gettext_lazy("With"), coerce=int, widget=forms.CheckboxSelectMultiple)
    words = forms.CharField(label=gettext_lazy("What you want to say"), max_length=200)

    def prepare(self) -> None:
        self.fields["to"].choices = [(user.pk, str(user)) for user in self.colleagues.values()]  # type: ignore[attr-defined]

    def chosen(self) -> list[User]:
        return [self.colleagues[pk] for pk in self.cleaned_data["to"]]


class CallBackForm(forms.Form):
    """When the customer wishes to be rung again, on the customer's own clock."""

    on = forms.DateField(label=gettext_lazy("Day"), widget=Day())
    at = forms.TimeField(
        label=gettext_lazy("Time, on the customer’s clock (optional)"), required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )  # fmt: skip

    def __init__(self, *args: Any, now: datetime, zone: str, **kwargs: Any) -> None:
        self.now, self.zone = now, ZoneInfo(zone)
        self.moment: datetime | None = None
        super().__init__(*args, **kwargs)
        for each in self.fields.values():
            each.widget.attrs.setdefault("class", "form-control")

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        on: date | None = said.get("on")
        at: time | None = said.get("at")
        today = self.now.astimezone(self.zone).date()
        if on and not today <= on <= today + timedelta(days=90):
            self.add_error("on", _("Choose a day from today on, within three months."))
        elif on and at:
            self.moment = datetime.combine(on, at, tzinfo=self.zone)
            if self.moment <= self.now:
                self.add_error("at", _("That time has passed."))
        elif on == today:
            self.add_error("at", _("Still today: at what time?"))
        return said
