"""Which numbers take texts, and as whom we may write to them."""

import pytest

from amiable.outreach import dial
from amiable.outreach.channel import AddressRefused


@pytest.mark.parametrize(
    ("number", "country", "dialled"),
    [
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("0033612345678", "FR", "+33612345678"),
        ("+33 (0)6 12 34 56 78", "FR", "+33612345678"),
        ("+44 7400 123456", "FR", "+447400123456"),
        ("07400 123456", "GB", "+447400123456"),
        ("(201) 555-0123", "US", "+12015550123"),  # mobiles and landlines are numbered alike there
    ],
)
def test_a_mobile_number_is_dialled(number: str, country: str, dialled: str) -> None:
    assert dial.mobile(number, country=country) == dialled


@pytest.mark.parametrize(
    ("number", "country", "says"),
    [
        ("04 72 00 00 01", "FR", "not a mobile number"),
        ("08 92 68 29 29", "FR", "not a mobile number"),
        ("+44 20 7946 0018", "FR", "not a mobile number"),
        ("06 12 34", "FR", "not a telephone number"),
        ("anna@martin.example", "FR", "not a telephone number"),
        ("", "FR", "not a telephone number"),
        ("0612345678", "", "not a telephone number"),  # nobody says in which country
    ],
)
def test_what_takes_no_texts_is_refused(number: str, country: str, says: str) -> None:
    with pytest.raises(AddressRefused, match=says):
        dial.mobile(number, country=country)


def test_a_name_is_eleven_letters_and_digits_and_not_a_number() -> None:
    assert dial.is_name("Lumen")
    assert dial.is_name("Lumen 42")
    assert not dial.is_name("12345678")
    assert not dial.is_name("LumenEnergie")  # 12
    assert not dial.is_name("Lumen-Co")
    assert not dial.is_name("Énergie")
    assert not dial.is_name("")


def test_north_america_shows_no_names() -> None:
    assert dial.carries_names("+33612345678")
    assert not dial.carries_names("+12015550123")
    assert not dial.carries_names("+15142345678")


def test_numbers_are_compared_in_one_form() -> None:
    assert dial.plain("06 12 34 56 78", country="FR") == dial.plain("+33612345678", country="") == "+33612345678"
    assert dial.plain("36111", country="") == "36111"
