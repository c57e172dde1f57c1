"""Customers: who owes, how much and how late, whom to reach there, what happened and what is foreseen."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import FilterSchema, Query, Router, Schema
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.core.models import User
from amiable.insight.forecast.of_customer import Awaited, of_customer
from amiable.ledger import hold
from amiable.ledger.models import Contact, ContactPoint, Customer, CustomerKind, Hold
from amiable.portfolio.models import Membership, Profile, Score
from amiable.scenario import decide
from amiable.scenario.unite import unite
from amiable.web.api import room
from amiable.web.api.shape import Id, Key, Page, Ref, Said, Words
from amiable.web.api.told import told
from amiable.web.desk import agency, exposure, scope, search, timeline
from amiable.web.ui import clock

router = Router(tags=["customers"])
AHEAD, STEPS = 90, 8  # of the next steps: days, and how many

CustomerOut = told(
    Customer, "creditor", "number", "name", "kind", "siren", "language", "country", "postcode", "city", "street", "parent",
    "payer", "branch", "salesperson", "sector", "terms_days", "payment_method", "turnover_minor", "potential", "key_account",
    "credit_limit_minor", "external_score", "customer_since", "created_at", name="Customer",
)  # fmt: skip
PointOut = told(ContactPoint, "medium", "value", "failed_at", name="ContactPoint")
ContactOut = told(Contact, "customer", "name", "role", "language", name="Contact", points=list[PointOut])  # type: ignore[valid-type]
HoldOut = told(
    Hold, "customer", "invoice", "kind", "amount_minor", "reason", "since", "until", "by", "created_at", name="Hold",
    doc="A reason not to treat, on one invoice or (without one) on the whole customer; `until` is free again.",
)  # fmt: skip
ProfileOut = told(
    Profile, "customer", "currency", "as_of", "segment", "open_minor", "overdue_minor", "credit_minor", "held_minor",
    "disputed_minor", "late_12m", "days_late_12m", "promises_kept", "promises_broken", "oldest_due_on", "last_paid_on",
    "last_contact_on", name="Profile", doc="What is known of a customer in one currency, as the day computed it.",
)  # fmt: skip
ScoreOut = told(Score, "customer", "currency", "key", "model_version", "as_of", "value", "reasons", name="Score")
MembershipOut = told(Membership, "customer", "currency", "segment", "since", "until", name="Membership")


class ExpectedOut(Schema):
    """`lines`: the oldest due first, none where nothing is open; `silence`: why nothing can be told."""

    lines: list[Awaited]
    silence: str


class Exposure(Schema):
    """What is owed now in one currency, in minor units, by age and by what stands in the way."""

    currency: str
    open_minor: int
    overdue_minor: int
    not_due_minor: int
    overdue_1_30_minor: int
    overdue_31_60_minor: int
    overdue_61_90_minor: int
    overdue_over_90_minor: int
    disputed_minor: int
    promised_minor: int
    held_minor: int
    credit_minor: int
    overdue_count: int


class Whole(Schema):
    """One customer with everything at hand; `rights` is what the asker may do about them."""

    customer: CustomerOut  # type: ignore[valid-type]
    exposure: list[Exposure]
    profiles: list[ProfileOut]  # type: ignore[valid-type]
    contacts: list[ContactOut]  # type: ignore[valid-type]
    holds: list[HoldOut]  # type: ignore[valid-type]
    scores: list[ScoreOut]  # type: ignore[valid-type]
    rights: list[str]


class Customers(FilterSchema):
    creditor: Id | None = None
    number: Key | None = None
    siren: Key | None = None
    kind: CustomerKind | None = None
    branch: Id | None = None
    salesperson: Id | None = None
    segment: Annotated[Key | None, FilterLookup("profiles__segment")] = None
    overdue: bool | None = Field(None, description="Only those of whom something is overdue, or nothing.")

    def filter_overdue(self, value: bool | None) -> Q:
        late = Q(pk__in=Profile.objects.filter(overdue_minor__gt=0).values("customer"))
        return Q() if value is None else late if value else ~late


class OfCustomer(FilterSchema):
    customer: Id | None = None
    creditor: Annotated[Id | None, FilterLookup("customer__creditor")] = None


class Found(Schema):
    customer: int
    number: str
    name: str
    creditor: int
    found_by: str
    matched: str
    rank: float


class Happened(Schema):
    """One line of the timeline: which kind of thing, its row, when, and what is known of it."""

    kind: str
    ref: int
    at: datetime
    data: dict[str, Any]


class NextStep(Schema):
    """A step that comes if nothing changes: when, which, by which channel, for how much, and what stands in its way."""

    on: date
    currency: str
    step: str
    action: str
    channel: str
    mode: str
    verdict: str
    rail: str
    sentence: str
    invoices: list[int]
    amount_minor: int


class TimelinePart(Schema):
    cursor: str = Field("", max_length=80, description="The `next` of the page before; empty for the first page.")
    group: Literal["", "money", "words", "people", "decisions"] = ""
    find: str = Field("", max_length=timeline.LONGEST, description="Words, or an amount, that must stand in the line.")


class Absorbs(Said):
    absorb: Ref = Field(description="The record that goes: all that is its own moves here, and its number leads here.")
    meant: Literal[True] = Field(description="Both were compared. This cannot be undone.")


class Wanted(Schema):
    q: Words = Field(
        min_length=2, description="A name, a number, an invoice, a SIREN, an e-mail, a phone, an amount, an IBAN's end."
    )
    limit: room.Limit = 12


def seen(user: User) -> QuerySet[Customer]:
    return scope.customers_for(user).filter(merged_into=None).distinct()


room.shelf(router, "/customers", name="", many="customers", schema=CustomerOut, rows=seen, filters=Customers, one=False)
room.shelf(
    router, "/profiles", name="profile", many="profiles", schema=ProfileOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, Profile.objects.all(), own="creditor_id"),
)  # fmt: skip
room.shelf(
    router, "/scores", name="score", many="scores", schema=ScoreOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, Score.objects.all()),
)  # fmt: skip
room.shelf(
    router, "/memberships", name="membership", many="memberships", schema=MembershipOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, Membership.objects.all()),
)  # fmt: skip


@room.get(router, "/customers/{pk}", response=Whole, name="get_customer", summary="Read one customer")
def customer(request: HttpRequest, pk: Id) -> Any:
    """With exposure, segments, contacts, holds and scores."""
    found = room.customer(request, pk)
    today = clock.today()
    holds = list(hold.active(as_of=today).filter(customer=found).order_by("pk"))
    lines = exposure.lines(invoices=found.invoices.filter(open_minor__gt=0), holds=holds, today=today)
    sums = exposure.exposures(lines=lines, credits=found.credits.filter(open_minor__gt=0), holds=holds)
    return {
        "customer": found,
        "exposure": sums,
        "profiles": list(found.profiles.order_by("currency")),
        "contacts": list(found.contacts.order_by("pk").prefetch_related("points")),
        "holds": holds,
        "scores": list(found.scores.order_by("key", "-as_of").distinct("key")),
        "rights": sorted(scope.rights(room.asking(request).user, found)),
    }


@room.get(router, "/customers/{pk}/timeline", response=Page[Happened], name="list_timeline", summary="What happened")
def happened(request: HttpRequest, pk: Id, asked: Query[TimelinePart]) -> Any:
    """Everything that happened with the customer, newest first, decisions not taken included."""
    found = room.customer(request, pk, outside=True)
    after = timeline.read(asked.cursor)
    if asked.cursor and after is None:
        return {"items": [], "next": None}  # a place that was never given
    only = agency.lines(room.asking(request).user, found)
    lines, more = timeline.happened(customer=found, group=asked.group, find=asked.find, after=after, only=only)
    return {"items": lines, "next": str(more) if more else None}


@room.get(router, "/customers/{pk}/next-steps", response=list[NextStep], name="list_next_steps", summary="What comes")
def foreseen(request: HttpRequest, pk: Id) -> Any:
    """The steps of the next 90 days if nothing changes, each with its reason."""
    found = room.customer(request, pk)
    return decide.preview(customer=found, as_of=clock.today(), now=clock.now(), days=AHEAD, steps=STEPS)


@room.get(
    router, "/customers/{pk}/expected", response=ExpectedOut, name="list_expected", summary="When money is expected"
)  # fmt: skip
def awaited(request: HttpRequest, pk: Id) -> Any:
    """What is open, invoice by invoice, with the days between which its money is expected and why."""
    return of_customer(customer=room.customer(request, pk), as_of=clock.today())


@room.post(
    router, "/customers/{pk}/absorb", right="merge", response=CustomerOut, name="merge_customers",
    summary="Make two records of one customer one",
)  # fmt: skip
def merge(request: HttpRequest, pk: Id, said: Absorbs) -> Any:
    """Both belong to one creditor; this one stays, and there is no way back."""
    keep = room.customer(request, pk, right="merge")
    absorb = room.customer(request, said.absorb, right="merge")
    return unite(keep=keep, absorb=absorb, now=clock.now(), by=room.asking(request).user)


@room.get(router, "/search", response=list[Found], name="search", summary="Search customers and invoices")
def find(request: HttpRequest, asked: Query[Wanted]) -> Any:
    """As the box at the top of the desk: accents and typing errors forgiven, best first."""
    return [
        {
            "customer": hit.customer.pk, "number": hit.customer.number, "name": hit.customer.name,
            "creditor": hit.customer.creditor_id, "found_by": hit.found.what, "matched": hit.found.matched,
            "rank": hit.found.rank,
        }
        for hit in search.look(room.asking(request).user, asked.q, most=asked.limit)
    ]  # fmt: skip
