"""Money that left is told by the bank or the provider, and by the accounts as a new debt of its amount: it is owed once.

In: debit notes of the accounts, money that was taken out of credits. Out: a credit of that sum for each of both told.
Never: one return for two debit notes, one debit note for two returns.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta

from django.db import transaction

from amiable.ledger.models import Credit, CreditKind, Creditor, Entry, EntryKind, Invoice, InvoiceKind
from amiable.payments.allocate import allocate

NEAR = timedelta(days=10)  # between the days that both name
BACK = timedelta(days=400)  # how long ago: a debit that nobody allowed may be returned for thirteen months
SOURCE = "return"  # the credit is known by the debit note and the posting that tell the same


@transaction.atomic
def owe_once(*, creditor: Creditor, as_of: date, now: datetime) -> int:
    """Credits each debit note that tells what a return has told, once; returns how many. In whichever order both came.

    Where the money had paid an invoice, this is open again and goes on as it stood; the credit settles the debit note, or
    what is due longest where that has been paid already.
    """
    lately = (as_of - BACK, as_of)
    notes = Invoice.objects.filter(creditor=creditor, kind=InvoiceKind.DEBIT_NOTE, issued_on__range=lately)
    told = list(notes.order_by("issued_on", "id"))
    if not told:
        return 0
    # Who comes second finds the credits of the first.
    Creditor.objects.select_for_update(no_key=True).get(pk=creditor.pk)
    known = Credit.objects.filter(creditor=creditor, source=SOURCE).values_list("external_id", flat=True)
    pairs = [each.split("/") for each in known]
    used_notes, used_returns = ({int(pair[side]) for pair in pairs} for side in (0, 1))
    left = defaultdict(list)
    for entry in _returns({note.customer_id for note in told}, since=as_of - BACK - NEAR):
        if entry.pk not in used_returns and entry.credit is not None:
            left[entry.credit.customer_id, entry.credit.currency, -entry.amount_minor].append(entry)
    made = 0
    for note in told:
        offers = left[note.customer_id, note.currency, note.amount_minor] if note.pk not in used_notes else []
        near = [entry for entry in offers if abs(entry.effective_on - note.issued_on) <= NEAR]
        if near:
            nearest = min(near, key=lambda entry: (abs(entry.effective_on - note.issued_on), entry.pk))
            offers.remove(nearest)
            _credit(note, nearest, as_of=as_of, now=now)
            made += 1
    return made


def _returns(customers: set[int], *, since: date) -> list[Entry]:
    """What was given or taken back of these customers' money, the oldest first; not what another telling took over, or
    what had been put aside and was put back.
    """
    out = Entry.objects.filter(
        kind=EntryKind.REFUND, credit__customer__in=customers, credit__confirmed_by=None, effective_on__gte=since
    ).exclude(credit__kind=CreditKind.OTHER)  # fmt: skip
    rows = list(out.select_related("credit").order_by("effective_on", "id"))
    put_back = {(row.credit_id, -row.amount_minor) for row in rows if row.amount_minor > 0}
    return [row for row in rows if row.amount_minor < 0 and (row.credit_id, row.amount_minor) not in put_back]


def _credit(note: Invoice, entry: Entry, *, as_of: date, now: datetime) -> None:
    money = Credit.objects.create(
        creditor_id=note.creditor_id, customer_id=note.customer_id, source=SOURCE, external_id=f"{note.pk}/{entry.pk}",
        kind=CreditKind.OTHER, reference=note.reference, received_on=max(note.issued_on, entry.effective_on),
        currency=note.currency, amount_minor=note.amount_minor, open_minor=note.amount_minor, known_at=now,
    )  # fmt: skip
    allocate(credit=money, as_of=as_of, now=now, invoices=[note.pk], rule="named")
