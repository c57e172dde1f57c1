"""What the customer sees of the statement: each invoice with what is left to pay on it once credits are counted.

In: the statement and the holds of a day. Out: lines to tick. Never: more than is owed.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from amiable.core import money
from amiable.ledger.balance import Charge, Statement
from amiable.ledger.models import Hold, HoldKind

# What the customer is told about a hold; other kinds are the house's own affair.
TOLD = (HoldKind.DISPUTE, HoldKind.PROMISE, HoldKind.CLAIMED, HoldKind.PAYMENT, HoldKind.PLAN)


@dataclass(frozen=True)
class Line:
    id: int
    reference: str
    issued_on: date
    due_on: date
    days_late: int
    open_minor: int
    to_pay_minor: int
    held: str = ""
    held_until: date | None = None
    copy: bool = False
    sold: bool = False  # to a factor, who is paid by transfer alone
    ticked: bool = False
    charges: tuple[Charge, ...] = ()  # interest, indemnity and costs: a part of what is open
    principal_minor: int = 0

    @property
    def payable(self) -> bool:
        """Whether it can be paid here."""
        return self.to_pay_minor > 0 and not self.sold

    @property
    def by_credit_minor(self) -> int:
        """The part that an open credit will settle."""
        return self.open_minor - self.to_pay_minor


def lines(statement: Statement, *, holds: Sequence[Hold], copies: Collection[int]) -> list[Line]:
    """The open invoices, oldest due first; ticked are those that are due and not held, or all where none is due."""
    kinds: dict[int | None, Hold] = {}
    for hold in sorted(holds, key=lambda hold: -TOLD.index(HoldKind(hold.kind)) if hold.kind in TOLD else -len(TOLD)):
        if hold.kind in TOLD and hold.amount_minor is None:
            kinds[hold.invoice_id] = hold
        elif hold.kind in TOLD:
            kinds.setdefault(hold.invoice_id, hold)
    to_pay = _after_credits(statement)
    found = []
    for row in statement.invoices:
        held = kinds.get(row.id) or kinds.get(None)
        found.append(
            Line(
                id=row.id,
                reference=row.reference,
                issued_on=row.issued_on,
                due_on=row.due_on,
                days_late=row.days_late,
                open_minor=row.open_minor,
                to_pay_minor=to_pay[row.id],
                held=held.kind if held else "",
                held_until=held.until if held else None,
                copy=row.id in copies,
                sold=row.id in statement.sold,
                charges=row.charges,
                principal_minor=row.principal_minor,
            )
        )
    free = [line for line in found if line.payable and not line.held]
    # Held ones count: who has promised what is due is not asked for what is to come.
    none_due = all(line.days_late < 0 for line in found)
    ticked = {line.id for line in free if none_due or line.days_late >= 0}
    return [replace(line, ticked=line.id in ticked) for line in found]


def asked_for(rows: Sequence[Line], invoices: Collection[int]) -> list[Line]:
    """The same lines, ticked as a colleague chose them; as they were where none of those can be paid any more."""
    left = {row.id for row in rows if row.id in invoices and row.payable}
    return [replace(row, ticked=row.id in left) for row in rows] if left else list(rows)


def _after_credits(statement: Statement) -> dict[int, int]:
    """Spreads the open credits as the nightly allocation will: by reference first, then oldest due first, sold ones last."""
    left = {row.id: row.open_minor for row in statement.invoices}
    by_reference: dict[str, list[int]] = defaultdict(list)
    for row in statement.invoices:
        by_reference[row.reference.strip()].append(row.id)
    remaining = 0
    for credit in statement.credits:
        remaining += _take(left, by_reference.get(credit.reference.strip(), []), credit.open_minor)
    _take(left, sorted(left, key=lambda row: row in statement.sold), remaining)
    return left


def _take(left: dict[int, int], ids: list[int], amount: int) -> int:
    for id in ids:
        part = min(left[id], amount)
        left[id] -= part
        amount -= part
    return amount


def read_amount(text: str, currency: str) -> int:
    """An amount as a person types it: with a comma or a point. Raises money.UnreadableAmount."""
    decimal = "." if "." in text and "," not in text else ","
    return money.minor(text, currency=currency, decimal=decimal)
