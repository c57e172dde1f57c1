"""Acts that draw colleagues in: a note with files and names, and a word asked of a colleague by e-mail."""

from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable import day
from amiable.casework import note, word
from amiable.core.models import User
from amiable.web.desk import forms as desk_forms
from amiable.web.desk.deed import Act, Done, Group
from amiable.web.desk.scope import colleagues


class Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; the value is a list."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        rows = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(FilesField, self).clean(each, initial) for each in rows]


class NoteForm(desk_forms.Act):
    text = forms.CharField(
        label=gettext_lazy("Note"), max_length=5_000, required=False,
        widget=forms.Textarea(attrs={"rows": 5, "autofocus": True, "aria-autocomplete": "list", "autocomplete": "off"}),
        help_text=gettext_lazy("With @ you name a colleague, who hears of it."),
    )  # fmt: skip
    attached = FilesField(label=gettext_lazy("Files"), required=False, widget=Files())

    def prepare(self) -> None:
        self.fields["text"].widget.attrs |= {
            "data-mentions": reverse("desk:mentionable", args=[self.customer.pk]),
            "data-mentions-label": _("Colleagues"),
        }
        self.fields["attached"].widget.attrs["accept"] = ",".join(note.KINDS)
        most = {"count": note.MOST_FILES, "size": note.MOST_BYTES // 1024 // 1024}
        self.fields["attached"].help_text = _("Up to %(count)s, of %(size)s MB each.") % most

    def clean_attached(self) -> list[note.File]:
        found: list[Any] = self.cleaned_data["attached"]
        if len(found) > note.MOST_FILES or any((each.size or 0) > note.MOST_BYTES for each in found):
            raise forms.ValidationError(self.fields["attached"].help_text)
        kept = [note.File(each.name or "", each.read()) for each in found]
        for each in kept:
            try:
                note.check(each)
            except note.UnableToAttach as error:
                raise forms.ValidationError(str(error)) from error
        return kept

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not (found.get("text") or "").strip() and not found.get("attached") and "attached" not in self.errors:
            self.add_error("text", _("Please write a word, or choose a file."))
        return found


class WordForm(desk_forms.Act):
    user = forms.ModelChoiceField(label=gettext_lazy("Who is asked"), queryset=User.objects.none())
    question = forms.CharField(
        label=gettext_lazy("Your question"), max_length=500, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Empty: the e-mail asks what they know about the late invoices."),
    )  # fmt: skip

    def prepare(self) -> None:
        near = colleagues(self.customer).exclude(email="")
        self.fields["user"].queryset = near  # type: ignore[attr-defined]
        self.fields["user"].initial = self.customer.salesperson_id


def _ask(act: Done) -> None:
    asked = word.ask_word(
        customer=act.customer, user=act.said["user"], question=act.said["question"], key=f"desk:{act.said['token']}",
        now=act.now, by=act.by,
    )  # fmt: skip
    act.made.append(asked)
    day.send_soon()


WORD = Act(
    gettext_lazy("Ask a colleague for a word"),
    gettext_lazy("Send the question"),
    gettext_lazy("The question leaves by e-mail; the answer comes into the timeline."),
    "talk",
    WordForm,
    _ask,
    "message",
    "q",
    gettext_lazy(
        "They answer by clicking, without an account: when it is paid, a dispute, a call, a pause, or in their words."
    ),
    group=Group.TALK,
)
