"""Standing orders: each invoice is debited on its due date by the way to pay that the customer keeps with us.

In: a customer's word; later invoices that fall due. Out: one try to pay per order and day. Never: an invoice that was due
before the word was given, one that is held, one that a machine has tried before, a debit without its days of notice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.models import TaskKind
from amiable.casework.task import ask
from amiable.core import audit
from amiable.core.errors import AmiableError, UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.payments import authorise
from amiable.payments.attempt import charge_saved, local_day
from amiable.payments.models import Attempt, AttemptState, Journey, Mandate, StandingOrder

# A debit is told before it is made: the invoice says the day and the amount, and is there so many days before. The rule of
# SEPA, unless the creditor has agreed upon fewer with its customers (policy debit_notice_days). A card needs none.
NOTICE_DAYS = 14


class UnableToStand(UnableTo):
    """This way to pay cannot be used for a standing order."""


@dataclass(frozen=True)
class Summary:
    asked: int = 0
    refused: int = 0


@transaction.atomic
def give(
    *, mandate: Mandate, currency: str, as_of: date, now: datetime, by: User | None = None, origin: str
) -> StandingOrder:
    """The customer's word that what falls due from today on is debited; it takes the place of an earlier one."""
    customer = mandate.customer
    if not authorise.usable(customer=customer, as_of=as_of).filter(pk=mandate.pk).exists():
        raise UnableToStand(_("The authority to debit has ended; another way to pay is needed."))
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    of(customer).filter(currency=currency).update(ended_at=now)
    given = StandingOrder.objects.create(
        customer=customer, currency=currency, mandate=mandate, given_at=now, given_by=by
    )
    _note("standing.given", given, now, by, origin)
    return given


@transaction.atomic
def end(*, order: StandingOrder, now: datetime, by: User | None = None, origin: str) -> None:
    """It is taken back: what falls due from now on is paid by hand again."""
    if StandingOrder.objects.filter(pk=order.pk, ended_at=None).update(ended_at=now):
        _note("standing.ended", order, now, by, origin)


def of(customer: Customer) -> QuerySet[StandingOrder]:
    """The customer's standing orders that are in force."""
    return StandingOrder.objects.filter(customer=customer, ended_at=None)


def collect(*, as_of: date, now: datetime, creditor: Creditor | None = None) -> Summary:
    """Debits what has fallen due, one try per order; what is refused at once is laid on a desk."""
    whose = Q() if creditor is None else Q(customer__creditor=creditor)
    owed = Invoice.objects.filter(customer=OuterRef("customer"), open_minor__gt=0, due_on__lte=as_of)
    orders = StandingOrder.objects.filter(
        whose, Exists(owed), ended_at=None, customer__creditor__stopped_at=None,
        customer__creditor__released_at__isnull=False,
    )  # fmt: skip
    asked = refused = 0
    for order in orders.select_related("mandate__customer__creditor", "customer__creditor").order_by("pk"):
        if not authorise.usable(customer=order.customer, as_of=as_of).filter(pk=order.mandate_id).exists():
            _over(order, as_of=as_of, now=now)
        elif rows := due(order=order, as_of=as_of):
            why = _charge(order, rows, now=now)
            asked, refused = asked + (not why), refused + bool(why)
            if why:
                _by_hand(order, rows, why, as_of=as_of, now=now)
    return Summary(asked=asked, refused=refused)


def due(*, order: StandingOrder, as_of: date) -> list[Invoice]:
    """What the order is to debit on a day."""
    creditor = order.customer.creditor
    notice = notice_days(creditor, order.mandate)
    holds = hold.active(as_of=as_of).filter(customer=order.customer)
    tried = Attempt.objects.filter(
        customer=order.customer, journey=Journey.STANDING, plan_ref=None, invoices__contains=[OuterRef("pk")]
    )
    rows = Invoice.objects.filter(
        ~Exists(holds.filter(Q(invoice=None) | Q(invoice=OuterRef("pk")))), ~Exists(tried), customer=order.customer,
        currency=order.currency, open_minor__gt=0, due_on__lte=as_of, due_on__gte=local_day(creditor, order.given_at),
        issued_on__lte=as_of - timedelta(days=notice),
    )  # fmt: skip
    return list(rows.order_by("due_on", "pk"))


def notice_days(creditor: Creditor, mandate: Mandate) -> int:
    """How many days before a debit it is told; a card needs none."""
    return int(creditor.policy.get("debit_notice_days", NOTICE_DAYS)) if "debit" in mandate.scheme else 0


def _charge(order: StandingOrder, rows: Sequence[Invoice], *, now: datetime) -> str:
    """Empty, or why it was refused."""
    try:
        made = charge_saved(
            mandate=order.mandate,
            amount_minor=sum(row.open_minor for row in rows),
            currency=order.currency,
            invoices=[row.pk for row in rows],
            journey=Journey.STANDING,
            now=now,
        )
    except AmiableError as error:
        return str(error)
    return (made.decline_code or made.get_state_display()) if made.state == AttemptState.FAILED else ""


def _by_hand(order: StandingOrder, rows: Sequence[Invoice], why: str, *, as_of: date, now: datetime) -> None:
    ask(
        kind=TaskKind.CALL,
        key=f"standing:{order.pk}:{rows[0].pk}",
        customer=order.customer,
        title=in_house(gettext_lazy("Standing order not carried out: %(why)s"), why=why),
        due_on=as_of,
        context={"invoices": [row.pk for row in rows]},
        currency=order.currency,
        now=now,
    )


def _over(order: StandingOrder, *, as_of: date, now: datetime) -> None:
    """The way to pay has run out or was taken back: the order is over, and a person asks the customer for another."""
    end(order=order, now=now, origin="day")
    ask(
        kind=TaskKind.CALL,
        key=f"standing:{order.pk}:over",
        customer=order.customer,
        title=in_house(
            gettext_lazy("The standing order is over: %(label)s can no longer be used"), label=order.mandate
        ),
        due_on=as_of,
        currency=order.currency,
        now=now,
    )


def _note(act: str, order: StandingOrder, now: datetime, by: User | None, origin: str) -> None:
    audit.record(
        act, now=now, user=by, actor="" if by else origin, creditor_ref=order.customer.creditor_id, subject="customer",
        subject_ref=order.customer_id, mandate=order.mandate_id, currency=order.currency,
    )  # fmt: skip
