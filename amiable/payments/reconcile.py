"""The same money told twice is counted once: the word of the creditor's cash authority takes over.

In: provisional credits, and what the authority told. Out: the authority's credit pays what the provisional one paid.
Never: both at once, one word of the authority for two payments, an earlier payment taken for a later one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from amiable.core import audit
from amiable.core.words import in_house
from amiable.ledger import post
from amiable.ledger.models import Allocation, CashAuthority, Credit, CreditKind, Creditor, Entry, EntryKind
from amiable.payments import refund
from amiable.payments.allocate import allocate
from amiable.payments.returned import owe_once

# The authority books a payment on its day or later; one day before allows for clocks and cut-off times.
EARLIEST, LATEST = timedelta(days=-1), timedelta(days=10)


@dataclass(frozen=True)
class Summary:
    """`missing`: provisional money that the authority should have told by now, and has not; `returned`: money that left and
    that the accounts told as a new debt as well.
    """

    confirmed: int = 0
    returned: int = 0
    missing: int = 0


@transaction.atomic
def reconcile(*, creditor: Creditor, as_of: date, now: datetime) -> Summary:
    """Finds for each provisional credit the authority's word for it (same customer, currency, amount; 10 days)."""
    returned = owe_once(creditor=creditor, as_of=as_of, now=now)
    if creditor.cash_authority == CashAuthority.PSP:
        return Summary(returned=returned)
    provisional = Credit.objects.select_for_update(no_key=True).filter(
        creditor=creditor, provisional=True, confirmed_by=None, customer__isnull=False, received_on__lte=as_of
    )
    waiting = list(provisional.order_by("received_on", "id"))
    told = _told_by_authority(creditor, as_of) if waiting else {}
    missing, words = 0, {}
    for credit in waiting:
        authority = _nearest(told.get(_key(credit), []), credit)
        if authority is not None:
            told[_key(credit)].remove(authority)
            words[credit.pk] = authority
        elif as_of - credit.received_on > LATEST:
            missing += 1
    take_over(words, creditor=creditor, as_of=as_of, now=now)
    return Summary(confirmed=len(words), returned=returned, missing=missing)


def take_over(words: Mapping[int, Credit], *, creditor: Creditor, as_of: date, now: datetime) -> None:
    """The authority's credits pay what the provisional ones (by id) paid, in the same order; these are closed.

    What had left a provisional one again, given or taken back, has left the authority's too.
    """
    gone = _gone(list(words))
    paid: dict[int, list[Allocation]] = defaultdict(list)
    standing = Allocation.objects.filter(credit__in=list(words), reverses=None, reversed_by=None)
    for allocation in standing.order_by("id"):
        paid[allocation.credit_id].append(allocation)
    days = _days(words, as_of=as_of)
    for day in sorted(set(days.values())):
        rows = [each for pk, listed in paid.items() if days[pk] == day for each in listed]
        post.reverse_all(rows, as_of=day, now=now)
    freed = list(Credit.objects.filter(pk__in=list(words)).order_by("pk"))
    for day in sorted(set(days.values())):
        closed = [(each, _confirmed_by(words[each.pk])) for each in freed if days[each.pk] == day]
        post.empty(closed, as_of=day, now=now)
    for credit in freed:
        credit.confirmed_by = words[credit.pk]
    Credit.objects.bulk_update(freed, ["confirmed_by"])
    for pk, authority in words.items():
        amount_minor, reason = gone.get(pk, (0, ""))
        left = min(amount_minor, refund.held_by(authority))
        if left > 0:
            refund.give_back(credit=authority, amount_minor=left, reason=reason, as_of=as_of, now=now)
        if _pay(authority, paid[pk], day=days[pk], now=now):
            allocate(credit=authority, as_of=as_of, now=now)
    audit.record_all(
        audit.line(
            "payment.confirmed", now=now, actor="day", creditor_ref=creditor.pk, subject="customer",
            subject_ref=credit.customer_id, provisional=credit.pk, authority=words[credit.pk].pk,
        )
        for credit in freed
    )  # fmt: skip


def _days(words: Mapping[int, Credit], *, as_of: date) -> dict[int, date]:
    """From which day on the authority's word stands for the other: since both were there, so that no past day counts both.

    Where either has been moved before, today: no past day is to read less than nothing.
    """
    both = [pk for other, authority in words.items() for pk in (other, authority.pk)]
    moved = Entry.objects.filter(credit__in=both).exclude(kind__in=[EntryKind.RECEIPT, EntryKind.ALLOCATION])
    used = Entry.objects.filter(credit__in=[each.pk for each in words.values()]).exclude(kind=EntryKind.RECEIPT)
    late = {*moved.values_list("credit", flat=True), *used.values_list("credit", flat=True)}
    since = dict(Credit.objects.filter(pk__in=both).values_list("pk", "received_on"))
    return {
        pk: as_of if {pk, authority.pk} & late else max(since[pk], since[authority.pk])
        for pk, authority in words.items()
    }


def _pay(authority: Credit, paid: Sequence[Allocation], *, day: date, now: datetime) -> int:
    """The same invoices, by no more than they had from the other; returns what is left."""
    left = Credit.objects.select_for_update(no_key=True).get(pk=authority.pk).open_minor
    rows = []
    for each in paid:
        part = min(left, each.amount_minor)
        left -= part
        if part:
            rows.append(
                Allocation(
                    credit=authority, invoice_id=each.invoice_id, amount_minor=part, rule="named", known_at=now,
                    effective_on=max(day, each.effective_on),
                )
            )  # fmt: skip
    Allocation.objects.bulk_create(rows)
    return left


def _gone(credits: Sequence[int]) -> dict[int, tuple[int, str]]:
    """How much has left these credits again, and why it did last."""
    found: dict[int, tuple[int, str]] = {}
    out = Entry.objects.filter(credit__in=credits, kind=EntryKind.REFUND).order_by("id")
    for pk, amount_minor, reason in out.values_list("credit", "amount_minor", "reason"):
        gone, why = found.get(pk, (0, ""))
        found[pk] = (gone - amount_minor, reason if amount_minor < 0 else why)
    return found


def _confirmed_by(authority: Credit) -> str:
    return in_house(_("Confirmed by %(source)s %(reference)s"), source=authority.source, reference=authority)


Key = tuple[int | None, str, int]


def _key(credit: Credit) -> Key:
    return (credit.customer_id, credit.currency, credit.amount_minor)


def _told_by_authority(creditor: Creditor, as_of: date) -> dict[Key, list[Credit]]:
    """The authority's payments that are nobody's confirmation yet, of the customers with something provisional."""
    waiting = Credit.objects.filter(creditor=creditor, provisional=True, confirmed_by=None)
    told: dict[Key, list[Credit]] = defaultdict(list)
    rows = Credit.objects.filter(
        creditor=creditor,
        provisional=False,
        kind=CreditKind.PAYMENT,
        confirms=None,
        received_on__lte=as_of,
        customer__in=waiting.values("customer"),
        amount_minor__in=waiting.values("amount_minor"),
    ).exclude(source__startswith="psp:")
    for row in rows.order_by("received_on", "id"):
        told[_key(row)].append(row)
    return told


def _nearest(told: list[Credit], provisional: Credit) -> Credit | None:
    near = [row for row in told if EARLIEST <= row.received_on - provisional.received_on <= LATEST]
    return min(near, key=lambda row: (abs(row.received_on - provisional.received_on), row.pk), default=None)
