"""The mailboxes of the creditors: entered here, sealed, tried out with one button. A password is never shown again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from amiable.core import seal
from amiable.ledger.models import Creditor
from amiable.outreach import mailbox
from amiable.outreach.models import Mailbox
from amiable.web.desk import scope
from amiable.web.ui import clock

SECRETS = ("password",)


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
    form = mailbox.Config(request.POST or None, initial={key: before[key] for key in before if key not in SECRETS})
    _dress(form, before)
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
    return render(request, "desk/mailbox.html", content)


def filled(form: mailbox.Config, before: dict[str, Any]) -> dict[str, Any]:
    """What was typed; a secret that was left empty is the one that is kept."""
    return {**form.cleaned_data, **{key: form.cleaned_data[key] or before.get(key, "") for key in SECRETS}}


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


def _dress(form: mailbox.Config, kept: dict[str, Any]) -> None:
    for name, field in form.fields.items():
        field.widget.attrs["class"] = "form-select" if name == "tls" else "form-control"
        field.widget.attrs["autocomplete"] = "off"
        if field.help_text:
            field.widget.attrs["aria-describedby"] = f"id_{name}_helptext"
    if kept:
        form.fields["password"].help_text = _("Empty: the one that is kept.")
        form.fields["password"].widget.attrs["aria-describedby"] = "id_password_helptext"
