"""One creditor's days, replayed morning by morning: its files, the house's own day, then its customers and colleagues.

In: which creditor, how many customers and days, a seed, the last day. Out: what came of it.
Never: a part of the house that is not the real one, a word or a coin that leaves this machine.
"""

import gc
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from django.db import connection

from amiable.core.models import Role, Scope
from amiable.day import run_day
from amiable.demo import answer, correspond, morning, opine, pay, stand, tell, work
from amiable.demo.behave import crowd as people
from amiable.demo.stage import ZONE, Stage
from amiable.demo.world import HISTORY_DAYS, invent
from amiable.ledger.models import Creditor
from amiable.scenario.behaviour import parameters
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


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be replayed: `customers` of the whole invented world, of whom the creditor has its part."""

    creditor: str
    customers: int
    days: int
    seed: int
    end: date


def replay(asked: Asked, *, lived: Callable[[], None]) -> dict[str, Any]:
    """Replays everything of one creditor, which must be furnished; calls `lived` after each day."""
    with tempfile.TemporaryDirectory(prefix="amiable-demo-") as folder, stand.web() as caller:
        stage = _raise(asked, folder=Path(folder), caller=caller)
        with clock.told_by(stage.clock):
            _begin(stage)
            since = -1
            for day in range(asked.days):
                since = _live(stage, day, since=since)
                lived()
        return tell.creditor(stage)


def _raise(asked: Asked, *, folder: Path, caller: stand.Caller) -> Stage:
    world = invent(
        customers=asked.customers, days=asked.days, end=asked.end, rng=np.random.default_rng([asked.seed, 0])
    ).of(asked.creditor)
    seed = asked.seed + crc32(asked.creditor.encode())  # two creditors' customers are not twins
    crowd = people(world, parameters(), seed=seed)
    creditor = Creditor.objects.get(key=asked.creditor)
    collectors = Scope.objects.filter(role=Role.COLLECTOR, creditor_ref=creditor.pk).select_related("user")
    stage = Stage(
        world=world,
        creditor=creditor,
        collectors=[scope.user for scope in collectors.order_by("user__username")],
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
    """The months before: lived by the people, told by the accounts in one import; then the creditor is released."""
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
    stage.creditor.released_at = stage.at(0, 8)
    stage.creditor.save(update_fields=["released_at"])


def _live(stage: Stage, day: int, *, since: int) -> int:
    """One day: the files of the morning, the house's own day, then people. The last day ends before people wake up."""
    if stage.world.on(day).weekday() < 5 or day == stage.world.days - 1:
        stage.moment = stage.at(day, 7)
        morning.deliver(stage, day, since=since)
        since = day
    stage.moment = stage.at(day, 8, 30)
    run_day(as_of=stage.world.on(day), now=stage.moment, clock=stage.clock, creditor=stage.creditor)
    if day < stage.world.days - 1:
        draws = stage.draws(day)
        acts = answer.receive(stage, day, draws)
        if stage.crowd.working_day(day + 1) < stage.world.days:
            acts += work.work(stage, day, draws)  # the tasks of the last working day are left to the visitor
        acts += pay.pay(stage, day, draws)
        acts += correspond.correspond(stage, day)
        acts += opine.opine(stage, day)
        stage.act(acts)
    return since
