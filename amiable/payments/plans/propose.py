"""Offers that fit why somebody is late and what they can bear, within the creditor's limits; each shows both sides.

In: an amount, a reason, a capacity, limits. Out: offers, the fitting one first. No database, no clock.
Never: an offer outside of the limits; a deposit or an acceleration asked of somebody fragile.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

from amiable.core.calendar import end_of_month
from amiable.payments.models import PlanReason
from amiable.payments.plans.limits import Limits, check
from amiable.payments.plans.terms import Every, Terms, UnableToPlan, schedule

CASH_MONTHS = 3  # a firm's cash pays its own bills, too: a third of it a month
SOON_DAYS = 7  # the first day proposed is no sooner
SETTLE_DAYS = 14  # a settlement at a discount is paid within
A_MONTH = {Every.WEEK: 5, Every.FORTNIGHT: 3, Every.MONTH: 1}  # payments that may fall into one month


@dataclass(frozen=True)
class Way:
    """How a reason is met: in how many payments, with a deposit or not, the longest first or the shortest."""

    counts: tuple[int, ...]
    deposit: bool = False
    longest_first: bool = False


WAYS: Mapping[str, Way] = {
    "": Way((1, 2, 3)),
    PlanReason.OVERSIGHT: Way((1, 2)),
    PlanReason.ADMINISTRATIVE: Way((1, 2, 3)),
    PlanReason.TEMPORARY: Way((2, 3, 4, 6)),
    PlanReason.LASTING: Way((6, 10, 12, 18, 24), longest_first=True),
    PlanReason.DISPUTE: Way((1, 2, 3)),
    PlanReason.UNWILLING: Way((1, 2, 3), deposit=True),
}


@dataclass(frozen=True)
class Capacity:
    """What somebody says they can bear; all of it optional, all of it private."""

    monthly_minor: int | None = None  # what they can pay a month, in their own words
    income_minor: int | None = None
    charges_minor: int | None = None
    cash_minor: int | None = None

    def bearable(self, share_percent: int) -> int | None:
        """How much a month at most; None where nothing was said. The least of what follows from each figure."""
        known = []
        if self.monthly_minor is not None:
            known.append(self.monthly_minor)
        if self.income_minor is not None:
            known.append((self.income_minor - (self.charges_minor or 0)) * share_percent // 100)
        if self.cash_minor is not None:
            known.append(self.cash_minor // CASH_MONTHS)
        return max(0, min(known)) if known else None

    def packed(self) -> str:
        """What was said, as text; empty where nothing was."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(said) if said else ""


@dataclass(frozen=True)
class Asked:
    """What offers are made from. `person`: a consumer, not a firm; `first_on`: the day wished for the first payment."""

    total_minor: int
    currency: str
    as_of: date
    limits: Limits
    reason: str = ""
    capacity: Capacity = Capacity()
    person: bool = True
    fragile: bool = False
    first_on: date | None = None
    every: Every = Every.MONTH

    @property
    def bearable_minor(self) -> int | None:
        return self.capacity.bearable(self.limits.share_percent)

    @property
    def start(self) -> date:
        return self.first_on or pay_day(self.as_of, person=self.person, limits=self.limits)


@dataclass(frozen=True)
class Offer:
    """One way to pay. `fits`: whether the customer can bear it, None where they did not say; `needs`: who may agree."""

    terms: Terms
    fits: bool | None
    needs: str
    as_of: date

    @property
    def largest_minor(self) -> int:
        """What the customer has to bear at a time, the deposit left aside."""
        return max(part.amount_minor for part in self.terms.parts[self.terms.deposit :])

    def received_minor(self, days: int) -> int:
        """What the creditor has by then."""
        until = self.as_of + timedelta(days=days)
        return sum(part.amount_minor for part in self.terms.parts if part.due_on <= until)

    @property
    def in_30(self) -> int:
        return self.received_minor(30)

    @property
    def in_90(self) -> int:
        return self.received_minor(90)

    @property
    def wait_days(self) -> int:
        """How long the creditor waits for the money on average, each payment weighed by its amount."""
        waited = sum((part.due_on - self.as_of).days * part.amount_minor for part in self.terms.parts)
        return round(waited / self.terms.total_minor)


def propose(asked: Asked, *, counts: Sequence[int] = (), discount_percent: int = 0) -> list[Offer]:
    """The offers, the one that fits best first; `counts` asks for these numbers of payments instead of the usual ones."""
    way = WAYS.get(asked.reason, WAYS[""])
    wanted = sorted(set(counts) or {*way.counts, *_by_capacity(asked)})
    found = [each for count in wanted if (each := offer_of(asked, count=count)) is not None]
    longest_first = way.longest_first or asked.fragile
    found.sort(key=lambda each: (each.fits is False, -each.terms.count if longest_first else each.terms.count))
    settled = _settled(asked, discount_percent)
    return found + ([settled] if settled else [])


def offer_of(asked: Asked, *, count: int) -> Offer | None:
    """The offer in so many payments; None where it is not within the limits."""
    way = WAYS.get(asked.reason, WAYS[""])
    # A week to accept it and to pay the deposit, which comes before the first instalment in any case.
    deposit_on = min(asked.as_of + timedelta(days=SOON_DAYS), asked.start - timedelta(days=1))
    with_deposit = way.deposit and not asked.fragile and count > 1 and deposit_on >= asked.as_of
    deposit = asked.total_minor * asked.limits.deposit_percent // 100 if with_deposit else 0
    try:
        parts = schedule(
            total_minor=asked.total_minor, count=count, first_on=asked.start, every=asked.every,
            deposit_minor=deposit, deposit_on=deposit_on,
        )  # fmt: skip
        terms = Terms(
            parts=parts,
            freeze=asked.limits.freeze or asked.fragile,
            accelerates=asked.limits.accelerates and not asked.fragile and count > 1,
            deposit=deposit > 0,
        )
        needs = check(terms, asked.limits, currency=asked.currency, as_of=asked.as_of)
    except UnableToPlan:
        return None
    bearable, largest = asked.bearable_minor, max(part.amount_minor for part in parts[terms.deposit :])
    a_month = largest * min(A_MONTH[asked.every], count)
    fits = None if bearable is None else a_month <= bearable
    return Offer(terms=terms, fits=fits, needs=needs, as_of=asked.as_of)


def pay_day(as_of: date, *, person: bool, limits: Limits) -> date:
    """When a first payment falls well: for a person the 5th, after the wages have come; for a firm the end of a month."""
    soon = as_of + timedelta(days=SOON_DAYS)
    fifth = soon.replace(day=5) if soon.day <= 5 else end_of_month(soon) + timedelta(days=5)
    return min(fifth if person else end_of_month(soon), as_of + timedelta(days=limits.first_days))


def _by_capacity(asked: Asked) -> set[int]:
    """The fewest payments that somebody can bear, and one more."""
    bearable = asked.bearable_minor
    if not bearable:
        return set()
    fewest = -(-asked.total_minor // bearable)
    return {count for count in (fewest, fewest + 1) if count <= asked.limits.most_parts}


def _settled(asked: Asked, percent: int) -> Offer | None:
    """The whole for less, paid at once."""
    discount = asked.total_minor * percent // 100
    if not 0 < discount < asked.total_minor:
        return None
    day = asked.as_of + timedelta(days=min(SETTLE_DAYS, asked.limits.first_days))
    parts = schedule(total_minor=asked.total_minor - discount, count=1, first_on=day)
    terms = Terms(parts=parts, discount_minor=discount, freeze=asked.limits.freeze)
    try:
        needs = check(terms, asked.limits, currency=asked.currency, as_of=asked.as_of)
    except UnableToPlan:
        return None
    return Offer(terms=terms, fits=None, needs=needs, as_of=asked.as_of)
