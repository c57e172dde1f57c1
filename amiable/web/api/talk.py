"""What a customer said and what a colleague wrote down: notes, promises, disputes, “it is paid”, holds and their ends."""

from typing import Annotated, Any, Literal

from django.db.models import F, Q
from ninja import FilterSchema, Router
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable.casework.models import Case, Dispute, DisputeReason, Note, NoteFile, SurveyAfter, SurveyAnswer
from amiable.ledger.kinds import HoldKind
from amiable.ledger.models import Hold
from amiable.payments.models import Promise, PromiseState
from amiable.web.api import deeds, room
from amiable.web.api.customers import HoldOut, OfCustomer
from amiable.web.api.shape import AnyDay, Currency, Day, Id, Line, Minor, Ref, Refs, Said, Words
from amiable.web.api.told import told
from amiable.web.desk import agency

router = Router(tags=["conversation"])

NoteFileOut = told(NoteFile, "name", "size", name="NoteFile")
NoteOut = told(Note, "customer", "text", "by", "at", name="Note", files=list[NoteFileOut])  # type: ignore[valid-type]
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
    "resolved_by", "resolution", "answer", "due_on", "steps", "expected_minor", "credit", name="Dispute",
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


for path, name, many, schema, rows, filters in (
    ("/cases", "case", "cases", CaseOut, room.own(Case), Cases),
    ("/promises", "promise", "promises", PromiseOut, agency.promises, Promises),
    ("/disputes", "dispute", "disputes", DisputeOut, agency.disputes, Disputes),
    ("/holds", "hold", "holds", HoldOut, room.own(Hold), Holds),
):
    room.shelf(router, path, name=name, many=many, schema=schema, filters=filters, rows=rows)


room.shelf(
    router, "/notes", name="note", many="notes", schema=NoteOut, filters=OfCustomer,
    rows=lambda user: agency.notes(user).prefetch_related("files"),
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


deeds.makes(
    router, "/notes", act="note", said=Writes, response=NoteOut, name="write_note", summary="Write a note",
    doc="Whoever is named with @ hears of it.",
)  # fmt: skip
deeds.makes(
    router, "/promises", act="promise", said=PromisesToPay, response=PromiseOut, name="take_promise",
    summary="Note a promise to pay", doc="Its invoices rest until that day; the day after it is judged by what came in.",
)  # fmt: skip
deeds.makes(
    router, "/payment-claims", act="paid", said=SaysPaid, response=HoldOut, name="claim_paid",
    summary="The customer says it is paid", doc="Reminders rest for a week, and the payment is to be looked for.",
)  # fmt: skip
deeds.makes(
    router, "/disputes", act="dispute", said=Contests, response=DisputeOut, name="open_dispute",
    summary="Open a dispute", doc="This invoice is no longer chased; the others are.",
)  # fmt: skip
deeds.changes(
    router, "/disputes/{pk}/resolve", act="resolve", said=Resolves, response=DisputeOut, rows=room.own(Dispute),
    name="resolve_dispute", summary="End a dispute",
)  # fmt: skip
deeds.makes(
    router, "/holds", act="hold", said=Rests, response=HoldOut, name="place_hold", summary="Place a hold",
    doc="Nothing is sent and no step is taken while it lasts.",
)  # fmt: skip
deeds.changes(
    router, "/holds/{pk}/lift", act="lift", response=HoldOut, rows=room.own(Hold), name="lift_hold", summary="Lift a hold",
    doc="Of those that a colleague may lift by hand; the others end with what wrote them.",
)  # fmt: skip
deeds.makes(
    router, "/actions", act="out", said=TakesOut, response=HoldOut, name="take_out",
    summary="Take invoices out of the scenario", doc="No step is taken for them until that day, while somebody acts.",
)  # fmt: skip
deeds.changes(
    router, "/holds/{pk}/return", act="back", said=Returns, response=HoldOut, rows=room.own(Hold), name="give_back",
    summary="Return invoices to the scenario", doc="Each goes on where it stood.",
)  # fmt: skip
