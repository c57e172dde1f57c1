"""What is kept for a while only goes when its time is over, and nothing before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from amiable.core.forget import ANSWERS, FAILED, JOBS, forget
from amiable.core.models import ApiAnswer, AuditEntry, User
from tests.world import World

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 11, 7, tzinfo=UTC)


def _job(status: str, days: float) -> int:
    at = NOW - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status) VALUES ('x', 'q', '{}', %s) RETURNING id",
            [status],
        )
        pk = int(cursor.fetchone()[0])
        cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", [pk])
        cursor.execute("INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, 'succeeded', %s)", [pk, at])
        cursor.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id) VALUES (%s, %s, %s)",
            [f"t{pk}", int(at.timestamp()), pk],
        )
    return pk


def _jobs() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM procrastinate_jobs WHERE task_name = 'x'")
        return {pk for (pk,) in cursor.fetchall()}


def test_what_is_over_goes_and_what_counts_stays(world: World) -> None:
    user = User.objects.create(username="vera")
    trail = AuditEntry.objects.count()
    for name, age in {"old": ANSWERS + timedelta(seconds=1), "new": ANSWERS - timedelta(seconds=1)}.items():
        ApiAnswer.objects.create(user=user, key=name, request_hash="x", status=200, body="", made_at=NOW - age)
        Session.objects.create(
            session_key=name, session_data="", expire_date=NOW + (timedelta(1) if name == "new" else -timedelta(1))
        )
    with connection.cursor() as cursor:
        for name in ("new", "old", "just_begun"):
            seen = NOW if name == "just_begun" else NOW - timedelta(days=3)
            cursor.execute(
                "INSERT INTO usersessions_usersession (user_id, created_at, ip, last_seen_at, session_key, user_agent, data)"
                " VALUES (%s, %s, '127.0.0.1', %s, %s, '', '{}')",
                [user.pk, seen, seen, name],
            )
    done, failed = JOBS.days, FAILED.days
    stay = {_job("succeeded", done - 1), _job("failed", done + 1), _job("todo", failed + 9), _job("doing", failed + 9)}
    for status, days in (("succeeded", done + 1), ("cancelled", done + 1), ("failed", failed + 1)):
        _job(status, days)
    gone = forget(now=NOW)
    assert gone == {"answers": 1, "sessions": 1, "unknown": 1, "jobs": 3, "periods": 6}
    assert set(ApiAnswer.objects.values_list("key", flat=True)) == {"new"}
    assert set(Session.objects.values_list("session_key", flat=True)) == {"new"}
    assert _jobs() == stay
    assert AuditEntry.objects.count() == trail
    assert set(forget(now=NOW).values()) == {0}, "again changes nothing"
