"""The open items, to be found by what a line says: by reference (whole, damaged, its end), by amount, by customer.

In: items. Out: places in them. What has been given away is taken off `left`, so that nothing is found twice.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from amiable.payments.matching.read import squeezed
from amiable.payments.matching.shapes import Item

SHARED = 40  # items of one reference that are looked at: a reference that more share says nothing
RUN_SHORTEST = 8  # a reference inside a longer run of signs must be at least this long
GRAM = 5  # signs in a row that a damaged reference has kept
GRAM_MOST = 60  # references that share such a row; one that more share is skipped
WORST = 3  # wrong signs of a reference, however long it is
LIKE = 78  # per cent of a reference's signs that must stand there
NEAR = 300  # items of a customer that are compared


class Book:
    """The items with their indexes. Places are positions in `items`."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = sorted(items, key=lambda item: (item.due_on, item.kind, item.id))
        self.left = [item.open_minor for item in self.items]
        self.by_reference: dict[str, list[int]] = defaultdict(list)
        self.of_customer: dict[tuple[int, str], list[int]] = defaultdict(list)
        self.due = [item.due_on.toordinal() for item in self.items]
        self.codes: list[tuple[str, ...]] = []
        for place, item in enumerate(self.items):
            codes = tuple(dict.fromkeys(code for said in item.references if (code := squeezed(said))))
            self.codes.append(codes)
            for code in codes:
                self.by_reference[code].append(place)
            self.of_customer[item.customer, item.currency].append(place)
        self.lengths = sorted({len(code) for code in self.by_reference if len(code) >= RUN_SHORTEST})
        self._ordered: dict[str, tuple[list[int], list[int]]] = {}

    def named(self, code: str, currency: str) -> list[int]:
        """The items of this reference that are open in this currency."""
        places = self.by_reference.get(code, ())
        return (
            [p for p in places if self.left[p] > 0 and self.items[p].currency == currency]
            if len(places) <= SHARED
            else []
        )

    def inside(self, run: str, currency: str) -> Iterator[tuple[str, int, int]]:
        """References that stand somewhere within a run of signs, with the place where they begin."""
        for length in self.lengths:
            for start in range(len(run) - length + 1):
                code = run[start : start + length]
                if code in self.by_reference:
                    for place in self.named(code, currency):
                        yield code, place, start

    def worth(self, currency: str, low: int, high: int) -> list[int]:
        """Items open for an amount in low..high, at most so many."""
        if currency not in self._ordered:
            pairs = sorted((item.open_minor, p) for p, item in enumerate(self.items) if item.currency == currency)
            self._ordered[currency] = [amount for amount, _p in pairs], [p for _amount, p in pairs]
        amounts, places = self._ordered[currency]
        found = places[bisect_left(amounts, low) : bisect_right(amounts, high)]
        return [p for p in found[: NEAR * 4] if low <= self.left[p] <= high]

    def of(self, customers: Iterable[int], currency: str, on: date, *, most: int = NEAR) -> list[int]:
        """What these customers have open, those due nearest to a day if there are many; oldest due first."""
        day, found = on.toordinal(), []
        for customer in sorted(set(customers)):
            places = self.of_customer.get((customer, currency), ())
            middle = bisect_left(places, day, key=self.due.__getitem__) if len(places) > 2 * most else 0
            found += [p for p in places[max(middle - most, 0) : middle + 2 * most] if self.left[p] > 0]
        if len(found) > most:
            found = self.nearest(found, on)[:most]
        return sorted(found)

    def nearest(self, places: Iterable[int], on: date) -> list[int]:
        """Places by how near to a day they are due."""
        day, due = on.toordinal(), self.due
        return [p for _far, p in sorted((abs(due[p] - day), p) for p in places)]


def wrong_signs(pieces: Sequence[str], run: str, codes: Sequence[str]) -> dict[str, int]:
    """For those references that stand damaged in words or in the run of all of them: how many signs are wrong,
    missing, too many or swapped where they come nearest.
    """
    long = [code for code in codes if allowed(code)]
    if not long or not pieces:
        return {}
    far = process.cdist(pieces, long, scorer=OSA.distance, score_cutoff=WORST, dtype=np.uint8).min(axis=0)
    alike = process.cdist([run], long, scorer=fuzz.partial_ratio, score_cutoff=LIKE, dtype=np.uint8)[0]
    told = {}
    for code, best, like in zip(long, far.tolist(), alike.tolist(), strict=True):
        most = allowed(code)
        nearest = min(best, _within(run, code, best)) if like and best > 1 else best
        if nearest <= most:
            told[code] = nearest
    return told


def allowed(code: str) -> int:
    """Wrong signs that leave a reference recognisable."""
    return 0 if len(code) < 5 else 1 if len(code) < 8 else 2 if len(code) < 10 else WORST


def _within(run: str, code: str, best: int) -> int:
    """The fewest wrong signs of a reference somewhere within a longer run."""
    found = fuzz.partial_ratio_alignment(code, run, score_cutoff=LIKE)
    if found is None:
        return best
    for start in range(max(found.dest_start - 1, 0), found.dest_start + 2):
        for end in range(found.dest_end - 1, min(found.dest_end + 1, len(run)) + 1):
            if end > start:
                best = min(best, OSA.distance(run[start:end], code, score_cutoff=best))
    return best


def grams(run: str) -> list[str]:
    """The rows of GRAM signs in a run, each once."""
    return list(dict.fromkeys(run[start : start + GRAM] for start in range(len(run) - GRAM + 1)))


def sharing(book: Book, wanted: dict[str, dict[str, list[int]]]) -> dict[int, set[int]]:
    """For rows of signs, by currency, with whoever asks for them: the items whose references have such a row."""
    hits: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, codes in enumerate(book.codes):
        currency = book.items[place].currency
        asked = wanted.get(currency)
        if not asked or book.left[place] <= 0:
            continue
        for code in codes:
            for start in range(len(code) - GRAM + 1):
                if (gram := code[start : start + GRAM]) in asked:
                    hits[currency, gram].append(place)
    found: dict[int, set[int]] = defaultdict(set)
    for (currency, gram), places in hits.items():
        if len(places) <= GRAM_MOST:
            for asking in wanted[currency][gram]:
                found[asking].update(places)
    return found


def ends(pieces: Iterable[str]) -> tuple[str, ...]:
    """Numbers that may be the end of a reference, alone: 0112 of FA-2026-0112."""
    return tuple(piece for piece in pieces if len(piece) >= 3 and piece.isdigit())


def beginnings(pieces: Iterable[str]) -> tuple[str, ...]:
    """Words that may be a reference cut off."""
    return tuple(piece for piece in pieces if len(piece) >= 6)
