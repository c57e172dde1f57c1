"""Money on the bank finds its invoices: a pure engine (no Django, no database, no clock), told in docs/algorithms/matching.md.

In: bank lines, open items, customers, what is remembered of payers. Out: proposals with parts, reasons and a confidence.
Never: more than is open, another currency, another answer to the same question.
"""

from amiable.payments.matching.propose import propose
from amiable.payments.matching.shapes import Item, ItemKind, Line, Memory, Part, Party, Proposal, Reason, Terms

__all__ = ["Item", "ItemKind", "Line", "Memory", "Part", "Party", "Proposal", "Reason", "Terms", "propose"]
