"""Amounts: read exactly or refused, never rounded, in currencies with none, two and three decimals."""

from decimal import Decimal

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from amiable.core.language import locale, number
from amiable.core.money import UnreadableAmount, exponent, major, minor, shown


@pytest.mark.parametrize(
    ("text", "currency", "decimal", "amount"),
    [
        ("1 234,56", "EUR", ",", 123_456),
        ("1\u202f234,56 €", "EUR", ",", 123_456),
        ("1\u00a0234,5", "EUR", ",", 123_450),
        ("1.234,56", "EUR", ",", 123_456),
        ("1,234.56", "EUR", ".", 123_456),
        ("12,30-", "EUR", ",", -1_230),
        ("(12,30)", "EUR", ",", -1_230),
        ("-12", "EUR", ",", -1_200),
        ("+12", "EUR", ",", 1_200),
        (",5", "EUR", ",", 50),
        ("12,300", "EUR", ",", 1_230),
        ("EUR 7", "EUR", ",", 700),
        ("1’000.05", "CHF", ".", 100_005),
        ("1 500", "JPY", ",", 1_500),
        ("1,234", "TND", ",", 1_234),
        ("0", "EUR", ",", 0),
    ],
)
def test_amounts_as_files_write_them(text: str, currency: str, decimal: str, amount: int) -> None:
    assert minor(text, currency=currency, decimal=decimal) == amount


@pytest.mark.parametrize(
    "text",
    ["", "  ", "-", ",", "abc", "1,2,3", "1.23", "12.34,5,6", "0,001", "1 234,567", "٣,00", "1e5", "NaN", "--5", "5)", "((5",
     "-(5)", "-5-", "5-5", "12.3456,00", "99999999999999999999", "1.234.56,00"],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(UnreadableAmount) as caught:
        minor(text, currency="EUR")
    assert str(caught.value)


def test_decimals_that_a_currency_does_not_know() -> None:
    with pytest.raises(UnreadableAmount, match="JPY"):
        minor("12,5", currency="JPY")
    assert (exponent("EUR"), exponent("JPY"), exponent("TND")) == (2, 0, 3)


@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "USD", "JPY", "TND"]))
def test_what_is_written_is_read_back(amount: int, currency: str) -> None:
    written = f"{major(amount, currency):,f}"
    assert minor(written, currency=currency, decimal=".") == amount


def test_people_read_their_own_notation() -> None:
    assert shown(123_456, "EUR").replace("\u202f", " ").replace("\xa0", " ") == "1 234,56 €"
    assert shown(123_456, "EUR", "en") == "€1,234.56"
    assert major(1_500, "JPY") == Decimal(1_500)


LANGUAGES = st.sampled_from(["fr", "en", "de", "es", "hi", "de_CH"])  # Hindi groups its digits by two
AMOUNTS = st.integers(-(10**12), 10**12) | st.integers(-2000, 2000)


@given(AMOUNTS, st.sampled_from(["EUR", "JPY", "TND"]), LANGUAGES)
def test_an_amount_is_written_as_babel_writes_it(amount: int, currency: str, language: str) -> None:
    own = locale(language)
    assert shown(amount, currency, language) == format_currency(major(amount, currency), currency, locale=own)


@given(
    AMOUNTS | st.floats(-1e9, 1e9) | st.sampled_from([-0.0, 0.05, -0.04, 0.25, float("inf")]),
    st.sampled_from(
        ["#,##0", "#,##0.0", "#,##0.00;\N{MINUS SIGN}#,##0.00", "+#,##0.0;\N{MINUS SIGN}#,##0.0", "#,##0.###"]
    ),
    LANGUAGES,
)
def test_a_number_is_written_as_babel_writes_it(value: float, pattern: str, language: str) -> None:
    assert number(value, pattern, language) == format_decimal(value, format=pattern, locale=locale(language))
