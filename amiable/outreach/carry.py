"""Words on their way: handed to a carrier, each once, over a few connections at a time.

In: what has been written down. Out: what came of each, in memory; the database is not touched here.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from amiable.core.errors import Refused, Unavailable
from amiable.outreach.channel import Channel, InDoubt, Parcel, Unreachable, channels
from amiable.outreach.models import Delivery, Message

log = logging.getLogger(__name__)
LANES = 4  # connections at once: while one waits for its server's answer, the others go on
Clock = Callable[[], datetime]


@dataclass
class Bound:
    """One message on its way: written down, and what came of handing it over."""

    message: Message
    parcel: Parcel
    delivery: Delivery
    touched: bool = False  # handing over has begun: from here on it is never begun again
    error: Exception | None = None
    detail: str = ""
    ended_at: datetime | None = None


@dataclass
class Flight:
    """A batch on its way."""

    bound: Sequence[Bound]
    lanes: list["Future[bool]"]

    def landed(self) -> bool:
        """Waits for every lane; False when the carrier could not be reached and the rest was left alone."""
        answers = [lane.result() for lane in self.lanes]
        return all(answers)


class Carriers:
    """The channels in use: each lane opens its own connection when it first needs it, and keeps it to the end."""

    def __init__(self, by_medium: Mapping[str, str], *, clock: Clock) -> None:
        self.media = list(by_medium)
        self._types = {medium: channels()[key] for medium, key in by_medium.items()}
        self._clock = clock
        self._own = threading.local()
        self._open: list[Channel] = []
        self._unreachable = threading.Event()
        self._lanes = ThreadPoolExecutor(LANES, thread_name_prefix="lane")

    def __enter__(self) -> "Carriers":
        return self

    def __exit__(self, *error: object) -> None:
        self._lanes.shutdown()
        for channel in self._open:
            channel.__exit__(None, None, None)

    def of(self, medium: str) -> Channel:
        """The channel of this thread. Raises NotConfigured where a setting is missing."""
        mine: dict[str, Channel] = self._own.__dict__.setdefault("channels", {})
        if medium not in mine:
            kind = self._types[medium]
            mine[medium] = kind(kind.settings()).__enter__()
            self._open.append(mine[medium])
        return mine[medium]

    def start(self, bound: Sequence[Bound]) -> Flight:
        return Flight(bound, [self._lanes.submit(self._hand_over, bound[lane::LANES]) for lane in range(LANES)])

    def _hand_over(self, bound: Sequence[Bound]) -> bool:
        for each in bound:
            if self._unreachable.is_set():
                return False
            channel = self.of(each.message.medium)
            each.touched = True
            try:
                each.detail = channel.send(each.parcel).detail
            except Unreachable as error:
                log.warning("%s", error)
                each.touched = False  # nothing was handed over: not even a try
                self._unreachable.set()
                return False
            except (Refused, Unavailable, InDoubt) as error:
                each.error = error
            each.ended_at = self._clock()
        return True
