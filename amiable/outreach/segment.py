"""How many SMS a text is: the letters that the GSM alphabet has, and what a network charges for those it has not.

In: a text. Out: the text as it is spelled in an SMS, and its number of segments. Pure.
Never: a text that costs twice for a curly apostrophe; a letter lost where another one would not be understood.
"""

import re
import unicodedata
from dataclasses import dataclass

# GSM 03.38: the basic alphabet; the signs of its extension take two places (an escape goes before them).
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
SINGLE, JOINED = {"gsm": 160, "ucs2": 70}, {"gsm": 153, "ucs2": 67}  # joined texts carry a header in each segment
_TYPOGRAPHY = str.maketrans({
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\t": " ", "\u00ad": "", "\u200b": "",
    "’": "'", "‘": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‑": "-", "−": "-",
    "…": "...", "•": "-", "·": "-", "Œ": "OE", "œ": "oe", "×": "x",
})  # fmt: skip


@dataclass(frozen=True)
class Segments:
    """`places`: what the text takes of the alphabet; `left`: places free in the last segment."""

    alphabet: str  # gsm or ucs2
    places: int
    count: int
    left: int


def segment(text: str) -> Segments:
    """The segments in which a network carries the text."""
    gsm = _fits(text)
    alphabet = "gsm" if gsm else "ucs2"
    sizes = [1 + (sign in EXTENSION) if gsm else len(sign.encode("utf-16-be")) // 2 for sign in text]
    places = sum(sizes)
    if places <= SINGLE[alphabet]:
        return Segments(alphabet, places, 1, SINGLE[alphabet] - places)
    room, count, used = JOINED[alphabet], 1, 0
    for size in sizes:
        if used + size > room:  # a sign of two places never stands on both sides of a cut
            count, used = count + 1, 0
        used += size
    return Segments(alphabet, places, count, room - used)


def spell(text: str) -> str:
    """The text as it is written in an SMS: plain signs for typographic ones and, where that lets it be carried in the
    cheap alphabet, ê as e and ç as c. A text that needs other letters anyway keeps its accents.
    """
    quoted = re.sub(r"«\s*|\s*»", '"', unicodedata.normalize("NFC", text))  # the space within goes with the sign
    plain = quoted.strip().translate(_TYPOGRAPHY)
    bare = "".join(sign if _fits(sign) else _bare(sign) for sign in plain)
    return bare if _fits(bare) else plain


def _fits(text: str) -> bool:
    return all(sign in BASIC or sign in EXTENSION for sign in text)


def _bare(sign: str) -> str:
    """The letter without its accent, where that leaves a letter of the alphabet."""
    letters = "".join(part for part in unicodedata.normalize("NFD", sign) if not unicodedata.combining(part))
    return letters if letters and _fits(letters) else sign
