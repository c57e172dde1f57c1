"""Gives money back out of a credit: what is open of it first, then the newest allocations are taken back.

In: a credit and an amount. Out: the posting. Never: more than the credit still holds, an invoice that stays paid by
money that has left.
"""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger import post
from amiable.ledger.models import Allocation, Credit, Entry
from amiable.payments import acquire
from amiable.payments.allocate import allocate
from amiable.payments.models import Attempt


class UnableToRefund(UnableTo):
    """The credit does not hold that much."""


def held_by(credit: Credit) -> int:
    """What a credit still holds: what is open of it, and what stands on invoices."""
    standing = Allocation.objects.filter(credit=credit, reverses=None, reversed_by=None)
    return credit.open_minor + (standing.aggregate(total=Sum("amount_minor"))["total"] or 0)


def ask_back(*, attempt: Attempt, amount_minor: int, key: str, now: datetime, by: User) -> None:
    """Asks the provider to give the customer their money back, once for each `key`. The books move when it says it has.

    Raises UnableToRefund, Refused or Unavailable.
    """
    credit = attempt.credit
    if credit is None or not 0 < amount_minor <= held_by(credit.confirmed_by or credit):
        raise UnableToRefund(_("This payment does not hold that much any more."))
    acquirer = acquire.acquirer(attempt.creditor, attempt.provider)
    if not acquirer.can("refund"):
        raise UnableToRefund(_("This provider gives nothing back; send the money by bank transfer."))
    acquirer.refund(attempt=attempt, amount_minor=amount_minor, key=key, now=now)
    audit.record(
        "refund.asked", now=now, user=by, creditor_ref=attempt.creditor_id, subject="customer",
        subject_ref=attempt.customer_id, attempt=attempt.pk, credit=credit.pk, amount_minor=amount_minor,
    )  # fmt: skip


@transaction.atomic
def give_back(
    *, credit: Credit, amount_minor: int, reason: str, as_of: date, now: datetime, by: User | None = None
) -> Entry:
    """Posts a refund; invoices that the money had paid are open again, the smallest part of them that will do."""
    locked = Credit.objects.select_for_update(no_key=True).get(pk=credit.pk)
    freed = locked.open_minor
    taken_back: list[int] = []
    for allocation in Allocation.objects.filter(credit=locked, reverses=None, reversed_by=None).order_by("-id"):
        if freed >= amount_minor:
            break
        post.reverse(allocation=allocation, as_of=as_of, now=now, by=by)
        taken_back.append(allocation.invoice_id)
        freed += allocation.amount_minor
    if freed < amount_minor:
        raise UnableToRefund(_("This payment does not hold that much any more."))
    entry = post.refund(credit=locked, amount_minor=amount_minor, reason=reason, as_of=as_of, now=now, by=by)
    if taken_back and freed > amount_minor:
        # The last one was taken back whole, as the books demand; what was too much of it returns to where it was.
        allocate(credit=locked, as_of=as_of, now=now, invoices=taken_back[-1:], rule="named", by=by)
    credit.refresh_from_db(fields=["open_minor"])
    return entry
