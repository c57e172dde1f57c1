"""What the engine takes and gives, as plain rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


class ItemKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"  # what is left of it may be netted by the payer
    TOLD = "told"  # a payment that somebody else has told already: the line may be the same money


@dataclass(frozen=True, slots=True)
class Line:
    """Money that came in. `text`: all that the payer wrote; amounts are minor units, more than zero."""

    id: int
    amount_minor: int
    currency: str
    booked_on: date
    payer: str = ""
    payer_iban: str = ""
    text: str = ""
    creditor_reference: str = ""
    end_to_end_id: str = ""
    mandate_id: str = ""
    fees_minor: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """What may be paid, netted or confirmed. `references`: every name under which a payer may call it."""

    id: int
    customer: int
    references: tuple[str, ...]
    open_minor: int
    currency: str
    issued_on: date
    due_on: date
    kind: ItemKind = ItemKind.INVOICE


@dataclass(frozen=True, slots=True)
class Party:
    """A customer. `family`: the same number for those who pay for one another (parent, payer)."""

    id: int
    number: str
    name: str
    family: int = 0
    mandates: tuple[str, ...] = ()
    references: tuple[str, ...] = ()  # structured references of payments (RF) that are the customer's


@dataclass(frozen=True)
class Memory:
    """Who paid before: for an IBAN or a payer's name, how often each customer was meant."""

    ibans: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    names: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """What the creditor lets pass. `shortfall_minor`: by currency, bank fees and roundings that a payer may keep back."""

    shortfall_minor: Mapping[str, int] = field(default_factory=dict)
    discount_permille: int = 0  # cash discount for those who pay in time
    discount_days: int = 0  # from the day of the invoice

    def short(self, currency: str) -> int:
        return self.shortfall_minor.get(currency, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """So much of the line (of a credit note: of the note) for one item; `given_up`: left unpaid within the terms."""

    item: int
    kind: ItemKind
    amount_minor: int
    given_up_minor: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a code with its values; the desk says it in words."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a line may be. `customer`: whose money; None where the parts belong to nobody known.

    `rest_minor`: what stays with the customer on account. `group`: lines that pay one invoice together.
    """

    line: int
    customer: int | None
    parts: tuple[Part, ...]
    rest_minor: int
    confidence: float
    reasons: tuple[Reason, ...]
