"""Copies of invoices, and the receipt of a payment, that go along with a message.

In: a message that names them. Out: their bytes. Never: a message that says that something is enclosed, and nothing is.
"""

from collections.abc import Iterable
from datetime import date, datetime

from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.ledger.keep import place_of
from amiable.ledger.models import Credit, Document, Medium
from amiable.outreach.channel import Attachment
from amiable.outreach.models import Message
from amiable.outreach.receipt import receipt

MOST_BYTES = 15_000_000  # mail servers refuse more


class UnableToEnclose(UnableTo):
    """A copy that the message promises is not there."""


def copies_of(invoices: Iterable[int]) -> dict[int, Document]:
    """The newest copy of each of these invoices that is kept, as far as they go into one e-mail."""
    rows = Document.objects.filter(invoice__in=list(invoices)).order_by("invoice", "-id").distinct("invoice")
    found, size = {}, 0
    for row in rows:
        if place_of(row.sha256).is_file() and size + row.size <= MOST_BYTES and row.invoice_id is not None:
            found[row.invoice_id] = row
            size += row.size
    return found


def enclosed(message: Message, *, as_of: date, now: datetime) -> tuple[Attachment, ...]:
    """What goes along with the message: `documents` and `receipt` of its context. Raises UnableToEnclose."""
    return (*_copies(message), *_receipt(message, as_of, now))


def _receipt(message: Message, as_of: date, now: datetime) -> tuple[Attachment, ...]:
    """The receipt of the payment (a credit) that the context names; a text message has no room for it."""
    wanted = message.context.get("receipt")
    if not wanted or message.medium != Medium.EMAIL:
        return ()
    paid = Credit.objects.filter(pk=wanted, customer=message.customer_id)
    credit = paid.select_related("creditor", "customer", "confirmed_by").first()
    if credit is None:
        raise UnableToEnclose(_("The payment that a receipt was to be made for is not there."))
    return (receipt(credit=credit, language=message.language, as_of=as_of, now=now),)


def _copies(message: Message) -> tuple[Attachment, ...]:
    wanted = message.context.get("documents")
    if not wanted:
        return ()
    rows = Document.objects.filter(pk__in=wanted, invoice__customer=message.customer_id).in_bulk()
    parts = []
    for pk in wanted:
        path = place_of(rows[pk].sha256) if pk in rows else None
        if path is None or not path.is_file():
            raise UnableToEnclose(_("A copy that was to be enclosed is no longer there."))
        parts.append(Attachment(rows[pk].name, "application/pdf", path.read_bytes()))
    return tuple(parts)
