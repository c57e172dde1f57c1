"""What attackers try first is refused; what nobody's list has is not."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from amiable.core.passwords import words

TRIED_FIRST = [
    "Password2024!", "motdepasse2024!", "P@ssw0rd123456", "azertyazerty12", "Marseille-2025!", "123456789012",
    "aaaaaaaaaaaaaaaa", "Amiable2026!Amiable", "SummerWinter2025", "qwertyuiop[]", "Recouvrement2026", "hX92!hX92!hX92!",
    "Jean-Pierre-1975", "!!!!!!!!!!!!!", "            ",
]  # fmt: skip
GOOD = [
    "correct horse battery",
    "jT7#kq9Lw!zP2m",
    "xkqjzwpvbnrt",
    "tasse nuage violet fourmi",
    "ciel lundi arbre étoile",
]


@pytest.mark.parametrize("password", TRIED_FIRST)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize("password", GOOD)
def test_what_nobody_lists_is_taken(password: str) -> None:
    validate_password(password)


@given(st.text(max_size=80))
def test_any_text_is_counted(password: str) -> None:
    assert 0 <= words(password) <= len(password) + 1


@given(st.sampled_from(TRIED_FIRST), st.text(alphabet="0123456789!?. ", max_size=8))
def test_figures_and_signs_at_the_ends_help_nobody(password: str, tail: str) -> None:
    assert words(password + tail) <= words(password) + 1
