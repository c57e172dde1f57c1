"""STOP and START by text message: the number is closed, or opened again, at once and without a person.

In: what somebody wrote, and from which number. Out: opt-outs of every customer who is written to there.
Never: a number closed for a creditor who did not write to it; one opened again that somebody else closed.
"""

from collections.abc import Iterable
from datetime import datetime

from amiable.ledger.models import ContactPoint, Customer, Medium
from amiable.outreach import dial
from amiable.outreach.models import Message
from amiable.outreach.stop import Wish
from amiable.payments.attempt import local_day
from amiable.scenario.hear import hear
from amiable.scenario.sayings import OptsIn, OptsOut


def heed(
    *, said: Wish, sender: str, message: Message | None, creditor_ref: int | None, now: datetime
) -> list[Customer]:
    """Does what was wished; returns the customers at that number. None: nobody is known there, a person looks.

    `message`: what was answered; `creditor_ref`: whose line it came by, where that is known.
    """
    whose = message.creditor_id if message else creditor_ref
    heeded = []
    for customer, addresses in _at(sender, whose).items():
        for address in sorted(addresses):
            saying = OptsOut(Medium.SMS, address) if said == "stop" else OptsIn(Medium.SMS, address)
            as_of = local_day(customer.creditor, now)
            hear(saying, customer=customer, as_of=as_of, now=now, by=None, origin="reply")
        heeded.append(customer)
    return heeded


def _at(number: str, creditor_ref: int | None) -> dict[Customer, set[str]]:
    """Who is written to at a number, and how it stands in their contacts."""
    points = ContactPoint.objects.filter(
        medium=Medium.SMS, value__in=dial.spellings(number), contact__customer__merged_into=None
    ).select_related("contact__customer__creditor")
    if creditor_ref is not None:
        points = points.filter(contact__customer__creditor=creditor_ref)
    found: dict[Customer, set[str]] = {}
    for point in _meant(points, number):
        found.setdefault(point.contact.customer, set()).add(point.value)
    return found


def _meant(points: Iterable[ContactPoint], number: str) -> Iterable[ContactPoint]:
    """A national spelling means different numbers in different countries."""
    for point in points:
        if dial.plain(point.value, country=point.contact.customer.country) == number:
            yield point
