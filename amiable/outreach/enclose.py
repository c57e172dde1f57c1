"""Copies of invoices that go along with a message.

In: a message that names documents. Out: their bytes. Never: a message that says that something is enclosed, and nothing is.
"""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.ledger.keep import place_of
from amiable.ledger.models import Document
from amiable.outreach.channel import Attachment
from amiable.outreach.models import Message

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


def enclosed(message: Message) -> tuple[Attachment, ...]:
    """What goes along with the message. Raises UnableToEnclose."""
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
