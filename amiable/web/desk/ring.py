"""What is to be known before a telephone is picked up: the customer's local time, whether it is an hour for calls, the
best one so far, and the last words.

Never: an hour called good on too few moments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from amiable.casework.models import Note, Task, TaskKind
from amiable.core.calendar import zones
from amiable.law.hours import next_open, open_at, silent, windows
from amiable.law.packs import law
from amiable.ledger import prefer
from amiable.ledger.models import Contact, Customer, Medium
from amiable.outreach.models import Event, EventKind, Reply
from amiable.portfolio.hour import SPAN, Best, best

ANSWERED = ("promise", "paid", "dispute", "refused", "call_back")
BACK = timedelta(days=365)
WORDS = 5


@dataclass(frozen=True)
class Hours:
    """The clock at the customer's, and whether they may be rung."""

    local: datetime
    zone: str
    open_now: bool
    opens_at: datetime | None  # where it is not open now
    today: tuple[tuple[str, str], ...]  # the windows of the day, from and to
    silent: bool  # a Sunday or a public holiday


def zone_of(customer: Customer) -> str:
    """The first of the time zones in which the customer may live; the creditor's where nobody can tell."""
    return _zones(customer)[0]


def _zones(customer: Customer) -> tuple[str, ...]:
    country = customer.country or customer.creditor.country
    return zones(country, customer.postcode) or (customer.creditor.time_zone,)


def hours(customer: Customer, *, now: datetime, wishes: prefer.Wishes = prefer.NONE) -> Hours:
    """Whether this is an hour for calls: by law, by the creditor's choice, and as the person wishes."""
    there = [now.astimezone(ZoneInfo(zone)) for zone in _zones(customer)]
    country, policy = customer.country or customer.creditor.country, customer.creditor.policy
    rules = law(country, there[0].date())
    quiet = silent(there[0].date(), rules)
    may = not quiet and open_at(rules, policy, Medium.CALL, there, wishes.hours)
    opens = None
    if not may:
        found = next_open(policy, Medium.CALL, country=country, zones=_zones(customer), now=now, wishes=wishes.hours)
        opens = found.astimezone(there[0].tzinfo)
    spans = () if quiet else windows(rules, policy, Medium.CALL, there[0].date(), wishes.hours)
    return Hours(there[0], _zones(customer)[0], may, opens, tuple((_clock(a), _clock(b)) for a, b in spans), quiet)


def wishes_of(contacts: Sequence[Contact], *, now: datetime) -> prefer.Wishes:
    """What the first of these people, the main contact, wished of hours and channels."""
    main = min((contact.pk for contact in contacts), default=0)
    return next(iter(prefer.preferred([main], now=now).values()), prefer.NONE)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def moment(customer: Customer, *, now: datetime) -> Best | None:
    """The hours at which this customer was reached before."""
    zone = ZoneInfo(zone_of(customer))
    calls = Task.objects.filter(
        customer=customer, kind=TaskKind.CALL, outcome__in=ANSWERED, done_at__gte=now - BACK, done_at__lte=now
    )
    opens = Event.objects.filter(
        message__customer=customer, kind__in=(EventKind.OPENED, EventKind.CLICKED), at__gte=now - BACK, at__lte=now
    )
    return best(
        answered=[at.astimezone(zone) for at in calls.values_list("done_at", flat=True)[:200] if at],
        opened=[at.astimezone(zone) for at in opens.values_list("at", flat=True)[:200]],
    )


def told(found: Best | None) -> str:
    """The best moment in words, and on what that stands."""
    if found is None:
        return _("Too few calls answered or messages opened to name a good hour.")
    known = {"from": f"{found.hour:02d}", "to": f"{found.hour + SPAN:02d}", "calls": found.calls, "opens": found.opens}
    return _("Best between %(from)s and %(to)s h (%(calls)s calls answered, %(opens)s messages opened).") % known


def last_words(customer: Customer, *, limit: int = WORDS) -> list[dict[str, Any]]:
    """What was said last: notes, the customer's own words, and how calls ended; the newest first. Three queries."""
    notes = Note.objects.filter(customer=customer).select_related("by").order_by("-at")[:limit]
    replies = Reply.objects.filter(customer=customer).order_by("-at")[:limit]
    calls = Task.objects.filter(customer=customer, kind=TaskKind.CALL).exclude(done_at=None).select_related("done_by")
    said: list[dict[str, Any]] = [
        {"at": row.at, "who": str(row.by or ""), "text": row.text, "icon": "notes"} for row in notes
    ]
    said += [{"at": row.at, "who": customer.name, "text": row.words or row.text, "icon": "message"} for row in replies]
    said += [
        {"at": row.done_at, "who": str(row.done_by or ""), "outcome": row.outcome, "icon": "phone"}
        for row in calls.exclude(outcome__in=["settled", ""]).order_by("-done_at")[:limit]
    ]
    return sorted(said, key=lambda each: each["at"], reverse=True)[:limit]
