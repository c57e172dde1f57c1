"""What the work brings: the figures of one creditor in one currency, with their history, each with its formula.

Every chart has the same numbers as a table behind it. What was never measured is a dash, never a zero.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from babel.numbers import format_decimal
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from amiable.core import money
from amiable.insight.kpi import Better, Unit
from amiable.insight.measure import Reading
from amiable.insight.measure import figures as read
from amiable.ledger.balance import BUCKETS
from amiable.ledger.models import Creditor
from amiable.payments.models import Journey
from amiable.portfolio.models import Profile
from amiable.web.desk import labels, scope
from amiable.web.templatetags.amiable_ui import day, locale, share, signed, whole
from amiable.web.templatetags.amiable_ui import money as money_shown
from amiable.web.ui import clock

# The client's own figures first, then what helps to read them.
FIRST = (
    "recovery_rate",
    "dso",
    "overdue_contacted",
    "amount_overdue",
    "received_30d",
    "transactions_not_completed",
    "transactions_input_error",
)
PERIODS = (30, 90, 365)


@dataclass(frozen=True)
class Tile:
    """One figure as it is read: its value, how it moved over the period, and what it means."""

    key: str
    label: str
    value: str
    part: str
    change: str
    tone: str
    formula: str
    as_of: Any


@require_GET
@scope.inside
def figures(request: scope.Asked) -> HttpResponse:
    creditors = list(scope.whole_creditors(request.user))
    chosen = _creditor(creditors, request.GET.get("creditor", ""))
    if chosen is None:
        return render(request, "desk/figures.html", {"creditors": []})
    currencies = sorted(
        set(Profile.objects.filter(creditor=chosen).values_list("currency", flat=True).distinct()) | {chosen.currency},
        key=lambda code: (code != chosen.currency, code),
    )
    currency = request.GET.get("currency", "")
    currency = currency if currency in currencies else chosen.currency
    days = int(request.GET["days"]) if request.GET.get("days", "") in map(str, PERIODS) else 90
    readings = read(creditor=chosen, as_of=clock.today(), days=days, currency=currency)
    segment_names = labels.segment_labels(scope.visible_creditors(request.user).filter(pk=chosen.pk))
    shown = [readings[key] for key in FIRST if key in readings] + [
        each for key, each in readings.items() if key not in (*FIRST, "aged_balance")
    ]
    content = {
        "creditors": creditors,
        "creditor": chosen,
        "currencies": currencies,
        "currency": currency,
        "days": days,
        "periods": PERIODS,
        "tiles": [_tile(each) for each in shown],
        "aged": _aged(readings.get("aged_balance"), currency, segment_names),
        "lines": [_line(readings[key]) for key in ("recovery_rate", "dso", "overdue_contacted") if key in readings],
        "journeys": _journeys(readings),
        "measured": any(each.as_of for each in readings.values()),
    }
    return render(request, "desk/figures.html", content)


def _creditor(creditors: list[Creditor], wanted: str) -> Creditor | None:
    return next((each for each in creditors if str(each.pk) == wanted), creditors[0] if creditors else None)


def _shown(reading: Reading, value: float | None) -> str:
    if value is None:
        counted = reading.kpi.unit in {Unit.COUNT, Unit.MONEY} and reading.denominator
        return _("not measurable") if counted else "–"
    unit = reading.kpi.unit
    if unit is Unit.PERCENT:
        return share(value)
    if unit is Unit.MONEY:
        return money_shown(round(value), reading.currency)
    if unit is Unit.PRICE:
        return money_shown(round(value), reading.currency)
    if unit in {Unit.RATE, Unit.SCORE}:
        return str(format_decimal(value, format="#,##0.0;\N{MINUS SIGN}#,##0.0", locale=locale()))
    if unit is Unit.DAYS:
        return ngettext("%(days)s day", "%(days)s days", round(value)) % {"days": whole(round(value))}
    return whole(round(value))


def _tile(reading: Reading) -> Tile:
    change, tone = _change(reading)
    return Tile(
        key=reading.kpi.key,
        label=str(reading.kpi.label),
        value=_shown(reading, reading.value),
        part=_part(reading),
        change=change,
        tone=tone,
        formula=str(reading.kpi.formula),
        as_of=reading.as_of,
    )


def _part(reading: Reading) -> str:
    """What the value is made of."""
    if reading.numerator is None or not reading.denominator:
        return ""
    of_people = reading.kpi.counts or reading.kpi.unit is Unit.COUNT
    numbers = (reading.numerator, reading.denominator)
    part, all_of_it = (whole(n) if of_people else money_shown(n, reading.currency) for n in numbers)
    if reading.kpi.unit in {Unit.DAYS, Unit.PRICE, Unit.RATE, Unit.SCORE}:
        return ""
    return _("%(part)s of %(whole)s") % {"part": part, "whole": all_of_it}


def _change(reading: Reading) -> tuple[str, str]:
    """From the first to the newest value of the period, and whether that is good."""
    told = [value for _day, value in reading.history if value is not None]
    if len(told) < 2 or reading.value is None:
        return "", ""
    difference = told[-1] - told[0]
    if reading.kpi.unit is Unit.PERCENT:
        text = _("%(points)s points") % {"points": signed(difference * 100)}
        none = abs(difference) < 0.0005
    else:
        text = ("+" if difference > 0 else "−" if difference < 0 else "") + _shown(reading, abs(difference))
        none = abs(difference) < (0.05 if reading.kpi.unit in {Unit.RATE, Unit.SCORE} else 0.5)
    if none:
        return _("unchanged"), ""
    if reading.kpi.better is Better.NEITHER:
        return text, ""
    return text, "good" if (difference > 0) == (reading.kpi.better is Better.UP) else "bad"


def _aged(reading: Reading | None, currency: str, segments: dict[str, str]) -> dict[str, Any]:
    """The aged balance by segment: rows for the table, and the same as series for the chart."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(BUCKETS, 0))
    for pairs, (_value, minor, _all) in reading.slices if reading else ():
        sums[pairs.get("segment", "")][pairs["bucket"]] += minor or 0
    rows = sorted(sums.items(), key=lambda row: -sum(row[1].values()))
    names = [segments.get(key, key) or _("No segment") for key, _sums in rows]
    return {
        "bands": [str(labels.BANDS[band]) for band in BUCKETS],
        "rows": [
            (name, [row[band] for band in BUCKETS], sum(row.values()))
            for name, (_key, row) in zip(names, rows, strict=True)
        ],
        "totals": [sum(row[band] for _key, row in rows) for band in BUCKETS],
        "sum": sum(sum(row.values()) for _key, row in rows),
        "currency": currency,
        "chart": {
            "kind": "bands",
            "names": names[::-1],
            "unit": currency,
            "series": [
                {
                    "name": str(labels.BANDS[band]),
                    "tone": band,
                    "values": [float(money.major(row[band], currency)) for _key, row in rows][::-1],
                }
                for band in BUCKETS
            ],
        },
    }


def _line(reading: Reading) -> dict[str, Any]:
    percent = reading.kpi.unit is Unit.PERCENT
    return {
        "key": reading.kpi.key,
        "label": str(reading.kpi.label),
        "told": any(value is not None for _when, value in reading.history),
        "rows": [(when, _shown(reading, value)) for when, value in reversed(reading.history)],
        "chart": {
            "kind": "line",
            "unit": "%" if percent else "",
            "names": [day(when, "d MMM") for when, _value in reading.history],
            "values": [
                None if value is None else round(value * 100 if percent else value, 2)
                for _when, value in reading.history
            ],
        },
    }


def _journeys(readings: dict[str, Reading]) -> dict[str, Any]:
    """Tries to pay by journey: started, not completed, with an input error."""
    keys = ("transactions_started", "transactions_not_completed", "transactions_input_error")
    found: dict[str, dict[str, int | None]] = defaultdict(lambda: dict.fromkeys(keys, 0))
    for key in keys:
        for pairs, (value, _n, _d) in readings[key].slices if key in readings else ():
            if "journey" in pairs:
                found[pairs["journey"]][key] = None if value is None else int(value)
    rows = sorted(found.items(), key=lambda row: -(row[1][keys[0]] or 0))
    names = [str(Journey(key).label) if key in Journey.values else key for key, _row in rows]
    return {
        "heads": [str(readings[key].kpi.label) for key in keys if key in readings],
        "rows": [(name, [row[key] for key in keys]) for name, (_key, row) in zip(names, rows, strict=True)],
        "chart": {
            "kind": "bars",
            "names": names,
            "unit": "",
            "series": [
                {"name": str(readings[key].kpi.label), "tone": tone, "values": [row[key] for _key, row in rows]}
                for key, tone in zip(keys, ("accent", "61_90", "1_30"), strict=True)
                if key in readings
            ],
        },
    }
