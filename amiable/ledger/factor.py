"""Invoices sold to a factor: who has them, since when, and whose account is to be paid for them.

In: a customer, some invoices or all, a day. Out: sales, and the payee. Never: a payee guessed where some are sold and
others are not; one invoice bought back of a customer who is sold as a whole.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _
from stdnum import iban

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor, Customer, Invoice, Sale


class UnableToSell(UnableTo):
    """There is no factor, or the invoices are not this customer's."""


@dataclass(frozen=True)
class Payee:
    """To whom a transfer goes. `factor`: the invoices were sold to them; only they can be paid."""

    name: str
    iban: str
    bic: str
    factor: bool = False


@dataclass(frozen=True)
class Sold:
    """What of a customer's invoices is sold as of a day: all, or these."""

    everything: bool = False
    invoices: frozenset[int] = frozenset()

    def __contains__(self, invoice: object) -> bool:
        return self.everything or invoice in self.invoices


NOTHING = Sold()


def factor_of(creditor: Creditor) -> Payee | None:
    """The creditor's factor, as its policy names it: {"factor": {"name": …, "iban": …, "bic": …}}."""
    told = creditor.policy.get("factor")
    account = _account(str(told.get("iban", ""))) if isinstance(told, Mapping) else ""
    if not account or not told.get("name"):
        return None
    return Payee(str(told["name"]), account, str(told.get("bic", "")), factor=True)


def owner_of(creditor: Creditor) -> Payee | None:
    """The creditor itself; None without an account that can be paid."""
    account = _account(creditor.iban)
    return Payee(creditor.name, account, creditor.bic) if account else None


@lru_cache(maxsize=1_024)  # asked for every message, of few creditors
def _account(told: str) -> str:
    """The IBAN without blanks; empty where it is none."""
    return iban.compact(told) if told and iban.is_valid(told) else ""


def payee_of(creditor: Creditor, sold: Sold, invoices: Collection[int]) -> Payee | None:
    """Whose account is to be paid for these invoices: one payee, or None where they have two."""
    parts = {invoice in sold for invoice in invoices} or {sold.everything}
    if len(parts) > 1:
        return None
    return factor_of(creditor) if parts.pop() else owner_of(creditor)


def sold_by(customers: Iterable[int], *, as_of: date) -> dict[int, Sold]:
    """What is sold of each of these customers; who has sold nothing is left out."""
    found: dict[int, tuple[bool, set[int]]] = {}
    rows = Sale.objects.filter(customer__in=list(customers), since__lte=as_of).filter(
        Q(until=None) | Q(until__gt=as_of)
    )
    for customer, invoice in rows.values_list("customer_id", "invoice_id"):
        everything, some = found.get(customer, (False, set()))
        if invoice is not None:
            some.add(invoice)
        found[customer] = (everything or invoice is None, some)
    return {customer: Sold(everything, frozenset(some)) for customer, (everything, some) in found.items()}


@transaction.atomic
def sell(
    *, customer: Customer, since: date, now: datetime, invoices: Sequence[int] = (), by: User | None = None
) -> list[Sale]:
    """Marks these invoices, or without any all of the customer's, as sold to the factor from a day on. Raises UnableToSell."""
    _alone(customer)
    if factor_of(customer.creditor) is None:
        raise UnableToSell(
            _("%(creditor)s has no factor with a valid IBAN yet.") % {"creditor": customer.creditor.name}
        )
    own: list[int | None] = list(
        Invoice.objects.filter(customer=customer, id__in=invoices).order_by("pk").values_list("pk", flat=True)
    )
    if len(own) != len(set(invoices)):
        raise UnableToSell(_("Only invoices of this customer can be sold here."))
    known = _running(customer)
    sales = [
        Sale(customer=customer, invoice_id=invoice, since=since, by=by, created_at=now)
        for invoice in own or [None]
        if invoice not in known
    ]
    made = Sale.objects.bulk_create(sales)
    if made:
        _told("invoices.sold", customer, own, now=now, by=by)
    return made


@transaction.atomic
def buy_back(
    *, customer: Customer, on: date, now: datetime, invoices: Sequence[int] = (), by: User | None = None
) -> list[Sale]:
    """Ends the sale of these invoices, or without any of all that is sold; from that day the creditor is paid again. A sale
    that was still to begin never does. Raises UnableToSell.
    """
    _alone(customer)
    running = Sale.objects.filter(customer=customer, until=None)
    if invoices:
        if running.filter(invoice=None).exists():
            raise UnableToSell(
                _("Everything of %(customer)s is sold: buy all of it back, then sell again what stays sold.")
                % {"customer": customer.name}
            )
        running = running.filter(invoice__in=invoices)
    ended = list(running.order_by("pk"))
    Sale.objects.filter(pk__in=[row.pk for row in ended]).update(until=Greatest(F("since"), on))
    if ended:
        _told("invoices.bought_back", customer, list(invoices), now=now, by=by)
    return ended


@transaction.atomic
def unsell(*, customer: Customer, sales: Collection[int]) -> None:
    """Sales made by mistake a moment ago are as if they had not been."""
    _alone(customer)
    Sale.objects.filter(customer=customer, pk__in=sales, until=None).delete()


@transaction.atomic
def resume(*, customer: Customer, sales: Collection[int]) -> None:
    """Sales ended by mistake a moment ago run on, but for what was sold anew meanwhile."""
    _alone(customer)
    anew = _running(customer)
    ended = Sale.objects.filter(customer=customer, pk__in=sales).values_list("pk", "invoice_id")
    Sale.objects.filter(pk__in=[pk for pk, invoice in ended if invoice not in anew]).update(until=None)


def _alone(customer: Customer) -> None:
    """Until the end of the transaction nobody else sells or buys back what is this customer's."""
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)


def _running(customer: Customer) -> set[int | None]:
    """The invoices that are sold, or will be; None: all of them, and those to come."""
    return set(Sale.objects.filter(customer=customer, until=None).values_list("invoice_id", flat=True))


def _told(act: str, customer: Customer, invoices: Sequence[int | None], *, now: datetime, by: User | None) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=customer.creditor_id, subject="customer", subject_ref=customer.pk,
        invoices=list(invoices),
    )  # fmt: skip
