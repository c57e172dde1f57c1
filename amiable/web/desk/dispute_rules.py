"""Within how many business days a dispute is answered, by whom and by which steps: one form per cause, kept together."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from amiable.casework.dispute_course import MOST_STEPS, POLICY, STEPS, USUAL, course_of
from amiable.casework.entrust import ROLES as HOUSE_ROLES
from amiable.casework.models import DisputeReason
from amiable.core.models import User
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor
from amiable.outreach.house import LANGUAGES
from amiable.web.desk import scope
from amiable.web.desk.scenario_words import ROLES
from amiable.web.desk.segment_edit import administered
from amiable.web.ui import clock


class CourseForm(forms.Form):
    days = forms.IntegerField(label=gettext_lazy("Business days to answer"), min_value=1, max_value=120)
    role = forms.ChoiceField(label=gettext_lazy("Answered by"), choices=[(key, ROLES[key]) for key in HOUSE_ROLES])
    steps = forms.CharField(
        label=gettext_lazy("Steps, one a line"),
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=2_000,
        required=False,
    )

    def __init__(self, creditor: Creditor, reason: str, data: Any = None) -> None:
        self.reason, self.title = reason, DisputeReason(reason).label
        course = course_of(creditor, reason)
        first = {
            "days": course.days,
            "role": course.role,
            "steps": "\n".join(str(STEPS.get(each, each)) for each in course.steps),
        }
        super().__init__(data, prefix=reason, initial=first)
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if isinstance(field.widget, forms.Select) else "form-control"

    def clean_steps(self) -> list[str]:
        """One of our own sentences, in any language of ours, stands as its key: everyone reads it in theirs."""
        known = _sentences()
        lines = [line.strip()[:200] for line in self.cleaned_data["steps"].splitlines() if line.strip()]
        if len(lines) > MOST_STEPS:
            raise forms.ValidationError(_("At most %(count)s steps.") % {"count": MOST_STEPS})
        return [known.get(line, line) for line in lines]

    def course(self) -> dict[str, Any] | None:
        """What differs from what is usual; None where nothing does."""
        said, usual = self.cleaned_data, USUAL[self.reason]
        same = (said["days"], said["role"], tuple(said["steps"] or usual.steps)) == (
            usual.days,
            usual.role,
            usual.steps,
        )
        return None if same else {"days": said["days"], "role": said["role"], "steps": said["steps"]}


@require_http_methods(["GET", "POST"])
@scope.inside
def courses(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    asked = request.POST if request.method == "POST" else request.GET
    creditor = administered(creditors, asked.get("creditor", ""))
    posted = request.POST if request.method == "POST" else None
    found = [CourseForm(creditor, reason, posted) for reason in DisputeReason.values]
    wrong = posted is not None and sum(not form.is_valid() for form in found) > 0
    if posted is not None and not wrong:
        changed = kept(creditor, found, by=request.user)
        messages.success(
            request, _("Kept: it counts for disputes that open from now on.") if changed else _("Nothing was changed.")
        )
        return redirect(f"{reverse('desk:dispute_rules')}?creditor={creditor.pk}")
    content = {"creditors": creditors, "creditor": creditor, "forms": found, "wrong": wrong}
    return render(request, "desk/dispute_rules.html", content, status=422 if wrong else 200)


def kept(creditor: Creditor, found: list[CourseForm], *, by: User) -> list[str]:
    """What differs from what is usual is kept; returns what changed."""
    told = {form.reason: course for form in found if (course := form.course()) is not None}
    return adopt(creditor=creditor, choices={POLICY: told or None}, now=clock.now(), by=by, act="disputes.chosen")


def _sentences() -> dict[str, str]:
    found: dict[str, str] = {}
    for language in LANGUAGES:
        with translation.override(language):
            found |= {str(label): key for key, label in STEPS.items()}
    return found
