"""What a colleague does about a customer: each act is one POST, one call of the domain, one line in the audit trail.

The same filling-in (token) posted twice is one act. A refusal comes back as a sentence in the form. What can be taken
back is taken back by who did it, by a button in the message that tells it.
"""

import secrets
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import connection, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core import audit
from amiable.core.errors import AmiableError
from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Customer, Invoice
from amiable.web.desk import acts_agree, acts_money, acts_people, acts_place, acts_rest, acts_talk, deed, forms, scope
from amiable.web.desk.acts_rest import LIFTABLE as LIFTABLE
from amiable.web.desk.deed import About, Act, Done, Group, Undoing
from amiable.web.desk.dialog import dialog
from amiable.web.ui import clock

# In the order of the day's work. A new act is an entry in one of these files, or a file.
ACTS: dict[str, Act] = {
    name: each
    for source in (acts_talk, acts_agree, acts_rest, acts_place, acts_money, acts_people)
    for name, each in source.ACTS.items()
}


@require_http_methods(["GET", "POST"])
@scope.inside
def act(request: scope.Asked, pk: int, name: str, ref: int = 0) -> HttpResponse:
    """The form of an act, and the act."""
    wanted = _wanted(name)
    customer = scope.customer_or_404(request.user, pk, act=wanted.right, outside=True)
    form = _form(wanted, request, customer, ref)
    if request.method == "POST" and form.is_valid():
        done = Done(customer, request.user, clock.today(), clock.now(), form, ref)
        try:
            if once(name, done, lambda: wanted.do(done)):
                _tell(request, wanted, name, done)
            return _on(request, wanted, done)
        except AmiableError as error:
            form.add_error(None, str(error))
    content = {"act": wanted, "form": form, "customer": customer, "name": name, "ref": ref}
    return dialog(request, wanted.template, content)


@require_POST
@scope.inside
def undone(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """An act is taken back, once, by who did it."""
    wanted = _wanted(name)
    customer = scope.customer_or_404(request.user, pk, act=wanted.right, outside=True)
    try:
        _undoes(wanted)
        if take_back(name, customer, deed.taken_back(request), by=request.user):
            messages.success(request, _("Undone: %(act)s") % {"act": str(wanted.title).lower()})
    except AmiableError as error:
        messages.warning(request, str(error))
    return redirect("desk:customer", customer.pk)


def take_back(name: str, customer: Customer, words: dict[str, Any], *, by: User) -> bool:
    """The act is as if it had not been, with a line in the trail; False where it was taken back before."""
    undo = _undoes(_wanted(name))
    undoing = Undoing(customer, by, clock.today(), clock.now(), words)
    return _once(f"desk.{name}.undone", words["token"], undoing, lambda: undo(undoing))


def _undoes(wanted: Act) -> Callable[[Undoing], Any]:
    if wanted.undo is None:
        raise deed.UnableToUndo(_("This cannot be undone here."))
    return wanted.undo


def _wanted(name: str) -> Act:
    if name not in ACTS:
        raise Http404
    return ACTS[name]


def _tell(request: scope.Asked, wanted: Act, name: str, done: Done) -> None:
    if wanted.then:
        return  # what opens says it
    words = done.back | {"token": done.said["token"]}
    address = reverse("desk:act_undone", args=[done.customer.pk, name])
    deed.told(request, str(wanted.done), undo=(address, words) if wanted.undo and done.back else None)


def _on(request: scope.Asked, wanted: Act, done: Done) -> HttpResponse:
    """Back to the customer; or on, over the page or as a page of its own with a policy of its own."""
    if wanted.then and (address := wanted.then(done)):
        return redirect(address)
    if not done.leads_to:
        return redirect("desk:customer", done.customer.pk)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": done.leads_to[0]})
    return redirect(done.leads_to[0])


def menu(rights: set[str], about: About) -> list[tuple[str, Act]]:
    """The acts that this user may do about this customer, in the order of the day's work."""
    offered = ((name, each) for name, each in ACTS.items() if each.group and each.right in rights)
    return [(name, each) for name, each in offered if each.needs(about)]


def grouped(offered: list[tuple[str, Act]]) -> list[tuple[str, list[tuple[str, Act]]]]:
    """A menu by what the acts are about."""
    parts = [(str(group.label), [one for one in offered if one[1].group == group]) for group in Group]
    return [(label, part) for label, part in parts if part]


def going_on(rights: set[str], customer: Customer) -> list[tuple[str, Act]]:
    """The acts by which a colleague goes on with a try to pay that came to nothing."""
    return [(name, each) for name, each in menu(rights, About(customer, anything_open=True)) if each.goes_on]


def once(name: str, done: Done, do: Callable[[], Any]) -> bool:
    """Does it and writes it into the trail, both or neither; False where this very filling-in was done before."""
    return _once(f"desk.{name}", done.said["token"], done, do, ref=done.ref or None)


def _once(act: str, token: str, done: Done | Undoing, do: Callable[[], Any], **detail: Any) -> bool:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"desk:{token}"])
        kept = AuditEntry.objects.filter(subject="customer", subject_ref=done.customer.pk, act=act, detail__token=token)
        if kept.exists():
            return False
        do()
        audit.record(
            act,
            now=done.now,
            user=done.by,
            creditor_ref=done.customer.creditor_id,
            subject="customer",
            subject_ref=done.customer.pk,
            token=token,
            **detail,
        )
    return True


def _form(wanted: Act, request: scope.Asked, customer: Customer, ref: int) -> forms.Act:
    invoices: list[Invoice] = list(customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:500])
    given = request.POST if request.method == "POST" else None
    # What the address says is where the form begins: an invoice, a text to start from.
    first = {name: value for name, value in request.GET.items() if name in wanted.form.base_fields}
    first["token"] = secrets.token_urlsafe(12)
    files = request.FILES if request.method == "POST" else None
    return wanted.form(
        given, files, customer=customer, invoices=invoices, today=clock.today(), by=request.user, ref=ref, initial=first
    )
