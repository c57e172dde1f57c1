"""The mailboxes of the creditors: entered here, sealed, tried out with one button. A password is never shown again."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from amiable.core import audit, seal
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
    rows = [(creditor, _kept(creditor), known.get(creditor.pk)) for creditor in creditors]
    return render(request, "desk/mailboxes.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@scope.inside
def edit(request: scope.Asked, pk: int) -> HttpResponse:
    """The settings of one mailbox: kept, or only tried out."""
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="administer"), pk=pk)
    kept = _kept(creditor) or {}
    form = mailbox.Config(request.POST or None, initial={key: kept[key] for key in kept if key not in SECRETS})
    _dress(form, kept)
    if request.method == "POST" and form.is_valid():
        values = {**form.cleaned_data, **{key: form.cleaned_data[key] or kept.get(key, "") for key in SECRETS}}
        if request.POST.get("act") == "test":
            _try_out(request, values)
        else:
            _keep(request, creditor, values)
            return redirect("desk:mailboxes")
    content = {"creditor": creditor, "form": form, "kept": bool(kept)}
    return render(request, "desk/mailbox.html", content)


def _try_out(request: scope.Asked, values: dict[str, Any]) -> None:
    try:
        with mailbox.opened(values) as box:
            count = box.count
    except mailbox.UnableToReadMailbox as error:
        messages.warning(request, str(error))
    else:
        messages.success(
            request, _("It works: %(count)s e-mails are in the folder. Nothing was read or changed.") % {"count": count}
        )


def _keep(request: scope.Asked, creditor: Creditor, values: dict[str, Any]) -> None:
    now = clock.now()
    mailbox.keep_settings(values, creditor=creditor, now=now)
    audit.record(
        "mailbox.kept", now=now, user=request.user, creditor_ref=creditor.pk, subject="creditor", subject_ref=creditor.pk,
        host=values["host"], user_name=values["user"], folder=values["folder"],
    )  # fmt: skip
    messages.success(request, _("The mailbox is kept; its password is sealed. It is read every five minutes."))


def _kept(creditor: Creditor) -> dict[str, Any] | None:
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
