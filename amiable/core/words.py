"""Words that are kept in rows for colleagues: written in the language of the house, whoever made the click."""

from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import override


def in_house(text: str | Promise, **values: Any) -> str:
    """The text (a lazy translation, with its values) in the language of the installation."""
    with override(settings.LANGUAGE_CODE):
        return str(text) % {name: str(value) for name, value in values.items()} if values else str(text)
