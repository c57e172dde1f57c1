"""The port of bank statements: one file per format. A format turns bytes into statements with their lines, streaming.

Never: an amount guessed, a movement left out in silence, a file held in memory. What cannot be read is refused whole.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import IO, Any

from django.utils.translation import gettext as _

from amiable.core import money, registry
from amiable.core.errors import UnableTo

HEAD = 16 * 1024
Where = Callable[[], str]  # where something stands in the file: asked only when it is wrong
# What banks write where the payer gave no reference; it names nothing.
NOTHING = {"", "NOTPROVIDED", "NONREF", "NONE", "NOT PROVIDED", "NOTAVAILABLE", "NOTSPECIFIED", "NOREF", "/", "N"}


class UnableToRead(UnableTo):
    """The file is no statement, or a broken one; nothing of it was taken."""


@dataclass(slots=True)
class Line:
    """One movement, signed: money that comes in is positive. `entry` counts the bookings of a statement from 1; lines of
    one entry are the parts of a batch and add up to it. The other columns are those of StatementLine.
    """

    entry: int
    booked_on: date
    value_on: date
    amount_minor: int
    currency: str
    fees_minor: int = 0
    instructed_minor: int | None = None
    instructed_currency: str = ""
    kind: str = ""
    method: str = ""
    payer: str = ""
    payer_iban: str = ""
    ultimate_payer: str = ""
    text: str = ""
    creditor_reference: str = ""
    end_to_end_id: str = ""
    mandate_id: str = ""
    cheque_number: str = ""
    bank_reference: str = ""
    bank_code: str = ""
    return_reason: str = ""


@dataclass(slots=True)
class Told:
    """One statement as a file tells it. `lines` is read once and in turn; what stands below it may be filled by then."""

    account: str  # IBAN, or the bank's own number; empty: the file names none
    currency: str
    telling: str
    lines: Iterator[Line]
    number: str = ""
    reference: str = ""
    opened_on: date | None = None
    closed_on: date | None = None
    opening_minor: int | None = None
    closing_minor: int | None = None
    announced: int = 0  # movements that the bank has not booked yet: it will tell them again
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Hint:
    """What is known of the creditor where a file leaves it open."""

    currency: str = "EUR"
    country: str = "FR"


class Format(ABC):
    """One way in which banks write statements."""

    key = ""
    label: Any = ""  # lazily translated
    rank = 50  # asked in this order: the pickier first

    @abstractmethod
    def matches(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format."""

    @abstractmethod
    def statements(self, file: IO[bytes], *, hint: Hint) -> Iterator[Told]:
        """The statements of the file, one after the other; each one's lines must be read before the next is asked for.

        Raises UnableToRead when the file turns out to be broken.
        """


@cache
def formats() -> dict[str, Format]:
    """Every format of this folder and of other packages, the pickier first."""
    import amiable.payments.statements as package

    found = registry.discover(package, Format, entry_point="amiable.statements")  # type: ignore[type-abstract]
    return {kind.key: kind() for kind in sorted(found.values(), key=lambda kind: (kind.rank, kind.key))}


def format_of(head: bytes) -> Format:
    """The first format that takes a file which begins so."""
    if not head.strip():
        raise UnableToRead(_("The file is empty."))
    for form in formats().values():
        if form.matches(head):
            return form
    raise UnableToRead(_("This is no bank statement: bring camt.052, 053 or 054, MT940, CFONB 120 or the bank's CSV."))


# -- what the formats share ----------------------------------------------------------------------------------------------


def text(value: str, most: int = 0) -> str:
    """Words without spaces around and within them, and without signs that no database keeps."""
    plain = " ".join(value.split())
    return plain[:most].rstrip() if most else plain


def named(value: str, most: int = 70) -> str:
    """A reference; empty where the bank wrote only that there is none."""
    plain = text(value)
    return "" if plain.upper() in NOTHING else plain[:most]


def account(value: str) -> str:
    """An account's number without spaces and dashes, as it is compared."""
    return re.sub(r"[\s./-]", "", value).upper()[:34]


def minor(value: str, currency: str, *, decimal: str, where: Where) -> int:
    """Minor units of an amount; a sentence that says where it stands when it is none."""
    try:
        return money.minor(value, currency=currency, decimal=decimal)
    except money.UnreadableAmount as error:
        raise UnableToRead(f"{where()}: {error}") from error


def day(value: str, where: Where) -> date:
    """A day written as YYYY-MM-DD, whatever time follows."""
    try:
        return _day(value[:10])
    except ValueError as error:
        raise _no_date(value, where) from error


def short_day(value: str, order: str, where: Where) -> date:
    """A day of six digits, as `ymd` or `dmy`; the years 00 to 79 are of this century."""
    try:
        return _short_day(value, order)
    except ValueError as error:
        raise _no_date(value, where) from error


@lru_cache(maxsize=4096)
def _day(value: str) -> date:
    return date.fromisoformat(value)


@lru_cache(maxsize=4096)
def _short_day(value: str, order: str) -> date:
    first, month, last = int(value[:2]), int(value[2:4]), int(value[4:6])
    year, of_month = (first, last) if order == "ymd" else (last, first)
    return date(2000 + year if year < 80 else 1900 + year, month, of_month)


def _no_date(value: str, where: Where) -> UnableToRead:
    return UnableToRead(_("%(where)s: “%(value)s” is no date.") % {"where": where(), "value": value[:40]})
