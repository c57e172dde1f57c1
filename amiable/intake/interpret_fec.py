"""Lines of accounting entries to what the customers' accounts say; other lines leave only what tells an entry's nature.

In: a batch of the FEC format. Out: the table of lines for staging, bad ones flagged so that the order in an entry stays.
"""

from collections.abc import Mapping

import polars as pl
from django.utils.translation import gettext as _

from amiable.intake.formats import LINE, WRONG
from amiable.intake.interpret import Check, said, sift
from amiable.intake.reading import Reading

Columns = Mapping[str, str]  # field → heading

SCHEMA = {
    "line": pl.Int64, "journal": pl.String, "num": pl.String, "day": pl.Date, "account": pl.String, "number": pl.String,
    "name": pl.String, "reference": pl.String, "piece_on": pl.Date, "amount_minor": pl.Int64, "letter": pl.String,
    "lettered_on": pl.Date, "opening": pl.Boolean, "bad": pl.Boolean,
}  # fmt: skip
THIRD = ("411", "413", "416")
_OPENING_CODE = r"^(AN|ANO|A\.?N\.?|RAN|R\.A\.N\.|ANV|ANOUV|A-N|OUV|OPEN|REPORT|BO|ANX)\d*$"
_OPENING_NAME = r"a[ -]nouveau|report|ouverture|opening|reprise de solde"


def lines(batch: pl.DataFrame, reading: Reading) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All lines of a batch for staging, and the bad ones of the customers' accounts as (line, column, reason)."""
    columns = reading.columns
    account = pl.col(columns["account"]).str.strip_chars()
    third = account.str.slice(0, 3).is_in(THIRD) | pl.col(WRONG).is_not_null()
    opening = _text(columns, "journal").fill_null("").is_in(_openings(batch, columns))
    common = [
        pl.col(LINE).alias("line"),
        _text(columns, "journal").fill_null("").alias("journal"),
        pl.coalesce(_text(columns, "number"), _text(columns, "reference"), pl.lit("")).alias("num"),
        opening.alias("opening"),
    ]
    other = batch.filter(~third.fill_null(False)).select(
        *common, _nature(account).alias("account"), _day(columns, "day").alias("day")
    )
    ours = batch.filter(third.fill_null(False)).select(
        *common,
        pl.col(WRONG),
        account.str.slice(0, 3).alias("account"),
        _number(columns, account).alias("number"),
        pl.coalesce(_text(columns, "aux_name"), _text(columns, "account_name")).str.slice(0, 160).alias("name"),
        _text(columns, "reference").str.slice(0, 60).alias("reference"),
        _text(columns, "lettered").alias("letter"),
        _day(columns, "day").alias("day"),
        _day(columns, "piece_on").alias("piece_on"),
        _day(columns, "lettered_on").alias("lettered_on"),
        _amount(columns).alias("amount_minor"),
        pl.concat_str(
            [_text(columns, name).fill_null("") for name in ("debit", "credit", "amount", "side") if name in columns],
            separator=" ",
        )
        .str.strip_chars()
        .alias("#text"),
        _text(columns, "day").alias("#day"),
    )
    _good, bad = sift(ours, reading, _checks())
    ours = ours.with_columns(pl.col("line").is_in(bad["line"].implode()).alias("bad"))
    both = pl.concat([ours.drop(WRONG, "#text", "#day"), other], how="diagonal")
    return both.with_columns(pl.col("bad").fill_null(False)).select(SCHEMA.keys()), bad


def _text(columns: Columns, field: str) -> pl.Expr:
    heading = columns.get(field)
    if heading is None:
        return pl.lit(None, pl.String)
    text = pl.col(heading).str.strip_chars(" \u00a0")
    return pl.when(text != "").then(text)


def _day(columns: Columns, field: str) -> pl.Expr:
    return _text(columns, field).str.replace_all(r"[-/]", "").str.to_date("%Y%m%d", strict=False)


def _number(columns: Columns, account: pl.Expr) -> pl.Expr:
    """The customer: the auxiliary account, else the account's own tail (411DUPONT, also as 413DUPONT); else nobody's."""
    tail = account.str.slice(3)
    own = pl.when(tail.str.contains("[1-9A-Za-z]")).then("411" + tail)
    collective = pl.when(account.str.starts_with("411")).then(account)
    return pl.coalesce(_text(columns, "aux"), own, collective).str.slice(0, 60)


def _amount(columns: Columns) -> pl.Expr:
    """Debit less credit in minor units; null when either is no exact amount."""
    named = columns
    if "debit" in named and "credit" in named:
        return _minor(columns, "debit") - _minor(columns, "credit")
    side = _text(columns, "side").str.to_uppercase()
    value = _minor(columns, "amount")
    return pl.when(side.str.contains(r"^(D|\+1?$)")).then(value).when(side.str.contains(r"^(C|-1?$)")).then(-value)


def _minor(columns: Columns, field: str) -> pl.Expr:
    """An amount of two decimals at most, with comma or point and perhaps spaces; nothing written is nil."""
    text = _text(columns, field).fill_null("0").str.replace_all("[\\s\u00a0\u202f]", "")
    shape = r"^([+-]?)(\d{0,15})(?:[.,](\d{0,2})0*)?$"
    digits = text.str.extract(shape, 2) + pl.concat_str(
        text.str.extract(shape, 3).fill_null(""), pl.lit("00")
    ).str.slice(0, 2)
    value = pl.when(text.str.contains(r"\d")).then(digits.cast(pl.Int64, strict=False))
    return pl.when(text.str.starts_with("-")).then(-value).otherwise(value)


def _openings(batch: pl.DataFrame, columns: Columns) -> list[str]:
    """The journals of a batch that carry balances forward, by their code or their name."""
    journals = batch.select(
        _text(columns, "journal").alias("code"), _text(columns, "journal_name").alias("name")
    ).unique()
    # The accents of `à nouveaux` may be lost or not: only its plain letters are asked for.
    name = pl.col("name").str.to_lowercase().str.replace_all("à", "a").str.contains(_OPENING_NAME).fill_null(False)
    code = pl.col("code").str.to_uppercase().str.contains(_OPENING_CODE).fill_null(False)
    return journals.filter(code | name)["code"].fill_null("").to_list()


def _nature(account: pl.Expr) -> pl.Expr:
    """What a line of another account says of its entry: bank, sale, loss, opening balance, other result."""
    one, two, three = (account.str.slice(0, length) for length in (1, 2, 3))
    return (
        pl.when(one == "5").then(pl.lit("5"))
        .when((two == "65") | three.is_in(["671", "672"])).then(pl.lit("65"))
        .when(one == "7").then(pl.lit("7"))
        .when(one == "6").then(pl.lit("6"))
        .when((one == "1") | (two == "89")).then(pl.lit("1"))
        .otherwise(pl.lit(""))
    )  # fmt: skip


def _checks() -> list[Check]:
    return [
        Check("", pl.col(WRONG).is_not_null(), pl.col(WRONG)),
        Check("debit", pl.col("amount_minor").is_null(), said(_("“{}” is not an exact amount."), "#text")),
        Check("day", pl.col("day").is_null(), said(_("“{}” is not a date (YYYYMMDD)."), "#day")),
    ]
