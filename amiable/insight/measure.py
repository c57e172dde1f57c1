"""The KPIs of a day: tables in, figures out, per creditor, currency and slice; and the reading of them.

Measuring a day again writes only what changed, as a newer row: no figure is ever overwritten. A division by zero is a
figure without a value, never a zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
from django.db import transaction

from amiable.insight.gather import Gathered
from amiable.insight.kpi import COUNT, DAYS, MONEY, PERCENT, Kpi, declared
from amiable.insight.models import Figure
from amiable.ledger.models import Creditor

# creditor, kpi, currency, slice as sorted pairs
Name = tuple[int, str, str, tuple[tuple[str, str], ...]]
# value, numerator, denominator
Value = tuple[float | None, int | None, int | None]


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
    """Writes the figures of `as_of` for every creditor (or one) and currency; the same day again writes only what changed."""
    measured = Creditor.objects.all() if creditor is None else Creditor.objects.filter(pk=creditor.pk)
    creditors = dict(measured.values_list("id", "currency"))
    found = dict(_all(Gathered(as_of=as_of, creditor=creditor), creditors))
    with transaction.atomic():
        # One measuring at a time: two would both write the same new rows.
        list(measured.select_for_update(no_key=True).order_by("id").values_list("id", flat=True))
        known = _newest(as_of=as_of, creditors=creditors)
        # A slice that was there and is no more says so, or its old amount would stay on the screen.
        gone: dict[Name, Value] = {
            name: (None, None, None)
            for name, value in known.items()
            if name not in found and any(part is not None for part in value)
        }
        changed = {name: value for name, value in {**found, **gone}.items() if known.get(name) != value}
        Figure.objects.bulk_create(
            [
                Figure(
                    creditor_id=creditor,
                    kpi=key,
                    as_of=as_of,
                    currency=currency,
                    slice=dict(pairs),
                    value=value,
                    numerator=numerator,
                    denominator=denominator,
                    measured_at=now,
                )
                for (creditor, key, currency, pairs), (value, numerator, denominator) in changed.items()
            ],
            batch_size=5_000,
        )
    return Summary(kpis=len(declared()), written=len(changed), unchanged=len(found) - len(changed) + len(gone))


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


def _all(gathered: Gathered, creditors: Mapping[int, str]) -> Iterator[tuple[Name, Value]]:
    """The figures of every KPI; where a KPI has no row for a creditor and currency, its total is nought or unknown."""
    tables = {key: each.rows(gathered) for key, each in declared().items()}
    pairs = {(creditor, currency) for creditor, currency in creditors.items()}
    for table in tables.values():
        if "currency" in table.columns:
            pairs |= set(table.select("creditor", "currency").unique().iter_rows())
    for key, each in declared().items():
        for creditor, currency in sorted(pairs if each.in_currency else {(creditor, "") for creditor in creditors}):
            yield (creditor, key, currency, ()), _empty(each)
        yield from _named(each, tables[key])


def _empty(each: Kpi) -> Value:
    return (0.0, 0, None) if each.unit in {MONEY, COUNT} else (None, None, None)


def _named(each: Kpi, table: pl.DataFrame) -> Iterator[tuple[Name, Value]]:
    """The rows of a KPI's table as figures."""
    for row in table.iter_rows(named=True):
        numerator, denominator = row["numerator"], row.get("denominator")
        pairs = tuple(sorted((column, row[column]) for column in each.slices if row.get(column) is not None))
        currency = row["currency"] if each.in_currency else ""
        yield (row["creditor"], each.key, currency, pairs), (_value(each, row), numerator, denominator)


def _value(each: Kpi, row: Mapping[str, Any]) -> float | None:
    if each.unit is PERCENT:
        return row["numerator"] / row["denominator"] if row["denominator"] else None
    if each.unit is DAYS:
        value: float | None = row["value"]
        return value
    return None if row["numerator"] is None else float(row["numerator"])


def _newest(*, as_of: date, creditors: Mapping[int, str]) -> dict[Name, Value]:
    """What was last written for the day."""
    rows = (
        Figure.objects.filter(as_of=as_of, creditor_id__in=list(creditors), kpi__in=list(declared()))
        .order_by("measured_at", "id")
        .values_list("creditor_id", "kpi", "currency", "slice", "value", "numerator", "denominator")
    )
    return {
        (creditor, key, currency, tuple(sorted(pairs.items()))): (value, numerator, denominator)
        for creditor, key, currency, pairs, value, numerator, denominator in rows
    }
