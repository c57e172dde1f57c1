"""Customers who went from one segment to another, and what was open with them on that day."""

from amiable.insight.grain import Grain

# The segment of a row is the one that was gone to, as for every grain; `origin` is where they came from. What was open is
# known of those who went on to a segment; of some that were written earlier it is not.
MOVES = Grain(
    key="moves",
    source="""
SELECT o.customer_id, o.currency, o.until AS day, o.segment AS origin, 1 AS moves, n.open_minor AS moved_minor,
  (n.open_minor IS NOT NULL)::int AS told
FROM portfolio_membership o
JOIN ledger_customer c ON c.id = o.customer_id AND c.creditor_id = %(creditor)s AND c.merged_into_id IS NULL
LEFT JOIN portfolio_membership n ON n.customer_id = o.customer_id AND n.currency = o.currency AND n.since = o.until
WHERE o.until BETWEEN %(since)s AND %(as_of)s""",
    own=("origin",),
    sums=("moves", "moved_minor", "told"),
)
