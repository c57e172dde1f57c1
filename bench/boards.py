"""Every board over a year, from what is stored: figures of each day, months of grains, a forecast a week.

Fills an empty database with customers and their profiles, and writes two years of figures, kept months and forecasts as the
day's run would have left them; then asks for each page, again and again. Nothing else is there: a board that read invoices
would show nothing.
"""

import itertools
import random
import resource
import statistics
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.db import connection
from django.db.models import BooleanField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.core import tables
from amiable.core.models import Role, Scope, User
from amiable.insight import kept
from amiable.insight.board import plans
from amiable.insight.grain import Grain
from amiable.insight.kpi import SUMS, declared
from amiable.insight.models import Figure, Forecast, ForecastWeek, Kept, Report
from amiable.insight.sum_up import memory
from amiable.ledger.models import Creditor
from amiable.portfolio import tally
from amiable.portfolio.models import Profile
from bench import day

NOW = datetime.now(ZoneInfo("Europe/Paris"))
TODAY = NOW.date()
DAYS, TIMES = 2 * 365, 40  # days of figures; times that each page is asked for
FIRST = 5  # times that it is asked of a process that remembers nothing
# So many values each dimension has; text as it would be.
VALUES = {
    "segment": 8, "origin": 8, "journey": 5, "step": 6, "channel": 5, "collector": 20, "campaign": 12, "cause": 6, "age": 4,
    "after": 4, "customer": 10, "scenario": 3,
}  # fmt: skip
NAMES = {"bucket": ("not_due", "1_30", "31_60", "61_90", "over_90")}
NAMES["was"] = NAMES["bucket"]
CELLS = 6_000  # different combinations a month that a grain is kept in
_CUSTOMERS = """INSERT INTO ledger_customer (creditor_id, source, external_id, number, name, kind, siren, language, country,
  postcode, city, street, sector, terms_end_of_month, payment_method, potential, key_account, assistance, created_at)
SELECT id, 'bench', n, 'C' || n, 'Customer ' || n, 'business', '', 'fr', 'FR', '75001', 'Paris', '1 rue', '', false, '', '',
  false, '', %(now)s FROM ledger_creditor, generate_series(1, %(customers)s) n"""
_PROFILE = {
    "creditor_id": "creditor_id", "customer_id": "id", "currency": "'EUR'", "as_of": "%(as_of)s",
    "segment": "'segment_' || id %% 8", "open_minor": "900000 - id %% 800000", "overdue_minor": "id %% 90000",
}  # fmt: skip


def run(*, customers: int) -> dict[str, Any]:
    """Milliseconds per board (median and 95 of 100; when nothing is remembered of its months; and of this process's own work),
    its queries and its size; needs an empty database."""
    values = {"customers": customers, "as_of": TODAY, "now": NOW}
    for statement in (*day.BEGINNING, _CUSTOMERS, _profiles()):
        day.execute(statement, values)
    owner = Creditor.objects.get(key="bench")
    tally.tally([owner])
    _figures(owner)
    for grain in {each.of.key: each.of for each in declared().values() if each.of}.values():
        _months(owner, grain)
    _forecasts(owner)
    day.execute("VACUUM ANALYZE", {})
    shown = list(_asked(owner))
    base, worst = shown.pop(), max(shown, key=lambda each: float(each["p95_ms"]))
    return {
        "boards": shown, "worst": worst["board"], "worst_p95_ms": worst["p95_ms"],
        "reference": "the log-in page, in the same run", "reference_ms": base["p50_ms"],
        "ratio": round(worst["p50_ms"] / base["p50_ms"], 1), "customers": customers, "figures": Figure.objects.count(),
        "kept_mb": round(sum(len(each) for each in Kept.objects.values_list("content", flat=True)) / 1e6, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def _profiles() -> str:
    """The statement that gives each customer a profile: what is not said here is nothing."""
    told = {
        each.column: _PROFILE.get(each.column, "false" if isinstance(each, BooleanField) else "0")
        for each in Profile._meta.concrete_fields
        if not each.null and not each.primary_key
    }
    return f"INSERT INTO portfolio_profile ({', '.join(told)}) SELECT {', '.join(told.values())} FROM ledger_customer"


def _slices() -> list[tuple[str, str, str]]:
    """Every total and slice that a day stores: KPI, currency, slice as JSON."""
    found = []
    for key, each in declared().items():
        currency = "EUR" if each.in_currency else ""
        found.append((key, currency, "{}"))
        for by in each.slices:
            for values in itertools.product(*(_named(name) for name in by)):
                parts = ", ".join(f'"{name}": {value}' for name, value in zip(by, values, strict=True))
                found.append((key, currency, f"{{{parts}}}"))
    return found


def _named(name: str) -> list[str]:
    if name in {"collector", "campaign", "customer"}:
        return [str(n + 1) for n in range(VALUES[name])]
    return [f'"{value}"' for value in NAMES.get(name, [f"{name}_{n}" for n in range(VALUES.get(name, 5))])]


def _figures(owner: Creditor) -> None:
    names, chance = _slices(), random.Random(1)
    sums = {key: each.unit in SUMS for key, each in declared().items()}
    for back in range(DAYS):
        n = [chance.randrange(10_000, 900_000) for _ in names]
        table = pl.DataFrame(
            {
                "creditor_id": [owner.pk] * len(names), "kpi": [name[0] for name in names],
                "as_of": [(TODAY - timedelta(days=back)).isoformat()] * len(names),
                "currency": [name[1] for name in names], "slice": [name[2] for name in names],
                "value": [float(part) if sums[name[0]] else part / 1e6 for name, part in zip(names, n, strict=True)],
                "numerator": n, "denominator": [1_000_000] * len(names), "measured_at": [NOW.isoformat()] * len(names),
            }
        )  # fmt: skip
        tables.write(table, Figure._meta.db_table, table.columns)


def _months(owner: Creditor, grain: Grain) -> None:
    """A grain's months: a stock on its last day, else spread over its days."""
    month = TODAY.replace(day=1)
    for _n in range(DAYS // 30):
        last = min((month + timedelta(days=31)).replace(day=1) - timedelta(days=1), TODAY)
        cells = _cells(grain, month, last)
        Kept.objects.create(
            creditor=owner, grain=grain.key, month=month, as_of=last, digest=f"{month}", rows=cells.height,
            content=kept.packed(cells), measured_at=NOW,
        )  # fmt: skip
        month = (month - timedelta(days=1)).replace(day=1)


def _cells(grain: Grain, first: date, last: date) -> pl.DataFrame:
    row, columns = pl.int_range(CELLS, dtype=pl.Int64), {}
    for place, (name, kind) in enumerate(grain.schema.items()):
        spread = (row * (2 * place + 7) + row // (place + 3)) % VALUES.get(name, 5)
        if name in grain.sums:
            columns[name] = row % 97 + 1
        elif name == "day":
            days = 0 if grain.stock else (last - first).days
            columns[name] = pl.lit(last if grain.stock else first) + pl.duration(days=row % (days + 1))
        elif name == "currency":
            columns[name] = pl.lit("EUR")
        elif name in NAMES:
            columns[name] = pl.lit(pl.Series(NAMES[name])).get(spread % 5)
        else:
            columns[name] = spread + 1 if kind == pl.Int64 else pl.format(f"{name}_{{}}", spread)
    cells = pl.select(**columns).drop("customer")
    return cells.sort("day", "currency", *grain.dimensions)


def _forecasts(owner: Creditor) -> None:
    monday = TODAY - timedelta(days=TODAY.weekday())
    weeks = []
    for back in range(DAYS // 7):
        as_of = monday - timedelta(weeks=back)
        made = Forecast.objects.create(
            creditor=owner, as_of=as_of, made_at=NOW, learnt_from=1_000,
            beside={"EUR": {"open": 90_000_000, "netted": 0, "outside": 1_000_000}},
        )  # fmt: skip
        for n in range(13):
            until = as_of + timedelta(days=7 * n + 7)
            weeks.append(
                ForecastWeek(
                    forecast=made, currency="EUR", number=n + 1, since=until - timedelta(days=6), until=until,
                    low_minor=4_000_000, middle_minor=5_000_000, high_minor=6_000_000, upto_low_minor=4_500_000 * (n + 1),
                    upto_middle_minor=5_000_000 * (n + 1), upto_high_minor=5_500_000 * (n + 1), plain_minor=5_200_000,
                    parts={"due": 4_000_000, "promise": 1_000_000}, came_minor=5_100_000 if until < TODAY else None,
                )
            )  # fmt: skip
    ForecastWeek.objects.bulk_create(weeks, batch_size=5_000)
    Report.objects.create(creditor=owner, kind="experiments", as_of=TODAY, content={"told": []}, made_at=NOW)


def _asked(owner: Creditor) -> Iterator[dict[str, Any]]:
    """Each board of a year, as a colleague who sees it all asks for it; last, the page that is asked for by nobody."""
    user = User.objects.get_or_create(username="bench", defaults={"language": "fr"})[0]
    Scope.objects.get_or_create(user=user, role=Role.ADMIN, creditor_ref=owner.pk)
    for key in plans():
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(user)
        yield {"board": key, **_timed(client, reverse("desk:board", args=[key]) + f"?creditor={owner.pk}&days=365")}
    yield {"board": "", **_timed(Client(SERVER_NAME="127.0.0.1"), reverse("desk:login"))}


def _timed(client: Client, path: str) -> dict[str, Any]:
    memory.clear()
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}.")
    count, first = len(queries), []
    for _ in range(FIRST):
        memory.clear()
        first.append(_milliseconds(client, path))
    worked = time.process_time()
    taken = [_milliseconds(client, path) for _ in range(TIMES)]
    worked = time.process_time() - worked
    return {
        "first_ms": round(statistics.median(first), 1), "p50_ms": round(statistics.median(taken), 1),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 1),
        "processor_ms": round(worked / TIMES * 1_000, 1), "queries": count, "kb": round(len(answer.content) / 1024),
    }  # fmt: skip


def _milliseconds(client: Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path)
    return (time.perf_counter() - began) * 1_000
