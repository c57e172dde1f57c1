"""Tries to pay over a period of one's choice: started, paid, not completed, with input errors; by number and by amount.

In: the tries that somebody may see, a period, what parts them. Out: one row per part and the total. Never: a sum over two
currencies, a nought where a provider's page keeps its typing errors to itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from amiable.insight.gather import measured_by
from amiable.payments.models import Attempt, AttemptState
from amiable.portfolio.models import Membership

PAID = Q(state=AttemptState.SUCCEEDED)
NOT_COMPLETED = Q(state__in=[AttemptState.FAILED, AttemptState.ABANDONED])
UNDER_WAY = Q(state__in=[AttemptState.OPENED, AttemptState.STARTED, AttemptState.PENDING])
INPUT_ERROR = Q(input_errors__gt=0)
# What parts the tries, by the column that says it.
PARTS: Mapping[str, str] = {"journey": "journey", "campaign": "campaign_ref", "step": "step", "segment": "segment"}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How many, and what they were to pay."""

    number: int
    minor: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """`key`: which part (empty: none of them); `measured`: how many of the started ones tell of typing errors."""

    key: Any
    started: Counted
    paid: Counted
    not_completed: Counted
    input_error: Counted
    measured: int

    @property
    def measurable(self) -> bool:
        return self.measured > 0


def started(
    attempts: QuerySet[Attempt], *, since: date, until: date, currency: str, time_zone: str
) -> QuerySet[Attempt]:
    """The tries that were started on these days, in that time zone."""
    zone = ZoneInfo(time_zone)
    begin = datetime.combine(since, time.min, tzinfo=zone)
    end = datetime.combine(until + timedelta(days=1), time.min, tzinfo=zone)
    return attempts.filter(started_at__gte=begin, started_at__lt=end, currency=currency)


def with_segment(rows: QuerySet[Attempt], *, time_zone: str) -> QuerySet[Attempt]:
    """The same, each with its customer's segment of its day."""
    then = Membership.objects.filter(
        Q(until=None) | Q(until__gt=OuterRef("day")),
        customer=OuterRef("customer"), currency=OuterRef("currency"), since__lte=OuterRef("day"),
    )  # fmt: skip
    return rows.annotate(day=TruncDate("started_at", tzinfo=ZoneInfo(time_zone))).annotate(
        segment=Coalesce(Subquery(then.order_by("-since").values("segment")[:1]), Value(""))
    )


def count(rows: QuerySet[Attempt]) -> Row:
    """All of them together."""
    return _row(None, rows.aggregate(**_sums()))


def count_by(rows: QuerySet[Attempt], part: str) -> list[Row]:
    """One row per journey, campaign, step or segment; the one with most tries first."""
    column = PARTS[part]
    found = rows.values(column).annotate(**_sums()).order_by("-all", column)
    return [_row(each[column], each) for each in found]


def _sums() -> dict[str, Any]:
    tells = Q(provider__in=measured_by())
    kinds = {"paid": PAID, "not_completed": NOT_COMPLETED, "input_error": INPUT_ERROR & tells}
    sums: dict[str, Any] = {"all": Count("pk"), "minor": Sum("amount_minor"), "measured": Count("pk", filter=tells)}
    for name, which in kinds.items():
        sums[name] = Count("pk", filter=which)
        sums[f"{name}_minor"] = Sum("amount_minor", filter=which)
    return sums


def _row(key: Any, sums: Mapping[str, Any]) -> Row:
    def told(name: str) -> Counted:
        return Counted(number=sums[name], minor=sums[f"{name}_minor"] or 0)

    return Row(
        key=key or "",
        started=Counted(number=sums["all"], minor=sums["minor"] or 0),
        paid=told("paid"),
        not_completed=told("not_completed"),
        input_error=told("input_error"),
        measured=sums["measured"],
    )
