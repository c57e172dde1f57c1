"""What was kept for a while only is forgotten when its time is over, each kind in one statement.

In: a moment. Out: how many rows went. Never: a line of the trail, a run, or anything that somebody could still ask about.
"""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import connection

from amiable.core.models import ApiAnswer

ANSWERS = timedelta(days=7)  # how long the API repeats the answer to an Idempotency-Key
JOBS = timedelta(days=14)  # jobs of the queue that are over
FAILED = timedelta(days=90)  # jobs that fell over, which somebody may want to look into
SESSIONS = timedelta(days=1)  # what allauth knows of a session whose own row is gone

_UNKNOWN = """
DELETE FROM usersessions_usersession u
WHERE u.last_seen_at < %(sessions)s AND NOT EXISTS (SELECT FROM django_session s WHERE s.session_key = u.session_key)"""
_JOBS = """
DELETE FROM procrastinate_jobs j
WHERE (j.status IN ('succeeded', 'cancelled', 'aborted')
       AND NOT EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at >= %(jobs)s))
   OR (j.status = 'failed'
       AND NOT EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.at >= %(failed)s))"""
_PERIODS = "DELETE FROM procrastinate_periodic_defers WHERE defer_timestamp < extract(epoch FROM %(jobs)s::timestamptz)"


def forget(*, now: datetime) -> dict[str, int]:
    answers, _kinds = ApiAnswer.objects.filter(made_at__lt=now - ANSWERS).delete()
    sessions, _kinds = Session.objects.filter(expire_date__lt=now).delete()
    found = {"answers": answers, "sessions": sessions}
    before = {"sessions": now - SESSIONS, "jobs": now - JOBS, "failed": now - FAILED}
    with connection.cursor() as cursor:
        for name, statement in (("unknown", _UNKNOWN), ("jobs", _JOBS), ("periods", _PERIODS)):
            cursor.execute(statement, before)
            found[name] = cursor.rowcount
    return found
