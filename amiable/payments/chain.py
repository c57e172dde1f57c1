"""Tries to pay that follow one another: one story until it is paid, or until nobody goes on with it.

In: a customer's tries. Out: the chain that they belong to, the try that can be gone on with, chains closed.
Never: two open chains of one customer in one currency, a chain closed while somebody pays.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from amiable.ledger.models import Credit, Creditor, Customer, Entry, EntryKind, Invoice
from amiable.payments.models import Attempt, AttemptState, Chain

CHAIN_DAYS = 14  # after which a chain closes that nobody went on with; policy chain_days
UNDER_WAY = (AttemptState.STARTED, AttemptState.PENDING)
CAME_TO_NOTHING = (AttemptState.FAILED, AttemptState.ABANDONED)

# What the newest try of a chain wanted to pay has nothing open any more (without invoices it wanted to pay all), by
# whatever money that was; and nobody is paying just now.
_SETTLED = """
UPDATE payments_chain c SET closed_at = %(now)s
FROM (SELECT DISTINCT ON (o.id) o.id, a.invoices
      FROM payments_chain o JOIN payments_attempt a ON a.chain_id = o.id
      WHERE o.closed_at IS NULL AND (%(customers)s::bigint[] IS NULL OR o.customer_id = ANY(%(customers)s))
        AND (%(creditor)s::bigint IS NULL OR o.creditor_id = %(creditor)s)
      ORDER BY o.id, a.opened_at DESC, a.id DESC) newest
WHERE newest.id = c.id AND c.closed_at IS NULL
  AND NOT EXISTS (SELECT FROM payments_attempt a WHERE a.chain_id = c.id AND a.state IN ('started', 'pending'))
  AND NOT EXISTS (SELECT FROM ledger_invoice i WHERE i.open_minor > 0 AND (i.id = ANY(newest.invoices)
    OR (cardinality(newest.invoices) = 0 AND i.customer_id = c.customer_id AND i.currency = c.currency)))
"""


def open_chain(*, customer: Customer, currency: str, now: datetime) -> Chain:
    """The chain that a new try belongs to: the one that is open, or a new one."""
    chain, new = Chain.objects.get_or_create(
        customer=customer,
        currency=currency,
        closed_at__isnull=True,
        defaults={"creditor_id": customer.creditor_id, "opened_at": now, "moved_at": now},
    )
    if not new:
        _moved(Chain.objects.filter(pk=chain.pk), now)
    return chain


def take_up(*, customer: Customer, currency: str, now: datetime) -> Chain | None:
    """A colleague goes on with what a try left open, by whatever channel: the chain lives on from now."""
    rows = Chain.objects.filter(customer=customer, currency=currency, closed_at=None)
    _moved(rows, now)
    return rows.first()


def reopen(*, credit: Credit, now: datetime) -> bool:
    """Money that a try had brought has left again: its story goes on, unless a newer one has begun. Whether it does."""
    tries = Attempt.objects.filter(Q(credit=credit) | Q(credit__confirmed_by=credit)).select_related("chain")
    over = {each.chain for each in tries if each.chain.closed_at is not None}
    for chain in over:
        known = Chain.objects.filter(customer=chain.customer_id, currency=chain.currency)
        if known.order_by("-opened_at", "-pk").first() == chain:
            Chain.objects.filter(pk=chain.pk).update(closed_at=None, moved_at=now)
            return True
    return False


def left_again(tries: Iterable[Attempt]) -> dict[int, int]:
    """How much of what these tries brought was given or taken back, by try."""
    held = {each.pk: each.credit.confirmed_by_id or each.credit.pk for each in tries if each.credit}
    out = Entry.objects.filter(credit__in=held.values(), kind=EntryKind.REFUND).order_by()
    left = dict(out.values("credit").annotate(minor=Sum("amount_minor")).values_list("credit", "minor"))
    return {pk: -left[credit] for pk, credit in held.items() if left.get(credit)}


def to_continue(*, customer: Customer, currency: str) -> Attempt | None:
    """The newest try of the open chain where it came to nothing, at once or since its money was taken back, what it wanted
    is still open, and nobody is paying.
    """
    tries = Attempt.objects.filter(chain__customer=customer, chain__currency=currency, chain__closed_at=None)
    newest = tries.select_related("credit").order_by("-opened_at", "-pk").first()
    if newest is None or tries.filter(state__in=UNDER_WAY).exists():
        return None
    nothing = newest.state in CAME_TO_NOTHING or bool(left_again([newest]))
    return newest if nothing and wanted(newest).exists() else None


def wanted(attempt: Attempt) -> QuerySet[Invoice]:
    """What is still open of that which a try wanted to pay."""
    still = Invoice.objects.filter(currency=attempt.currency, open_minor__gt=0)
    return still.filter(pk__in=attempt.invoices) if attempt.invoices else still.filter(customer=attempt.customer)


def close_chains(*, now: datetime, customers: Iterable[int] | None = None, creditor: Creditor | None = None) -> int:
    """Closes the open chains (of these customers, of one creditor) whose newest try has nothing left to pay."""
    values = {
        "now": now,
        "customers": None if customers is None else list(customers),
        "creditor": creditor.pk if creditor else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, values)
        return int(cursor.rowcount)


def rest_chains(*, now: datetime, creditor: Creditor | None = None) -> int:
    """Closes the chains that nobody went on with for the creditor's `chain_days`."""
    rested = 0
    for each in [creditor] if creditor else Creditor.objects.order_by("pk"):
        still = Chain.objects.filter(creditor=each, closed_at=None, moved_at__lt=now - patience(each))
        paying = Attempt.objects.filter(state__in=UNDER_WAY, creditor=each).values("chain")
        rested += still.exclude(pk__in=paying).update(closed_at=now)
    return rested


def patience(creditor: Creditor) -> timedelta:
    """How long a chain waits for somebody to go on with it."""
    return timedelta(days=max(1, int(creditor.policy.get("chain_days", CHAIN_DAYS))))


def _moved(rows: QuerySet[Chain], now: datetime) -> None:
    rows.filter(moved_at__lt=now).update(moved_at=now)
