"""Campaigns as they are: the list, one with its frozen customers and what it brought, and the acts of a person on it.

Of whole creditors only, since a list reaches all their customers; who administers the creditor freezes and releases.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from amiable.core.conditions import UnableToRead
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Customer, Invoice
from amiable.outreach.guard import LATE_ONLY, NOT_YET_ONLY
from amiable.outreach.models import Message
from amiable.outreach.render import render as put_in_words
from amiable.scenario import campaign as verbs
from amiable.scenario.models import Campaign, CampaignState, Recipient, Verdict
from amiable.scenario.tally import DAYS, tally
from amiable.web.desk import campaign_words as words
from amiable.web.desk import labels, scope
from amiable.web.desk.dialog import dialog
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

SHOWN = 40  # recipients on the page
OFFERED = 30  # among whom one is chosen for a look at the message


def seen(user: User, *, act: str | None = None) -> QuerySet[Campaign]:
    """The campaigns of the creditors whom this user sees as a whole (and may `act` on)."""
    creditors = scope.whole_creditors(user, act=act)
    return Campaign.objects.filter(creditor__in=creditors).select_related("creditor", "made_by", "released_by")


def campaign_or_404(user: User, pk: int, *, act: str | None = None) -> Campaign:
    found: Campaign = get_object_or_404(seen(user, act=act), pk=pk)
    return found


def may_change(user: User, creditor_id: int) -> bool:
    return scope.sees_whole_of(user, creditor_id, act="administer")


@require_GET
@scope.inside
def campaigns(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    rows = Campaign.objects.filter(creditor=chosen).select_related("made_by") if chosen else Campaign.objects.none()
    counted = rows.annotate(
        listed=Count("recipients"), ordered=Count("recipients", filter=Q(recipients__verdict=Verdict.DO))
    ).order_by("-starts_on", "-pk")
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "rows": [_line(each) for each in counted],
        "may_change": chosen is not None and may_change(request.user, chosen.pk),
    }
    return render(request, "desk/campaigns.html", content)


def _line(each: Campaign) -> dict[str, Any]:
    return {"row": each, "text": labels.step(each.template), **words.state(each, clock.today())}


@require_GET
@scope.inside
def campaign(request: scope.Asked, pk: int) -> HttpResponse:
    found = campaign_or_404(request.user, pk)
    state = found.state(clock.today())
    about = words.about(found)
    content: dict[str, Any] = {
        "campaign": found,
        "about": about,
        "may_change": may_change(request.user, found.creditor_id),
        "may": _may(state),
        **words.state(found, clock.today()),
    }
    if found.frozen_at:
        brought = tally(campaign=found)
        listed = found.recipients.select_related("customer").order_by("-verdict", "-amount_minor", "pk")
        names = labels.segment_labels(scope.visible_creditors(request.user).filter(pk=found.creditor_id))
        content |= {
            "tally": brought,
            "withheld": words.withheld(brought),
            "funnel": words.funnel(brought),
            "days": DAYS,
            "recipients": [_recipient(each, names) for each in listed[:SHOWN]],
            "left": max(brought.listed - SHOWN, 0),
        }
    else:
        content |= _preview(found, clock.today())
    return render(request, "desk/campaign.html", content)


def _preview(found: Campaign, today: date) -> dict[str, Any]:
    try:
        return words.previewed(found, today)
    except (UnableToRead, verbs.UnableToCampaign) as error:
        return {"wrong": words.wrong(error)}


def _may(state: CampaignState) -> set[str]:
    """The acts that a campaign in this state still knows."""
    return {
        CampaignState.DRAFT: {"edit", "freeze"},
        CampaignState.FROZEN: {"thaw", "release", "stop"},
        CampaignState.RELEASED: {"stop"},
        CampaignState.RUNNING: {"stop"},
    }.get(state, set())


def _recipient(each: Recipient, names: dict[str, str]) -> dict[str, Any]:
    return {
        "row": each,
        "segment": names.get(each.segment, each.segment),
        "why": labels.rail(each.rail) if each.rail else "",
    }


ACTS = {"freeze", "thaw", "release", "stop"}


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """Freezes, gives up, releases or stops; each is written in the audit trail with who did it."""
    found = campaign_or_404(request.user, pk, act="administer")
    if name not in ACTS:
        raise Http404
    now, by, today = clock.now(), request.user, clock.today()
    try:
        if name == "freeze":
            count = verbs.freeze(found, as_of=today, now=now, by=by)
            told = ngettext("%(n)s customer is on the list.", "%(n)s customers are on the list.", count) % {"n": count}
        elif name == "thaw":
            verbs.thaw(found, now=now, by=by)
            told = _("The list is given up; the campaign is a draft again.")
        elif name == "release":
            verbs.release(found, as_of=today, now=now, by=by)
            told = _("Released: the day's run writes to the list within its window.")
        else:
            verbs.stop(found, now=now, by=by)
            told = _("Stopped: nobody else is written to.")
    except (UnableToRead, verbs.UnableToCampaign) as error:
        messages.warning(request, words.wrong(error))
    else:
        messages.success(request, told)
    return redirect("desk:campaign", pk)


@require_GET
@scope.inside
def message(request: scope.Asked, pk: int) -> HttpResponse:
    """The campaign's message as it would be written now to one of its customers."""
    found = campaign_or_404(request.user, pk)
    people = _people(found)
    asked = request.GET.get("customer", "")
    chosen = next((each for each in people if str(each.pk) == asked), people[0] if people else None)
    content: dict[str, Any] = {
        "campaign": found,
        "people": people,
        "customer": chosen,
        "title": labels.step(found.template),
    }
    if chosen:
        try:
            content["rendered"] = _words(found, chosen)
        except UnableTo as error:
            content["wrong"] = str(error)
    return dialog(request, "campaign_message", content)


def _people(found: Campaign) -> list[Customer]:
    if found.frozen_at:
        rows = found.recipients.select_related("customer").order_by("-amount_minor", "pk")
        return [each.customer for each in rows[:OFFERED]]
    try:
        ids = verbs.matching(found, as_of=clock.today()).sort("amount_minor", descending=True)["customer_id"]
    except UnableToRead:
        return []
    first = ids.head(OFFERED).to_list()
    known = Customer.objects.in_bulk(first)
    return [known[pk] for pk in first]


def _words(found: Campaign, customer: Customer) -> Any:
    """The message about what the customer has open today; it is never kept."""
    today = clock.today()
    rows = Invoice.objects.filter(customer=customer, currency=found.currency, open_minor__gt=0)
    if found.template in LATE_ONLY:
        rows = rows.filter(due_on__lt=today)
    elif found.template in NOT_YET_ONLY:
        rows = rows.filter(due_on__gte=today)
    about = list(rows.order_by("due_on", "pk").values_list("pk", flat=True))
    if not about:
        raise UnableTo(_("Nothing is open at this customer: there would be no message."))
    wish = Message(
        creditor_id=found.creditor_id, customer=customer, currency=found.currency, medium=found.channel,
        purpose=found.template, tone=found.tone, as_of=today,
        language=customer.language or found.creditor.language, about=about, context={},
    )  # fmt: skip
    return put_in_words(wish, as_of=today, now=clock.now())
