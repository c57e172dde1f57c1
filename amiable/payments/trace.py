"""Which money a return takes back: a debit that the payer's bank did not honour, a cheque or a bill that bounced.

In: a line that takes money away with a reason. Out: the credit it was, or None for a person. Never: one that merely has
the same amount.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q, QuerySet

from amiable.ledger.models import Credit, Creditor
from amiable.payments.models import LineKind, StatementLine, StatementState

# A debit without authority may be taken back for thirteen months.
LATEST = timedelta(days=400)
BOUNCING = ("direct_debit", "cheque", "bill")


def waiting(creditors: Sequence[Creditor]) -> QuerySet[StatementLine]:
    """Returns that have not taken anything back yet, oldest first."""
    return (
        StatementLine.objects.filter(
            statement__creditor__in=creditors, statement__state=StatementState.COUNTED, kind=LineKind.RETURN,
            amount_minor__lt=0, same_as=None, credit=None,
        )
        .select_related("statement__creditor")
        .order_by("booked_on", "pk")
    )  # fmt: skip


def trace(line: StatementLine) -> Credit | None:
    """The credit that this return takes back, by the surest sign that finds exactly one, or the latest of several."""
    for sign, exact in (
        (Q(end_to_end_id=line.end_to_end_id) if line.end_to_end_id else None, False),
        (Q(cheque_number=line.cheque_number) if line.cheque_number else None, True),
        (Q(mandate_id=line.mandate_id) if line.mandate_id else None, True),
    ):
        if sign is None:
            continue
        amounts = {-line.amount_minor, -line.amount_minor - line.fees_minor}
        came = _came(line).filter(sign, **({"amount_minor__in": amounts} if exact else {}))
        found = came.order_by("-booked_on", "-pk").select_related("credit").first()
        if found is not None:
            return found.credit
    return _told_by_others(line)


def _came(line: StatementLine) -> QuerySet[StatementLine]:
    """What had come in before on any account of the creditor, and was not taken back yet."""
    gone = StatementLine.objects.filter(kind=LineKind.RETURN, amount_minor__lt=0, same_as=None).exclude(credit=None)
    return StatementLine.objects.filter(
        statement__creditor=line.statement.creditor, statement__state=StatementState.COUNTED, currency=line.currency,
        amount_minor__gt=0, same_as=None, booked_on__range=(line.booked_on - LATEST, line.booked_on),
    ).exclude(credit=None).exclude(credit__in=gone.values("credit"))  # fmt: skip


def _told_by_others(line: StatementLine) -> Credit | None:
    """A debit or a cheque that the accounts told, under the same reference and amount."""
    references = [name for name in (line.end_to_end_id, line.cheque_number) if name]
    if not references:
        return None
    found = Credit.objects.filter(
        creditor=line.statement.creditor, currency=line.currency, amount_minor=-line.amount_minor,
        reference__in=references, method__in=BOUNCING, received_on__range=(line.booked_on - LATEST, line.booked_on),
    ).exclude(statement_lines__amount_minor__lt=0)[:2]  # fmt: skip
    return found[0] if len(found) == 1 else None


def alike(line: StatementLine) -> QuerySet[Credit]:
    """For a person to choose from: money of the same amount that came in before, the nearest first."""
    return (
        Credit.objects.filter(
            creditor=line.statement.creditor, currency=line.currency, amount_minor=-line.amount_minor,
            received_on__range=(line.booked_on - LATEST, line.booked_on), confirmed_by=None,
        )
        .exclude(statement_lines__amount_minor__lt=0)
        .select_related("customer")
        .order_by("-received_on", "-pk")
    )  # fmt: skip
