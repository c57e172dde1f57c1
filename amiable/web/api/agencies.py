"""Cases with outside agencies: what lies where, handed over, taken back, as the desk does it.

In: the placements of customers whom the asker sees. Out: placements. Never: what lies, or lay, with one agency told to another.
"""

from typing import Annotated, Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework.models import Placement
from amiable.casework.place import Outcome
from amiable.core.models import User
from amiable.web.api import deeds, room
from amiable.web.api.shape import Id, Line, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import agency

router = Router(tags=["agencies"])

PlacementOut = told(
    Placement, "case", "agency", "placed_at", "placed_by", "until", "recalled_at", "outcome", name="Placement",
    customer=int, currency=str, customer_number=str, customer_name=str, customer_kind=str, customer_siren=str,
    customer_street=str, customer_postcode=str, customer_city=str, customer_country=str,
    doc="A case that lies, or lay, with an agency: whose, until when, and what came of it.",
)  # fmt: skip


class Placements(FilterSchema):
    creditor: Annotated[Id | None, FilterLookup("case__creditor")] = None
    customer: Annotated[Id | None, FilterLookup("case__customer")] = None
    agency: Annotated[str | None, Field(max_length=120, pattern=r"^[^\x00]*$")] = None
    away: bool | None = Field(None, description="Only those that are with an agency now, or are taken back.")

    def filter_away(self, value: bool | None) -> Q:
        return Q() if value is None else Q(recalled_at__isnull=value)


class PlacesCases(Said):
    customer: Ref
    agency: Annotated[Line, Field(max_length=120)] = Field(description="As its people are named in their scopes.")


class RecallsCases(Said):
    outcome: Outcome = Field(description="What came of it.")


def placements(user: User) -> QuerySet[Placement]:
    """To one of the house, each; to an agency, its own."""
    columns = ("number", "name", "kind", "siren", "street", "postcode", "city", "country")
    told = {f"customer_{column}": F(f"case__customer__{column}") for column in columns}
    return agency.placements(user).annotate(customer=F("case__customer_id"), currency=F("case__currency"), **told)


room.shelf(
    router, "/placements", name="placement", many="placements", schema=PlacementOut, filters=Placements, rows=placements
)


@room.post(
    router, "/placements", right="place", response={201: list[PlacementOut]}, name="hand_over_to_agency", undo=True,  # type: ignore[valid-type]
    summary="Hand a customer's cases over to an agency",
)  # fmt: skip
def hand_over(request: HttpRequest, said: PlacesCases) -> Any:
    """One placement for each open case; nothing of ours is sent while they are away."""
    return _placed(request, said.customer, "agency", said)


@room.post(
    router, "/customers/{pk}/take-back", right="place", response=list[PlacementOut], name="take_back_from_agency",  # type: ignore[valid-type]
    summary="Take a customer's cases back from the agency",
)  # fmt: skip
def take_back(request: HttpRequest, pk: Id, said: RecallsCases) -> Any:
    """Our steps go on where they stood; the agency sees the cases no longer."""
    return _placed(request, pk, "recall", said)


def _placed(request: HttpRequest, customer: int, act: str, said: Said) -> QuerySet[Placement]:
    done = deeds.perform(request, customer, act, deeds.told_by(said))
    return placements(room.asking(request).user).filter(pk__in=deeds.made_by(done)).order_by("pk")
