"""The next steps of one customer in one currency, day after day, if nothing changes.

Comes in: the customer's row and open invoices as `decide` takes them, the scenario, the law. Goes out: steps to come. It is
the engine's own rule for one customer (bill.py); the rails are asked as they are, for all days at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from amiable.core.calendar import public_holidays
from amiable.core.conditions import parse
from amiable.law import rails
from amiable.law.packs import Law
from amiable.scenario.engine.bill import Bill, Contact, Way, climb
from amiable.scenario.engine.channel import NAMED, choose, placed
from amiable.scenario.engine.decide import OF_THE_STEP, carried_out, to_ask
from amiable.scenario.engine.journey import PLACE, Journey, table

WEEK = 7
Made = tuple[tuple[int, str], ...]  # day and channel of the contacts foreseen so far, the last one at the end


@dataclass(frozen=True)
class Foreseen:
    """A step to come, if nothing changes until then."""

    on: date
    currency: str
    step: str
    action: str
    channel: str
    mode: str
    verdict: str
    rail: str
    sentence: str
    invoices: tuple[int, ...]
    amount_minor: int


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
    bar = law.value("consumer_time_bar_days" if row["kind"] == "consumer" else "business_time_bar_days")
    way = Way.of(row, journey, holds, as_of=as_of, bar=bar)
    columns = ("invoice", "days_late", "days_issued", "open_minor", "reached", "days_since_step", "days_since_return")
    bills = [Bill(*values) for values in _alive(invoices).select(columns).iter_rows()]
    asked = _Asked(row, _channels(customer, journey), law, policy, as_of)
    found: list[Foreseen] = []
    start, made = 0, Made()
    while len(found) < steps and start <= days:
        # A whole course is guessed and the rails are asked about it at once; where they disagree, their word counts.
        course = _guessed(asked, way, bills, start, made, days=days, most=steps - len(found))
        for contact in _confirmed(asked, course):
            found.append(asked.told(contact, ""))
            bills, start, made = climb(bills, contact), contact.offset + 1, asked.with_(contact, made)
        if len(found) == steps or start > days:
            break
        ahead = [due for offset in range(start, days + 1) if (due := way.due(bills, offset))]
        first, rail = _first(ahead, asked.rails([(due, made) for due in ahead]))
        if first is None:
            break
        found.append(asked.told(first, rail))
        if rail:
            break
        bills, start, made = climb(bills, first), first.offset + 1, asked.with_(first, made)
    return found


def _alive(invoices: pl.DataFrame) -> pl.DataFrame:
    return invoices.filter(~pl.col("held") & (pl.col("open_minor") > 0))


def _channels(customer: pl.DataFrame, journey: Journey) -> Mapping[str, tuple[str, str, bool]]:
    """For each step the channel that the engine would choose for this customer, how it is carried out, and whether it waits
    for a word."""
    steps = table({0: journey})
    shared = [name for name in steps.columns if name in customer.columns]
    chosen = choose(customer.drop(shared).join(steps, how="cross"), placed(steps)).with_columns(action=carried_out())
    told = chosen.select("step", "channel", "action", to_ask()).iter_rows()
    return {step: (channel, action, asks) for step, channel, action, asks in told}


class _Asked:
    """What the rails are asked of one customer's contacts; and a guess of what they will say, never the last word."""

    def __init__(
        self,
        row: Mapping[str, Any],
        channels: Mapping[str, tuple[str, str, bool]],
        law: Law,
        policy: Mapping[str, Any],
        as_of: date,
    ) -> None:
        self.row, self.channels, self.law, self.policy, self.as_of = row, channels, law, policy, as_of
        self.gap = max(law.value("days_between_contacts"), int(policy.get("days_between_contacts", 0)))
        self.cap = rails.most_7d("contacts_per_7_days", law=law, policy=policy)
        self.cap = min(self.cap, row.get("most_7d") or self.cap)
        self.calls = rails.most_7d("calls_per_7_days", law=law, policy=policy)
        self.quiet = max(
            law.value("quiet_days_after_conversation"), int(policy.get("quiet_days_after_conversation", 0))
        )
        self.agency = policy.get("agency", "")
        self.at_all = row["customer_hold"] is None and row["released"]

    def with_(self, contact: Contact, made: Made) -> Made:
        """The contacts made, after this one, where it is one."""
        return (*made, (contact.offset, self.channels[contact.step.key][0])) if contact.step.contacts else made

    def likely(self, due: Sequence[Contact], made: Made) -> Contact | None:
        """The contact of a day that the rails will likely let pass."""
        for contact in due:
            amount, channel = self._amount(contact), self.channels[contact.step.key][0]
            if amount <= 0 or amount < round(contact.step.minimum * self.row["scale"]):
                continue
            if contact.step.action == PLACE and not (contact.step.agency or self.agency):
                continue
            if contact.step.action == PLACE and self.row["waiting"]:
                return None
            if not contact.step.contacts:
                return contact
            if self.row[f"has_{channel}"] and not self.row[f"out_{channel}"] and self._carried(channel):
                return contact if self._free(contact.offset, channel, made) else None
        return None

    def _free(self, offset: int, channel: str, made: Made) -> bool:
        """Whether a day is one for contacts by this channel."""
        day, spoken = self.as_of + timedelta(days=offset), self.row["days_since_conversation"]
        off = day.weekday() == 6 or day in public_holidays(self.law.country, day.year)
        return (
            not off
            and not self.row["waiting"]
            and ((since := self._since(offset, made)) is None or since >= self.gap)
            and self._counted(offset, made) < self.cap
            and (channel not in rails.CALLS or self._counted(offset, made, rails.CALLS) < self.calls)
            and (spoken is None or spoken + offset >= self.quiet)
        )

    def rails(self, ahead: Sequence[tuple[Sequence[Contact], Made]]) -> Iterator[str | None]:
        """What the rails say to each contact of each day, in order."""
        rows = [self._row(contact, made) for day, made in ahead for contact in day]
        if not rows:
            return iter(())
        columns = {**rails.COLUMNS, **rails.WISHES, **rails.HANDS_OVER, **rails.CARRIED}
        asked = pl.DataFrame(rows, schema=columns, orient="row")
        return iter(rails.judge(asked, law=self.law, policy=self.policy)["rail"].to_list())

    def _row(self, contact: Contact, made: Made) -> tuple[Any, ...]:
        """What the rails ask of a contact, column by column, with the counts as they would then stand."""
        row, offset, channel = self.row, contact.offset, self.channels[contact.step.key][0]
        spoken = row["days_since_conversation"]
        return (
            self.as_of + timedelta(days=offset),
            row["kind"],
            channel,
            contact.step.contacts,
            row["released"],
            row["customer_hold"],
            row.get(f"out_{channel}", False),
            row.get(f"has_{channel}", False),
            row["waiting"],
            self._since(offset, made),
            self._counted(offset, made),
            self._counted(offset, made, rails.CALLS),
            None if spoken is None else spoken + offset,
            contact.oldest,
            self._amount(contact),
            round(contact.step.minimum * row["scale"]),
            row.get("most_7d"),
            contact.step.action == PLACE,
            contact.step.agency.strip(),
            self._carried(channel),
        )

    def _carried(self, channel: str) -> bool:
        return channel not in NAMED or bool(self.row.get(f"carried_{channel}", True))

    def _counted(self, offset: int, made: Made, channels: Sequence[str] = ()) -> int:
        """Contacts (or calls alone) in seven days: those of before, until they are a week old, and those foreseen."""
        before = self.row["calls_7d" if channels else "contacts_7d"] if offset < WEEK else 0
        return int(before) + sum(offset - day < WEEK and (not channels or by in channels) for day, by in made)

    def _since(self, offset: int, made: Made) -> int | None:
        """Days since the last contact, foreseen or of before."""
        if made:
            return offset - made[-1][0]
        before: int | None = self.row["days_since_contact"]
        return None if before is None else before + offset

    def _amount(self, contact: Contact) -> int:
        of_all = sum(bill.open_minor for bill in contact.about) + sum(bill.open_minor for bill, _level in contact.also)
        return int(of_all - self.row["credit_minor"])

    def told(self, contact: Contact, rail: str) -> Foreseen:
        step = contact.step
        channel, action, asks = self.channels[step.key]
        return Foreseen(
            on=self.as_of + timedelta(days=contact.offset),
            currency=self.row["currency"],
            step=step.key,
            action=action,
            channel=channel,
            mode=step.mode,
            verdict="not" if rail else "ask" if asks else "do",
            rail=rail,
            sentence=rails.SENTENCES.get(rail, ""),
            invoices=(*(bill.id for bill in contact.about), *(bill.id for bill, _level in contact.also)),
            amount_minor=self._amount(contact),
        )


_Guess = tuple[list[list[Contact]], Made, Contact]  # the days up to it, the contacts before it, the contact


def _guessed(
    asked: _Asked, way: Way, bills: list[Bill], start: int, made: Made, *, days: int, most: int
) -> list[_Guess]:
    found: list[_Guess] = []
    ahead: list[list[Contact]] = []
    for offset in range(start, days + 1 if asked.at_all else start):
        due = way.due(bills, offset)
        if not due:
            continue
        ahead.append(due)
        contact = asked.likely(due, made)
        if contact:
            found.append((ahead, made, contact))
            bills, made, ahead = climb(bills, contact), asked.with_(contact, made), []
            if len(found) == most:
                break
    return found


def _confirmed(asked: _Asked, course: Sequence[_Guess]) -> Iterator[Contact]:
    """The contacts of a guessed course up to the first about which the rails think otherwise."""
    said = asked.rails([(due, made) for ahead, made, _contact in course for due in ahead])
    for ahead, _made, guess in course:
        first, rail = _first(ahead, said)
        if first is not guess or rail:
            return
        yield guess


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
