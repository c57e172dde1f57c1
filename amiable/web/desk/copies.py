"""Copies of invoices: one is opened by a colleague, or some are sent to the customer by e-mail."""

from django import forms
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.core.errors import UnableTo
from amiable.ledger.keep import place_of
from amiable.ledger.models import Customer, Document, Invoice, Medium
from amiable.outreach.address import serving
from amiable.outreach.enclose import copies_of
from amiable.outreach.order import take_back
from amiable.scenario.react import send_copies
from amiable.web import seen
from amiable.web.desk import agency, deed, scope
from amiable.web.desk.deed import About, Act, Done, Group, Undoing
from amiable.web.desk.forms import Act as Form
from amiable.web.templatetags.amiable_ui import day
from amiable.web.templatetags.amiable_ui import money as shown
from amiable.web.ui import clock

NEWEST = 40  # invoices whose copies are offered, the newest of them


class UnableToCopy(UnableTo):
    """There is nothing to send, or nobody to send it to."""


class CopyForm(Form):
    """Which invoices; settled ones too, since it is their copies that accountants miss."""

    invoices = forms.MultipleChoiceField(label=gettext_lazy("Which invoices"), widget=forms.CheckboxSelectMultiple)

    def prepare(self) -> None:
        kept = Document.objects.filter(invoice__customer=self.customer).values("invoice")
        rows = list(Invoice.objects.filter(pk__in=kept).order_by("-issued_on", "-pk")[:NEWEST])
        self.fields["invoices"].choices = [(str(row.pk), _label(row)) for row in rows]  # type: ignore[attr-defined]
        late = [str(row.pk) for row in rows if row.open_minor and row.due_on < self.today]
        self.fields["invoices"].initial = late[:1]
        to = _address(self.customer)
        self.fields["invoices"].help_text = (
            _("To %(address)s, as PDF, with a link to pay what is open.") % {"address": to}
            if to
            else _("There is no e-mail address that works: add one first.")
        )


def _label(row: Invoice) -> str:
    return f"{row.reference} · {day(row.issued_on, 'short')} · {shown(row.amount_minor, row.currency)}"


def _address(customer: Customer) -> str:
    row = serving(customer, media=[Medium.EMAIL], now=clock.now()).get(Medium.EMAIL)
    return row.value if row else ""


def _send(act: Done) -> None:
    if not _address(act.customer):
        raise UnableToCopy(_("There is no e-mail address that works: add one first."))
    wanted = [int(pk) for pk in act.said["invoices"]]
    if len(copies_of(wanted)) < len(wanted):
        raise UnableToCopy(_("These copies are too large for one e-mail: send fewer at a time."))
    key = f"desk:{act.said['token']}"
    send_copies(customer=act.customer, invoices=wanted, as_of=act.as_of, now=act.now, key=key)
    deed.ordered(act, key)


def _taken_back(undoing: Undoing) -> None:
    take_back(key=undoing.words["key"], customer=undoing.customer)


def _any_kept(about: About) -> bool:
    return about.copies


ACT = Act(
    gettext_lazy("Send a copy of an invoice"),
    gettext_lazy("Send the copy"),
    gettext_lazy("The copy will leave with the next sending."),
    "write",
    CopyForm,
    _send,
    "paperclip",
    "y",
    gettext_lazy("The invoice as it was issued. It is no reminder and is not counted as one."),
    group=Group.TALK,
    needs=_any_kept,
    undo=_taken_back,
)


@require_GET
@scope.inside
def copy(request: scope.Asked, pk: int) -> HttpResponseBase:
    """The invoice as it was issued, to be looked at beside the page."""
    document = get_object_or_404(agency.copies(request.user).select_related("invoice__customer"), pk=pk)
    assert document.invoice is not None
    seen.customer(document.invoice.customer)
    path = place_of(document.sha256)
    if not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), filename=document.name, content_type="application/pdf", as_attachment=True)
