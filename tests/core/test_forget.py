"""What is kept for a while only goes when its time is over, and nothing before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from amiable.casework import survey
from amiable.casework.models import SurveyAnswer, SurveyAsk
from amiable.core.forget import ANSWERS, FAILED, JOBS, forget
from amiable.core.models import ApiAnswer, AuditEntry, User
from amiable.outreach import memo
from amiable.outreach.models import Memo
from tests.world import World, survey_answer

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
        ApiAnswer.objects.create(user=user, key=name, request_hash="x", status=200, sealed="", made_at=NOW - age)
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


def test_words_and_addresses_go_when_their_time_is_over_and_what_is_counted_stays(world: World) -> None:
    now = NOW
    kept, gone = (now - survey.WORDS_KEPT + timedelta(days=days) for days in (1, -1))
    for who, at in ((world.anna, kept), (world.boris, gone)):
        answer = survey_answer(who, 4, now=at, medium="email", address="a@example.org")
        SurveyAnswer.objects.filter(pk=answer.pk).update(words="Nobody called back.")
    SurveyAsk.objects.filter(customer=world.anna).update(asked_at=now - timedelta(days=90))
    for name, days in (("new", 89), ("old", 91)):
        words = {"subject": "Anna", "text": "Anna owes", "html": "<p>Anna owes"}
        Memo.objects.create(
            key=name, address="c@example.org", language="en", created_at=now - timedelta(days=days), **words
        )
    assert survey.forget(now=now) == {"survey_addresses": 1, "survey_words": 1}
    assert memo.forget(now=now) == {"memos": 1}
    assert list(SurveyAsk.objects.order_by("pk").values_list("address", flat=True)) == ["a@example.org", ""]
    assert list(SurveyAnswer.objects.order_by("pk").values_list("words", "score")) == [
        ("Nobody called back.", 4),
        ("", 4),
    ]
    assert list(Memo.objects.order_by("pk").values_list("key", "text")) == [("new", "Anna owes"), ("old", "")]
    assert {*survey.forget(now=now).values(), *memo.forget(now=now).values()} == {0}, "again changes nothing"
