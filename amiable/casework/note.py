"""What a colleague, or a customer through a colleague, said in their own words."""

from datetime import datetime

from amiable.casework.models import Note
from amiable.core.models import User
from amiable.ledger.models import Customer


def write(*, customer: Customer, text: str, now: datetime, by: User | None = None) -> Note | None:
    """Keeps the words; nothing where there are none."""
    text = text.strip()
    return Note.objects.create(customer=customer, text=text, by=by, at=now) if text else None
