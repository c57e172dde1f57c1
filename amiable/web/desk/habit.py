"""How a customer pays over time: by month of settling, how late on average (weighted by amount), how much, how much of it late.

In: a customer. Out: a picture, and the table behind it. Money of two currencies is never put together.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from amiable.web.desk import scope
from amiable.web.ui import clock

MONTHS = 24
WIDTH, HEIGHT, TOP, FOOT = 720, 150, 14, 22  # of the picture, in its own units
LEFT = 40  # where the scale stands
LEAST = 10  # days that the scale spans at least

# Of what was invoiced and settled: credit notes and written off invoices are no payments.
_HABIT = """
SELECT date_trunc('month', settled_on)::date, currency, count(*), sum(amount_minor)::bigint,
       coalesce(sum(amount_minor) FILTER (WHERE settled_on > due_on), 0)::bigint,
       sum(amount_minor::numeric * (settled_on - due_on)) / sum(amount_minor)
FROM ledger_invoice i
WHERE customer_id = %(customer)s AND settled_on >= %(since)s
  AND EXISTS (SELECT FROM ledger_allocation a WHERE a.invoice_id = i.id)
GROUP BY 1, 2 ORDER BY 2, 1
"""


@dataclass(frozen=True)
class Month:
    """`days`: late on average, weighted by amount; negative is early. `x`, `y`, `height`, `width`: its bar."""

    start: date
    count: int
    minor: int
    late_minor: int
    days: float
    x: float = 0
    y: float = 0
    height: float = 0
    width: float = 0

    @property
    def late_share(self) -> float:
        return self.late_minor / self.minor


@dataclass(frozen=True)
class Habit:
    currency: str
    months: list[Month]
    zero: float  # the height at which nobody is late
    scale: list[tuple[float, int]]  # lines across: height, days
    names: list[tuple[float, date]]  # months named below

    @property
    def last(self) -> Month:
        return self.months[-1]


@require_GET
@scope.inside
def shown(request: scope.Asked, pk: int) -> HttpResponse:
    """Asked for after the page is there."""
    found = scope.customer_or_404(request.user, pk)
    content = {"customer": found, "habits": habits(customer=found.pk, today=clock.today()), "months": MONTHS}
    return render(request, "desk/_habit.html", content)


def habits(*, customer: int, today: date) -> list[Habit]:
    """One per currency in which something was settled, the currency with most invoices first."""
    since = _later(today.replace(day=1), 1 - MONTHS)
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HABIT, {"customer": customer, "since": since})
        for start, currency, *rest in cursor.fetchall():
            found.setdefault(currency, []).append((start, *rest))
    drawn = [_drawn(currency, rows, since) for currency, rows in found.items()]
    return sorted(drawn, key=lambda each: -sum(month.count for month in each.months))


def _drawn(currency: str, rows: list[tuple[Any, ...]], since: date) -> Habit:
    """Bars above the line for days late, below it for days early."""
    days = [float(row[4]) for row in rows]
    top, low = max(LEAST, *days), min(0.0, *days)
    room = HEIGHT - TOP - FOOT
    per_day, step = room / (top - low), (WIDTH - LEFT) / MONTHS
    zero = TOP + top * per_day
    months = []
    for start, count, minor, late_minor, late in rows:
        height = max(abs(float(late)) * per_day, 1.5)
        months.append(
            Month(
                start, count, minor, late_minor, float(late),
                x=round(LEFT + _since(since, start) * step + step * 0.18, 1), width=round(step * 0.64, 1),
                y=round(zero - height if late > 0 else zero, 1), height=round(height, 1),
            )
        )  # fmt: skip
    scale = [(round(zero - mark * per_day, 1), mark) for mark in _marks(low, top)]
    named = [_later(since, n) for n in range(0, MONTHS, 6)]
    return Habit(
        currency, months, round(zero, 1), scale, [(round(LEFT + _since(since, day) * step, 1), day) for day in named]
    )


def _since(first: date, day: date) -> int:
    return (day.year - first.year) * 12 + day.month - first.month


def _later(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _marks(low: float, top: float) -> list[int]:
    """A few whole numbers of days, evenly apart, with nought among them."""
    step = next(each for each in (5, 10, 15, 30, 60, 90, 180, 365, 1_000, 10_000, 100_000) if (top - low) / each <= 4)
    return list(range(-int(-low // step) * step, int(top // step) * step + 1, step))
