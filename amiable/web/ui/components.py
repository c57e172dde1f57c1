"""Every component of the rooms on one page, for who builds them; only where DEV_ROOMS is on."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from amiable.portfolio.models import Profile
from amiable.web.ui import clock


class Sample(forms.Form):
    amount = forms.CharField(label=_("Amount"), widget=forms.TextInput(attrs={"class": "form-control"}))


@require_GET
def components(request: HttpRequest) -> HttpResponse:
    profile = Profile(
        currency="EUR",
        not_due_minor=420_000,
        overdue_1_30_minor=130_000,
        overdue_31_60_minor=60_000,
        overdue_61_90_minor=25_000,
        overdue_over_90_minor=12_345,
    )
    content = {
        "profile": profile,
        "form": Sample(),
        "wrong": Sample({}),
        "now": clock.now(),
        "tones": ("", "good", "warn", "bad", "info", "held", "accent"),
    }
    return render(request, "ui/components.html", content)
