"""What a plan says: dates, amounts and conditions, as plain values. No database, no clock.

In: an amount, a number of payments, a first day. Out: instalments. Never: one of zero, none at all, thousands of them,
a cent more or less than the amount, a date that the calendar does not know.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo

MOST_PARTS = 120  # whatever a creditor allows


class UnableToPlan(UnableTo):
    """The plan does not hold, or is not within the creditor's limits."""


class Every(StrEnum):
    WEEK = "week"
    FORTNIGHT = "fortnight"
    MONTH = "month"


DAYS = {Every.WEEK: 7, Every.FORTNIGHT: 14}


@dataclass(frozen=True)
class Part:
    """One payment of a plan."""

    due_on: date
    amount_minor: int


@dataclass(frozen=True)
class Terms:
    """What both sides agree to. `deposit`: the first part is one; `accelerates`: the rest may fall due after a notice."""

    parts: tuple[Part, ...]
    discount_minor: int = 0
    freeze: bool = True  # no late interest while the plan is kept
    accelerates: bool = False
    guarantee: str = ""
    deposit: bool = False

    @property
    def total_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)

    @property
    def last_on(self) -> date:
        return self.parts[-1].due_on

    @property
    def count(self) -> int:
        """In how many parts, the deposit not counted."""
        return len(self.parts) - self.deposit


def schedule(
    *,
    total_minor: int,
    count: int,
    first_on: date,
    every: Every = Every.MONTH,
    deposit_minor: int = 0,
    deposit_on: date | None = None,
) -> tuple[Part, ...]:
    """`count` equal payments from `first_on` on, after a deposit where one is named; the last one takes the rounding."""
    if not 1 <= count <= MOST_PARTS:
        raise UnableToPlan(_("A plan has from 1 to %(most)s payments.") % {"most": MOST_PARTS})
    if not 0 <= deposit_minor < total_minor:
        raise UnableToPlan(_("The deposit must be less than the whole amount."))
    if deposit_minor and (deposit_on is None or deposit_on >= first_on):
        raise UnableToPlan(_("The deposit is paid before the first instalment."))
    each, rest = divmod(total_minor - deposit_minor, count)
    if each == 0:
        raise UnableToPlan(_("That is too many payments for such an amount."))
    days = dates(first_on=first_on, count=count, every=every)
    parts = [Part(day, each) for day in days[:-1]] + [Part(days[-1], each + rest)]
    if deposit_minor and deposit_on is not None:
        parts.insert(0, Part(deposit_on, deposit_minor))
    return tuple(parts)


def dates(*, first_on: date, count: int, every: Every) -> list[date]:
    """Counted from the first day, so that a short month moves one date only. The last day of a month stays the last."""
    if every in DAYS:
        return [first_on + timedelta(days=DAYS[every] * n) for n in range(count)]
    at_end = first_on.day == monthrange(first_on.year, first_on.month)[1]
    found = []
    for n in range(count):
        year, month = divmod(first_on.year * 12 + first_on.month - 1 + n, 12)
        last = monthrange(year, month + 1)[1]
        found.append(date(year, month + 1, last if at_end else min(first_on.day, last)))
    return found


def fill(parts: Sequence[int], paid_minor: int) -> list[int]:
    """What of each part is paid, where so much has come in: the oldest part first, whatever was meant."""
    left, filled = max(paid_minor, 0), []
    for amount in parts:
        taken = min(amount, left)
        filled.append(taken)
        left -= taken
    return filled
