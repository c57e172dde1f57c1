"""From rows to facts: all that the last look and the words need about some messages, as it is at this moment.

In: messages. Out: one Facts each, or one Matter for what is only put in words, in a handful of queries for the whole batch.
Never: an amount remembered from the day of the decision; each residual, credit and hold is read now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db.models import Count, Max, Q, Sum, prefetch_related_objects
from django.db.models.functions import Coalesce

from amiable.casework.models import Task, TaskKind
from amiable.casework.survey import NOT_NOW
from amiable.casework.survey import WAITS as WAITS_FOR_A_PERSON
from amiable.core.calendar import day_of, end_of_day, start_of_day
from amiable.law.rails import CALLS, HOLDOUT
from amiable.ledger import hold
from amiable.ledger.charges import besides
from amiable.ledger.choose import POLICY
from amiable.ledger.factor import NOTHING, Payee, Sold, payee_of, sold_by
from amiable.ledger.models import Contact, Credit, Creditor, Customer, Invoice
from amiable.ledger.prefer import NONE as NO_WISHES
from amiable.ledger.prefer import Wishes, preferred
from amiable.outreach.address import Address, by_medium
from amiable.outreach.mentions import FORMAL
from amiable.outreach.models import Message, MessageState

# A message that left, or may have left, is a contact. A courtesy notice is one too, but never waits for a gap.
REACHED_OUT = (MessageState.SENDING, MessageState.SENT, MessageState.IN_DOUBT)
SPOKEN = ("promise", "paid", "dispute", "refused", "call_back")  # outcomes of a call in which someone was spoken to
REMEMBERED = timedelta(days=60)  # no rail looks back further


@dataclass(frozen=True)
class Line:
    """One invoice as the message may speak of it."""

    id: int
    reference: str
    kind: str
    issued_on: date
    due_on: date
    amount_minor: int
    open_minor: int
    charged_minor: int = 0  # interest, indemnity and costs posted on it

    @property
    def charges_minor(self) -> int:
        """What of the residual is charges: money covers what was invoiced first."""
        return min(self.open_minor, self.charged_minor)


@dataclass
class Matter:
    """What one message says, to whom, as it is at this moment: all that its words are made of."""

    message: Message
    creditor: Creditor
    customer: Customer
    as_of: date
    now: datetime
    contact: Contact | None = None
    address: Address | None = None  # where it may go now; None: nowhere
    opted_out: bool = False  # there is no address because its owner wishes so
    about: list[Line] = field(default_factory=list)
    also: list[Line] = field(default_factory=list)
    together: tuple["Matter", ...] = ()  # other accounts that this message speaks of
    credit_minor: int = 0
    sold: Sold = NOTHING  # to the factor
    besides_minor: int = 0  # interest and indemnity that have run on its invoices and are only shown

    @property
    def apart(self) -> bool:
        """Whether the other invoices are only named: a formal notice demands what it is about, and nothing else."""
        return self.message.purpose == FORMAL

    @property
    def asked(self) -> list["Line"]:
        """The invoices that the message asks to be paid."""
        return self.about if self.apart else [*self.about, *self.also]

    @property
    def total_minor(self) -> int:
        """What the message asks for, before credits."""
        return sum(line.open_minor for line in self.asked)

    @property
    def to_pay_minor(self) -> int:
        return max(self.total_minor - self.credit_minor, 0)

    @property
    def payee(self) -> Payee | None:
        """Whose account is to be paid for what the message tells; None where that is not one account."""
        return payee_of(self.creditor, self.sold, [line.id for line in self.asked])


@dataclass
class Facts(Matter):
    """And what the last look asks about besides."""

    held: frozenset[int] = frozenset()  # invoices of the customer on which a hold acts
    customer_hold: str = ""
    wishes: Wishes = NO_WISHES  # of the person who would be written to
    waiting: bool = False
    not_now: bool = False  # an invoice of theirs is contested or elsewhere, whatever the message is about: no survey
    days_since_contact: int | None = None
    contacts_7d: int = 0
    calls_7d: int = 0
    days_since_conversation: int | None = None


M = TypeVar("M", bound=Matter)


def gather(messages: Sequence[Message], *, as_of: date, now: datetime) -> list[Facts]:
    """The facts of each message, in the same order."""
    customers = Customer.objects.in_bulk({message.customer_id for message in messages})
    prefetch_related_objects(list(customers.values()), "creditor")
    gathered = _matters(Facts, messages, customers, as_of=as_of, now=now)
    held, held_customers, not_now = _held(customers, as_of)
    calls = _calls(customers, as_of)
    contacted, spoken, waiting = _contacts(customers, calls, as_of), _conversations(calls, as_of), _waiting(customers)
    wishes = preferred({each.contact.pk for each in gathered if each.contact}, now=now)
    for each in gathered:
        message, pk = each.message, each.customer.pk
        own = message.instead_of_id or message.pk
        others = [(days, rang) for ref, days, rang in contacted.get(pk, ()) if ref != own]
        each.days_since_contact = min((days for days, _rang in others), default=None)
        each.contacts_7d = sum(days < 7 for days, _rang in others)
        each.calls_7d = sum(days < 7 and rang for days, rang in others)
        each.days_since_conversation = spoken.get(pk)
        each.held, each.customer_hold = frozenset(held.get(pk, ())), held_customers.get(pk, "")
        each.waiting, each.not_now = pk in waiting, pk in not_now
        each.wishes = wishes.get(each.contact.pk, NO_WISHES) if each.contact else NO_WISHES
    return gathered


def matters(messages: Sequence[Message], *, as_of: date, now: datetime) -> list[Matter]:
    """What each message would say, in the same order, for one that is only shown: a customer that came with it is not read
    again.
    """
    prefetch_related_objects(messages, "customer__creditor")
    return _matters(Matter, messages, {each.customer_id: each.customer for each in messages}, as_of=as_of, now=now)


def _matters(
    kind: type[M], messages: Sequence[Message], customers: Mapping[int, Customer], *, as_of: date, now: datetime
) -> list[M]:
    lines, credits, sold = _lines(messages), _credits(customers), sold_by(customers, as_of=as_of)
    known = by_medium(customers.values(), media={message.medium for message in messages}, now=now)
    places = [_usable(message, known[message.medium].get(message.customer_id, [])) for message in messages]
    people = [
        address.contact_id if address else message.contact_id
        for message, (address, _opted_out) in zip(messages, places, strict=True)
    ]
    contacts = Contact.objects.in_bulk({person for person in people if person})
    gathered = [
        kind(
            message=message,
            creditor=customers[message.customer_id].creditor,
            customer=customers[message.customer_id],
            as_of=as_of,
            now=now,
            contact=contacts.get(person or 0),
            address=address,
            opted_out=opted_out,
            about=[lines[ref] for ref in message.about if ref in lines],
            also=[lines[ref] for ref in message.also if ref in lines and ref not in message.about],
            credit_minor=credits.get((message.customer_id, message.currency), 0),
            sold=sold.get(message.customer_id, NOTHING),
        )
        for message, person, (address, opted_out) in zip(messages, people, places, strict=True)
    ]
    _add_shown(gathered, as_of)
    return gathered


def _add_shown(gathered: Sequence[Matter], as_of: date) -> None:
    """What is only shown, reckoned for all messages of a creditor at once."""
    for creditor in {each.creditor.pk: each.creditor for each in gathered if POLICY in each.creditor.policy}.values():
        theirs = [each for each in gathered if each.creditor.pk == creditor.pk]
        lines = {line.id for each in theirs for line in each.asked}
        shown = besides(creditor=creditor, invoices=lines, as_of=as_of)
        for each in theirs:
            each.besides_minor = sum(sum(shown.get(line.id, {}).values()) for line in each.asked)


def _usable(message: Message, known: Sequence[Address]) -> tuple[Address | None, bool]:
    """Where the message may go now, and whether the wish not to be written to is what stops it.

    The address that was ordered counts while it is usable; a wish of its owner is never walked around through
    another address, a mailbox that failed is.
    """
    ordered = next((row for row in known if row.value == message.address), None)
    if ordered and ordered.opted_out:
        return None, True
    if ordered and ordered.usable:
        return ordered, False
    usable = next((row for row in known if row.usable), None)
    return usable, usable is None and any(row.opted_out for row in known)


def _lines(messages: Sequence[Message]) -> dict[int, Line]:
    """The invoices that the messages name, of the customers to whom they go."""
    wanted = {ref for message in messages for ref in (*message.about, *message.also)}
    columns = ("id", "reference", "kind", "issued_on", "due_on", "amount_minor", "open_minor", "charged_minor")
    rows = Invoice.objects.filter(pk__in=wanted, customer_id__in={message.customer_id for message in messages})
    return {row["id"]: Line(**row) for row in rows.values(*columns)}


def _held(customers: Iterable[int], as_of: date) -> tuple[dict[int, set[int]], dict[int, str], set[int]]:
    """By customer the invoices that are held, why the whole is, and the customers with something harder on any invoice."""
    held: dict[int, set[int]] = defaultdict(set)
    held_customers: dict[int, str] = {}
    not_now: set[int] = set()
    holds = hold.active(as_of=as_of).filter(customer_id__in=customers).order_by("id")
    for customer_id, invoice_id, kind in holds.values_list("customer_id", "invoice_id", "kind"):
        if invoice_id is None:
            if held_customers.get(customer_id, HOLDOUT) == HOLDOUT:  # any other reason is told before an experiment's
                held_customers[customer_id] = kind
        else:
            held[customer_id].add(invoice_id)
            if kind in NOT_NOW:
                not_now.add(customer_id)
    return held, held_customers, not_now


def _credits(customers: Iterable[int]) -> dict[tuple[int, str], int]:
    """Money and credit notes not yet allocated."""
    rows = (
        Credit.objects.filter(customer_id__in=customers, open_minor__gt=0)
        .values("customer_id", "currency")
        .annotate(open=Sum("open_minor"))
    )
    return {(row["customer_id"], row["currency"]): row["open"] for row in rows}


Call = tuple[int, date, str, bool]  # customer, day, outcome, whether a telephone rang


def _contacts(customers: Iterable[int], calls: Sequence[Call], as_of: date) -> dict[int, list[tuple[int, int, bool]]]:
    """When each customer was last reached out to: (message or 0 for a call, days ago, whether a telephone rang), over all
    media.

    What went by another channel instead is one contact with what had failed, and a call where any of it rang.
    """
    found: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    sent = Message.objects.filter(
        customer_id__in=customers, capped=True, state__in=REACHED_OUT, as_of__gt=as_of - REMEMBERED, as_of__lte=as_of
    )
    told = sent.values_list(Coalesce("instead_of_id", "id"), "customer_id").annotate(
        day=Max("as_of"), rang=Count("pk", filter=Q(medium__in=CALLS))
    )
    for ref, customer_id, day, rang in told.order_by():
        found[customer_id].append((ref, (as_of - day).days, rang > 0))
    for customer_id, day, _outcome, rang in calls:
        found[customer_id].append((0, (as_of - day).days, rang))
    return found


def _conversations(calls: Sequence[Call], as_of: date) -> dict[int, int]:
    """Days since each customer was last spoken to."""
    found: dict[int, int] = {}
    for customer_id, day, outcome, _rang in calls:
        if outcome in SPOKEN:
            found[customer_id] = min(found.get(customer_id, 10_000), (as_of - day).days)
    return found


def _calls(customers: Mapping[int, Customer], as_of: date) -> list[Call]:
    """The calls of the days that count, up to `as_of` where the creditor is at home, and what was sent by hand. A task that
    ended because nothing was due any more, or to which somebody said no, was neither.
    """
    rows = Task.objects.filter(
        kind__in=(TaskKind.CALL, TaskKind.MANUAL), customer_id__in=customers, done_at__gte=start_of_day(as_of - REMEMBERED),
        done_at__lt=end_of_day(as_of + timedelta(days=1)),
    ).exclude(outcome__in=("settled", "declined"))  # fmt: skip
    told = rows.values_list("customer_id", "done_at", "outcome", "kind")
    found = [
        (pk, day_of(at, customers[pk].creditor.time_zone), outcome, kind == TaskKind.CALL)
        for pk, at, outcome, kind in told
        if at
    ]
    return [call for call in found if call[1] <= as_of]


def _waiting(customers: Iterable[int]) -> set[int]:
    rows = Task.objects.filter(customer_id__in=customers, done_at=None, kind__in=WAITS_FOR_A_PERSON)
    return set(rows.values_list("customer_id", flat=True))
