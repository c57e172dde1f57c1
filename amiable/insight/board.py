"""A dashboard as data: tiles, tables and the pictures drawn from them, the same on screen, on paper, in a workbook, by API.

In: a creditor, a currency, a day, a period. Out: a Board. Never: a picture without the table it is drawn from, a number
that was made into text, a nought where nothing is known.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, cached_property
from importlib.metadata import entry_points
from typing import Any

from amiable.core.registry import TwoOfAKind
from amiable.insight import boards
from amiable.insight.kpi import Unit, declared
from amiable.insight.measure import Reading, Value
from amiable.insight.recall import recall
from amiable.insight.sum_up import Shelf, shelf
from amiable.ledger.models import Creditor

PERIODS = (30, 90, 365)
NO_SEGMENT = "-"  # in an address
LATEST = 7  # days: a figure older than that says nothing of how the period before ended
Cell = str | int | float | date | None


class Drawn(StrEnum):
    """How a table is drawn. The first column names, the others count."""

    LINES = "lines"  # over time
    BARS = "bars"  # beside each other
    STACK = "stack"  # parts of a whole, lying
    BAND = "band"  # low, middle, high (and what came) over time, in this order
    FUNNEL = "funnel"  # from everything to what is left


@dataclass(frozen=True, kw_only=True)
class Column:
    """`unit`: of the numbers in it; None: words or days. `tone`: its colour in the picture, one of the ageing bands, or
    `accent`, `info`, `held`, `warn`, `good`, `bad`, or `plain` for what it stands beside. `drawn`: whether the picture shows
    it."""

    label: str
    unit: Unit | None = None
    tone: str = ""
    drawn: bool = False
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Link:
    """Where in the desk more is told: the name of its address (without `desk:`), what stands in it, and what it asks."""

    place: str
    args: tuple[Any, ...] = ()
    asks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a table; its first cell leads where `to` says. `total`: the sum of those above."""

    cells: tuple[Cell, ...]
    to: Link | None = None
    total: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """A table and, where `drawn`, the picture of it. `says`: sentences above it. `empty`: what stands where there is no
    line. `currency`: of its amounts, the board's where empty. `wide`: it takes the whole width."""

    key: str
    title: str
    columns: Sequence[Column]
    lines: Sequence[Line]
    empty: str
    drawn: Drawn | None = None
    says: Sequence[str] = ()
    wide: bool = False

    @property
    def picture(self) -> Drawn | None:
        """How it is drawn; not at all where there is nothing to compare: one bar says less than its number."""
        return self.drawn if sum(not line.total for line in self.lines) > 1 else None


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure: its value now and at the end of the period before, in its unit. `part`: of what it is made, in words."""

    key: str
    label: str
    unit: Unit
    value: float | None
    before: float | None = None
    good: int = 0  # 1: more is better; -1: less is; 0: neither
    numerator: int | None = None
    denominator: int | None = None
    counts: bool = False  # the two are numbers of something, and not money
    formula: str = ""
    note: str = ""  # a sentence that stands beside it
    to: Link | None = None


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A sentence that somebody should read first."""

    text: str
    to: Link | None = None
    bad: bool = True


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the function of a board gives."""

    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a board is asked of: the `days` that end with `as_of`, beside the same number of days before them.

    `keys`: the KPIs that the board reads, all in one go. `shelf`: what is kept of the creditor.
    """

    creditor: Creditor
    currency: str
    as_of: date
    days: int
    keys: tuple[str, ...] = ()
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def since(self) -> date:
        return self.as_of - timedelta(days=self.days - 1)

    @property
    def before(self) -> date:
        """The last day of the period before."""
        return self.as_of - timedelta(days=self.days)

    @property
    def house(self) -> dict[str, str]:
        """What every address of a board asks, so that it leads to no more than its number holds."""
        return {"creditor": str(self.creditor.pk), "currency": self.currency}

    def customers(self, **asks: str) -> Link:
        """The customers behind a number; of an empty `segment`, those whom none holds; of an empty `currency`, of any."""
        if asks.get("segment") == "":
            asks["segment"] = NO_SEGMENT
        return Link(place="customers", asks={name: word for name, word in (self.house | asks).items() if word})

    @property
    def now(self) -> Mapping[str, Reading]:
        """The board's KPIs as of the day, with their course over the period."""
        return self._both[0]

    @property
    def then(self) -> Mapping[str, Reading]:
        """The same at the end of the period before."""
        return self._both[1]

    @cached_property
    def _both(self) -> tuple[Mapping[str, Reading], Mapping[str, Reading]]:
        return recall(
            creditor=self.creditor, currency=self.currency, as_of=self.as_of, days=self.days, keys=self.keys
        )  # fmt: skip

    def tile(self, key: str, *, to: Link | None = None, note: str = "") -> Tile:
        """A KPI as a tile."""
        reading, each = self.now[key], self.now[key].kpi
        return Tile(
            key=key, label=str(each.label), unit=each.unit, value=reading.value, before=self.ended(key), good=each.better.sign,
            numerator=reading.numerator, denominator=reading.denominator, counts=each.counts, formula=str(each.formula),
            note=note, to=to,
        )  # fmt: skip

    def ended(self, key: str) -> float | None:
        """What a KPI was when the period before ended; None where nothing was measured in the week up to then."""
        reading = self.then[key]
        known = reading.as_of and reading.as_of > self.before - timedelta(days=LATEST)
        return reading.value if known else None

    def parts(self, key: str, by: str) -> dict[str, Value]:
        """A KPI's stored slices by one dimension: value, numerator and denominator by its value."""
        return {pairs[by]: value for pairs, value in self.now[key].slices if set(pairs) == {by}}

    def crossed(self, key: str, by: str, across: str) -> dict[tuple[str, str], Value]:
        """The same by two dimensions."""
        both = {by, across}
        return {(pairs[by], pairs[across]): value for pairs, value in self.now[key].slices if set(pairs) == both}


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board as it is asked for. `measured_on`: the day of its newest figures; None: nothing was measured by that day."""

    key: str
    title: str
    lead: str
    asked: Asked
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    alarms: Sequence[Alarm]
    measured_on: date | None
    brief: bool = False  # on paper it stands on one page

    @property
    def measured(self) -> bool:
        return self.measured_on is not None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a board says of itself, and the function that fills it. `act`: who may not act so does not see it (empty: everybody
    who sees the whole creditor); the room asks it of its own rights.
    """

    key: str
    title: Any  # lazy text
    lead: Any  # lazy text: the question that it answers
    place: int
    keys: tuple[str, ...]
    fill: Callable[[Asked], Content]
    act: str = ""
    brief: bool = False


def board(
    key: str, *, title: Any, lead: Any, place: int, keys: Iterable[str], act: str = "", brief: bool = False
) -> Callable[[Callable[[Asked], Content]], Plan]:
    """Declares the function below it as the board `key`; boards stand in the order of `place`."""

    def declare(fill: Callable[[Asked], Content]) -> Plan:
        return Plan(
            key=key, title=title, lead=lead, place=place, keys=tuple(keys), fill=fill, act=act, brief=brief
        )  # fmt: skip

    return declare


@cache
def plans() -> Mapping[str, Plan]:
    """Every board of insight/boards/ and of the entry point `amiable.boards`, by key, in their order."""
    modules = [
        importlib.import_module(f"{boards.__name__}.{info.name}") for info in pkgutil.iter_modules(boards.__path__)
    ]
    own = [member for module in modules for member in vars(module).values() if isinstance(member, Plan)]
    found: dict[str, Plan] = {}
    for each in sorted(
        [*own, *(entry.load() for entry in entry_points(group="amiable.boards"))], key=lambda each: each.place
    ):
        if each.key in found:
            raise TwoOfAKind(f"Two boards say {each.key!r}.")
        if unknown := set(each.keys) - set(declared()):
            raise LookupError(f"The board {each.key!r} reads {sorted(unknown)}, which no KPI says.")
        found[each.key] = each
    return found


def show(*, key: str, creditor: Creditor, as_of: date, days: int = 90, currency: str = "") -> Board:
    """The board, read from what is stored; KeyError where there is none of that key.

    It ends with the last day by `as_of` that was measured: a period with days of which nothing is known yet would stand
    beside a longer one. Where nothing was measured in all those days it ends with `as_of`, and says nothing.
    """
    plan = plans()[key]
    held = shelf(creditor=creditor)
    asked = Asked(
        creditor=creditor, currency=currency or creditor.currency, as_of=as_of, days=days, keys=plan.keys,
        shelf=held,
    )  # fmt: skip
    newest = held.reach[1]
    if newest and asked.since <= newest < as_of:
        asked = replace(asked, as_of=newest)
    content = plan.fill(asked)
    return Board(
        key=key, title=str(plan.title), lead=str(plan.lead), asked=asked, tiles=content.tiles,
        sections=content.sections, alarms=content.alarms,
        measured_on=max((reading.as_of for reading in asked.now.values() if reading.as_of), default=None),
        brief=plan.brief,
    )  # fmt: skip
