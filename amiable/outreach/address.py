"""Where a customer can be reached on a medium, best first, and in which language.

Never: an address that failed for good, or one whose owner does not wish to be written to, taken as usable.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q, prefetch_related_objects

from amiable.ledger.models import Consent, Contact, ContactPoint, ContactRole, Customer, CustomerKind, Medium
from amiable.outreach import envelope
from amiable.outreach.models import OptOut

LANGUAGES = ("fr", "en")
CLOSABLE = (Medium.EMAIL, Medium.SMS, Medium.CALL)
# A voice server rings the telephones that are known, and nobody who wishes no calls: not even a machine's.
RINGS: dict[str, tuple[str, ...]] = {Medium.IVR: (Medium.IVR, Medium.CALL, Medium.SMS)}
CLOSES: dict[str, tuple[str, ...]] = {Medium.CALL: (Medium.CALL, Medium.IVR)}
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
    return by_medium(customers, media=[medium], now=now)[medium]


def by_medium(
    customers: Iterable[Customer], *, media: Iterable[str], now: datetime
) -> dict[str, dict[int, list[Address]]]:
    """The addresses of each customer on each of these media, asked for together."""
    customers, media = list(customers), [str(medium) for medium in media]
    kinds = {customer.pk: customer.kind for customer in customers}
    served = {medium: RINGS.get(medium, (medium,)) for medium in media}
    points = ContactPoint.objects.filter(
        contact__customer_id__in=kinds, medium__in=set().union(*served.values())
    ).values_list(
        "medium", "contact__customer_id", "contact_id", "value", "id", "contact__role", "contact__language", "failed_at"
    )
    rows = [(medium, point) for point in points for medium, by in served.items() if point[0] in by]
    closed = _closed(kinds, media, now, places=[(medium, *point[1:4]) for medium, point in rows])
    found: dict[str, dict[int, list[tuple[tuple[int, int, int], Address]]]] = {
        medium: defaultdict(list) for medium in media
    }
    for medium, (_own, customer_id, contact_id, value, point_id, role, language, failed_at) in rows:
        order = ORDER[_kind(kinds[customer_id])].index(ContactRole(role))
        silent = closed.to(medium, customer_id, contact_id, value)
        address = Address(contact_id, value, language, failed_at is not None, silent)
        found[medium][customer_id].append(((order, contact_id, point_id), address))
    best = {
        medium: {
            customer_id: [address for _rank, address in sorted(ranked, key=lambda pair: pair[0])]
            for customer_id, ranked in theirs.items()
        }
        for medium, theirs in found.items()
    }
    if Medium.LETTER in best:
        best[Medium.LETTER] = _by_post(customers, best[Medium.LETTER], closed)
    return best


@dataclass(frozen=True)
class _Closed:
    """What nobody is to be written to at, by medium: whole customers, people, and single addresses of a customer."""

    customers: set[tuple[str, int]]
    people: set[tuple[str, int]]
    single: set[tuple[str, int, str]]

    def to(self, medium: str, customer_id: int, contact_id: int | None, value: str) -> bool:
        return (
            (medium, customer_id) in self.customers
            or (medium, contact_id) in self.people
            or (medium, customer_id, value.lower()) in self.single
        )


def _closed(
    customers: Iterable[int], media: list[str], now: datetime, *, places: Iterable[tuple[str, int, int, str]]
) -> _Closed:
    """By opting out, and by a newest word on consent that is no; `places`: medium, customer, contact and address."""
    asked = {*media, *(medium for medium, others in CLOSES.items() if not set(others).isdisjoint(media))}
    rows = OptOut.objects.filter(customer_id__in=customers, medium__in=asked, since__lte=now)
    rows = rows.filter(Q(until=None) | Q(until__gt=now))
    told = [
        (medium, customer_id, address)
        for by, customer_id, address in rows.values_list("medium", "customer_id", "address")
        for medium in CLOSES.get(by, (by,))
    ]
    single = {(medium, customer_id, address.lower()) for medium, customer_id, address in told if address}
    newest: dict[tuple[str, int], bool] = {}
    consents = Consent.objects.filter(contact__customer_id__in=customers, medium__in=asked).order_by("at", "id")
    for medium, contact_id, given in consents.values_list("medium", "contact_id", "given"):
        newest[medium, contact_id] = given
    refused = {
        (medium, person) for (by, person), given in newest.items() if not given for medium in CLOSES.get(by, (by,))
    }
    closed_one = {
        (medium, contact_id) for medium, pk, contact_id, value in places if (medium, pk, value.lower()) in single
    }
    whole = {(medium, customer_id) for medium, customer_id, address in told if not address}
    return _Closed(whole, refused | closed_one, single)


def _by_post(customers: list[Customer], known: dict[int, list[Address]], closed: _Closed) -> dict[int, list[Address]]:
    """Postal addresses: the customer's own as the creditor knows it today, then those of contacts; which can be printed."""
    prefetch_related_objects(customers, "creditor")
    contacts = _nearest(customers)
    found: dict[int, list[Address]] = {}
    for customer in customers:
        own = envelope.told(customer.name, customer.street, customer.postcode, customer.city, customer.country)
        rows = sorted(known.get(customer.pk, []), key=lambda row: row.value != own)
        if own and not (rows and rows[0].value == own):
            contact_id, language = contacts.get(customer.pk, (None, ""))
            silent = closed.to(Medium.LETTER, customer.pk, contact_id, own)
            rows.insert(0, Address(contact_id, own, language, failed=False, opted_out=silent))
        sender = customer.creditor.country
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


def serving(customer: Customer, *, media: Iterable[str], now: datetime) -> dict[str, Address]:
    """The address that a message would go to on each medium, where one is usable."""
    found = {}
    for medium, rows in by_medium([customer], media=media, now=now).items():
        if usable := next((row for row in rows.get(customer.pk, ()) if row.usable), None):
            found[medium] = usable
    return found


def closable(customer: Customer, *, contact_id: int, now: datetime) -> dict[str, tuple[str, bool]]:
    """The media that a person may close, with the address that serves, and whether it is open. A letter may always come."""
    found: dict[str, tuple[str, bool]] = {}
    for medium, rows in by_medium([customer], media=CLOSABLE, now=now).items():
        mine = [row for row in rows.get(customer.pk, ()) if row.contact_id == contact_id and not row.failed]
        if mine:
            found[medium] = (mine[0].value, any(row.usable for row in mine))
    return found


def wanted(customer: int, medium: str) -> str:
    """The key of the task to find an address: one for a customer and medium; a voice server rings what people ring."""
    return f"address:{customer}:{Medium.CALL if medium == Medium.IVR else medium}"


def spoken(*wishes: str) -> str:
    """The first language wished for that texts exist in; another language is answered in English."""
    for wish in wishes:
        if wish:
            language = wish.replace("_", "-").split("-")[0].lower()
            return language if language in LANGUAGES else "en"
    return LANGUAGES[0]
