"""How a language writes numbers and days: its locale. Free of Django."""

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def locale(language: str) -> str:
    """The locale of a language; one that has none of its own here is its own locale."""
    return _LOCALES.get(language, language)
