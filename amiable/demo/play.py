"""The demo: an invented world lives through days of the real house, morning by morning, and leaves a desk that is alive.

In: how many customers and days, a seed, the last day. Out: figures; a database full of what happened.
Never: a part of the house that is not the real one, a word or a coin that leaves this machine.
"""

import gc
import json as jsons
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from amiable.core.models import Role, Scope, User
from amiable.day import run_day
from amiable.demo import answer, morning, pay, prepare, stand, tell, work
from amiable.demo.behave import crowd as people
from amiable.demo.stage import ZONE, Stage
from amiable.demo.world import HISTORY_DAYS, invent
from amiable.ledger.models import Creditor
from amiable.scenario.behaviour import parameters
from amiable.web.desk import enter
from amiable.web.ui import clock

LOADED = (
    "ledger_customer",
    "ledger_contact",
    "ledger_contactpoint",
    "ledger_invoice",
    "ledger_credit",
    "ledger_allocation",
    "ledger_entry",
)


def play(
    *, customers: int = 2_000, days: int = 90, seed: int = 7, end: date, progress: bool = True, json: bool = False
) -> dict[str, Any]:
    """Plays the demo in the database that Django is set up with, and tells what came of it; JSON on the last line."""
    began = time.perf_counter()
    prepare.migrated()
    with (
        tempfile.TemporaryDirectory(prefix="amiable-demo-") as folder,
        stand.mailbox(emptied=True),
        stand.web() as caller,
    ):
        stage = _raise(customers=customers, days=days, seed=seed, end=end, folder=Path(folder), caller=caller)
        with clock.told_by(stage.clock), _steps(days, shown=progress) as step:
            _begin(stage)
            since = -1
            for day in range(days):
                since = _live(stage, day, since=since)
                step()
        result = tell.result(stage, seconds=time.perf_counter() - began)
    if not json:
        Console().print(tell.table(result))
    sys.stdout.write(jsons.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return result


def way_in(*, now: datetime) -> str:
    """The path of a link that logs the demo's administrator in once."""
    return enter.link(user=User.objects.get(username="demo"), now=now)


def _raise(*, customers: int, days: int, seed: int, end: date, folder: Path, caller: stand.Caller) -> Stage:
    rng = np.random.default_rng([seed, 0])
    world = invent(customers=customers, days=days, end=end, rng=rng)
    crowd = people(world, parameters(), seed=seed)
    stage = Stage(
        world=world,
        crowd=crowd,
        alone=crowd,
        seed=seed,
        folder=folder,
        caller=caller,
        rng=np.random.default_rng([seed, 3]),
        moment=datetime.combine(world.on(-1), datetime.min.time(), tzinfo=ZONE),
    )
    stage.moment = stage.at(-1, 7)
    return stage


def _begin(stage: Stage) -> None:
    """The months before: lived by the people, told by the accounts in one import; then the creditors are released."""
    prepare.furnish(now=stage.moment)
    stage.creditors = {each.key: each for each in Creditor.objects.order_by("key")}
    for scope in Scope.objects.filter(role=Role.COLLECTOR).select_related("user").order_by("user__username"):
        stage.collectors.setdefault(scope.creditor_ref, []).append(scope.user)
    past = [(day, stage.crowd.live(day, stage.draws(day))) for day in range(-HISTORY_DAYS, 0)]
    stage.alone = stage.crowd.twin()
    stage.alone_received = np.zeros_like(stage.crowd.amount)
    stage.paid_before = stage.crowd.amount - stage.crowd.left
    morning.take_over(stage, past)
    stage.acquaint()
    # What stands now stays to the end: the collector need not look at it again and again.
    gc.freeze()
    with connection.cursor() as cursor:
        # A server does this by itself within a minute; the demo has lived weeks by then.
        cursor.execute(f"ANALYZE {', '.join(LOADED)}")
    Creditor.objects.update(released_at=stage.at(0, 8))


def _live(stage: Stage, day: int, *, since: int) -> int:
    """One day: the files of the morning, the house's own day, then people. The last day ends before people wake up."""
    if stage.world.on(day).weekday() < 5 or day == stage.world.days - 1:
        stage.moment = stage.at(day, 7)
        morning.deliver(stage, day, since=since)
        since = day
    stage.moment = stage.at(day, 8, 30)
    run_day(as_of=stage.world.on(day), now=stage.moment, clock=stage.clock)
    if day < stage.world.days - 1:
        draws = stage.draws(day)
        acts = answer.receive(stage, day, draws)
        if stage.crowd.working_day(day + 1) < stage.world.days:
            acts += work.work(stage, day, draws)  # the tasks of the last working day are left to the visitor
        acts += pay.pay(stage, day, draws)
        stage.act(acts)
    return since


@contextmanager
def _steps(days: int, *, shown: bool) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        days_bar = bar.add_task("Demo", total=days)
        yield lambda: bar.advance(days_bar)
