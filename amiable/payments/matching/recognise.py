"""Whose money a line is, from what it says of its payer: points for each customer, with the reason for them.

In: a line, the customers, the memory of payers. Out: customers with points; more than a few are never returned.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from amiable.payments.matching.read import joined, name_words, squeezed, words
from amiable.payments.matching.shapes import Line, Memory, Party, Reason

CODE, NUMBER, IBAN, NAME = 20.0, 7.0, 5.0, 4.0
OTHER_IBAN = -2.0  # the account is known as somebody else's
OTHER_NAME = -1.5  # the name has nothing of the customer's
TOGETHER = 8.0  # most that account and name give together
MOST = 25  # customers that are considered for a line
KIN = 20  # relatives whose names are compared
Told = tuple[float, tuple[Reason, ...]]
NAMESAKES, ALIKE = 12, 60  # customers found by name, and how far theirs must be like the payer's
COMMON = 400  # customers that share a word of their names; one that more share is not searched by


class Register:
    """The customers, to be found by number, mandate, name and memory."""

    def __init__(self, parties: Iterable[Party], memory: Memory) -> None:
        self.parties = {party.id: party for party in parties}
        self.family: dict[int, list[int]] = defaultdict(list)
        self.by_number: dict[str, list[int]] = defaultdict(list)
        self.by_code: dict[str, tuple[int, str]] = {}
        self.by_word: dict[str, list[int]] = defaultdict(list)
        self.keys = {party.id: payer_key(party.name) for party in self.parties.values()}
        for party in sorted(self.parties.values(), key=lambda party: party.id):
            self.family[party.family or party.id].append(party.id)
            if len(number := squeezed(party.number)) >= 4:
                self.by_number[number].append(party.id)
            for kind, codes in (("mandate", party.mandates), ("rf", party.references)):
                self.by_code.update((squeezed(code), (party.id, kind)) for code in codes if code)
            for word in set(self.keys[party.id].split()):
                self.by_word[word].append(party.id)
        self.ibans = {squeezed(iban): dict(found) for iban, found in memory.ibans.items()}
        self.names = {payer_key(name): dict(found) for name, found in memory.names.items()}

    def learn(self, line: Line, customer: int) -> None:
        """A line that is surely a customer's says whose account and name it bears."""
        if line.payer_iban:
            theirs = self.ibans.setdefault(squeezed(line.payer_iban), {})
            theirs[customer] = theirs.get(customer, 0) + 1
        if line.payer:
            theirs = self.names.setdefault(payer_key(line.payer), {})
            theirs[customer] = theirs.get(customer, 0) + 1

    def relatives(self, customer: int) -> Sequence[int]:
        """Those who pay for one another, the customer among them."""
        party = self.parties.get(customer)
        return self.family[party.family or party.id] if party else (customer,)

    def likeness(self, payer: str, customer: int) -> float:
        """0..100: how far a payer's name, as it is remembered, is a customer's."""
        return likeness(payer, self.keys.get(customer, ""))

    def named_so(self, payer: str) -> list[int]:
        """Customers whose names are most like a payer's, among those who share its rarest words."""
        rare = sorted((len(self.by_word[word]), word) for word in set(payer.split()) if word in self.by_word)
        found: dict[int, None] = {}
        for count, word in rare[:3]:
            if count > COMMON:
                break
            found.update(dict.fromkeys(self.by_word[word]))
        if len(found) <= NAMESAKES:
            return list(found)
        able = list(found)
        scores = process.cdist(
            [payer], [self.keys[each] for each in able], scorer=fuzz.token_ratio, score_cutoff=ALIKE
        )[0]
        best = sorted(zip(scores.tolist(), able, strict=True), key=lambda told: (-told[0], told[1]))
        return [customer for score, customer in best[:NAMESAKES] if score]


def payer_key(name: str) -> str:
    """A payer's name as it is remembered."""
    return " ".join(name_words(name))


@lru_cache(maxsize=500_000)
def likeness(one: str, two: str) -> float:
    """0..100: how far two names, as they are remembered, are alike, whatever the order of their words."""
    if not one or not two:
        return 0.0
    return float(max(fuzz.token_sort_ratio(one, two), 0.96 * fuzz.token_set_ratio(one, two)))


class Payer:
    """What one line says of its payer; `see` looks again at what is remembered by now."""

    def __init__(self, line: Line, register: Register) -> None:
        self.line, self.register = line, register
        self.iban_key, self.name_key = squeezed(line.payer_iban), payer_key(line.payer)
        self.said = _said_outright(line, register)
        self.namesakes = register.named_so(self.name_key)
        self.iban: Mapping[int, int] = {}
        self.name: Mapping[int, int] = {}
        self._points: dict[int, Told] = {}

    def see(self) -> dict[int, Told]:
        """Customers whose money the line may be, the likeliest first."""
        self.iban = self.register.ibans.get(self.iban_key, {}) if self.iban_key else {}
        self.name = self.register.names.get(self.name_key, {}) if self.name_key else {}
        self._points = {}
        able = sorted({*self.said, *self.iban, *self.name, *self.namesakes})
        best = sorted(((self.of(each), each) for each in able), key=lambda told: (-told[0][0], told[1]))
        return {customer: told for told, customer in best[:MOST] if told[0] > 0}

    def of(self, customer: int) -> Told:
        """How far the line's words on its payer speak for this customer, or against them, and why."""
        if customer not in self._points:
            self._points[customer] = self._weigh(customer)
        return self._points[customer]

    def _weigh(self, customer: int) -> Told:
        relatives = self.register.relatives(customer)[:KIN]
        by_iban, why = self._by_iban(relatives)
        by_name, also = self._by_name(relatives)
        points, reasons = min(by_iban + by_name, TOGETHER), [*why, *also]
        for each in relatives:
            if each in self.said:
                outright, reason = self.said[each]
                return points + outright, (reason, *reasons)
        return points, tuple(reasons)

    def _by_iban(self, relatives: Sequence[int]) -> tuple[float, list[Reason]]:
        if not self.iban:
            return 0.0, []
        share = sum(self.iban.get(each, 0) for each in relatives) / sum(self.iban.values())
        if not share:
            return OTHER_IBAN, []
        return (IBAN if share > 0.5 else 1.0) * share, [Reason("iban")]

    def _by_name(self, relatives: Sequence[int]) -> tuple[float, list[Reason]]:
        payer = self.name_key
        like = max((self.register.likeness(payer, each) for each in relatives), default=0.0)
        if like >= 70:
            return NAME * (like - 50) / 50, [Reason("name", {"percent": round(like)})]
        share = sum(self.name.get(each, 0) for each in relatives) / max(sum(self.name.values()), 1)
        if share:
            return NAME * share * 0.75, [Reason("known_name")]
        return (OTHER_NAME if payer and like < 45 else 0.0), []


def _said_outright(line: Line, register: Register) -> dict[int, tuple[float, Reason]]:
    """Customers whom the line names by a number of theirs: RF reference, mandate, customer number."""
    found: dict[int, tuple[float, Reason]] = {}
    pieces = joined(words(f"{line.creditor_reference} {line.mandate_id} {line.end_to_end_id} {line.text}"))
    for piece in (squeezed(line.mandate_id), squeezed(line.creditor_reference), *pieces):
        if piece in register.by_code:
            customer, kind = register.by_code[piece]
            found.setdefault(customer, (CODE, Reason(kind, {"reference": piece})))
    for piece in pieces:
        for customer in register.by_number.get(piece, ())[:5]:
            found.setdefault(customer, (_weight(piece), Reason("number", {"number": piece})))
    return found


def _weight(number: str) -> float:
    """A short number may be anything: a year, a postcode, a part of a date."""
    return NUMBER if len(number) >= 7 or not number.isdigit() else {4: 1.0, 5: 2.0}.get(len(number), 4.0)
