"""The reckoning: what runs on late invoices, piece by piece and day by day. Whole tables in, whole tables out; no database.

In: invoices, what moved on them, days that do not count, terms (choice and rate by day). Out: pieces with base, rate and days,
and what they come to. Never: interest on interest, a rounding before the end of a month, an amount that is not a whole number.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from amiable.law.late import DAYS_A_YEAR, PER_PERCENT
from amiable.ledger.choose import CLAIM, SHOW

Ints = NDArray[np.int64]
PER_YEAR = DAYS_A_YEAR * 100 * PER_PERCENT  # days × millionths: what a sum of base × rate × days is divided by
WHOLE = (1 << 62) - 1  # a day on which nothing of the invoice counts
NO_TERM = -1
INVOICES: dict[str, type[pl.DataType]] = {
    "invoice": pl.Int64, "key": pl.Int64, "due_on": pl.Date, "amount": pl.Int64,
}  # fmt: skip
MOVES: dict[str, type[pl.DataType]] = {"invoice": pl.Int64, "day": pl.Date, "paid": pl.Int64, "charged": pl.Int64}
STOPS: dict[str, type[pl.DataType]] = {
    "invoice": pl.Int64, "since": pl.Date, "until": pl.Date, "amount": pl.Int64,
}  # fmt: skip
WAIVERS: dict[str, type[pl.DataType]] = {
    "invoice": pl.Int64, "kind": pl.String, "since": pl.Date, "until": pl.Date,
}  # fmt: skip
TERMS: dict[str, type[pl.DataType]] = {
    "term": pl.Int64, "key": pl.Int64, "day": pl.Date, "interest": pl.String, "indemnity": pl.String,
    "millionths": pl.Int64, "charges_first": pl.Boolean, "grace_days": pl.Int64, "wait_days": pl.Int64,
}  # fmt: skip
SUMS: dict[str, type[pl.DataType]] = {"term": pl.Int64, "at_least": pl.Int64, "sum": pl.Int64}


@dataclass(frozen=True)
class Books:
    """What is reckoned with; the columns are named above. `moves`: what came in, and what was charged, by day."""

    invoices: pl.DataFrame
    moves: pl.DataFrame
    stops: pl.DataFrame
    waivers: pl.DataFrame
    terms: pl.DataFrame
    sums: pl.DataFrame  # of the indemnity, by the size of the debt


@dataclass(frozen=True)
class Reckoned:
    """`pieces`: invoice, day, days, principal, base, term, mode, millionths, month. `due`: what each month, and the
    indemnity, come to: invoice, kind, mode, period_on, ends_on, minor, closed. `left`: principal and charges still open."""

    pieces: pl.DataFrame
    due: pl.DataFrame
    left: pl.DataFrame


def reckon(books: Books, *, as_of: date) -> Reckoned:
    """What has run until the end of a day."""
    falls, left = _fold(books)
    pieces = _judged(books, _pieces(books, falls, as_of))
    pieces = _in_earnest(books, pieces, left)
    due = pl.concat([_months(pieces, as_of), _indemnities(books, pieces, as_of)]).sort("invoice", "kind", "period_on")
    return Reckoned(pieces, due, left)


def _fold(books: Books) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was left of the principal after each day on which something moved, and at the end.

    The n-th days of all invoices are one step. On a day, money counts before charges; what is taken back returns to where it
    came from, in the opposite order; a charge that is corrected downwards frees what paid it for the principal.
    """
    rows = books.invoices.select("invoice", "key", "amount").with_row_index("place").cast({"place": pl.Int64})
    # Where no money came in, nothing of the principal moved: only what was charged is open besides.
    paying = books.moves.filter(pl.col("paid") != 0).select("invoice").unique()
    unpaid = books.moves.join(paying, on="invoice", how="anti").group_by("invoice").agg(pl.col("charged").sum())
    moves = books.moves.join(paying, on="invoice", how="semi")
    moves = moves.group_by("invoice", "day").agg(pl.col("paid", "charged").sum()).sort("invoice", "day")
    moves = moves.join(rows.select("invoice", "place", "key"), on="invoice", how="inner", maintain_order="left")
    moves = moves.with_columns(turn=pl.int_range(pl.len()).over("invoice")).sort("day")
    order = books.terms.select("key", "day", "charges_first").sort("day")
    moves = moves.join_asof(order, on="day", by="key", check_sortedness=False).sort("turn", "place")
    amount = rows["amount"].to_numpy()
    principal, charges, charged = amount.copy(), np.zeros_like(amount), np.zeros_like(amount)
    place, paid, posted = (moves[name].to_numpy() for name in ("place", "paid", "charged"))
    first = moves["charges_first"].fill_null(False).to_numpy()
    before, after = np.empty(len(place), dtype=np.int64), np.empty(len(place), dtype=np.int64)
    turns = moves["turn"].to_numpy()
    for begin, end in _runs(turns):
        at = place[begin:end]
        before[begin:end] = principal[at]
        to_principal = _share(paid[begin:end], first[begin:end], amount[at], principal[at], charges[at], charged[at])
        principal[at] -= to_principal
        charges[at] -= paid[begin:end] - to_principal
        charged[at] += posted[begin:end]
        charges[at] += posted[begin:end]
        moved = np.minimum(charges[at], 0) + np.minimum(np.maximum(-principal[at], 0), np.maximum(charges[at], 0))
        principal[at] += moved
        charges[at] -= moved
        after[begin:end] = principal[at]
    falls = moves.select("invoice", "day", principal=pl.Series(after)).filter(pl.Series(before != after))
    left = rows.select("invoice", principal=pl.Series(principal), charges=pl.Series(charges))
    left = left.join(unpaid, on="invoice", how="left", maintain_order="left")
    return falls, left.select("invoice", "principal", charges=pl.col("charges") + pl.col("charged").fill_null(0))


def _share(paid: Ints, first: NDArray[np.bool_], amount: Ints, principal: Ints, charges: Ints, charged: Ints) -> Ints:
    """How much of what came in (below zero: was taken back) falls to the principal."""
    came, back = np.maximum(paid, 0), np.maximum(-paid, 0)
    in_order = np.where(first, came - np.minimum(came, charges), np.minimum(came, np.maximum(principal, 0)))
    # Money beyond both can only be a passing state of a day's own order; it rests with the principal.
    room = np.where(first, 0, np.maximum(came - in_order - charges, 0))
    taken = np.where(
        first, np.minimum(back, np.maximum(amount - principal, 0)), back - np.minimum(back, charged - charges)
    )
    return np.asarray(in_order + room - taken, dtype=np.int64)


def _runs(turns: Ints) -> list[tuple[int, int]]:
    if not len(turns):
        return []
    ends = np.flatnonzero(np.diff(turns)) + 1
    return list(zip([0, *ends.tolist()], [*ends.tolist(), len(turns)], strict=True))


def _pieces(books: Books, falls: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The days from the first late one to `as_of`, cut wherever anything changes: money, choice, rate, month, stop, waiver."""
    began = books.terms.group_by("key").agg(first=pl.col("day").min())
    rows = books.invoices.join(began, on="key", how="inner").with_columns(
        start=pl.max_horizontal(pl.col("due_on").dt.offset_by("1d"), "first")
    )
    rows = rows.filter(pl.col("start") <= as_of)
    among = rows.select("invoice", "key", "start")
    before = date(1, 1, 1)
    cuts = [
        rows.select("invoice", day=pl.lit(before), principal="amount", term=pl.lit(NO_TERM, pl.Int64)),
        rows.select("invoice", day="start"),
        _month_starts(rows, as_of),
        falls.join(among.select("invoice"), on="invoice", how="semi").select("invoice", "day", "principal"),
        among.join(books.terms.select("key", "day", "term"), on="key").select("invoice", "day", "term"),
    ]
    for table in (books.stops, books.waivers):
        for edge in ("since", "until"):
            edges = table.select("invoice", day=pl.col(edge)).drop_nulls()
            cuts.append(edges.join(among, on="invoice", how="semi"))
    line = pl.concat(cuts, how="diagonal").filter(pl.col("day") <= as_of).sort("invoice", "day", maintain_order=True)
    line = line.with_columns(pl.col("principal", "term").forward_fill())
    same = pl.col("invoice").shift(-1) == pl.col("invoice")
    line = line.with_columns(
        next=pl.when(same).then(pl.col("day").shift(-1)).otherwise(pl.lit(as_of + timedelta(days=1)))
    )
    line = line.filter(pl.col("next") > pl.col("day"), pl.col("principal") > 0, pl.col("day") > before)
    line = line.join(rows.select("invoice", "key", "start", "due_on"), on="invoice", how="left", maintain_order="left")
    line = line.filter(pl.col("day") >= pl.col("start"))
    return line.with_columns(
        days=(pl.col("next") - pl.col("day")).dt.total_days(), month=pl.col("day").dt.month_end()
    ).drop("next", "start")


def _month_starts(rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    spread = rows.with_columns(month=pl.col("start").dt.month_start().dt.offset_by("1mo"))
    spread = spread.filter(pl.col("month") <= as_of)
    return spread.select("invoice", day=pl.date_ranges("month", pl.lit(as_of), "1mo")).explode(
        "day", empty_as_null=False
    )


def _judged(books: Books, pieces: pl.DataFrame) -> pl.DataFrame:
    """Each piece with what counts of it, and why nothing does: stopped, waived, no rate known, or the creditor's choice."""
    pieces = pieces.with_row_index("piece")
    held = _within(pieces, books.stops).group_by("piece").agg(held=pl.col("amount").fill_null(WHOLE).max())
    waived = _within(pieces, books.waivers)
    off = [
        waived.filter(pl.col("kind").is_in([kind, ""]))
        .select("piece")
        .unique()
        .with_columns(pl.lit(True).alias(f"off_{kind}"))
        for kind in ("interest", "indemnity")
    ]
    for more in (held, *off):
        pieces = pieces.join(more, on="piece", how="left", maintain_order="left")
    pieces = pieces.join(books.terms.drop("key", "day"), on="term", how="left", maintain_order="left")
    base = (pl.col("principal") - pl.col("held").fill_null(0)).clip(lower_bound=0)
    pieces = pieces.with_columns(base=base, off_indemnity=pl.col("off_indemnity").fill_null(False))
    asked = pl.col("interest").is_in([CLAIM, SHOW])
    mode = (
        pl.when(~asked).then(pl.col("interest"))
        .when(pl.col("base") == 0).then(pl.lit("stopped"))
        .when(pl.col("off_interest").fill_null(False)).then(pl.lit("waived"))
        .when(pl.col("millionths").is_null()).then(pl.lit("no_rate"))
        .otherwise(pl.col("interest"))
    )  # fmt: skip
    return pieces.with_columns(mode=mode)


def _within(pieces: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The pieces that lie in the days of these rows."""
    if table.is_empty():
        return pieces.select("piece", "invoice", "day").clear().join(table, on="invoice")
    both = pieces.select("piece", "invoice", "day").join(table, on="invoice")
    return both.filter(
        pl.col("since").is_null() | (pl.col("since") <= pl.col("day")),
        pl.col("until").is_null() | (pl.col("day") < pl.col("until")),
    )


def _in_earnest(books: Books, pieces: pl.DataFrame, left: pl.DataFrame) -> pl.DataFrame:
    """Only invoices that were still open when the days of grace were over; with the month's end known as closed or not."""
    last = (pl.col("day") + pl.duration(days=pl.col("days") - 1)).max().over("invoice")
    grace = pl.col("grace_days").first().over("invoice")
    pieces = pieces.filter(last > pl.col("due_on") + pl.duration(days=grace))
    paid = left.select("invoice", paid=pl.col("principal") <= 0)
    return pieces.join(paid, on="invoice", how="left", maintain_order="left").with_columns(
        wait=pl.col("wait_days").last().over("invoice")
    )


def _months(pieces: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """What each month comes to; rounded here, once, half up."""
    running = pieces.filter(pl.col("mode").is_in([CLAIM, SHOW]))
    ends = pl.col("day") + pl.duration(days="days")  # the day after the last one that counts
    sums = running.group_by("invoice", "mode", period_on="month").agg(
        product=(pl.col("base").cast(pl.Int128) * pl.col("millionths") * pl.col("days")).sum(),
        ends_on=ends.max(), paid=pl.col("paid").first(), wait=pl.col("wait").first(),
    )  # fmt: skip
    over = pl.col("period_on") + pl.duration(days=pl.col("wait")) < as_of
    return sums.select(
        "invoice", pl.lit("interest").alias("kind"), "mode", "period_on",
        # An entry counts from the end of its month, or from the day on which the principal was paid.
        ends_on=pl.min_horizontal("ends_on", "period_on"),
        minor=((pl.col("product") * 2 + PER_YEAR) // (2 * PER_YEAR)).cast(pl.Int64),
        closed=over | pl.col("paid"),
    )  # fmt: skip


def _indemnities(books: Books, pieces: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Once for each late invoice, by the choice of the first late day that counts."""
    first = pieces.filter(pl.col("base") > 0).unique("invoice", keep="first", maintain_order=True)
    first = first.filter(pl.col("indemnity").is_in([CLAIM, SHOW]), ~pl.col("off_indemnity"))
    first = _fresh(books, first)
    sums = books.sums.sort("at_least")
    first = first.sort("base").join_asof(
        sums, left_on="base", right_on="at_least", by="term", check_sortedness=False
    )  # fmt: skip
    first = first.filter(pl.col("sum") > 0)
    over = pl.col("day") + pl.duration(days=pl.max_horizontal("wait", "grace_days")) <= as_of
    return first.select(
        "invoice", pl.lit("indemnity").alias("kind"), mode="indemnity", period_on="due_on", ends_on="day", minor="sum",
        closed=over | pl.col("paid"),
    )  # fmt: skip


def _fresh(books: Books, first: pl.DataFrame) -> pl.DataFrame:
    """Without the invoices that were late before anything had been chosen: a choice is not sprung on old debts."""
    began = books.terms.group_by("key").agg(began=pl.col("day").min())
    return first.join(began, on="key", how="left", maintain_order="left").filter(
        pl.col("due_on") >= pl.col("began").dt.offset_by("-1d")
    )
