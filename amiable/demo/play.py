"""The demo: an invented world lives through days of the real house, each creditor in a process of its own.

In: how many customers and days, a seed, the last day. Out: figures; a database full of what happened, a desk that is alive.
Never: a word or a coin that leaves this machine, a process left behind.
"""

import json as jsons
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import date, datetime, timedelta
from datetime import time as hour
from typing import Any

from django.conf import settings
from django.db import connections
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from amiable.core.models import User
from amiable.demo import apart, prepare, stand, tell
from amiable.demo.replay import Asked
from amiable.demo.stage import ZONE, UnableToPlay
from amiable.demo.world import names
from amiable.web.desk import enter


def play(
    *, customers: int = 2_000, days: int = 90, seed: int = 7, end: date, progress: bool = True, json: bool = False
) -> dict[str, Any]:
    """Plays the demo in the database that Django is set up with, and tells what came of it.

    On standard output: a table unless `json`; then, on the last line, the same as JSON unless a person reads along.
    """
    began = time.perf_counter()
    parts = [Asked(creditor=key, customers=customers, days=days, seed=seed, end=end) for key in names()["creditors"]]
    with _apart(len(parts)) as processes:
        prepare.migrated()
        prepare.furnish(now=datetime.combine(end - timedelta(days=days), hour(7), tzinfo=ZONE))
        connections.close_all()
        with stand.mailbox(emptied=True), _steps(days * len(parts), shown=progress) as step:
            came = _lived(parts, processes, step)
    result = tell.result(came, days=days, seed=seed, seconds=time.perf_counter() - began)
    if not json:
        Console().print(tell.table(result))
    if json or not sys.stdout.isatty():  # a person has the table; a program reads the last line
        sys.stdout.write(jsons.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return result


def way_in(*, now: datetime) -> str:
    """The path of a link that logs the demo's administrator in once."""
    return enter.link(user=User.objects.get(username="demo"), now=now)


@contextmanager
def _apart(number: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that wait to be asked for a creditor's replay, and do not outlive the block."""
    # The last word on the database is ours: a file that names another one must not be read.
    known = {name: text for name, text in os.environ.items() if name != "DATABASE_URL_FILE"}
    known["DATABASE_URL"] = prepare.address()
    with ExitStack() as ends:
        processes = []
        for _n in range(number):
            process = subprocess.Popen(
                [sys.executable, "-m", apart.__name__],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=known,
            )  # fmt: skip
            ends.callback(_end, process)
            processes.append(process)
        yield processes


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.communicate()


def _lived(
    parts: list[Asked], processes: list["subprocess.Popen[str]"], step: Callable[[], None]
) -> dict[str, dict[str, Any]]:
    """What came of each creditor. When one of the processes fails, the others are ended."""
    with ThreadPoolExecutor(len(parts)) as followers:
        following = {
            followers.submit(_followed, part, process, step): part.creditor
            for part, process in zip(parts, processes, strict=True)
        }
        try:
            came = {following[done]: done.result() for done in as_completed(following)}
        finally:
            for process in processes:  # all have ended, unless one has failed
                process.terminate()
    return {part.creditor: came[part.creditor] for part in parts}


def _followed(part: Asked, process: "subprocess.Popen[str]", step: Callable[[], None]) -> dict[str, Any]:
    """Asks a process, reads what it tells until its end, and returns what came of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    came: dict[str, Any] | None = None
    with suppress(BrokenPipeError):  # it has ended already, as its output will show
        process.stdin.write(jsons.dumps({**asdict(part), "smtp_port": settings.SMTP_PORT}, default=str) + "\n")
        process.stdin.flush()
    for line in process.stdout:
        came = jsons.loads(line).get("came")
        if came is None:
            step()
    if process.wait() or came is None:
        raise UnableToPlay("One creditor's replay stopped before its end; what went wrong stands above.")
    return came


@contextmanager
def _steps(days: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        days_bar = bar.add_task("Demo", total=days)
        yield lambda: bar.advance(days_bar)
