"""Figures as they are said and written: amounts, dates, delays, phone numbers, references, colours.

In: values. Out: words in a language. Never: a rounding.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import phonenumbers
from babel.dates import format_date

from amiable.core import money

LOCALES = {"fr": "fr_FR", "en": "en_GB"}
COLOUR = "#1b5e7b"


@lru_cache(maxsize=4096)
def day(value: date, language: str) -> str:
    """A date as it is said: 12 novembre 2025, 12 November 2025."""
    said = format_date(value, "d MMMM y", locale=LOCALES[language]).replace(" ", "\u00a0", 1)
    return f"1er{said[1:]}" if language == "fr" and said.startswith("1\u00a0") else said


@lru_cache(maxsize=4096)
def short_day(value: date, language: str) -> str:
    return format_date(value, "dd/MM/y" if language == "fr" else "d MMM y", locale=LOCALES[language])


@lru_cache(maxsize=8192)
def amount(value_minor: int, currency: str, language: str) -> str:
    # The narrow space of French typography all but vanishes in columns of figures: the full one is read faster.
    return money.shown(value_minor, currency, language).replace("\u202f", "\u00a0").replace("-", "\u2212")


def delay(days_late: int, language: str) -> str:
    """How late, in words; a date to come is said so."""
    if language == "fr":
        if days_late <= 0:
            return (
                "à régler aujourd’hui" if days_late == 0 else f"dans {-days_late} jour{'s' if days_late < -1 else ''}"
            )
        return f"{days_late} jour{'s' if days_late > 1 else ''} de retard"
    if days_late <= 0:
        return "due today" if days_late == 0 else f"in {-days_late} day{'s' if days_late < -1 else ''}"
    return f"{days_late} day{'s' if days_late > 1 else ''} late"


def grouped(text: str) -> str:
    """IBAN and references in groups of four, as banks print them."""
    bare = re.sub(r"\s", "", text)
    return " ".join(bare[start : start + 4] for start in range(0, len(bare), 4))


@lru_cache(maxsize=1024)
def phone(number: str, country: str) -> str:
    """The number as it is dialled from the creditor's country; what cannot be read is shown as it was given."""
    parsed = _parsed(number, country)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL) if parsed else number


@lru_cache(maxsize=1024)
def phone_url(number: str, country: str) -> str:
    parsed = _parsed(number, country)
    return f"tel:{phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)}" if parsed else ""


def _parsed(number: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, country) if number else None
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=256)
def colour(wished: object) -> str:
    """The creditor's colour where white words on it can be read (4.5:1), else the house's."""
    if not isinstance(wished, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", wished):
        return COLOUR
    parts: Sequence[float] = [int(wished[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return wished if 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5 else COLOUR
