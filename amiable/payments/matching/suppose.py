"""What a line could be paying: every set of items that its words, its amount and its payer bring to mind.

In: a sight. Out: hypotheses, the likeliest first. Bounded: so many sets, so many items, whatever the line says.
"""

from collections.abc import Iterator, Mapping, Sequence

from amiable.payments.matching.add_up import MANY, add_up
from amiable.payments.matching.shapes import ItemKind, Terms
from amiable.payments.matching.sight import SURE, Sight
from amiable.payments.matching.weigh import Group, Hypothesis, on_account, signed, weigh

AMOUNTS = 120  # items of the same amount that are weighed
PAYERS = 4  # customers whose items are combined
CERTAIN = 20.0  # points from which on nothing else is looked for
LIKELY = 3.0  # points from which on a customer's items are combined
KEPT = 8  # hypotheses that are handed on
Sets = Iterator[tuple[tuple[int, ...], int]]  # with how many of their kind were tried; an empty one: enough, if certain


def suppose(sight: Sight, terms: Terms, groups: Mapping[int, Group]) -> list[Hypothesis]:
    """What the line may be, the likeliest first; `groups`: items that this line pays together with others."""
    found: dict[tuple[int, ...], Hypothesis] = {}
    best = 0.0
    sight.looked = set(sight.named)
    for places, tried in _sets(sight, terms):
        if not places and best >= CERTAIN:
            break
        key = tuple(sorted(places))
        if key in found or not places:
            continue
        one = weigh(sight, places, terms, tried=tried, group=groups.get(places[0]) if len(places) == 1 else None)
        if one is not None:
            found[key] = one
            sight.looked.update(places)
            best = max(best, one.points if one.complete else 0.0)
    for customer in _payers(sight):
        found[(-1, customer)] = on_account(sight, customer)
    return sorted(found.values(), key=lambda each: (-each.points, each.places, each.customer))[: KEPT * 3]


def _sets(sight: Sight, terms: Terms) -> Sets:
    book, line = sight.book, sight.line
    low = line.amount_minor
    named = [p for p in sorted(sight.named, key=lambda p: (-sight.named[p][0], p)) if book.left[p] > 0]
    for p in named[:40]:
        if book.items[p].kind != ItemKind.CREDIT_NOTE:
            yield (p,), 1
    high = low + _most_short(sight, terms)
    if len(named) > 1:
        yield tuple(sorted(p for p in named if sight.named[p][0] >= SURE)), 1
    yield (), 0
    for p in book.nearest(book.worth(line.currency, low, high), line.booked_on)[:AMOUNTS]:
        if book.items[p].kind != ItemKind.CREDIT_NOTE:
            yield (p,), 1
    yield from _of_named(sight, named, terms, low, high)
    yield (), 0
    yield from _of_payers(sight, terms, low, high)


def _of_named(sight: Sight, named: Sequence[int], terms: Terms, low: int, high: int) -> Sets:
    """Sets of what the text names, and what of the same customers fills up the rest."""
    sure = [p for p in named if sight.named[p][0] >= SURE]
    if len(named) >= 2:
        some = named[:40]
        for places, tried in add_up(_amounts(sight, some), low=low, high=high):
            yield tuple(sorted(some[place] for place in places)), tried
    if not sure:
        return
    book = sight.book
    total = sum(_amounts(sight, sure))
    theirs = {relative for p in sure for relative in sight.register.relatives(book.items[p].customer)}
    least = terms.short(sight.line.currency)
    others = [
        p
        for p in book.of(theirs, sight.line.currency, sight.line.booked_on)
        if p not in set(sure) and book.left[p] > least
    ]
    sight.looked.update(others)
    if not others or low - total == 0:
        return
    amounts = _amounts(sight, others)
    for p, amount in zip(others, amounts, strict=True):
        if amount and low <= total + amount <= high:
            yield tuple(sorted((*sure, p))), len(others)
    for places, tried in add_up(amounts, low=low - total, high=high - total):
        yield tuple(sorted((*sure, *(others[place] for place in places)))), tried


def _of_payers(sight: Sight, terms: Terms, low: int, high: int) -> Sets:
    """Sets of what those who probably paid have open."""
    seen: set[int] = set()
    least = terms.short(sight.line.currency)  # what is open for less tells nothing: it may be what was kept back
    for customer in _payers(sight):
        family = tuple(sorted(sight.register.relatives(customer)))
        if family[0] in seen:
            continue
        seen.add(family[0])
        places = sight.book.of(family, sight.line.currency, sight.line.booked_on)
        for p in places:
            if low <= sight.book.left[p] <= high and sight.book.items[p].kind != ItemKind.CREDIT_NOTE:
                yield (p,), 1
        telling = [p for p in places if sight.book.left[p] > least]
        near = sorted(sight.book.nearest(telling, sight.line.booked_on)[:MANY])
        sight.looked.update(near)
        for found, tried in add_up(_amounts(sight, near), low=low, high=high):
            yield tuple(near[place] for place in found), tried


def _payers(sight: Sight) -> list[int]:
    return [customer for customer, (points, _why) in sight.whose.items() if points >= LIKELY][:PAYERS]


def _amounts(sight: Sight, places: Sequence[int]) -> list[int]:
    return [signed(sight.book.items[p], sight.book.left[p]) for p in places]


def _most_short(sight: Sight, terms: Terms) -> int:
    line = sight.line
    kept = line.amount_minor * terms.discount_permille // (1000 - min(terms.discount_permille, 500)) + 2
    return terms.short(line.currency) + line.fees_minor + (kept if terms.discount_permille else 0)
