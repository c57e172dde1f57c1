"""Who moved from which segment to which, month by month, out of the memberships that are kept.

In: the memberships that a caller may see. Out: counts, and the customers behind each; a move from "" is an arrival.
"""

from dataclasses import dataclass
from datetime import date

from django.db import connection
from django.db.models import QuerySet

from amiable.core import tables
from amiable.portfolio.models import Membership

# A period's end without another that begins on the day is a departure to no segment.
_MOVES = """
WITH period AS (
  SELECT p.customer_id, p.currency, p.segment, p.since, p.until,
         lag(p.segment) OVER w AS earlier, lag(p.until) OVER w AS earlier_until, lead(p.since) OVER w AS later_since
  FROM portfolio_membership p WHERE p.id IN ({seen}) AND (p.until IS NULL OR p.until >= %s)
  WINDOW w AS (PARTITION BY p.customer_id, p.currency ORDER BY p.since)
), move AS (
  SELECT customer_id, currency, since AS day, CASE WHEN earlier_until = since THEN earlier ELSE '' END AS origin,
         segment AS target FROM period WHERE since >= %s
  UNION ALL
  SELECT customer_id, currency, until, segment, '' FROM period WHERE until IS NOT NULL AND later_since IS DISTINCT FROM until
)
"""


@dataclass(frozen=True)
class Moved:
    """So many customers went from one segment to another within a month (named by its first day)."""

    month: date
    origin: str
    target: str
    customers: int


def by_month(*, memberships: QuerySet[Membership], since: date) -> list[Moved]:
    """The moves from a day on: the newest month first, and in it the largest move first."""
    seen, values = tables.selected(memberships, "pk")
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVES.format(seen=seen) + "SELECT date_trunc('month', day)::date, origin, target, count(*) FROM move"
            " WHERE day >= %s GROUP BY 1, 2, 3 ORDER BY 1 DESC, 4 DESC, 2, 3",
            [*values, since, since, since],
        )
        return [Moved(*row) for row in cursor.fetchall()]


def who(
    *, memberships: QuerySet[Membership], month: date, until: date, origin: str, target: str, most: int
) -> list[tuple[int, str, date]]:
    """Who made one move from `month` until before `until`: customer, currency, day; the newest first, `most` of them."""
    seen, values = tables.selected(memberships, "pk")
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVES.format(seen=seen) + "SELECT customer_id, currency, day FROM move"
            " WHERE day >= %s AND day < %s AND origin = %s AND target = %s ORDER BY day DESC, customer_id, currency LIMIT %s",
            [*values, month, month, month, until, origin, target, most],
        )
        return [(pk, currency, day) for pk, currency, day in cursor.fetchall()]
