"""What a customer may say, on the portal, on the phone or through a colleague: small facts without behaviour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from amiable.ledger.prefer import Wishes
from amiable.payments.plans.propose import Capacity
from amiable.payments.plans.terms import Terms


@dataclass(frozen=True)
class AlreadyPaid:
    """These invoices have been paid, says the customer (all open ones where none are named)."""

    invoices: Sequence[int]
    paid_on: date | None = None
    words: str = ""


@dataclass(frozen=True)
class Disputes:
    """The customer contests an invoice, or a part of it."""

    invoice: int
    reason: str
    words: str = ""
    amount_minor: int | None = None


@dataclass(frozen=True)
class Promises:
    """The customer will pay so much on that day."""

    amount_minor: int
    currency: str
    promised_for: date
    invoices: Sequence[int] = ()


@dataclass(frozen=True)
class BuildsPlan:
    """The customer has chosen to pay in this way, read the dates and amounts, and accepts them. `mandate`: by which saved
    way the payments are collected; none: by hand.
    """

    currency: str
    invoices: Sequence[int]
    terms: Terms
    name: str
    ip: str | None
    reason: str = ""
    words: str = ""
    capacity: Capacity | None = None
    mandate: int | None = None


@dataclass(frozen=True)
class AcceptsPlan:
    """The customer accepts a plan that was offered."""

    plan: int
    name: str
    ip: str | None
    mandate: int | None = None


@dataclass(frozen=True)
class WantsPerson:
    """The customer would rather talk to somebody."""

    words: str = ""


@dataclass(frozen=True)
class OptsOut:
    """The customer wishes no more words by this medium, at this address or at all."""

    medium: str
    address: str = ""


@dataclass(frozen=True)
class OptsIn:
    """The customer may be written to again by this medium at this address."""

    medium: str
    address: str


@dataclass(frozen=True)
class Prefers:
    """How a person wishes to be reached, all of it as a form shows it; `open`: the media by which they may be."""

    contact: int
    wishes: Wishes
    language: str = ""
    open: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rates:
    """How it went, in answer to an ask, or unasked `about` something (payment:12, plan:4); what is None is not said.

    `address`: of the message whose link led them to the page, where that is known.
    """

    ask: int | None = None
    address: str = ""
    about: str = ""
    score: int | None = None
    recommend: int | None = None
    words: str | None = None


@dataclass(frozen=True)
class CallOutcome:
    """A call was made: promise, paid, dispute, call_back, voicemail, no_answer, wrong_number, refused, other."""

    task_id: int
    outcome: str
    words: str = ""
    promise: Promises | None = None
    dispute: Disputes | None = None
    call_back_on: date | None = None
    call_back_at: datetime | None = None  # the time agreed, where one was


Saying = (
    AlreadyPaid
    | Disputes
    | Promises
    | BuildsPlan
    | AcceptsPlan
    | WantsPerson
    | OptsOut
    | OptsIn
    | Prefers
    | Rates
    | CallOutcome
)
OUTCOMES = frozenset(
    {"promise", "paid", "dispute", "call_back", "voicemail", "no_answer", "wrong_number", "refused", "other"}
)
