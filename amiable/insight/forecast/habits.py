"""How many days before or after its day money comes: learnt from what was paid and from what is still waiting.

In: rows of customers with their day, since when they waited and until when. Out: the chance to wait on, day by day.
Never: only the paid ones counted, which would make everybody fast; a customer judged by two invoices alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# The ways in which money is waited for, each with its own day: due date, promised day, instalment, debit, dispute's opening.
PARTS = ("due", "promise", "plan", "debit", "dispute")
ROWS: Mapping[str, type[pl.DataType]] = {
    "part": pl.String, "customer": pl.Int64, "group": pl.String, "day": pl.Date, "since": pl.Date, "until": pl.Date,
    "paid": pl.Boolean, "share": pl.Float64, "currency": pl.String, "minor": pl.Int64,
}  # fmt: skip

# Days from the day: weeks while it is far, single days around it, weeks after two months, and all that comes later.
EDGES = np.array([*range(-59, -31, 7), *range(-31, 61), *range(61, 363, 7), 362 + 400])
FIRST, LAST = int(EDGES[0]), int(EDGES[-1]) - 1
LATE = 362  # from here on one day is like the other
BINS = len(EDGES) - 1
WIDTH = np.diff(EDGES)
_OF_DAY = np.repeat(np.arange(BINS), WIDTH)  # the bin of each day from FIRST on

# So many invoices weigh what is known from elsewhere: of a customer, what is known of its group; of the group, of the house;
# of the house, what is declared here (chance a day, from a day on) for a part of which nothing has been seen yet.
OWN, GROUP, HOUSE = 4.0, 20.0, 10.0
AROUND = 5  # days, before and after, that count as the same in a customer's habit
YEAR, LATELY = 365, 91  # a customer's habit is that of a year, moved as everybody's was of late
DECLARED: Mapping[str, tuple[tuple[int, float], ...]] = {
    "due": ((FIRST, 0.003), (-7, 0.03), (0, 0.2), (8, 0.06), (31, 0.02), (91, 0.005)),
    "promise": ((FIRST, 0.008), (0, 0.25), (4, 0.03), (31, 0.01)),
    "plan": ((FIRST, 0.01), (0, 0.3), (4, 0.05), (31, 0.01)),
    "debit": ((FIRST, 0.001), (0, 0.4), (6, 0.02), (31, 0.01)),
    "dispute": ((FIRST, 0.01), (61, 0.005)),
}
# What ends without money (credit notes, what is given up), by part and days from the day; so many seen weigh as the guess.
BANDS = (1, 31, 91)
GUESSED_SHARE = {"due": 1.0, "promise": 1.0, "plan": 1.0, "debit": 1.0, "dispute": 0.6}
SHARE_WEIGHT = 5.0
CHUNK = 40_000  # customers at a time, so that memory stays small


@dataclass(frozen=True)
class Habits:
    """What the rows tell: for each part and each of its groups the chance a day, and what of an end is money."""

    house: Mapping[str, Floats]  # two lines each: of a year, and of late
    groups: Mapping[tuple[str, str], Floats]
    share: Mapping[str, Floats]
    own: pl.DataFrame  # rows as offsets, sorted by part and customer
    seen: Mapping[str, int]  # ends by payment, by part


def offsets(rows: pl.DataFrame, *, as_of: date, days: int) -> pl.DataFrame:
    """The rows as days from their day: `first` at risk in the so many days before a day, `last` (the end, or the day of
    looking), `ended` by then."""
    day = pl.lit(as_of)
    since = pl.max_horizontal("since", pl.lit(as_of - timedelta(days=days - 1)))
    ended = pl.col("until").is_not_null() & (pl.col("until") <= day)
    last = pl.when(ended).then(pl.col("until")).otherwise(day)
    return (
        rows.filter(pl.col("since") <= day)
        .with_columns(
            first=(since - pl.col("day")).dt.total_days().clip(FIRST, LAST),
            last=(last - pl.col("day")).dt.total_days().clip(FIRST, LAST),
            ended=ended & pl.col("paid"),
        )
        .filter(pl.col("last") >= pl.col("first"))
    )


def learn(rows: pl.DataFrame, *, as_of: date) -> Habits:
    """The habits of a house as they could be known on a day."""
    own = offsets(rows, as_of=as_of, days=YEAR).sort("part", "customer")
    late = offsets(rows, as_of=as_of, days=LATELY)
    house, groups, share = {}, {}, {}
    for part in PARTS:
        mine, lately = own.filter(pl.col("part") == part), late.filter(pl.col("part") == part)
        usual = _shrunk(*_counts(mine), declared(part), HOUSE)
        house[part] = np.stack([usual, _shrunk(*_counts(lately), usual, GROUP)])
        share[part] = _shares(mine, part)
        for (name,), some in mine.group_by(["group"]):
            usual = _shrunk(*_counts(some), house[part][0], GROUP)
            trend = usual * house[part][1] / house[part][0]
            newest = _counts(lately.filter(pl.col("group") == name))
            groups[part, str(name)] = np.stack([usual, _shrunk(*newest, trend, GROUP)])
    paid = own.filter("ended").group_by("part").len()
    return Habits(house, groups, share, own, dict(paid.iter_rows()))


def packed(habits: Habits) -> dict[str, Any]:
    """The habits of the house and its groups as plain numbers, to be kept; nothing of a single customer."""
    return {
        "house": {part: rates.round(6).tolist() for part, rates in habits.house.items()},
        "groups": [[*names, rates.round(6).tolist()] for names, rates in habits.groups.items()],
        "share": {part: share.round(4).tolist() for part, share in habits.share.items()},
        "seen": dict(habits.seen),
    }


def unpacked(kept: Mapping[str, Any], own: pl.DataFrame) -> Habits:
    """The habits that were kept, with rows (see `offsets`) of the customers that are asked about."""
    return Habits(
        house={part: np.array(rates) for part, rates in kept["house"].items()},
        groups={(part, name): np.array(rates) for part, name, rates in kept["groups"]},
        share={part: np.array(share) for part, share in kept["share"].items()},
        own=own,
        seen=kept["seen"],
    )


def declared(part: str) -> Floats:
    found = np.zeros(BINS)
    for start, rate in DECLARED[part]:
        found[EDGES[:-1] >= start] = rate
    return found


def waiting(habits: Habits, asked: pl.DataFrame, *, ages: Ints, ahead: Ints) -> Floats:
    """The chance that each asked row (part, customer, group), `ages` days from its day and still waiting, waits on for so many
    days more: one column for each of `ahead`."""
    found = np.ones((asked.height, len(ahead)))
    keys = asked.with_row_index("row").with_columns(age=pl.Series(ages))
    for (part,), some in keys.group_by(["part"], maintain_order=True):
        who = some.select("customer", "group").unique("customer", maintain_order=True).with_row_index("who")
        mine = habits.own.filter(pl.col("part") == part).join(who.select("customer", "who"), on="customer")
        some = some.join(who.select("customer", "who"), on="customer", maintain_order="left").sort(
            "who", maintain_order=True
        )
        mine = mine.sort("who")
        parents = _parents(habits, str(part), who["group"])
        theirs, at = mine["who"].to_numpy(), some["who"].to_numpy()
        for start in range(0, who.height, CHUNK):
            stop = min(start + CHUNK, who.height)
            lo, hi = np.searchsorted(theirs, [start, stop])
            few = mine.slice(int(lo), int(hi - lo))
            ends, exposed = _counts_of(few, few["who"].to_numpy().astype(np.int64) - start, stop - start)
            log = _log_waiting(_leaning(ends, exposed, parents[start:stop]))
            lo, hi = np.searchsorted(at, [start, stop])
            these = some.slice(int(lo), int(hi - lo))
            chance = _later(log, these["who"].to_numpy().astype(np.int64) - start, these["age"].to_numpy(), ahead)
            found[these["row"].to_numpy()] = chance
    return found


def money_share(habits: Habits, part: str, age: Ints) -> Floats:
    """What of an end at this age is money, and not a credit note or given up."""
    return np.asarray(habits.share[part][np.searchsorted(BANDS, age, side="right")])


def _parents(habits: Habits, part: str, names: pl.Series) -> Floats:
    codes = names.unique()
    table = np.stack([habits.groups.get((part, str(name)), habits.house[part]) for name in codes])
    where = pl.DataFrame({"group": codes}).with_row_index("at")
    place = pl.DataFrame({"group": names}).join(where, on="group", maintain_order="left", nulls_equal=True)["at"]
    return np.asarray(table[place.to_numpy()])


def _counts(rows: pl.DataFrame) -> tuple[Floats, Floats]:
    """Ends and days of waiting of everybody, by bin."""
    ends, exposed = _counts_of(rows, np.zeros(rows.height, dtype=np.int64), 1)
    return ends[0], exposed[0]


def _counts_of(rows: pl.DataFrame, line: Ints, size: int) -> tuple[Floats, Floats]:
    """Ends and days of waiting by bin, of each customer in a line of their own."""
    first, last = rows["first"].to_numpy(), rows["last"].to_numpy()
    begun, over = _OF_DAY[first - FIRST], _OF_DAY[last - FIRST]
    flat = line * (BINS + 1)
    cells = size * (BINS + 1)
    full = np.bincount(flat + begun + 1, minlength=cells + 1) - np.bincount(flat + over, minlength=cells + 1)
    exposed = np.cumsum(full[:cells].reshape(size, BINS + 1), axis=1)[:, :BINS] * WIDTH
    part = np.bincount(flat + begun, weights=EDGES[begun + 1] - first, minlength=cells)
    part = part + np.bincount(flat + over, weights=last - EDGES[over] + 1, minlength=cells)
    exposed = exposed + part[:cells].reshape(size, BINS + 1)[:, :BINS]
    ended = rows["ended"].to_numpy()
    ends = np.bincount(flat[ended] + over[ended], minlength=cells).reshape(size, BINS + 1)[:, :BINS]
    return ends.astype(np.float64), exposed.astype(np.float64)


def _shrunk(ends: Floats, exposed: Floats, parent: Floats, weight: float) -> Floats:
    believed = weight * WIDTH
    return np.asarray((ends + believed * parent) / (exposed + believed))


def _leaning(ends: Floats, exposed: Floats, parent: Floats) -> Floats:
    """Each customer's chances: the group's, times how much more or less often than it they paid around the same days. Few
    invoices make no gap between two payments a habit: a window of days counts, drawn towards the group's."""
    more = (_window(ends) + OWN) / (_window(exposed * parent[:, 0]) + OWN)
    return np.asarray(parent[:, 1] * more)


def _window(cells: Floats) -> Floats:
    sums = np.zeros((cells.shape[0], BINS + 1))
    np.cumsum(cells, axis=1, out=sums[:, 1:])
    places = np.arange(BINS)
    return np.asarray(sums[:, np.minimum(places + AROUND + 1, BINS)] - sums[:, np.maximum(places - AROUND, 0)])


def _log_waiting(rate: Floats) -> tuple[Floats, Floats]:
    """The logarithm of the chance to wait until each edge, and what one day of each bin takes away from it."""
    a_day = np.log1p(-np.minimum(rate, 0.999))
    until = np.zeros((rate.shape[0], BINS + 1))
    np.cumsum(a_day * WIDTH, axis=1, out=until[:, 1:])
    return until, a_day


def _later(log: tuple[Floats, Floats], who: Ints, ages: Ints, ahead: Ints) -> Floats:
    now = np.minimum(ages, LATE)
    base = _at(log, who, now)
    return np.stack([np.exp(_at(log, who, now + days) - base) for days in ahead], axis=1)


def _at(log: tuple[Floats, Floats], who: Ints, day: Ints) -> Floats:
    """The logarithm of the chance to wait through a day; nobody is expected to pay before the first."""
    until, a_day = log
    clipped = np.clip(day, FIRST, LAST)
    place = _OF_DAY[clipped - FIRST]
    value = until[who, place] + a_day[who, place] * (clipped - EDGES[place] + 1)
    return np.where(day < FIRST, 0.0, value)


def _shares(rows: pl.DataFrame, part: str) -> Floats:
    """By band of days: what of the ends was money, with a guess of some weight."""
    ended = rows.filter("ended")
    band = np.searchsorted(BANDS, ended["last"].to_numpy(), side="right")
    size = len(BANDS) + 1
    money = np.bincount(band, weights=ended["share"].to_numpy(), minlength=size)
    count = np.bincount(band, minlength=size)
    return np.asarray((money + SHARE_WEIGHT * GUESSED_SHARE[part]) / (count + SHARE_WEIGHT))
