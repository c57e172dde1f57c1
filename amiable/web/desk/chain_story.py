"""Tries to pay that follow one another, told as one story: who tried how, what came of it, who went on and by what.

In: chains. Out: lines as the timeline has them, oldest first. Never: a decline code where words are known for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.outreach.models import Message
from amiable.payments import chain as verbs
from amiable.payments import standing
from amiable.payments.models import Attempt, AttemptState, Chain
from amiable.web import seen
from amiable.web.desk import acts, labels, scope
from amiable.web.desk.dialog import dialog
from amiable.web.desk.telling import Line
from amiable.web.templatetags.amiable_ui import day, money
from amiable.web.ui import clock

RECENT = timedelta(days=30)  # a chain that is over stays on the customer's page for so long
TONES = {
    AttemptState.SUCCEEDED: "good",
    AttemptState.FAILED: "bad",
    AttemptState.ABANDONED: "warn",
    AttemptState.PENDING: "info",
}


@dataclass
class Story:
    """One chain. `ends`: how it stands, in words; `go_on`: the try that a colleague can go on with."""

    chain: Chain
    lines: list[Line] = field(default_factory=list)
    tries: int = 0
    paid_minor: int = 0
    ends: str = ""
    tone: str = ""
    go_on: int = 0


@require_GET
@scope.inside
def stories(request: scope.Asked, pk: int) -> HttpResponse:
    """A customer's chains that are open, and what ended in the last weeks, the newest first; asked for by their page."""
    customer = scope.customer_or_404(request.user, pk)
    recent = Q(closed_at=None) | Q(closed_at__gt=clock.now() - RECENT)
    found = told(Chain.objects.filter(recent, customer=customer).order_by("-opened_at", "-pk")[:3])
    content = {
        "customer": customer,
        "stories": found,
        "standing": standing.of(customer).select_related("mandate").order_by("pk"),
        "rights": (rights := scope.rights(request.user, customer)),
        "go_on_acts": acts.going_on(rights, customer),
    }
    return render(request, "desk/_stories.html", content)


def told(chains: QuerySet[Chain]) -> list[Story]:
    tries = Attempt.objects.select_related("by", "credit").order_by("opened_at", "pk")
    rows = list(chains.select_related("creditor").prefetch_related(Prefetch("attempts", queryset=tries)))
    messages = _messages(rows)
    left = verbs.left_again(one for each in rows for one in each.attempts.all())
    return [_story(each, messages[each.pk], left) for each in rows]


@require_GET
@scope.inside
def story(request: scope.Asked, pk: int) -> HttpResponse:
    """One chain in the dialog."""
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    found = get_object_or_404(Chain.objects.filter(reach).select_related("customer"), pk=pk)
    seen.customer(found.customer)
    [one] = told(Chain.objects.filter(pk=pk))
    rights = scope.rights(request.user, found.customer)
    content = {"customer": found.customer, "story": one, "go_on_acts": acts.going_on(rights, found.customer)}
    return dialog(request, "chain", content)


def _messages(chains: Sequence[Chain]) -> dict[int, list[Message]]:
    """What was written that a try of the chain came by, and the links that colleagues sent while it was open."""
    found: dict[int, list[Message]] = defaultdict(list)
    refs = {each.message_ref: one.pk for one in chains for each in one.attempts.all() if each.message_ref}
    sent = Q(pk__in=refs) | Q(customer__in={one.customer_id for one in chains}, context__has_key="pay")
    rows = Message.objects.filter(sent).defer("text", "html").order_by("created_at", "pk") if chains else []
    for message in rows:
        home = refs.get(message.pk) or next((one.pk for one in chains if _during(message, one)), None)
        if home:
            found[home].append(message)
    return found


def _during(message: Message, one: Chain) -> bool:
    same = message.customer_id == one.customer_id and message.currency == one.currency
    return same and one.opened_at <= message.created_at <= (one.closed_at or clock.now())


def _story(one: Chain, messages: Sequence[Message], left: Mapping[int, int]) -> Story:
    """`left`: what of the money of a try was given or taken back."""
    tries = list(one.attempts.all())
    lines = [_written(each) for each in messages] + [_tried(each, left.get(each.pk, 0)) for each in tries]
    paid = sum(each.credit.amount_minor - left.get(each.pk, 0) for each in tries if each.credit)
    if one.closed_at:
        lines.append(_closed(one, paid))
    lines.sort(key=lambda line: line.at)
    ends, tone = _ends(one, tries, paid)
    newest = tries[-1] if tries else None
    going = newest is not None and not one.closed_at and (newest.state in verbs.CAME_TO_NOTHING or newest.pk in left)
    return Story(one, lines, len(tries), paid, ends, tone, newest.pk if newest and going else 0)


def _ends(one: Chain, tries: Sequence[Attempt], paid: int) -> tuple[str, str]:
    if one.closed_at:
        return (_("paid"), "good") if paid else (_("closed"), "")
    if any(each.state in verbs.UNDER_WAY for each in tries):
        return _("under way"), "info"
    if paid:
        return _("paid in part"), "info"
    until = day(one.moved_at + verbs.patience(one.creditor), "d MMM")
    return _("waits for somebody to go on, until %(day)s") % {"day": until}, "warn"


def _tried(each: Attempt, left: int) -> Line:
    what = format_html(
        "{} · <strong>{}</strong> · {}",
        each.get_journey_display(), money(each.amount_minor, each.currency), str(AttemptState(each.state).label).lower(),
    )  # fmt: skip
    more = [
        _("input errors: %(count)s") % {"count": each.input_errors} if each.input_errors else "",
        labels.decline(each.decline_code) if each.decline_code else "",
        _("by %(name)s") % {"name": each.by} if each.by else "",
        _("%(amount)s of it left again") % {"amount": money(left, each.currency)} if left else "",
    ]
    tone = "warn" if left else TONES.get(AttemptState(each.state), "")
    return Line("credit-card", tone, what, [part for part in more if part], at=each.opened_at)


def _written(each: Message) -> Line:
    icon = {"email": "mail", "sms": "device-mobile"}.get(each.medium, "file-invoice")
    what = format_html("{} <strong>{}</strong>", each.get_medium_display(), labels.step(each.purpose))
    by: Any = each.context.get("by")
    more = [_("by %(name)s") % {"name": by} if by else "", "" if each.sent_at else str(each.get_state_display())]
    url = reverse("desk:message", args=[each.pk]) if each.sent_at else ""
    return Line(icon, "accent", what, [part for part in more if part], url=url, at=each.sent_at or each.created_at)


def _closed(one: Chain, paid: int) -> Line:
    if paid:
        return Line("check", "good", _("Paid: %(amount)s") % {"amount": money(paid, one.currency)}, at=one.closed_at)
    return Line("check", "", _("Closed: settled otherwise, or nobody went on with it"), at=one.closed_at)
