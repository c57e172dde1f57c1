"""How many minutes a kind of task takes: the median of those that were taken and done, else what we declare.

Never: a measure of one colleague; only kinds are measured, over everyone.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from django.db import connection

from amiable.casework.models import Pace, TaskKind
from amiable.core.calendar import end_of_day, start_of_day

# Until thirty were timed: our own estimates, no figure of others was found.
DECLARED: Mapping[str, float] = {
    TaskKind.CALL: 6, TaskKind.CONFIRM: 1, TaskKind.MANUAL: 5, TaskKind.REPLY: 4, TaskKind.CHECK: 5, TaskKind.OTHER: 8,
}  # fmt: skip
ENOUGH = 30
DAYS = 90
# A minute's fraction is a click by mistake, an hour a lunch: neither is work on one task.
_TIMED = """
SELECT kind, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - taken_at) / 60), count(*)
FROM casework_task
WHERE done_at >= %s AND done_at < %s AND taken_at IS NOT NULL AND taken_by_id = done_by_id
  AND done_at - taken_at BETWEEN interval '10 seconds' AND interval '1 hour'
GROUP BY kind HAVING count(*) >= %s
"""


def measure(*, as_of: date) -> dict[str, Pace]:
    """The pace of every kind as of the end of a day, kept for the weighing."""
    with connection.cursor() as cursor:
        cursor.execute(_TIMED, [start_of_day(as_of - timedelta(days=DAYS)), end_of_day(as_of), ENOUGH])
        timed = {kind: (float(minutes), number) for kind, minutes, number in cursor.fetchall()}
    rows = []
    for kind, declared in DECLARED.items():
        minutes, number = timed.get(kind, (declared, 0))
        rows.append(Pace(kind=kind, minutes=minutes, measured=number, as_of=as_of))
    Pace.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["kind"], update_fields=["minutes", "measured", "as_of"]
    )
    return {row.kind: row for row in rows}


def paces() -> dict[str, Pace]:
    """The pace of every kind as last measured; as declared where the day was never run."""
    kept = {row.kind: row for row in Pace.objects.all()}
    return {
        kind: kept.get(kind) or Pace(kind=kind, minutes=declared, measured=0) for kind, declared in DECLARED.items()
    }
