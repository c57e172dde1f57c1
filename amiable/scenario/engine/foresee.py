"""The next steps of one customer in one currency, day after day, if nothing changes.

Comes in: the customer's row and open invoices as `decide` takes them, the scenario, the law. Goes out: steps to come. It is
the engine's own rule for one customer, kept in plain numbers; the rails are asked as they are, for all days at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from amiable.core.calendar import public_holidays
from amiable.core.conditions import parse
from amiable.law import rails
from amiable.law.packs import Law
from amiable.scenario.engine.decide import OF_THE_STEP
from amiable.scenario.engine.journey import Journey, Step

WEEK = 7
Made = tuple[int, ...]  # the days of the contacts foreseen so far, the last one at the end


@dataclass(frozen=True)
class Foreseen:
    """A step to come, if nothing changes until then."""

    on: date
    currency: str
    step: str
    channel: str
    mode: str
    verdict: str
    rail: str
    sentence: str
    invoices: tuple[int, ...]
    amount_minor: int


@dataclass(frozen=True)
class Bill:
    """An open invoice as it stands on the first day."""

    id: int
    late: int
    open_minor: int
    reached: int
    since: int | None  # days since its last step; below zero: so many days ahead
    held: bool


@dataclass(frozen=True)
class Contact:
    """What would be due on a day at one level: the invoices at it, and those at lower ones."""

    offset: int
    step: Step
    about: tuple[Bill, ...]
    also: tuple[tuple[Bill, int], ...]  # with the level that each one reaches
    oldest: int


def foresee(
    customer: pl.DataFrame,
    invoices: pl.DataFrame,
    journey: Journey,
    *,
    facts: Mapping[str, Any],
    law: Law,
    policy: Mapping[str, Any],
    as_of: date,
    days: int,
    steps: int,
) -> list[Foreseen]:
    """At most so many steps within so many days; a customer is one row, as `decide` takes them.

    A step that a rail holds back for good is told with the rail, on the first day on which it speaks.
    """
    row = customer.row(0, named=True)
    holds = customer.select(parse(step.condition, facts).alias(str(n)) for n, step in enumerate(journey.steps)).row(0)
    open_steps = [step for step, holding in zip(journey.steps, holds, strict=True) if holding]
    bar = law.value("consumer_time_bar_days" if row["kind"] == "consumer" else "business_time_bar_days")
    columns = ("invoice", "days_late", "open_minor", "reached", "days_since_step", "held")
    bills = [Bill(*values) for values in invoices.select(columns).iter_rows() if values[2] > 0 and not values[5]]
    likely = _Likely(row, law, policy, as_of)
    found: list[Foreseen] = []
    start, made = 0, tuple[int, ...]()
    while len(found) < steps and start <= days:
        # A whole course is guessed and the rails are asked about it at once; where they disagree, their word counts.
        course = _guessed(likely, bills, open_steps, start, made, days=days, most=steps - len(found), bar=bar)
        for contact in _confirmed(row, course, law=law, policy=policy, as_of=as_of):
            found.append(_told(row, contact, "", as_of))
            bills, start, made = _climbed(bills, contact), contact.offset + 1, (*made, contact.offset)
        if len(found) == steps or start > days:
            break
        ahead = [due for offset in range(start, days + 1) if (due := _due(bills, open_steps, offset, bar))]
        first, rail = _first(ahead, _rails(row, [(due, made) for due in ahead], law=law, policy=policy, as_of=as_of))
        if first is None:
            break
        found.append(_told(row, first, rail, as_of))
        if rail:
            break
        bills, start, made = _climbed(bills, first), first.offset + 1, (*made, first.offset)
    return found


class _Likely:
    """A guess whether the rails will let a contact pass: never the last word, only what is asked about first."""

    def __init__(self, row: Mapping[str, Any], law: Law, policy: Mapping[str, Any], as_of: date) -> None:
        self.row, self.law, self.as_of = row, law, as_of
        self.gap = max(law.value("days_between_contacts"), int(policy.get("days_between_contacts", 0)))
        self.cap = min(law.value("contacts_per_7_days"), int(policy.get("contacts_per_7_days", 99)))
        self.quiet = max(
            law.value("quiet_days_after_conversation"), int(policy.get("quiet_days_after_conversation", 0))
        )
        self.at_all = row["customer_hold"] is None and not row["waiting"] and row["released"]

    def allows(self, contact: Contact) -> bool:
        """Whether channel and amount allow the step."""
        amount, channel = _amount(self.row, contact), contact.step.channel
        enough = amount > 0 and amount >= round(contact.step.minimum * self.row["scale"])
        return enough and bool(self.row.get(f"has_{channel}")) and not self.row.get(f"out_{channel}")

    def free(self, offset: int, made: Made) -> bool:
        """Whether a day is one for contacts at all."""
        day, spoken = self.as_of + timedelta(days=offset), self.row["days_since_conversation"]
        off = day.weekday() == 6 or day in public_holidays(self.law.country, day.year)
        return (
            not off
            and ((since := _since(self.row, offset, made)) is None or since >= self.gap)
            and _counted(self.row, offset, made) < self.cap
            and (spoken is None or spoken + offset >= self.quiet)
        )


_Guess = tuple[list[list[Contact]], Made, Contact]  # the days up to it, the contacts before it, the contact


def _guessed(
    likely: _Likely,
    bills: list[Bill],
    steps: Sequence[Step],
    start: int,
    made: Made,
    *,
    days: int,
    most: int,
    bar: int,
) -> list[_Guess]:
    found: list[_Guess] = []
    ahead: list[list[Contact]] = []
    for offset in range(start, days + 1 if likely.at_all else start):
        due = _due(bills, steps, offset, bar)
        if not due:
            continue
        ahead.append(due)
        contact = next((each for each in due if likely.allows(each)), None) if likely.free(offset, made) else None
        if contact:
            found.append((ahead, made, contact))
            bills, made, ahead = _climbed(bills, contact), (*made, offset), []
            if len(found) == most:
                break
    return found


def _confirmed(
    row: Mapping[str, Any], course: Sequence[_Guess], *, law: Law, policy: Mapping[str, Any], as_of: date
) -> Iterator[Contact]:
    """The contacts of a guessed course up to the first about which the rails think otherwise."""
    said = _rails(
        row, [(due, made) for ahead, made, _c in course for due in ahead], law=law, policy=policy, as_of=as_of
    )
    for ahead, _made, guess in course:
        first, rail = _first(ahead, said)
        if first is not guess or rail:
            return
        yield guess


def _due(bills: Iterable[Bill], steps: Sequence[Step], offset: int, bar: int) -> list[Contact]:
    """What is due on a day, highest level first: where a step's channel or amount forbids it, the next one may be."""
    due: list[tuple[Bill, Step]] = []
    for bill in bills:
        late = bill.late + offset
        step = next((s for s in steps if bill.reached < s.level and (s.until is None or late <= s.until)), None)
        if step and late >= step.days and (bill.since is None or bill.since + offset >= step.gap):
            due.append((bill, step))
    if any(bill.late + offset <= bar for bill, _step in due):
        due = [(bill, step) for bill, step in due if bill.late + offset <= bar]
    due.sort(key=lambda pair: (-pair[0].late, pair[0].id))
    found = []
    for level in sorted({step.level for _bill, step in due}, reverse=True):
        about = tuple(bill for bill, step in due if step.level == level)
        also = tuple((bill, step.level) for bill, step in due if step.level < level and bill.late + offset > 0)
        oldest = max(bill.late + offset for bill, step in due if step.level <= level)
        found.append(Contact(offset, next(s for _bill, s in due if s.level == level), about, also, oldest))
    return found


def _rails(
    row: Mapping[str, Any],
    ahead: Sequence[tuple[Sequence[Contact], Made]],
    *,
    law: Law,
    policy: Mapping[str, Any],
    as_of: date,
) -> Iterator[str | None]:
    """What the rails say to each contact of each day, in order."""
    asked = [_row(row, contact, made, as_of) for day, made in ahead for contact in day]
    if not asked:
        return iter(())
    table = pl.DataFrame(asked, schema=rails.COLUMNS, orient="row")
    return iter(rails.judge(table, law=law, policy=policy)["rail"].to_list())


def _first(ahead: Sequence[Sequence[Contact]], said: Iterator[str | None]) -> tuple[Contact | None, str]:
    """The first contact that may be made; else the first one that a rail holds back, with the rail."""
    made: Contact | None = None
    refused: tuple[Contact | None, str] = None, ""
    for day in ahead:
        verdicts = [(contact, next(said)) for contact in day]
        for contact, rail in verdicts:
            if rail is None:
                made = made or contact
                break
            if rail not in OF_THE_STEP:
                break
        if refused[0] is None:
            refused = verdicts[0][0], verdicts[0][1] or ""
    return (made, "") if made else refused


def _row(row: Mapping[str, Any], contact: Contact, made: Made, as_of: date) -> tuple[Any, ...]:
    """What the rails ask of a contact (rails.COLUMNS), with the counts as they would then stand."""
    offset, channel = contact.offset, contact.step.channel
    spoken = row["days_since_conversation"]
    return (
        as_of + timedelta(days=offset),
        row["kind"],
        channel,
        row["released"],
        row["customer_hold"],
        row.get(f"out_{channel}", False),
        row.get(f"has_{channel}", False),
        row["waiting"],
        _since(row, offset, made),
        _counted(row, offset, made),
        None if spoken is None else spoken + offset,
        contact.oldest,
        _amount(row, contact),
        round(contact.step.minimum * row["scale"]),
    )


def _counted(row: Mapping[str, Any], offset: int, made: Made) -> int:
    """Contacts in seven days: those of before, until they are a week old, and those foreseen."""
    before = row["contacts_7d"] if offset < WEEK else 0
    return int(before) + sum(offset - day < WEEK for day in made)


def _since(row: Mapping[str, Any], offset: int, made: Made) -> int | None:
    """Days since the last contact, foreseen or of before."""
    if made:
        return offset - made[-1]
    before: int | None = row["days_since_contact"]
    return None if before is None else before + offset


def _amount(row: Mapping[str, Any], contact: Contact) -> int:
    of_all = sum(bill.open_minor for bill in contact.about) + sum(bill.open_minor for bill, _level in contact.also)
    return int(of_all - row["credit_minor"])


def _climbed(bills: Iterable[Bill], contact: Contact) -> list[Bill]:
    """The invoices as they stand once the contact is made."""
    reached = {bill.id: contact.step.level for bill in contact.about} | {bill.id: level for bill, level in contact.also}
    return [
        replace(bill, reached=reached[bill.id], since=-contact.offset) if bill.id in reached else bill for bill in bills
    ]


def _told(row: Mapping[str, Any], contact: Contact, rail: str, as_of: date) -> Foreseen:
    step = contact.step
    return Foreseen(
        on=as_of + timedelta(days=contact.offset),
        currency=row["currency"],
        step=step.key,
        channel=step.channel,
        mode=step.mode,
        verdict="not" if rail else "ask" if step.mode == "confirm" else "do",
        rail=rail,
        sentence=rails.SENTENCES.get(rail, ""),
        invoices=(*(bill.id for bill in contact.about), *(bill.id for bill, _level in contact.also)),
        amount_minor=_amount(row, contact),
    )
