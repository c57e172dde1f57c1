"""How much speaks for it that a line pays certain items: points, added up, each with its reason.

In: a sight and places in the book. Out: a hypothesis. Points are logarithms of odds: three more are twenty times as sure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from amiable.payments.matching.shapes import Item, ItemKind, Line, Reason, Terms
from amiable.payments.matching.sight import SURE, Sight

NOTHING = 7.0  # what speaks for it that the line is something that we do not know
WHOLE = 8.0  # the amount is what is open, to the cent
NEARLY = 7.0  # within what the creditor lets pass
PART, PARTS, REST = -1.0, -4.0, -2.0  # less than is open of one, of several; more than is open
LEFT_OUT, LEFT_OUT_MOST = 3.0, 9.0  # for an item that is named and not paid
STRANGERS = 2.0  # lost for each further family of customers
ON_ACCOUNT = -3.0


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that pay an item together: how many, and how telling it is that they add up."""

    lines: tuple[int, ...]
    points: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`due`: what is open of its items, notes taken off; `given_up`: what stays unpaid within the terms."""

    places: tuple[int, ...]
    customer: int
    points: float
    reasons: tuple[Reason, ...]
    given_up: int = 0
    rest: int = 0
    due: int = 0
    complete: bool = False  # the amount is what is due, or what is due together with others


def weigh(
    sight: Sight, places: Sequence[int], terms: Terms, *, tried: int = 1, group: Group | None = None
) -> Hypothesis | None:
    """What speaks for this set; nothing where it cannot be."""
    book, line = sight.book, sight.line
    items = [book.items[p] for p in places]
    due = sum(signed(item, book.left[p]) for item, p in zip(items, places, strict=True))
    if due <= 0 or any(book.left[p] <= 0 for p in places):
        return None
    points, reasons = _named(sight, places)
    if len(places) > 1:
        points -= log(max(tried, 1)) if any(p not in sight.named for p in places) else 0.3 * log(max(tried, 1))
    worth, given_up, why = _amount(line, items, due, terms, group)
    customer, payer, who = _payer(sight, items)
    if items[0].kind == ItemKind.TOLD and (len(items) > 1 or due != line.amount_minor):
        return None
    points += worth + payer + sum(fits_day(line, item) for item in items) / len(items)
    return Hypothesis(
        tuple(places), customer, points, (*reasons, *why, *who), given_up, max(line.amount_minor - due, 0),
        due, line_is_told(line, due, given_up) or group is not None,
    )  # fmt: skip


def line_is_told(line: Line, due: int, given_up: int) -> bool:
    """Whether the whole of the line goes to what is due, and the whole of what is due is paid or given up."""
    return line.amount_minor == due - given_up


def on_account(sight: Sight, customer: int) -> Hypothesis:
    """The customer's money, whatever it is for."""
    points, reasons = sight.payer.of(customer)
    return Hypothesis((), customer, points + ON_ACCOUNT, reasons, 0, sight.line.amount_minor, 0)


def confidences(found: Sequence[Hypothesis]) -> list[float]:
    """The share of each among all that could be, the unknown included."""
    top = max([NOTHING, *(each.points for each in found)])
    weights = [exp(each.points - top) for each in found]
    total = sum(weights) + exp(NOTHING - top)
    return [weight / total for weight in weights]


def signed(item: Item, amount: int) -> int:
    return -amount if item.kind == ItemKind.CREDIT_NOTE else amount


def discount(line: Line, items: Sequence[Item], due: int, terms: Terms) -> int:
    """The cash discount that a payer in time may keep; 0 where there is none."""
    if not terms.discount_permille:
        return 0
    in_time = all((line.booked_on - item.issued_on).days <= terms.discount_days for item in items)
    return round(due * terms.discount_permille / 1000) if in_time else 0


def _named(sight: Sight, places: Sequence[int]) -> tuple[float, list[Reason]]:
    inside = set(places)
    told = [sight.named[p] for p in places if p in sight.named]
    points = sum(each for each, _why in told)
    out = sum(
        1 for p, (each, _why) in sight.named.items() if each >= SURE and p not in inside and sight.book.left[p] > 0
    )
    return points - min(LEFT_OUT * out, LEFT_OUT_MOST), [why for _each, why in told]


def _amount(
    line: Line, items: Sequence[Item], due: int, terms: Terms, group: Group | None
) -> tuple[float, int, list[Reason]]:
    """Points of the amount, what is given up, and why."""
    short = due - line.amount_minor
    kind = "amount" if len(items) == 1 else "sum"
    notes = [Reason("credit_note", {"reference": item.references[0] if item.references else ""})
             for item in items if item.kind == ItemKind.CREDIT_NOTE]  # fmt: skip
    told = {"count": len(items)} if len(items) > 1 else {}
    if short == 0:
        return WHOLE, 0, [Reason("told" if items[0].kind == ItemKind.TOLD else kind, told), *notes]
    if short < 0:
        return REST, 0, [Reason("rest", {"amount_minor": -short}), *notes]
    if short == line.fees_minor:
        return WHOLE, short, [Reason("fees", {"amount_minor": short}), *notes]
    kept = discount(line, items, due, terms)
    if kept and abs(short - kept) <= len(items):
        return NEARLY, short, [Reason("discount", {"amount_minor": short}), *notes]
    if short <= terms.short(line.currency) + line.fees_minor:
        unit = max(1.0, line.amount_minor / 1e7)
        return NEARLY - 0.5 * log(1 + short / unit), short, [Reason("short", {"amount_minor": short}), *notes]
    if group is not None:
        return group.points, 0, [Reason("together", {"count": len(group.lines)})]
    return (PART if len(items) == 1 else PARTS), 0, [Reason("part", {"amount_minor": short}), *notes]


def _payer(sight: Sight, items: Sequence[Item]) -> tuple[int, float, tuple[Reason, ...]]:
    """Whose money it is among the customers of the items, with points; the one that the payer's words fit best."""
    customers = sorted({item.customer for item in items})
    told = [(*sight.payer.of(customer), customer) for customer in customers]
    points, reasons, customer = max(told, key=lambda each: (each[0], -each[2]))
    families = {sight.register.relatives(each)[0] for each in customers}
    return customer, points - STRANGERS * (len(families) - 1), reasons


def fits_day(line: Line, item: Item) -> float:
    """An invoice is paid around its due day; long after is less likely, before it was written hardly ever."""
    if item.kind == ItemKind.TOLD:
        return 1.0 if abs((line.booked_on - item.due_on).days) <= 5 else 0.0
    late = (line.booked_on - item.due_on).days
    if (line.booked_on - item.issued_on).days < -3:
        return -4.0
    if late < -120:
        return -0.5
    return 1.0 if late <= 45 else 0.0 if late <= 120 else -1.5 if late <= 400 else -3.0
