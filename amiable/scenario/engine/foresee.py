"""The next steps of one customer in one currency, day after day, if nothing changes.

Comes in: the customer's row and open invoices as `decide` takes them, the scenario, the law. Goes out: steps to come. It is
the engine's own rule for one customer, kept in plain numbers; the rails are asked as they are, for all days at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from amiable.core.conditions import parse
from amiable.law import rails
from amiable.law.packs import Law
from amiable.scenario.engine.decide import OF_THE_STEP
from amiable.scenario.engine.journey import Journey, Step


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
    found: list[Foreseen] = []
    start, last = 0, row["days_since_contact"]
    while len(found) < steps and start <= days:
        ahead = [_due(bills, open_steps, offset, bar) for offset in range(start, days + 1)]
        first, rail = _first(row, [each for each in ahead if each], last=last, law=law, policy=policy, as_of=as_of)
        if first is None:
            break
        found.append(_told(row, first, rail, as_of))
        if rail:
            break
        bills = _climbed(bills, first)
        start, last = first.offset + 1, -first.offset
    return found


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


def _first(
    row: Mapping[str, Any],
    ahead: Sequence[Sequence[Contact]],
    *,
    last: int | None,
    law: Law,
    policy: Mapping[str, Any],
    as_of: date,
) -> tuple[Contact | None, str]:
    """The first contact that may be made; else the first one that a rail holds back, with the rail."""
    asked = [contact for day in ahead for contact in day]
    if not asked:
        return None, ""
    table = pl.DataFrame([_row(row, each, last, as_of) for each in asked], schema=rails.COLUMNS, orient="row")
    said = iter(rails.judge(table, law=law, policy=policy)["rail"].to_list())
    refused: tuple[Contact | None, str] = None, ""
    for day in ahead:
        verdicts = [(contact, next(said)) for contact in day]
        for contact, rail in verdicts:
            if rail is None:
                return contact, ""
            if rail not in OF_THE_STEP:
                break
        if refused[0] is None:
            refused = verdicts[0]
    return refused


def _row(row: Mapping[str, Any], contact: Contact, last: int | None, as_of: date) -> tuple[Any, ...]:
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
        None if last is None else last + offset,
        0 if offset >= 7 else row["contacts_7d"],
        None if spoken is None else spoken + offset,
        contact.oldest,
        _amount(row, contact),
        round(contact.step.minimum * row["scale"]),
    )


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
