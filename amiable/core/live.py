"""What the database tells while it happens (LISTEN; web/migrations/live.sql tells), for whoever follows in this process.

In: one connection of its own, opened for the first who follows. Out: happenings, in order, to each of them.
Never: a happening lost without a word. Whoever may have missed one is told AGAIN: to read anew what they show.
"""

import asyncio
import contextlib
import json
import logging
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from django.db import connections

log = logging.getLogger(__name__)
CHANNEL = "amiable_live"
QUIET = 30.0  # seconds without a word, after which the connection is asked whether it still stands
KEPT = 200  # happenings that wait for one who is slow, and that are kept for those who come back
PAUSES = (0.2, 0.5, 1, 2, 5, 10)  # seconds between tries to connect


@dataclass(frozen=True)
class Happening:
    """One thing that happened, or a word for everyone: `again`, `much`, `people`, `end`."""

    what: str
    new: bool = False
    creditor: int | None = None
    customer: int | None = None
    row: int | None = None
    user: int | None = None
    name: str = ""


AGAIN: Final = Happening("again")  # something may have been missed
END: Final = Happening("end")  # this server is going down


@dataclass(frozen=True)
class Told:
    """A happening as this process told it: `id` names it to a page that comes back."""

    id: str
    at: float  # seconds of the machine's clock, since another process made the page that asks
    happening: Happening


class Listener:
    """The one connection of a server process that listens. All of it runs in the process's event loop."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Told]] = set()
        self._task: asyncio.Task[None] | None = None
        self._born, self._count = secrets.token_hex(4), 0
        self._kept: deque[Told] = deque(maxlen=KEPT)

    @contextlib.contextmanager
    def follow(self, *, since: float | None = None, last: str = "") -> Iterator[asyncio.Queue[Told]]:
        """A queue of what happens from now on, and of what happened `since` a moment or after the `last` id heard."""
        queue: asyncio.Queue[Told] = asyncio.Queue(KEPT)
        for told in self._missed(since, last):
            queue.put_nowait(told)
        self._queues.add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
            self._heed()
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def end(self) -> None:
        """Everyone who follows is told that this server ends."""
        self._tell(END)

    def _heed(self) -> None:
        """No stream keeps a server from ending: whatever signal ends it, everyone who follows is told first."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def ended(number: int, frame: Any, before: Any = before) -> None:
                loop.call_soon_threadsafe(self.end)
                if callable(before):
                    before(number, frame)

            signal.signal(number, ended)

    def _missed(self, since: float | None, last: str) -> list[Told]:
        if last:
            ids = [told.id for told in self._kept]
            return list(self._kept)[ids.index(last) + 1 :] if last in ids else [Told("", 0, AGAIN)]
        return [told for told in self._kept if since is not None and told.at >= since]

    def _tell(self, happening: Happening) -> None:
        self._count += 1
        told = Told(f"{self._born}-{self._count}", time.time(), happening)
        self._kept.append(told)
        for queue in self._queues:
            if queue.full() or happening is END:
                while not queue.empty():
                    queue.get_nowait()
                told = Told(told.id, told.at, END if happening is END else AGAIN)
            queue.put_nowait(told)

    async def _listen(self) -> None:
        failed = 0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**_address(), autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    # What happened before this moment has not been heard, at the first connection either.
                    self._tell(AGAIN)
                    failed = 0
                    await self._hear(connection)
            except psycopg.Error as error:
                log.warning("Live updates rest: the database does not answer (%s).", str(error).strip())
            await asyncio.sleep(PAUSES[min(failed, len(PAUSES) - 1)])
            failed += 1

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Until the connection breaks."""
        while True:
            async for notice in connection.notifies(timeout=QUIET):
                try:
                    self._tell(_read(notice.payload))
                except (ValueError, KeyError, AttributeError):
                    log.warning("Nobody of ours said “%s” on %s.", notice.payload[:200], CHANNEL)
            await connection.execute("SELECT")  # a connection that broke without a word is found out here


def _read(payload: str) -> Happening:
    told = json.loads(payload)
    return Happening(
        what=told["w"], new=told.get("n", False), creditor=told.get("k"), customer=told.get("c"), row=told.get("r"),
        user=told.get("u"), name=told.get("s", ""),
    )  # fmt: skip


def _address() -> dict[str, Any]:
    """Where the database is, as libpq wants it told."""
    known = connections["default"].settings_dict
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    told = {name: known[key] for name, key in names.items() if known[key]}
    # A server that vanished is noticed within a minute, without a word of ours.
    alive = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "connect_timeout": 5}
    return {**alive, **told, "options": known["OPTIONS"].get("options", ""), "application_name": "amiable live"}


def say(happening: Happening) -> None:
    """Tells everyone who follows, in every process, what is no row: who looks at what. In a thread of its own."""
    told = {
        "w": happening.what,
        "k": happening.creditor,
        "c": happening.customer,
        "u": happening.user,
        "s": happening.name,
    }
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps(told)])


def hears(*, seconds: float) -> bool:
    """Whether a word said on one connection is heard on another: through some poolers none is."""
    channel = f"{CHANNEL}_{secrets.token_hex(8)}"
    with psycopg.connect(**_address(), autocommit=True) as connection:
        connection.execute(f"LISTEN {channel}")
        with psycopg.connect(**_address(), autocommit=True) as other:
            other.execute("SELECT pg_notify(%s, '')", [channel])
        return any(True for _word in connection.notifies(timeout=seconds, stop_after=1))


listener = Listener()
