"""The payment providers of a creditor: settings sealed, one test, which one takes the money, and where it calls us.

Never: a secret shown again, or a page for who does not administer the whole creditor.
"""

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.errors import AmiableError
from amiable.core.seal import UnableToUnseal
from amiable.ledger.models import Creditor
from amiable.payments import acquire, providers
from amiable.payments.providers import PSP
from amiable.web.desk import scope, sealed
from amiable.web.ui import clock


@require_http_methods(["GET", "POST"])
@scope.inside
def acquirer(request: scope.Asked, pk: int, key: str) -> HttpResponse:
    """One provider: its settings, whether it is in use, where it calls us."""
    creditor, kind = _asked(request, pk, key)
    unread, known = "", None
    try:
        known = acquire.known(creditor, key)
    except UnableToUnseal as error:
        unread = str(error)
    form = sealed.form(kind.Config, known, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        values = sealed.plain(form.cleaned_data)
        acquire.keep(creditor=creditor, key=key, values=values, now=clock.now(), by=request.user)
        messages.success(request, _("Kept, sealed. Test it, then let it take payments."))
        return redirect("desk:acquirer", pk, key)
    used = acquire.in_use(creditor)
    content = {
        "creditor": creditor,
        "key": key,
        "label": kind.label,
        "form": form,
        "kept": known is not None,
        "unread": unread,
        "in_use": used == key,
        "beside": not kind.on_a_page(),
        "instead_of": providers.providers()[used].label if used != key and used in providers.providers() else "",
        "missing": missing(creditor, key),
        "hook": urljoin(settings.BASE_URL, reverse("hooks:psp_of", args=[creditor.pk, key])) if form.fields else "",
        "hook_events": kind.hook_events,
        "hook_version": kind.hook_version,
    }
    return render(request, "desk/acquirer.html", content, status=422 if form.errors else 200)


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, key: str, name: str) -> HttpResponse:
    """Test it, let it take payments, or take its settings away."""
    creditor, kind = _asked(request, pk, key)
    if name not in ACTS:
        raise Http404
    how: dict[str, Any] = {"creditor": creditor, "key": key, "now": clock.now(), "by": request.user}
    told = {"provider": kind.label}
    try:
        if name == "test":
            messages.success(request, acquire.test(**how))
        elif name == "use":
            acquire.use(**how)
            messages.success(request, _("From now on “%(provider)s” takes the payments.") % told)
        else:
            acquire.forget(**how)
            messages.success(request, _("The settings of “%(provider)s” are gone.") % told)
    except acquire.UnableToAcquire as error:
        messages.error(request, str(error))
    return redirect("desk:acquirer", pk, key)


ACTS = {"test", "use", "forget"}


def offered(creditor: Creditor) -> list[dict[str, Any]]:
    """The providers that the creditor may choose, for the page of what is set up."""
    used, kept = acquire.in_use(creditor), acquire.kept_keys(creditor)
    kinds = [kind for kind in providers.providers().values() if kind.offered()]
    return [
        {"key": kind.key, "label": kind.label, "in_use": kind.key == used, "kept": kind.key in kept}
        for kind in sorted(kinds, key=lambda kind: (kind.key != used, str(kind.label)))
    ]


def _asked(request: scope.Asked, pk: int, key: str) -> tuple[Creditor, type[PSP]]:
    creditor = get_object_or_404(scope.whole_creditors(request.user, act="administer"), pk=pk)
    kind = providers.providers().get(key)
    if kind is None or not kind.offered():
        raise Http404
    return creditor, kind


def missing(creditor: Creditor, key: str) -> str:
    try:
        acquire.acquirer(creditor, key)
    except AmiableError as error:
        return str(error)
    return ""
