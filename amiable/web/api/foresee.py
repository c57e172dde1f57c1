"""What would be: two scenarios beside each other, and what late payment comes to for one customer. Nothing is kept.

In: what the asker sees. Out: the figures that the pages are made of, in minor units. Never: a figure of another's portfolio.
"""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from amiable.scenario.contend import NOBODY, contender
from amiable.scenario.simulate import project
from amiable.web.api import room
from amiable.web.api.figures import number
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Id
from amiable.web.desk import late_payment, simulate_pages
from amiable.web.ui import clock

router = Router(tags=["figures"])


class Tries(Schema):
    scenario: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] = Field(
        "", description="`key`, `key@version` of a draft, several parted by commas; empty: what is in force."
    )
    against: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] = Field(
        NOBODY, description="The same; as it stands: nobody is contacted."
    )
    days: Annotated[Literal[30, 60, 90], BeforeValidator(number)] = 60


class Simulated(Schema):
    """Both worlds and that of nobody contacted; `sweep` has them for each strength that a contact may have."""

    as_of: date
    days: int
    currency: str
    customers: int
    of_customers: int = Field(description="Of how many these are a sample.")
    open_minor: int
    ranking: dict[str, Any]
    sweep: list[dict[str, Any]]
    alone: dict[str, Any]


class LateCharge(Schema):
    """Late interest and indemnity on one invoice: posted, running, only shown, waived; `pieces`: how it was reckoned."""

    invoice: int
    currency: str
    charged_minor: int
    running_minor: int
    shown_minor: int
    waived_minor: int
    pieces: list[dict[str, Any]]


@room.get(
    router, "/creditors/{pk}/simulation", response=Simulated, name="simulate", summary="Two scenarios side by side"
)
def simulate(request: HttpRequest, pk: Id, asked: Query[Tries]) -> Any:
    """What they would bring, cost and annoy in the days to come; a sample of 1,500 customers is followed."""
    house = room.creditor(request, pk)
    choices = [key for key, _label in simulate_pages.offered(house)]
    named = {"scenario": asked.scenario or choices[0], "against": asked.against}
    if unknown := [name for name, key in named.items() if key not in choices]:
        wrong = [{"field": f"query.{name}", "message": ", ".join(choices)} for name in unknown]
        raise Problem(422, _("Look at the fields that are named."), errors=wrong)
    first, second = (contender(name=key, creditor=house) for key in named.values())
    return project(
        scenario=first, against=second, creditor=house, as_of=clock.today(), days=asked.days, seed=simulate_pages.SEED,
        most=simulate_pages.MOST,
    )  # fmt: skip


@room.get(
    router,
    "/customers/{pk}/late-payment",
    response=list[LateCharge],
    name="list_late_payment",
    summary="What late payment costs",
)
def run(request: HttpRequest, pk: Id) -> Any:
    """By invoice, as of today."""
    return [
        {
            "invoice": invoice.pk, "currency": invoice.currency, "charged_minor": invoice.charged_minor,
            "running_minor": told.running_minor, "shown_minor": told.shown_minor, "waived_minor": told.waived_minor,
            "pieces": [
                {name: getattr(each["piece"], name) for name in ("since", "until", "days", "base_minor", "mode", "article")}
                | {"minor": each["minor"], "percent": each["percent"], "why": str(each["why"])}
                for each in pieces
            ],
        }
        for invoice, told, pieces in late_payment.run(room.customer(request, pk), clock.today())
    ]  # fmt: skip
