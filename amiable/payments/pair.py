"""Which bookings of a new statement are told already: by the bank's reference, by the payer's, by account, by words.

In: bookings told now, and those that other statements told of the same days. Out: pairs, one for one. Free of Django.
Never: two bookings of one statement taken for one, a pair whose references contradict each other.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

NEAR = timedelta(days=10)  # a notice and the statement of the same movement lie no further apart
_NOISE = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Booking:
    """One entry of a statement. `entry`: of the new statement its number, of a known one what the caller knows it by.

    `soft`: told by another kind of statement than the new one, so that its words may be others.
    """

    entry: Hashable
    booked_on: date
    amount_minor: int
    currency: str
    reference: str = ""
    end_to_end_id: str = ""
    payer_iban: str = ""
    text: str = ""
    soft: bool = True


def pair(told: Sequence[Booking], known: Sequence[Booking]) -> dict[Hashable, Hashable]:
    """Entry told now → entry known; what is in no pair is new. The surest sign first, each known one taken once."""
    found: dict[Hashable, Hashable] = {}
    taken: set[Hashable] = set()
    for key, fits, only_soft in _SIGNS:
        left = [each for each in told if each.entry not in found]
        if not left:
            break
        offers = [each for each in known if each.entry not in taken and (each.soft or not only_soft)]
        _join(left, offers, key, fits, found, taken)
    _join_rest(
        [each for each in told if each.entry not in found],
        [each for each in known if each.entry not in taken and each.soft],
        found,
        taken,
    )
    return found


Key = Callable[[Booking], Hashable | None]
Fits = Callable[[Booking, Booking], bool]


def _join(
    told: Iterable[Booking],
    known: Iterable[Booking],
    key: Key,
    fits: Fits,
    found: dict[Hashable, Hashable],
    taken: set[Hashable],
) -> None:
    """Pairs those of one key in their order; one that does not fit is passed over, for those behind it to have."""
    waiting: dict[Hashable, deque[Booking]] = defaultdict(deque)
    for each in known:
        sign = key(each)
        if sign is not None:
            waiting[sign].append(each)
    for each in told:
        queue = waiting.get(key(each) or ())
        for _turn in range(min(len(queue), 8) if queue else 0):
            assert queue is not None
            offer = queue.popleft()
            if offer.entry in taken:
                continue
            if fits(each, offer):
                found[each.entry] = offer.entry
                taken.add(offer.entry)
                break
            queue.append(offer)


def _join_rest(
    told: Sequence[Booking], known: Sequence[Booking], found: dict[Hashable, Hashable], taken: set[Hashable]
) -> None:
    """Day and amount alone, where nothing that both sides tell could contradict."""
    waiting: dict[Hashable, deque[Booking]] = defaultdict(deque)
    for each in known:
        waiting[(*_money(each), _tells(each))].append(each)
    for each in told:
        for other in _SIDES:
            queue = waiting.get((*_money(each), other)) if not other & _tells(each) else None
            while queue and each.entry not in found:
                offer = queue.popleft()
                if offer.entry not in taken:
                    found[each.entry] = offer.entry
                    taken.add(offer.entry)


def _tells(each: Booking) -> int:
    return (1 if each.end_to_end_id else 0) | (2 if each.payer_iban else 0)


_SIDES = (0, 1, 2, 3)


def _money(each: Booking) -> tuple[date, int, str]:
    return (each.booked_on, each.amount_minor, each.currency)


def _sum(each: Booking) -> tuple[int, str]:
    return (each.amount_minor, each.currency)


def _near(one: Booking, other: Booking) -> bool:
    return abs(one.booked_on - other.booked_on) <= NEAR


def _always(_one: Booking, _other: Booking) -> bool:
    return True


def words(text: str) -> str:
    """Words as they are compared: without case, spaces and signs."""
    return _NOISE.sub("", text.casefold())


def _by_reference(each: Booking) -> Hashable | None:
    return (*_sum(each), each.reference) if each.reference else None


def _by_payer_reference(each: Booking) -> Hashable | None:
    return (*_sum(each), each.end_to_end_id, each.payer_iban) if each.end_to_end_id else None


def _by_payer_reference_on_day(each: Booking) -> Hashable | None:
    return (*_money(each), each.end_to_end_id) if each.end_to_end_id else None


def _by_all(each: Booking) -> Hashable | None:
    return (*_money(each), each.end_to_end_id, each.payer_iban, words(each.text))


def _by_account(each: Booking) -> Hashable | None:
    return (*_money(each), each.payer_iban) if each.payer_iban else None


def _by_words(each: Booking) -> Hashable | None:
    return (*_money(each), words(each.text)) if words(each.text) else None


def _agree(one: Booking, other: Booking) -> bool:
    """Nothing that both tell differs. Two references of the bank may: formats have references of their own."""
    return not (one.end_to_end_id and other.end_to_end_id and one.end_to_end_id != other.end_to_end_id) and not (
        one.payer_iban and other.payer_iban and one.payer_iban != other.payer_iban
    )


def _same_reference(one: Booking, other: Booking) -> bool:
    """Within one kind of statement the bank's references tell apart what else is alike."""
    return other.soft or not (one.reference and other.reference) or one.reference == other.reference


# Sign, what must fit besides, and whether it counts only between statements of different kinds.
_SIGNS: tuple[tuple[Key, Fits, bool], ...] = (
    (_by_reference, _near, False),
    (_by_all, _same_reference, False),
    (_by_payer_reference, _near, True),
    (_by_payer_reference_on_day, _always, True),
    (_by_account, _agree, True),
    (_by_words, _agree, True),
)
