"""The address on a letter: its lines as sorting machines read them, and where they stand on the page.

In: lines as they were told, one per line. Out: at most six lines of 38 signs, the last ones in capitals.
Never: an address cut short; what does not fit is not usable, and a better one is asked for.
"""

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale

LETTERS = Path(__file__).parent / "letters"
LINES, SIGNS = 6, 38
# The last line of what goes abroad is the country, in the language of the country that the letter leaves from.
TONGUES = {"FR": "fr", "BE": "fr", "LU": "fr", "MC": "fr", "CH": "fr", "DE": "de", "AT": "de", "ES": "es", "IT": "it"}
# Countries in which letters arrive without a postcode.
WITHOUT_POSTCODE = (
    "AE", "AG", "AO", "BF", "BI", "BJ", "BO", "BS", "CF", "CG", "CI", "CM", "DJ", "GA", "GH", "GM", "HK", "IE", "JM",
    "KM", "ML", "MR", "QA", "RW", "SC", "TD", "TG", "UG", "YE",
)  # fmt: skip

# The scripts of the letters' fonts: in others a name would be a row of empty boxes, which no postman reads.
SCRIPTS = {
    "LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW", "ARABIC", "MODIFIER", "FEMININE", "MASCULINE",
}  # fmt: skip
# Countries whose post reads the postcode on a line of its own, below the town.
POSTCODE_LAST = ("GB", "GG", "IM", "JE")


@dataclass(frozen=True)
class Window:
    """Where the address stands, in millimetres from the left and the upper edge of the page."""

    x: int
    y: int
    width: int
    height: int
    folds: tuple[int, ...]

    @property
    def left(self) -> bool:
        return self.x < 60


@cache
def window(country: str) -> Window:
    """The window of a country's envelopes; of one that is not known, the right one."""
    known = _windows()
    twins = {twin: key for key, others in known["like"].items() for twin in others}
    found = known.get(country) or known[twins.get(country, "FR")]
    return Window(**{**found, "folds": tuple(found["folds"])})


def told(name: str, street: str, postcode: str, city: str, country: str) -> str:
    """The address of a customer's row, one line each; empty where too much is missing for a letter to arrive."""
    if not (name.strip() and street.strip() and city.strip()):
        return ""
    if not postcode.strip() and country not in WITHOUT_POSTCODE:
        return ""
    place = f"{city.upper()}\n{postcode}" if country in POSTCODE_LAST else f"{postcode} {city}".strip()
    return "\n".join([name, *street.splitlines(), place])


def fits(value: str, *, country: str, sender: str) -> bool:
    return block(value, country=country, sender=sender) is not None


def block(value: str, *, country: str, sender: str) -> list[str] | None:
    """The lines on the envelope, from a letter of `sender` (a country); None where they do not fit, are too few, or
    cannot be printed.
    """
    lines = [re.sub(r"\s+", " ", line).strip(" ,;") for line in value.splitlines()]
    lines = [line for line in lines if line]
    abroad = bool(country) and country != sender
    named = abroad and lines and lines[-1].casefold() in _names(country)
    if named:
        lines.pop()
    if len(lines) < 3 or not _printable(value):
        return None
    shown = [part for line in lines[:-1] for part in _wrapped(line)] + _wrapped(lines[-1].upper())
    if abroad:
        shown.append(_country(country, TONGUES.get(sender, "en")).upper())
    return shown if len(shown) <= LINES and all(len(line) <= SIGNS for line in shown) else None


def _printable(value: str) -> bool:
    letters = (sign for sign in value if unicodedata.category(sign).startswith("L"))
    return all(unicodedata.name(letter, "").split(" ")[0] in SCRIPTS for letter in letters)


def _wrapped(line: str) -> list[str]:
    """Never broken inside a word: one that is too long makes the address unusable."""
    return textwrap.wrap(line, SIGNS, break_long_words=False, break_on_hyphens=False)


@cache
def _country(code: str, language: str) -> str:
    return str(Locale(language).territories.get(code, code))


@cache
def _names(code: str) -> frozenset[str]:
    """How people write a country at the end of an address."""
    return frozenset({code.casefold(), *(_country(code, language).casefold() for language in ("fr", "en", "de"))})


@cache
def _windows() -> Mapping[str, Any]:
    found: dict[str, Any] = yaml.safe_load((LETTERS / "windows.yaml").read_text(encoding="utf-8"))
    return found
