"""What an operator watches, in the words of Prometheus: queue, runs, what waits, what is stuck, requests and their time.

In: a GET with the token of AMIABLE_METRICS_TOKEN. Out: counts; those of the database are the same from every process. Never: a
person, an amount, a label whose values grow with the data; anything at all without the token (404).
"""

import os
import platform
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import django
import psutil
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from amiable import day
from amiable.web import timed
from amiable.web.ui import clock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATELY = timedelta(days=8)
LONG = timedelta(hours=3)  # no step takes so long


def _last(*, well: bool = False) -> str:
    """The last run that ended (with `well`: ended well) of each step for each creditor: its own, or that of everyone's day."""
    columns = "SELECT started_at, ended_at, error FROM core_run WHERE step = s.step AND ended_at IS NOT NULL"
    columns += " AND error = ''" if well else ""
    newest = "ORDER BY started_at DESC LIMIT 1"
    return f"""SELECT s.step, r.* FROM unnest(%(steps)s::text[]) s(step)
     CROSS JOIN (SELECT id FROM ledger_creditor UNION ALL SELECT NULL WHERE NOT EXISTS (SELECT FROM ledger_creditor)) c(id)
     CROSS JOIN LATERAL (SELECT * FROM (({columns} AND creditor_ref = c.id {newest})
       UNION ALL ({columns} AND creditor_ref IS NULL {newest})) own {newest}) r"""


# Name, what it says, its labels, and the query: the labels' values, then the number. Each is answered by an index.
ASKED: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("amiable_jobs", "Jobs of the queue that wait or are under way.", ("queue", "state"),
     "SELECT queue_name, status::text, count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY 1, 2"),
    ("amiable_job_oldest_seconds", "How long the oldest job that could begin has waited.", ("queue",),
     """SELECT j.queue_name, max(extract(epoch FROM %(now)s - coalesce(j.scheduled_at, e.at)))
     FROM procrastinate_jobs j LEFT JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events WHERE job_id = j.id) e ON true
     WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= %(now)s) GROUP BY 1"""),
    ("amiable_workers", "Workers that gave a sign of life within a minute.", (),
     "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > %(now)s - interval '1 minute'"),
    ("amiable_run_success_timestamp_seconds", "When a step last ended well, where that is longest ago.", ("step",),
     f"SELECT step, extract(epoch FROM min(ended_at)) FROM ({_last(well=True)}) r GROUP BY 1"),
    ("amiable_run_seconds", "How long a step took the last time that it ended; of several creditors, the longest.", ("step",),
     f"SELECT step, extract(epoch FROM max(ended_at - started_at)) FROM ({_last()}) r GROUP BY 1"),
    ("amiable_run_failed", "1 where a step failed the last time that it ended, of one creditor or of several.", ("step",),
     f"SELECT step, max((error <> '')::int) FROM ({_last()}) r GROUP BY 1"),
    ("amiable_runs_unended", "Steps begun hours ago that have neither ended nor been begun again.", (),
     """SELECT count(*) FROM core_run r WHERE ended_at IS NULL AND started_at BETWEEN %(lately)s AND %(long_ago)s
     AND NOT EXISTS (SELECT FROM core_run n WHERE n.step = r.step AND n.started_at > r.started_at
       AND (n.creditor_ref = r.creditor_ref OR n.creditor_ref IS NULL OR r.creditor_ref IS NULL))"""),
    ("amiable_messages", "Messages that have not left: planned, sending, waiting for a person, in doubt; of a week, failed.",
     ("state",),
     """SELECT state, count(*) FROM outreach_message WHERE state IN ('planned', 'sending', 'in_doubt') GROUP BY 1
     UNION ALL SELECT state, count(*) FROM outreach_message
     WHERE creditor_id = ANY(ARRAY(SELECT id FROM ledger_creditor)) AND state IN ('waiting', 'failed')
       AND (state = 'waiting' OR created_at > %(now)s - interval '7 days') GROUP BY 1"""),
    ("amiable_memos", "E-mails to colleagues that have not left, and of a week those that failed or are in doubt.", ("state",),
     """SELECT state, count(*) FROM outreach_memo WHERE state IN ('planned', 'sending') GROUP BY 1
     UNION ALL SELECT state, count(*) FROM outreach_memo
     WHERE state IN ('failed', 'in_doubt') AND created_at > %(now)s - interval '7 days' GROUP BY 1"""),
    ("amiable_attempts_open", "Tries to pay that are opened or under way.", ("state",),
     "SELECT state, count(*) FROM payments_attempt WHERE state IN ('opened', 'started') GROUP BY 1"),
    ("amiable_credits_in_suspense", "Payments that are nobody's yet.", (),
     "SELECT count(*) FROM ledger_credit WHERE customer_id IS NULL AND kind = 'payment' AND open_minor > 0"),
    ("amiable_rows_quarantined", "Rows of imports that nobody has mended or dropped.", (),
     "SELECT count(*) FROM intake_quarantinedrow WHERE mended_at IS NULL AND dropped_at IS NULL"),
    ("amiable_mailboxes", "Mailboxes that are read, and those that could not be read.", ("state",),
     "SELECT CASE WHEN trouble = '' THEN 'fine' ELSE 'trouble' END, count(*) FROM outreach_mailbox GROUP BY 1"),
    ("amiable_mailbox_oldest_read_timestamp_seconds", "When the mailbox that was left longest was last read.", (),
     "SELECT extract(epoch FROM min(looked_at)) FROM outreach_mailbox HAVING min(looked_at) IS NOT NULL"),
    ("amiable_database_bytes", "Size of the database.", (), "SELECT pg_database_size(current_database())"),
    ("amiable_database_connections", "Connections to the database.", ("state",),
     "SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"),
)  # fmt: skip


class Stored(Collector):
    """What the database says now."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        values: dict[str, Any] = {
            "now": self.now,
            "lately": self.now - LATELY,
            "long_ago": self.now - LONG,
            "steps": list(day.STEPS),
        }
        with connection.cursor() as cursor:
            for name, says, labels, query in ASKED:
                family = GaugeMetricFamily(name, says, labels=labels)
                cursor.execute(query, values)
                for *told, number in cursor.fetchall():
                    family.add_metric([str(each) for each in told], float(number))
                yield family
        yield _build()


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    _kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    known = settings.METRICS_TOKEN
    if not known or not secrets.compare_digest(token.strip().encode(), known.encode()):
        raise Http404
    stored = CollectorRegistry()
    stored.register(Stored(clock.now()))
    response = HttpResponse(generate_latest(stored) + generate_latest(_requests()), content_type=CONTENT_TYPE)
    add_never_cache_headers(response)
    return response


def _build() -> Metric:
    told = {"version": version("amiable"), "python": platform.python_version(), "django": django.__version__}
    family = GaugeMetricFamily("amiable_build_info", "What runs here.", labels=list(told))
    family.add_metric(list(told.values()), 1)
    return family


def _requests() -> Any:
    """What was counted of requests: by this process, or by all those that share a folder."""
    if not timed.SHARED:
        return timed.KEPT
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for file in folder.glob("gauge_live*.db"):  # of a process that has ended, nobody follows any more
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
    shared = CollectorRegistry()
    MultiProcessCollector(shared, str(folder))  # type: ignore[no-untyped-call]
    return shared
