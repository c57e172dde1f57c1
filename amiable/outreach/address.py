"""Where a customer can be reached on a medium, best first, and in which language.

Never: an address that failed for good, or one whose owner does not wish to be written to, taken as usable.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from amiable.ledger.models import Consent, Contact, ContactPoint, ContactRole, Creditor, Customer, CustomerKind, Medium
from amiable.outreach import envelope
from amiable.outreach.models import OptOut

LANGUAGES = ("fr", "en")
CLOSABLE = (Medium.EMAIL, Medium.SMS, Medium.CALL)
RINGS = {Medium.IVR: (Medium.IVR, Medium.CALL, Medium.SMS)}  # a voice server rings the telephones that are known
# Who is written to about invoices: in a firm the people who pay, at home the person.
ORDER = {
    CustomerKind.CONSUMER: (
        ContactRole.MAIN,
        ContactRole.MANAGER,
        ContactRole.ACCOUNTS,
        ContactRole.OTHER,
        ContactRole.BUYER,
    ),
    CustomerKind.BUSINESS: (
        ContactRole.ACCOUNTS,
        ContactRole.MAIN,
        ContactRole.MANAGER,
        ContactRole.OTHER,
        ContactRole.BUYER,
    ),
}


@dataclass(frozen=True)
class Address:
    contact_id: int | None  # None: the customer's own postal address, where nobody is named
    value: str
    language: str
    failed: bool
    opted_out: bool
    complete: bool = True

    @property
    def usable(self) -> bool:
        return self.complete and not (self.failed or self.opted_out)


def addresses(customers: Iterable[Customer], *, medium: str, now: datetime) -> dict[int, list[Address]]:
    """The addresses of each customer on a medium, best first; unusable ones are listed too, and say why.

    A wish not to be written to closes all addresses of that person, not only the one that it came from.
    """
    customers = list(customers)
    kinds = {customer.pk: customer.kind for customer in customers}
    refused = _refused(list(kinds), medium)
    whole, single = _opted_out(list(kinds), medium, now)
    media = RINGS.get(Medium(medium), (medium,))
    points = ContactPoint.objects.filter(contact__customer_id__in=kinds, medium__in=media).values_list(
        "id", "contact_id", "contact__customer_id", "contact__role", "contact__language", "value", "failed_at"
    )
    rows = list(points)
    closed = {row[1] for row in rows if (row[2], row[5].lower()) in single} | refused
    found: dict[int, list[tuple[tuple[int, int, int], Address]]] = defaultdict(list)
    for point_id, contact_id, customer_id, role, language, value, failed_at in rows:
        order = ORDER[_kind(kinds[customer_id])]
        address = Address(
            contact_id, value, language, failed_at is not None, customer_id in whole or contact_id in closed
        )
        found[customer_id].append(((order.index(ContactRole(role)), contact_id, point_id), address))
    best = {
        customer_id: [address for _rank, address in sorted(ranked, key=lambda pair: pair[0])]
        for customer_id, ranked in found.items()
    }
    if medium != Medium.LETTER:
        return best
    return _by_post(customers, best, lambda row, pk: pk in whole or row[0] in closed or (pk, row[1].lower()) in single)


def _by_post(
    customers: list[Customer],
    known: dict[int, list[Address]],
    silent: Callable[[tuple[int | None, str], int], bool],
) -> dict[int, list[Address]]:
    """Postal addresses: the customer's own as the creditor knows it today, then those of contacts; which can be printed."""
    senders = dict(Creditor.objects.values_list("id", "country"))
    contacts = _nearest(customers)
    found: dict[int, list[Address]] = {}
    for customer in customers:
        own = envelope.told(customer.name, customer.street, customer.postcode, customer.city, customer.country)
        rows = sorted(known.get(customer.pk, []), key=lambda row: row.value != own)
        if own and not (rows and rows[0].value == own):
            contact_id, language = contacts.get(customer.pk, (None, ""))
            row = Address(contact_id, own, language, failed=False, opted_out=silent((contact_id, own), customer.pk))
            rows.insert(0, row)
        sender = senders[customer.creditor_id]
        found[customer.pk] = [
            replace(row, complete=envelope.fits(row.value, country=customer.country, sender=sender)) for row in rows
        ]
    return found


def _nearest(customers: list[Customer]) -> dict[int, tuple[int, str]]:
    """Whom a letter to the customer's own address is for: the first of the contacts, and their language."""
    kinds = {customer.pk: customer.kind for customer in customers}
    rows = Contact.objects.filter(customer_id__in=kinds).values_list("customer_id", "role", "id", "language")
    ranked = sorted(
        (pk, ORDER[_kind(kinds[pk])].index(ContactRole(role)), ref, language) for pk, role, ref, language in rows
    )
    return {pk: (ref, language) for pk, _place, ref, language in reversed(ranked)}


def _kind(kind: str) -> CustomerKind:
    """A public body is written to as a firm is."""
    return CustomerKind.CONSUMER if kind == CustomerKind.CONSUMER else CustomerKind.BUSINESS


def closable(customer: Customer, *, contact_id: int, now: datetime) -> dict[str, tuple[str, bool]]:
    """The media that a person may close, with the address that serves, and whether it is open. A letter may always come."""
    found: dict[str, tuple[str, bool]] = {}
    for medium in CLOSABLE:
        theirs = [row for row in addresses([customer], medium=medium, now=now).get(customer.pk, ()) if not row.failed]
        mine = [row for row in theirs if row.contact_id == contact_id]
        if mine:
            found[medium] = (mine[0].value, any(row.usable for row in mine))
    return found


def spoken(*wishes: str) -> str:
    """The first language wished for that texts exist in; another language is answered in English."""
    for wish in wishes:
        if wish:
            language = wish.replace("_", "-").split("-")[0].lower()
            return language if language in LANGUAGES else "en"
    return LANGUAGES[0]


def _refused(customers: list[int], medium: str) -> set[int]:
    """Contacts whose newest word on consent for this medium is no."""
    newest: dict[int, bool] = {}
    rows = Consent.objects.filter(contact__customer_id__in=customers, medium=medium).order_by("at", "id")
    for contact_id, given in rows.values_list("contact_id", "given"):
        newest[contact_id] = given
    return {contact_id for contact_id, given in newest.items() if not given}


def _opted_out(customers: list[int], medium: str, now: datetime) -> tuple[set[int], set[tuple[int, str]]]:
    """Customers who closed the whole medium, and (customer, address) pairs closed one by one."""
    rows = OptOut.objects.filter(customer_id__in=customers, medium=medium, since__lte=now)
    rows = rows.filter(Q(until=None) | Q(until__gt=now))
    whole: set[int] = set()
    single: set[tuple[int, str]] = set()
    for customer_id, address in rows.values_list("customer_id", "address"):
        if address:
            single.add((customer_id, address.lower()))
        else:
            whole.add(customer_id)
    return whole, single
