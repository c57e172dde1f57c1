"""How many SMS a text is, against the rules of GSM 03.38 and 03.40."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.outreach.segment import BASIC, EXTENSION, segment, spell


@pytest.mark.parametrize(
    ("text", "alphabet", "count", "left"),
    [
        ("", "gsm", 1, 160),
        ("a" * 160, "gsm", 1, 0),
        ("a" * 161, "gsm", 2, 145),
        ("a" * 306, "gsm", 2, 0),
        ("a" * 307, "gsm", 3, 152),
        ("à" * 160, "gsm", 1, 0),
        ("€" * 80, "gsm", 1, 0),
        ("€" * 81, "gsm", 2, 143),  # 76 in the first segment, since none is cut in two; 5 in the second
        ("ê" * 70, "ucs2", 1, 0),
        ("ê" * 71, "ucs2", 2, 63),
        ("😀" * 35, "ucs2", 1, 0),
        ("😀" * 36, "ucs2", 2, 61),  # 33 and 3: no half of a pair ends a segment
    ],
)
def test_a_text_takes_so_many_segments(text: str, alphabet: str, count: int, left: int) -> None:
    found = segment(text)
    assert (found.alphabet, found.count, found.left) == (alphabet, count, left)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("L’échéance\u00a0: 12,50\u00a0€ «\u00a0dû\u00a0»…", 'L\'échéance : 12,50 € "du"...'),
        ("Reçu, même en août", "Recu, meme en aout"),
        ("œuvre, Œuvre", "oeuvre, OEuvre"),
        ("e\u0301", "é"),  # written as two signs
        ("Être payé 😀", "Être payé 😀"),  # dear anyway: the accents stay
        ("Łódź – ę", "Łódź - ę"),
        ("  sans bords \n", "sans bords"),
    ],
)
def test_a_text_is_spelled_as_an_sms(text: str, spelled: str) -> None:
    assert spell(text) == spelled


@given(st.text(max_size=700))
def test_spelling_never_makes_a_text_dearer_and_is_done_once(text: str) -> None:
    spelled = spell(text)
    assert spell(spelled) == spelled
    if all(sign in BASIC | EXTENSION for sign in text):
        assert spelled == text.strip()
    else:
        assert segment(spelled).alphabet in ("gsm", "ucs2")


@given(st.text(alphabet=[*sorted(BASIC | EXTENSION), "ê", "😀"], max_size=700))
def test_segments_hold_every_place_of_a_text(text: str) -> None:
    found = segment(text)
    room = {("gsm", True): 160, ("gsm", False): 153, ("ucs2", True): 70, ("ucs2", False): 67}[
        found.alphabet, found.count == 1
    ]
    assert found.places <= found.count * room - found.left
    assert 0 <= found.left <= room
