"""The list of customers: who owes most first, one row per customer and currency, narrowed by search and filters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Sum
from django.db.models.expressions import RawSQL
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.casework.models import Case
from amiable.core.models import User
from amiable.insight import say
from amiable.insight.board import NO_SEGMENT
from amiable.insight.came import came
from amiable.ledger import hold
from amiable.ledger.models import Customer, CustomerKind
from amiable.portfolio import tally
from amiable.portfolio.models import Profile, Total
from amiable.web.desk import saved, scope, search
from amiable.web.desk.house import House, day_asked
from amiable.web.desk.labels import segment_labels
from amiable.web.ui import clock

ROWS = 50
BUCKETS = tuple(tally.BANDS)
STAGES = {
    "due": gettext_lazy("Case opened from %(since)s to %(until)s"),
    "contacted": gettext_lazy("Case opened from %(since)s to %(until)s: contacted"),
    "reached": gettext_lazy("Case opened from %(since)s to %(until)s: reached"),
    "tried": gettext_lazy("Case opened from %(since)s to %(until)s: tried to pay"),
}


FIRST = "due"  # of the stages
LOOKED_AT = 200  # rows of which it is asked at first how far their cases came; then twice as many, and so on


@dataclass(frozen=True)
class Asked:
    """What the address asks for, each word checked; what is unknown is left out."""

    q: str = ""
    house: House = field(default_factory=House)
    segment: str = ""
    kind: str = ""
    bucket: str = ""
    overdue: bool = False
    held: bool = False
    stage: str = ""  # how far cases came that were opened from `since` to `until`; of one creditor
    since: date | None = None
    until: date | None = None
    page: int = 1

    @classmethod
    def read(cls, query: Any) -> "Asked":
        def number(name: str) -> int | None:
            text = query.get(name, "")
            return int(text) if text.isdecimal() and len(text) < 18 else None

        kind, bucket = query.get("kind", ""), query.get("bucket", "")
        house, stage = House.read(query), query.get("stage", "")
        since, until = (day_asked(query.get(name, "")) for name in ("since", "until"))
        staged = stage in STAGES and house.creditor and since and until
        return cls(
            q=query.get("q", "").strip(),
            house=house,
            segment=query.get("segment", ""),
            kind=kind if kind in CustomerKind.values else "",
            bucket=bucket if bucket in BUCKETS else "",
            overdue=query.get("overdue") == "1",
            held=query.get("held") == "1",
            stage=stage if staged else "",
            since=since if staged else None,
            until=until if staged else None,
            page=max(number("page") or 1, 1),
        )

    def address(self, **changed: Any) -> str:
        words = {
            "q": self.q,
            "creditor": self.house.creditor,
            "currency": self.house.currency,
            "segment": self.segment,
            "kind": self.kind,
            "bucket": self.bucket,
            "stage": self.stage,
            "since": self.since,
            "until": self.until,
        }
        words |= {"overdue": "1" if self.overdue else "", "held": "1" if self.held else ""} | changed
        return "?" + urlencode({name: value for name, value in words.items() if value})

    @property
    def in_segment(self) -> str:
        return "" if self.segment == NO_SEGMENT else self.segment

    @property
    def in_stage(self) -> str:
        """How far their cases came, in words; empty where that is not asked."""
        words = {"since": say.said(self.since, None, ""), "until": say.said(self.until, None, "")}
        return str(STAGES[self.stage]) % words if self.stage else ""

    @property
    def looks_further(self) -> bool:
        """Whether a row must be looked at one by one: that a case was opened is enough for the first stage."""
        return self.stage not in ("", FIRST)

    @property
    def narrowed(self) -> bool:
        return self.address() != "?"


@require_GET
@scope.inside
def customers(request: scope.Asked) -> HttpResponse:
    more = request.headers.get("HX-Target") == "more"
    views = {} if more else saved.bar(request.user, "customers", request.GET)
    if not request.GET and (first := views.get("first")):
        return redirect(f"{reverse('desk:customers')}?{first}")
    asked = Asked.read(request.GET)
    today = clock.today()
    creditors = list(scope.visible_creditors(request.user))
    found = search.meaning(request.user, asked.q, creditors) if asked.q else None
    profiles = _profiles(request, asked, found, today)
    start = (asked.page - 1) * ROWS
    wanted = _in_order(profiles, today)
    # Of a search all rows are read at once: they are few, and add up to the totals.
    whole = None if found is None else _so_far(request.user, asked, list(wanted))
    rows = _part(request.user, asked, wanted, start) if whole is None else whole[start : start + ROWS + 1]
    content = {
        "asked": asked,
        "rows": [(row, row.days_past_due(today)) for row in rows[:ROWS]],
        "next": asked.address(page=asked.page + 1) if len(rows) > ROWS else "",
        "labels": segment_labels(scope.visible_creditors(request.user)),
    }
    if more:
        return render(request, "desk/_customer_rows.html", content)
    content |= {
        "creditors": creditors,
        "currencies": _currencies(request.user, asked),
        "no_segment": NO_SEGMENT,
        "all_stages": asked.address(stage="", since="", until=""),
        "totals": _totals(request.user, asked, profiles, rows if whole is None else whole),
        "kinds": CustomerKind.choices,
        "buckets": _bucket_choices(),
        "strangers": _without_profile(request.user, asked, set(found or ()) - {row.customer_id for row in whole or ()}),
        "saved": views,
    }
    return render(request, "desk/customers.html", content)


def listed(request: scope.Asked) -> QuerySet[Profile]:
    """Every row of the list that the address asks for, in its order."""
    asked, today = Asked.read(request.GET), clock.today()
    found = (
        search.meaning(request.user, asked.q, list(scope.visible_creditors(request.user))) if asked.q else None
    )  # fmt: skip
    rows = _in_order(_profiles(request, asked, found, today), today)
    return rows.filter(customer__in=_came(request.user, asked)) if asked.looks_further else rows


def _in_order(profiles: QuerySet[Profile], today: date) -> QuerySet[Profile]:
    held = Exists(hold.active(as_of=today).filter(customer=OuterRef("customer_id")))
    rows = profiles.select_related("customer", "creditor").annotate(is_held=held)
    return rows.order_by(F("overdue_minor").desc(), F("open_minor").desc(), "customer_id", "currency")


def _profiles(request: scope.Asked, asked: Asked, found: list[int] | None, today: date) -> QuerySet[Profile]:
    reach = scope.reach(request.user, path="customer__", creditor="creditor_id")
    rows = Profile.objects.filter(reach, customer__merged_into__isnull=True)
    if found is not None:
        rows = rows.filter(customer__in=found)
    rows = asked.house.of(rows, creditor="creditor_id", currency="currency")
    if asked.segment:
        rows = rows.filter(segment=asked.in_segment)
    if asked.kind:
        rows = rows.filter(customer__kind=asked.kind)
    if asked.overdue:
        rows = rows.filter(overdue_minor__gt=0)
    if asked.bucket:
        column = "not_due_minor" if asked.bucket == "not_due" else f"overdue_{asked.bucket}_minor"
        rows = rows.filter(**{f"{column}__gt": 0})
    if asked.held:
        rows = rows.filter(Exists(hold.active(as_of=today).filter(customer=OuterRef("customer_id"))))
    if asked.stage:
        opened = Case.objects.filter(opened_on__range=(asked.since, asked.until), creditor=asked.house.creditor)
        rows = rows.filter(Exists(opened.filter(customer=OuterRef("customer_id"), currency=OuterRef("currency"))))
    return rows


def _part(user: User, asked: Asked, wanted: QuerySet[Profile], start: int) -> list[Profile]:
    """A page of the rows, and one more. How far a case came is asked of no more customers than it takes to fill the page."""
    if not asked.looks_further:
        return list(wanted[start : start + ROWS + 1])
    rows, seen, more = list[Profile](), 0, LOOKED_AT
    while len(rows) <= start + ROWS and (part := list(wanted[seen : seen + more])):
        rows += _so_far(user, asked, part)
        seen, more = seen + more, 2 * more
    return rows[start : start + ROWS + 1]


def _so_far(user: User, asked: Asked, rows: list[Profile]) -> list[Profile]:
    """Those of the rows whose customers' cases came as far as is asked."""
    if not asked.looks_further:
        return rows
    found = set(_who_came(user, asked, among={row.customer_id for row in rows}))
    return [row for row in rows if row.customer_id in found]


def _came(user: User, asked: Asked) -> Any:
    """All customers whose cases came so far. They may be many: they go to the database as one array."""
    return RawSQL("SELECT unnest(%s::bigint[])", [_who_came(user, asked)])


def _who_came(user: User, asked: Asked, among: set[int] | None = None) -> list[int]:
    house, since, until = asked.house, asked.since, asked.until
    if not house.creditor or since is None or until is None:
        return []
    creditor = scope.visible_creditors(user).filter(pk=house.creditor).first()
    if creditor is None:
        return []
    how: dict[str, Any] = {"since": since, "until": until, "currency": house.currency}
    return came(creditor=creditor, stage=asked.stage, among=among, **how)


def _totals(user: User, asked: Asked, profiles: QuerySet[Profile], rows: Sequence[Profile]) -> Any:
    """What all rows add up to: of those at hand where they are all; none where that would ask after each (the board tells)."""
    if asked.q or asked.looks_further:
        return _summed(rows) if asked.q or (asked.page == 1 and len(rows) <= ROWS) else []
    return _added_up(profiles) if asked.held or asked.stage else totals(user, asked)


def totals(user: User, asked: Asked | None = None) -> Any:
    """What the rows add up to, from the sums that are kept: per currency."""
    asked = asked or Asked()
    rows = asked.house.of(
        Total.objects.filter(scope.reach(user, creditor="creditor_id")), creditor="creditor_id", currency="currency"
    )
    if asked.segment:
        rows = rows.filter(segment=asked.in_segment)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.overdue:
        rows = rows.filter(tally.within(tally.LATE))
    if asked.bucket:
        rows = rows.filter(tally.within(tally.BANDS[asked.bucket]))
    sums = rows.values("currency").annotate(
        number=Sum("customers"), open=Sum("open_minor"), overdue=Sum("overdue_minor")
    )
    return sums.order_by("-overdue")


def _added_up(profiles: QuerySet[Profile]) -> Any:
    """The same of few rows. A customer has one profile per currency: to count profiles is to count customers."""
    sums = profiles.values("currency").annotate(
        number=Count("pk"), open=Sum("open_minor"), overdue=Sum("overdue_minor")
    )
    return sums.order_by("-overdue")


def _summed(rows: Sequence[Profile]) -> list[dict[str, Any]]:
    """The same of rows that were read."""
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        told = sums.setdefault(row.currency, {"currency": row.currency, "number": 0, "open": 0, "overdue": 0})
        told["number"] += 1
        told["open"] += row.open_minor
        told["overdue"] += row.overdue_minor
    return sorted(sums.values(), key=lambda told: -told["overdue"])


def _without_profile(user: User, asked: Asked, rest: set[int]) -> list[Customer]:
    """A search also finds customers of whom nothing was ever counted yet: they are among the `rest`, which has no row."""
    if not rest or asked.page > 1:
        return []
    unknown = scope.customers_for(user).filter(~Exists(Profile.objects.filter(customer=OuterRef("pk"))))
    unknown = unknown.filter(merged_into=None, pk__in=rest)
    return list(unknown.select_related("creditor").order_by("name", "pk")[:ROWS])


def _currencies(user: User, asked: Asked) -> list[str]:
    """What can be chosen, where there is a choice."""
    rows = Total.objects.filter(scope.reach(user, creditor="creditor_id"))
    found = {*rows.values_list("currency", flat=True).distinct(), asked.house.currency} - {""}
    return sorted(found) if len(found) > 1 or asked.house.currency else []


def _bucket_choices() -> list[tuple[str, str]]:
    labels = (_("Not yet due"), _("1–30 days late"), _("31–60 days late"), _("61–90 days late"), _("Over 90 days late"))
    return list(zip(BUCKETS, labels, strict=True))
