"""What stands in a payer's words: references, numbers and names, whatever signs stand between them.

In: texts of any length and alphabet. Out: pieces, at most so many. Never: more work for a longer text than its bound.
"""

import re
import unicodedata
from functools import lru_cache

LONGEST = 1_000  # signs of a text that are looked at
PIECES = 120  # words of a text that are looked at
JOINED = 5  # words that may make up one reference
_WORD = re.compile(r"[0-9A-Z]+")
_RUNS = re.compile(r"\d+|[A-Z]+")
# What a firm is, not who it is: it tells no customer from another.
_FORMS = frozenset(
    re.findall(
        r"\w+",
        "SA SAS SASU SARL EURL SCI SNC SCOP GMBH AG KG OHG UG LTD LIMITED LLC INC CORP CORPORATION CO COMPANY PLC BV NV SRL"
        " SPA SL LDA PTY PVT OY AB AS ASA KK ET AND UND THE LE LA LES DE DU DES M MR MME MLLE MONSIEUR MADAME MRS MS",
    )
)


@lru_cache(maxsize=200_000)
def plain(text: str) -> str:
    """Upper case without accents, as banks carry it."""
    if text.isascii():
        return text.upper()
    folded = unicodedata.normalize("NFKD", text[:LONGEST])
    return "".join(sign for sign in folded if not unicodedata.combining(sign)).upper()


def squeezed(text: str) -> str:
    """Letters and digits alone."""
    return "".join(_WORD.findall(plain(text)))


def words(text: str) -> list[str]:
    """The words of a text, of letters and digits."""
    return _WORD.findall(plain(text[:LONGEST]))[:PIECES]


def joined(pieces: list[str]) -> dict[str, int]:
    """Neighbouring words as one, up to JOINED of them, with the number of words each was made of."""
    found: dict[str, int] = {}
    for start in range(len(pieces)):
        one = ""
        for count, piece in enumerate(pieces[start : start + JOINED], start=1):
            one += piece
            if len(one) > 40:
                break
            found.setdefault(one, count)
    return found


@lru_cache(maxsize=200_000)
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name that tell it from others; all of them where nothing else is left."""
    every = re.findall(r"[^\W_]+", plain(name[:200]))
    told = [word for word in every if word not in _FORMS and len(word) > 1]
    return tuple(told or every)
