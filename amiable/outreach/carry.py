"""Words on their way: handed to a carrier, each once, over a few connections at a time.

In: what has been written down. Out: what came of each, in memory; the database is not touched here.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from amiable.core.errors import Refused, Unavailable
from amiable.outreach import pace
from amiable.outreach.channel import Channel, InDoubt, Parcel, Unreachable
from amiable.outreach.models import Delivery, Message
from amiable.outreach.route import Routes

log = logging.getLogger(__name__)
LANES = 4  # connections at once: while one waits for its server's answer, the others go on
DOUBTS = 3  # so many messages without an answer, and the carrier is left alone
Clock = Callable[[], datetime]


@dataclass
class Bound:
    """One message on its way: written down, and what came of handing it over."""

    message: Message
    parcel: Parcel
    delivery: Delivery
    others: Sequence[Message] = ()  # accounts that the same words tell
    touched: bool = False  # handing over has begun: from here on it is never begun again
    error: Exception | None = None
    detail: str = ""
    ended_at: datetime | None = None

    @property
    def told(self) -> list[Message]:
        """Every message that this one carries the words of."""
        return [self.message, *self.others]


class Carriers:
    """The channels in use: each lane opens its own connection when it first needs it, and keeps it to the end.

    A route whose carrier is out of reach, or left us in doubt too often, is left alone for the rest of the run; one
    with a limit carries only what was booked for it.
    """

    def __init__(self, routes: Routes, *, clock: Clock) -> None:
        self._routes = routes
        self._clock = clock
        self._own = threading.local()
        self._open: list[Channel] = []
        self._away: set[str] = set()  # accounts
        self._doubts: Counter[str] = Counter()
        self._booked: dict[str, int] = {}  # how many were booked to leave now, of accounts with a limit
        self._left: dict[str, int] = {}  # of these, how many were not taken yet
        self._limits = {
            each.account: limit for each in routes.values() if not each.missing and (limit := _limit(each.channel()))
        }
        self._lanes = ThreadPoolExecutor(LANES, thread_name_prefix="lane")

    def __enter__(self) -> "Carriers":
        return self

    def __exit__(self, *error: object) -> None:
        self._lanes.shutdown()
        for channel in self._open:
            channel.__exit__(None, None, None)

    @property
    def creditors(self) -> list[int]:
        return sorted({creditor for creditor, _medium in self._routes})

    def closed(self) -> list[tuple[int, str]]:
        """Creditor and medium of what may not be claimed now; a dry run needs no carrier."""
        closed = self._away | {account for account, booked in self._booked.items() if not booked}
        return [
            pair for pair, each in self._routes.items() if not each.dry and (each.missing or each.account in closed)
        ]

    def book(self, most: int) -> None:
        """Asks for the next turn of each account with a limit; holds nothing while others are served."""
        self._booked = {
            account: pace.book(account, per_second=limit, most=most)
            for account, limit in self._limits.items()
            if account not in self._away
        }
        self._left = dict(self._booked)

    def takes(self, message: Message) -> bool:
        """Whether one more message may leave this way now."""
        route = self._routes[message.creditor_id, message.medium]
        if route.dry or route.account not in self._left:
            return True  # nothing leaves this way, or there is no limit
        self._left[route.account] -= 1
        return self._left[route.account] >= 0

    def give_back(self, bound: Sequence[Bound]) -> None:
        """What was booked and does not leave is free for others."""
        used = Counter(self._account(each.message) for each in bound)
        for account, booked in self._booked.items():
            if booked > used[account]:
                pace.give_back(account, per_second=self._limits[account], count=booked - used[account])

    def rest(self) -> bool:
        """Waits for the next turn of an account that had none; False where none is waited for."""
        waiting = [account for account, booked in self._booked.items() if not booked]
        if waiting:
            time.sleep(min(pace.seconds_until_free(account) for account in waiting))
        return bool(waiting)

    def of(self, message: Message) -> Channel:
        """The channel of this thread. Raises NotConfigured where a setting is missing."""
        mine: dict[str, Channel] = self._own.__dict__.setdefault("channels", {})
        route = self._routes[message.creditor_id, message.medium]
        if route.account not in mine:
            mine[route.account] = route.channel().__enter__()
            self._open.append(mine[route.account])
        return mine[route.account]

    def carry(self, bound: Sequence[Bound]) -> None:
        """Hands a batch over, and returns when every lane has its last answer."""
        wait(lanes := [self._lanes.submit(self._hand_over, bound[lane::LANES]) for lane in range(LANES)])
        for lane in lanes:
            lane.result()

    def _hand_over(self, bound: Sequence[Bound]) -> None:
        for each in bound:
            account = self._account(each.message)
            if account in self._away:
                continue
            channel = self.of(each.message)
            each.touched = True
            try:
                each.detail = channel.send(each.parcel).detail
            except Unreachable as error:
                log.warning("%s", error)
                each.touched = False  # nothing was handed over: not even a try
                self._away.add(account)
                continue
            except (Refused, Unavailable, InDoubt) as error:
                each.error = error
                self._count(account, error)
            each.ended_at = self._clock()

    def _account(self, message: Message) -> str:
        return self._routes[message.creditor_id, message.medium].account

    def _count(self, account: str, error: Exception) -> None:
        """A carrier of whom nobody knows what it did with the last words gets no more of them today."""
        self._doubts[account] += isinstance(error, InDoubt)
        if self._doubts[account] >= DOUBTS:
            self._away.add(account)


def _limit(channel: Channel) -> float:
    return float(channel.config.get("per_second") or 0)
