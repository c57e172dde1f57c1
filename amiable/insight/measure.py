"""The KPIs of a day: tables in, figures out, per creditor, currency and slice; and the reading of them.

Measuring a day again writes only what changed, as a newer row: no figure is ever overwritten. A division by zero is a
figure without a value, never a zero.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.db import transaction

from amiable.core import tables
from amiable.core.errors import UnableTo
from amiable.insight import kept
from amiable.insight.add import parts
from amiable.insight.gather import Gathered
from amiable.insight.grain import OF_CUSTOMER
from amiable.insight.kpi import SUMS, Kpi, declared
from amiable.insight.models import Figure
from amiable.ledger.models import Creditor

MOST_MISSED = 30  # days that are made up for

# kpi, currency, slice as sorted pairs
Name = tuple[str, str, tuple[tuple[str, Any], ...]]
# value, numerator, denominator
Value = tuple[float | None, int | None, int | None]


class UnableToMeasure(UnableTo):
    """There is nothing to measure on that day."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    kpis: int
    written: int
    unchanged: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One KPI of one creditor in one currency: its newest value, the slices of that day, and the days before."""

    kpi: Kpi
    currency: str
    as_of: date | None  # the day of the newest value; empty when it was never measured
    value: float | None
    numerator: int | None
    denominator: int | None
    slices: Sequence[tuple[dict[str, str], Value]]
    history: Sequence[tuple[date, float | None]]


def measure(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> Summary:
    """Writes the figures of `as_of` for every creditor (or one) and currency; the same day again writes only what changed.

    Each creditor's stand for themselves: what was measured before a crash stays, and is found unchanged the next time.
    """
    total = Summary(kpis=len(declared()), written=0, unchanged=0)
    for each in [creditor] if creditor else Creditor.objects.order_by("pk"):
        written, unchanged = _measure(each, as_of=as_of, now=now)
        total = Summary(kpis=total.kpis, written=total.written + written, unchanged=total.unchanged + unchanged)
    return total


def catch_up(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Measures a day, and first the days before it (a month at most) that nobody measured: a course has no holes."""
    told = kept.told(creditor=creditor)
    since = as_of if told is None else max(told + timedelta(days=1), as_of - timedelta(days=MOST_MISSED))
    total = Summary(kpis=len(declared()), written=0, unchanged=0)
    for day in [since + timedelta(days=passed) for passed in range((as_of - since).days)] + [as_of]:
        done = measure(creditor=creditor, as_of=day, now=now)
        total = replace(total, written=total.written + done.written, unchanged=total.unchanged + done.unchanged)
    return total


def _measure(creditor: Creditor, *, as_of: date, now: datetime) -> tuple[int, int]:
    if as_of > now.astimezone(ZoneInfo(creditor.time_zone)).date():
        raise UnableToMeasure(f"The figures of {as_of} can be measured when that day has come.")
    since = None if kept.begun(creditor=creditor) else kept.first_month(as_of)
    gathered = Gathered(as_of=as_of, creditor=creditor, since=since, months_whole=True)
    found = dict(_all(gathered))
    with transaction.atomic():
        # One measuring at a time: two would both write the same new rows.
        Creditor.objects.select_for_update(no_key=True).get(pk=creditor.pk)
        known = _newest(creditor, as_of=as_of)
        # A slice that was there and is no more says so, or its old amount would stay on the screen.
        gone: dict[Name, Value] = {
            name: (None, None, None)
            for name, value in known.items()
            if name not in found and any(part is not None for part in value)
        }
        changed = {name: value for name, value in {**found, **gone}.items() if known.get(name) != value}
        _write(creditor, changed, as_of=as_of, now=now)
        kept.keep(gathered, {each.of.key: each.of for each in declared().values() if each.of}.values(), now=now)
    return len(changed), len(found) - len(changed) + len(gone)


def _write(creditor: Creditor, changed: Mapping[Name, Value], *, as_of: date, now: datetime) -> None:
    """The figures as new rows, all at once."""
    if not changed:
        return
    names, values = list(changed), list(changed.values())
    table = pl.DataFrame(
        {
            "creditor_id": [creditor.pk] * len(names),
            "kpi": [name[0] for name in names],
            "as_of": [as_of.isoformat()] * len(names),
            "currency": [name[1] for name in names],
            "slice": [json.dumps(dict(name[2])) for name in names],
            "value": pl.Series([value[0] for value in values], dtype=pl.Float64),
            "numerator": pl.Series([value[1] for value in values], dtype=pl.Int64),
            "denominator": pl.Series([value[2] for value in values], dtype=pl.Int64),
            "measured_at": [now.isoformat()] * len(names),
        }
    )
    tables.write(table, Figure._meta.db_table, table.columns)


def figures(
    *, creditor: Creditor, as_of: date, days: int = 90, currency: str = "", keys: Sequence[str] = ()
) -> dict[str, Reading]:
    """Every KPI (or `keys`) of a creditor by key, as last measured by `as_of`, with `days` of history.

    Without `currency`, the creditor's own. Counts that know no currency are always there.
    """
    wanted = {key: each for key, each in declared().items() if not keys or key in keys}
    wished = currency or creditor.currency
    rows = (
        Figure.objects.filter(creditor=creditor, kpi__in=wanted, as_of__lte=as_of, currency__in=["", wished])
        .filter(as_of__gt=date.fromordinal(max(as_of.toordinal() - days, 1)))
        .order_by("as_of", "measured_at", "id")
        .values_list("kpi", "as_of", "slice", "value", "numerator", "denominator")
    )
    by_key: dict[str, dict[date, dict[tuple[tuple[str, str], ...], Value]]] = {key: {} for key in wanted}
    # The history is that of the totals; only the newest day is shown in parts.
    for key, day, _none, value, numerator, denominator in rows.filter(slice={}).iterator(chunk_size=5_000):
        by_key[key].setdefault(day, {})[()] = (value, numerator, denominator)
    newest = {max(found) for found in by_key.values() if found}
    for key, day, pairs, value, numerator, denominator in rows.filter(as_of__in=newest).exclude(slice={}):
        by_key[key].setdefault(day, {})[tuple(sorted(pairs.items()))] = (value, numerator, denominator)
    return {key: _reading(each, wished if each.in_currency else "", by_key[key]) for key, each in wanted.items()}


def newest(*, creditor: Creditor, as_of: date, currency: str, days: int = 31) -> dict[str, tuple[date, Value]]:
    """The last total of every KPI in a currency within the days up to `as_of`, with its day."""
    rows = (
        Figure.objects.filter(creditor=creditor, slice={}, currency__in=["", currency], as_of__lte=as_of)
        .filter(as_of__gt=date.fromordinal(max(as_of.toordinal() - days, 1)))
        .order_by("kpi", "-as_of", "-measured_at", "-id").distinct("kpi")
        .values_list("kpi", "as_of", "value", "numerator", "denominator")
    )  # fmt: skip
    return {key: (day, (value, numerator, denominator)) for key, day, value, numerator, denominator in rows}


def _reading(each: Kpi, currency: str, days: Mapping[date, Mapping[tuple[tuple[str, str], ...], Value]]) -> Reading:
    last = max(days, default=None)
    newest = days[last] if last else {}
    value, numerator, denominator = newest.get((), (None, None, None))
    return Reading(
        kpi=each,
        currency=currency,
        as_of=last,
        value=value,
        numerator=numerator,
        denominator=denominator,
        # What is no more there has nothing at all; what cannot be measured has at least what it would be measured of.
        slices=[
            (dict(pairs), figure)
            for pairs, figure in sorted(newest.items(), key=lambda item: str(item[0]))
            if pairs and any(part is not None for part in figure)
        ],
        history=[(day, days[day][()][0]) for day in sorted(days) if () in days[day]],
    )


def _all(gathered: Gathered) -> Iterator[tuple[Name, Value]]:
    """The figures of every KPI; where a KPI has no row for a currency, its total is nought or unknown."""
    found = dict(_told(gathered))
    currencies = {gathered.creditor.currency} | {currency for _key, currency, _pairs in found if currency}
    for key, each in declared().items():
        for currency in sorted(currencies) if each.in_currency else [""]:
            yield (key, currency, ()), (0.0, 0, None) if each.unit in SUMS else (None, None, None)
    yield from found.items()


def _told(gathered: Gathered) -> Iterator[tuple[Name, Value]]:
    """What rows there are for: KPIs of one grain and window are added up together."""
    together: dict[Any, list[Kpi]] = defaultdict(list)
    for each in declared().values():
        if each.rows:
            for row in each.rows(gathered).iter_rows(named=True):
                value: Value = (row.pop("value"), row.pop("numerator"), row.pop("denominator"))
                # What else stands in the row says of which part it is told.
                currency, part = row.pop("currency"), tuple((name, row[name]) for name in sorted(row) if row[name])
                yield (each.key, currency, part), value
        elif each.of:
            together[each.of.key, each.days, each.in_currency].append(each)
    for (_grain, days, in_currency), kpis in together.items():
        grain = kpis[0].of
        assert grain is not None
        table = gathered.rows(grain)
        if not grain.stock and table.height:
            table = table.filter(pl.col("day") > date.fromordinal(gathered.as_of.toordinal() - days))
        if not table.height:
            continue
        for by in {(): None} | {part: None for each in kpis for part in each.slices}:
            wanted = [each for each in kpis if not by or by in each.slices]
            key = ["currency", *by] if in_currency else list(by)
            for each, told, (numerator, denominator) in parts(table, wanted, key):
                currency, own = (str(told[0]), told[1:]) if in_currency else ("", told)
                # A part with nothing in it is in the total only, and so is what a dimension does not apply to; who is in no
                # segment is a part like the others, or they would not add up.
                apart = set(by) <= set(OF_CUSTOMER) or any(part is not None for part in own)
                if by and not (apart and (numerator or denominator)):
                    continue
                pairs = tuple(sorted((name, "" if part is None else part) for name, part in zip(by, own, strict=True)))
                yield (each.key, currency, pairs), (each.value(numerator, denominator), numerator, denominator)


def _newest(creditor: Creditor, *, as_of: date) -> dict[Name, Value]:
    """What was last written for the day."""
    rows = (
        Figure.objects.filter(as_of=as_of, creditor=creditor, kpi__in=list(declared()))
        .order_by("measured_at", "id")
        .values_list("kpi", "currency", "slice", "value", "numerator", "denominator")
    )
    return {
        (key, currency, tuple(sorted(pairs.items()))): (value, numerator, denominator)
        for key, currency, pairs, value, numerator, denominator in rows
    }
