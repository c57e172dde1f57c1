"""Whose answer it is, and to what: by the thread, by our own link in what is quoted, by an invoice number, by the address.

In: what was heard. Out: customer, message and the invoices named, with how they were found. Never: a customer of
another creditor than the one who was written to; one of two who may be meant.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from amiable.core import links
from amiable.ledger.models import Customer, Invoice, Medium
from amiable.outreach.models import Delivery, Message

ROOMS = {"p": "portal", "u": "unsubscribe"}
_LINK = re.compile(r"/(p|u)/([A-Za-z0-9_.:=-]{30,500})")
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # a link that has expired still says for whom it was made
SHORTEST = 4  # signs of an invoice number that may be recognised in a text; of digits alone one more
MOST_WORDS = 400
MOST_INVOICES = 500
MOST_SIGNS = 20_000  # of a text: nobody names an invoice behind them
_ABOUT_US = re.compile(r"^\s*(?:re|tr|fw|fwd|ré|aw)\s*:", re.IGNORECASE)  # a subject that we wrote ourselves


@dataclass(frozen=True)
class Found:
    """`by`: thread, link, invoice or address; empty where nobody was found. `invoices`: those that the writer names."""

    customer: Customer | None = None
    message: Message | None = None
    by: str = ""
    invoices: tuple[int, ...] = ()


def attribute(
    *,
    creditor: int | None,
    medium: str,
    sender: str,
    subject: str,
    text: str,
    words: str,
    answers: Sequence[str] = (),
    links_seen: Iterable[str] = (),
) -> Found:
    """Who wrote, as far as anybody can tell. `words`: the part of `text` that was written now."""
    seen = [*links_seen, *(f"{room}/{token}" for room, token in _LINK.findall(text))]
    found = (
        _by_thread(creditor, answers)
        or _by_link(creditor, seen)
        or _by_invoice(creditor, f"{subject}\n{text}")
        or _by_address(creditor, medium, sender)
        or Found()
    )
    if found.customer is None:
        return found
    said = words if _ABOUT_US.match(subject) else f"{subject}\n{words}"
    return replace(found, invoices=tuple(named(said, found.customer)))


def named(text: str, customer: Customer) -> list[int]:
    """The open invoices of the customer whose numbers stand in the text, as whole numbers, whatever their signs."""
    rows = Invoice.objects.filter(customer=customer, open_minor__gt=0).order_by("due_on", "id")
    said = text[:MOST_SIGNS].upper()
    return [pk for pk, reference in rows.values_list("id", "reference")[:MOST_INVOICES] if _stands(reference, said)]


def _stands(reference: str, said: str) -> bool:
    """`FA-2026/001` is found in « facture fa 2026 001 », `118` in no 1180; a short number needs a word before it."""
    parts = re.findall(r"[A-Z]+|\d+", reference.upper())
    if not parts:
        return False
    number = r"[\s._/°#-]{0,3}".join(map(re.escape, parts))
    short = len("".join(parts)) < SHORTEST + (not re.search(r"[A-Z]", reference.upper()))
    before = (
        r"(?:FACTURES?|INVOICES?|INV|BILL|N°|NO\.?|NUM[ÉE]RO|NUMBER|R[ÉE]F\w*\.?|#)\s{0,2}:?\s{0,2}" if short else ""
    )
    return bool(re.search(rf"(?<![A-Z0-9]){before}{number}(?![A-Z0-9]|[.,]\d)", said))


def _by_thread(creditor: int | None, answers: Sequence[str]) -> Found | None:
    rows = Delivery.objects.filter(external_id__in=answers).select_related("message__customer__creditor").order_by("id")
    known = {row.external_id: row.message for row in rows if creditor in (None, row.message.creditor_id)}
    message = next((known[each] for each in answers if each in known), None)
    return Found(_living(message.customer), message, "thread") if message else None


def _by_link(creditor: int | None, seen: Iterable[str]) -> Found | None:
    for each in seen:
        room, _slash, token = each.partition("/")
        try:
            content = links.read(ROOMS.get(room, ""), token, now=_LONG_AGO)
        except links.UnableToOpen:
            continue  # nobody of ours signed it
        message = Message.objects.filter(pk=content.get("m") or 0).select_related("customer__creditor").first()
        customer = Customer.objects.filter(pk=content.get("c") or (message.customer_id if message else 0)).first()
        if customer is not None and creditor in (None, customer.creditor_id):
            return Found(_living(customer), message, "link")
    return None


def _by_invoice(creditor: int | None, text: str) -> Found | None:
    """The one customer whose invoice numbers stand in the text; where two could be meant, a person says which."""
    if creditor is None:
        return None
    rows = Invoice.objects.filter(creditor=creditor, reference__in=_numbers(text)).select_related("customer__creditor")
    said = text[:MOST_SIGNS].upper()
    owners = {row.customer_id: row.customer for row in rows[:MOST_INVOICES] if _stands(row.reference, said)}
    whole = {_living(owner).pk: _living(owner) for owner in owners.values()}
    return Found(next(iter(whole.values())), None, "invoice") if len(whole) == 1 else None


def _numbers(text: str) -> set[str]:
    """What may be an invoice number as the accounts write it: words with a digit, and neighbours joined."""
    words = [word.strip(".,;:!?()[]«»\"'“”*<>") for word in text.split()[:MOST_WORDS]]
    found = set()
    for at, word in enumerate(words):
        for mark in ("", "-", "/", " ", "_"):
            for count in (1, 2, 3):
                joined = mark.join(words[at : at + count])
                if SHORTEST <= len(joined) <= 60 and re.search(r"\d", joined):
                    found |= {joined, joined.upper()}
        found |= {each for each in re.findall(r"[A-Za-z]*[-_/]?\d[\w/-]*\d", word) if len(each) >= SHORTEST}
    return found


def _by_address(creditor: int | None, medium: str, sender: str) -> Found | None:
    rows = Customer.objects.filter(
        contacts__points__medium__in=written_under(medium), contacts__points__value__iexact=sender, merged_into=None
    )
    if creditor is not None:
        rows = rows.filter(creditor=creditor)
    found = list(rows.select_related("creditor").distinct()[:2]) if sender else []
    return Found(found[0], None, "address") if len(found) == 1 else None


def written_under(medium: str) -> tuple[str, ...]:
    """The media under which an address may stand: a telephone number is one, whatever it is used for."""
    phones = (Medium.CALL, Medium.SMS, Medium.WHATSAPP, Medium.IVR)
    return phones if medium in phones else (medium,)


def _living(customer: Customer) -> Customer:
    """The customer into whom this one was merged, if any."""
    while customer.merged_into is not None:
        customer = customer.merged_into
    return customer
