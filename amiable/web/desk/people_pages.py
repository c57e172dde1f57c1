"""Who works here: asked in, given and taken roles, let go; by whoever administers the creditor, and never beyond it."""

from collections.abc import Callable, Iterable
from typing import Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from django import forms
from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amiable.casework.models import Placement
from amiable.core import people
from amiable.core.models import AuditEntry, Invitation, Role, User
from amiable.ledger.models import Branch, Creditor
from amiable.web import post
from amiable.web.colleague import has_factor
from amiable.web.desk import enter, scope
from amiable.web.desk.people import commands, grantable, may_change, people_for
from amiable.web.ui import clock

MOST = 500  # people on the page, and branches to choose from


class Giving(forms.Form):
    """A role at a creditor, narrowed or not; only what the one who fills it in may give."""

    creditor = forms.ModelChoiceField(
        label=gettext_lazy("Creditor"), queryset=Creditor.objects.none(), empty_label=None
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"))
    branch = forms.ModelChoiceField(
        label=gettext_lazy("Branch"),
        queryset=Branch.objects.none(),
        required=False,
        empty_label=gettext_lazy("all of them"),
    )
    own_customers_only = forms.BooleanField(
        label=gettext_lazy("Their own customers only"),
        required=False,
        help_text=gettext_lazy("Those who name them as salesperson."),
    )

    agency = forms.CharField(
        label=gettext_lazy("Agency"), max_length=120, required=False,
        widget=forms.TextInput(attrs={"list": "agencies", "autocomplete": "off"}),
        help_text=gettext_lazy("Of the role Agency: its name, as cases are placed with it. It sees these cases alone."),
    )  # fmt: skip

    def __init__(self, by: User, data: Any = None) -> None:
        self.by = by
        super().__init__(data)
        creditors = scope.whole_creditors(by, act="administer")
        for name, rows in {
            "creditor": creditors,
            "branch": Branch.objects.filter(creditor__in=creditors.values("pk")).order_by("creditor__name", "name"),
        }.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows
        known = frozenset().union(*(grantable(by, each.pk) for each in creditors))
        choice = self.fields["role"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(key, label) for key, label in Role.choices if key in known]
        for field in self.fields.values():
            box, select = isinstance(field.widget, forms.CheckboxInput), isinstance(field.widget, forms.Select)
            field.widget.attrs["class"] = "form-check-input" if box else "form-select" if select else "form-control"
        self.agencies = sorted(
            set(Placement.objects.filter(case__creditor__in=creditors.values("pk")).values_list("agency", flat=True))
        )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        creditor, branch = said.get("creditor"), said.get("branch")
        if creditor and said.get("role") and said["role"] not in grantable(self.by, creditor.pk):
            self.add_error("role", _("You cannot give more than you have there."))
        if creditor and branch and branch.creditor_id != creditor.pk:
            self.add_error("branch", _("This branch belongs to another creditor."))
        if said.get("role") == Role.AGENCY and not said.get("agency"):
            self.add_error("agency", _("Name the agency: it sees the cases that are placed with it."))
        return said

    def scope(self) -> dict[str, Any]:
        """The columns of a scope."""
        said = self.cleaned_data
        return {
            "role": said["role"],
            "creditor_ref": said["creditor"].pk,
            "branch_ref": said["branch"] and said["branch"].pk,
            "own_customers_only": said["own_customers_only"],
            "agency": said["agency"] if said["role"] == Role.AGENCY else "",
        }


class Inviting(Giving):
    email = forms.EmailField(
        label=gettext_lazy("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=[("fr", "Français"), ("en", "English")])
    field_order = ("email", "language", "creditor", "role", "branch", "own_customers_only", "agency")


@require_http_methods(["GET", "POST"])
@scope.inside
def people_list(request: scope.Asked) -> HttpResponse:
    """Everybody; posted: somebody is asked in."""
    creditors = _mine(request)
    form = Inviting(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        raise_if_reauthentication_required(request, app="amiable")
        if form.is_valid():
            return _invite(request, form)
    seen = AuditEntry.objects.filter(user=OuterRef("pk")).order_by("-at", "-id").values("at")[:1]
    rows = people_for(request.user).annotate(seen=Subquery(seen), factor=has_factor()).prefetch_related("scopes")
    content = {
        "form": form,
        "fresh": request.session.pop("invitation_link", ""),
        "rows": [
            (each, _told(request, each.scopes.all()))
            for each in rows.order_by("-is_active", "first_name", "last_name", "username")[:MOST]
        ],
        "waiting": waiting(creditors),
        "names": {each.pk: each.name for each in creditors},
        "now": clock.now(),
    }
    return render(request, "desk/people.html", content, status=422 if form.errors else 200)


@require_GET
@scope.inside
def person(request: scope.Asked, pk: int) -> HttpResponse:
    return _show(request, _person(request, pk), Giving(request.user))


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """One change about one colleague."""
    other = _person(request, pk)
    do = ACTS.get(name)
    if do is None:
        raise Http404
    raise_if_reauthentication_required(request, app="amiable")
    try:
        said = do(request, other)
    except people.UnableToChangePeople as error:
        messages.warning(request, str(error))
    else:
        if isinstance(said, HttpResponse):
            return said
        messages.success(request, said)
    if not people_for(request.user).filter(pk=pk).exists():
        return redirect("desk:people")
    return redirect("desk:person", pk)


@require_POST
@scope.inside
def withdraw(request: scope.Asked, pk: int) -> HttpResponse:
    row = get_object_or_404(waiting(_mine(request)), pk=pk)
    if row.role not in grantable(request.user, row.creditor_ref):
        raise Http404
    people.withdraw(invitation=row, by=request.user, now=clock.now())
    messages.success(request, _("The invitation is withdrawn: its link opens nothing any more."))
    return redirect("desk:people")


def _invite(request: scope.Asked, form: Inviting) -> HttpResponse:
    row, address = asked_in(form, by=request.user)
    told = _("%(email)s is invited, by e-mail.") if post.can_send() else _("%(email)s is invited: hand the link over.")
    messages.success(request, told % {"email": row.email})
    request.session["invitation_link"] = address
    return redirect("desk:people")


def asked_in(form: Inviting, *, by: User) -> tuple[Invitation, str]:
    """Invites by e-mail; with the link, to hand over where none can be sent."""
    said = form.cleaned_data
    row = people.invite(
        email=said["email"].lower(), language=said["language"], scope=form.scope(), by=by, now=clock.now()
    )
    address = enter.invitation_link(row)
    _write(row, said["creditor"], address, by)
    return row, address


def _write(row: Invitation, creditor: Creditor, address: str, by: User) -> None:
    with translation.override(row.language):
        subject = _("%(name)s invites you to Amiable") % {"name": by}
        text = _(
            "Hello,\n\n%(name)s asks you to work with %(creditor)s in Amiable, as: %(role)s.\n\n"
            "Say yes here, within seven days:\n%(address)s\n\nThe link works once. If this means nothing to you, leave it.\n"
        )
        told = {"name": by, "creditor": creditor.name, "role": Role(row.role).label, "address": address}
        post.lay(to=row.email, subject=subject, text=text % told)


def _give(request: scope.Asked, other: User) -> str | HttpResponse:
    form = Giving(request.user, request.POST)
    if not form.is_valid():
        return _show(request, other, form)
    people.give(user=other, scope=form.scope(), by=request.user, now=clock.now())
    return _("The role is given.")


def _take(request: scope.Asked, other: User) -> str:
    asked = request.POST.get("scope", "")
    held = get_object_or_404(other.scopes, pk=int(asked) if asked.isdecimal() else 0)
    if not may_change(request.user, held):
        raise Http404
    people.take(scope=held, by=request.user, now=clock.now())
    return _("The role is taken away.")


def _close(request: scope.Asked, other: User) -> str:
    people.close(user=commanded(request.user, other), by=request.user, now=clock.now())
    return _("The account is closed; every session has ended.")


def _reopen(request: scope.Asked, other: User) -> str:
    people.reopen(user=commanded(request.user, other), by=request.user, now=clock.now())
    return _("The account is open again.")


def _send_out(request: scope.Asked, other: User) -> str:
    people.send_out(user=commanded(request.user, other), by=request.user, now=clock.now())
    return _("Every session has ended.")


ACTS: dict[str, Callable[[scope.Asked, User], str | HttpResponse]] = {
    "give": _give,
    "take": _take,
    "close": _close,
    "reopen": _reopen,
    "out": _send_out,
}


def commanded(user: User, other: User) -> User:
    if not commands(user, other):
        raise Http404
    return other


def _mine(request: scope.Asked) -> list[Creditor]:
    """The creditors that this user administers; without one there is no such page."""
    creditors = list(scope.whole_creditors(request.user, act="administer"))
    if not creditors:
        raise Http404
    return creditors


def _person(request: scope.Asked, pk: int) -> User:
    _mine(request)
    found: User = get_object_or_404(people_for(request.user).annotate(factor=has_factor()), pk=pk)
    return found


def _show(request: scope.Asked, other: User, form: Giving) -> HttpResponse:
    seen = AuditEntry.objects.filter(user=other).order_by("-at", "-id").values_list("at", flat=True).first()
    content = {
        "other": other,
        "held": _told(request, other.scopes.order_by("pk")),
        "seen": seen,
        "form": form,
        "commands": commands(request.user, other),
        "roles": Role,
    }
    return render(request, "desk/person.html", content, status=422 if form.errors else 200)


def _told(request: scope.Asked, held: Any) -> list[dict[str, Any]]:
    """Scopes with the names of what they are at, as far as the reader administers it: what else somebody does is not theirs
    to know."""
    names, branches = _names(request)
    return [
        {
            "scope": each,
            "role": Role(each.role).label,
            "creditor": names[each.creditor_ref],
            "branch": branches.get(each.branch_ref or 0, ""),
            "may_take": may_change(request.user, each),
        }
        for each in held
        if each.creditor_ref in names
    ]


def _names(request: scope.Asked) -> tuple[dict[int, str], dict[int, str]]:
    kept: tuple[dict[int, str], dict[int, str]] | None = getattr(request, "house_names", None)
    if kept is None:
        creditors = dict(scope.whole_creditors(request.user, act="administer").values_list("pk", "name"))
        kept = creditors, dict(Branch.objects.filter(creditor__in=creditors).values_list("pk", "name"))
        request.house_names = kept  # type: ignore[attr-defined]
    return kept


def waiting(creditors: Iterable[Creditor]) -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(creditor_ref__in=[each.pk for each in creditors])
    return rows.filter(accepted_at=None, withdrawn_at=None).select_related("by").order_by("-at")
