"""Expected money by week with its band, from open amounts and habits; and the plain reference beside it. Free of Django.

In: what is open, each with its part, day and amount, and the rows of the past. Out: sums by currency and week.
Never: a sum over two currencies; a band narrower than the house's own past errors were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from amiable.insight.forecast.habits import PARTS, Floats, Habits, Ints, learn, money_share, waiting

Z = 1.2815515655446004  # of a band that holds four times out of five
TOGETHER = 0.5  # how much the invoices of one customer come together
HOUSE_SHOCK = 0.10  # what a whole week may be off by where nothing is known of past errors
LEAST = 20  # payments that must have been seen before anything is said
LANDMARKS, SAMPLE = 12, 100_000  # weeks looked back at for the band; rows of the past used for it
MEAN_WEIGHT = 5.0  # the reference: a customer's mean delay, drawn towards everybody's by so many invoices


@dataclass(frozen=True)
class Spread:
    """How far sums are off: `shock` of the whole in one direction, and how much wider than chance alone says."""

    shock: float = HOUSE_SHOCK
    wider: float = 1.0
    measured: int = 0  # past weeks that told it


@dataclass(frozen=True)
class Weeks:
    """Sums of one currency: one line per week, in minor units, not rounded. `upto`: of all weeks until then."""

    middle: Floats
    parts: dict[str, Floats]
    variance: Floats
    skew: Floats
    most: float
    upto_variance: Floats
    upto_skew: Floats


def chances(habits: Habits, open_: pl.DataFrame, *, as_of: date, weeks: int) -> Floats:
    """The chance that each open row is paid in each of the coming weeks."""
    ages = (pl.lit(as_of) - pl.col("day")).dt.total_days()
    age = open_.select(ages.alias("age"))["age"].to_numpy().astype(np.int64)
    ahead = 7 * np.arange(1, weeks + 1)
    stays = waiting(habits, open_.select("part", "customer", "group"), ages=age, ahead=ahead)
    paid = np.diff(1 - stays, axis=1, prepend=0.0)
    part = open_["part"].to_numpy()
    for name in PARTS:
        mine = part == name
        for week in range(weeks) if mine.any() else ():
            paid[mine, week] *= money_share(habits, name, age[mine] + 7 * week + 4)
    return np.asarray(paid)


def summed(open_: pl.DataFrame, paid: Floats) -> Weeks:
    """The sums of rows of one currency."""
    minor = open_["minor"].to_numpy().astype(float)
    part = open_["part"].to_numpy()
    middle = minor @ paid
    customer = open_["customer"].rank("dense").to_numpy().astype(np.int64) - 1
    upto = np.minimum(np.cumsum(paid, axis=1), 1.0)
    return Weeks(
        middle,
        {name: minor[part == name] @ paid[part == name] for name in PARTS},
        *_moments(minor, paid, customer),
        float(minor.sum()),
        *_moments(minor, upto, customer),
    )


def _moments(minor: Floats, paid: Floats, customer: Ints) -> tuple[Floats, Floats]:
    """Variance and third moment of sums by column; invoices of one customer come partly together."""
    variance, third = [], []
    for column in paid.T:
        own = minor * np.sqrt(column * (1 - column))
        alone = float(own @ own)
        one = np.bincount(customer, weights=own)
        variance.append((1 - TOGETHER) * alone + TOGETHER * float(one @ one))
        third.append(float(minor**3 @ (column * (1 - column) * (1 - 2 * column))))
    return np.array(variance), np.array(third)


def band(middle: Floats, variance: Floats, skew: Floats, most: float, spread: Spread) -> tuple[Floats, Floats]:
    """Where four of five outcomes lie, between nothing and everything."""
    wide = np.sqrt(variance + (spread.shock * middle) ** 2)
    lean = np.divide(skew, wide**3, out=np.zeros_like(wide), where=wide > 0)
    bend = np.clip((Z**2 - 1) / 6 * lean, -0.8, 0.8)  # Cornish and Fisher's correction for what is not symmetric
    low, high = middle - spread.wider * wide * (Z - bend), middle + spread.wider * wide * (Z + bend)
    return np.clip(np.minimum(low, middle), 0, most), np.clip(np.maximum(high, middle), 0, most)


Spreads = dict[str, tuple[Spread, Spread]]


def spreads(rows: pl.DataFrame, *, as_of: date, weeks: int) -> Spreads:
    """By currency: how far sums of a week, and of all weeks until one, were off on past days, each day seen with what was known
    by then."""
    some = _sample(rows)
    off: dict[str, tuple[list[tuple[Floats, ...]], list[tuple[Floats, ...]]]] = {}
    for back in range(1, LANDMARKS + 1):
        then, over = as_of - timedelta(days=7 * back), min(back, weeks)
        habits, open_ = learn(some, as_of=then), standing(some, as_of=then)
        if sum(habits.seen.values()) < LEAST or open_.is_empty():
            break
        paid = chances(habits, open_, as_of=then, weeks=over)
        for code in open_["currency"].unique():
            here = (open_["currency"] == code).to_numpy()
            told, came = summed(open_.filter(here), paid[here]), arrived(open_.filter(here), as_of=then, weeks=over)
            alone, together = off.setdefault(str(code), ([], []))
            alone.append((came - told.middle, told.variance, told.middle))
            together.append((np.cumsum(came - told.middle), told.upto_variance, np.cumsum(told.middle)))
    return {code: (_fit(alone), _fit(together)) for code, (alone, together) in off.items()}


def standing(rows: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """What of the rows was waiting at the end of a day."""
    return rows.filter(
        pl.col("since") <= as_of, pl.col("until").is_null() | (pl.col("until") > as_of), pl.col("minor") > 0
    )


def arrived(open_: pl.DataFrame, *, as_of: date, weeks: int) -> Floats:
    """What of the rows that were waiting came in each week after a day."""
    went = open_.filter("paid", pl.col("until").is_not_null()).with_columns(
        week=(pl.col("until") - pl.lit(as_of)).dt.total_days().sub(1) // 7, came=pl.col("minor") * pl.col("share")
    )
    went = went.filter(pl.col("week").is_between(0, weeks - 1))
    return _weekly(went["week"].to_numpy(), went["came"].to_numpy(), weeks)


def _sample(rows: pl.DataFrame) -> pl.DataFrame:
    """All rows, or those of some customers, always the same ones."""
    times = -(-rows.height // SAMPLE)
    return rows if times <= 1 else rows.filter(pl.col("customer").hash(7) % times == 0)


def _fit(off: Sequence[tuple[Floats, ...]]) -> Spread:
    if sum(len(error) for error, _, _ in off) < 8:
        return Spread()
    error, variance, middle = (np.concatenate([each[n] for each in off]) for n in range(3))
    there = middle > 0
    error, variance, middle = error[there], variance[there], middle[there]
    if len(error) < 8:
        return Spread()
    # What of the errors chance alone does not explain; a few weeks of one house are drawn towards the guess.
    shock2 = max(float((error**2 - variance).sum()), 0.0) / float((middle**2).sum())
    shock = float(np.sqrt((len(error) * shock2 + 8 * HOUSE_SHOCK**2) / (len(error) + 8)))
    far = np.sort(np.abs(error) / np.sqrt(variance + (shock * middle) ** 2))
    place = min(int(np.ceil(0.8 * (len(far) + 1))), len(far)) - 1
    return Spread(shock, float(np.clip(far[place] / Z, 0.7, 3.0)), len(error))


def plain(past: pl.DataFrame, bills: pl.DataFrame, *, as_of: date, weeks: int) -> Floats:
    """The reference: everything comes on its due date plus the customer's mean delay, or tomorrow when that has passed."""
    delays = past.filter(pl.col("until") <= as_of).with_columns(
        late=(pl.col("until") - pl.col("due_on")).dt.total_days()
    )
    house = delays["late"].mean()
    usual = float(house) if isinstance(house, float | int) else 0.0
    theirs = delays.group_by("customer").agg(
        delay=(pl.col("late").sum() + MEAN_WEIGHT * usual) / (pl.len() + MEAN_WEIGHT)
    )
    said = bills.join(theirs, on="customer", how="left", maintain_order="left").with_columns(
        pl.col("delay").fill_null(usual)
    )
    ahead = (said["due_on"] - as_of).dt.total_days().to_numpy() + np.round(said["delay"].to_numpy())
    week = (np.maximum(ahead, 1).astype(np.int64) - 1) // 7
    there = week < weeks
    return _weekly(week[there], said["minor"].to_numpy()[there], weeks)


def _weekly(week: Ints, minor: Floats, weeks: int) -> Floats:
    return np.bincount(week, weights=minor, minlength=weeks).astype(np.float64)
