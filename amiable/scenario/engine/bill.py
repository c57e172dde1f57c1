"""The rule of moment.py told again in plain numbers, for the few invoices of one customer on many days to come.

In: invoices as they stand on the first day, the journey, what the customer did. Out: what is due on a day. A property test
holds that both tell the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from amiable.scenario.engine.journey import PLACE, RESTING, Journey, Step
from amiable.scenario.engine.moment import AT_DAWN, EVENTS, SILENT, back

FOR_GOOD = 1 << 20


@dataclass(frozen=True)
class Bill:
    """An open invoice as it stands on the first day."""

    id: int
    late: int
    issued: int
    open_minor: int
    reached: int
    since: int | None  # days since its last step; below zero: so many days ahead
    returned: int | None
    rests: int = 0  # the first day on which it may be treated again


@dataclass(frozen=True)
class Contact:
    """What would be due on a day at one level: the invoices at it, and those at lower ones."""

    offset: int
    step: Step
    about: tuple[Bill, ...]
    also: tuple[tuple[Bill, int], ...]  # with the level that each one reaches
    oldest: int

    @property
    def climbed(self) -> dict[int, int]:
        return {bill.id: self.step.level for bill in self.about} | {bill.id: level for bill, level in self.also}


@dataclass(frozen=True)
class Way:
    """How the invoices of one customer go through a journey, from a day on."""

    journey: Journey
    steps: Sequence[Step]  # those whose condition holds
    did: Mapping[str, int | None]  # days since each event
    scale: float
    as_of: date
    bar: int  # days past due after which nothing may be claimed

    @classmethod
    def of(cls, row: Mapping[str, Any], journey: Journey, holds: Sequence[bool], *, as_of: date, bar: int) -> "Way":
        open_steps = [step for step, holding in zip(journey.steps, holds, strict=True) if holding]
        did = {event: row.get(f"days_since_{event}") for event in EVENTS}
        return cls(journey, open_steps, did, row["scale"], as_of, bar)

    def due(self, bills: Iterable[Bill], offset: int) -> list[Contact]:
        """What is due on a day, highest level first: where a step's channel or amount forbids it, the next may be."""
        due: list[tuple[Bill, Step]] = []
        for bill in bills:
            if bill.rests <= offset and not self._ended(bill):
                step = next((step for step in self.steps if self._may_be_next(step, bill, offset)), None)
                if step and self._has_come(step, bill, offset):
                    due.append((bill, step))
        if any(bill.late + offset <= self.bar for bill, _step in due):
            due = [(bill, step) for bill, step in due if bill.late + offset <= self.bar]
        due.sort(key=lambda pair: (-pair[0].late, pair[0].id))
        return [self._at(level, due, offset) for level in sorted({step.level for _bill, step in due}, reverse=True)]

    def _at(self, level: int, due: Sequence[tuple[Bill, Step]], offset: int) -> Contact:
        top = next(step for _bill, step in due if step.level == level)
        about = tuple(bill for bill, step in due if step.level == level)
        also = tuple(
            (bill, step.level)
            for bill, step in due
            if step.level < level and bill.late + offset > 0 and step.contacts and top.contacts
        )
        return Contact(offset, top, about, also, max(bill.late + offset for bill, step in due if step.level <= level))

    def _elapsed(self, step: Step, bill: Bill, offset: int) -> int | None:
        if step.start == "due":
            return bill.late + offset
        own = {"issue": bill.issued, "step": bill.since}
        since = own[step.start] if step.start in own else self.did[step.start]
        return None if since is None else since + offset

    def _may_be_next(self, step: Step, bill: Bill, offset: int) -> bool:
        if bill.reached >= step.level:
            return False
        if step.start != "due" or step.until is not None:
            elapsed = self._elapsed(step, bill, offset)
            if elapsed is None or (step.until is not None and elapsed > step.until):
                return False
        if step.start in EVENTS and not self._happened(step.start, bill):
            return False
        if step.tolerance and bill.open_minor <= round(step.tolerance * self.scale):
            return False
        return not step.answer or self._answered(step.answer, bill)

    def _has_come(self, step: Step, bill: Bill, offset: int) -> bool:
        if bill.since is not None and bill.since + offset < step.gap:
            return False
        if step.action == PLACE and bill.late + offset <= 0:
            return False
        elapsed = self._elapsed(step, bill, offset) or 0
        if step.on_day is not None:
            elapsed -= back(self.as_of + timedelta(days=offset), step.on_day)
        return elapsed >= step.days

    def _happened(self, event: str, bill: Bill) -> bool:
        did = self.did[event]
        if did is None or bill.since is None:
            return did is not None
        return did < bill.since if event in AT_DAWN else did <= bill.since

    def _answered(self, answers: Sequence[str], bill: Bill) -> bool:
        if bill.since is None:
            return SILENT in answers
        if any(self._happened(event, bill) for event in answers if event != SILENT):
            return True
        return SILENT in answers and not any(self._happened(event, bill) for event in EVENTS)

    def _ended(self, bill: Bill) -> bool:
        until = FOR_GOOD if bill.returned is None else bill.returned
        return any(
            bill.reached >= step.level and self._happened(event, bill) and (self.did[event] or 0) < until
            for step in self.journey.steps
            for event in step.ends
        )


def climb(bills: Iterable[Bill], contact: Contact) -> list[Bill]:
    """The invoices as they stand once the step is done; those that it puts on hold rest."""
    reached, step = contact.climbed, contact.step
    rests = 0
    if step.action in RESTING and not step.by_hand:
        rests = FOR_GOOD if step.hold_days is None else contact.offset + step.hold_days
    return [
        replace(bill, reached=reached[bill.id], since=-contact.offset, rests=rests) if bill.id in reached else bill
        for bill in bills
    ]
