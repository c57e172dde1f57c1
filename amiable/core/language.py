"""How a language writes numbers and days: its locale. Free of Django."""

from functools import cache

from babel import Locale

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


@cache  # a page writes hundreds of numbers, and each would parse the name anew
def locale(language: str) -> Locale:
    """The locale of a language; one that has none of its own here is its own locale."""
    return Locale.parse(_LOCALES.get(language, language))
