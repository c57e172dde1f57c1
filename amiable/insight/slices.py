"""A KPI over a period, parted by up to three dimensions at once: added up on demand from the months that are kept.

In: a creditor, a KPI, days, dimensions. Out: one line per part and the total. Never: a sum over two currencies, a nought
where there is nothing, an answer about days that have not come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from django.utils.translation import gettext as _

from amiable.core.calendar import end_of_month
from amiable.core.errors import UnableTo
from amiable.insight import kept, names
from amiable.insight.add import parts
from amiable.insight.grain import Grain
from amiable.insight.kpi import Kpi, declared
from amiable.ledger.models import Creditor

PERIOD = "period"  # the month
WEEK = "week"
TIMES = {PERIOD: "1mo", WEEK: "1w", "day": "1d"}  # how a flow is told over time; a stock, by its month ends alone
MOST = 3


def times(each: Kpi) -> tuple[str, ...]:
    """How a KPI is told over time; not at all where it is told as a whole only."""
    if each.of is None:
        return ()
    return (PERIOD,) if each.of.stock else tuple(TIMES)


def span(name: str, since: date) -> tuple[date, date]:
    """The first day and the last of a month, a week or a day that begins so."""
    if name == PERIOD:
        return since, end_of_month(since)
    return since, since + timedelta(days=6 if name == WEEK else 0)


class UnableToSlice(UnableTo):
    """The figure cannot be parted as it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """`by`: what parts it, in the order asked for; None: not known, or none."""

    by: tuple[Any, ...]
    value: float | None
    numerator: int | None
    denominator: int | None


@dataclass(frozen=True, kw_only=True)
class Sliced:
    """`as_of`: the last day that is known whole. `note`: a sentence where there is nothing to tell."""

    kpi: Kpi
    by: tuple[str, ...]
    currency: str
    as_of: date
    total: Part
    parts: Sequence[Part]
    note: str = ""


def slice_up(
    *,
    creditor: Creditor,
    key: str,
    by: Sequence[str],
    since: date,
    until: date,
    currency: str = "",
    where: Mapping[str, Any] | None = None,
) -> Sliced:
    """The KPI over the days of a period, by up to three of its dimensions and of `period` (a month), `week` and `day`.

    `where` narrows it to some parts.

    What stands on a day (open invoices, waiting tasks) is told as of the last day, or of the last day of each month.
    Raises UnableToSlice with a sentence.
    """
    each, narrowed = declared().get(key), dict(where or {})
    as_of = kept.told(creditor=creditor)
    _check(each, key, by, narrowed, since, until, as_of)
    assert each is not None
    assert each.of is not None
    assert as_of is not None
    rows, last = _rows(creditor, each, by, narrowed, since, until)
    wished = currency or creditor.currency
    if each.in_currency:
        rows = rows.filter(pl.col("currency") == wished)
    for name, value in narrowed.items():
        rows = rows.filter(pl.col(name).eq_missing(pl.lit(value, rows.schema[name])))
    total, found = Part(by=(), value=None, numerator=None, denominator=None), []
    if rows.height:
        # How things stand at the ends of several months is no sum: the whole is that of the last day.
        whole = rows.filter(pl.col("day") == last) if each.of.stock else rows
        total = next(_parts(each, whole, ()))
        found = sorted(_parts(each, rows, by), key=lambda part: tuple((one is None, str(one)) for one in part.by))
    words = {"kpi": each.label, "since": since, "until": until}
    note = "" if rows.height else _("%(kpi)s: there is nothing from %(since)s to %(until)s.") % words
    return Sliced(
        kpi=each,
        by=tuple(by),
        currency=wished if each.in_currency else "",
        as_of=as_of,
        total=total,
        parts=found,
        note=note,
    )


def _rows(
    creditor: Creditor, each: Kpi, by: Sequence[str], where: Mapping[str, Any], since: date, until: date
) -> tuple[pl.DataFrame, date | None]:
    """What is kept, in the columns that are needed; of a stock, its last day, or the last of each month; and that day."""
    grain = each.of
    assert grain is not None
    asked = {name for name in (*by, *where) if name not in TIMES}
    columns = [name for name in grain.schema if name in {"currency", "day", *asked, *_needed(each, grain)}]
    held = kept.fetch(creditor=creditor, grains={grain.key: since}, until=until)[grain.key]
    rows = kept.unpack(held, grain=grain, since=since, until=until, columns=columns)
    last = kept.stood(held, since=since, until=until)
    times = [name for name in TIMES if name in by or name in where]
    if grain.stock and not times:
        rows = rows.filter(pl.col("day") == last) if last else rows.clear()
    return rows.with_columns(pl.col("day").dt.truncate(TIMES[name]).alias(name) for name in times), last


def _needed(each: Kpi, grain: Grain) -> set[str]:
    """The columns that the KPI's own words name."""
    said = [part for part in (each.numerator, each.denominator) if part is not None]
    return {name for part in said for name in part.meta.root_names() if name in grain.schema}


def _parts(each: Kpi, rows: pl.DataFrame, by: Sequence[str]) -> Any:
    for _one, own, (numerator, denominator) in parts(rows, [each], by):
        yield Part(by=own, value=each.value(numerator, denominator), numerator=numerator, denominator=denominator)


def _check(
    each: Kpi | None,
    key: str,
    by: Sequence[str],
    where: Mapping[str, Any],
    since: date,
    until: date,
    as_of: date | None,
) -> None:
    if each is None:
        raise UnableToSlice(_("There is no figure “%(key)s”.") % {"key": key})
    words = {"kpi": each.label, "since": since, "until": until, "as_of": as_of}
    if each.of is None:
        raise UnableToSlice(_("%(kpi)s is told as a whole only: its formula cannot be parted.") % words)
    known = (*each.dimensions, *times(each))
    if odd := [name for name in (*by, *where) if name not in known]:
        words |= {"odd": names.head(odd[0]), "known": ", ".join(names.head(name) for name in known)}
        raise UnableToSlice(_("%(kpi)s cannot be parted by “%(odd)s”; it can be by: %(known)s.") % words)
    if len(set(by)) > MOST or len(set(by)) < len(by):
        raise UnableToSlice(_("A figure is parted by three different things at most."))
    if since > until:
        raise UnableToSlice(_("The period ends (%(until)s) before it begins (%(since)s).") % words)
    if as_of is None:
        raise UnableToSlice(_("Nothing was measured yet: the first figures stand after the first run of the day."))
    if since > as_of:
        told = _("The period from %(since)s on has not come yet: the last day that was measured is %(as_of)s.")
        raise UnableToSlice(told % words)
