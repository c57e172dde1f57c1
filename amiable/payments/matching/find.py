"""The open items, to be found by what a line says: by reference (whole, damaged, its end), by amount, by customer.

In: items. Out: places in them. What has been given away is taken off `left`, so that nothing is found twice.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from rapidfuzz.distance import OSA

from amiable.payments.matching.read import squeezed
from amiable.payments.matching.shapes import Item, ItemKind

SHARED = 40  # items of one reference that are looked at: a reference that more share says nothing
RUN_SHORTEST = 8  # a reference inside a longer run of signs must be at least this long
GRAM = 5  # signs in a row that a damaged reference has kept
GRAM_MOST = 60  # references that share such a row; one that more share is skipped
NEAR = 300  # items of a customer that are compared


class Book:
    """The items with their indexes. Places are positions in `items`."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = sorted(items, key=lambda item: (item.due_on, item.kind, item.id))
        self.left = [item.open_minor for item in self.items]
        self.by_reference: dict[str, list[int]] = defaultdict(list)
        self.by_amount: dict[tuple[str, int], list[int]] = defaultdict(list)
        self.of_customer: dict[tuple[int, str], list[int]] = defaultdict(list)
        self.codes: list[tuple[str, ...]] = []
        for place, item in enumerate(self.items):
            codes = tuple(dict.fromkeys(code for said in item.references if (code := squeezed(said))))
            self.codes.append(codes)
            for code in codes:
                self.by_reference[code].append(place)
            self.by_amount[item.currency, item.open_minor].append(place)
            self.of_customer[item.customer, item.currency].append(place)
        self.lengths = sorted({len(code) for code in self.by_reference if len(code) >= RUN_SHORTEST})
        self._ordered: dict[str, tuple[list[int], list[int]]] = {}

    def named(self, code: str, currency: str) -> list[int]:
        """The items of this reference that are open in this currency."""
        places = self.by_reference.get(code, ())
        return [p for p in places if self.left[p] > 0 and self.items[p].currency == currency] if len(places) <= SHARED else []

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

    def of(self, customers: Iterable[int], currency: str, on: date) -> list[int]:
        """What these customers have open, those due nearest to a day if there are many; oldest due first."""
        found = [
            p
            for customer in sorted(set(customers))
            for p in self.of_customer.get((customer, currency), ())
            if self.left[p] > 0
        ]
        if len(found) > NEAR:
            day = on.toordinal()
            found = sorted(found, key=lambda p: (abs(self.items[p].due_on.toordinal() - day), p))[:NEAR]
        return sorted(found)


def damaged(pieces: Sequence[str], code: str) -> int | None:
    """How many signs of a reference are wrong, missing, too many or swapped in the piece that comes nearest to it."""
    most = allowed(code)
    if not most:
        return None
    best = most + 1
    for piece in pieces:
        if abs(len(piece) - len(code)) <= most:
            best = min(best, OSA.distance(piece, code, score_cutoff=best))
        elif len(piece) > len(code) + most:
            best = min(best, _within(piece, code, best))
    return best if best <= most else None


def allowed(code: str) -> int:
    """Wrong signs that leave a reference recognisable."""
    return 0 if len(code) < 5 else 1 if len(code) < 8 else 2 if len(code) < 13 else 3


def _within(run: str, code: str, best: int) -> int:
    """The fewest wrong signs of a reference somewhere within a longer run."""
    length = len(code)
    for size in (length, length - 1, length + 1):
        for start in range(min(len(run), 160) - size + 1):
            best = min(best, OSA.distance(run[start : start + size], code, score_cutoff=best))
    return best


def grams(pieces: Iterable[str]) -> set[str]:
    """The rows of GRAM signs in some pieces."""
    return {piece[start : start + GRAM] for piece in pieces for start in range(len(piece) - GRAM + 1)}


def sharing(book: Book, wanted: dict[tuple[str, str], list[int]]) -> dict[int, set[int]]:
    """For rows of signs, by currency, with whoever asks for them: the items whose references have such a row."""
    hits: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, codes in enumerate(book.codes):
        if book.left[place] <= 0:
            continue
        currency = book.items[place].currency
        for gram in grams(codes):
            if (currency, gram) in wanted:
                hits[currency, gram].append(place)
    found: dict[int, set[int]] = defaultdict(set)
    for key, places in hits.items():
        if len(places) <= GRAM_MOST:
            for asking in wanted[key]:
                found[asking].update(places)
    return found


def tail_of(pieces: Iterable[str], code: str) -> bool:
    """Whether the end of a reference stands alone in the text: 0112 of FA-2026-0112."""
    for piece in pieces:
        if 3 <= len(piece) < len(code) and piece.isdigit() and code.endswith(piece):
            return True
        bare = piece.lstrip("0")
        if len(bare) >= 3 and bare.isdigit() and code.endswith(bare) and code[-len(bare) - 1 : -len(bare)] in ("0", ""):
            return True
    return False


