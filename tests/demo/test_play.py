"""A small demo from end to end: files, the real day, a real SMTP server, signed calls; then the books are checked."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, Sum

from amiable.core.models import Run, User
from amiable.demo import apart
from amiable.demo.play import play, way_in
from amiable.demo.prepare import UnableToPrepare
from amiable.demo.stage import UnableToPlay
from amiable.insight.measure import figures
from amiable.ledger.models import Credit, Creditor, Customer, Entry, Invoice
from amiable.outreach.models import Memo, Message
from amiable.payments.models import Attempt, ProviderEvent
from amiable.web.dev import smtp
from amiable.web.ui import clock

END = date(2026, 6, 12)  # a Friday
DAYS = 10


@pytest.fixture
def played(transactional_db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> dict[str, Any]:
    monkeypatch.setenv("AMIABLE_HOME", str(tmp_path))
    result = play(customers=60, days=DAYS, seed=5, end=END, progress=False, json=True)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == json.loads(json.dumps(result))
    return result


def test_a_small_demo_from_end_to_end(played: dict[str, Any]) -> None:
    assert played["days"] == DAYS
    assert Customer.objects.count() == 60
    assert set(Run.objects.values_list("as_of", flat=True)) == {END - timedelta(days=n) for n in range(DAYS)}
    assert not Run.objects.exclude(error="").exists()
    _the_books_hold()
    _messages_left_once(played)
    _money_is_counted_once(played)
    _figures_are_there()
    _the_desk_can_be_entered(played)
    with pytest.raises(UnableToPrepare):
        play(customers=60, days=1, seed=5, end=END, progress=False, json=True)


def _the_books_hold() -> None:
    assert not Invoice.objects.annotate(moved=Sum("entries__amount_minor")).exclude(moved=F("open_minor")).exists()
    assert not Credit.objects.annotate(moved=Sum("entries__amount_minor")).exclude(moved=F("open_minor")).exists()
    assert Entry.objects.filter(kind="allocation").exists()


def _messages_left_once(played: dict[str, Any]) -> None:
    sent = Message.objects.filter(state="sent")
    assert played["sent"] == sent.count() > 0
    told = Memo.objects.filter(sent_at__isnull=False)  # to colleagues
    assert len(list(smtp.mails())) == sent.filter(medium="email").count() + told.count()
    assert not Message.objects.filter(state="in_doubt").exists()


def _money_is_counted_once(played: dict[str, Any]) -> None:
    start = END - timedelta(days=DAYS - 1)
    counted = Credit.objects.filter(kind="payment", confirmed_by=None, received_on__gte=start, received_on__lte=END)
    assert played["paid_minor"] == counted.aggregate(all=Sum("amount_minor"))["all"]
    for attempt in Attempt.objects.filter(state="succeeded"):
        assert attempt.credit is not None
        assert attempt.credit.amount_minor == attempt.amount_minor
    told = ProviderEvent.objects.exclude(attempt=None).count()
    assert told == ProviderEvent.objects.count()


def _figures_are_there() -> None:
    for creditor in Creditor.objects.all():
        read = figures(creditor=creditor, as_of=END)
        assert [day for day, _value in read["amount_overdue"].history] == [
            END - timedelta(days=n + 1)
            for n in reversed(range(DAYS))  # in the morning, of the day that is over
        ]
        assert read["dso"].value is not None


def _the_desk_can_be_entered(played: dict[str, Any]) -> None:
    assert User.objects.filter(username="demo", is_superuser=True).exists()
    assert way_in(now=clock.now()).startswith("/")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM casework_task WHERE done_at IS NULL")
        assert cursor.fetchone()[0] >= 0


def test_a_replay_that_stops_before_its_end_is_told(
    transactional_db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMIABLE_HOME", str(tmp_path))
    monkeypatch.setattr(apart, "__name__", "amiable.demo.world")  # a module that does nothing by itself
    with pytest.raises(UnableToPlay, match="stopped before its end"):
        play(customers=10, days=1, seed=5, end=END, progress=False, json=True)


@pytest.mark.long
def test_the_same_seed_tells_the_same_story(
    transactional_db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMIABLE_HOME", str(tmp_path))
    told = []
    for _time in range(2):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # the trail refuses to be emptied
            tables = connection.introspection.table_names(cursor)
            kept = {"django_migrations", "django_content_type"}
            cursor.execute(f"TRUNCATE {', '.join(name for name in tables if name not in kept)} CASCADE")
        result = play(customers=30, days=5, seed=3, end=END, progress=False, json=True)
        result.pop("seconds")
        told.append(result)
    assert told[0] == told[1]
