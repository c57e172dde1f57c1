"""How we may write to you: by what, when, how often and in which language, for the person whom the message reached.

In: a visit through the gate. Out: a page, or one domain call. Never: somebody else's address in full.
"""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_POST, require_safe

from amiable.core.errors import AmiableError
from amiable.ledger import prefer
from amiable.ledger.models import Contact, Medium
from amiable.outreach.address import ORDER, closable
from amiable.outreach.models import Message
from amiable.scenario import respond
from amiable.web.portal import gate
from amiable.web.portal.gate import Visit, known
from amiable.web.ui import wishes


def preferences(request: HttpRequest, token: str) -> HttpResponseBase:
    view = _said if request.method == "POST" else _form
    return view(request, token)


@require_safe
@known
def _form(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    contact = _contact(visit)
    if contact is None:
        messages.error(request, _("We have no address of yours to write to."))
        return redirect("portal:home", token=visit.token)
    said = prefer.preferred([contact.pk], now=visit.now).get(contact.pk, prefer.NONE)
    media = closable(visit.customer, contact_id=contact.pk, now=visit.now)
    page = {
        "visit": visit,
        "contact": contact,
        "media": [
            (medium, Medium(medium).label, _veiled(address), is_open) for medium, (address, is_open) in media.items()
        ],
        "liked": said.medium,
        "parts": [(name, label) for name, (_day, _hours, label) in wishes.PARTS.items()],
        "ticked": wishes.parts_of(said.hours),
        "per_week": said.per_week,
        "choices": sorted({*wishes.PER_WEEK, *([said.per_week] if said.per_week else [])}),
        "languages": settings.LANGUAGES,
        "language": gate.spoken(contact.language, visit.customer.language, visit.creditor.language),
    }
    return render(request, "portal/preferences.html", page)


@require_POST
@known
def _said(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    contact, told = _contact(visit), request.POST
    if contact is None:
        return redirect("portal:home", token=visit.token)
    offered = closable(visit.customer, contact_id=contact.pk, now=visit.now)
    ticked = frozenset(medium for medium in told.getlist("open") if medium in offered)
    per_week, language = told.get("per_week", ""), told.get("language", "")
    before = prefer.preferred([contact.pk], now=visit.now).get(contact.pk, prefer.NONE)
    said = respond.Prefers(
        contact=contact.pk,
        wishes=prefer.Wishes(
            medium=told["liked"] if told.get("liked") in ticked else "",
            hours=wishes.hours_of(told.getlist("part"), before=before.hours),
            per_week=int(per_week) if per_week in map(str, range(1, wishes.MOST_PER_WEEK + 1)) else None,
        ),
        language=language if language in dict(settings.LANGUAGES) else "",
        open=ticked,
    )
    try:
        respond.customer_said(customer=visit.customer, saying=said, now=visit.now, origin="portal")
    except AmiableError as error:
        messages.error(request, str(error))
    else:
        gate.choose_language(request, said.language)
        with override(said.language or None):
            messages.success(request, _("Noted, thank you. It counts from the next message on."))
    return redirect("portal:preferences", token=visit.token)


def _contact(visit: Visit) -> Contact | None:
    """Whom the message reached; without one, the person who is written to first."""
    theirs = visit.customer.contacts.order_by("pk")
    message = Message.objects.filter(pk=visit.message_ref).first() if visit.message_ref else None
    reached = theirs.filter(pk=message.contact_id).first() if message and message.contact_id else None
    order = [str(role) for role in ORDER[visit.customer.kind]]  # type: ignore[index]
    return reached or min(theirs, key=lambda contact: order.index(contact.role), default=None)


def _veiled(address: str) -> str:
    """Enough to know one's own address by, and too little to learn another's."""
    local, at, domain = address.partition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    return f"… {address[-2:]}"
