"""Texts of a column to exact amounts, dates and clean words, a whole column at a time.

In: text expressions. Out: an expression of the value, null where the text is none; `core.money.minor` for columns.
"""

from collections.abc import Sequence

import polars as pl

from amiable.core.money import exponent

ORDERS = ("dmy", "mdy", "ymd")
_MONTHS = {
    1: "janvier|january|janv|jan", 2: "fevrier|février|february|fevr|févr|feb|fev|fév", 3: "mars|march|mar",
    4: "avril|april|avr|apr", 5: "mai|may", 6: "juin|june|jun", 7: "juillet|july|juil|jul", 8: "aout|août|august|aug|aou",
    9: "septembre|september|sept|sep", 10: "octobre|october|oct", 11: "novembre|november|nov",
    12: "decembre|décembre|december|dec|déc",
}  # fmt: skip
_SPACES = "[\\s\u00a0\u202f\u2009'’`]"
_SIGNS = "[€$£¥]"
_SIGNED = r"^(?:[+-]?[^()+-]+|[^()+-]+-|\([^()+-]+\))$"
_PLACES = 18  # digits of the largest amount


def clean(column: str) -> pl.Expr:
    """The text without spaces around it; null where nothing is left."""
    text = pl.col(column).str.replace_all("[\u00a0\u202f\u2009\ufeff]", " ").str.strip_chars()
    return pl.when(text == "").then(None).otherwise(text)


def code(column: str) -> pl.Expr:
    """A number of a customer or an invoice: `123.0` of a workbook is 123, inner spaces are one."""
    text = clean(column).str.replace_all(r"\s+", " ")
    return text.str.replace(r"^(\d+)[.,]0$", "${1}")


def currency_of(column: str) -> pl.Expr:
    """The currency that an amount names by its sign or its code, else null."""
    text = pl.col(column)
    return (
        pl.when(text.str.contains("€")).then(pl.lit("EUR"))
        .when(text.str.contains("£")).then(pl.lit("GBP"))
        .otherwise(text.str.extract(r"(?:^|[^A-Za-z])([A-Z]{3})\s*$").fill_null(text.str.extract(r"^\s*([A-Z]{3})(?:[^A-Za-z]|$)")))
    )  # fmt: skip


def _bare(column: str) -> pl.Expr:
    """An amount without spaces and signs of currency."""
    text = (
        pl.col(column).str.replace_all(_SPACES, "").str.replace_all(_SIGNS, "").str.replace_all("−", "-", literal=True)
    )
    return text.str.replace(r"^[A-Z]{3}", "").str.replace(r"[A-Z]{3}$", "")


def digits(column: str) -> pl.Expr:
    """An amount without spaces, signs of currency, sign and brackets."""
    return _bare(column).str.strip_chars("+-()")


def amount(column: str, *, decimal: str, currency: pl.Expr) -> pl.Expr:
    """Minor units of the amounts of a column; null where a text is no exact amount in the row's currency."""
    point = "," if decimal == "," else "."
    group = "." if point == "," else ","
    shape = rf"^(?:\d+|\d{{1,3}}(?:[{group}]\d{{3}})+)?(?:[{point}]\d*)?$"
    raw = digits(column)
    whole = raw.str.replace(rf"[{point}].*$", "").str.replace_all(group, "", literal=True).str.strip_chars_start("0")
    fraction = raw.str.extract(rf"[{point}](.*)$").fill_null("").str.strip_chars_end("0")
    places = places_of(currency)
    value = (
        (whole + pl.concat_str(fraction, pl.lit("0000")).str.slice(0, places))
        .str.strip_chars_start("0")
        .replace("", "0")
        .cast(pl.Int64, strict=False)
    )
    named = currency_of(column)
    readable = (
        _bare(column).str.contains(_SIGNED)
        & (named.is_null() | (named == currency))
        & raw.str.contains(shape)
        & raw.str.contains(r"\d")
        & (fraction.str.len_chars() <= places)
        & (whole.str.len_chars() + places <= _PLACES)
    )
    return pl.when(readable).then(pl.when(_bare(column).str.contains(r"^-|-$|^\(")).then(-value).otherwise(value))


def places_of(currency: pl.Expr) -> pl.Expr:
    """Digits after the point of each row's currency."""

    def places(codes: pl.Series) -> pl.Series:
        known = codes.unique().drop_nulls().to_list()
        return codes.replace_strict(known, [exponent(code) for code in known], default=2, return_dtype=pl.UInt32)

    return currency.map_batches(places, return_dtype=pl.UInt32, is_elementwise=True)


def day(column: str, *, order: str) -> pl.Expr:
    """The dates of a column, written in that order, as ISO, as eight digits or as a workbook's serial number."""

    def read(texts: pl.Series) -> pl.Series:
        # A file has few different days: each text is read once, and names of months are sought only where letters are.
        told = pl.DataFrame({"text": texts.unique().drop_nulls()})
        if told.is_empty():
            return pl.Series(texts.name, [None], dtype=pl.Date).new_from_index(0, texts.len())
        named = bool(told["text"].str.contains(r"\p{L}").any())
        days = told.select("text", _day("text", order=order, named=named).alias("day"))
        return texts.to_frame("text").join(days, on="text", how="left", maintain_order="left")["day"]

    return pl.col(column).map_batches(read, return_dtype=pl.Date)


def _day(column: str, *, order: str, named: bool) -> pl.Expr:
    text = _plain_day(column, named=named)
    three = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})$"
    first, second, year = (text.str.extract(three, place) for place in (1, 2, 3))
    iso = r"^((?:19|2[01])\d{2})[-/. ]?(\d{1,2})[-/. ]?(\d{1,2})$"
    dayfirst = order != "mdy"
    year = pl.when(year.str.len_chars() == 4).then(year).when(year < "70").then("20" + year).otherwise("19" + year)
    if order == "ymd":  # 24/01/31
        year, second, first = pl.lit("20") + first, second, text.str.extract(three, 3)
    compact = text.str.extract(r"^(\d{8})$")
    ended = pl.when(compact.str.contains("^(19|20)")).then(None).otherwise(compact)
    tail = (
        ended.str.slice(2, 2) + "-" + ended.str.slice(0, 2)
        if dayfirst
        else ended.str.slice(0, 2) + "-" + ended.str.slice(2, 2)
    )
    serial = text.str.extract(r"^(\d{5})$").cast(pl.Int32, strict=False)
    month, of_month = (second, first) if dayfirst else (first, second)
    texts = pl.coalesce(
        text.str.extract(iso, 1) + "-" + _two(text.str.extract(iso, 2)) + "-" + _two(text.str.extract(iso, 3)),
        year + "-" + _two(month) + "-" + _two(of_month),
        ended.str.slice(4, 4) + "-" + tail,
    )
    read = pl.coalesce(texts.str.to_date("%Y-%m-%d", strict=False), pl.date(1899, 12, 30) + pl.duration(days=serial))
    return pl.when(read.dt.year().is_between(1950, 2150)).then(read)


def places(column: str) -> tuple[pl.Expr, pl.Expr]:
    """The first and second number of dates like 03/04/2024; null for other dates."""
    text = _plain_day(column)
    three = r"^(\d{1,2})[-/. ](\d{1,2})[-/. ](?:\d{4}|\d{2})$"
    return text.str.extract(three, 1).cast(pl.Int32), text.str.extract(three, 2).cast(pl.Int32)


def _two(number: pl.Expr) -> pl.Expr:
    return number.str.zfill(2)


def _plain_day(column: str, *, named: bool = True) -> pl.Expr:
    text = clean(column).str.to_lowercase().str.replace(r"[t ]\d{1,2}:\d{2}.*$", "")
    if not named:
        return text.str.replace(r"^(\d{5})[.,]\d*$", "${1}")
    text = text.str.replace(r"^(?:lun|mar|mer|jeu|ven|sam|dim|mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? ", "")
    text = text.str.replace(r"^(\d{5})[.,]\d*$", "${1}").str.replace("^1er ", "1 ")
    for month, names in _MONTHS.items():
        written = rf"^(\d{{1,2}})[-/. ]?(?:{names})\.?[-/. ,]*"
        text = text.str.replace(written + r"(\d{4})$", rf"${{2}}-{month}-${{1}}").str.replace(
            written + r"(\d{2})$", rf"20${{2}}-{month}-${{1}}"
        )
    return text


def decimal_of(batch: pl.DataFrame, amounts: Sequence[str]) -> str:
    """The decimal sign that the amounts show: comma or point, "?" where none tells, empty where there is none."""
    if not amounts or not batch.height:
        return ""
    texts = pl.concat([batch.select(digits(name).alias("text")) for name in amounts])["text"]
    shown = texts.filter(texts.str.contains(r"^[\d.,]*\d[\d.,]*$"))
    last = shown.str.extract(r"([.,])[^.,]*$").drop_nulls()
    if last.is_empty():
        return ""
    # Telling: both signs, or not exactly three digits behind, or a group that begins with nothing or a lone 0.
    both = (
        shown.str.extract(r"(?:,.*(\.)|\..*(,))[^.,]*$", 1)
        .fill_null(shown.str.extract(r"\..*(,)[^.,]*$", 1))
        .drop_nulls()
    )
    other_length = shown.str.extract(r"^\d*([.,])(?:\d{0,2}|\d{4,})$").drop_nulls()
    zero = shown.str.extract(r"^0*([.,])\d{3}$").drop_nulls()
    long = shown.str.extract(r"^\d{4,}([.,])\d{3}$").drop_nulls()
    grouped = shown.str.extract(r"^\d{1,3}(?:(\.)\d{3}){2,}$").drop_nulls().replace(".", ",").cast(pl.String)
    commas = shown.str.extract(r"^\d{1,3}(?:(,)\d{3}){2,}$").drop_nulls().replace(",", ".").cast(pl.String)
    votes = pl.concat([both, other_length, zero, long, grouped, commas])
    if votes.is_empty():
        return "?"
    return str(votes.value_counts(sort=True)[votes.name or "text"][0]) if votes.n_unique() else "?"


def order_of(batch: pl.DataFrame, dates: Sequence[str]) -> str:
    """The order that the dates show: dmy or mdy, "?" where none tells, empty where there is none."""
    if not dates or not batch.height:
        return ""
    parts = []
    for name in dates:
        first, second = places(name)
        parts.append(batch.select(first.alias("first"), second.alias("second")).drop_nulls())
    numbers = pl.concat(parts)
    if numbers.is_empty():
        return ""
    day_first = int((numbers["first"] > 12).sum())
    month_first = int((numbers["second"] > 12).sum())
    if not day_first and not month_first:
        return "?"
    return "dmy" if day_first >= month_first else "mdy"
