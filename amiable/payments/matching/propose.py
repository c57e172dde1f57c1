"""Lines against items, in rounds: the surest first; what they take is gone, and what they teach helps the others.

In: lines, items, customers, memory, terms. Out: for each line its proposals, the best first. Never: more than is open
over all lines, two answers to one question, a line waited for longer than its bounds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import log

from amiable.payments.matching.add_up import add_up
from amiable.payments.matching.find import Book, grams, sharing
from amiable.payments.matching.recognise import Register, payer_key
from amiable.payments.matching.shapes import Item, ItemKind, Line, Memory, Part, Party, Proposal, Terms
from amiable.payments.matching.sight import SURE, Sight
from amiable.payments.matching.suppose import suppose
from amiable.payments.matching.weigh import Group, Hypothesis, confidences, signed

ROUNDS = (0.9999, 0.9995, 0.995, 0.98, 0.9, 0.7, 0.5)  # how sure a line must be in each
INCOMPLETE = 0.99  # rounds that ask for more take only what the amount tells whole
REPEATS = 3  # of a round, as long as it finds something
OFFERED = 5  # proposals of a line
FAINT = 0.001  # what is less likely is not offered
TEACHES = 0.9995  # how sure a line must be to teach whose account and name it bears
GROUPED = 12  # lines that are combined for one item
TOGETHER = 8.0


def propose(
    *,
    lines: Iterable[Line],
    items: Iterable[Item],
    parties: Iterable[Party],
    memory: Memory | None = None,
    terms: Terms | None = None,
) -> dict[int, tuple[Proposal, ...]]:
    """The proposals of each line; the first ones of all lines together never take more than is open."""
    return _Matching(list(lines), list(items), list(parties), memory or Memory(), terms or Terms()).run()


class _Matching:
    def __init__(
        self, lines: list[Line], items: list[Item], parties: list[Party], memory: Memory, terms: Terms
    ) -> None:
        self.terms = terms
        self.book = Book(items)
        self.register = Register(parties, memory)
        ordered = sorted((line for line in lines if line.amount_minor > 0), key=lambda line: (line.booked_on, line.id))
        self.waiting = {line.id: Sight(line, self.book, self.register) for line in ordered}
        self.done: dict[int, tuple[Proposal, ...]] = {line.id: () for line in lines}
        self.groups: dict[int, dict[int, Group]] = {}
        self.supposed: dict[int, tuple[dict[int, Group], list[Hypothesis], list[float]]] = {}
        self.taken: set[int] = set()  # places from which the last round took
        self.learnt: set[str] = set()  # accounts and names of which it learnt

    def run(self) -> dict[int, tuple[Proposal, ...]]:
        for sight in self.waiting.values():
            sight.read_references()
        self._round(ROUNDS[0], complete=True)
        self._read_damaged()
        for least in ROUNDS:
            for _repeat in range(REPEATS):
                if not self._round(least, complete=least > INCOMPLETE):
                    break
        for sight in self.waiting.values():
            self.done[sight.line.id] = self._told(sight, *self._supposed(sight))
        return self.done

    def _round(self, least: float, *, complete: bool = False) -> int:
        """Everything that is at least so sure, the surest first; what meets what is taken by then waits."""
        self._see_groups()
        sure = []
        for sight in self.waiting.values():
            found, shares = self._supposed(sight)
            if found and shares[0] >= least and found[0].places and (found[0].complete or not complete):
                sure.append((shares[0], sight, found, shares))
        sure.sort(key=lambda each: (-each[2][0].points, each[1].line.booked_on, each[1].line.id))
        self.taken, self.learnt, taken = set(), set(), 0
        for share, sight, found, shares in sure:
            told = self._told(sight, found, shares)
            if told:
                taken += 1
                self._take(told, found[0])
                self.done[sight.line.id] = told
                del self.waiting[sight.line.id]
                if share >= TEACHES and any(sight.named.get(p, (0.0,))[0] >= SURE for p in found[0].places):
                    self.register.learn(sight.line, found[0].customer)
                    self.learnt.update((sight.payer.iban_key, sight.payer.name_key))
        return taken

    def _supposed(self, sight: Sight) -> tuple[list[Hypothesis], list[float]]:
        """What a line may be; looked at anew only where something that it looked at has changed since the last round."""
        groups = self.groups.get(sight.line.id, {})
        known = self.supposed.get(sight.line.id)
        taught = not self.learnt.isdisjoint((sight.payer.iban_key, sight.payer.name_key))
        if known is None or taught or known[0] != groups or not self.taken.isdisjoint(sight.looked):
            sight.see_payer()
            found = suppose(sight, self.terms, groups)
            known = self.supposed[sight.line.id] = groups, found, confidences(found)
        return known[1], known[2]

    def _read_damaged(self) -> None:
        wanted: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for sight in self.waiting.values():
            sight.see_payer()
            for gram in grams(sight.run):
                wanted[sight.line.currency][gram].append(sight.line.id)
        self.supposed.clear()
        found = sharing(self.book, wanted)
        for sight in self.waiting.values():
            sight.read_damaged(found.get(sight.line.id, ()))

    def _see_groups(self) -> None:
        """Items that several waiting lines name, none of which pays the whole: do they add up?"""
        naming: dict[int, list[Sight]] = defaultdict(list)
        alike: dict[tuple[str, int], list[Sight]] = defaultdict(list)
        for sight in self.waiting.values():
            for place, (points, _why) in sight.named.items():
                if points >= 2 and 0 < sight.line.amount_minor < self.book.left[place]:
                    naming[place].append(sight)
            for key in _payer_keys(sight.line):
                alike[key, sight.line.amount_minor].append(sight)
        self.groups = defaultdict(dict)
        for place, sights in naming.items():
            for members, points in _together(self.book.left[place], sights, alike, self.terms):
                group = Group(tuple(sight.line.id for sight in members), points)
                for sight in members:
                    mine = self.groups[sight.line.id]
                    if place not in mine or mine[place].points < points:
                        mine[place] = group

    def _take(self, told: Sequence[Proposal], chosen: Hypothesis) -> None:
        for place, part in zip(chosen.places, told[0].parts, strict=False):
            self.taken.add(place)
            self.book.left[place] -= part.amount_minor + part.given_up_minor

    def _told(self, sight: Sight, found: Sequence[Hypothesis], shares: Sequence[float]) -> tuple[Proposal, ...]:
        """The hypotheses as proposals; none where the first cannot be had any more."""
        told = []
        for each, share in list(zip(found, shares, strict=True))[:OFFERED]:
            parts = cut(self.book, sight.line, each, self.terms)
            if parts is not None and share >= FAINT:
                told.append(Proposal(sight.line.id, each.customer, parts, each.rest, share, each.reasons))
            elif not told:
                return ()
        return tuple(told)


def cut(book: Book, line: Line, chosen: Hypothesis, terms: Terms) -> tuple[Part, ...] | None:
    """The parts of a hypothesis, in its order, from what is open now; None where that has changed."""
    items = [book.items[p] for p in chosen.places]
    open_now = [book.left[p] for p in chosen.places]
    due = sum(signed(item, left) for item, left in zip(items, open_now, strict=True))
    alone = len(items) == 1 and not chosen.given_up and 0 < line.amount_minor <= due
    if items and due != chosen.due and not alone:
        return None
    given_up = chosen.given_up
    if alone and due - line.amount_minor <= terms.short(line.currency):
        given_up = due - line.amount_minor  # the last of several lines that pay an invoice together
    notes = sum(left for item, left in zip(items, open_now, strict=True) if item.kind == ItemKind.CREDIT_NOTE)
    money, owed, given = line.amount_minor + notes, due + notes, _shares(given_up, items, open_now)
    parts = []
    for item, left, less in zip(items, open_now, given, strict=True):
        pays = left if item.kind == ItemKind.CREDIT_NOTE else min(left - less, money)
        money -= pays if item.kind != ItemKind.CREDIT_NOTE else 0
        parts.append(Part(item.id, item.kind, pays, less))
    return tuple(parts) if owed > 0 or not items else None


def _shares(given_up: int, items: Sequence[Item], open_now: Sequence[int]) -> list[int]:
    """What is given up, shared out over the invoices by their amounts; the largest bears what does not divide."""
    owed = [0 if item.kind == ItemKind.CREDIT_NOTE else left for item, left in zip(items, open_now, strict=True)]
    shares = [given_up * left // max(sum(owed), 1) for left in owed]
    if shares:
        shares[owed.index(max(owed))] += given_up - sum(shares)
    return shares


def _payer_keys(line: Line) -> list[str]:
    return [
        key for key in (line.payer_iban and f"iban {line.payer_iban}", f"name {payer_key(line.payer)}") if len(key) > 5
    ]


def _together(
    left: int, sights: Sequence[Sight], alike: Mapping[tuple[str, int], Sequence[Sight]], terms: Terms
) -> Iterable[tuple[Sequence[Sight], float]]:
    """The lines, among those that name an item, that pay it together; one more of the same payer may complete them."""
    low, high = left - terms.short(sights[0].line.currency), left
    total = sum(sight.line.amount_minor for sight in sights)
    if len(sights) >= 2 and low <= total <= high:
        yield sights, TOGETHER
        return
    if total < low:
        members = {sight.line.id for sight in sights}
        for key in sorted({key for sight in sights for key in _payer_keys(sight.line)}):
            for missing in range(low - total, high - total + 1) if high - low <= 100 else (high - total,):
                for more in alike.get((key, missing), ()):
                    if more.line.id not in members:
                        yield [*sights, more], TOGETHER - 1
                        return
        return
    some = sights[:GROUPED]
    for places, tried in add_up([sight.line.amount_minor for sight in some], low=low, high=high):
        yield [some[place] for place in places], TOGETHER - log(max(tried, 1))
