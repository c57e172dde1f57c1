"""Rows of texts to movements: what each row claims, in exact amounts, dates and kinds; or why it claims nothing.

In: a batch of a format and the Reading. Out: the canonical table and the rows that could not be read, never a zero for either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from babel.numbers import list_currencies
from django.utils.translation import gettext as _

from amiable.core import values
from amiable.intake.formats import LINE, WRONG
from amiable.intake.reading import Reading, UnableToImport

KINDS = {
    "invoice": "fa|fac|fact|facture|factures|invoice|inv|vente|ve|fc|facture client|facture de vente|dr|sales invoice|f|rv|i",
    "credit_note": "av|avo|avoir|avoirs|credit note|credit memo|creditnote|creditmemo|cn|note de credit|cm|a|facture avoir|dg",
    "payment": """rg|reg|regl|rglt|reglement|reglements|paiement|payment|pay|pmt|receipt|enc|encaissement|virement|vir|cheque|
        chq|prelevement|prlv|prv|carte|cb|especes|acompte|bq|banque|cash|dz|r|p|transfer|direct debit""",
    "debit_note": "nd|note de debit|debit note|debitnote|interets|interet|frais|penalites|dn|impaye|rejet",
    "other": "od|operation diverse|ajustement|adjustment|other|autre|ecart|journal|remise",
}
METHODS = {
    "transfer": "vir|virement|transfer|bank transfer|wire|sepa|virt",
    "card": "cb|carte|card|credit card|carte bancaire",
    "direct_debit": "prlv|prelevement|prel|direct debit|sdd|prv",
    "cheque": "chq|cheque|check|chq bancaire",
    "cash": "especes|cash|esp",
    "bill": "lcr|traite|effet|bor|bill of exchange|bill",
}
DEBITS = ("invoice", "debit_note")
ESSENTIAL = {"movements": ("number",), "open_items": ("number", "reference")}
SCHEMA = {
    "line": pl.Int64, "kind": pl.String, "number": pl.String, "name": pl.String, "external_id": pl.String,
    "reference": pl.String, "order_reference": pl.String, "branch": pl.String, "issued_on": pl.Date, "due_on": pl.Date,
    "currency": pl.String, "amount_minor": pl.Int64, "whole_minor": pl.Int64, "negative": pl.Boolean,
    "settles": pl.String, "lettered": pl.String, "lettered_on": pl.Date, "method": pl.String, "reached": pl.Int16,
    "reached_on": pl.Date, "settled_on": pl.Date,
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A test that a row must pass, the field it is about, and the sentence for a row that does not."""

    field: str
    bad: pl.Expr
    reason: pl.Expr


def movements(batch: pl.DataFrame, reading: Reading) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The movements of a batch, and its bad rows as (line, column, reason)."""
    open_items = reading.kind == "open_items"
    _ask_for_columns(reading)
    frame = _texts(
        batch, reading, SCHEMA.keys() | {"amount", "residual", "debit", "credit", "side", "reminder", "reminded_on"}
    )
    if "number" not in reading.columns:
        frame = frame.with_columns(pl.col("name").alias("number"))
    frame = _money(_currency(frame, reading), reading, "residual" if open_items else "amount")
    days = ("issued_on", "due_on", "settled_on", "lettered_on", "reminded_on")
    told = {name: values.day(name, order=reading.date_order) for name in days if name in reading.columns}
    frame = frame.with_columns([told.get(name, pl.lit(None, pl.Date)).alias(f"#{name}") for name in days])
    frame = frame.with_columns(
        pl.col("reminder").str.extract(r"(\d+)").cast(pl.Int16, strict=False).alias("#reminder"),
        _kind(frame, reading).alias("#kind"),
    )
    good, bad = sift(frame, reading, _checks(reading, days))
    rows = _canonical(good, open_items)
    return (rows if open_items else with_settlements(rows)), bad


def _ask_for_columns(reading: Reading) -> None:
    has = set(reading.columns)
    missing = []
    if not has & {"number", "name"}:
        missing.append(_("the customer's number"))
    if reading.kind == "open_items" and "reference" not in has:
        missing.append(_("the invoice number"))
    if not has & {"amount", "residual", "debit", "credit"}:
        missing.append(_("the amount"))
    if not has & {"issued_on", "due_on"}:
        missing.append(_("a date"))
    if missing:
        raise UnableToImport(
            _("These columns were not found: %(missing)s. Tell which heading they have.")
            % {"missing": ", ".join(missing)}
        )


def _texts(batch: pl.DataFrame, reading: Reading, fields: set[str]) -> pl.DataFrame:
    """The fields as clean texts under their own names; what has no column is null."""
    named = {field: heading for field, heading in reading.columns.items() if field in fields}
    codes = {"number", "reference", "settles", "external_id", "lettered", "order_reference"}
    return batch.select(
        pl.col(LINE).alias("line"),
        pl.col(WRONG),
        *[
            (values.code(heading) if field in codes else values.clean(heading)).alias(field)
            for field, heading in named.items()
        ],
        *[pl.lit(None, pl.String).alias(field) for field in sorted(fields - named.keys() - {"line"})],
    )


def _currency(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The row's own currency, else the one its amount names, else the creditor's."""
    signs = pl.col("currency").replace_strict(
        ["€", "$", "£", "¥", "EURO", "EUROS"], ["EUR", "USD", "GBP", "JPY", "EUR", "EUR"], default=None
    )
    own = pl.coalesce(signs, pl.col("currency").str.to_uppercase())
    named = pl.coalesce(*[values.currency_of(name) for name in ("amount", "residual", "debit", "credit")])
    frame = frame.with_columns(pl.coalesce(own, named, pl.lit(reading.currency)).alias("currency"))
    return frame.with_columns(pl.col("currency").is_in(sorted(list_currencies())).alias("#currency"))


def _money(frame: pl.DataFrame, reading: Reading, main: str) -> pl.DataFrame:
    """`#amount`: signed minor units of the row, as the debtor owes them; `#text`: what was written."""

    def read(name: str) -> pl.Expr:
        return values.amount(name, decimal=reading.decimal, currency=pl.col("currency"))

    whole = pl.col("amount") if main == "residual" else pl.lit(None, pl.String)
    frame = frame.with_columns(whole.alias("#whole_text"))
    if main not in reading.columns and {"debit", "credit"} & set(reading.columns):
        empty = pl.col("debit").is_null() & pl.col("credit").is_null()
        debit = pl.when(pl.col("debit").is_null()).then(0).otherwise(read("debit"))
        credit = pl.when(pl.col("credit").is_null()).then(0).otherwise(read("credit"))
        text = pl.concat_str(
            pl.col("debit").fill_null(""), pl.col("credit").fill_null(""), separator=" "
        ).str.strip_chars()
        return frame.with_columns(
            pl.when(~empty).then(debit - credit).alias("#amount"),
            text.alias("#text"),
            pl.lit(None, pl.Int64).alias("#whole"),
        )
    main = main if main in reading.columns else ("amount" if "amount" in reading.columns else "residual")
    value = read(main)
    if "side" in reading.columns:
        value = pl.when(pl.col("side").str.to_uppercase().str.starts_with("C")).then(-value).otherwise(value)
    return frame.with_columns(
        value.alias("#amount"), pl.col(main).fill_null("").alias("#text"), read("#whole_text").alias("#whole")
    )


def words(column: str) -> pl.Expr:
    """A text as the tables of words have it: no accents, no signs, small letters."""
    text = values.clean(column).str.to_lowercase().str.normalize("NFKD").str.replace_all(r"[\u0300-\u036f]", "")
    return text.str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars()


def table_of(words_by_key: dict[str, str]) -> dict[str, str]:
    return {word.strip(): key for key, listed in words_by_key.items() for word in listed.split("|")}


def _kind(frame: pl.DataFrame, reading: Reading) -> pl.Expr:
    """By the type column, else by sign: what reduces the debt is a payment if the row tells how it came, else a credit note."""
    negative = pl.col("#amount") < 0
    if "kind" in reading.columns:
        table = table_of(KINDS)
        first = words("kind").str.extract(r"^([a-z]+)")
        named = words("kind").replace_strict(table, default=None, return_dtype=pl.String)
        named = named.fill_null(first.replace_strict(table, default=None, return_dtype=pl.String))
        named = (
            pl.when(words("kind").str.contains(r"\bavoir\b|credit note|credit memo"))
            .then(pl.lit("credit_note"))
            .otherwise(named)
        )
        reduces = negative & named.is_in(["invoice"])
        return (
            pl.when(reduces)
            .then(pl.lit("credit_note"))
            .when(pl.col("kind").is_null())
            .then(_by_sign(negative, reading))
            .otherwise(named)
        )
    return _by_sign(negative, reading)


def _by_sign(negative: pl.Expr, reading: Reading) -> pl.Expr:
    paid = (
        pl.lit("payment")
        if {"debit", "credit", "side"} & set(reading.columns) and "amount" not in reading.columns
        else None
    )
    credit = (
        paid
        if paid is not None
        else pl.when(pl.col("method").is_not_null() | pl.col("settles").is_not_null())
        .then(pl.lit("payment"))
        .otherwise(pl.lit("credit_note"))
    )
    return pl.when(negative).then(credit).otherwise(pl.lit("invoice"))


def said(sentence: str, column: str) -> pl.Expr:
    """A sentence with one {} for what the cell says."""
    before, _sign, after = sentence.partition("{}")
    return pl.concat_str(pl.lit(before), pl.col(column).fill_null("").str.slice(0, 60), pl.lit(after))


def _why_no_amount(column: str, reading: Reading) -> pl.Expr:
    digits = values.digits(column)
    shape = rf"^\d[\d{'.' if reading.decimal == ',' else ','}]*{'[,]' if reading.decimal == ',' else '[.]'}\d+$"
    return (
        pl.when(digits.str.contains(shape) & digits.str.contains(r"^[^.,]*[.,]\d+$"))
        .then(said(_("“{}” has more decimals than its currency knows."), column))
        .otherwise(
            said(_("“{}” is not an exact amount with “%(sign)s” as decimal sign.") % {"sign": reading.decimal}, column)
        )
    )


def row_checks() -> list[Check]:
    """What is asked of every row that is about a customer: that it could be read, and whose it is."""
    return [
        Check("", pl.col(WRONG).is_not_null(), pl.col(WRONG)),
        Check("number", pl.col("number").is_null(), pl.lit(_("The customer's number is missing."))),
        Check(
            "number",
            pl.col("number").str.len_chars() > 60,
            said(_("“{}” is too long for a customer's number."), "number"),
        ),
    ]


def _checks(reading: Reading, days: Sequence[str]) -> list[Check]:
    debit = pl.col("#kind").is_in(DEBITS)
    order = {"dmy": _("day/month/year"), "mdy": _("month/day/year"), "ymd": _("year/month/day")}[reading.date_order]
    amount = "residual" if reading.kind == "open_items" else "amount"
    checks = [
        *row_checks(),
        Check("currency", ~pl.col("#currency"), said(_("“{}” is not a currency."), "currency")),
        Check(amount, pl.col("#text") == "", pl.lit(_("The amount is missing."))),
        Check(
            amount,
            pl.col("#amount").is_null(),
            _why_no_amount("#text", reading),
        ),
        Check(
            "amount",
            pl.col("#whole").is_null() & pl.col("#whole_text").is_not_null(),
            _why_no_amount("#whole_text", reading),
        ),
        Check("kind", pl.col("#kind").is_null(), said(_("“{}” is not a kind of movement that is known."), "kind")),
    ]
    for name in days:
        unread = pl.col(f"#{name}").is_null() & pl.col(name).is_not_null()
        checks.append(Check(name, unread, said(_("“{}” is not a date (%(order)s).") % {"order": order}, name)))
    return [
        *checks,
        Check("reference", debit & pl.col("reference").is_null(), pl.lit(_("The invoice number is missing."))),
        Check(
            "reference",
            pl.col("reference").str.len_chars() > 60,
            said(_("“{}” is too long for an invoice number."), "reference"),
        ),
        Check(
            "issued_on", pl.col("#issued_on").is_null() & pl.col("#due_on").is_null(), pl.lit(_("The date is missing."))
        ),
        Check(
            "due_on",
            debit & (pl.col("#due_on") < pl.col("#issued_on") - pl.duration(days=366)),
            said(_("The due date “{}” is more than a year before the invoice."), "due_on"),
        ),
        Check(
            "reminder",
            pl.col("reminder").is_not_null() & (pl.col("#reminder") > 99),
            said(_("“{}” is not a reminder number."), "reminder"),
        ),
    ]


def sift(frame: pl.DataFrame, reading: Reading, checks: Sequence[Check]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good rows, and bad ones as (line, column, reason): the first check that a row fails speaks."""
    reason = pl.coalesce([pl.when(check.bad.fill_null(False)).then(check.reason) for check in checks])
    column = pl.coalesce(
        [pl.when(check.bad.fill_null(False)).then(pl.lit(reading.columns.get(check.field, ""))) for check in checks]
    )
    judged = frame.with_columns(reason.str.slice(0, 300).alias("#reason"), column.str.slice(0, 80).alias("#column"))
    bad = judged.filter(pl.col("#reason").is_not_null())
    bad = bad.select("line", pl.col("#column").alias("column"), pl.col("#reason").alias("reason"))
    return judged.filter(pl.col("#reason").is_null()), bad


def _canonical(good: pl.DataFrame, open_items: bool) -> pl.DataFrame:
    """The rows of the staging table, with the identity that outside gives them, else one made of what they say."""
    issued = pl.coalesce("#issued_on", "#due_on")
    lender = pl.concat_str("number", pl.coalesce("reference", "settles", pl.lit("")), separator="/")
    told = pl.concat_str(
        lender, issued.dt.to_string("%Y-%m-%d"), pl.col("#amount").abs().cast(pl.String), separator="/"
    )
    named = (pl.col("#kind") == "credit_note") & pl.col("reference").is_not_null()
    # The balance of an open item moves from day to day: it is no part of its identity.
    dated = pl.concat_str("number", pl.lit(""), issued.dt.to_string("%Y-%m-%d"), separator="/")
    item = pl.when(pl.col("reference").is_null()).then(dated).otherwise(lender)
    own = (
        pl.when(pl.lit(open_items)).then(item).when(pl.col("#kind").is_in(DEBITS) | named).then(lender).otherwise(told)
    )
    level = pl.when(pl.col("#reminder") > 0).then(10 * (pl.col("#reminder") + 1)).otherwise(0)
    return good.select(
        "line", pl.col("#kind").alias("kind"), "number", pl.col("name").str.slice(0, 160),
        pl.coalesce("external_id", own).str.slice(0, 110).alias("external_id"),
        "reference", pl.col("order_reference").str.slice(0, 60), pl.col("branch").str.slice(0, 40),
        issued.alias("issued_on"), pl.col("#due_on").alias("due_on"), "currency",
        pl.col("#amount").abs().alias("amount_minor"), pl.col("#whole").abs().alias("whole_minor"),
        (pl.col("#amount") < 0).alias("negative"), "settles", "lettered", pl.col("#lettered_on").alias("lettered_on"),
        _method().alias("method"), level.cast(pl.Int16).alias("reached"), pl.col("#reminded_on").alias("reached_on"),
        pl.col("#settled_on").alias("settled_on"),
    )  # fmt: skip


def _method() -> pl.Expr:
    return words("method").replace_strict(table_of(METHODS), default=None, return_dtype=pl.String)


def with_settlements(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds the payment that an invoice's own settlement date tells of, lettered with the invoice."""
    paid = pl.col("settled_on").is_not_null() & pl.col("kind").is_in(DEBITS) & (pl.col("amount_minor") > 0)
    if rows.filter(paid).is_empty():
        return rows
    letter = pl.concat_str(pl.lit("="), pl.col("external_id"), pl.col("due_on").dt.to_string("%Y%m%d").fill_null(""))
    rows = rows.with_columns(
        pl.when(paid).then(letter).otherwise("lettered").alias("lettered"),
        pl.when(paid).then("settled_on").otherwise("lettered_on").alias("lettered_on"),
    )
    identity = pl.concat_str(
        pl.col("external_id"), pl.lit("settled"), pl.col("amount_minor").cast(pl.String), separator="/"
    )
    payments = rows.filter(paid).with_columns(
        pl.lit("payment").alias("kind"),
        pl.concat_str(identity, pl.col("settled_on").dt.to_string("%Y-%m-%d"), separator="/").alias("external_id"),
        pl.col("settled_on").alias("issued_on"),
        pl.lit(None, pl.Date).alias("due_on"),
        pl.lit(None, pl.Date).alias("settled_on"),
        pl.lit(None, pl.String).alias("order_reference"),
        pl.lit(0, pl.Int16).alias("reached"),
        pl.lit(None, pl.Date).alias("reached_on"),
    )
    return pl.concat([rows, payments])
