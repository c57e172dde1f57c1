"""What one line says: the items it names, whole or damaged, and whose money it may be.

In: a line, the book of items, the register of customers. Out: points with reasons. A name that many share, a number that
is rather a date, a reference with wrong signs weigh less.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from math import log

from amiable.payments.matching.find import Book, beginnings, ends, wrong_signs
from amiable.payments.matching.read import joined, words
from amiable.payments.matching.recognise import Payer, Register
from amiable.payments.matching.shapes import Line, Reason

EXACT = 9.0
SURE = 6.5  # from here on an item counts as named outright
INSIDE = 1.0  # lost where a reference stands within a longer run of signs
SAME_RUN = 3.0  # lost where digits go on before or after it
WRONG = {0: EXACT, 1: 6.0, 2: 4.0, 3: 2.5}  # by the number of wrong signs
CUT_OFF = 2.5
NAMED = 80  # items of a line that are kept
Told = tuple[float, Reason]


class Sight:
    """A line with what has been seen in it so far."""

    def __init__(self, line: Line, book: Book, register: Register) -> None:
        self.line, self.book, self.register = line, book, register
        said = " ".join((line.creditor_reference, line.end_to_end_id, line.text))
        self.pieces = words(said)
        self.run = "".join(self.pieces)[:600]
        self.joined = joined(self.pieces)
        self.named: dict[int, Told] = {}
        self.used: dict[str, list[int]] = {}  # pieces that are references as they stand, and whose
        self.looked: set[int] = set()  # items that were considered for it
        self.payer = Payer(line, register)
        self.whose: Mapping[int, tuple[float, tuple[Reason, ...]]] = {}

    def read_references(self) -> None:
        """The references that stand in the text as they are."""
        currency = self.line.currency
        for code in self.joined:
            found = self.book.named(code, currency)
            if found:
                self.used[code] = found
                points = reference_points(code, self.line.booked_on) - log(len(found))
                for place in found:
                    self._name(place, points, Reason("reference", {"reference": self.called(place, code)}))
        for code, place, start in self.book.inside(self.run, currency):
            if place not in self.named:
                self.used.setdefault(code, []).append(place)
                before, after = self.run[start - 1 : start], self.run[start + len(code) : start + len(code) + 1]
                cut = (before.isdigit() and code[0].isdigit()) or (after.isdigit() and code[-1].isdigit())
                points = reference_points(code, self.line.booked_on) - (SAME_RUN if cut else INSIDE)
                self._name(place, points, Reason("reference", {"reference": self.called(place, code)}))

    def see_payer(self) -> None:
        """Whose money it may be, with what is known of payers now."""
        self.whose = self.payer.see()

    def read_damaged(self, more: Iterable[int]) -> None:
        """References with wrong signs, among the items of those who may have paid, of this amount, and those given."""
        book, line = self.book, self.line
        likely = [customer for customer, (points, _why) in self.whose.items() if points >= 2][:8]
        places = {*book.of(likely, line.currency, line.booked_on), *more}
        places |= set(book.worth(line.currency, line.amount_minor, line.amount_minor + line.amount_minor // 1000))
        compared = sorted(p for p in places - self.named.keys() if book.left[p] > 0)
        pieces = self._free_pieces()
        codes = sorted({code for p in compared for code in book.codes[p]})
        wrong, last, first = wrong_signs(pieces, self._free_run(), codes), ends(pieces), beginnings(pieces)
        long = [code for code in codes if len(code) >= 5]
        cut = {code for code in long if (last and code.endswith(last)) or (first and code.startswith(first))}
        for place in compared:
            for code in book.codes[place]:
                if code in wrong:
                    lost = 2.0 if len(code) < 8 else 0.0
                    why = Reason("damaged", {"reference": self.called(place, code), "wrong": wrong[code]})
                    self._name(place, WRONG[wrong[code]] - lost, why)
                elif code in cut:
                    self._name(place, CUT_OFF, Reason("tail", {"reference": self.called(place, code)}))
        if len(self.named) > NAMED:
            kept = sorted(self.named.items(), key=lambda pair: (-pair[1][0], pair[0]))[:NAMED]
            self.named = dict(kept)

    def _free_pieces(self) -> list[str]:
        """Words, and neighbours as one, that are no reference as they stand."""
        return [code for code in self.joined if not self._fits(code) and len(code) >= 3]

    def _fits(self, code: str) -> bool:
        """Whether a piece is a reference of somebody who may have paid; by chance a damaged one is another's."""
        owners = {self.book.items[place].customer for place in self.used.get(code, ())}
        return any(self.payer.of(owner)[0] >= 0 for owner in owners)

    def _free_run(self) -> str:
        run = self.run
        for code in sorted(self.used, key=len, reverse=True):
            if len(code) >= 6 and self._fits(code):
                run = run.replace(code, " ")
        return run

    def called(self, place: int, code: str) -> str:
        """A reference as the creditor writes it."""
        item = self.book.items[place]
        at = self.book.codes[place].index(code) if code in self.book.codes[place] else 0
        return item.references[min(at, len(item.references) - 1)]

    def _name(self, place: int, points: float, reason: Reason) -> None:
        if place not in self.named or self.named[place][0] < points:
            self.named[place] = points, reason


def reference_points(code: str, on: date) -> float:
    """What it says that these signs stand in the text: little for three digits, much for ten."""
    if not code.isdigit():
        return {1: 0.0, 2: 0.5, 3: 2.0, 4: 4.0, 5: 6.0}.get(len(code), 8.5 if len(code) < 8 else EXACT)
    if len(code) <= 4:
        return {1: 0.0, 2: 0.2, 3: 1.5, 4: 1.0 if code == str(on.year) else 2.5}[len(code)]
    if len(code) == 5:
        return 4.5
    if len(code) in (6, 8) and is_day(code, on):
        return 2.5
    return 7.0 if len(code) == 6 else 8.0 if len(code) < 9 else EXACT


def is_day(code: str, on: date) -> bool:
    """Whether digits are rather a date: day, month and year in one of the usual orders, near the day of the line."""
    years = {f"{on.year + n:04}" for n in (-1, 0, 1)}
    if len(code) == 8:
        splits = [(code[4:], code[2:4], code[:2]), (code[:4], code[4:6], code[6:])]
    else:
        years = {year[2:] for year in years}
        splits = [(code[4:], code[2:4], code[:2]), (code[:2], code[2:4], code[4:])]
    return any(year in years and 1 <= int(month) <= 12 and 1 <= int(day) <= 31 for year, month, day in splits)
