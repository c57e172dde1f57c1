"""Payments: the client's figures by journey, campaign, step and segment over a period, and the tries behind them.

In: one creditor, a currency, a period. Every query starts from what the person may see. Writes nothing.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from amiable.insight import transactions
from amiable.insight.kpis.recovery import OTHER
from amiable.insight.measure import Reading, figures
from amiable.insight.transactions import PARTS, Row
from amiable.ledger.models import Creditor
from amiable.payments.models import Attempt, AttemptState, Journey
from amiable.scenario.models import Campaign
from amiable.web.desk import labels, scope
from amiable.web.desk.chain_story import TONES
from amiable.web.desk.segment_pages import pick
from amiable.web.templatetags.amiable_ui import share
from amiable.web.ui import clock

PERIODS = (30, 90, 365)
ROWS = 40
HEADS = {
    "journey": gettext_lazy("Journey"),
    "campaign": gettext_lazy("Campaign"),
    "step": gettext_lazy("Step"),
    "segment": gettext_lazy("Segment"),
}
SHOWN = {
    "paid": (gettext_lazy("Paid"), transactions.PAID),
    "not_completed": (gettext_lazy("Not completed"), transactions.NOT_COMPLETED),
    "input_error": (gettext_lazy("With an input error"), transactions.INPUT_ERROR),
    "under_way": (gettext_lazy("Under way"), transactions.UNDER_WAY),
}


@dataclass(frozen=True)
class Asked:
    """What the address asks for, each word checked; what is unknown is left out. `key`: which part the list shows."""

    creditor: Creditor
    currency: str
    days: int
    by: str
    key: str | None
    show: str
    page: int

    @classmethod
    def read(cls, query: Any, creditor: Creditor, currencies: list[str]) -> "Asked":
        page, days = query.get("page", ""), query.get("days", "")
        return cls(
            creditor=creditor,
            currency=query.get("currency") if query.get("currency") in currencies else currencies[0],
            days=int(days) if days in map(str, PERIODS) else 90,
            by=query.get("by") if query.get("by") in PARTS else "journey",
            key=query.get("key"),
            show=query.get("show") if query.get("show") in SHOWN else "",
            page=max(int(page), 1) if page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self, **changed: Any) -> str:
        words = {"creditor": self.creditor.pk, "currency": self.currency, "days": self.days, "by": self.by}
        words |= {"key": self.key, "show": self.show or None} | changed
        return "?" + urlencode({name: value for name, value in words.items() if value is not None})


@require_GET
@scope.inside
def payments(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.visible_creditors(request.user))
    chosen = pick(creditors, request.GET.get("creditor", ""))
    if chosen is None:
        return render(request, "desk/payments.html", {"creditors": []})
    asked, currencies, rows = _started(request, chosen)
    today = clock.today()
    names = _names(request, chosen)
    tries, further = _tries(rows, asked)
    content = {
        "asked": asked,
        "creditor": chosen,
        "tries": tries,
        "next": asked.address(page=asked.page + 1) if further else "",
    }
    if request.headers.get("HX-Target") == "more":
        return render(request, "desk/_payment_rows.html", content)
    rate = _rate(request, asked, today)
    parts = transactions.count_by(rows, asked.by)
    total = transactions.count(rows)
    content |= {
        "creditors": creditors,
        "currencies": currencies,
        "periods": PERIODS,
        "total": total,
        "shares": _shares(total),
        "rate": rate,
        "heads": [(key, str(label), asked.address(by=key, key=None)) for key, label in HEADS.items()],
        "head": HEADS[asked.by],
        "parts": [_part(each, asked, names, rate) for each in parts],
        "other": _other(asked, rate),
        "chart": _chart(parts, asked, names),
        "chips": _chips(asked),
        "key_name": names[asked.by](asked.key) if asked.key is not None else "",
        "drop": asked.address(key=None),
    }
    return render(request, "desk/payments.html", content)


def listed(request: scope.Asked) -> QuerySet[Attempt]:
    """Every try that the list of the address shows, the newest first."""
    chosen = pick(list(scope.visible_creditors(request.user)), request.GET.get("creditor", ""))
    if chosen is None:
        return Attempt.objects.none()
    asked, _currencies_of, rows = _started(request, chosen)
    return _shown(rows, asked)


def _started(request: scope.Asked, chosen: Creditor) -> tuple[Asked, list[str], QuerySet[Attempt]]:
    """What is asked for, the currencies there are, and the tries of the period."""
    theirs = Attempt.objects.filter(
        scope.reach(request.user, path="customer__", creditor="creditor_id"), creditor=chosen
    )
    currencies, today = _currencies(theirs, chosen), clock.today()
    asked = Asked.read(request.GET, chosen, currencies)
    rows = transactions.started(
        theirs, since=today - timedelta(days=asked.days - 1), until=today, currency=asked.currency,
        time_zone=chosen.time_zone,
    )  # fmt: skip
    if asked.by == "segment":
        rows = transactions.with_segment(rows, time_zone=chosen.time_zone)
    return asked, currencies, rows


def _currencies(theirs: QuerySet[Attempt], creditor: Creditor) -> list[str]:
    found = set(theirs.order_by().values_list("currency", flat=True).distinct()) | {creditor.currency}
    return sorted(found, key=lambda code: (code != creditor.currency, code))


def _names(request: scope.Asked, creditor: Creditor) -> dict[str, Any]:
    """How each part is called."""
    segments = labels.segment_labels(scope.visible_creditors(request.user).filter(pk=creditor.pk))
    campaigns = {str(pk): name for pk, name in Campaign.objects.filter(creditor=creditor).values_list("pk", "name")}
    journeys = {key: str(label) for key, label in Journey.choices}
    return {
        "journey": lambda key: journeys.get(str(key), str(key)),
        "campaign": lambda key: campaigns.get(str(key), "") if key else _("No campaign"),
        "step": lambda key: labels.step(str(key)) if key else _("No step"),
        "segment": lambda key: segments.get(str(key), str(key)) if key else _("No segment"),
    }


def _rate(request: scope.Asked, asked: Asked, today: date) -> Reading | None:
    """The recovery rate as it was last measured; it is of the whole creditor, for whoever sees the whole."""
    if not scope.sees_whole_of(request.user, asked.creditor.pk):
        return None
    keys = ["recovery_rate", "campaign_recovery"]
    found = figures(creditor=asked.creditor, as_of=today, days=asked.days, currency=asked.currency, keys=keys)
    rate, campaigns = (found[key] for key in keys)
    return replace(rate, slices=[*rate.slices, *campaigns.slices])


def _recovered(rate: Reading | None, part: str, key: Any) -> Any:
    for pairs, value in rate.slices if rate else ():
        if set(pairs) == {part} and str(pairs[part]) == str(key or ""):
            return value
    return None


def _part(row: Row, asked: Asked, names: dict[str, Any], rate: Reading | None) -> dict[str, Any]:
    return {
        "row": row,
        "name": names[asked.by](row.key),
        "shares": _shares(row),
        "rate": _recovered(rate, asked.by, row.key),
        "chosen": asked.key is not None and str(row.key) == asked.key,
        "url": asked.address(key=row.key, show=None),
        "open": asked.address(key=row.key, show="not_completed"),
        "mistyped": asked.address(key=row.key, show="input_error"),
    }


def _other(asked: Asked, rate: Reading | None) -> Any:
    """What was recovered by other ways than a try to pay, in the table by journey."""
    return _recovered(rate, "journey", OTHER) if asked.by == "journey" else None


def _shares(row: Row) -> dict[str, str]:
    def of(part: int, whole: int) -> str:
        return share(part / whole) if whole else "–"

    return {
        "paid": of(row.paid.number, row.started.number),
        "not_completed": of(row.not_completed.number, row.started.number),
        "input_error": of(row.input_error.number, row.measured) if row.measurable else _("not measurable"),
    }


def _chart(parts: list[Row], asked: Asked, names: dict[str, Any]) -> dict[str, Any]:
    shown = parts[:8]
    series = (
        (_("Paid"), "not_due", [row.paid.number for row in shown]),
        (_("Not completed"), "61_90", [row.not_completed.number for row in shown]),
        (_("With an input error"), "1_30", [row.input_error.number if row.measurable else None for row in shown]),
    )
    return {
        "kind": "bars",
        "names": [names[asked.by](row.key) for row in shown],
        "unit": "",
        "series": [{"name": name, "tone": tone, "values": values} for name, tone, values in series],
    }


def _chips(asked: Asked) -> list[tuple[str, str, bool]]:
    every = [("", _("All"))] + [(key, str(label)) for key, (label, _which) in SHOWN.items()]
    return [(label, asked.address(show=key or None), key == asked.show) for key, label in every]


def _tries(rows: QuerySet[Attempt], asked: Asked) -> tuple[list[dict[str, Any]], bool]:
    """A page of the tries behind the figures, the newest first."""
    start = (asked.page - 1) * ROWS
    found = list(_shown(rows, asked)[start : start + ROWS + 1])
    return [_told(each) for each in found[:ROWS]], len(found) > ROWS


def _shown(rows: QuerySet[Attempt], asked: Asked) -> QuerySet[Attempt]:
    if asked.key is not None:
        column = PARTS[asked.by]
        wanted: Any = asked.key or (None if column == "campaign_ref" else "")
        if column == "campaign_ref" and wanted is not None and not str(wanted).isdecimal():
            return rows.none()
        rows = rows.filter(**({f"{column}__isnull": True} if wanted is None else {column: wanted}))
    rows = rows.filter(SHOWN[asked.show][1] if asked.show else Q())
    return rows.select_related("customer").order_by("-started_at", "-pk")


def _told(each: Attempt) -> dict[str, Any]:
    return {
        "row": each,
        "journey": each.get_journey_display(),
        "step": labels.step(each.step) if each.step else "",
        "state": each.get_state_display(),
        "tone": TONES.get(AttemptState(each.state), ""),
        "why": labels.decline(each.decline_code) if each.decline_code else "",
    }
