"""Tokens of the API in *My account*: one's own, made with a purpose and an end, shown once, revoked at any time."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.models import ApiToken, User
from amiable.web.api import token as tokens
from amiable.web.desk import scope
from amiable.web.ui import clock

MOST = 20  # tokens at work that one person can have
ACTS = {
    "talk": gettext_lazy("Note what customers say: notes, promises, disputes, outcomes"),
    "hold": gettext_lazy("Place and lift holds"),
    "write": gettext_lazy("Send statements and letters, match money"),
    "plan": gettext_lazy("Offer payment plans"),
    "approve_plan": gettext_lazy("Approve payment plans"),
    "see_means": gettext_lazy("See what customers can bear"),
    "see_team": gettext_lazy("See what each colleague did"),
    "take": gettext_lazy("Take payments on the phone"),
    "refund": gettext_lazy("Give payments back"),
    "write_off": gettext_lazy("Write off, waive, add costs"),
    "sell": gettext_lazy("Sell invoices to the factor, and buy them back"),
    "place": gettext_lazy("Hand cases over to agencies, and take them back"),
    "merge": gettext_lazy("Make two records of one customer one"),
    "load": gettext_lazy("Load files and bank statements"),
    "release": gettext_lazy("Release and stop sending"),
    "administer": gettext_lazy("Change scenarios, segments and campaigns"),
}
DAYS = ((30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("One year")))


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What it is for"), max_length=80,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )  # fmt: skip
    creditor = forms.ChoiceField(
        label=gettext_lazy("For"), required=False, widget=forms.Select(attrs={"class": "form-select"})
    )
    acts = forms.MultipleChoiceField(
        label=gettext_lazy("May do, beside reading"), required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=gettext_lazy("None ticked: it only reads. It never does more than you may do yourself."),
    )  # fmt: skip
    days = forms.TypedChoiceField(
        label=gettext_lazy("Ends after"), choices=DAYS, coerce=int, initial=90,
        widget=forms.Select(attrs={"class": "form-select"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        houses = [(str(each.pk), each.name) for each in scope.visible_creditors(user)]
        self.fields["creditor"].choices = [("", _("All that I see")), *houses]  # type: ignore[attr-defined]
        self.fields["acts"].choices = [(act, ACTS.get(act, act)) for act in scope.MAY if _has(user, act)]  # type: ignore[attr-defined]


def _has(user: User, act: str) -> bool:
    """Whether this user may do it anywhere."""
    return user.is_superuser or any(each.role in scope.MAY[act] for each in scope.scopes(user))


@require_http_methods(["GET", "POST"])
@scope.inside
def own(request: scope.Asked) -> HttpResponse:
    """My tokens, and a form for one more; what was made is shown this once."""
    now = clock.now()
    rows = ApiToken.objects.filter(user=request.user, revoked_at=None).order_by("-pk")
    form = TokenForm(request.POST if request.method == "POST" else None, user=request.user)
    made = ""
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        if rows.filter(expires_at__gt=now).count() >= MOST:
            form.add_error(None, _("You have %(n)s tokens already. Revoke one that is no longer used.") % {"n": MOST})
        else:
            _row, made = tokens.make(
                user=request.user, name=said["name"], creditor=int(said["creditor"]) if said["creditor"] else None,
                acts=said["acts"], expires_at=now + timedelta(days=said["days"]), now=now,
            )  # fmt: skip
            form = TokenForm(user=request.user)
    content = {
        "form": form, "made": made, "now": now,
        "rows": [(row, [ACTS.get(act, act) for act in row.acts or ()], _house(request.user, row)) for row in rows],
    }  # fmt: skip
    return render(request, "desk/tokens.html", content, status=422 if form.errors else 200)


def _house(user: User, row: ApiToken) -> str:
    if row.creditor_ref is None:
        return ""
    return str(scope.visible_creditors(user).filter(pk=row.creditor_ref).first() or "–")


@require_POST
@scope.inside
def revoke(request: scope.Asked, pk: int) -> HttpResponse:
    found = get_object_or_404(ApiToken.objects.filter(user=request.user), pk=pk)
    tokens.revoke(token=found, now=clock.now(), by=request.user)
    messages.success(request, _("“%(name)s” opens nothing any more.") % {"name": found.name})
    return redirect("desk:tokens")
