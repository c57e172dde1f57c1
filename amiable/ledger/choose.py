"""What a creditor chooses to ask of those who pay late: dated choices in its policy, read and written here and nowhere else.

In: a creditor. Out: the choice in force on any day, as rows of terms that the reckoning uses. Never: more than the law of its
country allows; a choice that changes a day which another choice has ruled already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.law.late import Late, Rate, halves, late, millionths
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor, Customer, CustomerKind

POLICY = "late_payment"
CLAIM, SHOW, WAIVE = "claim", "show", "waive"
MODES = (CLAIM, SHOW, WAIVE)
PARTS = ("interest", "indemnity", "fees")
AUDIENCES = (CustomerKind.BUSINESS, CustomerKind.PUBLIC, CustomerKind.CONSUMER)
WAIT_DAYS = (
    5  # charges are posted so many days after the day that they are for: the bank may tell of a payment meanwhile
)


class UnableToChoose(UnableTo):
    """The law, or an earlier choice, does not allow it."""


@dataclass(frozen=True)
class Choice:
    """For one sort of customers: claim, show or waive each part; `percent` of the contract, empty: the law's rate."""

    interest: str = WAIVE
    indemnity: str = WAIVE
    fees: str = WAIVE
    percent: str = ""

    @property
    def contract(self) -> int | None:
        return millionths(self.percent) if self.percent else None

    @property
    def named(self) -> bool:
        """Whether anything is to be reckoned."""
        return self.interest != WAIVE or self.indemnity != WAIVE

    @property
    def shows(self) -> bool:
        return SHOW in (self.interest, self.indemnity)


NOTHING = Choice()


@dataclass(frozen=True)
class Rule:
    """What counts from a day on, until the next one. `charges_first`: money pays charges before what was invoiced."""

    since: date
    choices: Mapping[str, Choice] = field(default_factory=dict)
    charges_first: bool = False
    grace_days: int = 0
    wait_days: int = WAIT_DAYS

    def of(self, audience: str) -> Choice:
        return self.choices.get(audience, NOTHING)


def rules(policy: Mapping[str, Any]) -> list[Rule]:
    """The choices of a policy in their order; of two from the same day the later one counts."""
    found = {row["since"]: _read(row) for row in policy.get(POLICY, ())}
    return [found[since] for since in sorted(found)]


def rule_on(policy: Mapping[str, Any], on: date) -> Rule:
    """The choice in force on a day; nothing is asked where nobody has chosen."""
    return max((rule for rule in rules(policy) if rule.since <= on), key=lambda rule: rule.since, default=Rule(on))


def named(policy: Mapping[str, Any], *, country: str, audience: str, as_of: date) -> tuple[bool, bool]:
    """Whether texts may speak of interest, and of the indemnity: where the creditor chose so and the law gives it."""
    choice, law = rule_on(policy, as_of).of(audience), late(country, audience, as_of)
    interest = choice.interest != WAIVE and (law.by_contract if choice.percent else law.by_law)
    return interest, choice.indemnity != WAIVE and law.indemnity


def claims_costs(customer: Customer, *, as_of: date) -> bool:
    """Whether the law gives costs of this customer, and the creditor chose to claim them."""
    rule = rule_on(customer.creditor.policy, as_of)
    return late(customer.creditor.country, customer.kind, as_of).fees and rule.of(customer.kind).fees == CLAIM


@transaction.atomic
def choose(*, creditor: Creditor, rule: Rule, as_of: date, now: datetime, by: User | None = None) -> None:
    """Keeps a choice. Only the first one may reach back: it says from which day on this creditor asks for anything."""
    row = Creditor.objects.select_for_update().get(pk=creditor.pk)
    who = {"chosen_at": now.isoformat(), "by": by.username if by else ""}
    known = rules(row.policy)
    if rule.since < as_of and any(each.since != rule.since or each != rule for each in known):
        raise UnableToChoose(_("Only the first choice may begin in the past: those days have been reckoned already."))
    if not 0 <= rule.grace_days <= 90 or not 0 <= rule.wait_days <= 60:
        raise UnableToChoose(_("The days of grace are 0 to 90, those to wait for the bank 0 to 60."))
    for audience, choice in rule.choices.items():
        refuse(choice, late(row.country, audience, max(rule.since, as_of)))
    kept = [each for each in row.policy.get(POLICY, ()) if each["since"] != rule.since.isoformat()]
    adopt(creditor=creditor, choices={POLICY: [*kept, {**written(rule), **who}]}, now=now, by=by)


def refuse(choice: Choice, law: Late) -> None:
    """Raises UnableToChoose, with the article, where the law does not give what is asked."""
    if any(getattr(choice, part) not in MODES for part in PARTS):
        raise UnableToChoose(_("Claim, show or waive: nothing else."))
    try:
        contract = choice.contract
    except ValueError as error:
        raise UnableToChoose(
            _("The rate of the contract is a number such as 12.15, more than 0 and up to 100.")
        ) from error
    asked = choice.interest != WAIVE
    if asked and contract is not None and not law.by_contract:
        raise UnableToChoose(_no(_("The law sets this rate; a contract may not change it."), law))
    if asked and contract is None and not law.by_law:
        raise UnableToChoose(
            _no(_("The law gives no rate here: only one that the contract names can be asked for."), law)
        )
    if choice.indemnity != WAIVE and not law.indemnity:
        raise UnableToChoose(_no(_("There is no fixed indemnity for these customers."), law))
    if choice.fees != WAIVE and not law.fees:
        raise UnableToChoose(_no(_("Costs of collection cannot be asked of these customers."), law))


@dataclass(frozen=True)
class Term:
    """What counts from a day on for the invoices of one key: the choice, and the rate of the half-year."""

    day: date
    interest: str
    indemnity: str
    rate: Rate
    law: Late
    charges_first: bool
    grace_days: int
    wait_days: int


def terms(
    known: Sequence[Rule], *, country: str, audience: str, currency: str, late_in: date | None, until: date
) -> list[Term]:
    """The choice and the rate day by day, as the days on which one of them changes; the first is that of the first choice.

    `late_in`: the half-year in which the debt became late, where the law keeps its rate until the debt is paid.
    """
    if not known:
        return []
    first = known[0].since
    days = sorted({rule.since for rule in known} | {max(half, first) for half in halves(first, until)})
    return [_term(known, day, country, audience, currency, late_in) for day in days if day <= until]


def _term(known: Sequence[Rule], day: date, country: str, audience: str, currency: str, late_in: date | None) -> Term:
    rule = [each for each in known if each.since <= day][-1]
    choice, law = rule.of(audience), late(country, audience, day)
    half = late_in or next(halves(day, day))
    rate = law.rate(contract=choice.contract, currency=currency, half=half)
    indemnity = choice.indemnity if law.indemnity and currency == law.currency else WAIVE
    return Term(day, choice.interest, indemnity, rate, law, rule.charges_first, rule.grace_days, rule.wait_days)


def _read(row: Mapping[str, Any]) -> Rule:
    return Rule(
        since=date.fromisoformat(row["since"]),
        choices={audience: Choice(**row[audience]) for audience in AUDIENCES if audience in row},
        charges_first=bool(row.get("charges_first")),
        grace_days=int(row.get("grace_days", 0)),
        wait_days=int(row.get("wait_days", WAIT_DAYS)),
    )


def written(rule: Rule) -> dict[str, Any]:
    """A choice as a policy keeps it."""
    return {
        "since": rule.since.isoformat(),
        **{audience: dict(vars(choice)) for audience, choice in rule.choices.items()},
        "charges_first": rule.charges_first,
        "grace_days": rule.grace_days,
        "wait_days": rule.wait_days,
    }


def _no(sentence: str, law: Late) -> str:
    return f"{sentence} ({law.article})" if law.article else sentence
