"""What a customer said and what a colleague wrote down: notes, promises, disputes, “it is paid”, holds and their ends."""

from typing import Annotated, Any, Literal

from django.db.models import F, Q
from django.http import HttpRequest
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework.models import Case, Dispute, DisputeReason, Note, SurveyAfter, SurveyAnswer
from amiable.ledger.kinds import HoldKind
from amiable.ledger.models import Contact, Hold, Medium
from amiable.payments.models import Promise, PromiseState
from amiable.web.api import deeds, room
from amiable.web.api.customers import HoldOut, OfCustomer
from amiable.web.api.shape import AnyDay, Currency, Day, Done, Id, Line, Minor, Ref, Refs, Said, Words
from amiable.web.api.told import told

router = Router(tags=["conversation"])

NoteOut = told(Note, "customer", "text", "by", "at", name="Note")
CaseOut = told(
    Case, "creditor", "customer", "currency", "scenario_ref", "opened_on", "closed_on", "closed_because",
    "opened_overdue_minor", "responsible", name="Case", doc="One episode of a customer being treated.",
)  # fmt: skip
PromiseOut = told(
    Promise, "customer", "currency", "amount_minor", "promised_for", "invoices", "taken_at", "taken_by", "origin", "state",
    "judged_on", "kept_minor", name="Promise",
)  # fmt: skip
DisputeOut = told(
    Dispute, "customer", "invoice", "reason", "words", "disputed_minor", "opened_at", "opened_by", "owner", "resolved_at",
    "resolved_by", "resolution", "answer", name="Dispute",
)  # fmt: skip


SurveyOut = told(
    SurveyAnswer, "customer", "score", "recommend", "words", "answered_at", name="SurveyAnswer",
    doc="What a customer thought of us: how it went (`score`) and whether they recommend the creditor, from 0 to 10.",
    after=SurveyAfter,
)  # fmt: skip


class Promises(OfCustomer):
    state: PromiseState | None = None


class Cases(OfCustomer):
    open: bool | None = None

    def filter_open(self, value: bool | None) -> Q:
        return Q() if value is None else Q(closed_on__isnull=value)


class Disputes(OfCustomer):
    invoice: Id | None = None
    open: bool | None = None

    def filter_open(self, value: bool | None) -> Q:
        return Q() if value is None else Q(resolved_at__isnull=value)


class Holds(FilterSchema):
    customer: Id | None = None
    creditor: Id | None = None
    invoice: Id | None = None
    kind: HoldKind | None = None
    active_on: Annotated[AnyDay | None, FilterLookup("since__lte")] = None

    def filter_active_on(self, value: Any) -> Q:
        return Q() if value is None else Q(since__lte=value) & (Q(until=None) | Q(until__gt=value))


for path, name, many, schema, model, filters in (
    ("/notes", "note", "notes", NoteOut, Note, OfCustomer),
    ("/cases", "case", "cases", CaseOut, Case, Cases),
    ("/promises", "promise", "promises", PromiseOut, Promise, Promises),
    ("/disputes", "dispute", "disputes", DisputeOut, Dispute, Disputes),
    ("/holds", "hold", "holds", HoldOut, Hold, Holds),
):
    room.shelf(
        router, path, name=name, many=many, schema=schema, filters=filters,
        rows=lambda user, model=model: room.mine(user, model.objects.all()),  # type: ignore[misc]
    )  # fmt: skip


room.shelf(
    router, "/survey-answers", name="survey_answer", many="survey_answers", schema=SurveyOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, SurveyAnswer.objects.annotate(after=F("ask__after"))),
)  # fmt: skip


class Writes(Said):
    customer: Ref
    text: Annotated[Words, Field(min_length=1)]


class PromisesToPay(Said):
    customer: Ref
    amount_minor: Minor
    currency: Currency
    promised_for: Day
    invoices: Refs = Field([], description="Empty: all that is open.")


class SaysPaid(Said):
    customer: Ref
    invoices: Refs = Field([], description="Empty: all that is open.")
    paid_on: Day | None = None
    words: Words = ""


class Contests(Said):
    customer: Ref
    invoice: Ref
    reason: DisputeReason
    amount_minor: Minor | None = Field(None, description="The contested part; empty: the whole invoice.")
    words: Words = ""


class Resolves(Said):
    resolution: Literal["accepted", "refused", "settled", "withdrawn"]
    answer: Words = ""


class Rests(Said):
    customer: Ref
    invoice: Ref | None = Field(None, description="Empty: the whole customer.")
    until: Day | None = Field(None, description="That day is free again; empty: until somebody lifts it.")
    reason: Line


class TakesOut(Said):
    customer: Ref
    invoices: Refs = Field(min_length=1)
    action: Line
    until: Day
    responsible: Ref | None = None


class Returns(Said):
    which: Literal["one", "all"] = "one"


class Wishes(Said):
    reached: list[Medium] = Field(max_length=6, description="By what the person may be reached.")
    medium: Medium | None = None
    weekdays: Annotated[str, Field(max_length=60, strict=True, pattern=r"^[0-9:\- ]*$")] = ""
    saturday: Annotated[str, Field(max_length=60, strict=True, pattern=r"^[0-9:\- ]*$")] = ""
    per_week: Annotated[int, Field(ge=1, le=14, strict=True)] | None = None
    language: Literal["fr", "en"]


@room.post(router, "/notes", right="note", response={201: NoteOut}, name="write_note", summary="Write a note")
def write_note(request: HttpRequest, said: Writes) -> Any:
    return deeds.perform(
        request, said.customer, "note", {"text": said.text}, rows=lambda customer: customer.notes.all()
    )


@room.post(
    router, "/promises", right="talk", response={201: PromiseOut}, name="take_promise", summary="Note a promise to pay"
)
def take_promise(request: HttpRequest, said: PromisesToPay) -> Any:
    """Its invoices rest until that day; the day after it is judged by what came in."""
    words = said.dict(exclude={"customer", "amount_minor"}) | {"amount": deeds.typed(said.amount_minor, said.currency)}
    return deeds.perform(request, said.customer, "promise", words, rows=lambda customer: customer.promises.all())


@room.post(
    router,
    "/payment-claims",
    right="talk",
    response={201: HoldOut},
    name="claim_paid",
    summary="The customer says it is paid",
)
def claim_paid(request: HttpRequest, said: SaysPaid) -> Any:
    """Reminders rest for a week, and the payment is to be looked for."""
    words = said.dict(exclude={"customer"})
    return deeds.perform(request, said.customer, "paid", words, rows=lambda customer: customer.holds.all())


@room.post(router, "/disputes", right="talk", response={201: DisputeOut}, name="open_dispute", summary="Open a dispute")
def open_dispute(request: HttpRequest, said: Contests) -> Any:
    """This invoice is no longer chased; the others are."""
    about = room.customer(request, said.customer)
    currency = deeds.currency_of(about, said.invoice)
    words = said.dict(exclude={"customer", "amount_minor"}) | {"amount": deeds.typed(said.amount_minor, currency)}
    return deeds.perform(request, said.customer, "dispute", words, rows=lambda customer: customer.disputes.all())


@room.post(
    router, "/disputes/{pk}/resolve", right="talk", response=DisputeOut, name="resolve_dispute", summary="End a dispute"
)
def resolve_dispute(request: HttpRequest, pk: Id, said: Resolves) -> Any:
    found = room.row(room.mine(room.asking(request).user, Dispute.objects.all()), pk)
    deeds.perform(request, found.customer_id, "resolve", said.dict(), ref=pk)
    found.refresh_from_db()
    return found


@room.post(router, "/holds", right="hold", response={201: HoldOut}, name="place_hold", summary="Place a hold")
def place_hold(request: HttpRequest, said: Rests) -> Any:
    """Nothing is sent and no step is taken while it lasts."""
    words = said.dict(exclude={"customer"})
    return deeds.perform(request, said.customer, "hold", words, rows=lambda customer: customer.holds.all())


@room.post(router, "/holds/{pk}/lift", right="hold", response=HoldOut, name="lift_hold", summary="Lift a hold")
def lift_hold(request: HttpRequest, pk: Id) -> Any:
    """Of those that a colleague may lift by hand; the others end with what wrote them."""
    return _ended(request, pk, "lift", {})


@room.post(
    router,
    "/actions",
    right="hold",
    response={201: HoldOut},
    name="take_out",
    summary="Take invoices out of the scenario",
)
def take_out(request: HttpRequest, said: TakesOut) -> Any:
    """No step is taken for them until that day, while somebody acts."""
    words = said.dict(exclude={"customer"})
    return deeds.perform(request, said.customer, "out", words, rows=lambda customer: customer.holds.all())


@room.post(
    router,
    "/holds/{pk}/return",
    right="hold",
    response=HoldOut,
    name="give_back",
    summary="Return invoices to the scenario",
)
def give_back(request: HttpRequest, pk: Id, said: Returns) -> Any:
    """Each goes on where it stood."""
    return _ended(request, pk, "back", said.dict())


def _ended(request: HttpRequest, pk: int, act: str, said: dict[str, Any]) -> Any:
    found = room.row(room.mine(room.asking(request).user, Hold.objects.all()), pk)
    deeds.perform(request, found.customer_id, act, said, ref=pk)
    found.refresh_from_db()
    return found


@room.post(
    router,
    "/contacts/{pk}/wishes",
    right="talk",
    response=Done,
    name="note_wishes",
    summary="How a person wishes to be reached",
)
def note_wishes(request: HttpRequest, pk: Id, said: Wishes) -> Any:
    """It narrows what the scenario and the law allow; it never widens it."""
    found = room.row(room.mine(room.asking(request).user, Contact.objects.all()), pk)
    words = said.dict() | {
        "reached": [medium.value for medium in said.reached],
        "medium": said.medium and said.medium.value,
    }
    deeds.perform(request, found.customer_id, "wishes", words, ref=pk)
    return {"said": deeds.told("wishes")}
