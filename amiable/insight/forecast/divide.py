"""What is waited for by which day: a due date, a promise, a plan, a debit, a dispute. Tables in, tables out, no database.

Every moment of an invoice belongs to one part: the newest word about it counts. Never: an amount expected twice; one expected of
what is sold or stopped, whatever else is said of it.
"""

from datetime import date

import polars as pl

OUT = "out"  # sold, or stopped by insolvency: not expected at all


def segments(invoices: pl.DataFrame, marks: pl.DataFrame) -> pl.DataFrame:
    """The life of each invoice cut where a word about it changed its day: `since`, `until`, and whether it was `paid` then.

    `part_minor`: what of the amount the word is about.
    """
    base = invoices.with_columns(
        part=pl.lit("due"), day=pl.col("due_on"), paid=pl.lit(True), minor=pl.col("amount"),
        part_minor=pl.lit(None, dtype=pl.Int64),
    )  # fmt: skip
    marked = base.join(marks, on="invoice", how="semi")
    if marked.is_empty():
        return base
    known = marked.drop("part", "day", "minor", "part_minor")
    words = (
        _standing_words(marks)
        .join(known, on="invoice", maintain_order="left")
        .with_columns(
            day=pl.col("day").fill_null(pl.col("due_on")), part_minor=pl.col("minor"), minor=pl.col("amount"),
            since=pl.max_horizontal("at", "since"),
        )
    )  # fmt: skip
    cut = (
        pl.concat([marked, words.select(marked.columns)])
        .sort("invoice", "since", maintain_order=True)
        .with_columns(next=pl.col("since").shift(-1).over("invoice"), settled=pl.col("until"))
        .filter(pl.col("next").is_null() | (pl.col("next") > pl.col("since")))
        .filter(pl.col("settled").is_null() | (pl.col("since") <= pl.col("settled")))
    )
    moved = pl.col("next").is_not_null() & (pl.col("settled").is_null() | (pl.col("next") <= pl.col("settled")))
    cut = cut.with_columns(until=pl.when(moved).then("next").otherwise("settled"), paid=~moved)
    return pl.concat([base.join(marks, on="invoice", how="anti"), cut.select(base.columns)])


def _standing_words(marks: pl.DataFrame) -> pl.DataFrame:
    """What counts from each mark on. A mark "end:" goes back to the due date where the very word that it ends (part and source)
    is what counts then; what is out stays so until nothing says so any more."""
    told, word = pl.col("part").str.strip_prefix("end:"), pl.col("newest")
    rows = (
        marks.with_row_index("row")
        .with_columns(over=pl.col("part").str.starts_with("end:"), part=told, out=told == OUT)
        .with_columns(
            outs=pl.when("out").then(pl.when("over").then(-1).otherwise(1)).otherwise(0).cum_sum().over("invoice"),
            newest=pl.when(~pl.col("over") & ~pl.col("out")).then("row").forward_fill().over("invoice"),
        )
        .with_columns(said=pl.col("part").gather(word), day=pl.col("day").gather(word), minor=pl.col("minor").gather(word),
                      ends=pl.col("over") & (pl.col("source") == pl.col("source").gather(word)))
        .with_columns(ends=(pl.col("ends") & (pl.col("part") == pl.col("said"))).fill_null(False).cast(pl.Int8))
        .with_columns(counts=pl.col("ends").cum_max().over("invoice", "newest") == 0)
    )  # fmt: skip
    counts = (pl.col("outs") == 0) & pl.col("counts") & word.is_not_null()
    rows = rows.select(
        "invoice", "at",
        part=pl.when(pl.col("outs") > 0).then(pl.lit(OUT)).when(counts).then("said").otherwise(pl.lit("due")),
        day=pl.when(counts).then("day"), minor=pl.when(counts).then("minor"),
    )  # fmt: skip
    changed = pl.col("part") != pl.col("part").shift(fill_value="due").over("invoice")
    for name in ("day", "minor"):
        changed |= pl.col(name).ne_missing(pl.col(name).shift(1).over("invoice"))
    return rows.filter(changed)


def instalments(told: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
    """The payments of plans as rows; `left` of each, what came in for the plan having filled the oldest first."""
    came = (-pl.col("moved").fill_null(0) - pl.col("before")).clip(0)
    settled = pl.col("settled").is_not_null() & (pl.col("over").is_null() | (pl.col("settled") <= pl.col("over")))
    return told.join(moved, on="plan", how="left").with_columns(
        part=pl.lit("plan"),
        until=pl.when(settled).then("settled").otherwise("over"),
        paid=settled,
        share=pl.lit(1.0),
        left=(pl.col("upto") - pl.max_horizontal(came, pl.col("upto") - pl.col("minor"))).clip(0),
    )


def standing(open_: pl.DataFrame, split: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """The open invoices with the part in which each stands on a day."""
    now = split.filter(pl.col("since") <= as_of, pl.col("until").is_null() | (pl.col("until") > as_of))
    return open_.join(now.select("invoice", "part", "day", "part_minor"), on="invoice")


def net(open_: pl.DataFrame, credits: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The open invoices less what the customer has paid already, the oldest due first; and how much that was, by currency."""
    rows = open_.sort("due_on", "invoice").join(credits, on=["customer", "currency"], how="left")
    whose = ["customer", "currency"]
    before = pl.col("open").cum_sum().over(whose) - pl.col("open")
    taken = (pl.col("credit").fill_null(0) - before).clip(0)
    rows = rows.with_columns(taken=pl.min_horizontal(taken, "open"))
    netted = sums(rows.filter(pl.col("taken") > 0), "taken")
    return rows.with_columns(minor=pl.col("open") - pl.col("taken")).filter(pl.col("minor") > 0).drop(
        "credit", "taken"
    ), netted


def by_part(bills: pl.DataFrame, plans: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """What is expected, with the day from which each part is counted: invoices, what of them a word is about apart from the
    rest, and the payments of plans in the place of the invoices that they are for."""
    about = pl.min_horizontal(pl.col("part_minor").fill_null(pl.col("minor")), "minor")
    mine = bills.filter(pl.col("part") != "plan").with_columns(about=about)
    rest = mine.filter(pl.col("about") < pl.col("minor")).with_columns(
        minor=pl.col("minor") - pl.col("about"), part=pl.lit("due"), day=pl.col("due_on")
    )
    columns = ["part", "customer", "group", "day", "currency", "minor", "due_on", "invoice"]
    whose = ["customer", "currency"]
    planned = bills.filter(pl.col("part") == "plan").group_by(whose).agg(whole=pl.col("minor").sum())
    running = plans.filter(pl.col("until").is_null() | (pl.col("until") > as_of), pl.col("left") > 0)
    running = running.join(planned, on=whose).sort("day")
    before = pl.col("left").cum_sum().over(whose) - pl.col("left")
    running = running.with_columns(
        minor=pl.min_horizontal("left", (pl.col("whole") - before).clip(0)), due_on=pl.col("day")
    )
    found = [mine.with_columns(minor=pl.col("about")), rest, running]
    return pl.concat([each.select(columns) for each in found]).filter(pl.col("minor") > 0)


def sums(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(rows.group_by("currency").agg(pl.col(column).sum()).sort("currency").iter_rows())
