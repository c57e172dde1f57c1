"""What a customer owes now, read live from the residuals: by age, and how much of it is disputed, promised, in a plan, held,
charges or sold.

One row per currency; a part that is held for two reasons counts in each reason and once in `held_minor`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from amiable.ledger import balance
from amiable.ledger.models import Credit, Hold, HoldKind, Invoice


@dataclass
class Exposure:
    """Named as the columns of a profile, so that one ageing bar draws both."""

    currency: str
    not_due_minor: int = 0
    overdue_1_30_minor: int = 0
    overdue_31_60_minor: int = 0
    overdue_61_90_minor: int = 0
    overdue_over_90_minor: int = 0
    disputed_minor: int = 0
    promised_minor: int = 0
    planned_minor: int = 0
    held_minor: int = 0
    credit_minor: int = 0
    suspense_minor: int = 0  # money that is nobody's yet, and may be this customer's
    sold_minor: int = 0
    charged_minor: int = 0
    open_count: int = 0
    overdue_count: int = 0
    oldest: int = 0

    @property
    def overdue_minor(self) -> int:
        return (
            self.overdue_1_30_minor + self.overdue_31_60_minor + self.overdue_61_90_minor + self.overdue_over_90_minor
        )

    @property
    def open_minor(self) -> int:
        return self.not_due_minor + self.overdue_minor

    @property
    def net_overdue_minor(self) -> int:
        return max(self.overdue_minor - self.credit_minor, 0)


@dataclass
class Line:
    """An open invoice as the desk shows it."""

    invoice: Invoice
    days: int
    holds: list[Hold] = field(default_factory=list)
    sold: bool = False

    @property
    def charges_minor(self) -> int:
        """What of the residual is interest, indemnity and costs: money covers what was invoiced first."""
        return min(self.invoice.open_minor, self.invoice.charged_minor)


def lines(*, invoices: Iterable[Invoice], holds: Sequence[Hold], today: date) -> list[Line]:
    """The open invoices with how late they are, the holds that stand on each of them, and whether it is `sold` (annotated)."""
    on: dict[int | None, list[Hold]] = defaultdict(list)
    for hold in holds:
        on[hold.invoice_id].append(hold)
    return [
        Line(invoice, (today - invoice.due_on).days, on[invoice.pk], vars(invoice).get("sold", False))
        for invoice in invoices
    ]


def exposures(
    *,
    lines: Sequence[Line],
    credits: Iterable[Credit],
    holds: Sequence[Hold],
    suspense: Mapping[str, int] | None = None,
) -> list[Exposure]:
    """One exposure per currency, the most overdue first. `suspense`: money that may be the customer's, by currency."""
    found: dict[str, Exposure] = {}
    for credit in credits:
        found.setdefault(credit.currency, Exposure(credit.currency)).credit_minor += credit.open_minor
    for currency, minor in (suspense or {}).items():
        found.setdefault(currency, Exposure(currency)).suspense_minor += minor
    everywhere = [hold for hold in holds if hold.invoice_id is None]
    for line in lines:
        currency, left = line.invoice.currency, line.invoice.open_minor
        sums = found.setdefault(currency, Exposure(currency))
        band = balance.bucket(line.days)
        column = "not_due_minor" if band == "not_due" else f"overdue_{band}_minor"
        setattr(sums, column, getattr(sums, column) + left)
        sums.open_count += 1
        sums.overdue_count += line.days > 0
        sums.oldest = max(sums.oldest, line.days)
        standing = line.holds + everywhere
        sums.disputed_minor += _part(standing, left, HoldKind.DISPUTE)
        sums.promised_minor += _part(standing, left, HoldKind.PROMISE)
        sums.planned_minor += _part(standing, left, HoldKind.PLAN)
        sums.held_minor += _part(standing, left)
        sums.charged_minor += line.charges_minor
        sums.sold_minor += left if line.sold else 0
    return sorted(found.values(), key=lambda each: (-each.overdue_minor, each.currency))


def _part(holds: Sequence[Hold], left: int, kind: str | None = None) -> int:
    """How much of what is left stands under these holds: all of it, or the largest part that one names."""
    parts = [
        left if hold.amount_minor is None else min(hold.amount_minor, left)
        for hold in holds
        if kind in (None, hold.kind)
    ]
    return max(parts, default=0)
