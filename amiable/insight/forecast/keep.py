"""Forecasts are kept on the day they are made, and told later what came: so nobody improves them afterwards.

In: a day that is over (the day's run passes yesterday: the weeks begin with the day of the run). Out: rows of that day's
forecast, what came in the weeks that are over. Never: a forecast changed, or made twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Q

from amiable.core import tables
from amiable.insight.forecast.foresee import foresee
from amiable.insight.forecast.habits import packed
from amiable.insight.models import Forecast, ForecastWeek
from amiable.ledger.models import Creditor

SETTLES_DAYS = 14  # so long after its end a week is looked at again: money is sometimes told late
HABITS_DAYS = (
    35  # so long the habits that a forecast was made from are kept: customers' pages read those of the last week
)

LATE_DAYS = 31  # so long after the day on which money counts it may be told

# Money that settled invoices: by the day when it counted, the day on which that was told, the day from which the invoice was
# known, and the day from which the money was: what confirms a word told earlier (of the provider of payments) was there with
# that word. Invoices that were sold bring their money to the factor.
_CAME = """
SELECT currency, day, told_on, greatest(issued_on, invoice_on), least(greatest(received_on, credit_on), first_on),
  sum(amount)::bigint
FROM (
  SELECT i.currency, a.effective_on AS day, (a.known_at AT TIME ZONE %(zone)s)::date AS told_on, i.issued_on,
    (i.known_at AT TIME ZONE %(zone)s)::date AS invoice_on, c.received_on,
    (c.known_at AT TIME ZONE %(zone)s)::date AS credit_on, f.first_on, a.amount_minor AS amount
  FROM ledger_entry e JOIN ledger_allocation a ON a.id = e.allocation_id
  JOIN ledger_invoice i ON i.id = a.invoice_id JOIN ledger_credit c ON c.id = a.credit_id AND c.kind = 'payment'
  CROSS JOIN LATERAL (
    SELECT min(greatest(p.received_on, (p.known_at AT TIME ZONE %(zone)s)::date)) AS first_on
    FROM ledger_credit p WHERE p.confirmed_by_id = c.id) f
  WHERE e.effective_on > %(early)s AND e.effective_on <= %(until)s AND i.creditor_id = %(creditor)s
    AND (e.effective_on > %(since)s OR (e.known_at AT TIME ZONE %(zone)s)::date > %(since)s)
    AND NOT EXISTS (
      SELECT FROM ledger_sale s WHERE s.customer_id = i.customer_id AND (s.invoice_id IS NULL OR s.invoice_id = i.id)
        AND s.since <= a.effective_on AND (s.until IS NULL OR s.until > a.effective_on))) x
GROUP BY 1, 2, 3, 4, 5"""
_COLUMNS = {
    "currency": pl.String, "day": pl.Date, "told_on": pl.Date, "invoice_on": pl.Date, "credit_on": pl.Date,
    "minor": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """How many forecasts were kept, and how many past weeks were told what came."""

    kept: int = 0
    told: int = 0


def keep(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Keeps a forecast, one a calendar week by its own first day: run from the evening of Sunday on, its weeks begin on Monday.
    And writes what came in the weeks that are over."""
    kept, first = 0, as_of + timedelta(days=1)
    sunday = first - timedelta(days=first.weekday() + 1)
    if not Forecast.objects.filter(creditor=creditor, as_of__gte=sunday, as_of__lte=as_of).exists():
        told = foresee(creditor=creditor, as_of=as_of)
        with transaction.atomic():
            made, new = Forecast.objects.get_or_create(
                creditor=creditor, as_of=as_of,
                defaults={
                    "made_at": now, "why": told.why, "learnt_from": told.learnt_from,
                    "habits": packed(told.habits) if told.habits else {},
                    "beside": {
                        each.currency: {
                            "open": each.open_minor, "netted": each.netted_minor, "outside": each.outside_minor
                        }
                        for each in told.currencies
                    },
                },
            )  # fmt: skip
            if new:
                kept = 1
                ForecastWeek.objects.bulk_create(
                    ForecastWeek(
                        forecast=made, currency=each.currency, number=week.number, since=week.since, until=week.until,
                        low_minor=week.low, middle_minor=week.middle, high_minor=week.high, upto_low_minor=week.upto_low,
                        upto_middle_minor=week.upto_middle, upto_high_minor=week.upto_high, plain_minor=week.plain,
                        parts=week.parts,
                    )
                    for each in told.currencies
                    for week in each.weeks
                )  # fmt: skip
    old = Forecast.objects.filter(creditor=creditor, as_of__lt=as_of - timedelta(days=HABITS_DAYS)).exclude(habits={})
    old.update(habits={})
    return Summary(kept=kept, told=_tell_what_came(creditor, as_of))


def _tell_what_came(creditor: Creditor, as_of: date) -> int:
    # Those that were never told are told however long the day was not run.
    unsettled = Q(until__gte=as_of - timedelta(days=SETTLES_DAYS)) | Q(came_minor=None)
    over = ForecastWeek.objects.filter(unsettled, forecast__creditor=creditor, until__lt=as_of)
    weeks = list(over.select_related("forecast").defer("forecast__habits"))
    if not weeks:
        return 0
    money = came(creditor=creditor, since=min(week.since for week in weeks) - timedelta(days=1), until=as_of)
    changed = []
    for week in weeks:
        minor = between(money, currency=week.currency, as_of=week.forecast.as_of, since=week.since, until=week.until)
        if week.came_minor != minor:
            week.came_minor = minor
            changed.append(week)
    ForecastWeek.objects.bulk_update(changed, ["came_minor"], batch_size=500)
    return len(changed)


def came(*, creditor: Creditor, since: date, until: date) -> pl.DataFrame:
    """The money that settled invoices after one day and until another, summed by what was known when."""
    values: Mapping[str, Any] = {
        "creditor": creditor.pk, "since": since, "until": until, "zone": creditor.time_zone,
        "early": since - timedelta(days=LATE_DAYS),
    }  # fmt: skip
    return tables.read(_CAME, values, schema=_COLUMNS)


def between(money: pl.DataFrame, *, currency: str, as_of: date, since: date, until: date) -> int:
    """What came in a span of days, on invoices known by `as_of`, of money that was not there yet.

    What counts from `as_of` or before and was told after it was still expected: it comes on the first day of the forecast.
    """
    came_on = pl.max_horizontal("day", pl.lit(as_of + timedelta(days=1)))
    mine = money.filter(
        pl.col("currency") == currency, pl.max_horizontal("day", "told_on") > as_of, came_on.is_between(since, until),
        pl.col("invoice_on") <= as_of, pl.col("credit_on") > as_of,
    )  # fmt: skip
    return int(mine["minor"].sum())
