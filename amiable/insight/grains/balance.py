"""What is open, by age now and 30 days before, beside what was billed; and who of those who are late was reached."""

from typing import TYPE_CHECKING

import polars as pl

from amiable.insight.grain import Grain
from amiable.ledger.balance import BUCKETS

if TYPE_CHECKING:
    from amiable.insight.gather import Gathered

BACK = 30  # days between the two looks at what is open
BILLING = 90  # days of billing beside which it is set
NOT_DUE, UP_TO_30, UP_TO_60, UP_TO_90, OLDEST = BUCKETS


def _band(on: str) -> str:
    """The band of an invoice's age on a day; the due day itself is not late yet."""
    late = f"({on} - i.due_on)"
    return (
        f"CASE WHEN {late} <= 0 THEN '{NOT_DUE}' WHEN {late} <= 30 THEN '{UP_TO_30}' WHEN {late} <= 60 THEN '{UP_TO_60}'"
        f" WHEN {late} <= 90 THEN '{UP_TO_90}' ELSE '{OLDEST}' END"
    )


# Residuals as of a day: today's, with all that counted later taken back.
ITEMS = Grain(
    key="items",
    source=f"""
SELECT i.customer_id, i.currency, %(as_of)s::date AS day, {_band("%(as_of)s::date")} AS bucket,
  {_band(f"(%(as_of)s::date - {BACK})")} AS was,
  i.open_minor - coalesce(l.later, 0) AS open_minor, i.open_minor - coalesce(l.moved, 0) AS before_minor,
  least(i.open_minor - coalesce(l.later, 0), i.open_minor - coalesce(l.moved, 0)) AS stayed_minor,
  CASE WHEN i.issued_on > %(as_of)s::date - {BACK} THEN i.amount_minor END AS billed_minor,
  CASE WHEN i.issued_on > %(as_of)s::date - {BILLING} THEN i.amount_minor END AS sales_minor
FROM ledger_invoice i LEFT JOIN (
  SELECT invoice_id, sum(amount_minor) AS moved, sum(amount_minor) FILTER (WHERE effective_on > %(as_of)s) AS later
  FROM ledger_entry WHERE effective_on > %(as_of)s::date - {BACK} AND invoice_id IS NOT NULL GROUP BY 1) l ON l.invoice_id = i.id
WHERE i.creditor_id = %(creditor)s AND i.issued_on <= %(as_of)s
  AND (i.open_minor > 0 OR l.moved IS NOT NULL OR i.issued_on > %(as_of)s::date - {BILLING})""",
    own=("bucket", "was"),
    sums=("open_minor", "before_minor", "stayed_minor", "billed_minor", "sales_minor"),
    each=True,
    stock=True,
)


def _late(gathered: "Gathered") -> pl.DataFrame:
    """One row per customer and currency with something overdue."""
    owing = (pl.col("bucket") != NOT_DUE) & (pl.col("open_minor") > 0)
    late = gathered.rows(ITEMS).filter(owing).unique(("currency", "customer"), keep="any")
    reached = gathered.reached["customer"]
    contacted = pl.col("customer").is_in(reached.implode()).cast(pl.Int64)
    return late.select(*list(LATE.schema)[:-2], late=pl.lit(1, pl.Int64), contacted=contacted)


LATE = Grain(key="late", made=_late, sums=("late", "contacted"), stock=True)
