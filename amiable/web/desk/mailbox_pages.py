"""The mailboxes of the creditors: entered here, sealed, tried out with one button. A password is never shown again."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from amiable.core import seal
from amiable.ledger.models import Creditor
from amiable.outreach import mailbox
from amiable.outreach.models import Mailbox
from amiable.web.desk import scope, sealed
from amiable.web.ui import clock


@require_GET
@scope.inside
def mailboxes(request: scope.Asked) -> HttpResponse:
    creditors = scope.whole_creditors(request.user, act="administer")
    known = {row.creditor_id: row for row in Mailbox.objects.filter(creditor__in=creditors.values("pk"))}
    rows = [(creditor, kept(creditor), known.get(creditor.pk)) for creditor in creditors]
    return render(request, "desk/mailboxes.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@scope.inside
def edit(request: scope.Asked, pk: int) -> HttpResponse:
    """The settings of one mailbox: kept, or only tried out."""
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="administer"), pk=pk)
    before = kept(creditor) or {}
    form = sealed.form(mailbox.Config, before, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        values = filled(form, before)
        if request.POST.get("act") == "test":
            try:
                messages.success(request, tried_out(values))
            except mailbox.UnableToReadMailbox as error:
                messages.warning(request, str(error))
        else:
            mailbox.keep_settings(values, creditor=creditor, now=clock.now(), by=request.user)
            messages.success(request, _("The mailbox is kept; its password is sealed. It is read every five minutes."))
            return redirect("desk:mailboxes")
    content = {"creditor": creditor, "form": form, "kept": bool(before)}
    return render(request, "desk/mailbox.html", content, status=422 if form.errors else 200)


def filled(form: forms.Form, before: dict[str, Any]) -> dict[str, Any]:
    """What was typed; a secret that was left empty is the one that is kept."""
    kept_still = {key: form.cleaned_data[key] or before.get(key, "") for key in seal.secrets_of(mailbox.Config)}
    return {**form.cleaned_data, **kept_still}


def tried_out(values: dict[str, Any]) -> str:
    with mailbox.opened(values) as box:
        count = box.count
    return _("It works: %(count)s e-mails are in the folder. Nothing was read or changed.") % {"count": count}


def kept(creditor: Creditor) -> dict[str, Any] | None:
    """What is kept; as if nothing were, where it was sealed with another key."""
    try:
        return mailbox.settings_of(creditor)
    except seal.UnableToUnseal:
        return None
