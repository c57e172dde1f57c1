"""The bank: statements booked and decided on, what it took back, and money that is nobody's yet.

Of whole creditors, since nobody's money has no portfolio; what is matched here is what the desk matches.
"""

from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import File, FilterSchema, Form, Router, Schema
from ninja.files import UploadedFile
from ninja.filter_schema import FilterLookup
from pydantic import Field

from amiable import day
from amiable.core.models import User
from amiable.ledger.models import Credit
from amiable.payments.book import drop
from amiable.payments.models import Match, MatchState, Statement, StatementLine, StatementState
from amiable.scenario import match_up
from amiable.scenario.bank import bank_told, return_found, statement_accepted
from amiable.web.api import room
from amiable.web.api.files import aside
from amiable.web.api.money import CreditOut
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Done, Id, Minor, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import match_pages
from amiable.web.ui import clock

router = Router(tags=["bank"])

StatementOut = told(
    Statement, "creditor", "iban", "currency", "format", "telling", "number", "reference", "file", "opened_on", "closed_on",
    "opening_minor", "closing_minor", "state", "said", "known_at", "by", "decided_at", "decided_by", name="Statement",
)  # fmt: skip
LineOut = told(
    StatementLine, "statement", "entry", "booked_on", "value_on", "currency", "amount_minor", "kind", "method", "payer",
    "payer_iban", "text", "end_to_end_id", "return_reason", "credit", "same_as", name="StatementLine",
)  # fmt: skip
MatchOut = told(
    Match, "credit", "customer", "kind", "state", "rank", "parts", "rest_minor", "confidence", "reasons", "looked_at",
    "confirmed_at", "confirmed_by", "undone_at", "undone_by", name="Match",
    doc="What money may be, or was taken to be. `parts`: [kind of item, its id, amount, given up], in minor units.",
)  # fmt: skip


class Statements(FilterSchema):
    creditor: Id | None = None
    state: StatementState | None = None


class Lines(FilterSchema):
    statement: Id | None = None
    creditor: Annotated[Id | None, FilterLookup("statement__creditor")] = None


class Matches(FilterSchema):
    credit: Id | None = None
    customer: Id | None = None
    state: MatchState | None = None


class Suspense(FilterSchema):
    creditor: Id | None = None


def statements(user: User) -> QuerySet[Statement]:
    return Statement.objects.filter(creditor__in=room.houses(user))


def lines(user: User) -> QuerySet[StatementLine]:
    return StatementLine.objects.filter(statement__creditor__in=room.houses(user))


def matches(user: User) -> QuerySet[Match]:
    return Match.objects.filter(credit__creditor__in=room.houses(user))


room.shelf(
    router,
    "/bank-statements",
    name="bank_statement",
    many="bank_statements",
    schema=StatementOut,
    filters=Statements,
    rows=statements,
)
room.shelf(router, "/bank-lines", name="bank_line", many="bank_lines", schema=LineOut, filters=Lines, rows=lines)
room.shelf(router, "/matches", name="match", many="matches", schema=MatchOut, filters=Matches, rows=matches)
room.shelf(
    router,
    "/suspense",
    name="suspense_credit",
    many="suspense",
    schema=CreditOut,
    filters=Suspense,
    rows=match_pages.suspense,
)


class BringsStatement(Schema):
    creditor: Id | None = Field(None, description="Empty: the account in the file says whose it is.")


class Booked(Schema):
    statements: list[StatementOut]  # type: ignore[valid-type]
    figures: dict[str, Any]


class Confirms(Said):
    match: Ref


class Part(Said):
    invoice: Ref
    amount_minor: Minor


class Gives(Said):
    customer: Ref
    parts: list[Part] = Field([], max_length=500, description="What is not named stays with the customer, on account.")


class Aside(Said):
    kind: Literal["payout", "own", "fee", "other"]


class TakesBack(Said):
    credit: Ref


@room.post(
    router,
    "/bank-statements",
    right="load",
    response={201: Booked},
    name="book_bank_file",
    summary="Book a file of the bank",
)
def book(request: HttpRequest, said: Form[BringsStatement], file: File[UploadedFile]) -> Any:
    """The same day again changes nothing."""
    user = room.asking(request).user
    if said.creditor is not None:
        houses = [room.creditor(request, said.creditor, right="load")]
    elif not (houses := list(room.houses(user, "load"))):
        raise Problem(403, _("Your role does not do that for this creditor."))
    with aside(file) as (path, name):
        found = bank_told(path=path, name=name, creditors=houses, now=clock.now(), by=user)
    day.match_soon()
    return {"statements": [each.statement for each in found.booked.outcomes], "figures": found.figures()}


@room.post(
    router,
    "/bank-statements/{pk}/accept",
    right="load",
    response=StatementOut,
    name="accept_statement",
    summary="Accept one in question",
)
def accept(request: HttpRequest, pk: Id) -> Any:
    """It counts from now on."""
    found = _statement(request, pk)
    statement_accepted(statement=found, now=clock.now(), by=room.asking(request).user)
    day.match_soon()
    found.refresh_from_db()
    return found


@room.post(
    router,
    "/bank-statements/{pk}/drop",
    right="load",
    response=StatementOut,
    name="drop_statement",
    summary="Drop one in question",
)
def dropped(request: HttpRequest, pk: Id) -> Any:
    """Its lines stay to be looked at."""
    found = _statement(request, pk)
    drop(statement=found, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


def _statement(request: HttpRequest, pk: int) -> Statement:
    found = room.row(statements(room.asking(request).user).select_related("creditor"), pk)
    room.creditor(request, found.creditor_id, right="load")
    return found


@room.post(
    router,
    "/bank-lines/{pk}/return",
    right="load",
    response=Done,
    name="find_return",
    summary="Say what a return takes back",
)
def returned(request: HttpRequest, pk: Id, said: TakesBack) -> Any:
    line = room.row(lines(room.asking(request).user).select_related("statement__creditor"), pk)
    house = room.creditor(request, line.statement.creditor_id, right="load")
    credit = room.row(Credit.objects.filter(creditor=house), said.credit)
    return_found(line=line, credit=credit, now=clock.now(), by=room.asking(request).user)
    return {"said": _("The money is taken back; what it had paid is open again.")}


def _money(request: HttpRequest, pk: int) -> Credit:
    found = room.row(match_pages.suspense(room.asking(request).user).select_related("creditor"), pk)
    room.creditor(request, found.creditor_id, right="write")
    return found


@room.post(
    router,
    "/suspense/{pk}/confirm",
    right="write",
    response=MatchOut,
    name="confirm_match",
    summary="Confirm a proposal",
)
def confirm(request: HttpRequest, pk: Id, said: Confirms) -> Any:
    money = _money(request, pk)
    proposal = room.row(money.matches.filter(state=MatchState.PROPOSED), said.match)
    return match_up.choose(proposal=proposal, now=clock.now(), by=room.asking(request).user)


@room.post(
    router,
    "/suspense/{pk}/give",
    right="write",
    response=MatchOut,
    name="give_money",
    summary="Give money to a customer",
)
def give(request: HttpRequest, pk: Id, said: Gives) -> Any:
    money = _money(request, pk)
    about = room.customer(request, said.customer)
    parts = {part.invoice: part.amount_minor for part in said.parts}
    return match_up.give(credit=money, customer=about, parts=parts, now=clock.now(), by=room.asking(request).user)


@room.post(
    router,
    "/suspense/{pk}/set-aside",
    right="write",
    response=MatchOut,
    name="set_money_aside",
    summary="No customer's money",
)
def set_aside(request: HttpRequest, pk: Id, said: Aside) -> Any:
    return match_up.put_aside(credit=_money(request, pk), kind=said.kind, now=clock.now(), by=room.asking(request).user)


@room.post(
    router, "/matches/{pk}/undo", right="write", response=MatchOut, name="undo_match", summary="Take a match back"
)
def undo(request: HttpRequest, pk: Id) -> Any:
    """Its money waits again, and its invoices are open again."""
    made = room.row(matches(room.asking(request).user).select_related("credit"), pk)
    room.creditor(request, made.credit.creditor_id, right="write")
    match_up.take_back(made=made, now=clock.now(), by=room.asking(request).user)
    made.refresh_from_db()
    return made
