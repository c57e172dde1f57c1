"""Which of some amounts make up a sum: short sets, runs in a row, all but a few. Bounded by counts, never by time.

In: signed amounts in a telling order (oldest due first), a lowest and a highest sum. Out: sets of places, each with how
many other sets of its kind could have been tried: the more, the less a hit says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from math import comb

import numpy as np

MANY = 60  # amounts that are combined freely
ANY = 14  # amounts of which any number is combined
RUNS = 200  # amounts among which runs in a row are looked for
LARGEST = 2**60  # amounts of which four still are a machine's whole number
FOUND = 12  # sets that are handed on

Found = tuple[tuple[int, ...], int]


class Pairs:
    """The sums of all pairs of places, in order."""

    def __init__(self, amounts: Sequence[int]) -> None:
        values = np.array(amounts, dtype=np.int64)
        left, right = np.triu_indices(len(values), k=1)
        sums = values[left] + values[right]
        order = sums.argsort(kind="stable")
        self.sums, self.left, self.right = sums[order], left[order], right[order]

    def between(self, start: int, end: int) -> tuple[list[int], list[int]]:
        end = min(end, start + 50)
        return self.left[start:end].tolist(), self.right[start:end].tolist()


def add_up(amounts: Sequence[int], *, low: int, high: int) -> list[Found]:
    """Sets of two or more places whose amounts sum to low..high, the most telling kind first."""
    found: dict[tuple[int, ...], int] = {}
    for places, tried in _every(amounts, low, high):
        found.setdefault(places, tried)
        if len(found) >= FOUND:
            break
    return list(found.items())


def _every(amounts: Sequence[int], low: int, high: int) -> Iterator[Found]:
    yield from _runs(amounts[:RUNS], low, high)
    some = amounts[:MANY]
    if len(some) >= 2:
        yield from _pairs(some, low, high)
    if len(some) >= 4:
        yield from _any(some[:ANY], low, high)
        yield from _all_but(some, low, high)
    if len(some) >= 3 and max(map(abs, (*some, low, high))) < LARGEST:
        pairs = Pairs(some)
        yield from _threes(some, low, high, pairs)
        yield from _fours(some, low, high, pairs)


def _runs(amounts: Sequence[int], low: int, high: int) -> Iterator[Found]:
    """Invoices that follow one another, as whoever pays a month pays them; the whole list is the most telling one."""
    total, sums = 0, [0]
    for amount in amounts:
        total += amount
        sums.append(total)
    count = len(amounts)
    if count >= 2 and low <= total <= high:
        yield tuple(range(count)), 1
    for end in range(2, count):
        if low <= sums[end] <= high:
            yield tuple(range(end)), count
    ends: dict[int, list[int]] = {}
    if high - low <= 200:
        for end, value in enumerate(sums):
            ends.setdefault(value, []).append(end)
        for start in range(1, count - 1):
            for wanted in range(sums[start] + low, sums[start] + high + 1):
                for end in ends.get(wanted, ()):
                    if end >= start + 2:
                        yield tuple(range(start, end)), count * count // 2


def _any(amounts: Sequence[int], low: int, high: int) -> Iterator[Found]:
    """Sets of any size among the first few amounts."""
    if sum(map(abs, amounts)) >= LARGEST:
        return
    sums = np.zeros(1, dtype=np.int64)
    for amount in amounts:
        sums = np.concatenate((sums, sums + amount))
    for mask in np.flatnonzero((sums >= low) & (sums <= high)).tolist():
        places = tuple(place for place in range(len(amounts)) if mask >> place & 1)
        if len(places) >= 5:
            yield places, comb(len(amounts), len(places))


def _pairs(amounts: Sequence[int], low: int, high: int) -> Iterator[Found]:
    order = sorted((amount, place) for place, amount in enumerate(amounts))
    values = [amount for amount, _place in order]
    tried = comb(len(amounts), 2)
    for at, (amount, place) in enumerate(order):
        for other in range(max(at + 1, bisect_left(values, low - amount)), bisect_right(values, high - amount)):
            yield tuple(sorted((place, order[other][1]))), tried


def _threes(amounts: Sequence[int], low: int, high: int, pairs: Pairs) -> Iterator[Found]:
    """A pair and a third one that is not of it; each set is met once, by its last place."""
    tried = comb(len(amounts), 3)
    third = np.array(amounts, dtype=np.int64)
    starts, ends = pairs.sums.searchsorted(low - third), pairs.sums.searchsorted(high - third, side="right")
    for place in np.flatnonzero(ends > starts):
        for one, two in zip(*pairs.between(starts[place], ends[place]), strict=True):
            if two < place:
                yield (one, two, int(place)), tried


def _fours(amounts: Sequence[int], low: int, high: int, pairs: Pairs) -> Iterator[Found]:
    """Two pairs that meet."""
    tried = comb(len(amounts), 4)
    starts = pairs.sums.searchsorted(low - pairs.sums)
    ends = pairs.sums.searchsorted(high - pairs.sums, side="right")
    for at in np.flatnonzero(ends > starts):
        one, two = int(pairs.left[at]), int(pairs.right[at])
        for three, four in zip(*pairs.between(starts[at], ends[at]), strict=True):
            if one < three and two != three and two != four and one != four:
                yield tuple(sorted((one, two, three, four))), tried


def _all_but(amounts: Sequence[int], low: int, high: int) -> Iterator[Found]:
    """Everything but one or two: a dispute, an invoice that has not arrived."""
    total, count = sum(amounts), len(amounts)
    every = range(count)
    for out in every:
        if low <= total - amounts[out] <= high:
            yield tuple(place for place in every if place != out), count
    if count >= 5:
        for places, tried in _pairs(amounts, total - high, total - low):
            yield tuple(place for place in every if place not in places), tried
