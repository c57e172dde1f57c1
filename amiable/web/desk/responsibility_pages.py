"""Who is responsible for what at a creditor, and who stands in for whom: seen by everyone of the house.

In: a colleague's scope; what is changed needs the right to administer, one's own holidays do not. Out: rows. Never: a
portfolio handed by a colleague to somebody of another role.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from amiable.casework import entrust, hand_over
from amiable.casework.models import HandOver
from amiable.core.errors import AmiableError
from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Account, Branch, Creditor, CustomerKind, InvoiceKind
from amiable.web.desk import deed, scope
from amiable.web.desk.forms import Day
from amiable.web.desk.rule_pages import Amount
from amiable.web.desk.scenario_words import ROLES
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

ANY = ("", gettext_lazy("no matter which"))


class Entrust(forms.Form):
    """One row: who is the role of whom. Empty fields fit everything."""

    role = forms.ChoiceField(label=gettext_lazy("As"), choices=[(key, ROLES[key]) for key in entrust.ROLES])
    user = forms.ModelChoiceField(label=gettext_lazy("Who"), queryset=User.objects.none())
    branch = forms.ModelChoiceField(
        label=gettext_lazy("Branch"),
        queryset=Branch.objects.none(),
        required=False,
        empty_label=gettext_lazy("no matter which"),
    )
    customer_kind = forms.ChoiceField(
        label=gettext_lazy("Customers"), choices=[ANY, *CustomerKind.choices], required=False
    )
    invoice_kind = forms.ChoiceField(
        label=gettext_lazy("Invoices"), choices=[ANY, *InvoiceKind.choices], required=False
    )
    account = forms.ChoiceField(label=gettext_lazy("Account"), choices=[ANY, *Account.choices], required=False)
    from_minor = Amount(label=gettext_lazy("From an amount of"), required=False)
    below_minor = Amount(label=gettext_lazy("Below an amount of"), required=False)

    def __init__(self, creditor: Creditor, data: Any = None) -> None:
        super().__init__(data, auto_id="entrust_%s")
        self.fields["user"].queryset = people(creditor)  # type: ignore[attr-defined]
        self.fields["branch"].queryset = creditor.branches.order_by("name")  # type: ignore[attr-defined]
        for name in ("from_minor", "below_minor"):
            self.fields[name].of(creditor.currency)  # type: ignore[attr-defined]
        _styled(self)


class HandOverForm(forms.Form):
    """Who is away, who stands in, from when to when."""

    absent = forms.ModelChoiceField(label=gettext_lazy("Who is away"), queryset=User.objects.none())
    stand_in = forms.ModelChoiceField(label=gettext_lazy("Who stands in"), queryset=User.objects.none())
    since = forms.DateField(label=gettext_lazy("From"), widget=Day())
    back_on = forms.DateField(
        label=gettext_lazy("Back on"), widget=Day(), required=False, help_text=gettext_lazy("Empty: for good.")
    )
    why = forms.CharField(label=gettext_lazy("Why"), max_length=200, required=False)

    def __init__(self, creditor: Creditor, user: User, *, administers: bool, today: date, data: Any = None) -> None:
        first = {"absent": user.pk, "since": today, "back_on": today + timedelta(days=14)}
        super().__init__(data, initial=first, auto_id="away_%s")
        everyone = people(creditor)
        self.fields["absent"].queryset = everyone if administers else everyone.filter(pk=user.pk)  # type: ignore[attr-defined]
        near = everyone if administers else alike(user, creditor)
        self.fields["stand_in"].queryset = near  # type: ignore[attr-defined]
        _styled(self)


def people(creditor: Creditor) -> QuerySet[User]:
    """Who works for a creditor; agencies do not."""
    rows = Scope.objects.filter(creditor_ref=creditor.pk).exclude(role=Role.AGENCY)
    return User.objects.filter(pk__in=rows.values("user"), is_active=True).order_by(
        "first_name", "last_name", "username"
    )


def alike(user: User, creditor: Creditor) -> QuerySet[User]:
    """To whom one may hand over by oneself: colleagues who have a role of one's own there."""
    roles = Scope.objects.filter(user=user, creditor_ref=creditor.pk).exclude(role=Role.AGENCY).values("role")
    same = Scope.objects.filter(creditor_ref=creditor.pk, role__in=roles).values("user")
    return people(creditor).filter(pk__in=same).exclude(pk=user.pk)


@require_GET
@scope.inside
def responsibility(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    creditor = pick(creditors, request.GET.get("creditor", ""))
    if creditor is None:
        raise Http404
    return _show(request, creditor, creditors)


def _show(
    request: scope.Asked, creditor: Creditor, creditors: list[Creditor], *, wrong: forms.Form | None = None
) -> HttpResponse:
    today, may = clock.today(), _administers(request.user, creditor)
    rows = creditor.responsibilities.filter(Q(until=None) | Q(until__gt=today)).select_related("user", "branch")
    coming = creditor.hand_overs.filter(Q(until=None) | Q(until__gt=today), taken_back_at=None)
    order = list(entrust.ROLES)
    content: dict[str, Any] = {
        "creditor": creditor, "creditors": creditors, "may": may, "today": today, "roles": ROLES,
        "rows": sorted(rows, key=lambda row: (order.index(row.role), -entrust.narrowness(row), str(row.user))),
        "away": list(coming.select_related("absent", "stand_in").order_by("since", "pk")),
        "mine": request.user.pk, "people": _people(creditor),
        "entrust": wrong if isinstance(wrong, Entrust) else Entrust(creditor) if may else None,
        "hand_over": wrong if isinstance(wrong, HandOverForm) else away_form(request.user, creditor),
    }  # fmt: skip
    return render(request, "desk/responsibility.html", content, status=422 if wrong else 200)


def _people(creditor: Creditor) -> list[tuple[User, list[str], int]]:
    """Everyone who works for the creditor, with their roles and the tasks that wait for them."""
    held: dict[int, list[str]] = {}
    for each in Scope.objects.filter(creditor_ref=creditor.pk).exclude(role=Role.AGENCY).order_by("pk"):
        narrowed = each.own_customers_only or each.branch_ref is not None
        label = str(Role(each.role).label)
        held.setdefault(each.user_id, []).append(f"{label} *" if narrowed else label)
    waiting = Count("tasks", filter=Q(tasks__done_at=None, tasks__creditor=creditor))
    return [(user, held.get(user.pk, []), user.waiting) for user in people(creditor).annotate(waiting=waiting)]


def away_form(user: User, creditor: Creditor, data: Any = None) -> HandOverForm | None:
    """None for those who neither administer nor have anything to hand over."""
    may = _administers(user, creditor)
    mine = any(each.creditor_ref == creditor.pk and each.role in scope.MAY["talk"] for each in scope.scopes(user))
    if not may and not mine:
        return None
    return HandOverForm(creditor, user, administers=may, today=clock.today(), data=data)


def handed_over(creditor: Creditor, said: dict[str, Any], *, by: User) -> HandOver:
    return hand_over.hand_over(
        creditor=creditor, absent=said["absent"], stand_in=said["stand_in"], since=said["since"], until=said["back_on"],
        why=said["why"], now=clock.now(), by=by,
    )  # fmt: skip


def _administers(user: User, creditor: Creditor) -> bool:
    return scope.sees_whole_of(user, creditor.pk, act="administer")


Said = tuple[str, tuple[str, dict[str, Any]] | None]  # the sentence, and the act that takes it back


def _entrust(request: scope.Asked, creditor: Creditor, form: forms.Form | None) -> Said:
    if form is None:
        raise Http404
    row = hand_over.entrust_to(
        creditor=creditor, since=clock.today(), now=clock.now(), by=request.user, **form.cleaned_data
    )
    told = {"name": row.user, "role": ROLES[row.role]}
    return _("%(name)s is responsible as %(role)s.") % told, ("relieve", {"row": row.pk})


def _relieve(request: scope.Asked, creditor: Creditor, form: forms.Form | None) -> Said:
    row = _row(request, creditor.responsibilities)
    hand_over.relieve(row=row, as_of=clock.today(), now=clock.now(), by=request.user)
    return _("%(name)s is no longer responsible by this row.") % {"name": row.user}, ("reinstate", {"row": row.pk})


def _reinstate(request: scope.Asked, creditor: Creditor, form: forms.Form | None) -> Said:
    row = _row(request, creditor.responsibilities)
    hand_over.reinstate(row=row, now=clock.now(), by=request.user)
    return _("%(name)s is responsible again.") % {"name": row.user}, None


def _hand_over(request: scope.Asked, creditor: Creditor, form: forms.Form | None) -> Said:
    if form is None:
        raise Http404
    row = handed_over(creditor, form.cleaned_data, by=request.user)
    told = {"absent": row.absent, "stand_in": row.stand_in}
    return _("%(stand_in)s stands in for %(absent)s.") % told, ("take_back", {"row": row.pk})


def _take_back(request: scope.Asked, creditor: Creditor, form: forms.Form | None) -> Said:
    rows = creditor.hand_overs.all()
    if not _administers(request.user, creditor):
        rows = rows.filter(absent=request.user)
    row = _row(request, rows)
    hand_over.take_back(row=row, now=clock.now(), by=request.user)
    return _("%(absent)s has their portfolio back.") % {"absent": row.absent}, None


ACTS: dict[str, Callable[[scope.Asked, Creditor, forms.Form | None], Said]] = {
    "entrust": _entrust,
    "relieve": _relieve,
    "reinstate": _reinstate,
    "hand_over": _hand_over,
    "take_back": _take_back,
}
OWN = {"hand_over", "take_back"}  # what a colleague may do about themselves


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    creditor = pick([each for each in creditors if each.pk == pk], str(pk))
    may = creditor is not None and _administers(request.user, creditor)
    if creditor is None or name not in ACTS or not (may or name in OWN):
        raise Http404
    form: forms.Form | None = None
    if name in ("entrust", "hand_over"):
        form = Entrust(creditor, request.POST) if name == "entrust" else away_form(request.user, creditor, request.POST)
        if form is None:
            raise Http404
        if not form.is_valid():
            return _show(request, creditor, creditors, wrong=form)
    try:
        sentence, back = ACTS[name](request, creditor, form)
    except AmiableError as error:
        messages.warning(request, str(error))
    else:
        undo = (reverse("desk:responsibility_act", args=[creditor.pk, back[0]]), back[1]) if back else None
        deed.told(request, sentence, undo=undo)
    return redirect(f"{reverse('desk:responsibility')}?creditor={creditor.pk}")


def _row(request: scope.Asked, rows: Any) -> Any:
    """The row that a button names, or that an Undo was sealed for."""
    wanted = str(deed.taken_back(request)["row"]) if "undo" in request.POST else request.POST.get("row", "")
    return get_object_or_404(rows, pk=int(wanted) if wanted.isdecimal() and len(wanted) < 18 else 0)


def _styled(form: forms.Form) -> None:
    for name, field in form.fields.items():
        field.widget.attrs["class"] = "form-select" if isinstance(field.widget, forms.Select) else "form-control"
        if field.help_text:
            field.widget.attrs["aria-describedby"] = f"{form[name].id_for_label}_helptext"
