"""What operators read: counts alone, for who has the token; whatever runs in several processes adds up."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection
from django.test import Client
from django.urls import resolve
from prometheus_client.parser import text_string_to_metric_families

from amiable import day
from amiable.core.models import Run
from amiable.ledger.models import Creditor
from amiable.outreach.models import Memo
from amiable.web import metrics
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.live_server import serving

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-operators"
Limit = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def on(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def read(client: Client | None = None, token: str = TOKEN) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = (client or Client()).get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 200
    return told(response.content.decode())


def told(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_without_the_token_there_is_no_such_page(settings: Any) -> None:
    ask = {"authorization": f"Bearer {TOKEN}"}
    assert Client().get("/metrics", headers=ask).status_code == 404
    assert Client().get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert Client().get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 404
    assert Client().post("/metrics", headers=ask).status_code == 405
    admin = rows.desk(rows.colleague("ada", rows.creditor("ours")))
    assert admin.get("/metrics").status_code == 404


@pytest.mark.usefixtures("on")
def test_it_counts_what_waits_and_names_nobody(django_assert_max_num_queries: Limit) -> None:
    ours = rows.creditor("ours")
    anna = rows.full(ours, "Anna Lefèvre")
    rows.message(anna, state="in_doubt")
    rows.message(anna, state="failed")
    rows.suspense(ours)
    rows.quarantined(ours)
    rows.on_the_phone(anna)
    now = clock.now()
    words = {"step": "decide", "as_of": clock.today()}
    Run.objects.create(**words, started_at=now - timedelta(hours=25), ended_at=now - timedelta(hours=24))
    Run.objects.create(**words, started_at=now - timedelta(seconds=90), ended_at=now, error="Out of reach")
    Memo.objects.create(
        key="k", address="x@example.org", language="fr", subject="s", text="t", html="h", created_at=now
    )
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_jobs (task_name, queue_name, scheduled_at) VALUES ('day', 'default', %s)",
                       [now - timedelta(minutes=5)])  # fmt: skip
    with django_assert_max_num_queries(16):
        found = read()
    assert found[key("amiable_messages", state="in_doubt")] == found[key("amiable_messages", state="failed")] == 1
    assert found[key("amiable_credits_in_suspense")] == found[key("amiable_rows_quarantined")] == 1
    assert found[key("amiable_attempts_open", state="opened")] == found[key("amiable_memos", state="planned")] == 1
    assert found[key("amiable_run_failed", step="decide")] == 1
    assert found[key("amiable_run_seconds", step="decide")] == pytest.approx(90)
    assert found[key("amiable_run_success_timestamp_seconds", step="decide")] == pytest.approx(now.timestamp() - 86_400)
    assert found[key("amiable_jobs", queue="default", state="todo")] == 1
    assert found[key("amiable_job_oldest_seconds", queue="default")] == pytest.approx(300, abs=30)
    assert found[key("amiable_database_bytes")] > 1_000_000
    said = "".join(f"{name}{sorted(labels)}" for name, labels in found)
    for words_of_somebody in ("Anna", "ours", "example.org", "Ours"):
        assert words_of_somebody not in said


def ran(step: str, whose: Creditor | None, *, hours: float, error: str = "", ended: bool = True) -> None:
    began = clock.now() - timedelta(hours=hours)
    Run.objects.create(
        step=step, creditor_ref=whose.pk if whose else None, as_of=began.date(), started_at=began,
        ended_at=began + timedelta(seconds=30) if ended else None, error=error,
    )  # fmt: skip


@pytest.mark.usefixtures("on")
def test_one_creditors_failure_is_not_hidden_by_the_success_of_another() -> None:
    ours, theirs = rows.creditor("ours"), rows.creditor("theirs")
    now = clock.now().timestamp()
    ran("send", ours, hours=30)
    ran("send", ours, hours=2, error="Out of reach")
    ran("send", theirs, hours=1)
    found = read()
    assert found[key("amiable_run_failed", step="send")] == 1
    assert found[key("amiable_run_success_timestamp_seconds", step="send")] == pytest.approx(
        now - 30 * 3600 + 30, abs=5
    )
    ran("send", None, hours=0.5)  # everyone's day is theirs too
    found = read()
    assert found[key("amiable_run_failed", step="send")] == 0
    assert found[key("amiable_run_success_timestamp_seconds", step="send")] == pytest.approx(now - 1770, abs=5)


@pytest.mark.usefixtures("on")
def test_a_day_that_did_not_run_for_weeks_is_still_told() -> None:
    ran("forget", rows.creditor("ours"), hours=24 * 60)
    told = read()[key("amiable_run_success_timestamp_seconds", step="forget")]
    assert told == pytest.approx(clock.now().timestamp() - 60 * 86_400 + 30, abs=5)


@pytest.mark.usefixtures("on")
def test_a_run_that_never_ended_is_counted_until_it_is_begun_again() -> None:
    ours, theirs = rows.creditor("ours"), rows.creditor("theirs")
    ran("decide", ours, hours=5, ended=False)
    ran("decide", theirs, hours=4)
    ran("send", ours, hours=1, ended=False)
    assert read()[key("amiable_runs_unended")] == 1
    ran("decide", ours, hours=0.5)
    assert read()[key("amiable_runs_unended")] == 0


@pytest.mark.usefixtures("on")
def test_what_failed_long_ago_is_no_longer_counted() -> None:
    anna = rows.full(rows.creditor("ours"), "Anna")
    rows.message(anna, state="failed", created_at=clock.now() - timedelta(days=6))
    rows.message(anna, state="failed", created_at=clock.now() - timedelta(days=8))
    rows.message(anna, state="waiting", created_at=clock.now() - timedelta(days=80))
    found = read()
    assert found[key("amiable_messages", state="failed")] == found[key("amiable_messages", state="waiting")] == 1


def test_every_step_that_the_rules_name_is_one_of_the_day() -> None:
    page = (Path(__file__).parents[2] / "docs/operations/metrics.md").read_text()
    named = re.findall(r'step="(\w+)"', page)
    assert named
    assert set(named) <= set(day.STEPS)


@pytest.mark.usefixtures("on")
def test_an_empty_house_has_figures_too() -> None:
    found = read()
    assert found[key("amiable_credits_in_suspense")] == 0
    assert any(name == "amiable_build_info" for name, _labels in found)
    assert not any(name.startswith("amiable_mailbox_oldest") for name, _labels in found)


@pytest.mark.usefixtures("on")
def test_requests_are_counted_by_route_and_never_by_address() -> None:
    customer = rows.full(rows.creditor("ours"), "Anna")
    client = rows.desk(rows.colleague("camille", customer.creditor))
    route = key("amiable_http_requests_total", route="desk:customer", status="200")
    before = read(client).get(route, 0)
    for address in (f"/customers/{customer.pk}/", f"/customers/{customer.pk}/", "/no/such/place"):
        client.get(address)
    found = read(client)
    assert found[route] == before + 2
    assert found[key("amiable_http_request_seconds_count", route="desk:customer")] >= 2
    assert found[key("amiable_http_requests_total", route="unknown", status="404")] >= 1
    routes = {dict(labels).get("route", "") for _name, labels in found}
    assert not any("/" in route or str(customer.pk) in route for route in routes)


def test_each_figure_is_told_in_the_operators_page() -> None:
    page = Path("docs/operations/metrics.md").read_text(encoding="utf-8")
    for name, *_rest in metrics.ASKED:
        assert f"`{name}`" in page, name


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_processes_of_one_server_count_together() -> None:
    """Two workers by `amiable serve`: whoever answers, the sum is told."""
    with serving("--workers", "2", AMIABLE_METRICS_TOKEN=TOKEN) as served:
        ask = {"Authorization": f"Bearer {TOKEN}"}
        route = key("amiable_http_requests_total", route=resolve("/login/").view_name, status="200")
        before = told(requests.get(f"{served.url}/metrics", headers=ask, timeout=10).text).get(route, 0)
        for _n in range(20):
            assert requests.get(f"{served.url}/login/", timeout=10).status_code == 200
        assert told(requests.get(f"{served.url}/metrics", headers=ask, timeout=10).text)[route] == before + 20
        assert served.end() == 0
