"""Money as the books have it: invoices, what came in, how it was spread, every entry; and what a person changes in it."""

from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.core.models import User
from amiable.ledger.kinds import CreditKind, EntryKind, InvoiceKind
from amiable.ledger.models import Allocation, Credit, Entry, Invoice, Sale, Waiver
from amiable.web.api import deeds, room
from amiable.web.api.customers import OfCustomer
from amiable.web.api.shape import AnyDay, Currency, Day, Flag, Id, Key, Line, Minor, Ref, Refs, Said
from amiable.web.api.told import told
from amiable.web.desk import scope
from amiable.web.ui import clock

router = Router(tags=["money"])

InvoiceOut = told(
    Invoice, "creditor", "customer", "branch", "reference", "kind", "account", "order_reference", "issued_on", "due_on",
    "currency", "amount_minor", "open_minor", "charged_minor", "settled_on", "known_at", "reached", "reached_on",
    name="Invoice", doc="One receivable; `open_minor` is what is left of it, `reached` the level of the scenario it stands on.",
)  # fmt: skip
CreditOut = told(
    Credit, "creditor", "customer", "kind", "reference", "received_on", "currency", "amount_minor", "open_minor", "method",
    "reserved_until", "provisional", "confirmed_by", "known_at", name="Credit",
    doc="Money that came in or a credit note; `open_minor` is what is not spread yet. Without customer it is nobody's yet.",
)  # fmt: skip
AllocationOut = told(
    Allocation, "credit", "invoice", "amount_minor", "effective_on", "known_at", "rule", "reverses", "by", name="Allocation"
)  # fmt: skip
EntryOut = told(
    Entry, "kind", "invoice", "credit", "allocation", "amount_minor", "effective_on", "known_at", "reason", "by", name="Entry",
    doc="One posting; never changed: a correction is a new one.",
)  # fmt: skip
WaiverOut = told(Waiver, "customer", "invoice", "kind", "reason", "since", "until", "by", "created_at", name="Waiver")

SaleOut = told(
    Sale, "customer", "invoice", "since", "until", "by", "created_at", name="Sale",
    doc="Sold to the factor, who is to be paid: one invoice or (without one) all of the customer's; `until` is free again.",
)  # fmt: skip


class Invoices(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    reference: Key | None = None
    kind: InvoiceKind | None = None
    currency: Currency | None = None
    due_before: Annotated[AnyDay | None, FilterLookup("due_on__lt")] = None
    due_from: Annotated[AnyDay | None, FilterLookup("due_on__gte")] = None
    open: bool | None = Field(None, description="Only those of which something is left, or nothing.")

    def filter_open(self, value: bool | None) -> Q:
        return Q() if value is None else Q(open_minor__gt=0) if value else Q(open_minor=0)


class Credits(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    kind: CreditKind | None = None
    currency: Currency | None = None
    received_from: Annotated[AnyDay | None, FilterLookup("received_on__gte")] = None
    received_before: Annotated[AnyDay | None, FilterLookup("received_on__lt")] = None
    open: bool | None = None

    def filter_open(self, value: bool | None) -> Q:
        return Q() if value is None else Q(open_minor__gt=0) if value else Q(open_minor=0)


class Allocations(FilterSchema):
    credit: Id | None = None
    invoice: Id | None = None
    customer: Annotated[Id | None, FilterLookup("invoice__customer")] = None


class Entries(FilterSchema):
    invoice: Id | None = None
    credit: Id | None = None
    kind: EntryKind | None = None
    effective_from: Annotated[AnyDay | None, FilterLookup("effective_on__gte")] = None
    effective_before: Annotated[AnyDay | None, FilterLookup("effective_on__lt")] = None


class Sales(OfCustomer):
    invoice: Id | None = None
    running: bool | None = Field(None, description="Only those that are not bought back, or are.")

    def filter_running(self, value: bool | None) -> Q:
        return Q() if value is None else Q(until__isnull=value)


def credits(user: User) -> QuerySet[Credit]:
    """Those of the customers one sees; and nobody's, of creditors one sees the whole of."""
    nobodys = Q(customer=None, creditor__in=room.houses(user).values("pk"))
    return Credit.objects.filter(
        scope.reach(user, path="customer__", creditor="creditor_id") & Q(customer__isnull=False) | nobodys
    )


def entries(user: User) -> QuerySet[Entry]:
    billed = Q(invoice__in=scope.invoices_for(user).values("pk"))
    return Entry.objects.filter(billed | Q(invoice=None, credit__in=credits(user).values("pk")))


def sales(user: User) -> QuerySet[Sale]:
    """Of whole customers, and of the invoices that one sees."""
    seen = Q(invoice=None) | Q(invoice__in=scope.invoices_for(user).values("pk"))
    return room.mine(user, Sale.objects.filter(seen))


room.shelf(
    router, "/invoices", name="invoice", many="invoices", schema=InvoiceOut, filters=Invoices,
    rows=scope.invoices_for,
)  # fmt: skip
room.shelf(router, "/credits", name="credit", many="credits", schema=CreditOut, filters=Credits, rows=credits)
room.shelf(
    router, "/allocations", name="allocation", many="allocations", schema=AllocationOut, filters=Allocations,
    rows=lambda user: Allocation.objects.filter(invoice__in=scope.invoices_for(user).values("pk")),
)  # fmt: skip
room.shelf(router, "/entries", name="entry", many="entries", schema=EntryOut, filters=Entries, rows=entries)
room.shelf(
    router, "/waivers", name="waiver", many="waivers", schema=WaiverOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, Waiver.objects.all()),
)  # fmt: skip
room.shelf(router, "/sales", name="sale", many="sales", schema=SaleOut, filters=Sales, rows=sales)


class PartOfInvoice(Said):
    customer: Ref
    invoice: Ref
    amount_minor: Minor
    reason: Line


class Waives(Said):
    customer: Ref
    invoice: Ref | None = Field(None, description="Empty: the whole customer.")
    kind: Literal["", "interest", "indemnity"] = Field("", description="Empty: both.")
    reach: Literal["all", "from_now"] = Field("all", description="Also what has run already, or from today on.")
    reason: Line


deeds.makes(
    router, "/write-offs", act="write_off", said=PartOfInvoice, response=EntryOut, name="write_off",
    summary="Write off", doc="Gives up an amount of an invoice for good.",
)  # fmt: skip
deeds.makes(
    router, "/charges", act="charge", said=PartOfInvoice, response=EntryOut, name="add_charge",
    summary="Add costs", doc="Adds costs that can be proved to an invoice.",
)  # fmt: skip
deeds.makes(
    router, "/waivers", act="waive", said=Waives, response=WaiverOut, name="waive",
    summary="Waive interest or indemnity", doc="Lets a customer, or one invoice, off the charges for paying late.",
)  # fmt: skip


class Sells(Said):
    customer: Ref
    invoices: Refs = Field([], description="Open invoices of this customer.")
    everything: Flag = Field(False, description="All of the customer's invoices, those to come too.")
    since: Day | None = Field(None, description="Empty: from today on.")


class BuysBack(Said):
    invoices: Refs = Field([], description="None: all that is sold.")


@room.post(
    router, "/sales", right="sell", response={201: list[SaleOut]}, name="sell_to_factor", undo=True,  # type: ignore[valid-type]
    summary="Sell invoices to the factor",
)  # fmt: skip
def sell(request: HttpRequest, said: Sells) -> Any:
    """From the day on the factor's account is the one that the customer reads; what they owe stays the same."""
    return _sold(request, said.customer, "sell", deeds.told_by(said) | {"since": said.since or clock.today()})


@room.post(
    router, "/customers/{pk}/buy-back", right="sell", response=list[SaleOut], name="buy_back_from_factor", undo=True,  # type: ignore[valid-type]
    summary="Buy invoices back from the factor",
)  # fmt: skip
def buy_back(request: HttpRequest, pk: Id, said: BuysBack) -> Any:
    """From today the creditor's own account is named again. Of a customer who is sold as a whole, the whole comes back."""
    return _sold(request, pk, "buy_back", said.dict())


def _sold(request: HttpRequest, customer: int, act: str, words: dict[str, Any]) -> QuerySet[Sale]:
    done = deeds.perform(request, customer, act, words)
    return Sale.objects.filter(pk__in=deeds.made_by(done)).order_by("pk")
