"""My account: who I am, how I get in, where I am logged in. Each section is a page of its own; other parts hang theirs in."""

from typing import Any

from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core import audit
from amiable.core.models import User
from amiable.web.desk import scope
from amiable.web.desk.switches import speak
from amiable.web.ui import clock

# Address, name and icon of each section, in the order in which they are shown.
SECTIONS: tuple[tuple[str, Promise, str], ...] = (
    ("desk:account", gettext_lazy("About me"), "user"),
    ("account_email", gettext_lazy("E-mail address"), "mail"),
    ("account_change_password", gettext_lazy("Password"), "key"),
    ("mfa_index", gettext_lazy("Second factor"), "shield-check"),
    ("mfa_list_webauthn", gettext_lazy("Passkeys"), "lock"),
    ("usersessions_list", gettext_lazy("Sessions"), "door-exit"),
    ("desk:news_wishes", gettext_lazy("Notifications"), "bell"),
    ("desk:tokens", gettext_lazy("API tokens"), "key"),
)


class About(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("first_name", "last_name", "phone", "language")
        labels = {"phone": gettext_lazy("Telephone"), "language": gettext_lazy("Language")}

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=[("fr", "Français"), ("en", "English")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tips = {"first_name": "given-name", "last_name": "family-name", "phone": "tel", "language": "language"}
        for name, field in self.fields.items():
            select = isinstance(field.widget, forms.Select)
            field.widget.attrs |= {"class": "form-select" if select else "form-control", "autocomplete": tips[name]}


@require_http_methods(["GET", "POST"])
@scope.inside
def account(request: scope.Asked) -> HttpResponse:
    me = User.objects.get(pk=request.user.pk)
    form = About(request.POST if request.method == "POST" else None, instance=me)
    if request.method == "POST" and form.is_valid():
        form.save()
        if form.changed_data:
            audit.record(
                "user.changed", now=clock.now(), user=me, subject="user", subject_ref=me.pk, fields=form.changed_data
            )
        messages.success(request, _("Kept."))
        return speak(redirect("desk:account"), me.language)
    return render(request, "desk/account.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@scope.inside
def end_session(request: scope.Asked, pk: int) -> HttpResponse:
    """One session of mine ends, here or elsewhere."""
    session = get_object_or_404(UserSession.objects.filter(user=request.user), pk=pk)
    session.end()
    audit.record("user.session_ended", now=clock.now(), user=request.user, subject="user", subject_ref=request.user.pk)
    messages.success(request, _("That session has ended."))
    return redirect("usersessions_list")
