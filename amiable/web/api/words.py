"""Words that go out and come back: messages, what became of them, a statement of account, letters, answers and what they mean."""

from typing import Annotated, Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router
from pydantic import Field

from amiable.ledger.models import Medium
from amiable.outreach import record, tray
from amiable.outreach.models import Delivery, Event, Letter, LetterBatch, Message, MessageState, OptOut, Reply
from amiable.scenario.confirm import Meaning, confirm_reply
from amiable.scenario.respond import reply_claimed
from amiable.web.api import deeds, room
from amiable.web.api.customers import OfCustomer
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Currency, Day, Done, Flag, Id, Key, Line, Minor, Ref, Refs, Said
from amiable.web.api.told import told
from amiable.web.desk import inbox, scope, tray_pages
from amiable.web.desk.answer_forms import FORMS
from amiable.web.ui import clock

router = Router(tags=["messages"])

MESSAGE = (
    "creditor", "customer", "contact", "currency", "purpose", "medium", "address", "language", "tone", "as_of", "decision_ref",
    "campaign_ref", "step", "about", "state", "verdict", "not_before", "subject", "created_at", "sent_at",
)  # fmt: skip
MessageOut = told(Message, *MESSAGE, name="Message")
DeliveryOut = told(Delivery, "channel", "try_number", "started_at", "ended_at", "outcome", "detail", name="Delivery")
EventOut = told(Event, "kind", "at", name="Event")
WholeMessage = told(
    Message, *MESSAGE, "text", name="WholeMessage", doc="As it was written, each try to carry it, and what became of it.",
    deliveries=list[DeliveryOut], events=list[EventOut],  # type: ignore[valid-type]
)  # fmt: skip
ReplyOut = told(
    Reply, "creditor", "customer", "message", "medium", "sender", "subject", "words", "automatic", "at", "intent", "confidence",
    "confirmed_intent", "confirmed_by", "confirmed_at", "understood", name="Reply",
)  # fmt: skip
OptOutOut = told(OptOut, "customer", "medium", "address", "since", "until", "origin", name="OptOut")
BatchOut = told(
    LetterBatch, "creditor", "made_at", "made_by", "letters", "pages", "sheets", "prints", "printed_at", "posted_at",
    name="LetterBatch",
)  # fmt: skip


class Messages(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    state: MessageState | None = None
    medium: Medium | None = None
    purpose: Key | None = None


class Replies(FilterSchema):
    creditor: Id | None = None
    customer: Id | None = None
    automatic: bool | None = None
    confirmed: bool | None = None

    def filter_confirmed(self, value: bool | None) -> Q:
        return Q() if value is None else Q(confirmed_at__isnull=not value)


class Batches(FilterSchema):
    creditor: Id | None = None


room.shelf(
    router, "/messages", name="message", many="messages", schema=MessageOut, whole=WholeMessage, filters=Messages,
    rows=lambda user: room.mine(user, Message.objects.all(), own="creditor_id"),
)  # fmt: skip
room.shelf(router, "/replies", name="reply", many="replies", schema=ReplyOut, filters=Replies, rows=inbox.answers)
room.shelf(
    router, "/opt-outs", name="opt_out", many="opt_outs", schema=OptOutOut, filters=OfCustomer,
    rows=lambda user: room.mine(user, OptOut.objects.all()),
)  # fmt: skip
room.shelf(
    router,
    "/letter-batches",
    name="letter_batch",
    many="letter_batches",
    schema=BatchOut,
    filters=Batches,
    rows=tray_pages.seen,
)


class AsksStatement(Said):
    customer: Ref
    currency: Currency


class OwnWords(Said):
    """What stands in braces or brackets is filled in, as in every text."""

    customer: Ref
    how: Literal["email", "sms", "letter"]
    subject: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", strict=True)] = ""
    body: Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$", strict=True)]
    invoices: Refs = Field([], description="What it asks to pay; with any it counts as a reminder.")


class Left(Said):
    left: Flag = Field(description="Whether it had left.")


class Claims(Said):
    customer: Ref


class Means(Said):
    """What an answer is, and what was understood of it where that needs more."""

    intent: Literal[
        "promise", "already_paid", "dispute", "copy", "plan", "hardship", "how_to_pay", "wrong_person", "complaint", "insolvency",
        "opt_out", "out_of_office", "other",
    ]  # fmt: skip
    promised_for: Day | None = None
    paid_on: Day | None = None
    amount_minor: Minor | None = None
    currency: Currency | None = None
    invoices: Refs = []
    reason: Key | None = None


class ForCreditor(Said):
    creditor: Ref


class CameBack(Said):
    creditor: Ref
    code: Line = Field(description="The code that is printed on the letter.")


deeds.makes(
    router, "/account-statements", act="statement", said=AsksStatement, response=MessageOut,
    name="send_statement", summary="Send a statement of account",
    doc="By e-mail with the next sending; no reminder, and not counted as one.",
)  # fmt: skip
deeds.makes(
    router, "/own-messages", act="write", said=OwnWords, response=MessageOut, name="write_message",
    summary="Write to a customer", doc="In words of one's own, under the same rails as every message.",
)  # fmt: skip


@room.post(
    router,
    "/messages/{pk}/settle",
    right="write",
    response=WholeMessage,
    name="settle_message",
    summary="Settle one in doubt",
)
def settle(request: HttpRequest, pk: Id, said: Left) -> Any:
    """A colleague found out whether it had left; it is not sent again either way."""
    user = room.asking(request).user
    found = room.row(room.mine(user, Message.objects.select_related("customer__creditor"), own="creditor_id"), pk)
    room.allowed(request, "write", found.customer)
    record.settle(message=found, left=said.left, now=clock.now(), by=user)
    found.refresh_from_db()
    return found


@room.post(
    router,
    "/replies/{pk}/customer",
    right="talk",
    response=ReplyOut,
    name="claim_reply",
    summary="Say whose answer it is",
)
def claim(request: HttpRequest, pk: Id, said: Claims) -> Any:
    user = room.asking(request).user
    found = room.row(inbox.answers(user).filter(customer=None), pk)
    about = room.customer(request, said.customer, right="talk")
    reply_claimed(reply=found, customer=about, now=clock.now(), by=user)
    found.refresh_from_db()
    return found


@room.post(
    router,
    "/replies/{pk}/confirm",
    right="talk",
    response=ReplyOut,
    name="confirm_reply",
    summary="Say what an answer is",
)
def confirm(request: HttpRequest, pk: Id, said: Means) -> Any:
    """What follows from it happens at once: a promise, a dispute, a hold, a task."""
    user = room.asking(request).user
    found = room.row(inbox.answers(user).select_related("customer__creditor", "creditor", "message"), pk)
    if found.customer is not None:
        room.allowed(request, "talk", found.customer)
    elif not user.is_superuser and not scope.sees_whole_of(user, found.creditor_id or 0, act="talk"):
        raise Problem(403, _("Your role does not do that for this creditor."))
    confirm_reply(reply=found, meaning=_meaning(found, said), now=clock.now(), by=user)
    found.refresh_from_db()
    return found


def _meaning(found: Reply, said: Means) -> Meaning:
    told: dict[str, Any] = {}
    if said.intent in FORMS and found.customer is not None:
        currency = said.currency or found.understood.get("currency") or found.customer.creditor.currency
        words = said.dict(exclude={"intent", "amount_minor"}) | {
            "amount": deeds.typed(said.amount_minor, currency), "currency": currency, "token": "api",
        }  # fmt: skip
        told = deeds.filled(FORMS[said.intent], found.customer, words).cleaned_data
    return Meaning(
        intent=said.intent,
        day=told.get("promised_for") or told.get("paid_on"),
        amount_minor=told.get("amount_minor"),
        currency=told.get("currency") or found.understood.get("currency", "EUR"),
        invoices=[int(pk) for pk in told.get("invoices", ())],
        reason=told.get("reason", ""),
    )


@room.post(
    router,
    "/letter-batches",
    right="write",
    response={201: BatchOut},
    name="make_letter_batch",
    summary="Make a batch of letters",
)
def make_batch(request: HttpRequest, said: ForCreditor) -> Any:
    """Of all letters that wait for a creditor."""
    house = room.creditor(request, said.creditor, right="write")
    made = tray.make(creditor=house, as_of=clock.today(), now=clock.now(), by=room.asking(request).user)
    if made is None:
        raise Problem(409, _("Nothing that the letters are about is due any more: none is printed."))
    return made


@room.post(
    router,
    "/letter-batches/{pk}/posted",
    right="write",
    response=BatchOut,
    name="post_letter_batch",
    summary="Note that it was posted",
)
def post_batch(request: HttpRequest, pk: Id) -> Any:
    found = room.row(tray_pages.seen(room.asking(request).user), pk)
    room.creditor(request, found.creditor_id, right="write")
    tray.post(batch=found, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.post(
    router,
    "/returned-letters",
    right="write",
    response=Done,
    name="return_letter",
    summary="Note a letter that came back",
)
def returned(request: HttpRequest, said: CameBack) -> Any:
    """The address is not used any more."""
    house = room.creditor(request, said.creditor, right="write")
    letter: Letter = tray.returned(code=said.code, creditors=[house], now=clock.now(), by=room.asking(request).user)
    told = _("%(customer)s: the address is not used any more, a better one is asked for.")
    return {"said": told % {"customer": letter.message.customer.name}}
