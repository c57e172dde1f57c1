"""The pages of the desk over a full house, asked for by twenty colleagues at once through a real server.

Fills an empty database (customers, open invoices, a year of words and deeds, one customer with ten thousand rows), serves
it by `amiable serve`, and asks for each page at the times of an open arrival process: who must wait is counted from then.
"""

import gzip
import http.client
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_test_environment
from django.urls import reverse

from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.portfolio.refresh import refresh
from amiable.scenario import shelf
from amiable.scenario.decide import decide
from bench import day
from bench.search import NAME

USERS, RATE, TIMES = 20, 5, 40  # colleagues, arrivals a second, times that each page is asked for
TASKS, BUSY = 100_000, 10_000
DOOR = "door"  # asked for without a session
NOW = datetime.now(ZoneInfo("Europe/Paris"))
# Beside the open invoices: what was paid, said and done with each customer, and one with whom much happened.
_MORE = [
    "UPDATE ledger_customer SET siren = lpad((id * 7919 %% 999999937)::text, 9, '0') WHERE id %% 4 = 0",
    """INSERT INTO ledger_contactpoint (contact_id, medium, value, failure)
       SELECT id, 'call', '+336' || lpad((id * 7919 %% 99999989)::text, 8, '0'), '' FROM ledger_contact WHERE id %% 2 = 0""",
    """INSERT INTO outreach_message (key, creditor_id, customer_id, currency, purpose, medium, address, language, tone,
         as_of, step, capped, about, also, level, also_levels, context, fallback, state, verdict, subject, text, html, created_at,
         sent_at)
       SELECT 'bench:' || u.id || ':' || n, u.creditor_id, u.id, 'EUR', 'reminder_1', 'email', 'c' || u.id || '@example.org',
         'fr', 'warm', %(as_of)s - 10 * n, 'reminder_1', true, '{}', '{}', 20, '{}', '{}', '{}', 'sent', '', 'Votre facture',
         'Bonjour,', '<p>Bonjour,</p>', %(now)s - n * interval '10 days', %(now)s - n * interval '10 days'
       FROM ledger_customer u CROSS JOIN generate_series(1, CASE WHEN u.id = %(busy)s THEN %(rows)s / 4 ELSE 1 END) n""",
    """INSERT INTO outreach_event (source, external_id, message_id, kind, at, raw)
       SELECT 'bench', id, id, 'opened', sent_at + interval '1 hour', '{}' FROM outreach_message
       WHERE customer_id = %(busy)s OR id %% 3 = 0""",
    """INSERT INTO casework_note (customer_id, text, at)
       SELECT %(busy)s, 'Rappelé, ' || n, %(now)s - n * interval '1 hour' FROM generate_series(1, %(rows)s / 4) n""",
    """INSERT INTO casework_task (creditor_id, customer_id, kind, key, title, context, due_on, outcome, created_at, done_at)
       SELECT id, %(busy)s, 'call', 'busy:' || n, 'Appel', '{}', %(as_of)s - n, 'voicemail',
         %(now)s - n * interval '1 day', %(now)s - n * interval '1 day'
       FROM ledger_creditor, generate_series(1, %(rows)s / 4) n""",
    """INSERT INTO casework_task (creditor_id, customer_id, kind, key, title, context, due_on, outcome, created_at)
       SELECT creditor_id, id, (ARRAY['call','confirm','reply','check','other','manual'])[1 + (place %% 6)::int],
         'bench:' || id, 'À faire', '{}', %(as_of)s - (place %% 9)::int, '', %(now)s
       FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM ledger_customer) u
       WHERE place %% greatest(%(customers)s / %(tasks)s, 1) = 0 AND id <> %(busy)s""",
    """INSERT INTO ledger_credit (creditor_id, customer_id, source, external_id, kind, reference, received_on, currency,
         amount_minor, open_minor, method, provisional, known_at)
       SELECT creditor_id, id, 'bench', id, 'payment', '', %(as_of)s - (id %% 300)::int, 'EUR', 1200, 1200, 'transfer', false,
         %(now)s FROM ledger_customer WHERE id %% 3 = 0""",
    """INSERT INTO core_auditentry (at, actor, act, creditor_ref, subject, subject_ref, detail)
       SELECT %(now)s - (id %% 200) * interval '1 day', 'bench', 'customer.viewed', creditor_id, 'customer', id, '{}'
       FROM ledger_customer""",
]


def run(*, customers: int, invoices: int) -> dict[str, Any]:
    """Milliseconds per page (median and 95 of 100), its queries and its size; needs an empty database."""
    fill(customers=customers, invoices=invoices)
    return measure() | {"customers": customers, "invoices": invoices}


def fill(*, customers: int, invoices: int) -> None:
    values = {"customers": customers, "invoices": invoices, "as_of": NOW.date(), "now": NOW}
    day.fill(values, name=NAME)
    busy = Customer.objects.order_by("pk").values_list("pk", flat=True)[customers // 2]
    for statement in _MORE:
        day.execute(statement, values | {"busy": busy, "rows": BUSY, "tasks": TASKS})
    day.execute("VACUUM ANALYZE", {})
    shelf.stock(now=NOW)
    refresh(as_of=NOW.date())
    decide(as_of=NOW.date(), now=NOW)
    day.execute("VACUUM ANALYZE", {})


def measure() -> dict[str, Any]:
    """Asks; needs a filled database."""
    people, pages = _colleagues(), _pages()
    told = _looked_at(people[0], pages)
    with _served() as port:
        cookies = [_cookie(each) for each in people]
        for name, path in pages.items():
            _ask(port, "" if name == DOOR else cookies[0], path)
        taken = _arrivals(port, cookies, pages)
    shown = [
        {"page": name, "p50_ms": round(statistics.median(taken[name])), "p95_ms": _p95(taken[name]), **told[name]}
        for name in pages
    ]
    worst = max((each for each in shown if each["page"] != DOOR), key=lambda each: float(each["p95_ms"]))
    base = statistics.median(taken[DOOR])
    return {
        "pages": shown, "worst": worst["page"], "worst_p95_ms": worst["p95_ms"], "users": USERS, "per_second": RATE,
        "reference": "the log-in page, in the same run", "reference_ms": round(base, 1),
        "ratio": round(worst["p95_ms"] / base, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _pages() -> dict[str, str]:
    """What is asked for, by name: the lists with each of their filters, searches, and customers."""
    some = Customer.objects.order_by("-pk")[7]
    busy = Customer.objects.filter(notes__isnull=False).first() or some
    bill = Invoice.objects.filter(customer=some).first() or Invoice.objects.order_by("-pk")[0]
    listed, house = reverse("desk:customers"), reverse("desk:home")
    asked = {
        "home": house, "home, calls": f"{house}?kind=call", "home, mine": f"{house}?mine=1",
        "customers": listed, "customers, page 40": f"{listed}?page=40", "customers, overdue": f"{listed}?overdue=1",
        "customers, segment": f"{listed}?segment=forgetful", "customers, kind": f"{listed}?kind=business",
        "customers, bucket": f"{listed}?bucket=31_60", "customers, held": f"{listed}?held=1",
        "search, name": f"{listed}?{urlencode({'q': some.name.split()[-1]})}", "search, invoice": f"{listed}?q={bill.reference}",
        "search, e-mail": f"{listed}?q=c{some.pk}@example.org",
        "customer": reverse("desk:customer", args=[some.pk]),
        "customer, 10,000 rows": reverse("desk:customer", args=[busy.pk]),
        "inbox": reverse("desk:inbox"), "payments": reverse("desk:payments"), "figures": reverse("desk:figures"),
        DOOR: reverse("desk:login"),
    }  # fmt: skip
    return asked


def _colleagues() -> list[User]:
    creditor = Creditor.objects.get(key="bench")
    people = [User.objects.get_or_create(username=f"bench-{n}", defaults={"language": "fr"})[0] for n in range(USERS)]
    for each in people:
        Scope.objects.get_or_create(user=each, role=Role.MANAGER, creditor_ref=creditor.pk)
    return people


def _looked_at(user: User, pages: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Of each page: how many queries it makes, and how many kB it is when compressed."""
    setup_test_environment()
    told = {}
    for name, path in pages.items():
        client = Client()
        if name != DOOR:
            client.force_login(user)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}.")
        told[name] = {"queries": len(queries), "kb": round(len(gzip.compress(answer.content)) / 1024, 1)}
    return told


def _cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _arrivals(port: int, cookies: list[str], pages: dict[str, str]) -> dict[str, list[float]]:
    """Milliseconds from the moment at which each page was wanted."""
    taken: dict[str, list[float]] = {name: [] for name in pages}
    turns = [(name, path) for _time in range(TIMES) for name, path in pages.items()]
    began, whose = time.perf_counter() + 0.5, cycle(cookies)

    def ask(place: int, name: str, path: str, cookie: str) -> None:
        wanted = began + place / RATE
        time.sleep(max(wanted - time.perf_counter(), 0))
        _ask(port, "" if name == DOOR else cookie, path)
        taken[name].append((time.perf_counter() - wanted) * 1_000)

    with ThreadPoolExecutor(USERS * 2) as colleagues:
        asked = [colleagues.submit(ask, n, name, path, next(whose)) for n, (name, path) in enumerate(turns)]
        for each in asked:
            each.result()
    return taken


def _ask(port: int, cookie: str, path: str) -> None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = line.getresponse()
    answer.read()
    line.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}.")


@contextmanager
def _served() -> Iterator[int]:
    """The server that an installation runs, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen(
        [Path(sys.executable).with_name("amiable"), "serve", "--port", str(port)],
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        patience = time.monotonic() + 60
        while time.monotonic() < patience:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        else:
            raise RuntimeError("The server did not come up.")
        yield port
    finally:
        served.terminate()
        served.wait()


def _p95(values: list[float]) -> int:
    return round(statistics.quantiles(values, n=20)[-1])
