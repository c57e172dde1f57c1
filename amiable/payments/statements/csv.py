"""The CSV that a bank's site exports: separator, headings, decimal sign and order of dates are found by themselves.

In: rows of text. Out: one statement. Never: a row left out in silence, a balance that the file does not tell.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import IO

import polars as pl
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from stdnum import iban

from amiable.core import values
from amiable.core.separated import headed
from amiable.payments.statements import HEAD, Format, Hint, Line, Told, UnableToRead, account, headings, named, text

BATCH = 20_000
POINT_COUNTRIES = {"US", "GB", "IE", "AU", "NZ", "CA", "IN", "CH"}
_OUT = {"d", "debit", "dbit", "af", "s", "soll", "-", "out"}
_IN = {"c", "credit", "crdt", "bij", "h", "haben", "+", "in"}
_OWN_IBAN = re.compile(r"\b([A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{1,4}){3,8})")


@dataclass
class _Shape:
    """How this file is to be read."""

    line: int
    delimiter: str
    encoding: str
    places: dict[str, int]
    account: str = ""
    decimal: str = ","
    order: str = "dmy"
    said: list[str] = field(default_factory=list)


class BankCsv(Format):
    """Rows as a bank's site exports them."""

    key = "csv"
    label = gettext_lazy("CSV of a bank")
    rank = 90  # almost any text could be one: asked last

    def matches(self, head: bytes) -> bool:
        if head[:2] == b"PK" or head.lstrip()[:1] in {b"<", b"{", b"%"}:
            return False
        found = headed(_opened(head), headings.known)
        return found is not None and headings.enough(headings.columns(found[2]))

    def statements(self, file: IO[bytes], *, hint: Hint) -> Iterator[Told]:
        shape = _shape(file, hint)
        told = Told(shape.account, "", "booked", iter(()), said=shape.said)
        told.lines = _lines(file, shape, told, hint)
        yield told


def _shape(file: IO[bytes], hint: Hint) -> _Shape:
    encoding = _encoding(file)
    head = file.read(HEAD).decode(encoding, errors="ignore")
    found = headed(head, headings.known)
    if found is None or not headings.enough(headings.columns(found[2])):
        raise UnableToRead(_("No columns of movements were found: a day, and an amount or debit and credit."))
    line, delimiter, cells = found
    shape = _Shape(line, delimiter, encoding, headings.columns(cells))
    before = "\n".join(head.splitlines()[: line - 1])
    shape.account = next((account(each) for each in _OWN_IBAN.findall(before) if iban.is_valid(account(each))), "")
    first = next(_batches(file, shape), None)
    amounts = [name for name in ("amount", "debit", "credit", "balance") if name in shape.places]
    days = [name for name in ("booked_on", "value_on") if name in shape.places]
    if first is not None:
        shape.decimal = values.decimal_of(first, amounts)
        shape.order = values.order_of(first, days)
    if shape.decimal not in {",", "."}:
        shape.decimal = "." if hint.country in POINT_COUNTRIES else ","
    if shape.order not in values.ORDERS:
        usual = "mdy" if hint.country == "US" else "dmy"
        if shape.order == "?":
            shown = _("month/day/year") if usual == "mdy" else _("day/month/year")
            shape.said.append(
                _("No date shows whether the day or the month comes first; %(order)s was taken.") % {"order": shown}
            )
        shape.order = usual
    return shape


_Row = tuple[date, int, int | None]  # day, amount, balance behind it


@dataclass
class _Seen:
    """The rows in brief: what the account held before and after, where each tells the balance behind it. Days may stand
    newest first, and so may the rows of a day; that way is taken from which the balances lead from one end to the other.
    """

    days: dict[date, tuple[_Row, _Row]] = field(default_factory=dict)  # the first row of each, and the last
    last: _Row | None = None
    rows: int = 0
    moved: int = 0
    onward: int = 0  # by so many pairs of rows more the balances run from the top down than from the bottom up

    def add(self, row: _Row) -> None:
        if self.last is not None and self.last[2] is not None and row[2] is not None:
            self.onward += (row[2] == self.last[2] + row[1]) - (self.last[2] == row[2] + self.last[1])
        self.days[row[0]] = (self.days.get(row[0], (row, row))[0], row)
        self.last, self.rows, self.moved = row, self.rows + 1, self.moved + row[1]

    def balances(self) -> tuple[int | None, int | None]:
        """Before the oldest row, and behind the newest; of a file with a hole, what its two ends tell."""
        if not self.days or self.last is None:
            return None, None
        (first, _row), last = next(iter(self.days.values())), self.last
        (first_of_old, last_of_old), (first_of_new, last_of_new) = (self.days[end(self.days)] for end in (min, max))
        down, up = (first, last), (last, first)
        sorted_ways = [down, up] if (self.onward or last[0].toordinal() - first[0].toordinal()) >= 0 else [up, down]
        mixed_ways = [(first_of_old, last_of_new), (last_of_old, first_of_new)]
        for oldest, newest in (*sorted_ways, *mixed_ways):
            if oldest[2] is not None and oldest[2] - oldest[1] + self.moved == newest[2]:
                return oldest[2] - oldest[1], newest[2]
        oldest, newest = sorted_ways[0]
        running = 2 * abs(self.onward) >= self.rows - 1 > 0 and oldest[0] <= newest[0]
        if not running or oldest[2] is None or newest[2] is None:
            return None, None
        return oldest[2] - oldest[1], newest[2]


def _lines(file: IO[bytes], shape: _Shape, told: Told, hint: Hint) -> Iterator[Line]:
    entry, left_out = 0, []
    seen = _Seen()
    for batch in _batches(file, shape):
        for row in _valued(batch, shape, hint).iter_rows(named=True):
            if row["booked_on"] is None and row["amount_minor"] is None and _bare(row):
                left_out.append(row["#line"])
                continue
            line = _line(row, entry + 1)
            _one_account(told, row, line)
            entry += 1
            seen.add((line.booked_on, line.amount_minor, row["balance_minor"]))
            told.opened_on = min(told.opened_on or line.booked_on, line.booked_on)
            told.closed_on = max(told.closed_on or line.booked_on, line.booked_on)
            yield line
    if left_out:
        told.said.append(
            _("Rows that tell no movement were left out: line %(lines)s.")
            % {"lines": ", ".join(str(number) for number in left_out[:10])}
        )
    told.opening_minor, told.closing_minor = seen.balances()


def _one_account(told: Told, row: dict[str, object], line: Line) -> None:
    own = account(str(row.get("account") or ""))
    told.account = told.account or own
    told.currency = told.currency or line.currency
    if own and own != told.account:
        raise UnableToRead(
            _("Line %(line)d is of another account, %(account)s: bring one file per account.")
            % {"line": row["#line"], "account": own}
        )


def _bare(row: dict[str, object]) -> bool:
    return not any(str(row.get(name) or "").strip() for name in ("#booked_on", "#amount", "#debit", "#credit"))


def _line(row: dict[str, object], entry: int) -> Line:
    booked_on, amount, currency = row["booked_on"], row["amount_minor"], row["currency"]
    where = _("Line %(number)d") % {"number": row["#line"]}
    if not isinstance(booked_on, date):
        raise UnableToRead(
            _("%(where)s: “%(value)s” is no date.") % {"where": where, "value": str(row.get("#booked_on") or "")[:40]}
        )
    if not isinstance(amount, int):
        told = next((str(row[name]) for name in ("#amount", "#debit", "#credit") if row.get(name)), "")
        raise UnableToRead(
            _("%(where)s: “%(value)s” is no amount in %(currency)s.")
            % {"where": where, "value": told[:40], "currency": currency}
        )
    value_on = row["value_on"]
    told_text = text(" ".join(str(row[name]) for name in ("text", "more") if row.get(name)))
    line = Line(
        entry=entry,
        booked_on=booked_on,
        value_on=value_on if isinstance(value_on, date) else booked_on,
        amount_minor=amount,
        currency=str(currency),
        text=told_text,
        payer=text(str(row.get("payer") or ""), 140),
        payer_iban=account(str(row.get("payer_iban") or "")),
    )
    for name in ("end_to_end_id", "mandate_id", "creditor_reference", "cheque_number", "bank_reference"):
        setattr(line, name, named(str(row.get(name) or ""), 35 if name == "cheque_number" else 70))
    _understood(line)
    return line


_CHEQUE = re.compile(r"\b(?:REM(?:ISE)?\.? ?(?:DE )?CH(?:E|È)?Q|CHEQUE|CHÈQUE|CHQ|CHECK DEPOSIT)", re.I)
_BILL = re.compile(r"\b(?:LCR|BOR|REM(?:ISE)? (?:D ?)?EFFETS?|TRAITE)\b", re.I)
_DEBIT = re.compile(r"\b(?:PRLV|PRELEVEMENTS?|PRÉLÈVEMENTS?|SDD|LASTSCHRIFT|DIRECT DEBIT)\b", re.I)
_TRANSFER = re.compile(r"\b(?:VIR(?:EMENT)?|TRANSFER|UEBERWEISUNG|ÜBERWEISUNG|GUTSCHRIFT|OVERBOEKING)\b", re.I)
_RETURN = re.compile(r"\b(?:IMPAY[EÉ]S?|REJET(?:E|É|S)?|RETOUR|RETOURN[EÉ]|RUECKLASTSCHRIFT|RETURNED|UNPAID)\b", re.I)


def _understood(line: Line) -> None:
    """A CSV has no codes: the bank's words tell how it was paid, and what came back."""
    for method, words in (("cheque", _CHEQUE), ("bill", _BILL), ("direct_debit", _DEBIT), ("transfer", _TRANSFER)):
        if words.search(line.text):
            line.method = method
            break
    if line.amount_minor < 0 and _RETURN.search(line.text):
        line.kind, line.return_reason = "return", text(line.text, 140)


def _valued(batch: pl.DataFrame, shape: _Shape, hint: Hint) -> pl.DataFrame:
    """The texts of a batch with their values beside them."""

    def own(name: str) -> bool:
        return name in shape.places

    currency = pl.lit(hint.currency)
    if own("currency"):
        currency = pl.col("currency").str.strip_chars().str.to_uppercase().replace("", None).fill_null(hint.currency)
    table = batch.with_columns(currency.alias("currency"))

    def minor(name: str) -> pl.Expr:
        return values.amount(name, decimal=shape.decimal, currency=pl.col("currency"))

    def given(name: str) -> pl.Expr:
        return pl.col(name).str.strip_chars() != ""

    if own("amount"):
        amount = minor("amount")
        if own("side"):
            side = pl.col("side").str.strip_chars().str.to_lowercase()
            amount = pl.when(side.is_in(_OUT)).then(-amount.abs()).when(side.is_in(_IN)).then(amount.abs())
    else:
        went, came = minor("debit"), minor("credit")
        # A readable nil on the other side is no second amount; both sides filled say nothing.
        amount = (
            pl.when(given("debit") & ~given("credit")).then(-went.abs())
            .when(given("credit") & ~given("debit")).then(came)
            .when((went == 0) | (came == 0)).then(came - went.abs())
        )  # fmt: skip
    day = values.day("booked_on", order=shape.order)
    value_day = values.day("value_on", order=shape.order) if own("value_on") else pl.lit(None, pl.Date)
    balance = minor("balance") if own("balance") else pl.lit(None, pl.Int64)
    told = [name for name in ("booked_on", "amount", "debit", "credit") if own(name)]
    return table.with_columns(
        *(pl.col(name).alias(f"#{name}") for name in told),
        amount.alias("amount_minor"),
        balance.alias("balance_minor"),
        value_day.alias("value_on"),
        day.alias("booked_on"),
    )


# -- rows ----------------------------------------------------------------------------------------------------------------


def _batches(file: IO[bytes], shape: _Shape) -> Iterator[pl.DataFrame]:
    """The rows behind the headings in batches, as texts under the names of their fields."""
    file.seek(0)
    rows: list[list[str]] = []
    lines: list[int] = []
    width = max(shape.places.values()) + 1
    wrapped = io.TextIOWrapper(file, encoding=shape.encoding, newline="")
    try:
        before = 0
        reader = csv.reader(wrapped, delimiter=shape.delimiter)
        for row in reader:
            number, before = before + 1, reader.line_num
            if number <= shape.line or not any(cell.strip() for cell in row):
                continue
            rows.append((row + [""] * width)[: max(width, len(row))])
            lines.append(number)
            if len(rows) == BATCH:
                yield _table(rows, lines, shape)
                rows, lines = [], []
        if rows:
            yield _table(rows, lines, shape)
    except UnicodeError as error:
        raise UnableToRead(_("The text of the file cannot be read: its encoding changes within it.")) from error
    except csv.Error as error:
        raise UnableToRead(_("The file is no table of rows: %(why)s.") % {"why": str(error).rstrip(".")}) from error
    finally:
        wrapped.detach()


def _table(rows: list[list[str]], lines: list[int], shape: _Shape) -> pl.DataFrame:
    cells = {name: [row[place].replace("\x00", "") for row in rows] for name, place in shape.places.items()}
    return pl.DataFrame({"#line": lines, **cells}, schema={"#line": pl.Int64, **dict.fromkeys(cells, pl.String)})


def _opened(head: bytes) -> str:
    """The first text of a file; a letter that the end of the head cuts in two is no sign of another encoding."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return head.decode("utf-16", errors="replace")
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return head.decode("utf-8-sig" if error.start > len(head) - 4 else "cp1252", errors="replace")


def _encoding(file: IO[bytes]) -> str:
    """UTF-8 where all of the file is, else the old table of Western Europe."""
    file.seek(0)
    if file.read(2) in {b"\xff\xfe", b"\xfe\xff"}:
        file.seek(0)
        return "utf-16"
    file.seek(0)
    wrapped = io.TextIOWrapper(file, encoding="utf-8")
    try:
        while wrapped.read(1 << 20):
            pass
        return "utf-8-sig"
    except UnicodeError:
        return "cp1252"
    finally:
        wrapped.detach()
        file.seek(0)
