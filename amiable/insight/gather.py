"""The tables on which KPIs stand, of one creditor, read once per measuring and only when a KPI asks.

All are as of a day by the dates on which things count, with what is known now. Nothing is added over two currencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from amiable.core import tables
from amiable.core.calendar import end_of_month
from amiable.insight.costs import Costs, costs
from amiable.insight.grain import WINDOW, Grain
from amiable.insight.grains.contact import REACHED
from amiable.ledger.models import Creditor
from amiable.payments.providers import providers

MONTHS_BACK = 24

OPEN_CREDITS = """
SELECT c.currency, sum(c.open_minor - coalesce(l.moved, 0))::bigint
FROM ledger_credit c LEFT JOIN (
  SELECT credit_id, sum(amount_minor) AS moved FROM ledger_entry
  WHERE effective_on > %(as_of)s AND credit_id IS NOT NULL GROUP BY 1) l ON l.credit_id = c.id
WHERE c.creditor_id = %(creditor)s AND c.received_on <= %(as_of)s AND c.customer_id IS NOT NULL AND c.confirmed_by_id IS NULL
  AND (c.open_minor > 0 OR l.moved IS NOT NULL)
GROUP BY 1"""

BILLED = """
SELECT i.currency, date_trunc('month', i.issued_on)::date, sum(i.amount_minor)::bigint
FROM ledger_invoice i
WHERE i.creditor_id = %(creditor)s AND i.issued_on BETWEEN %(first_month)s AND %(as_of)s GROUP BY 1, 2"""


def measured_by() -> frozenset[str]:
    """The providers that tell when something was typed wrongly; the page of another one keeps it to itself."""
    return frozenset(key for key, psp in providers().items() if psp.input_errors is not None)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The tables of one day and creditor. Events are read from where a grain's window begins; with `months_whole` from the
    beginning of the first month that has not settled; from `since` on where it is said. `among`: only of these customers,
    each by itself.
    """

    as_of: date
    creditor: Creditor
    since: date | None = None
    months_whole: bool = False
    among: Sequence[int] | None = None
    _known: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False)

    @cached_property
    def months(self) -> list[tuple[date, int]]:
        """The months that end with the day, newest first, each with the number of its days that have passed."""
        found, last = [], self.as_of
        for _ in range(MONTHS_BACK):
            found.append((last.replace(day=1), last.day))
            last = end_of_month(last.replace(day=1) - timedelta(days=1))
        return found

    @cached_property
    def costs(self) -> Costs:
        return costs(self.creditor.policy)

    def begin(self, grain: Grain) -> date:
        """The first day whose rows are read."""
        window = self.as_of - timedelta(days=grain.days - 1)
        if grain.stock:
            return window
        if self.since:
            return self.since
        unsettled = (self.as_of - timedelta(days=grain.settles)).replace(day=1)
        return min(window, unsettled) if self.months_whole else window

    def rows(self, grain: Grain) -> pl.DataFrame:
        """The rows of a grain: by customer where its measuring needs them so, or where customers were named."""
        if grain.key not in self._known:
            if grain.made:
                table = grain.made(self)
            else:
                each = grain.each or self.among is not None
                table = self.read(grain.query(each=each), grain.schema, since=self.begin(grain))
            self._known[grain.key] = table
        return self._known[grain.key]

    @cached_property
    def reached(self) -> pl.DataFrame:
        """The customers whom a reminder or a call went to in the recent days."""
        return self.read(REACHED, {"customer": pl.Int64}, since=self.as_of - timedelta(days=WINDOW - 1))

    @cached_property
    def open_credits(self) -> pl.DataFrame:
        """Money and credit notes of customers that no invoice has taken yet."""
        return self.read(OPEN_CREDITS, {"currency": pl.String, "credit_minor": pl.Int64})

    @cached_property
    def billed(self) -> pl.DataFrame:
        """What was billed, by month of issue."""
        return self.read(BILLED, {"currency": pl.String, "month": pl.Date, "billed_minor": pl.Int64})

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, ZoneInfo(self.creditor.time_zone))

    def read(self, query: str, schema: Any, *, since: date | None = None) -> pl.DataFrame:
        """The rows of a query, as of the day; empty text reads as nothing."""
        begin = since or self.as_of
        values = {
            "as_of": self.as_of,
            "creditor": self.creditor.pk,
            "currency": self.creditor.currency,
            "zone": self.creditor.time_zone,
            "since": begin,
            # The window's instants where the creditor is at home: a plain range, of which the database knows how much it holds.
            "begins": self._midnight(begin),
            "ends": self._midnight(self.as_of + timedelta(days=1)),
            # Any time zone's first instant of the window comes after this.
            "before": begin - timedelta(days=2),
            "stale": begin - timedelta(days=WINDOW),
            "first_month": self.months[-1][0],
            "measuring": sorted(measured_by()),
            "among": None if self.among is None else list(self.among),
        }
        return tables.read(query, values, schema=schema)
