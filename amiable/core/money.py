"""Amounts are whole minor units with an ISO 4217 currency; text goes in, text goes out. Free of Django.

Never a float, never a silent rounding: what cannot be read exactly is refused with a sentence.
"""

import re
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, get_currency_precision

from amiable.core.language import Writer, locale, quick

_NOISE = re.compile(r"[\s'’]")  # whatever kind of space groups thousands, no-break ones included
_SIGNED = re.compile(r"(?P<sign>[+-]?)(?P<plain>[^()+-]+)|(?P<trailing>[^()+-]+)-|\((?P<bracketed>[^()+-]+)\)")


class UnreadableAmount(ValueError):
    """The text is not an exact amount; the message says why."""


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Digits after the point of a currency: 2 for EUR, 0 for JPY, 3 for TND (from CLDR)."""
    return get_currency_precision(currency)


def minor(text: str, *, currency: str, decimal: str = ",") -> int:
    """Minor units of an amount as written in a file, e.g. "1 234,56" → 123456; signs and trailing minus are read.

    `decimal` is the decimal sign, the other of comma and point groups thousands. Raises UnreadableAmount.
    """
    raw = _NOISE.sub("", text).replace("€", "").replace(currency, "")
    if not raw:
        raise UnreadableAmount("The amount is empty.")
    signed = _SIGNED.fullmatch(raw)
    if signed is None:
        raise UnreadableAmount(f"“{text.strip()}” is not an amount.")
    negative = signed["sign"] == "-" or signed["plain"] is None
    digits = signed["plain"] or signed["trailing"] or signed["bracketed"]
    grouping = "." if decimal == "," else ","
    whole, _, fraction = digits.partition(decimal)
    if grouping in fraction:
        raise UnreadableAmount(f"“{text.strip()}” is not an amount with “{decimal}” as decimal sign.")
    if grouping in whole:
        head, *groups = whole.split(grouping)
        if not head or len(head) > 3 or any(len(group) != 3 for group in groups):
            raise UnreadableAmount(f"“{text.strip()}” is not an amount with “{decimal}” as decimal sign.")
        whole = head + "".join(groups)
    if not (whole or fraction) or not (whole + fraction).isascii() or not (whole + fraction).isdigit():
        raise UnreadableAmount(f"“{text.strip()}” is not an amount.")
    places = exponent(currency)
    if len(fraction.rstrip("0")) > places:
        raise UnreadableAmount(f"“{text.strip()}” has more decimals than {currency} knows ({places}).")
    value = int((whole or "0") + fraction[:places].ljust(places, "0"))
    if value > 2**62:
        raise UnreadableAmount(f"“{text.strip()}” is too large.")
    return -value if negative else value


def major(amount_minor: int, currency: str) -> Decimal:
    """The exact decimal value in major units."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def shown(amount_minor: int, currency: str, language: str = "fr") -> str:
    """The amount as people write it: 1 234,56 € in French, €1,234.56 in English."""
    return _writer(currency, language)(major(amount_minor, currency))


@lru_cache(maxsize=256)
def _writer(currency: str, language: str) -> Writer:
    def write(value: Decimal) -> str:
        return format_currency(value, currency, locale=locale(language))

    return quick(write, digits=exponent(currency), language=language)


def rounded(amount_minor: int, currency: str, language: str = "fr") -> str:
    """The same in whole units, where only the size counts: 1 235 €."""
    own = locale(language)
    whole = own.currency_formats["standard"].pattern.replace(".00", "")
    return format_currency(
        round(major(amount_minor, currency)), currency, whole, locale=own, currency_digits=False
    )  # fmt: skip
