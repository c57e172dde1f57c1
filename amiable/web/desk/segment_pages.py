"""Segments as they are: whom each holds and what they owe, the versions and what changed, who moved when.

Counts are of the customers that the user may see. In: a creditor. Writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.core.models import AuditEntry, User
from amiable.ledger.models import Creditor, Customer
from amiable.portfolio import moves
from amiable.portfolio import segments as verbs
from amiable.portfolio.compare import Change, compare
from amiable.portfolio.models import Membership, Profile, Refreshed, SegmentSet
from amiable.portfolio.preview import tally
from amiable.web.desk import scope, segment_words
from amiable.web.ui import clock

VERSIONS = 30
MONTHS = 12
PEOPLE = 200


@dataclass(frozen=True)
class Held:
    """A segment with those whom it holds."""

    number: int
    key: str
    label: str
    when: str
    customers: int
    share: float
    width: str
    overdue: dict[str, int]


@dataclass(frozen=True)
class Version:
    kept: SegmentSet
    at: Any
    in_force: bool
    changes: list[Change]


@require_GET
@scope.inside
def segments(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    if chosen is None:
        return render(request, "desk/segments.html", {"creditors": []})
    profiles = Profile.objects.filter(
        scope.reach(request.user, path="customer__", creditor="creditor_id"), creditor=chosen
    )
    rows = _held(verbs.active(chosen.pk), profiles.filter(customer__merged_into__isnull=True))
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "rows": rows,
        "customers": sum(row.customers for row in rows),
        "refreshed": Refreshed.objects.filter(creditor=chosen).order_by("-pk").first(),
        "versions": _versions(chosen),
        "may_edit": may_edit(request.user, chosen),
    }
    return render(request, "desk/segments.html", content)


@require_GET
@scope.inside
def moved(request: scope.Asked) -> HttpResponse:
    """Who moved from where to where, month by month; and who they are, when one move is asked for."""
    creditors = list(scope.visible_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    if chosen is None:
        return render(request, "desk/segment_moves.html", {"creditors": []})
    memberships = Membership.objects.filter(
        scope.reach(request.user, path="customer__"), customer__creditor=chosen, customer__merged_into__isnull=True
    )
    since = _months_before(clock.today(), MONTHS - 1)
    told = moves.by_month(memberships=memberships, since=since)
    months = sorted({each.month for each in told}, reverse=True)
    asked = next((month for month in months if f"{month:%Y-%m}" == request.GET.get("month")), None)
    month = asked or (months[0] if months else None)
    content: dict[str, Any] = {
        "creditors": creditors,
        "creditor": chosen,
        "months": [(each, sum(m.customers for m in told if m.month == each and m.origin)) for each in months],
        "month": month,
        "moves": [each for each in told if each.month == month and each.origin],
        "arrivals": [each for each in told if each.month == month and not each.origin],
        "labels": every_label(chosen),
    }
    if month and "to" in request.GET:
        content |= _people(memberships, month, request.GET.get("from", ""), request.GET["to"])
    return render(request, "desk/segment_moves.html", content)


def pick(creditors: Sequence[Creditor], wanted: str) -> Creditor | None:
    """The creditor that the address names, when it is one of these; else the first."""
    return next((each for each in creditors if str(each.pk) == wanted), creditors[0] if creditors else None)


def may_edit(user: User, creditor: Creditor) -> bool:
    return scope.sees_whole_of(user, creditor.pk, act="administer")


def every_label(creditor: Creditor) -> dict[str, str]:
    """Names of all segments that a creditor ever had, the newest word of each."""
    sets = SegmentSet.objects.filter(creditor=creditor).order_by("version").values_list("segments", flat=True)
    found = {each["key"]: segment_words.label(each) for each in verbs.starter()}
    for kept in sets:
        found |= {each["key"]: segment_words.label(each) for each in kept}
    return found


def _held(rules: Sequence[Mapping[str, Any]], profiles: QuerySet[Profile]) -> list[Held]:
    sums = profiles.order_by().values_list("segment", "currency").annotate(n=Count("pk"), minor=Sum("overdue_minor"))
    counted: dict[str, tuple[int, dict[str, int]]] = tally(sums.order_by("segment", "currency"))
    everyone = sum(n for n, _overdue in counted.values()) or 1
    most = max((n for n, _overdue in counted.values()), default=1) or 1
    known = [(rule["key"], segment_words.label(rule), rule.get("when", "")) for rule in rules]
    # Those in no segment, and those in one that the set no longer has (until they are placed anew).
    known += [(key, key, "") for key in sorted(counted) if key not in {rule["key"] for rule in rules}]
    found = []
    for number, (key, label, when) in enumerate(known, start=1):
        n, overdue = counted.get(key, (0, {}))
        found.append(Held(number, key, label, when, n, n / everyone, f"{100 * n / most:.2f}", overdue))
    return found


def _versions(creditor: Creditor) -> list[Version]:
    """The newest versions with who saved them when, and what they changed."""
    kept = list(
        SegmentSet.objects.filter(creditor=creditor).select_related("made_by").order_by("-version")[: VERSIONS + 1]
    )
    told = AuditEntry.objects.filter(subject="segment_set", subject_ref__in=[each.pk for each in kept])
    saved = dict(told.filter(act="segments.saved").values_list("subject_ref", "at"))
    active = SegmentSet.objects.filter(creditor=creditor, active_since__isnull=False).order_by("-version").first()
    found = []
    for at, each in enumerate(kept[:VERSIONS]):
        before = kept[at + 1].segments if at + 1 < len(kept) else verbs.starter()
        changes = compare(before, each.segments)
        found.append(Version(each, saved.get(each.pk, each.active_since), each == active, changes))
    return found


def _people(memberships: QuerySet[Membership], month: date, origin: str, target: str) -> dict[str, Any]:
    until = _months_before(month, -1)
    rows = moves.who(memberships=memberships, month=month, until=until, origin=origin, target=target, most=PEOPLE + 1)
    known = Customer.objects.in_bulk([pk for pk, _currency, _day in rows])
    overdue = {
        (pk, currency): minor
        for pk, currency, minor in Profile.objects.filter(customer__in=known).values_list(
            "customer_id", "currency", "overdue_minor"
        )
    }
    people = [(known[pk], currency, day, overdue.get((pk, currency))) for pk, currency, day in rows[:PEOPLE]]
    return {"people": people, "further": len(rows) > PEOPLE, "origin": origin, "target": target}


def _months_before(day: date, months: int) -> date:
    """The first day of the month so many months earlier (later, when negative)."""
    at = day.year * 12 + day.month - 1 - months
    return date(at // 12, at % 12 + 1, 1)
