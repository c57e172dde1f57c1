"""What a creditor asks of those who pay late: its dated choices, a further one, and what that would come to before it is made.

In: a creditor that the asker administers. Out: choices, and sums in minor units. Never: more than the law of its country
allows, or a change of days that were reckoned already.
"""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from amiable.core.models import User
from amiable.law.late import late
from amiable.ledger import choose
from amiable.ledger.charges import example
from amiable.ledger.models import Creditor
from amiable.web.api import room
from amiable.web.api.house import House
from amiable.web.api.shape import Day, Flag, Id, Said
from amiable.web.ui import clock

router = Router(tags=["responsibility and rules"])
Audience = Literal["business", "public", "consumer"]
Mode = Literal["claim", "show", "waive"]


class LateChoice(Said):
    """For one sort of customers; `percent` of the contract a year, empty: the rate of the law."""

    interest: Mode = "waive"
    indemnity: Mode = "waive"
    fees: Mode = "waive"
    percent: Annotated[str, Field(max_length=8, pattern=r"^[0-9.,]*$", strict=True)] = ""


class LateRule(Said):
    """What counts from a day on, until the next one; who is left out is asked for nothing."""

    since: Day
    choices: dict[Audience, LateChoice]
    charges_first: Flag = Field(
        False, description="A part payment goes to interest and costs before what was invoiced."
    )
    grace_days: Annotated[int, Field(ge=0, le=90, strict=True)] = 0
    wait_days: Annotated[int, Field(ge=0, le=60, strict=True)] = choose.WAIT_DAYS


class LateRuleOut(Schema):
    since: date
    choices: dict[str, LateChoice]
    charges_first: bool
    grace_days: int
    wait_days: int


class LateSum(Schema):
    currency: str
    interest_minor: int
    indemnity_minor: int


class LateAhead(Schema):
    """As if the choice had counted since the first of the late invoices became late; of the 500 largest at most."""

    invoices: int
    sums: list[LateSum]


LATE = House(router, "/creditors/{pk}/late-payment", "late_payment", "what late payment costs customers")


@LATE.get(list[LateRuleOut])
def rules(house: Creditor) -> Any:
    return _chosen(house)


@LATE.put(
    list[LateRuleOut], LateRule,
    doc="One more choice, or another for the same day; earlier ones stay. Only the first may begin in the past. Needs If-Match.",
)  # fmt: skip
def add(house: Creditor, said: Any, by: User) -> Any:
    choose.choose(creditor=house, rule=_rule(said), as_of=clock.today(), now=clock.now(), by=by)
    return _chosen(house)


@room.post(
    router, "/creditors/{pk}/late-payment-preview", right="administer", response=LateAhead, name="preview_late_payment",
    summary="What a choice about late payment would come to",
)  # fmt: skip
def look_ahead(request: HttpRequest, pk: Id, said: LateRule) -> Any:
    """Reckoned on what is late today; nothing is kept."""
    house, rule, today = room.creditor(request, pk, right="administer"), _rule(said), clock.today()
    for audience, choice in rule.choices.items():
        choose.refuse(choice, late(house.country, audience, max(rule.since, today)))
    found = example(creditor=house, rule=rule, as_of=today)
    sums = [
        {"currency": currency, "interest_minor": minor, "indemnity_minor": found.indemnity_minor[currency]}
        for currency, minor in sorted(found.interest_minor.items())
    ]
    return {"invoices": found.count, "sums": sums}


def _rule(said: LateRule) -> choose.Rule:
    told = said.dict()
    return choose.Rule(**told | {"choices": {key: choose.Choice(**each) for key, each in told["choices"].items()}})


def _chosen(house: Creditor) -> list[dict[str, Any]]:
    return [
        vars(rule) | {"choices": {audience: vars(choice) for audience, choice in rule.choices.items()}}
        for rule in choose.rules(house.policy)
    ]
