"""How a language writes numbers and days: as Babel does, and a page of hundreds of them at once. Free of Django."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol, parse_pattern

_LOCALES = {"fr": "fr_FR", "en": "en_GB"}
Writer = Callable[[Decimal], str]
# By these it is known whether a writer does nothing but group by thousands and round half to even.
_PROBES = [
    Decimal(text) for text in ("0", "-0", "0.5", "-0.004", "1.125", "1.135", "-999.995", "1000", "-1234567890123.45")
]  # fmt: skip


@cache  # a page writes hundreds of numbers, and each would parse the name anew
def locale(language: str) -> Locale:
    """The locale of a language; one that has none of its own here is its own locale."""
    return Locale.parse(_LOCALES.get(language, language))


@lru_cache(maxsize=4096)
def day(value: date, style: str, language: str) -> str:
    """A day in one of Babel's styles (`short`, `medium`, `full`) or patterns."""
    return format_date(value, style, locale=locale(language))


def number(value: int | float | Decimal, pattern: str, language: str) -> str:
    """A number as a pattern of Babel's says: `#,##0.0`."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    return _number(pattern, language)(exact)


def quick(write: Writer, *, digits: int, language: str) -> Writer:
    """Writes what `write` does with so many digits after the point, in a tenth of the time; `write` itself where a language
    groups its digits otherwise. What stands around the digits is the same for all numbers, and is asked for once."""
    point, group = get_decimal_symbol(locale(language)), get_group_symbol(locale(language))
    one = "1" + (point + "0" * digits if digits else "")
    around = [write(Decimal(sign)).partition(one) for sign in ("1", "-1")]
    form, marks = f",.{digits}f", str.maketrans({",": group, ".": point})

    def written(value: Decimal) -> str:
        if not value.is_finite():
            return write(value)
        before, _one, after = around[value.is_signed()]
        return before + format(value.copy_abs(), form).translate(marks) + after

    return written if all(written(each) == write(each) for each in _PROBES) else write


@lru_cache(maxsize=256)
def _number(pattern: str, language: str) -> Writer:
    parsed = parse_pattern(pattern)

    def write(value: Decimal) -> str:
        return str(format_decimal(value, format=parsed, locale=locale(language)))

    least, most = parsed.frac_prec
    return quick(write, digits=most, language=language) if least == most else write
